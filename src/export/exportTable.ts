import { Archive } from '../archive/archiveReader.ts';
import type { Keys } from '../archive/encryption/keys.ts';
import { refuseUnreadable } from '../backup/refuseUnreadable.ts';
import { selectTables } from '../backup/selectTables.ts';
import { RestorePointError } from '../core/errors.ts';
import { requireTables } from '../core/needsTables.ts';
import { type BackedUpTable, holdsAllRows, type Manifest } from '../core/manifest.ts';
import { formatTableName, nameFinder, sameTable, type TableName, type TablePattern } from '../core/names.ts';
import { dataColumns, type SchemaObject } from '../core/schema.ts';
import type { ColumnText, Row } from '../core/values.ts';
import type { Engine, RowText, Session, WorkOptions } from '../engines/engine.ts';
import { exportRows, type FormatOptions, rowFormat, type TextSink } from './exportRows.ts';
import type { ExportedTable, ExportFormat } from './rowFormat.ts';

export interface ExportOptions extends WorkOptions, FormatOptions {
  readonly table: TablePattern;
  /** For a database: conditions in its SQL; for a backup: `column=text`. Rows must match all of them. */
  readonly where?: readonly string[];
  readonly format: ExportFormat;
}

/** The result of an export. */
export interface ExportReport {
  readonly table: TableName;
  readonly rows: number;
  /** Notes about the rows, as sentences. */
  readonly notes: readonly string[];
}

/** Writes rows of a table as they are in one state of a database. Throws `usage`, `refused`, `database`, `cancelled`. */
export async function exportLiveTable(
  session: Session,
  text: RowText,
  sink: TextSink,
  options: ExportOptions,
): Promise<ExportReport> {
  const { table: pattern, where: conditions = [], signal } = options;
  options.report?.({ phase: 'snapshot' });
  const snapshot = await session.openSnapshot({
    ...options,
    whole: false,
    scope: { tables: (name) => nameFinder([name], (one) => one)(pattern).length > 0, names: [] },
  });
  try {
    const { schema } = snapshot;
    const table = theOne(
      selectTables(schema, { tables: [pattern] }).map((selected) => selected.table),
      (one) => one.name,
      pattern,
    );
    if (!table.holdsRows) throw rowless(table.name);
    refuseUnreadable(schema, [{ table }]);
    const columns = dataColumns(table).map(({ name }) => name);
    const exported = { table, columns, ...statementOf(table.name, schema.objects) };
    // The line break ends a comment at the end of a condition.
    const where = conditions.length > 1 ? conditions.map((one) => `(${one}\n)`).join(' AND ') : conditions[0];
    const selection = { table, ...(where === undefined ? {} : { where }) };
    const pages = snapshot.rows(selection, {}, { ...(signal ? { signal } : {}) });
    const rows = await write(pages, exported, text, sink, options);
    return { table: table.name, rows, notes: [] };
  } finally {
    await snapshot.close();
  }
}

/** The same of a table in a backup. Throws `damaged-backup`, `locked`, too. */
export async function exportBackedUpTable(
  file: string,
  engineById: (id: Manifest['source']['engine']) => Engine,
  sink: TextSink,
  { keys, ...options }: ExportOptions & { readonly keys?: Keys },
): Promise<ExportReport> {
  const { table: pattern, where = [], signal } = options;
  const archive = await Archive.open(file, engineById, keys);
  try {
    const { manifest } = archive;
    requireTables(manifest, file, 'No table can be exported');
    if (manifest.only === 'schema') throw schemaOnly();
    const found = nameFinder(manifest.tables, ({ table }) => table.name)(pattern);
    if (found.length === 0) throw notHeld(pattern, manifest);
    const backedUp = theOne(found, ({ table }) => table.name, pattern);
    const { table, columns } = backedUp;
    if (backedUp.rowsExcluded) throw rowsExcluded(table.name);
    const conditions = where.map((condition) => columnText(condition, backedUp));
    const engine = engineById(manifest.source.engine);
    const payload = await engine.openPayload(archive, manifest, options);
    try {
      const exported = { table, columns, ...statementOf(table.name, manifest.objects) };
      const query = conditions.length > 0 ? { where: conditions } : {};
      const pages = payload.rows(backedUp, query, signal ? { signal } : {});
      const rows = await write(pages, exported, engine.rowText, sink, options);
      return { table: table.name, rows, notes: notesOf(backedUp) };
    } finally {
      await payload.close();
    }
  } finally {
    await archive.close();
  }
}

