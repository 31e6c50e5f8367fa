import { cancelled } from '../../core/errors.ts';
import type { WorkOptions } from '../engine.ts';
import type { CatalogIndex, CatalogTable } from './catalog.ts';
import type { Connection } from './connection.ts';
import { countCells, countStoredRows } from './counts.ts';
import { type ProofOptions, provenIndexes } from './fileFormat/indexProof.ts';
import { DisorderedRows, PageFile, UnclearFile } from './fileFormat/pages.ts';
import { type InheritedReference, inheritedWarning } from './foreignKeys.ts';
import { quote, quoteTable } from './identifiers.ts';
import { missingIn } from './unproven.ts';
import { openUntrusted } from './untrusted.ts';

/** Pages that SQLite keeps while it looks up foreign keys, in KiB: they refer to rows all over their table. */
const referencesKibibytes = 24 * 1024;
/** The same for indexes, which it is seldom asked about. */
const indexesKibibytes = 8 * 1024;

const entryAlias = 'index_entry';
const rowAlias = 'table_row';

/** The indexes of a table that can be compared with it: their terms are stored columns, and every row has an entry. */
export function checkedIndexes({ type, rowidName, indexes, columns }: CatalogTable): CatalogIndex[] {
  if (type !== 'table' || rowidName === undefined) return [];
  const generated = new Set(columns.flatMap((column) => (column.generated ? [column.name] : [])));
  return indexes.filter(
    ({ partial, terms }) =>
      !partial && terms.every(({ column }) => column !== undefined && !generated.has(column)),
  );
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

/** What the checks read, as long as they do. */
interface OpenedDatabase {
  readonly connection: Connection;
  /** Undefined where only SQLite can read the file. */
  readonly pages: PageFile | undefined;
  readonly roots: ReadonlyMap<string, number>;
}

/**
 * Checks the database of a backup while a connection copies its rows: SQLite's transfer takes the entries of indexes over
 * unread, and an index that was out of step in the database that was backed up must not be so in the one that is restored.
 */
export class PayloadChecks {
  readonly #file: string;
  readonly #asItIs: boolean;
  readonly #options: WorkOptions;
  readonly #end = new AbortController();
  readonly #findings = new Map<string, Promise<IndexFindings>>();
  readonly #referencesAsked = new Set<string>();
  #references: Promise<unknown> = Promise.resolve();
  #opening: Promise<OpenedDatabase> | undefined;
  /** Beside the copying, which takes longest, two cores are enough for one thing after the other. */
  #queue: Promise<unknown> = Promise.resolve();

  /**
   * `asItIs`: the file itself is what is restored; entries of indexes have to be in order too, and nothing else works
   * meanwhile.
   */
  constructor(file: string, { asItIs = false }: { readonly asItIs?: boolean }, options: WorkOptions) {
    this.#file = file;
    this.#asItIs = asItIs;
    const signals = options.signal ? [options.signal, this.#end.signal] : [this.#end.signal];
    this.#options = { ...options, signal: AbortSignal.any(signals) };
  }

  /** Has foreign keys looked up, those that were not yet: what dangles is told as a warning. */
  checkReferences(references: readonly InheritedReference[]): void {
    const wanted = references.filter(({ sql }) => !this.#referencesAsked.has(sql));
    for (const { sql } of wanted) this.#referencesAsked.add(sql);
    const before = this.#asItIs ? this.#references : this.#queue;
    this.#references = quiet(before.then(() => checkReferences(this.#file, wanted, this.#options)));
    if (!this.#asItIs) this.#queue = this.#references;
  }

  /** Has the indexes of a table compared with it, after what was asked for before: see `findings`. */
  checkIndexes(table: CatalogTable): void {
    const findings = quiet(this.#queue.then(() => this.#checkIndexes(table)));
    this.#queue = findings;
    this.#findings.set(table.name, findings);
  }

  /** Resolves as soon as this is known of a table. */
  async findings(table: string): Promise<IndexFindings> {
    return (await this.#findings.get(table)) ?? { proven: new Set() };
  }

  /** Resolves when all is checked, and nothing holds the file any more. */
  async done(): Promise<void> {
    try {
      await Promise.all([this.#references, this.#queue]);
    } finally {
      await this.#release();
    }
  }

  /** Resolves when nothing holds the file any more. Never throws. */
  async close(): Promise<void> {
    this.#end.abort(cancelled());
    await this.done().catch(() => 'told by findings() or done()');
  }

  async #release(): Promise<void> {
    await Promise.allSettled([this.#references, this.#queue]);
    const opened = await this.#opening?.catch(() => undefined);
    this.#opening = undefined;
    try {
      await opened?.pages?.close();
    } finally {
      await opened?.connection.closeQuietly(this.#options.logger);
    }
  }

  async #open(): Promise<OpenedDatabase> {
    const connection = await openUntrusted(this.#file);
    try {
      await connection.all(`PRAGMA cache_size = ${-indexesKibibytes}`);
      const roots = await readRoots(connection, this.#options.signal);
      return { connection, roots, pages: await this.#readablePages() };
    } catch (error) {
      await connection.closeQuietly(this.#options.logger);
      throw error;
    }
  }

  /** Undefined where only SQLite can read the file. */
  async #readablePages(): Promise<PageFile | undefined> {
    try {
      return await PageFile.open(this.#file);
    } catch (error) {
      if (error instanceof UnclearFile) return undefined;
      throw error;
    }
  }

  async #checkIndexes(table: CatalogTable): Promise<IndexFindings> {
    const { signal, logger } = this.#options;
    const { connection, pages, roots } = await (this.#opening ??= this.#open());
    const indexes = checkedIndexes(table);
    const proven = await proveIndexes(pages, table, indexes, roots, { ordered: this.#asItIs, signal });
    if (!proven) return { proven: new Set(), disordered: true };
    if (proven.size < indexes.length) logger.debug(`SQLite compares indexes of ${table.name}`);
    const stale = await findStale(connection, table, proven, signal);
    return { proven, ...(stale ? { stale: stale.name } : {}) };
  }
}

/** Whoever asks for the outcome is told of a failure. */
function quiet<Result>(work: Promise<Result>): Promise<Result> {
  work.catch(() => 'told to whoever asks');
  return work;
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

/** The first page of each table and index of `main`, by name. */
export async function readRoots(connection: Connection, signal?: AbortSignal): Promise<Map<string, number>> {
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
  if (references.length === 0) return;
  const connection = await openUntrusted(file);
  try {
    await connection.all(`PRAGMA cache_size = ${-referencesKibibytes}`);
    for (const reference of references) {
      const dangling = await connection.get(reference.sql, [], signal).catch((error: unknown) => {
        const missing = missingIn(error);
        if (missing === undefined) throw error;
        const { child, parent } = reference;
        logger.warn(`The foreign key of ${child} to ${parent} was not checked: that needs ${missing}`);
        return undefined;
      });
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
  const rows = await countStoredRows(connection, 'main', table.name, signal);
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
  if (rows >= manyRows && !noneEqual)
    return (await countCells(connection, 'main', index.name, signal)) === rows;
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
