import { dirname } from 'node:path';
import { RestorePointError } from '../../core/errors.ts';
import type { BackedUpTable, Manifest } from '../../core/manifest.ts';
import { formatTableName } from '../../core/names.ts';
import { removeFile } from '../../core/ownFiles.ts';
import type { Payload, PayloadSource } from '../../core/payload.ts';
import type { WorkOptions } from '../engine.ts';
import {
  type CatalogTable,
  dataColumnNames,
  findTable,
  readCatalog,
  type VirtualTable,
  virtualTables,
} from './catalog.ts';
import { Connection } from './connection.ts';
import { convertCopy } from './convertedCopy.ts';
import { describeFailure } from './errors.ts';
import { extractPayload } from './payloadFile.ts';
import { convertSchemaOrder, readSchemaOrder } from './schemaOrder.ts';
import { TemporaryFolder } from './temporaryFolder.ts';
import { textConverter } from './textEncoding.ts';

/** What a new database takes over from the one that was backed up. */
export interface DatabaseSettings {
  readonly encoding: string;
  readonly pageSize: number;
  readonly autoVacuum: number;
  readonly userVersion: number;
  readonly applicationId: number;
}

/** The database of a backup, as a temporary file. It may come from anywhere: nothing in it is trusted. */
export class PayloadDatabase {
  readonly settings: DatabaseSettings;
  readonly tables: readonly CatalogTable[];
  readonly virtualTables: readonly VirtualTable[];
  readonly #folder: TemporaryFolder;
  #file: string;
  #order: readonly string[];

  private constructor(
    file: string,
    settings: DatabaseSettings,
    order: readonly string[],
    tables: readonly CatalogTable[],
    folder: TemporaryFolder,
  ) {
    this.#file = file;
    this.settings = settings;
    this.#order = order;
    this.virtualTables = virtualTables(tables);
    this.tables = tables;
    this.#folder = folder;
  }

  /** Throws `damaged-backup`, `file`, `cancelled`. */
  static async extract(
    manifest: Manifest,
    source: PayloadSource,
    options: WorkOptions,
  ): Promise<PayloadDatabase> {
    const payload = onlyPayload(manifest);
    const size = payload.chunks.reduce((sum, { bytes }) => sum + bytes, 0);
    const folder = await TemporaryFolder.create(options.logger, source.secret ? size : undefined).catch(
      (error: unknown) => {
        throw describeFailure(error, 'file');
      },
    );
    try {
      const file = await folder.createFile('database.sqlite');
      const room = { folder: dirname(folder.path), remedy: 'let TMPDIR name another folder' };
      await extractPayload(payload, source, { file, ...room }, options);
      return await PayloadDatabase.#inspect(file, folder, options.signal);
    } catch (error) {
      await folder.remove(options.logger);
      throw describeFailure(error, 'damaged-backup', { entry: payload.name });
    }
  }

  static async #inspect(
    file: string,
    folder: TemporaryFolder,
    signal?: AbortSignal,
  ): Promise<PayloadDatabase> {
    const connection = await openUntrusted(file);
    try {
      const settings = await readSettings(connection);
      const order = await readSchemaOrder(connection, 'main', signal);
      const tables = await readCatalog(connection, 'main', signal);
      return new PayloadDatabase(file, settings, order, tables, folder);
    } finally {
      await connection.close();
    }
  }

  /**
   * Leaves nothing but tables of rows and their indexes in the file, to be called before it is attached: a view that
   * names `main` could not be read there, and no module is run on what came from anywhere.
   */
  async disarm(): Promise<void> {
    const connection = await Connection.open(this.file, 'write');
    try {
      await distrust(connection);
      await connection.all('PRAGMA journal_mode = OFF');
      await connection.all('PRAGMA synchronous = OFF');
      await connection.all('PRAGMA writable_schema = ON');
      await connection.run(
        `DELETE FROM main.sqlite_schema WHERE (type IN ('table', 'index') AND rootpage > 0 AND (
           sql LIKE 'CREATE TABLE %' OR sql LIKE 'CREATE INDEX %' OR sql LIKE 'CREATE UNIQUE INDEX %'
           OR (sql IS NULL AND type = 'index'))) IS NOT TRUE`,
      );
    } catch (error) {
      throw describeFailure(error, 'damaged-backup');
    } finally {
      await connection.close();
    }
  }

  /** Its text becomes what a database of this encoding stores; to be called when it is disarmed. Throws `refused`. */
  async convert(
    encoding: string,
    refuses: (table: string) => boolean,
    { signal, logger }: WorkOptions,
  ): Promise<void> {
    const { encoding: from, pageSize } = this.settings;
    logger.info(`The text of the backup is converted from ${from} to ${encoding}`);
    const copyFile = await this.#folder.createFile('converted.sqlite');
    await convertCopy(this.#file, copyFile, { from, to: encoding, pageSize, refuses }, signal);
    await removeFile(this.#file);
    this.#file = copyFile;
    this.#order = convertSchemaOrder(this.#order, textConverter(from, encoding));
  }

  /** Another file in the same folder, which goes with it. Resolves to its path. */
  newFile(name: string): Promise<string> {
    return this.#folder.createFile(name);
  }

  get file(): string {
    return this.#file;
  }

  /** See `readSchemaOrder`. */
  get order(): readonly string[] {
    return this.#order;
  }

  /** The table of the payload that the manifest means. Throws `damaged-backup` when it is not as it says. */
  table({ table, columns }: BackedUpTable): CatalogTable {
    const name = formatTableName(table.name);
    const found = findTable(this.tables, table.name.name);
    // A view by that name would be computed by whatever the file says.
    if (!found || found.type === 'virtual') throw unlikeManifest(name, 'there is no such table');
    const held = dataColumnNames(found);
    if (held.length === columns.length && held.every((column, index) => column === columns[index]))
      return found;
    throw unlikeManifest(name, `its columns are ${held.join(', ')}`);
  }

  /** Never throws. */
  async remove(options: WorkOptions): Promise<void> {
    await this.#folder.remove(options.logger);
  }
}

/** Opens a file for reading such that nothing in it is run with more than SQLite's own harmless functions. */
export async function openUntrusted(file: string): Promise<Connection> {
  const connection = await Connection.open(file, 'immutable');
  try {
    await distrust(connection);
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

export async function distrust(connection: Connection): Promise<void> {
  await connection.all('PRAGMA trusted_schema = OFF');
  await connection.all('PRAGMA cell_size_check = ON');
}

export async function readSettings(connection: Connection): Promise<DatabaseSettings> {
  const settings = await connection.get<DatabaseSettings>(
    `SELECT encoding, page_size AS pageSize, auto_vacuum AS autoVacuum, user_version AS userVersion,
       application_id AS applicationId
     FROM temp.pragma_encoding, temp.pragma_page_size, temp.pragma_auto_vacuum, temp.pragma_user_version, temp.pragma_application_id`,
  );
  if (!settings) throw new Error('SQLite does not tell the settings of a database');
  return settings;
}

/** All tables of a SQLite backup lie in one database. */
export function onlyPayload({ payloads }: Manifest): Payload {
  const [payload, ...others] = payloads;
  if (payload && others.length === 0) return payload;
  throw new RestorePointError(
    'damaged-backup',
    `The backup holds ${payloads.length} databases instead of one`,
  );
}

function unlikeManifest(table: string, found: string): RestorePointError {
  return new RestorePointError(
    'damaged-backup',
    `The database in the backup is not as its manifest says: ${found}`,
    { place: { table } },
  );
}
