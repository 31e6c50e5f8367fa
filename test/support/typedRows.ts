import { type Row, type Value, valueText } from '../../src/core/values.ts';

/** All rows of a reading. */
export async function allRows(pages: AsyncIterable<readonly Row[]>): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const page of pages) rows.push(...page);
  return rows;
}

/** The same as texts. */
export async function textRows(pages: AsyncIterable<readonly Row[]>): Promise<(string | null)[][]> {
  return (await allRows(pages)).map((row) => row.map((value) => valueText(value) ?? null));
}

export function text(value: string): Value {
  return { kind: 'text', text: value };
}

export function integer(value: string): Value {
  return { kind: 'integer', text: value };
}
