import { RestorePointError } from '../../../core/errors.ts';
import type { Manifest } from '../../../core/manifest.ts';
import type { SchemaObject } from '../../../core/schema.ts';
import { virtualTableKind } from '../schema/catalog.ts';
import { foldName } from '../connect/identifiers.ts';
import type { SchemaRow } from '../schema/schemaRows.ts';
import { moduleOf } from '../schema/sqlText.ts';
import type { SchemaBounds } from './schemaSize.ts';
import { systemTableNames } from '../rows/systemTables.ts';

/** The tables in which a module keeps what a virtual table holds, by the ends of their names. */
const shadowEnds: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['fts3', new Set(['content', 'docsize', 'segdir', 'segments', 'stat'])],
  ['fts4', new Set(['content', 'docsize', 'segdir', 'segments', 'stat'])],
  ['fts5', new Set(['config', 'content', 'data', 'docsize', 'idx'])],
  ['rtree', new Set(['node', 'parent', 'rowid'])],
  ['rtree_i32', new Set(['node', 'parent', 'rowid'])],
]);

/** The folded name of the virtual table that a table with this name is a part of; undefined for other names. */
export function virtualOwner(name: string, modules: ReadonlyMap<string, string>): string | undefined {
  const end = name.lastIndexOf('_');
  if (end < 0) return undefined;
  const owner = foldName(name.slice(0, end));
  const module = modules.get(owner);
  if (module === undefined) return undefined;
  return shadowEnds.get(module)?.has(foldName(name.slice(end + 1))) ? owner : undefined;
}

/** The modules of the virtual tables among these, by folded name. */
export function modulesOf(
  tables: readonly { readonly name: string; readonly sql: string }[],
): Map<string, string> {
  return new Map(tables.map(({ name, sql }) => [foldName(name), moduleOf(sql)]));
}

/** How large the schema may be that comes with a manifest: several times what that names. */
export function schemaBounds({ tables, objects }: Manifest): SchemaBounds {
  const own = tables.reduce((sum, { table }) => sum + JSON.stringify(table).length, 0);
  const statements = objects.reduce((sum, { name, sql }) => sum + name.length + sql.length, 0);
  return {
    objects: 20_000 + 8 * (tables.length + objects.length),
    bytes: 8 * 1024 * 1024 + 8 * (own + statements),
  };
}

/**
 * Checks that the database in a backup contains exactly what its manifest lists. Throws `damaged-backup` with the first object
 * that differs.
 */
export function checkPayloadSchema(rows: readonly SchemaRow[], manifest: Manifest): void {
  const expected = new ExpectedSchema(manifest);
  const found = new Set<string>();
  for (const row of rows) {
    const key = keyOf(row.type, row.name);
    const reason = found.has(key) ? 'it exists twice' : expected.problemWith(row);
    if (reason !== undefined) throw unlikeManifest(`${row.type} ${row.name}: ${reason}`);
    found.add(key);
  }
  const lacking = expected.required.find(({ type, name }) => !found.has(keyOf(type, name)));
  if (lacking)
    throw unlikeManifest(`${lacking.type} ${lacking.name}: it is missing, but the manifest lists it`);
}

class ExpectedSchema {
  readonly #tables: ReadonlySet<string>;
  readonly #objects: ReadonlyMap<string, SchemaObject>;
  readonly #modules: ReadonlyMap<string, string>;
  /** A backup without a schema includes the indexes of its tables, but not their statements. */
  readonly #namesIndexes: boolean;
  readonly required: readonly { readonly type: string; readonly name: string }[];

  constructor({ tables, objects, only, complete }: Manifest) {
    this.#tables = new Set(tables.map(({ table }) => foldName(table.name.name)));
    this.#objects = new Map(objects.map((object) => [keyOf(typeOf(object), object.name), object]));
    this.#modules = modulesOf(objects.filter(({ kind }) => kind === virtualTableKind));
    this.#namesIndexes = only !== 'data';
    const inPayload = objects.filter(({ kind }) => complete || kind === 'table' || kind === 'index');
    this.required = [
      ...tables.map(({ table }) => ({ type: 'table', name: table.name.name })),
      ...inPayload.map((object) => ({ type: typeOf(object), name: object.name })),
    ];
  }

  /** Why a row of `sqlite_schema` should not be there as it is; undefined where it should. */
  problemWith(row: SchemaRow): string | undefined {
    const { type, name, tableName, rootPage, sql } = row;
    const [folded, table] = [foldName(name), foldName(tableName)];
    if (type === 'table' && table !== folded) return `it calls itself ${tableName}`;
    const stored = rootPage > 0;
    if (stored !== (type === 'index' || (type === 'table' && !this.#modules.has(folded))))
      return stored ? 'it has rows' : 'it has no rows';
    if (type === 'table' && systemTableNames.includes(folded)) return undefined;
    if (type === 'index' && sql === null) return this.#holdsRows(table) ? undefined : notNamed;
    const named = this.#objects.get(keyOf(type, name));
    if (named) {
      if (named.sql !== sql) return 'its statement is not the one in the manifest';
      return this.#isOfItsTable(named, table) ? undefined : `it belongs to ${tableName}`;
    }
    if (type === 'table') return this.#holdsRows(folded) ? undefined : notNamed;
    const comesAlong = this.#namesIndexes
      ? virtualOwner(table, this.#modules) !== undefined
      : this.#holdsRows(table);
    return type === 'index' && comesAlong ? undefined : notNamed;
  }

  #holdsRows(table: string): boolean {
    return this.#tables.has(table) || virtualOwner(table, this.#modules) !== undefined;
  }

  #isOfItsTable({ table, name, kind }: SchemaObject, found: string): boolean {
    if (table) return foldName(table.name) === found;
    return kind === 'view' ? foldName(name) === found : !this.#tables.has(found);
  }
}

const notNamed = 'the manifest does not list it';

function typeOf({ kind }: SchemaObject): string {
  return kind === virtualTableKind ? 'table' : kind;
}

function keyOf(type: string, name: string): string {
  return `${type} ${foldName(name)}`;
}

/** `table`: the one that is not as the manifest says. */
export function unlikeManifest(reason: string, table?: string): RestorePointError {
  return new RestorePointError(
    'damaged-backup',
    `The database in the backup does not match its manifest: ${reason}`,
    table === undefined ? {} : { place: { table } },
  );
}
