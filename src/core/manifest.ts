import type { EngineExtras } from './extras.ts';
import type { TableName } from './names.ts';
import type { Payload } from './payload.ts';
import type { RelatedReason } from './related.ts';
import type { LeftOut, SchemaObject, Sequence, Table } from './schema.ts';
import type { Unproven } from './unproven.ts';

/** The name of an engine in settings and manifests. The registry of engines lists them. */
export type EngineId = string;

export type Compression = 'zstd' | 'gzip' | 'none';

/** Describes a database, without a host, a user or a secret. */
export interface DatabaseInfo {
  readonly engine: EngineId;
  readonly serverVersion: string;
  /** The database's name; for a file its base name. */
  readonly database: string;
  /** A one-way hash that identifies this database. Absent if the engine has no way to identify one. */
  readonly identity?: string;
  /** The options that create a new database like it, in the engine's own words: its encoding and locale. */
  readonly madeWith?: Readonly<Record<string, string>>;
}

/** The part of a database that a backup can be limited to, and a restore too. */
export type BackupPart = 'schema' | 'data';

/** One table of a backup. */
export interface BackedUpTable {
  readonly table: Table;
  /** Only rows for which this condition held, as the user wrote it. */
  readonly where?: string;
  /** Only rows that are related to those of other tables in the backup; with `where`, in addition to the rows that match it. */
  readonly related?: readonly RelatedReason[];
  /** The columns in the payload, in its order (generated ones are not there). */
  readonly columns: readonly string[];
  readonly rows: number;
  /** The user excluded its rows from the backup, so `rows` is 0. */
  readonly rowsExcluded?: true;
  /** How many more it had in the damaged file that this backup was salvaged from. */
  readonly lostRows?: number;
  /** The digest of the payload's rows, independent of their order; absent if the engine compares in another way. */
  readonly digest?: string;
  /** The payload's name that holds the rows; several tables can share one. */
  readonly payload: string;
}

/** One table of rows that a restore wrote. */
export interface WrittenTable {
  readonly name: TableName;
  /** The columns of its rows. */
  readonly columns: readonly string[];
  /** Those of the key that identified them; absent where all values did. */
  readonly key?: readonly string[];
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

/** Rows that a restore of chosen rows wrote, with their values before and after. */
export interface WrittenRowsOfRestore {
  readonly payload: string;
  readonly tables: readonly WrittenTable[];
}

/** How many tables and rows a backup holds, of whatever kind it is. */
export function sizeOf({ tables, writtenRows }: Manifest): {
  readonly tables: number;
  readonly rows: number;
} {
  const counts = [
    ...tables.map(({ rows }) => rows),
    ...(writtenRows?.tables ?? []).map(({ inserted, updated, deleted }) => inserted + updated + deleted),
  ];
  return { tables: counts.length, rows: counts.reduce((sum, count) => sum + count, 0) };
}

/** Whether it contains all rows that the table had. */
export function holdsAllRows({ where, related, lostRows, rowsExcluded }: BackedUpTable): boolean {
  return where === undefined && related === undefined && lostRows === undefined && rowsExcluded === undefined;
}

/** The part of a backup that says what is in it. Specified in src/archive/FORMAT.md. */
export interface Manifest {
  readonly format: 'restore-point';
  readonly formatVersion: 1;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** The version of Restore Point. */
  readonly createdBy: string;
  readonly source: DatabaseInfo & {
    /** The id of the connection in the settings that it was taken from, if it was. */
    readonly connection?: string;
  };
  /** Why it was taken: by a user, or before a restore. */
  readonly purpose: 'backup' | 'safety';
  /** What its maker called it, in one line, and what there is to say about it. Anybody can have written them: see `visible`. */
  readonly name?: string;
  readonly note?: string;
  /** It contains the whole database, its schema and its rows, and not only a part. */
  readonly complete: boolean;
  /** It contains only the schema (all row counts are 0), or only rows. */
  readonly only?: BackupPart;
  /** `objects` is the whole schema of the database, although the backup has only the schema, or excludes rows. */
  readonly allObjects?: boolean;
  readonly compression: Compression;
  readonly tables: readonly BackedUpTable[];
  readonly objects: readonly SchemaObject[];
  readonly sequences: readonly Sequence[];
  readonly leftOut: readonly LeftOut[];
  /** The payload is the database file as it was, with the pages that were freed. */
  readonly asItIs?: true;
  /** The parts that could not be checked when the backup was taken; absent if there are none. */
  readonly unproven?: readonly Unproven[];
  /** Absent if there are none. In the file, they are properties of the manifest. */
  readonly extras?: EngineExtras;
  /** It holds no tables, but the rows that a restore wrote: restoring it takes these back. */
  readonly writtenRows?: WrittenRowsOfRestore;
  readonly payloads: readonly Payload[];
}

export interface TableSummary {
  readonly name: TableName;
  readonly rows: number | undefined;
  readonly bytes: number | undefined;
}
