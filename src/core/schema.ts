import type { EngineExtras } from './extras.ts';
import type { TableName } from './names.ts';

/** A column as the database has it; texts are the engine's own (`numeric(10,2)`, `nextval('…')`). */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
  readonly default?: string;
  /** A generated column holds no data of its own and is never written. */
  readonly generated?: 'stored' | 'virtual';
  readonly identity?: 'always' | 'by default';
}

export interface Key {
  readonly columns: readonly string[];
  /** All its columns are NOT NULL, so it identifies every row. */
  readonly notNull: boolean;
}

export interface ForeignKey {
  /** The database's name for it; SQLite numbers them per table. */
  readonly name: string;
  readonly columns: readonly string[];
  readonly references: TableName;
  /** Empty: the primary key of the table that it references. */
  readonly referencedColumns: readonly string[];
}

/** A user's trigger: it must not fire while rows are restored. */
export interface Trigger {
  readonly name: string;
}

/** A table as data. Order of columns is the database's. */
export interface Table {
  readonly name: TableName;
  readonly columns: readonly Column[];
  readonly primaryKey?: Key;
  readonly uniqueKeys: readonly Key[];
  readonly foreignKeys: readonly ForeignKey[];
  readonly triggers: readonly Trigger[];
  /** False for a table whose rows live in others (a partitioned table) or behind a module (a virtual table). */
  readonly holdsRows: boolean;
  /**
   * The name of the extension that makes it, as its object has it. Only rows of users are carried and written: the
   * extension brings the others.
   */
  readonly extension?: string;
  /**
   * Only a module of the database knows its rows (full-text search): it is carried and replaced as a whole, by the object
   * of its name that is opaque too. It has no columns and no place among the tables of a backup.
   */
  readonly opaque?: {
    /** The tables whose rows it indexes: it changes when these are restored. */
    readonly follows: readonly TableName[];
  };
}

/** Something that not every server has. */
export interface ServerFeature {
  readonly name: string;
  /** The oldest version that has it; where it is absent, a server has it only if it says so. */
  readonly since?: number;
}

export type SchemaSection = 'pre-data' | 'post-data';

/**
 * One object of the schema and the statement that creates it, in an order in which they can run. Its kind and name together
 * are its key, which identifies it in this database and in others.
 */
export interface SchemaObject {
  readonly kind: string;
  /** For people: the name of the created object. */
  readonly name: string;
  /** The table that it belongs to: it is created when that table is missing in the target. */
  readonly table?: TableName;
  readonly section: SchemaSection;
  readonly sql: string;
  /** Keys of the objects that must exist before it. Absent if the engine does not know them. */
  readonly needs?: readonly string[];
  /** Key of the object that it is a property of (an owner, a comment): it runs only when that object is created. */
  readonly of?: string;
  /** It brings data: it also runs when the object already exists. */
  readonly repeat?: boolean;
  /** It creates an opaque table (see `Table.opaque`). Only the mode `replace` writes one that already exists. */
  readonly opaque?: boolean;
  /** Features that the statement needs and not every server has. */
  readonly uses?: readonly ServerFeature[];
}

/** See `SchemaObject`. */
export function objectKey(object: Pick<SchemaObject, 'kind' | 'name'>): string {
  return `${object.kind} ${object.name}`;
}

/** A counter, once for each table that takes numbers from it: a PostgreSQL sequence, SQLite's AUTOINCREMENT. */
export interface TiedSequence {
  readonly name: TableName;
  /** The table whose columns take numbers from it, if there is one. */
  readonly table?: TableName;
}

/** A counter that must continue from its position. */
export interface Sequence extends TiedSequence {
  /** A text, because it may be larger than a double can hold. */
  readonly lastValue: string;
  /** Whether `lastValue` was already given out. */
  readonly isCalled: boolean;
  readonly increment: string;
}

/** A table whose rows the user may not read, all or some of them, with the reason as a sentence. */
export interface UnreadableTable {
  readonly table: TableName;
  readonly reason: string;
  /** The statement with which its owner can let the user read them. */
  readonly remedy: string;
  /** The user has the rights of its owner. */
  readonly owned: boolean;
}

/** Something in the database that is not in the backup: always listed, never left out silently. */
export interface LeftOut {
  readonly kind: string;
  readonly names: readonly string[];
  readonly reason: string;
}

export interface DatabaseSchema {
  readonly tables: readonly Table[];
  readonly objects: readonly SchemaObject[];
  /** All of them; a snapshot reads their positions (see `SnapshotContent`). */
  readonly sequences: readonly TiedSequence[];
  readonly leftOut: readonly LeftOut[];
  /** Other things that the engine knows about it. */
  readonly extras?: EngineExtras;
  /** The server's version and the names of its optional features. */
  readonly server?: { readonly version: number; readonly offers: readonly string[] };
  /** Absent where the engine has no rights. */
  readonly unreadable?: readonly UnreadableTable[];
}

/** The key that identifies the rows of this table: its primary key, else a unique key without NULLs. */
export function rowKey(table: Table): readonly string[] | undefined {
  if (table.primaryKey?.notNull) return table.primaryKey.columns;
  return table.uniqueKeys.find((key) => key.notNull)?.columns;
}

/** Whether a backup takes this table by itself. */
export function isCarried(table: Table): boolean {
  return table.holdsRows || table.opaque !== undefined;
}

/** The columns whose values travel, in the table's order. */
export function dataColumns(table: Table): readonly Column[] {
  return table.columns.filter((column) => !column.generated);
}
