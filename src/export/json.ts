import type { Value } from '../core/values.ts';
import type { RowText } from '../engines/engine.ts';
import type { ExportedTable, RowFormat } from './rowFormat.ts';

/** One object for each row: on lines of their own, or as one list. */
export function jsonFormat(
  { columns }: ExportedTable,
  { field }: RowText,
  { list }: { readonly list: boolean },
): RowFormat {
  const names = columns.map((name) => JSON.stringify(name));
  const objects = objectList(list);
  return {
    head: objects.head,
    rows: (rows) =>
      objects.add(
        rows.map((row) => {
          const members = row.map((value, index) => `${names[index]}:${valueJson(value, field)}`);
          return `{${members.join(',')}}`;
        }),
      ),
    end: objects.end,
  };
}

/** Texts of objects, each on a line of its own. */
export function objectList(list: boolean): {
  readonly head: string;
  readonly add: (objects: readonly string[]) => string;
  readonly end: () => string;
} {
  let first = true;
  return {
    head: list ? '[' : '',
    add(objects) {
      if (!list) return objects.map((object) => `${object}\n`).join('');
      const text = objects.map((object, index) => `${first && index === 0 ? '' : ','}\n${object}`).join('');
      first &&= objects.length === 0;
      return text;
    },
    end: () => (list ? '\n]\n' : ''),
  };
}

/**
 * A value as JSON. Numbers keep every digit, stored JSON stays as it is. What JSON has no form for is the text that the
 * database reads: bytes are `\x0a`, infinity is `"Infinity"`.
 */
export function valueJson(value: Value, field: RowText['field']): string {
  if (value === null) return 'null';
  switch (value.kind) {
    case 'integer':
    case 'decimal':
    case 'float':
      return isJsonNumber(value.text) ? value.text : JSON.stringify(value.text);
    case 'boolean':
      return String(value.value);
    case 'json':
      return oneLine(value.text);
    case 'array':
      if (value.bounds !== undefined) return JSON.stringify(field(value));
      return `[${value.items.map((item) => valueJson(item, field)).join(',')}]`;
    default:
      return JSON.stringify(field(value));
  }
}

/** A line break in JSON is white space: within a text it is written as an escape. */
export function oneLine(json: string): string {
  return json.replace(/[\r\n]/g, ' ');
}

function isJsonNumber(text: string): boolean {
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text);
}
