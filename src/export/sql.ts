import type { Row } from '../core/values.ts';
import type { RowText } from '../engines/engine.ts';
import type { ExportedTable, RowFormat } from './rowFormat.ts';

/** About how long a statement is at most, and how many rows it has. */
const statementLength = 256 * 1024;
const statementRows = 500;

/** INSERTs in one transaction, as the engine writes them. */
export function sqlFormat({ table, columns }: ExportedTable, text: RowText): RowFormat {
  return {
    head: text.head,
    rows: (rows) => [...inGroups(rows)].map((group) => text.insert(table, columns, group)).join(''),
    end: () => text.end,
  };
}

function* inGroups(rows: readonly Row[]): Generator<readonly Row[]> {
  let group: Row[] = [];
  let length = 0;
  for (const row of rows) {
    group.push(row);
    length += row.reduce((sum, value) => sum + lengthOf(value), 0);
    if (group.length < statementRows && length < statementLength) continue;
    yield group;
    group = [];
    length = 0;
  }
  if (group.length > 0) yield group;
}

function lengthOf(value: Row[number]): number {
  if (value === null || value.kind === 'boolean') return 5;
  if (value.kind === 'bytes') return 2 * value.bytes.length;
  return value.kind === 'array'
    ? value.items.reduce((sum, item) => sum + lengthOf(item), 2)
    : value.text.length;
}
