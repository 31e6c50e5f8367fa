import type { ArrangedRows, Arrangement, ArrangeOptions } from '../core/arrangement.ts';
import type { ConnectionForm } from '../core/connectionForm.ts';
import type { ChosenTable } from '../core/chosenRows.ts';
import type { DatabaseAddress } from '../core/connections.ts';
import type { ComparedTable, ComparisonPage } from '../core/differences.ts';
import type { RestorePointError } from '../core/errors.ts';
import type { EngineExtras } from '../core/extras.ts';
import type { ExtrasRules } from '../core/extrasRules.ts';
import type { Logger } from '../core/logger.ts';
import type { BackedUpTable, DatabaseInfo, EngineId, Manifest, TableSummary } from '../core/manifest.ts';
import type { ManifestRules } from '../core/manifestRules.ts';
import type { TableName } from '../core/names.ts';
import type { DamagedSource, Payload, PayloadSink, PayloadSource } from '../core/payload.ts';
import type { RestoreOutcome } from '../core/outcome.ts';
import type { RestorePlan, TableChange, TablePlan } from '../core/plan.ts';
import type { ReportProgress } from '../core/progress.ts';
import type { RelatedTables } from '../core/related.ts';
import type { Row, RowQuery, Value } from '../core/values.ts';
import type { DatabaseSchema, SchemaObject, Sequence, Table } from '../core/schema.ts';
import type { StatementRules } from '../core/statementRules.ts';
import type { Unproven } from '../core/unproven.ts';
import type { OpenedRows } from './rowRestore.ts';

/** Options of every long call: how to cancel it, and where to report its progress. */
export interface WorkOptions {
  readonly signal?: AbortSignal;
  readonly report?: ReportProgress;
  readonly logger: Logger;
}

/** Features that common code asks for, instead of asking which engine it is. */
export interface EngineFeatures {
  /** Tables are in schemas with names that users choose. */
  readonly schemas: boolean;
  /** Connecting with `create` creates a missing database. */
  readonly createsDatabase: boolean;
  /** It is a file on this machine. */
  readonly isFile: boolean;
  /**
   * A restore reads all rows of a backup and compares their checksums before it changes anything, so nobody has to check
   * them before it.
   */
  readonly readsBackupFirst?: boolean;
  /** A rollback also undoes objects that a restore created or altered. */
  readonly transactionalDdl: boolean;
}

/** Features of an open database. Some depend on the server. */
export interface SessionFeatures extends EngineFeatures {
  /** `Orders` and `orders` are the same name. */
  readonly caseInsensitiveNames: boolean;
}

/** The intact rows of a damaged backup. */
export interface SalvagedContent {
  /** With their new counts and digests; without tables that are completely lost. */
  readonly tables: readonly BackedUpTable[];
  readonly payloads: readonly Payload[];
  /** Absent if any of them is damaged. */
  readonly extras?: EngineExtras;
}

/** Writes rows as text that this kind of database reads back exactly. */
export interface RowText {
  /** A value in the form that the database's own CSV import reads; undefined for NULL. */
  readonly field: (value: Value) => string | undefined;
  /** The beginning of a file of INSERTs, with a line feed. */
  readonly head: string;
  /** The end of such a file, with a line feed. */
  readonly end: string;
  /**
   * An INSERT of these rows, with a line feed. Their values are in the order of the columns, none of which is
   * generated.
   */
  insert(table: Table, columns: readonly string[], rows: readonly Row[]): string;
}

/** A database that was created for a restore. */
export interface CreatedDatabase {
  readonly address: DatabaseAddress;
  /** The differences from the source, as sentences without a final period. */
  readonly warnings: readonly string[];
  /** Drops it with everything in it. Throws `database` if it may still exist. */
  drop(): Promise<void>;
}

/** The names of databases that this machine creates for a short time: one that is left can be told from a user's own. */
export interface ScratchNames {
  add(name: string): Promise<void>;
  has(name: string): Promise<boolean>;
}

export interface ScratchOptions extends WorkOptions {
  readonly password?: string;
  /** The new database is like this one, as far as possible. */
  readonly source: DatabaseInfo;
  /** The size of the rows, if they come from an encrypted backup. */
  readonly secretBytes?: number;
  readonly names: ScratchNames;
}

