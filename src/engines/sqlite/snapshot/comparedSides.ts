import { RestorePointError } from '../../../core/errors.ts';
import type { ComparedTable } from '../../../core/differences.ts';
import type { BackedUpTable } from '../../../core/manifest.ts';
import { formatTableName, tableKey } from '../../../core/names.ts';
import type { Table } from '../../../core/schema.ts';
import type { ComparedSide, DatabaseSide, WorkOptions } from '../../engine.ts';
import { fileUri } from '../connect/address.ts';
import { Connection } from '../connect/connection.ts';
import { describeFailure } from '../connect/errors.ts';
import { foldName, quote, quoteText } from '../connect/identifiers.ts';
import { type AttachableFile, PayloadDatabase, readSettings } from '../payload/payloadDatabase.ts';
import { distrust } from '../payload/untrusted.ts';
import { type CatalogTable, findTable, readCatalog } from '../schema/catalog.ts';
import { SqliteSnapshot } from './snapshot.ts';

/** A table of one side; `schema` is what SQLite calls the database. */
interface FoundTable {
  readonly schema: string;
  readonly table: CatalogTable;
  readonly backup?: BackedUpTable;
}

/** Both sides of a comparison on one connection, which reads one state of each. */
export interface ComparedSides {
  readonly connection: Connection;
  /** Throws `database` where the table is not there, `damaged-backup` where it is not as the manifest says. */
  find(side: 'first' | 'second', table: ComparedTable): FoundTable;
  /** Never throws. */
  close(): Promise<void>;
}

/** For each of both databases, in KiB: a key finds rows anywhere. */
const cacheKibibytes = 32 * 1024;

interface OpenSide {
  readonly side: ComparedSide;
  readonly schema: string;
  readonly payload?: PayloadDatabase;
  readonly tables: readonly CatalogTable[];
}

interface OpenBackup {
  readonly payload: PayloadDatabase;
  readonly file: AttachableFile;
}

/** `compared`: the tables of both sides. Throws `damaged-backup`, `database`, `refused`, `cancelled`. */
export async function openSides(
  first: ComparedSide,
  second: ComparedSide,
  compared: readonly ComparedTable[],
  options: WorkOptions,
): Promise<ComparedSides> {
  const payloads = new Map<ComparedSide, PayloadDatabase>();
  const remove = async (): Promise<void> => {
    for (const payload of payloads.values()) await payload.remove(options);
  };
  const host = [first, second].find((side) => side.kind === 'database');
  let own: Connection | undefined;
  try {
    for (const side of new Set([first, second])) {
      if (side.kind !== 'backup') continue;
      const { manifest, source, madeHere: trusted = false } = side;
      payloads.set(side, await PayloadDatabase.extract(manifest, source, options, { trusted }));
    }
    const connection = host ? snapshotOf(host).connection : (own = await emptyLike(payloads.values()));
    await distrust(connection);
    const encoding = (await readSettings(connection)).encoding;
    const names = new Set(
      compared.flatMap((table) => [table.first, table.second].map(({ name }) => foldName(name.name))),
    );
    const backups = new Map<ComparedSide, OpenBackup>();
    for (const [side, payload] of payloads)
      backups.set(side, { payload, file: await attachable(payload, encoding, names, options) });
    const open = (side: ComparedSide): Promise<OpenSide> =>
      openSide(connection, side, side === host ? 'main' : nextSchema(), backups.get(side), options);
    const sides = { first: await open(first), second: await open(second) };
    if (host) snapshotOf(host).whenClosed(remove);
    const close = async (): Promise<void> => {
      if (!own) return;
      await own.closeQuietly(options.logger);
      await remove();
    };
    return { connection, find: (side, table) => findIn(sides[side], table[side]), close };
  } catch (error) {
    await own?.closeQuietly(options.logger);
    // What is attached to the connection of a snapshot may be in use until that is closed.
    if (host && payloads.size > 0) snapshotOf(host).whenClosed(remove);
    else await remove();
    throw describeFailure(error, host ? 'database' : 'damaged-backup');
  }
}

let schemas = 0;

/** What is attached stays so for the life of its connection. */
function nextSchema(): string {
  return `restore_point_side_${(schemas += 1)}`;
}

function snapshotOf({ snapshot }: DatabaseSide): SqliteSnapshot {
  if (snapshot instanceof SqliteSnapshot) return snapshot;
  throw new Error('This is not a snapshot of a SQLite database');
}

/** A database that holds nothing, to which those can be attached that store text as the first of these does. */
async function emptyLike(payloads: Iterable<PayloadDatabase>): Promise<Connection> {
  const connection = await Connection.openEmpty();
  const [first] = payloads;
  if (first) await connection.all(`PRAGMA encoding = ${quoteText(first.settings.encoding)}`);
  return connection;
}

/** Only text of the tables that are compared has to be converted. */
async function attachable(
  payload: PayloadDatabase,
  encoding: string,
  compared: ReadonlySet<string>,
  options: WorkOptions,
): Promise<AttachableFile> {
  try {
    return await payload.attachable(encoding, (table) => compared.has(foldName(table)), options);
  } catch (error) {
    if (!RestorePointError.is(error, 'refused')) throw error;
    const { place, cause } = error.details;
    const next = 'Exclude this table from the comparison.';
    throw new RestorePointError('refused', error.message, { ...(place ? { place } : {}), next, cause });
  }
}

async function openSide(
  connection: Connection,
  side: ComparedSide,
  schema: string,
  backup: OpenBackup | undefined,
  { signal }: WorkOptions,
): Promise<OpenSide> {
  if (schema !== 'main') {
    const uri = backup
      ? fileUri(backup.file.attachable, 'immutable')
      : fileUri(snapshotOf(side as DatabaseSide).source, 'read');
    await connection.run(`ATTACH ? AS ${quote(schema)}`, [uri], signal).catch(explainEncoding);
  }
  await connection.all(`PRAGMA ${quote(schema)}.cache_size = ${-cacheKibibytes}`);
  // From here on it shows one state.
  await connection.all(`SELECT count(*) AS n FROM ${quote(schema)}.sqlite_schema`, [], signal);
  const tables = backup?.payload.tables ?? (await readCatalog(connection, schema, signal));
  return { side, schema, tables, ...(backup ? { payload: backup.payload } : {}) };
}

function explainEncoding(error: unknown): never {
  if (!(error instanceof Error) || !error.message.includes('text encoding')) throw error;
  throw new RestorePointError('refused', 'The two databases store text in different encodings', {
    next: 'Back up one of them, and compare the backup with the other.',
    cause: error,
  });
}

function findIn({ side, schema, payload, tables }: OpenSide, wanted: Table): FoundTable {
  const place = { table: formatTableName(wanted.name) };
  if (side.kind === 'backup') {
    const key = tableKey(wanted.name);
    const backup = side.manifest.tables.find(({ table }) => tableKey(table.name) === key);
    if (!backup || !payload) throw new Error(`The backup has no table ${place.table}`);
    return { schema, table: payload.table(backup), backup };
  }
  const table = findTable(tables, wanted.name.name);
  if (table && table.type !== 'virtual') return { schema, table };
  throw new RestorePointError('database', 'The table was dropped after the comparison started', {
    place,
    next: 'Compare again.',
  });
}
