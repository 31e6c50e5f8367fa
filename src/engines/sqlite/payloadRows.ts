import { RestorePointError } from '../../core/errors.ts';
import type { BackedUpTable, Manifest, RowPage } from '../../core/manifest.ts';
import { formatTableName } from '../../core/names.ts';
import type { PayloadSource } from '../../core/payload.ts';
import type { Unproven } from '../../core/unproven.ts';
import type { PayloadRows, WorkOptions } from '../engine.ts';

import type { Connection } from './connection.ts';
import { countStoredRows } from './counts.ts';
import { describeFailure } from './errors.ts';
import { quote, quoteTable } from './identifiers.ts';
import { PayloadDatabase } from './payloadDatabase.ts';
import { backupAlias, backupOrder } from './rowComparison.ts';
import { SoundTables } from './soundTables.ts';
import { findAllUnproven, nameMissing } from './unproven.ts';
import { openUntrusted } from './untrusted.ts';

/** How many bytes of a BLOB are shown, and characters of a text. */
const shownBytes = 64;
const shownCharacters = 256 * 1024;

/** Of a larger value, in bytes, only the size is shown: SQLite reads a value as a whole. */
const largestShown = 8 * 1024 * 1024;

/** The rows of a SQLite backup. Its database is taken out into a temporary file when it is first needed. */
export class SqlitePayloadRows implements PayloadRows {
  readonly #manifest: Manifest;
  readonly #source: PayloadSource;
  readonly #options: WorkOptions;
  readonly unproven: Unproven[] = [];
  #opened: Promise<OpenPayload> | undefined;

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
    const { connection, payload, sound } = await this.#open();
    try {
      const { name } = payload.table(table);
      this.unproven.push(...(await findAllUnproven(connection, [payload.table(table)], signal)));
      await sound.check(name, signal);
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
  readonly sound: SoundTables;
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
    return { payload, connection, sound: new SoundTables(connection, manifest.tables.length) };
  } catch (error) {
    await payload.remove(options);
    throw describeFailure(error, 'damaged-backup');
  }
}

/**
 * What is selected for a column: integers as text, because the driver would round them; of BLOBs and long texts the beginning.
 * SQLite tells types and sizes without reading a value.
 */
function shownValue(column: string): string {
  const value = `${backupAlias}.${quote(column)}`;
  const bytes = `octet_length(${value})`;
  const isText = `typeof(${value}) = 'text'`;
  const blob =
    `'x''' || hex(substr(${value}, 1, ${shownBytes})) || CASE WHEN length(${value}) > ${shownBytes} ` +
    `THEN '…'' (' || length(${value}) || ' bytes)' ELSE '''' END`;
  const text = `CASE WHEN ${bytes} > ${shownCharacters} THEN substr(${value}, 1, ${shownCharacters}) || '… (' || ${bytes} || ' bytes)' ELSE ${value} END`;
  return (
    `CASE WHEN ${bytes} > ${largestShown} THEN CASE WHEN ${isText} THEN '… (' ELSE 'x''…'' (' END || ${bytes} || ' bytes)' ` +
    `ELSE CASE typeof(${value}) WHEN 'integer' THEN CAST(${value} AS TEXT) WHEN 'blob' THEN ${blob} ` +
    `WHEN 'text' THEN ${text} ELSE ${value} END END`
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
