import { RestorePointError } from '../../core/errors.ts';
import type { BackedUpTable, Manifest, RowPage } from '../../core/manifest.ts';
import { formatTableName } from '../../core/names.ts';
import type { PayloadSource } from '../../core/payload.ts';
import type { Unproven } from '../../core/unproven.ts';
import type { PayloadRows, WorkOptions } from '../engine.ts';
import type { CatalogTable } from './catalog.ts';
import type { Connection } from './connection.ts';
import { countStoredRows } from './counts.ts';
import { describeFailure, isSqliteError } from './errors.ts';
import { quote, quoteTable } from './identifiers.ts';
import { openUntrusted, PayloadDatabase } from './payloadDatabase.ts';
import { backupAlias, backupOrder } from './rowComparison.ts';
import { findAllUnproven, missingIn, nameMissing } from './unproven.ts';

/**
 * From so many tables on, all are looked at together first: to check one, SQLite goes through its whole schema, and ten
 * thousand take more than a hundred times as long one by one. Of fewer, it can be followed how far the check is.
 */
const manyTables = 1_000;

/** How many bytes of a BLOB are shown. */
const shownBytes = 64;

/** The rows of a SQLite backup. Its database is taken out into a temporary file when it is first needed. */
export class SqlitePayloadRows implements PayloadRows {
  readonly #manifest: Manifest;
  readonly #source: PayloadSource;
  readonly #options: WorkOptions;
  readonly unproven: Unproven[] = [];
  #opened: Promise<OpenPayload> | undefined;
  #allSound: boolean | undefined;

  constructor(source: PayloadSource, manifest: Manifest, options: WorkOptions) {
    this.#source = source;
    this.#manifest = manifest;
    this.#options = options;
  }

  async readRows(table: BackedUpTable, offset: number, limit: number): Promise<RowPage> {
    const { connection, payload } = await this.#open();
    try {
      const catalogTable = payload.table(table);
      const values = table.columns.map((column, index) => `${shownValue(column)} AS c${index}`);
      const rows = await connection.all<Record<string, string | number | null>>(
        `SELECT ${values.join(', ')} FROM ${quoteTable('main', catalogTable.name)} AS ${backupAlias} NOT INDEXED
         ${backupOrder(catalogTable)} LIMIT ? OFFSET ?`,
        [limit, offset],
      );
      return {
        columns: table.columns,
        rows: rows.map((row) => table.columns.map((_, index) => shownText(row[`c${index}`] ?? null))),
      };
    } catch (error) {
      throw damaged(await nameMissing(error, connection, [payload.table(table)]), table);
    }
  }

  async check(table: BackedUpTable, { signal }: WorkOptions): Promise<void> {
    const { connection, payload } = await this.#open();
    try {
      const { name } = payload.table(table);
      // No module is run on what came from anywhere, as a check of the whole database would do.
      this.#allSound ??=
        this.#manifest.tables.length >= manyTables &&
        payload.virtualTables.length === 0 &&
        (await isSound(connection, signal));
      if (!this.#allSound) await this.#checkTable(connection, payload.table(table), signal);
      const rows = await countStoredRows(connection, 'main', name, signal);
      if (rows === table.rows) return;
      throw new RestorePointError(
        'damaged-backup',
        `The backup holds ${rows} rows, and its manifest says ${table.rows}`,
      );
    } catch (error) {
      throw damaged(error, table);
    }
  }

  /** What needs something that only the application registers cannot be looked into. */
  async #checkTable(connection: Connection, table: CatalogTable, signal?: AbortSignal): Promise<void> {
    const missing = await findAllUnproven(connection, [table], signal);
    this.unproven.push(...missing);
    try {
      await checkPages(connection, table.name, signal);
    } catch (error) {
      if (missing.length === 0 || missingIn(error) === undefined) throw error;
    }
  }

  /** SQLite knows none. */
  checkLargeObjects(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined);
    if (!opened) return;
    this.#opened = undefined;
    await opened.connection.closeQuietly(this.#options.logger);
    await opened.payload.remove(this.#options);
  }

  #open(): Promise<OpenPayload> {
    this.#opened ??= openPayload(this.#source, this.#manifest, this.#options).catch((error: unknown) => {
      // The next call tries again: this one may have been cancelled.
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }
}

interface OpenPayload {
  readonly connection: Connection;
  readonly payload: PayloadDatabase;
}

async function openPayload(
  source: PayloadSource,
  manifest: Manifest,
  options: WorkOptions,
): Promise<OpenPayload> {
  const payload = await PayloadDatabase.extract(manifest, source, options);
  try {
    const connection = await openUntrusted(payload.file);
    await connection.all('PRAGMA ignore_check_constraints = ON');
    return { payload, connection };
  } catch (error) {
    await payload.remove(options);
    throw describeFailure(error, 'damaged-backup');
  }
}

/** Whether no table of the database is damaged. False also where a value is another than its column says. */
async function isSound(connection: Connection, signal?: AbortSignal): Promise<boolean> {
  try {
    const found = await connection.all<{ message: string }>(
      'SELECT quick_check AS message FROM temp.pragma_quick_check',
      [],
      signal,
    );
    return found.every(({ message }) => message === 'ok');
  } catch (error) {
    if (isSqliteError(error, 'SQLITE_CORRUPT') || missingIn(error) !== undefined) return false;
    throw error;
  }
}

/**
 * That a table's pages fit together and every record can be read. Indexes are not compared with their tables: a backup
 * copies them as they are, and a restore proves them or makes them anew. Nor are constraints: rows that broke one in the database break it in its backup.
 */
async function checkPages(connection: Connection, table: string, signal?: AbortSignal): Promise<void> {
  const found = await connection.all<{ message: string }>(
    'SELECT quick_check AS message FROM temp.pragma_quick_check(?)',
    [table],
    signal,
  );
  const damage = found.find(({ message }) => message !== 'ok' && !aboutValues.test(message));
  if (damage) {
    throw new RestorePointError('damaged-backup', `The database in the backup is damaged: ${damage.message}`);
  }
}

const aboutValues = /^(NULL|NUMERIC|TEXT|non-\w+) value in /;

/** What is selected for a column: integers as text, because the driver would round them; of a BLOB its beginning. */
function shownValue(column: string): string {
  const value = `${backupAlias}.${quote(column)}`;
  const blob =
    `'x''' || hex(substr(${value}, 1, ${shownBytes})) || CASE WHEN length(${value}) > ${shownBytes} ` +
    `THEN '…'' (' || length(${value}) || ' bytes)' ELSE '''' END`;
  return (
    `CASE typeof(${value}) WHEN 'integer' THEN CAST(${value} AS TEXT) WHEN 'blob' THEN ${blob} ` +
    `ELSE ${value} END`
  );
}

/** Only a REAL comes as a number. The shortest digits that mean it, and never those of an integer. */
function shownText(value: string | number | null): string | null {
  if (typeof value !== 'number') return value;
  if (Object.is(value, -0)) return '-0.0';
  return Number.isInteger(value) && !String(value).includes('e') ? `${value}.0` : String(value);
}

function damaged(error: unknown, { table }: BackedUpTable): RestorePointError {
  return describeFailure(error, 'damaged-backup', { table: formatTableName(table.name) });
}
