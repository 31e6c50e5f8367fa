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

/** Options of every long call: how to cancel it, and where it reports progress. */
export interface WorkOptions {
  readonly signal?: AbortSignal;
  readonly report?: ReportProgress;
  readonly logger: Logger;
}

/** Features that common code asks for, instead of asking which engine it is. */
export interface EngineFeatures {
  /** Tables are in schemas that a user names. */
  readonly schemas: boolean;
  /** A database that is not there can be made by connecting with `create`. */
  readonly createsDatabase: boolean;
  /** It is a file on this machine. */
  readonly isFile: boolean;
  /**
   * A restore reads all rows of a backup, and compares their checksums, before it changes anything: they need not be
   * checked before.
   */
  readonly readsBackupFirst?: boolean;
  /** What a restore makes or alters is undone with its transaction. */
  readonly transactionalDdl: boolean;
}

/** Features of an open database that common code asks for: some depend on the server. */
export interface SessionFeatures extends EngineFeatures {
  /** `Orders` and `orders` are one name. */
  readonly caseInsensitiveNames: boolean;
}

/** The intact rows of a damaged backup. */
export interface SalvagedContent {
  /** With their present counts and digests; without the tables that are lost completely. */
  readonly tables: readonly BackedUpTable[];
  readonly payloads: readonly Payload[];
  /** Absent where not all of them hold. */
  readonly extras?: EngineExtras;
}

/** How rows are written as text that this kind of database reads back as they are. */
export interface RowText {
  /** A value as the database's own CSV import takes it; undefined for NULL. */
  readonly field: (value: Value) => string | undefined;
  /** The beginning and the end of a file of INSERTs, each with a line feed. */
  readonly head: string;
  readonly end: string;
  /**
   * An INSERT of these rows, whose values are in the order of the columns, with a line feed. None of the columns is a
   * generated one.
   */
  insert(table: Table, columns: readonly string[], rows: readonly Row[]): string;
}

/** A database that was made for a restore. */
export interface CreatedDatabase {
  readonly address: DatabaseAddress;
  /** How it is not like the source, as sentences without their ends. */
  readonly warnings: readonly string[];
  /** Takes it away with all that is in it. Throws `database` where it may still be there. */
  drop(): Promise<void>;
}

/** A kind of database. Stateless. */
export interface Engine {
  readonly id: EngineId;
  /** For people: `PostgreSQL`. */
  readonly label: string;
  readonly features: EngineFeatures;
  readonly form: ConnectionForm;
  /** The rules for the manifests of its backups. */
  readonly manifestRules: ManifestRules;
  readonly rowText: RowText;
  /** Absent if the engine has no extras. */
  readonly extras?: ExtrasRules;
  /** Absent if its statements depend on nothing but their order. */
  readonly statements?: StatementRules;
  /** For people, without a secret: `localhost:5432/shop`, `shop.db`. */
  describe(address: DatabaseAddress): string;
  /**
   * Everything that decides where a password goes and who could read it on the way, as a text to compare: what is left out
   * of the address and comes from the environment, and what is in the certificates to trust, too.
   */
  passwordDestination(address: DatabaseAddress): Promise<string>;
  /**
   * Reads what a user writes in place of a connection: `sqlite:path/to.db`, `postgres://user@host/db?sslmode=…`.
   * Undefined when it is not this engine's; throws `usage` when it is, and wrong. A password in it comes apart.
   */
  parseUrl(text: string): { address: DatabaseAddress; password?: string } | undefined;
  /** Throws `connection` with the reason in words, and what to do. */
  connect(address: DatabaseAddress, options: ConnectOptions): Promise<Session>;
  /**
   * Makes a new, empty database like the one that a backup was taken from: with this name, else with that of the address.
   * Throws `usage` if it already exists, `refused` if the user may not create it, `connection` and `database`.
   */
  createDatabase?(
    address: DatabaseAddress,
    name: string | undefined,
    source: DatabaseInfo,
    options: WorkOptions & { readonly password?: string },
  ): Promise<CreatedDatabase>;
  /** Opens the payload of a backup for reading rows and for checking; needs no database. */
  openPayload(source: PayloadSource, manifest: Manifest, options: WorkOptions): Promise<PayloadRows>;
  /**
   * Compares the rows of tables on two sides, and only reads. Keys match as the columns' collations and types say; other
   * values are the same only if every byte of them is. Memory is bounded. Throws `damaged-backup`, `database` and
   * `cancelled`.
   */
  compare(
    first: ComparedSide,
    second: ComparedSide,
    tables: readonly ComparedTable[],
    options: CompareOptions,
  ): AsyncIterable<ComparisonPage>;
  /** Copies what holds of a damaged backup's rows into another one; needs no database. */
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
  /** How many differing rows of each table are wanted; all of them are counted. */
  readonly rows: number;
  /** See `RowQuery`. */
  readonly longest?: number;
}

