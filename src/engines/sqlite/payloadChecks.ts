import { cancelled } from '../../core/errors.ts';
import type { WorkOptions } from '../engine.ts';
import type { CatalogIndex, CatalogTable } from './catalog.ts';
import type { Connection } from './connection.ts';
import { countRows } from './counts.ts';
import { type ProofOptions, provenIndexes } from './fileFormat/indexProof.ts';
import { DisorderedRows, PageFile, UnclearFile } from './fileFormat/pages.ts';
import { type InheritedReference, inheritedWarning } from './foreignKeys.ts';
import { quote, quoteTable } from './identifiers.ts';
import { openUntrusted } from './payloadDatabase.ts';

/** Pages that SQLite keeps for the checks, in KiB: entries of an index refer to rows all over their table. */
const cacheKibibytes = 32 * 1024;

const entryAlias = 'index_entry';
const rowAlias = 'table_row';

/** The indexes of a table that can be compared with it: their terms are columns, and every row has an entry. */
export function checkedIndexes({ type, rowidName, indexes }: CatalogTable): CatalogIndex[] {
  if (type !== 'table' || rowidName === undefined) return [];
  return indexes.filter(
    ({ partial, terms }) => !partial && terms.every(({ column }) => column !== undefined),
  );
}

/** What is to be looked at in the database of a backup. */
export interface ToCheck {
  /** Tables whose indexes come along with the rows. */
  readonly tables: readonly CatalogTable[];
  readonly references: readonly InheritedReference[];
  /** The file itself is what is restored: entries of indexes have to be in order too, and nothing else works meanwhile. */
  readonly asItIs?: boolean;
}

/** What is known of the indexes of a table of the backup. */
export interface IndexFindings {
  /** The first one that is not in step with its table. */
  readonly stale?: string;
  /** Those that are, and have no equal entries if they are unique. */
  readonly proven: ReadonlySet<string>;
  /** Of a file that is taken as it is: the rows are not in their order. */
  readonly disordered?: boolean;
}

/**
 * Checks the database of a backup while a connection copies its rows: SQLite's transfer takes the entries of indexes over
 * unread, and an index that was out of step in the database that was backed up must not be so in the one that is restored.
 */
export class PayloadChecks {
  readonly #work: Promise<void>;
  readonly #end = new AbortController();
  readonly #tables = new Map<string, PromiseWithResolvers<IndexFindings>>();

  private constructor(file: string, what: ToCheck, options: WorkOptions) {
    for (const { name } of what.tables) this.#tables.set(name, Promise.withResolvers());
    const signals = options.signal ? [options.signal, this.#end.signal] : [this.#end.signal];
    this.#work = this.#checkAll(file, what, { ...options, signal: AbortSignal.any(signals) });
    this.#work.catch((error: unknown) => {
      for (const { promise, reject } of this.#tables.values()) {
        // Whoever asks for the outcome is told.
        promise.catch(() => undefined);
        reject(error);
      }
    });
  }

  static start(file: string, what: ToCheck, options: WorkOptions): PayloadChecks {
    return new PayloadChecks(file, what, options);
  }

  /** Resolves as soon as this is known of a table. */
  async findings(table: string): Promise<IndexFindings> {
    return (await this.#tables.get(table)?.promise) ?? { proven: new Set() };
  }

  /** Resolves when all is checked, and what it warns of is told. */
  async done(): Promise<void> {
    await this.#work;
  }

  /** Resolves when nothing holds the file any more. Never throws. */
  async close(): Promise<void> {
    this.#end.abort(cancelled());
    await this.#work.catch(() => 'told by findings() or done()');
  }

  async #checkAll(file: string, what: ToCheck, options: WorkOptions): Promise<void> {
    const { signal, logger } = options;
    const connection = await openUntrusted(file);
    try {
      await connection.all(`PRAGMA cache_size = ${-cacheKibibytes}`);
      const roots = await readRoots(connection, signal);
      const references = (): Promise<void> => checkReferences(file, what.references, options);
      // Beside the copying, which takes longest, two cores are enough for one after the other.
      const beside = what.asItIs ? references() : undefined;
      beside?.catch(() => 'told when it is waited for');
      await this.#checkIndexes(connection, file, what, roots, options).finally(() => beside);
      await (beside ?? references());
    } finally {
      await connection.closeQuietly(logger);
    }
  }

  async #checkIndexes(
    connection: Connection,
    file: string,
    { tables, asItIs = false }: ToCheck,
    roots: ReadonlyMap<string, number>,
    { signal, logger }: WorkOptions,
  ): Promise<void> {
    const pages = await openPages(file);
    try {
      for (const table of tables) {
        const indexes = checkedIndexes(table);
        const proven = await proveIndexes(pages, table, indexes, roots, { ordered: asItIs, signal });
        if (!proven) {
          this.#tables.get(table.name)?.resolve({ proven: new Set(), disordered: true });
          continue;
        }
        if (proven.size < indexes.length) logger.debug(`SQLite compares indexes of ${table.name}`);
        const stale = await findStale(connection, table, proven, signal);
        this.#tables.get(table.name)?.resolve({ proven, ...(stale ? { stale: stale.name } : {}) });
      }
    } finally {
      await pages?.close();
    }
  }
}