/** A kind of database. Stateless. */
export interface Engine {
  readonly id: EngineId;
  /** For people: `PostgreSQL`. */
  readonly label: string;
  readonly features: EngineFeatures;
  readonly form: ConnectionForm;
  /** The rules for manifests of its backups. */
  readonly manifestRules: ManifestRules;
  readonly rowText: RowText;
  /** Absent if the engine has no extras. */
  readonly extras?: ExtrasRules;
  /** Absent if its statements depend on nothing but their order. */
  readonly statements?: StatementRules;
  /** For people, without a secret: `localhost:5432/shop`, `shop.db`. */
  describe(address: DatabaseAddress): string;
  /**
   * A text to compare that contains everything that decides where a password goes and who could read it on the way:
   * also the parts that come from the environment, and the contents of trusted certificates.
   */
  passwordDestination(address: DatabaseAddress): Promise<string>;
  /**
   * Reads a URL: `sqlite:path/to.db`, `postgres://user@host/db?sslmode=…`. Returns undefined for a URL of another engine,
   * and throws `usage` for an invalid one of this engine. Returns a password in it separately.
   */
  parseUrl(text: string): { address: DatabaseAddress; password?: string } | undefined;
  /** Throws `connection` with the reason and the next step in words. */
  connect(address: DatabaseAddress, options: ConnectOptions): Promise<Session>;
  /**
   * Creates a new, empty database like the source of a backup, with this name, or else with the name in the address. Throws
   * `usage` if it already exists, `refused` if the user may not create it, `connection` and `database`.
   */
  createDatabase?(
    address: DatabaseAddress,
    name: string | undefined,
    source: DatabaseInfo,
    options: WorkOptions & { readonly password?: string },
  ): Promise<CreatedDatabase>;
  /**
   * Creates an empty database for one piece of work, which drops it: on the server of this address, or a temporary file.
   * Also drops what killed processes of this machine have left there. Throws as `createDatabase`.
   */
  createScratch(address: DatabaseAddress | undefined, options: ScratchOptions): Promise<CreatedDatabase>;
  /** Opens the payload of a backup to read and check its rows. Needs no database. */
  openPayload(source: PayloadSource, manifest: Manifest, options: WorkOptions): Promise<PayloadRows>;
  /**
   * Compares the rows of tables on two sides. It only reads, in bounded memory. Keys match by the rules of the columns'
   * collations and types; other values are the same only if every byte is. Throws `damaged-backup`, `database` and
   * `cancelled`.
   */
  compare(
    first: ComparedSide,
    second: ComparedSide,
    tables: readonly ComparedTable[],
    options: CompareOptions,
  ): AsyncIterable<ComparisonPage>;
  /** Copies the intact rows of a damaged backup into another one. Needs no database. */
  salvage(
    source: DamagedSource,
    manifest: Manifest,
    sink: PayloadSink,
    options: WorkOptions,
  ): Promise<SalvagedContent>;
}

/** A backup, or one consistent state of a database. */
export type ComparedSide = BackupSide | DatabaseSide;

export interface BackupSide {
  readonly kind: 'backup';
  readonly manifest: Manifest;
  readonly source: PayloadSource;
  /** See `RestoreSource`. */
  readonly madeHere?: boolean;
}

export interface DatabaseSide {
  readonly kind: 'database';
  readonly snapshot: Snapshot;
}

export interface CompareOptions extends WorkOptions {
  /** The number of differing rows of each table to return; all of them are counted. */
  readonly rows: number;
  /** See `RowQuery`. */
  readonly longest?: number;
}

export interface ConnectOptions extends WorkOptions {
  readonly password?: string;
  /** Nothing will be written through this session. */
  readonly readOnly: boolean;
  /** Creates a missing database (only with the feature `createsDatabase`). */
  readonly create?: boolean;
}

