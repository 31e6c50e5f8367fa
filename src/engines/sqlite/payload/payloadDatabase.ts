import { dirname } from 'node:path';
import { RestorePointError } from '../../../core/errors.ts';
import type { BackedUpTable, Manifest } from '../../../core/manifest.ts';
import { formatTableName } from '../../../core/names.ts';
import { removeFile } from '../../../core/ownFiles.ts';
import type { Payload, PayloadSource } from '../../../core/payload.ts';
import type { WorkOptions } from '../../engine.ts';
import {
  type CatalogTable,
  dataColumnNames,
  findTable,
  readCatalog,
  type VirtualTable,
  virtualTables,
} from '../schema/catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { convertCopy } from './convertedCopy.ts';
import { describeFailure, inWords } from '../connect/errors.ts';
import { checkCounters } from './payloadCounters.ts';
import { extractPayload } from './payloadFile.ts';
import { unlikeManifest } from './payloadSchemaCheck.ts';
import { readSchemaOrder } from '../schema/schemaOrder.ts';
import { SoundTables } from '../rows/soundTables.ts';
import { TemporaryFolder } from '../files/temporaryFolder.ts';
import { asItWas, disarmUntrusted, editSchema, openUntrusted } from './untrusted.ts';

/** The settings that a new database takes over from the one that was backed up. */
export interface DatabaseSettings {
  readonly encoding: string;
  readonly pageSize: number;
  readonly autoVacuum: number;
  readonly userVersion: number;
  readonly applicationId: number;
}

/** A file that any connection may attach; `PayloadDatabase.attachable` alone makes one. */
export interface AttachableFile {
  readonly attachable: string;
}

/** The database of a backup, as a temporary file. It may come from anywhere: nothing in it is trusted. */
export class PayloadDatabase {
  readonly settings: DatabaseSettings;
  readonly tables: readonly CatalogTable[];
  readonly virtualTables: readonly VirtualTable[];
  readonly #folder: TemporaryFolder;
  readonly #trusted: boolean;
  /** The database as it was extracted, until it is made attachable. */
  readonly file: string;
  /** See `readSchemaOrder`. */
  readonly order: readonly string[];

  private constructor(
    file: string,
    settings: DatabaseSettings,
    order: readonly string[],
    tables: readonly CatalogTable[],
    folder: TemporaryFolder,
    trusted: boolean,
  ) {
    this.file = file;
    this.#trusted = trusted;
    this.settings = settings;
    this.order = order;
    this.virtualTables = virtualTables(tables);
    this.tables = tables;
    this.#folder = folder;
  }