/** Undefined where rows have to be in order and are not sure to be. */
async function proveIndexes(
  pages: PageFile | undefined,
  table: CatalogTable,
  indexes: readonly CatalogIndex[],
  roots: ReadonlyMap<string, number>,
  options: ProofOptions,
): Promise<ReadonlySet<string> | undefined> {
  if (!pages) return options.ordered ? undefined : new Set();
  if (!options.ordered && indexes.length === 0) return new Set();
  try {
    return await provenIndexes(pages, table, indexes, roots, options);
  } catch (error) {
    if (error instanceof DisorderedRows) return undefined;
    throw error;
  }
}

/** Undefined where only SQLite can read the file. */
async function openPages(file: string): Promise<PageFile | undefined> {
  try {
    return await PageFile.open(file);
  } catch (error) {
    if (error instanceof UnclearFile) return undefined;
    throw error;
  }
}

async function readRoots(connection: Connection, signal?: AbortSignal): Promise<Map<string, number>> {
  const rows = await connection.all<{ name: string; root: number }>(
    'SELECT name, rootpage AS root FROM main.sqlite_schema WHERE rootpage > 0',
    [],
    signal,
  );
  return new Map(rows.map(({ name, root }) => [name, root]));
}

async function checkReferences(
  file: string,
  references: readonly InheritedReference[],
  { signal, logger }: WorkOptions,
): Promise<void> {
  const connection = await openUntrusted(file);
  try {
    await connection.all(`PRAGMA cache_size = ${-cacheKibibytes}`);
    for (const reference of references) {
      const dangling = await connection.get(reference.sql, [], signal);
      if (dangling !== undefined) logger.warn(inheritedWarning(reference));
    }
  } finally {
    await connection.closeQuietly(logger);
  }
}

async function findStale(
  connection: Connection,
  table: CatalogTable,
  proven: ReadonlySet<string>,
  signal?: AbortSignal,
): Promise<CatalogIndex | undefined> {
  for (const index of checkedIndexes(table)) {
    if (proven.has(index.name)) continue;
    if (!(await isInStep(connection, table, index, signal))) return index;
  }
  return undefined;
}

/**
 * For each row there is an entry with its very values. Further entries, and equal ones in a unique index, are for
 * `entriesFit` to find. False also where SQLite would not read the index itself for it.
 */
async function isInStep(
  connection: Connection,
  table: CatalogTable,
  index: CatalogIndex,
  signal?: AbortSignal,
): Promise<boolean> {
  if (table.rowidName === undefined) return false;
  const rowid = quote(table.rowidName);
  const from = quoteTable('main', table.name);
  const columns = index.terms.map(({ column }) => column ?? '');
  const key = columns.map(quote).join(', ');
  const entries = `${from} AS ${entryAlias} INDEXED BY ${quote(index.name)}`;
  const same = columns.map(
    (column) => `+${rowAlias}.${quote(column)} IS +${entryAlias}.${quote(column)} COLLATE BINARY`,
  );
  const matching = `SELECT count(*) AS n FROM (SELECT ${rowid} AS entry_rowid, ${key} FROM ${entries}) AS ${entryAlias}
    CROSS JOIN ${from} AS ${rowAlias} NOT INDEXED ON ${rowAlias}.${rowid} = ${entryAlias}.entry_rowid
    WHERE ${same.join(' AND ')}`;
  if (!(await readsIndex(connection, matching, index))) return false;
  const rows = await countRows(connection, 'main', table.name, signal);
  return (await connection.get<{ n: number }>(matching, [], signal))?.n === rows;
}

async function readsIndex(connection: Connection, sql: string, { name }: CatalogIndex): Promise<boolean> {
  const plan = await connection.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`);
  return plan.some(({ detail }) => detail.includes(`USING COVERING INDEX ${name}`));
}

/** From so many rows on, reading the heads of all pages of an index takes less time than finding it by its name. */
const manyRows = 50_000;

/**
 * Whether an index of `main` has one entry for each of so many rows and, with `noneEqual`, no two that are equal. It was
 * built by SQLite, so that equal ones stand together, whatever the order was in the index that they came from.
 */
export async function entriesFit(
  connection: Connection,
  { name }: CatalogTable,
  index: CatalogIndex,
  { rows, noneEqual }: { readonly rows: number; readonly noneEqual: boolean },
  signal?: AbortSignal,
): Promise<boolean> {
  if (rows >= manyRows && !noneEqual) return (await countCells(connection, index, signal)) === rows;
  // SQLite answers a plain count(*) from whatever index is the smallest.
  const from = `${quoteTable('main', name)} INDEXED BY ${quote(index.name)}`;
  const terms = index.terms.map((term) => ({ ...term, column: quote(term.column ?? '') }));
  const group = terms.map(({ column, collation }) => `${column} COLLATE ${quote(collation)}`).join(', ');
  const isKey = terms.map(({ column }) => `${column} IS NOT NULL`).join(' AND ');
  const sql = noneEqual
    ? `SELECT total(n) AS entries, max(n * is_key) AS most
       FROM (SELECT count(*) AS n, ${isKey} AS is_key FROM ${from} GROUP BY ${group})`
    : `SELECT total(1) AS entries, 1 AS most FROM ${from}`;
  if (!(await readsIndex(connection, sql, index))) return false;
  const found = await connection.get<{ entries: number; most: number | null }>(sql, [], signal);
  return found?.entries === rows && (found.most ?? 0) <= 1;
}

/** Each cell of the pages of an index is one entry, also those that lead to further pages. */
async function countCells(
  connection: Connection,
  { name }: CatalogIndex,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const sql = `SELECT ncell AS n FROM temp.dbstat WHERE schema = 'main' AND aggregate = TRUE AND name = ?`;
  return (await connection.get<{ n: number }>(sql, [name], signal))?.n;
}