/** An open connection to one database, for one piece of work at a time. */
export interface Session {
  readonly info: DatabaseInfo;
  readonly features: SessionFeatures;
  /** See `Engine`. */
  readonly extras?: ExtrasRules;
  readonly statements?: StatementRules;
  /** For people, without a secret. */
  readonly target: string;
  /** The tables with estimates of their rows and bytes. It is fast, for a tree. */
  listTables(): Promise<TableSummary[]>;
  /** Throws `usage` if there is no such table. */
  describeTable(name: TableName): Promise<Table>;
  /** Throws `usage` for an invalid condition on the rows of a table. Reads no rows. */
  checkCondition(name: TableName, where: string): Promise<void>;
  introspect(options: IntrospectOptions): Promise<DatabaseSchema>;
  /** The exact row counts of these tables, in their order. */
  countRows(names: readonly TableName[], options: WorkOptions): Promise<number[]>;
  /**
   * Checks a backup that was not made on this machine. Throws `damaged-backup` if this engine would not write such
   * statements and names.
   */
  checkManifest?(manifest: Manifest, options: WorkOptions): Promise<void>;
  /** Checks whether this user has the rights for the plan. Absent if the engine has no rights. Writes nothing. */
  checkRights?(plan: RestorePlan, options: WorkOptions): Promise<RightsCheck>;
  /**
   * A sign of the state of the database, which takes no reading of rows. If two signs that were read at two times, with any
   * version of this program, are the same, then nothing that a backup contains has changed between these times: no row, no
   * object, no counter. Signs that differ say nothing. Undefined when that cannot be guaranteed now. A sign that goes with a
   * backup is read before its snapshot is opened. Throws as other reads.
   */
  changeSign?(options: WorkOptions): Promise<string | undefined>;
  /** Begins one consistent read of the database. */
  openSnapshot(options: SnapshotOptions): Promise<Snapshot>;
  /** Opens the one transaction of a restore. */
  beginRestore(restore: RestoreSource, options: WorkOptions): Promise<OpenedRestore>;
  /** Opens the one transaction of a restore of chosen rows. Tables come after those that they reference. */
  beginRows(tables: readonly ChosenTable[], options: WorkOptions): Promise<OpenedRows>;
  /** Never throws; ends what is open. */
  close(): Promise<void>;
}

/** A part of a schema, with everything that it needs. An engine may return more. */
export interface SchemaScope {
  /** Whether a table belongs to it. Tables that are connected to it by foreign keys are included without their parts. */
  readonly tables: (name: TableName) => boolean;
  /** Also objects of any kind with these names (see `SchemaObject`). */
  readonly names: Iterable<string>;
}

export interface IntrospectOptions extends WorkOptions {
  /** If it is left out: the whole schema. */
  readonly scope?: SchemaScope;
}

export interface SnapshotOptions extends IntrospectOptions {
  /** Everything will be read, without conditions. */
  readonly whole: boolean;
}

/** The parts of a plan for which the user has no rights. */
export interface RightsCheck {
  /** Each of them stops the restore. */
  readonly refusals: readonly RestorePointError[];
  /** The parts that can be skipped, with the reason. */
  readonly impossible: readonly { readonly object: SchemaObject; readonly reason: string }[];
  /** Tables of a whole restore that stay unchanged, because they belong to somebody else. */
  readonly leftAlone?: readonly { readonly target: TableName; readonly reason: string }[];
}

export interface TableSelection {
  readonly table: Table;
  /** A condition in the database's SQL; only matching rows are read. */
  readonly where?: string;
  /** Rows related to others are read (see `RelatedLinks`), in addition to the rows that match the condition, if any. */
  readonly related?: boolean;
  /** None of its rows are read. */
  readonly withoutRows?: boolean;
}

/** The foreign keys through which rows of the selection add related rows: see `followForeignKeys`. */
export type RelatedLinks = Pick<RelatedTables, 'down' | 'up'>;

export interface ReadOptions extends WorkOptions {
  /** The engine's extras are read too. */
  readonly extras?: boolean;
  /** All of these links are between tables of the selection. */
  readonly related?: RelatedLinks;
}

/** A description of what a snapshot wrote into its sink. */
export interface SnapshotContent {
  readonly tables: readonly BackedUpTable[];
  /** The opaque tables of the selection; absent if there are none. */
  readonly opaque?: readonly TableName[];
  readonly payloads: readonly Payload[];
  /** Counters of these tables, and counters without a table. */
  readonly sequences: readonly Sequence[];
  readonly extras?: EngineExtras;
  /** See `Manifest`. */
  readonly asItIs?: true;
  readonly unproven?: readonly Unproven[];
}

