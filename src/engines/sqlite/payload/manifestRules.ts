import type { Manifest } from '../../../core/manifest.ts';
import type { ManifestRules } from '../../../core/manifestRules.ts';
import { foldCase, type TableName } from '../../../core/names.ts';
import type { SchemaObject, Sequence } from '../../../core/schema.ts';

export const manifestRules: ManifestRules = {
  foldName: foldCase,
  wrongTableName,
  wrongColumnName: () => undefined,
  payloadPerTable: false,
  wrongManifest: wrongObjects,
};

function wrongTableName({ schema, name }: TableName): string | undefined {
  if (schema !== undefined) return 'a SQLite table has no schema';
  return foldCase(name).startsWith('sqlite_') ? 'SQLite reserves such names for its own tables' : undefined;
}

/** The kinds of objects in a schema. */
const kinds: ReadonlySet<string> = new Set(['table', 'index', 'view', 'trigger', 'virtual table']);

function wrongObjects({ objects, sequences, tables, extras }: Manifest): string | undefined {
  if (extras) return `its manifest has ${Object.keys(extras).join(', ')}, which SQLite does not know`;
  const found = new Set<string>();
  for (const object of objects) {
    const problem = wrongObject(object);
    if (problem !== undefined) return problem;
    // Tables, views and indexes share one set of names.
    const key = foldCase(object.kind === 'trigger' ? `trigger ${object.name}` : `object ${object.name}`);
    if (found.has(key)) return `its manifest lists the ${object.kind} ${object.name} twice`;
    found.add(key);
  }
  const known = new Set(tables.map(({ table }) => foldCase(table.name.name)));
  const stray = sequences.find((sequence) => !isCounterOf(sequence, known));
  return stray && `its manifest has a counter ${stray.name.name} without a table`;
}

function wrongObject({ kind, name, table, of, section }: SchemaObject): string | undefined {
  const shown = `${kind} ${name}`;
  if (!kinds.has(kind)) return `its manifest contains the ${shown}, but SQLite has no objects of this kind`;
  const reason = wrongTableName({ name });
  if (reason !== undefined) return `its manifest contains the ${shown}, but ${reason}`;
  if (of !== undefined) return `its manifest says that ${shown} is a property, but SQLite has no properties`;
  const isTable = kind === 'table' || kind === 'virtual table';
  if (isTable && table?.name !== name) return `its manifest says that ${shown} belongs to another table`;
  if (kind === 'index' && !table) return `its manifest does not say which table ${shown} belongs to`;
  if ((section === 'pre-data') !== (kind === 'table'))
    return `its manifest has ${shown} in the wrong section`;
  return undefined;
}

function isCounterOf({ name, table }: Sequence, tables: ReadonlySet<string>): boolean {
  return table?.name === name.name && tables.has(foldCase(name.name));
}
