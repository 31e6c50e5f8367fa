import type { BackedUpTable } from '../../core/manifest.ts';
import type { Payload, PayloadSink } from '../../core/payload.ts';
import { type DatabaseSchema, dataColumns } from '../../core/schema.ts';
import type { ReadOptions, Snapshot, TableSelection, WorkOptions } from '../engine.ts';
import { databaseName } from './address.ts';
import type { Connection } from './connection.ts';
import { describeFailure, inWords } from './errors.ts';
import { introspect } from './introspect.ts';
import { PartialCopy } from './partialCopy.ts';
import { writePayload } from './payloadFile.ts';
import { TemporaryFolder } from './temporaryFolder.ts';
import { WholeCopy } from './wholeCopy.ts';

/** Opens one consistent read of a database file; `secretBytes`: see `TemporaryFolder.create`. See `Session.openSnapshot`. */
export async function openSnapshot(
  file: string,
  options: WorkOptions & { readonly whole: boolean; readonly secretBytes?: number },
): Promise<Snapshot & { readonly closed: boolean }> {
  const folder = await inWords('file', {}, () => TemporaryFolder.create(options.logger, options.secretBytes));
  try {
    const copyFile = await folder.createFile('database.sqlite');
    const copy = options.whole
      ? await WholeCopy.begin(file, copyFile, options)
      : await PartialCopy.begin(file, copyFile, options.signal);
    return await SqliteSnapshot.of(copy, folder, options);
  } catch (error) {
    await folder.remove(options.logger);
    throw describeFailure(error, 'database', { file: databaseName(file) });
  }
}

/** A file of its own that holds what was chosen, once it was taken. */
interface Copy {
  /** To the state that the snapshot shows. */
  readonly connection: Connection;
  readonly file: string;
  /** Resolves to how many rows of each table it holds. */
  take(
    selection: readonly TableSelection[],
    schema: DatabaseSchema,
    options: ReadOptions,
  ): Promise<readonly number[]>;
}

class SqliteSnapshot implements Snapshot {
  readonly schema: DatabaseSchema;
  closed = false;
  readonly #copy: Copy;
  readonly #folder: TemporaryFolder;
  readonly #options: WorkOptions;

  private constructor(schema: DatabaseSchema, copy: Copy, folder: TemporaryFolder, options: WorkOptions) {
    this.schema = schema;
    this.#copy = copy;
    this.#folder = folder;
    this.#options = options;
  }

  static async of(copy: Copy, folder: TemporaryFolder, options: WorkOptions): Promise<SqliteSnapshot> {
    try {
      const schema = await introspect(copy.connection, 'main', options.signal);
      return new SqliteSnapshot(schema, copy, folder, options);
    } catch (error) {
      await copy.connection.closeQuietly(options.logger);
      throw error;
    }
  }

  read(
    selection: readonly TableSelection[],
    sink: PayloadSink,
    options: ReadOptions,
  ): ReturnType<Snapshot['read']> {
    return inWords('database', {}, async () => {
      const rows = await this.#copy.take(selection, this.schema, options);
      const payload = await writePayload(this.#copy.file, sink, options);
      const opaque = selection.filter(({ table }) => table.opaque).map(({ table }) => table.name);
      const tables = describeTables(selection, rows, payload);
      return { tables, payloads: [payload], ...(opaque.length > 0 ? { opaque } : {}) };
    });
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.#copy.connection.closeQuietly(this.#options.logger);
    await this.#folder.remove(this.#options.logger);
  }
}

function describeTables(
  selection: readonly TableSelection[],
  rows: readonly number[],
  payload: Payload,
): BackedUpTable[] {
  return selection.flatMap(({ table, where }, index) =>
    table.opaque
      ? []
      : {
          table,
          ...(where === undefined ? {} : { where }),
          columns: dataColumns(table).map((column) => column.name),
          rows: rows[index] ?? 0,
          payload: payload.name,
        },
  );
}