export interface ConnectOptions extends WorkOptions {
  readonly password?: string;
  /** Nothing will be written through this session. */
  readonly readOnly: boolean;
  /** Make the database if it is not there (only with the feature `createsDatabase`). */
  readonly create?: boolean;
}

/** An open connection to one database. One piece of work at a time. */
export interface Session {
  readonly info: DatabaseInfo;
  readonly features: SessionFeatures;
  /** See `Engine`. */
  readonly extras?: ExtrasRules;
  readonly statements?: StatementRules;
  /** For people, without a secret. */
  readonly target: string;
  /** The tables with about how many rows and bytes they have; cheap, for a tree. */
  listTables(): Promise<TableSummary[]>;
  /** Throws `usage` when there is no such table. */
  describeTable(name: TableName): Promise<Table>;
  /** Throws `usage` when this cannot be the condition of a backup of the table's rows. Reads no rows. */
  checkCondition(name: TableName, where: string): Promise<void>;
  introspect(options: IntrospectOptions): Promise<DatabaseSchema>;
  /** Exactly how many rows these tables have, in their order. */
  countRows(names: readonly TableName[], options: WorkOptions): Promise<number[]>;
  /**
   * Whether the statements and names of a backup that this machine did not make are such as this engine writes. Throws
   * `damaged-backup` where they are not.
   */
  checkManifest?(manifest: Manifest, options: WorkOptions): Promise<void>;
  /** Whether this user may do what is planned. Of engines that know rights. Writes nothing. */
  checkRights?(plan: RestorePlan, options: WorkOptions): Promise<RightsCheck>;
  /** Begins one consistent read of the database. */
  openSnapshot(options: SnapshotOptions): Promise<Snapshot>;
  /** Opens the one transaction of a restore. */
  beginRestore(restore: RestoreSource, options: WorkOptions): Promise<OpenedRestore>;
  /** Opens the one transaction of a restore of chosen rows. Tables come after those that they reference. */
  beginRows?(tables: readonly ChosenTable[], options: WorkOptions): Promise<OpenedRows>;
  /** Never throws; ends what is open. */
  close(): Promise<void>;
}

/** A part of a schema, with all that it needs. An engine may tell of more. */
export interface SchemaScope {
  /** Whether a table belongs to it. Those that foreign keys tie to one come too, without what they are made of. */
  readonly tables: (name: TableName) => boolean;
  /** Also objects with these names (see `SchemaObject`), whatever they are. */
  readonly names: Iterable<string>;
}

export interface IntrospectOptions extends WorkOptions {
  /** All of the schema when it is left out. */
  readonly scope?: SchemaScope;
}

export interface SnapshotOptions extends IntrospectOptions {
  /** All of it will be read, without conditions. */
  readonly whole: boolean;
}

/** The parts of a plan that the user may not carry out. */
export interface RightsCheck {
  /** Each of them stops the restore. */
  readonly refusals: readonly RestorePointError[];
  /** The parts that can be skipped, with the reason. */
  readonly impossible: readonly { readonly object: SchemaObject; readonly reason: string }[];
  /** Tables of a whole restore that are left as they are, because others than the user look after them. */
  readonly leftAlone?: readonly { readonly target: TableName; readonly reason: string }[];
}

export interface TableSelection {
  readonly table: Table;
  /** A condition in the database's SQL; rows for which it holds are read. */
  readonly where?: string;
  /** Its rows are read because others are: see `RelatedLinks`. With a condition, besides those for which it holds. */
  readonly related?: boolean;
  /** None of its rows is read. */
  readonly withoutRows?: boolean;
}

