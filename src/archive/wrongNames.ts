import type { Manifest } from '../core/manifest.ts';
import type { ManifestRules } from '../core/manifestRules.ts';
import { formatTableName, tableKey, type TableName } from '../core/names.ts';

/** The most columns that a table of any engine can have. */
const mostColumns = 32_767;

/** Looks for names that this kind of database cannot have, anywhere in the manifest. Returns a sentence, or undefined. */
export function wrongNames(manifest: Manifest, rules: ManifestRules): string | undefined {
  for (const name of namesIn(manifest)) {
    const reason = wrongAnywhere(name) ?? rules.wrongTableName(name);
    if (reason !== undefined) return `its manifest contains the name ${formatTableName(name)}, but ${reason}`;
  }
  for (const { kind, name } of manifest.objects) {
    const reason = wrongAnywhere({ name });
    if (reason !== undefined) return `its manifest contains the ${kind} ${name}, but ${reason}`;
  }
  return (
    wrongTables(manifest, rules) ?? wrongWrittenTables(manifest, rules) ?? rules.wrongManifest?.(manifest)
  );
}

function* namesIn({ tables, objects, sequences, writtenRows }: Manifest): Generator<TableName> {
  for (const { name } of writtenRows?.tables ?? []) yield name;
  for (const { table, related = [] } of tables) {
    yield table.name;
    for (const { references } of table.foreignKeys) yield references;
    for (const reason of related) yield reason.table;
  }
  for (const { table } of objects) if (table) yield table;
  for (const { name, table } of sequences) yield* table ? [name, table] : [name];
}

function wrongAnywhere({ schema = 'x', name }: TableName): string | undefined {
  if ([schema, name].some((part) => part.includes('\0'))) return 'a name cannot contain a NUL character';
  return [schema, name].every((part) => part.isWellFormed())
    ? undefined
    : 'a name cannot contain half of a surrogate pair';
}

function wrongTables({ tables }: Manifest, rules: ManifestRules): string | undefined {
  const names = new Set<string>();
  for (const { table, columns: carried } of tables) {
    const { columns } = table;
    const text = formatTableName(table.name);
    const key = rules.foldName(tableKey(table.name));
    if (names.has(key)) return `its manifest lists the table ${text} twice`;
    names.add(key);
    if (columns.length > mostColumns)
      return `its manifest lists ${columns.length} columns of ${text}, more than a table can have`;
    if (new Set(columns.map(({ name }) => rules.foldName(name))).size < columns.length)
      return `its manifest lists a column of ${text} twice`;
    for (const { name } of columns) {
      const reason = wrongAnywhere({ name }) ?? rules.wrongColumnName(name);
      if (reason !== undefined) return `its manifest contains an invalid column name for ${text}: ${reason}`;
    }
    const known = new Set(columns.filter(({ generated }) => !generated).map(({ name }) => name));
    const fits = new Set(carried).size === carried.length && carried.every((column) => known.has(column));
    if (!fits) return `its manifest lists other columns of ${text} than the table has`;
  }
  return undefined;
}

function wrongWrittenTables({ writtenRows }: Manifest, rules: ManifestRules): string | undefined {
  const names = new Set<string>();
  for (const { name, columns, key = [] } of writtenRows?.tables ?? []) {
    const text = formatTableName(name);
    const folded = rules.foldName(tableKey(name));
    if (names.has(folded)) return `its manifest lists the written rows of ${text} twice`;
    names.add(folded);
    if (columns.length > mostColumns)
      return `its manifest lists ${columns.length} columns of ${text}, more than a table can have`;
    const known = new Set(columns);
    if (new Set(columns.map((column) => rules.foldName(column))).size < columns.length)
      return `its manifest lists a column of ${text} twice`;
    if (new Set(key).size < key.length || !key.every((column) => known.has(column)))
      return `its manifest lists other columns in the key of ${text} than its rows have`;
    for (const column of columns) {
      const reason = wrongAnywhere({ name: column }) ?? rules.wrongColumnName(column);
      if (reason !== undefined) return `its manifest contains an invalid column name for ${text}: ${reason}`;
    }
  }
  return undefined;
}
