import type { EngineId, Manifest } from '../core/manifest.ts';
import { foldCase, formatTableName, type TableName } from '../core/names.ts';
import type { SchemaObject, Sequence } from '../core/schema.ts';

/** What names are in a kind of database. */
interface NameRules {
  /** Names that differ in the letters A to Z alone are one. */
  readonly fold: (name: string) => string;
  /** Why no table or sequence has this name; undefined where one can. */
  readonly problemWith: (name: TableName) => string | undefined;
  readonly objects: (manifest: Manifest) => string | undefined;
}

/** More columns than any table of either engine can have. */
const mostColumns = 32_767;

/** PostgreSQL cuts longer names: they would mean another table. */
const postgresNameBytes = 63;

const rules: ReadonlyMap<EngineId, NameRules> = new Map([
  [
    'postgres',
    {
      fold: (name: string): string => name,
      problemWith: wrongInPostgres,
      objects: (): undefined => undefined,
    },
  ],
  ['sqlite', { fold: foldCase, problemWith: wrongInSqlite, objects: wrongSqliteObjects }],
]);

/** A name that its kind of database cannot have, wherever a manifest has one. A sentence, or undefined. */
export function wrongNames(manifest: Manifest): string | undefined {
  const { problemWith, objects, fold } = rules.get(manifest.source.engine)!;
  for (const name of namesIn(manifest)) {
    const reason = wrongAnywhere(name) ?? problemWith(name);
    if (reason !== undefined) return `its manifest names ${shown(name)}, and ${reason}`;
  }
  for (const { table } of manifest.tables) {
    const { columns, name } = table;
    if (columns.length > mostColumns)
      return `its manifest names ${columns.length} columns of ${shown(name)}, more than a table can have`;
    if (new Set(columns.map((column) => fold(column.name))).size < columns.length)
      return `its manifest names a column of ${shown(name)} twice`;
  }
  return objects(manifest);
}

function* namesIn({ tables, objects, sequences }: Manifest): Generator<TableName> {
  for (const { table, related = [] } of tables) {
    yield table.name;
    for (const { references } of table.foreignKeys) yield references;
    for (const reason of related) yield reason.table;
  }
  for (const { table } of objects) if (table) yield table;
  for (const { name, table } of sequences) yield* table ? [name, table] : [name];
}

function wrongAnywhere({ schema = 'x', name }: TableName): string | undefined {
  if ([schema, name].some((part) => part.includes('\0'))) return 'no name holds a NUL character';
  return [schema, name].every((part) => part.isWellFormed()) ? undefined : 'no name is half of a character';
}

function wrongInPostgres({ schema, name }: TableName): string | undefined {
  if (schema === undefined) return 'a PostgreSQL table is in a schema';
  if ([schema, name].some((part) => part === '')) return 'no name is empty';
  if ([schema, name].some((part) => Buffer.byteLength(part) > postgresNameBytes))
    return `PostgreSQL cuts names after ${postgresNameBytes} bytes`;
  return undefined;
}

function wrongInSqlite({ schema, name }: TableName): string | undefined {
  if (schema !== undefined) return 'a SQLite table has no schema';
  return foldCase(name).startsWith('sqlite_') ? 'SQLite keeps such names for its own tables' : undefined;
}

/** What a SQLite schema is made of. */
const sqliteKinds: ReadonlySet<string> = new Set(['table', 'index', 'view', 'trigger', 'virtual table']);

function wrongSqliteObjects({ objects, sequences, tables }: Manifest): string | undefined {
  const found = new Set<string>();
  for (const object of objects) {
    const problem = wrongSqliteObject(object);
    if (problem !== undefined) return problem;
    // Tables, views and indexes share one set of names.
    const key = foldCase(object.kind === 'trigger' ? `trigger ${object.name}` : `object ${object.name}`);
    if (found.has(key)) return `its manifest names the ${object.kind} ${object.name} twice`;
    found.add(key);
  }
  const known = new Set(tables.map(({ table }) => foldCase(table.name.name)));
  const stray = sequences.find((sequence) => !isCounterOf(sequence, known));
  return stray && `its manifest has a counter ${stray.name.name} of no table in it`;
}

function wrongSqliteObject({ kind, name, table, of, section }: SchemaObject): string | undefined {
  const shownName = `${kind} ${name}`;
  if (!sqliteKinds.has(kind))
    return `its manifest names ${shownName}, and SQLite has no objects of this kind`;
  const reason = wrongAnywhere({ name }) ?? wrongInSqlite({ name });
  if (reason !== undefined) return `its manifest names ${shownName}, and ${reason}`;
  if (of !== undefined) return `its manifest says that ${shownName} is a property, and SQLite has none`;
  const isTable = kind === 'table' || kind === 'virtual table';
  if (isTable && table?.name !== name) return `its manifest says that ${shownName} belongs to another table`;
  if (kind === 'index' && !table) return `its manifest says of no table that ${shownName} belongs to it`;
  if ((section === 'pre-data') !== (kind === 'table'))
    return `its manifest has ${shownName} in the wrong section`;
  return undefined;
}

function isCounterOf({ name, table }: Sequence, tables: ReadonlySet<string>): boolean {
  return table?.name === name.name && tables.has(foldCase(name.name));
}

function shown(name: TableName): string {
  return formatTableName(name);
}
