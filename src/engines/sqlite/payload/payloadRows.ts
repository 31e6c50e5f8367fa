import type { ArrangedRows, Arrangement, ArrangeOptions } from '../../../core/arrangement.ts';
import { RestorePointError } from '../../../core/errors.ts';
import type { BackedUpTable, Manifest } from '../../../core/manifest.ts';
import { formatTableName } from '../../../core/names.ts';
import type { PayloadSource } from '../../../core/payload.ts';
import type { Unproven } from '../../../core/unproven.ts';
import { queriedColumns, type Row, type RowQuery } from '../../../core/values.ts';
import type { PayloadRows, RowOptions, WorkOptions } from '../../engine.ts';
import type { Connection } from '../connect/connection.ts';
import { countStoredRows } from '../rows/counts.ts';
import { describeFailure } from '../connect/errors.ts';
import { PayloadDatabase } from './payloadDatabase.ts';
import { SoundTables } from '../rows/soundTables.ts';
import { SqliteArrangedRows } from './arrangedRows.ts';
import { readTypedRows } from '../rows/typedRows.ts';
import { findAllUnproven, nameMissing } from '../schema/unproven.ts';
import { openUntrusted } from './untrusted.ts';

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

  async *rows(
    table: BackedUpTable,
    query: RowQuery = {},
    { signal }: RowOptions = {},
  ): AsyncGenerator<readonly Row[]> {
    const columns = queriedColumns(query, table.columns);
    const { connection, payload } = await this.#open();
    try {
      const source = { schema: 'main', table: payload.table(table), columns };
      yield* readTypedRows(connection, source, query, signal);
    } catch (error) {
      throw damaged(await nameMissing(error, connection, [payload.table(table)]), table);
    }
  }

  async arrange(
    table: BackedUpTable,
    arrangement: Arrangement,
    options: ArrangeOptions,
  ): Promise<ArrangedRows> {
    const { connection, payload } = await this.#open();
    const inWords = async <Result>(work: () => Promise<Result>): Promise<Result> => {
      try {
        return await work();
      } catch (error) {
        throw damaged(await nameMissing(error, connection, [payload.table(table)]), table);
      }
    };
    const secret = this.#source.secret ?? false;
    const source = { table: payload.table(table), columns: table.columns, secret };
    const rows = await inWords(() => SqliteArrangedRows.arrange(connection, source, arrangement, options));
    return {
      count: rows.count,
      page: (query, reading) => inWords(() => rows.page(query, reading)),
      find: (search, reading) => inWords(() => rows.find(search, reading)),
      close: () => rows.close(),
    };
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
        `The backup contains ${rows} rows, but its manifest says ${table.rows}`,
      );
    } catch (error) {
      throw damaged(error, table);
    }
  }

  /** The database itself, which is removed when this is closed. */
  async payload(): Promise<PayloadDatabase> {
    return (await this.#open()).payload;
  }

  /** SQLite knows none. */
  checkExtras(): Promise<void> {
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
    return { payload, connection, sound: new SoundTables(connection) };
  } catch (error) {
    await payload.remove(options);
    throw describeFailure(error, 'damaged-backup');
  }
}

function damaged(error: unknown, { table }: BackedUpTable): RestorePointError {
  return describeFailure(error, 'damaged-backup', { table: formatTableName(table.name) });
}
