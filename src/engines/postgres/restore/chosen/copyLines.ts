import type { ChosenRow, ChosenTable } from '../../../../core/chosenRows.ts';
import { RestorePointError } from '../../../../core/errors.ts';
import { freeBytes } from '../../../../core/memory.ts';
import { formatTableName } from '../../../../core/names.ts';
import type { Row, Value } from '../../../../core/values.ts';
import { rowText } from '../../rows/rowText.ts';

/** About how many bytes are sent at once. */
const pieceBytes = 64 * 1024;

/** Which rows came. */
export interface CameRows {
  rows: number;
  inserts: boolean;
  updates: boolean;
  deletes: boolean;
}

/**
 * Chosen rows as lines of COPY text for their staging table: a number, whether the values are wanted, whether they are the
 * ones that say which row it is (the wanted ones, else those that were seen), and the values.
 */
export async function* copyLines(
  { table, columns, key, rows }: ChosenTable,
  came: CameRows,
  anyBytes: boolean,
): AsyncGenerator<Uint8Array> {
  const place = { table: formatTableName(table.name) };
  let lines = '';
  for await (const page of rows) {
    for (const row of page) {
      came.rows += 1;
      const { seen, wanted } = row;
      note(came, row);
      if ((!seen && !wanted) || (seen && wanted && !key)) {
        const what = seen ? 'has no key, so it cannot be changed' : 'has neither values nor had any';
        throw new RestorePointError('usage', `The chosen row ${what}`, {
          place: { ...place, row: came.rows },
        });
      }
      for (const [values, isWanted] of [
        [seen, false],
        [wanted, true],
      ] as const) {
        if (!values) continue;
        refuse(values, columns, { ...place, row: came.rows }, anyBytes);
        const isBase = isWanted || !wanted;
        lines += `${came.rows}\t${isWanted ? 't' : 'f'}\t${isBase ? 't' : 'f'}`;
        for (const value of values) lines += `\t${fieldOf(value)}`;
        lines += '\n';
      }
      if (lines.length < pieceBytes) continue;
      const piece = Buffer.from(lines);
      lines = '';
      yield piece;
      freeBytes(piece);
    }
  }
  if (lines !== '') yield Buffer.from(lines);
}

function note(came: CameRows, { seen, wanted }: ChosenRow): void {
  if (!seen) came.inserts = true;
  else if (wanted) came.updates = true;
  else came.deletes = true;
}

function refuse(
  values: Row,
  columns: readonly string[],
  place: { readonly table: string; readonly row: number },
  anyBytes: boolean,
): void {
  if (values.length !== columns.length) {
    throw new RestorePointError(
      'usage',
      `The chosen row has ${values.length} values for ${columns.length} columns`,
      { place },
    );
  }
  for (const [index, value] of values.entries()) {
    if (value === null || value.kind === 'boolean' || value.kind === 'array') continue;
    const column = columns[index]!;
    if (value.cutFrom !== undefined)
      throw new RestorePointError('usage', 'The chosen value was cut', { place: { ...place, column } });
    if (anyBytes && value.kind !== 'bytes' && value.text.includes('\uFFFD')) {
      throw new RestorePointError('usage', 'The chosen value has bytes that are not UTF-8', {
        place: { ...place, column },
        next: 'Restore the whole table.',
      });
    }
  }
}

const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
};

function fieldOf(value: Value): string {
  const text = rowText.field(value);
  if (text === undefined) return String.raw`\N`;
  return /[\\\t\n\r]/.test(text) ? text.replace(/[\\\t\n\r]/g, (character) => escapes[character]!) : text;
}
