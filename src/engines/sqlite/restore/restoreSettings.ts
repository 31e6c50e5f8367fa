import type { RestoreSource } from '../../engine.ts';
import { fileUri } from '../connect/address.ts';
import type { Connection } from '../connect/connection.ts';
import { quote, quoteText } from '../connect/identifiers.ts';
import { type AttachableFile, type PayloadDatabase, readSettings } from '../payload/payloadDatabase.ts';
import { backupSchema } from '../rows/rowComparison.ts';
import { distrust } from '../payload/untrusted.ts';

/**
 * The cache of the restoring connection, in KiB: changed pages that do not fit are written to the disk early, and each time the
 * rollback journal is synced before.
 */
const cacheKibibytes = 24 * 1024;

/** SQLite sorts the entries of an index in as much memory as its cache may take, once for each thread. */
const sortingKibibytes = 8 * 1024;

/** Lets SQLite keep pages in memory, and sort on two cores. */
export async function useCache(connection: Connection, kibibytes = cacheKibibytes): Promise<void> {
  await connection.all(`PRAGMA cache_size = ${-kibibytes}`);
  await connection.all('PRAGMA threads = 2');
}

/** Makes indexes, on a connection with `useCache`. */
export async function sorting(connection: Connection, work: () => Promise<unknown>): Promise<void> {
  await connection.all(`PRAGMA cache_size = ${-sortingKibibytes}`);
  await work();
  await connection.all(`PRAGMA cache_size = ${-cacheKibibytes}`);
}

/** Makes a connection one that restores. */
export async function configure(
  connection: Connection,
  { madeHere = false }: Pick<RestoreSource, 'madeHere'>,
): Promise<void> {
  await distrust(connection);
  // A file that this machine wrote, and that has just been checked, has intact pages.
  if (madeHere) await connection.all('PRAGMA cell_size_check = OFF');
  await useCache(connection);
  // The guard checks them when all tables are there, so that their order does not matter.
  await connection.all('PRAGMA foreign_keys = OFF');
}

/** A database that has no page yet takes on how the other one was stored. Resolves to how text is stored in it. */
export async function adoptSettings(
  connection: Connection,
  { settings }: PayloadDatabase,
  { manifest }: RestoreSource,
): Promise<string> {
  const pages = await connection.get<{ n: number }>(
    `SELECT page_count AS n FROM temp.pragma_page_count('main')`,
  );
  if (pages?.n !== 0) return (await readSettings(connection)).encoding;
  await connection.all(`PRAGMA main.page_size = ${settings.pageSize}`);
  await connection.all(`PRAGMA encoding = ${quoteText(settings.encoding)}`);
  if (manifest.complete) await connection.all(`PRAGMA main.auto_vacuum = ${settings.autoVacuum}`);
  return settings.encoding;
}

/** Makes the backup's database the schema `backupSchema` of the connection that restores. */
export async function attachPayload(connection: Connection, { attachable }: AttachableFile): Promise<void> {
  const schema = quote(backupSchema);
  // In a database that is opened read-only, SQLite ignores CHECK constraints, and transfers no rows to a table
  // that has some.
  await connection.run(`ATTACH ? AS ${schema}`, [fileUri(attachable, 'write')]);
  // A COMMIT over two databases with journals on the disk makes a further file beside the user's.
  await connection.all(`PRAGMA ${schema}.journal_mode = MEMORY`);
}