/** The foreign keys by which rows of the selection bring others with them: see `followForeignKeys`. */
export type RelatedLinks = Pick<RelatedTables, 'down' | 'up'>;

export interface ReadOptions extends WorkOptions {
  /** The engine's extras are read too. */
  readonly extras?: boolean;
  /** All of these links are between tables of the selection. */
  readonly related?: RelatedLinks;
}

/** What a snapshot put into its sink. */
export interface SnapshotContent {
  readonly tables: readonly BackedUpTable[];
  /** The opaque tables among what was chosen; absent where there are none. */
  readonly opaque?: readonly TableName[];
  readonly payloads: readonly Payload[];
  /** Counters of the tables, and of none. */
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
  /** Reads the tables into the sink. On error or cancel the sink's content is worthless. */
  read(
    selection: readonly TableSelection[],
    sink: PayloadSink,
    options: ReadOptions,
  ): Promise<SnapshotContent>;
  /**
   * The rows of a table that the selection and the query ask for, in the order of its key where it has one, as pages of
   * bounded size. Throws `usage` for a condition or a column that cannot be used.
   */
  rows(selection: RowSelection, query?: RowQuery, options?: RowOptions): AsyncIterable<readonly Row[]>;
  /** The counters of these tables, and of none, as far as they are. */
  readSequences(tables: readonly TableName[]): Promise<readonly Sequence[]>;
  /** Ends the read transaction and removes what was temporary. Never throws. */
  close(): Promise<void>;
}

/** A table whose rows are read, with a condition in the database's SQL. */
export type RowSelection = Pick<TableSelection, 'table' | 'where'>;

export type RowOptions = Pick<WorkOptions, 'signal'>;

export interface RestoreSource {
  readonly plan: RestorePlan;
  readonly manifest: Manifest;
  readonly source: PayloadSource;
  /** This machine made the backup: what is in it is what the manifest says, and nothing else. */
  readonly madeHere?: boolean;
  /** It is no rehearsal, and the user wants the state before to be kept. */
  readonly safe?: boolean;
}

/**
 * A restore in one transaction that writes: nothing is changed yet. Errors of its steps are `database` (with the table and,
 * where it is known, the row), `verification` or `cancelled`; then only `rollback` is left.
 */
export interface OpenedRestore {
  /** Creates what is missing, locks, and disarms triggers and foreign keys. */
  prepare(): Promise<PreparedRestore>;
  /** Puts everything back, from whatever state it has come to, and says what became of the database. Never throws. */
  rollback(): Promise<RestoreOutcome>;
}

/** Tables can be written. */
export interface PreparedRestore {
  /** Of each table of the plan, in its order. */
  load(table: TablePlan): Promise<TableChange>;
  /** Rearms triggers, checks constraints, sets sequences. */
  finish(): Promise<FinishedRestore>;
}

/** All is written. */
export interface FinishedRestore {
  /** What could not be done and the rows do not need, as sentences. */
  readonly warnings: readonly string[];
  /** Compares what the database now has with the backup. Throws `verification`. */
  verify(table: TablePlan): Promise<void>;
  /** Makes it last. Where it throws, `rollback` says what became of the database. */
  commit(): Promise<void>;
}

/** A backup's rows, without a database. */
export interface PayloadRows {
  /**
   * The rows of a table that the query asks for, in the order of the backup, as pages of bounded size.
   * Throws `damaged-backup`, and `usage` for a column that the backup does not have.
   */
  rows(table: BackedUpTable, query?: RowQuery, options?: RowOptions): AsyncIterable<readonly Row[]>;
  /** Counts and compares the rows with what the manifest says. Throws `damaged-backup`. */
  check(table: BackedUpTable, options: WorkOptions): Promise<void>;
  /** The same of what the backup holds besides tables. */
  checkExtras(options: WorkOptions): Promise<void>;
  /** The parts that the checks so far could not examine: only their checksums were verified. */
  readonly unproven?: readonly Unproven[];
  /** Never throws; removes what was temporary. */
  close(): Promise<void>;
}