function write(
  pages: AsyncIterable<readonly Row[]>,
  table: ExportedTable,
  text: RowText,
  sink: TextSink,
  options: ExportOptions,
): Promise<number> {
  const format = rowFormat(options.format, table, text, options);
  return exportRows(pages, format, sink, { ...options, table });
}

function theOne<Named>(
  found: readonly Named[],
  nameOf: (named: Named) => TableName,
  pattern: TablePattern,
): Named {
  const [first, second] = found;
  if (first && !second) return first;
  const names = found.map((one) => formatTableName(nameOf(one)));
  throw new RestorePointError(
    'usage',
    `${formatTableName(pattern)} matches ${names.length} tables: ${names.join(', ')}`,
    {
      unchanged: 'Nothing was written.',
      next: 'Choose one of them: an export contains the rows of one table.',
    },
  );
}

function statementOf(name: TableName, objects: readonly SchemaObject[]): { sql?: string } {
  const made = objects.find(({ kind, table }) => kind === 'table' && table && sameTable(table, name));
  return made ? { sql: made.sql } : {};
}

/** Reads `column=text`; a name may be in double quotes. Throws `usage`. */
function columnText(condition: string, { table, columns }: BackedUpTable): ColumnText {
  const [, quoted, bare, text] = /^\s*(?:"((?:[^"]|"")+)"|([^"=<>!\s]+))\s*=([\s\S]*)$/.exec(condition) ?? [];
  const column = quoted?.replaceAll('""', '"') ?? bare;
  if (column !== undefined && text !== undefined && columns.includes(column)) return { column, text };
  throw new RestorePointError('usage', `Rows of a backup cannot be chosen with "${condition}"`, {
    place: { table: formatTableName(table.name) },
    unchanged: 'Nothing was written.',
    next:
      "Write --where 'column=text', with the plain text, without quotes: a backup runs no SQL. " +
      `The columns are ${columns.map((name) => formatTableName({ name })).join(', ')}.`,
  });
}

function notesOf(table: BackedUpTable): string[] {
  if (holdsAllRows(table)) return [];
  const where = table.where === undefined ? '' : ` (where ${table.where})`;
  return [`The backup does not contain all rows that the table had${where}.`];
}

function rowless(name: TableName): RestorePointError {
  return new RestorePointError('usage', 'Only a module of the database understands the rows of this table', {
    place: { table: formatTableName(name) },
    unchanged: 'Nothing was written.',
  });
}

function rowsExcluded(name: TableName): RestorePointError {
  return new RestorePointError('refused', 'The backup has no rows of this table: they were excluded', {
    place: { table: formatTableName(name) },
    unchanged: 'Nothing was written.',
  });
}

function schemaOnly(): RestorePointError {
  return new RestorePointError('refused', 'The backup contains only the schema, no rows', {
    unchanged: 'Nothing was written.',
  });
}

function notHeld(pattern: TablePattern, { tables }: Manifest): RestorePointError {
  const names = tables.map(({ table }) => formatTableName(table.name)).join(', ');
  return new RestorePointError('usage', `The backup contains no table named ${formatTableName(pattern)}`, {
    unchanged: 'Nothing was written.',
    next: names === '' ? 'It contains no tables.' : `It contains: ${names}.`,
  });
}
