import { cancelled } from '../../core/errors.ts';
import type { WorkOptions } from '../engine.ts';
import type { CatalogIndex, CatalogTable } from './catalog.ts';
import type { Connection } from './connection.ts';
import { countRows } from './counts.ts';
import { type InheritedReference, inheritedWarning } from './foreignKeys.ts';
import { quote, quoteTable } from './identifiers.ts';
import { openUntrusted } from './payloadDatabase.ts';

/** Pages that the checks keep, in KiB: entries of an index refer to rows all over their table. */
const cacheKibibytes = 64 * 1024;

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
}

/**
 * Checks the database of a backup on a connection, and so on a thread, of its own while another one copies its rows:
 * SQLite's transfer takes the entries of indexes over unread, and an index that was out of step in the database that was
 * backed up must not be so in the one that is restored.
 */
export class PayloadChecks {
  readonly #work: Promise<void>;
  readonly #end = new AbortController();
  readonly #tables = new Map<string, PromiseWithResolvers<string | undefined>>();

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

  /** Resolves to the first index of a table that is not in step with it, as soon as this is known. */
  async staleIndex(table: string): Promise<string | undefined> {
    return this.#tables.get(table)?.promise;
  }

  /** Resolves when nothing holds the file any more. Never throws. */
  async close(): Promise<void> {
    this.#end.abort(cancelled());
    await this.#work.catch(() => 'told by staleIndex()');
  }

  async #checkAll(
    file: string,
    { tables, references }: ToCheck,
    { signal, logger }: WorkOptions,
  ): Promise<void> {
    const connection = await openUntrusted(file);
    try {
      await connection.all(`PRAGMA cache_size = ${-cacheKibibytes}`);
      // First, since a commit waits for the indexes.
      for (const reference of references) {
        const dangling = await connection.get(reference.sql, [], signal);
        if (dangling !== undefined) logger.warn(inheritedWarning(reference));
      }
      for (const table of tables) {
        const index = await findStale(connection, table, signal);
        this.#tables.get(table.name)?.resolve(index?.name);
      }
    } finally {
      await connection.closeQuietly(logger);
    }
  }
}

async function findStale(
  connection: Connection,
  table: CatalogTable,
  signal?: AbortSignal,
): Promise<CatalogIndex | undefined> {
  for (const index of checkedIndexes(table)) {
    if (!(await isInStep(connection, table, index, signal))) return index;
  }
  return undefined;
}

/**
 * For each row there is an entry with its very values, and those of a unique index differ. Further entries are for
 * `countEntries` to find. False also where SQLite would not read the index itself for it.
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
  if ((await connection.get<{ n: number }>(matching, [], signal))?.n !== rows) return false;
  if (!index.unique) return true;
  const collated = index.terms.map((term) => `${quote(term.column ?? '')} COLLATE ${quote(term.collation)}`);
  const twice = `SELECT 1 AS found FROM ${entries}
    WHERE ${columns.map((column) => `${quote(column)} IS NOT NULL`).join(' AND ')}
    GROUP BY ${collated.join(', ')} HAVING count(*) > 1 LIMIT 1`;
  if (!(await readsIndex(connection, twice, index))) return false;
  return (await connection.get(twice, [], signal)) === undefined;
}

async function readsIndex(connection: Connection, sql: string, { name }: CatalogIndex): Promise<boolean> {
  const plan = await connection.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`);
  return plan.some(({ detail }) => detail.includes(`USING COVERING INDEX ${name}`));
}

/** How many entries an index of `main` has. */
export async function countEntries(
  connection: Connection,
  table: CatalogTable,
  index: CatalogIndex,
  signal?: AbortSignal,
): Promise<number> {
  // SQLite answers a plain count(*) from whatever index is the smallest.
  const sql = `SELECT total(1) AS n FROM ${quoteTable('main', table.name)} INDEXED BY ${quote(index.name)}`;
  return (await connection.get<{ n: number }>(sql, [], signal))?.n ?? 0;
}