  /**
   * A database that this machine did not make (see `trusted`) must contain exactly what the manifest lists, and is disarmed immediately.
   * Throws `damaged-backup`, `file`, `cancelled`.
   */
  static async extract(
    manifest: Manifest,
    source: PayloadSource,
    options: WorkOptions,
    { trusted = false }: { readonly trusted?: boolean } = {},
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
      const room = { folder: dirname(folder.path), remedy: 'set TMPDIR to another folder' };
      await extractPayload(payload, source, { file, ...room }, options);
      return await PayloadDatabase.#inspect(file, folder, trusted ? undefined : manifest, options.signal);
    } catch (error) {
      await folder.remove(options.logger);
      throw describeFailure(error, 'damaged-backup', { entry: payload.name });
    }
  }

  /** `manifest`: what the file has to agree with, where it is not trusted. */
  static async #inspect(
    file: string,
    folder: TemporaryFolder,
    manifest: Manifest | undefined,
    signal?: AbortSignal,
  ): Promise<PayloadDatabase> {
    const untrusted = manifest && (await disarmUntrusted(file, manifest, signal));
    const connection = await openUntrusted(file);
    try {
      const settings = await readSettings(connection);
      const order = untrusted?.order ?? (await readSchemaOrder(connection, 'main', signal));
      const catalog = await readCatalog(connection, 'main', signal);
      const tables = untrusted ? asItWas(catalog, untrusted) : catalog;
      if (manifest) await checkCounters(connection, manifest, tables, signal);
      return new PayloadDatabase(file, settings, order, tables, folder, manifest === undefined);
    } finally {
      await connection.close();
    }
  }

  /**
   * Makes it a file that can be attached to a database which stores text in this encoding. Its pages are proven where another
   * machine may have made it; nothing but tables of rows and their indexes stays in it: a view that names `main` could not be
   * read there, and no module is run on what came from anywhere. Throws `damaged-backup`, `refused` for text that cannot be
   * converted in a table that `converts` names, `cancelled`.
   */
  async attachable(
    encoding: string,
    converts: (table: string) => boolean,
    options: WorkOptions,
  ): Promise<AttachableFile> {
    if (!this.#trusted) await this.#checkPages(options);
    await this.#disarm();
    const { encoding: from, pageSize } = this.settings;
    if (from === encoding) return { attachable: this.file };
    options.logger.info(`The text of the backup is converted from ${from} to ${encoding}`);
    const copyFile = await this.newFile('converted.sqlite');
    const conversion = { from, to: encoding, pageSize, refuses: converts };
    await convertCopy(this.file, copyFile, conversion, options.signal);
    await removeFile(this.file);
    return { attachable: copyFile };
  }

  /** That SQLite can read all of it in one go: see `SoundTables.check`. Throws `damaged-backup`. */
  async #checkPages({ signal, logger }: WorkOptions): Promise<void> {
    const connection = await openUntrusted(this.file);
    try {
      const sound = new SoundTables(connection);
      for (const { name, type } of this.tables) {
        if (type === 'virtual') continue;
        await inWords('damaged-backup', { table: name }, () => sound.check(name, signal));
      }
      await inWords('damaged-backup', {}, () => sound.checkSystemTables(signal));
    } finally {
      await connection.closeQuietly(logger);
    }
  }

  async #disarm(): Promise<void> {
    try {
      await editSchema(this.file, (connection) =>
        connection.run(
          `DELETE FROM main.sqlite_schema WHERE (type IN ('table', 'index') AND rootpage > 0 AND (
             sql LIKE 'CREATE TABLE %' OR sql LIKE 'CREATE INDEX %' OR sql LIKE 'CREATE UNIQUE INDEX %'
             OR (sql IS NULL AND type = 'index'))) IS NOT TRUE`,
        ),
      );
    } catch (error) {
      throw describeFailure(error, 'damaged-backup');
    }
  }

  /** Another file in the same folder, which goes with it. Resolves to its path. */
  newFile(name: string): Promise<string> {
    return this.#folder.createFile(name);
  }

  /** The table of the payload that the manifest means. Throws `damaged-backup` when it is not as it says. */
  table({ table, columns }: BackedUpTable): CatalogTable {
    const name = formatTableName(table.name);
    const found = findTable(this.tables, table.name.name);
    // A view by that name would be computed by whatever the file says.
    if (!found || found.type === 'virtual') throw unlikeManifest('there is no such table', name);
    const held = dataColumnNames(found);
    if (held.length === columns.length && held.every((column, index) => column === columns[index]))
      return found;
    throw unlikeManifest(`its columns are ${held.join(', ')}`, name);
  }

  /** Never throws. */
  async remove(options: WorkOptions): Promise<void> {
    await this.#folder.remove(options.logger);
  }
}

export async function readSettings(connection: Connection): Promise<DatabaseSettings> {
  const settings = await connection.get<DatabaseSettings>(
    `SELECT encoding, page_size AS pageSize, auto_vacuum AS autoVacuum, user_version AS userVersion,
       application_id AS applicationId
     FROM temp.pragma_encoding, temp.pragma_page_size, temp.pragma_auto_vacuum, temp.pragma_user_version, temp.pragma_application_id`,
  );
  if (!settings) throw new Error('SQLite does not return the settings of a database');
  return settings;
}

/** All tables of a SQLite backup lie in one database. */
export function onlyPayload({ payloads }: Manifest): Payload {
  const [payload, ...others] = payloads;
  if (payload && others.length === 0) return payload;
  throw new RestorePointError(
    'damaged-backup',
    `The backup contains ${payloads.length} databases instead of one`,
  );
}