/**
 * One consistent state of a database, as long as it is open. One reading at a time: a second one throws, also one that
 * begins before all pages of `rows` are read (see `OneReading`).
 */
export interface Snapshot {
  readonly schema: DatabaseSchema;
  /** Reads the tables into the sink. After an error or a cancel, the content of the sink is useless. */
  read(
    selection: readonly TableSelection[],
    sink: PayloadSink,
    options: ReadOptions,
  ): Promise<SnapshotContent>;
  /**
   * Reads the rows of a table that match the selection and the query, as pages of bounded size. They are in the order of
   * the table's key, if it has one. Throws `usage` for an invalid condition or column.
   */
  rows(selection: RowSelection, query?: RowQuery, options?: RowOptions): AsyncIterable<readonly Row[]>;
  /** The counters of these tables, and counters without a table, with their positions. */
  readSequences(tables: readonly TableName[]): Promise<readonly Sequence[]>;
  /** Ends the read transaction and removes temporary files. Never throws. */
  close(): Promise<void>;
}

/** A table whose rows are read, with a condition in the database's SQL. */
export type RowSelection = Pick<TableSelection, 'table' | 'where'>;

export type RowOptions = Pick<WorkOptions, 'signal'>;

export interface RestoreSource {
  readonly plan: RestorePlan;
  readonly manifest: Manifest;
  readonly source: PayloadSource;
  /** This machine made the backup, so its content is exactly what the manifest says. */
  readonly madeHere?: boolean;
  /** It is not a rehearsal, and the user wants to keep the previous state. */
  readonly safe?: boolean;
}

/**
 * A restore in one transaction that writes. Nothing is changed yet. Its steps throw `database` (with the table and, if it is
 * known, the row), `verification` or `cancelled`; after that, only `rollback` may be called.
 */
export interface OpenedRestore {
  /** Creates what is missing, locks, and disarms triggers and foreign keys. */
  prepare(): Promise<PreparedRestore>;
  /** Undoes everything, at any step, and resolves to the state of the database. Never throws. */
  rollback(): Promise<RestoreOutcome>;
}

/** Tables can be written. */
export interface PreparedRestore {
  /** Writes the rows of one table. Call it for each table of the plan, in its order. */
  load(table: TablePlan): Promise<TableChange>;
  /** Rearms triggers, checks constraints, sets sequences. */
  finish(): Promise<FinishedRestore>;
}

/** Everything is written. */
export interface FinishedRestore {
  /** The steps that failed but are not needed for the rows, as sentences. */
  readonly warnings: readonly string[];
  /** Compares the rows in the database with the backup. Throws `verification`. */
  verify(table: TablePlan): Promise<void>;
  /** Commits. If it throws, `rollback` resolves to the state of the database. */
  commit(): Promise<void>;
}

/** A backup's rows, without a database. */
export interface PayloadRows {
  /**
   * Reads the rows of a table that match the query, in the order of the backup, as pages of bounded size.
   * Throws `damaged-backup`, and `usage` for a column that the backup does not have.
   */
  rows(table: BackedUpTable, query?: RowQuery, options?: RowOptions): AsyncIterable<readonly Row[]>;
  /**
   * Sorts the rows of a table, or looks for some of them. The last arrangement ends with this. Throws `damaged-backup`,
   * `usage` for a column that the backup does not have, `file` and `cancelled`.
   */
  arrange(table: BackedUpTable, arrangement: Arrangement, options: ArrangeOptions): Promise<ArrangedRows>;
  /** Compares the number and the digest of the rows with the manifest. Throws `damaged-backup`. */
  check(table: BackedUpTable, options: WorkOptions): Promise<void>;
  /** Checks the content of the backup besides tables in the same way. */
  checkExtras(options: WorkOptions): Promise<void>;
  /** The parts that the checks so far could not examine: only their checksums were verified. */
  readonly unproven?: readonly Unproven[];
  /** Removes temporary files. Never throws. */
  close(): Promise<void>;
}
