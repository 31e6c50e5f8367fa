import { RestorePointError } from '../core/errors.ts';
import { formatTableName } from '../core/names.ts';
import type { Column, Table } from '../core/schema.ts';
import type { Value } from '../core/values.ts';
import type { RowText } from '../engines/engine.ts';
import { objectList, oneLine, valueJson } from './json.ts';
import type { ExportedTable, RowFormat } from './rowFormat.ts';

export interface DjangoOptions {
  readonly appLabel?: string;
  /** The model's name; derived from the table's when it is left out. */
  readonly model?: string;
}

/** The format of `manage.py loaddata`, with values as Django's own serializer writes them. */
export function djangoFormat(exported: ExportedTable, { field }: RowText, options: DjangoOptions): RowFormat {
  const { table, columns } = exported;
  const key = keyOf(table);
  const model = JSON.stringify(modelOf(table, options));
  const names = columns.map((name) => JSON.stringify(fieldOf(table, name)));
  const writers = columns.map((name) => valueWriter(exported, name, field));
  const place = columns.indexOf(key);
  const objects = objectList(true);
  return {
    head: objects.head,
    rows: (rows) =>
      objects.add(
        rows.map((row) => {
          const values = row.map((value, index) => writers[index]!(value));
          const fields = values.flatMap((text, index) =>
            index === place ? [] : [`${names[index]}:${text}`],
          );
          return `{"model":${model},"pk":${values[place]},"fields":{${fields.join(',')}}}`;
        }),
      ),
    end: objects.end,
  };
}

function keyOf({ name, primaryKey }: Table): string {
  const [column, another] = primaryKey?.columns ?? [];
  if (column !== undefined && another === undefined) return column;
  const message =
    column === undefined
      ? 'The table has no primary key, but a Django fixture needs one'
      : `The primary key has ${primaryKey!.columns.length} columns (${primaryKey!.columns.join(', ')}), but a Django fixture needs exactly one`;
  throw new RestorePointError('refused', message, {
    place: { table: formatTableName(name) },
    next: 'Export it as csv, json or sql.',
  });
}

/**
 * `app.model`. Django's own names of tables are `<app>_<model>`; those of other tables lose what is neither letter nor
 * digit, as `inspectdb` does it.
 */
function modelOf({ name }: Table, { appLabel, model }: DjangoOptions): string {
  const app = appLabel ?? /^([^_]+)_./.exec(name.name)?.[1];
  if (app === undefined) {
    throw new RestorePointError(
      'usage',
      'The table name does not show the Django app: it does not have the form app_model',
      {
        place: { table: formatTableName(name) },
        next: 'Set the app with --app-label.',
      },
    );
  }
  const prefix = `${app}_`;
  const ofTable = name.name.startsWith(prefix)
    ? name.name.slice(prefix.length)
    : name.name.replace(/[^\p{L}\p{N}]/gu, '');
  return `${app}.${(model ?? ofTable).toLowerCase()}`;
}

/** A foreign key's column is its field's name with `_id`. */
function fieldOf({ foreignKeys }: Table, column: string): string {
  const refers = foreignKeys.some(({ columns: [first, second] }) => first === column && second === undefined);
  return refers && column.endsWith('_id') && column.length > 3 ? column.slice(0, -3) : column;
}

/** SQLite does not have the types of Django's fields, so the declaration of the column decides. */
function valueWriter(
  { table, sql = '' }: ExportedTable,
  name: string,
  field: RowText['field'],
): (value: Value) => string {
  const column = table.columns.find((one) => one.name === name);
  const type = column?.type.toLowerCase() ?? '';
  const isJson = jsonChecks(sql).has(name);
  return (value) => {
    if (value === null) return 'null';
    if (value.kind === 'bytes') {
      if (value.invalidText) throw invalidText(table, column);
      return JSON.stringify(Buffer.from(value.bytes).toString('base64'));
    }
    if (value.kind === 'decimal' || (/^decimal\b/.test(type) && 'text' in value))
      return JSON.stringify(value.text);
    if (value.kind === 'integer' && /^bool(?:ean)?$/.test(type) && /^[01]$/.test(value.text))
      return String(value.text === '1');
    if (value.kind === 'text' && isJson) return oneLine(value.text);
    if (value.kind === 'text' && type === 'datetime') return JSON.stringify(utc(value.text));
    return valueJson(value, field);
  };
}

/** Django keeps times in SQLite without a zone, in UTC. */
function utc(text: string): string {
  return /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?$/.test(text) ? `${text.replace(' ', 'T')}Z` : text;
}

/** The columns that Django's JSONField made: SQLite has no such type, and Django a check for each. */
function jsonChecks(sql: string): ReadonlySet<string> {
  const found = sql.matchAll(/\bJSON_VALID\("((?:[^"]|"")+)"\)/gi);
  return new Set([...found].map(([, name]) => name!.replaceAll('""', '"')));
}

function invalidText({ name }: Table, column: Column | undefined): RestorePointError {
  return new RestorePointError(
    'refused',
    'A text is not valid in the encoding of the database, and JSON cannot represent it',
    {
      place: { table: formatTableName(name), ...(column ? { column: column.name } : {}) },
      next: 'Export it as sql.',
    },
  );
}
