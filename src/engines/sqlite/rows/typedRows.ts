import type { ColumnText, Row, RowQuery, Value } from '../../../core/values.ts';
import type { CatalogTable } from '../schema/catalog.ts';
import type { Binding, Connection } from '../connect/connection.ts';
import { quote, quoteTable } from '../connect/identifiers.ts';
import { textDecoder } from '../schema/textEncoding.ts';
import { balanced } from './rowComparison.ts';

/** Rows of one table, by pages of bounded size. */
export interface TableToRead {
  /** The schema name of the database: `main`, or an attached one. */
  readonly schema: string;
  readonly table: Pick<CatalogTable, 'name' | 'rowidName' | 'primaryKey'>;
  /** Columns in the order of the values. */
  readonly columns: readonly string[];
  /** A user's condition, in SQL. */
  readonly where?: string;
}

/** About how many bytes a page of rows takes, and how many rows it has at most. */
const pageBytes = 4 << 20;
const pageRows = 1_000;

/** Without a rowid each page has to pass over the rows before it: pages are larger. */
const pageRowsByOffset = 10_000;

/**
 * Reads rows in the order of their rowids, or of the primary key. Values are what is stored: a column's type says
 * nothing of them. Throws the driver's errors, and `cancelled`.
 */
export async function* readTypedRows(
  connection: Connection,
  source: TableToRead,
  query: RowQuery,
  signal?: AbortSignal,
): AsyncGenerator<readonly Row[]> {
  const { table, columns, schema } = source;
  const rowid = rowidOf(source);
  const most = rowid === undefined ? pageRowsByOffset : pageRows;
  let left = query.limit ?? Infinity;
  let passed = query.after ?? 0;
  let last: string | undefined;
  while (left > 0) {
    const { sql, bindings } = whereSql(source, query.where ?? [], rowid, last);
    const from = `${quoteTable(schema, table.name)} NOT INDEXED ${sql} ${order(table, rowid)} LIMIT ? OFFSET ?`;
    const position = (limit: number): Binding[] => [...bindings, limit, last === undefined ? passed : 0];
    const select = {
      schema,
      values: columns.map(quote),
      ...(query.longest === undefined ? {} : { longest: query.longest }),
      ...(rowid === undefined ? {} : { also: `CAST(${rowid} AS TEXT)` }),
    };
    const fitting = await countFitting(connection, select, from, position(Math.min(most, left)), signal);
    if (fitting === 0) return;
    const page = await selectTypedRows(connection, { ...select, from, bindings: position(fitting) }, signal);
    if (page.rows.length > 0) yield page.rows;
    left -= page.rows.length;
    passed += page.rows.length;
    if (rowid !== undefined) last = page.also.at(-1) as string;
  }
}

/** How many of the rows make up a page: at least one, where there are any. SQLite need not read a value for its size. */
async function countFitting(
  connection: Connection,
  { values, longest }: Pick<TypedSelect, 'values' | 'longest'>,
  from: string,
  bindings: readonly Binding[],
  signal?: AbortSignal,
): Promise<number> {
  const sizes = values.map((value) => {
    const size = `coalesce(octet_length(${value}), 0)`;
    return longest === undefined ? size : `min(${size}, ${4 * longest})`;
  });
  const row = await connection.get<{ rows: number; fitting: number }>(
    `SELECT count(*) AS rows, coalesce(sum(total <= ${pageBytes}), 0) AS fitting
     FROM (SELECT sum(bytes) OVER (ROWS UNBOUNDED PRECEDING) AS total
       FROM (SELECT ${balanced([...sizes, '8'], '+')} AS bytes FROM ${from}))`,
    bindings,
    signal,
  );
  return Math.min(row?.rows ?? 0, Math.max(1, row?.fitting ?? 0));
}

type StoredValue = string | number | Uint8Array | null;

type DecodeText = ReturnType<typeof textDecoder>;

/** So many columns a result can have. */
const mostColumns = 2000;

/** Undefined where no name reaches it, or a result has no room for it. */
function rowidOf({ table, columns }: TableToRead): string | undefined {
  return table.rowidName === undefined || columns.length >= mostColumns ? undefined : quote(table.rowidName);
}

/** Rows that are read in one go. */
export interface TypedSelect {
  /** The database that the values are stored in. */
  readonly schema: string;
  /** In SQL, the columns of one table. */
  readonly values: readonly string[];
  /** What follows FROM. */
  readonly from: string;
  readonly bindings: readonly Binding[];
  /** See `RowQuery`. */
  readonly longest?: number;
  /** A further value in SQL, as the driver gives it. */
  readonly also?: string;
}

export interface SelectedRows {
  readonly rows: readonly Row[];
  readonly also: readonly StoredValue[];
}

/** Reads exact values. Throws the driver's errors, and `cancelled`. */
export async function selectTypedRows(
  connection: Connection,
  { schema, values, from, bindings, longest, also }: TypedSelect,
  signal?: AbortSignal,
): Promise<SelectedRows> {
  const select = (expressions: readonly string[]): Promise<Record<string, StoredValue>[]> => {
    const named = expressions.map((value, index) => `${value} AS c${index}`);
    const all = [...named, ...(also === undefined ? [] : [`${also} AS also`])];
    return connection.all(`SELECT ${all.join(', ') || '1'} FROM ${from}`, bindings, signal);
  };
  const stored = await connection.get<{ encoding: string }>(`PRAGMA ${quote(schema)}.encoding`);
  const encoding = stored?.encoding ?? 'UTF-8';
  const decodeText = textDecoder(encoding);
  // What SQLite makes of invalid UTF-16 may look like another text.
  const asBytes = encoding !== 'UTF-8';
  const found = await select(values.map((value) => encoded(value, longest, asBytes)));
  const rows = found.map((row) => values.map((_, index) => decode(row[`c${index}`] ?? null, decodeText)));
  if (!asBytes) await readInvalidTexts(rows, values, longest, select, decodeText);
  return { rows, also: found.map((row) => row['also'] ?? null) };
}

function order({ primaryKey }: TableToRead['table'], rowid: string | undefined): string {
  const columns = rowid === undefined ? primaryKey.map(quote) : [rowid];
  return columns.length === 0 ? '' : `ORDER BY ${columns.join(', ')}`;
}

function whereSql(
  { where: condition }: TableToRead,
  texts: readonly ColumnText[],
  rowid: string | undefined,
  last: string | undefined,
): { sql: string; bindings: Binding[] } {
  const terms: string[] = [];
  const bindings: Binding[] = [];
  // The line break ends a comment at the end of the condition before it can swallow the parenthesis.
  if (condition !== undefined) terms.push(`(${condition}\n)`);
  for (const { column, text } of texts) {
    const value = quote(column);
    // A bound text takes the affinity of the column, so that its index serves.
    const asText = [`${value} = ?`, `CAST(${value} AS TEXT) = ?`];
    const bytes = bytesOf(text);
    terms.push(`(${[...asText, ...(bytes ? [`${value} = ?`] : [])].join(' OR ')})`);
    bindings.push(text, text, ...(bytes ? [bytes] : []));
  }
  if (rowid !== undefined && last !== undefined) {
    terms.push(`${rowid} > CAST(? AS INTEGER)`);
    bindings.push(last);
  }
  return { sql: terms.length === 0 ? '' : `WHERE ${terms.join(' AND ')}`, bindings };
}

/** See `valueText`. */
function bytesOf(text: string): Uint8Array | undefined {
  const hex = /^x'((?:[\dA-F]{2})*)'$/i.exec(text)?.[1];
  return hex === undefined ? undefined : Buffer.from(hex, 'hex');
}

/**
 * The SQL that selects a value so that the driver returns it exactly: integers, which it would round, and texts come as
 * texts that say which they are; long values as their length and their beginning.
 */
function encoded(value: string, longest: number | undefined, asBytes: boolean): string {
  const text = asBytes ? `'x' || hex(CAST(${value} AS BLOB))` : `'t' || ${value}`;
  const whole = `CASE typeof(${value}) WHEN 'integer' THEN 'i' || ${value} WHEN 'text' THEN ${text} ELSE ${value} END`;
  if (longest === undefined) return whole;
  const bytes = `octet_length(${value})`;
  const letter = `CASE typeof(${value}) WHEN 'text' THEN 'T' ELSE 'B' END`;
  const start = `CASE typeof(${value}) WHEN 'text' THEN substr(${value}, 1, ${longest}) ELSE hex(substr(${value}, 1, ${longest})) END`;
  return (
    `CASE WHEN ${bytes} > ${largestCut} THEN ${letter} || ${bytes} || ':' ` +
    `WHEN ${bytes} > ${longest} AND length(${value}) > ${longest} ` +
    `AND typeof(${value}) IN ('text', 'blob') THEN ${letter} || length(${value}) || ':' || ${start} ELSE ${whole} END`
  );
}

/** For a larger value (in bytes), only the length is given: SQLite reads a whole value to cut it. */
const largestCut = 8 << 20;

function decode(stored: StoredValue, decodeText: DecodeText): Value {
  if (stored === null) return null;
  if (typeof stored === 'number') return { kind: 'float', text: floatText(stored) };
  if (typeof stored !== 'string') return { kind: 'bytes', bytes: stored };
  const text = stored.slice(1);
  switch (stored[0]) {
    case 'i':
      return { kind: 'integer', text };
    case 'T': {
      const colon = text.indexOf(':');
      return { kind: 'text', text: text.slice(colon + 1), cutFrom: Number(text.slice(0, colon)) };
    }
    case 'B': {
      const colon = text.indexOf(':');
      const bytes = Buffer.from(text.slice(colon + 1), 'hex');
      return { kind: 'bytes', bytes, cutFrom: Number(text.slice(0, colon)) };
    }
    case 'x':
      return textOf(Buffer.from(text, 'hex'), decodeText);
    default:
      return { kind: 'text', text };
  }
}

/** Bytes that are no valid text stay bytes. */
function textOf(bytes: Uint8Array, decodeText: DecodeText): Value {
  const text = decodeText(bytes);
  return text === undefined ? { kind: 'bytes', bytes, invalidText: true } : { kind: 'text', text };
}

/** The shortest digits that mean this REAL; never those of an integer. */
function floatText(value: number): string {
  if (Object.is(value, -0)) return '-0.0';
  return Number.isInteger(value) && !String(value).includes('e') ? `${value}.0` : String(value);
}

/** A text that is not valid comes from the driver with U+FFFD in its place: its bytes are read again. */
async function readInvalidTexts(
  rows: Value[][],
  values: readonly string[],
  longest: number | undefined,
  select: (values: readonly string[]) => Promise<Record<string, StoredValue>[]>,
  decodeText: DecodeText,
): Promise<void> {
  const isDoubtful = (value: Value | undefined): boolean =>
    value?.kind === 'text' && value.text.includes('\uFFFD');
  const doubtful = values.flatMap((_, index) => (rows.some((row) => isDoubtful(row[index])) ? [index] : []));
  if (doubtful.length === 0) return;
  const bytesOf = (value: string): string =>
    `CAST(${longest === undefined ? value : `substr(${value}, 1, ${longest})`} AS BLOB)`;
  const found = await select(doubtful.map((index) => bytesOf(values[index]!)));
  for (const [place, index] of doubtful.entries()) {
    for (const [number, row] of rows.entries()) {
      const stored = found[number]?.[`c${place}`];
      if (!isDoubtful(row[index]) || !(stored instanceof Uint8Array)) continue;
      const value = textOf(stored, decodeText);
      if (value?.kind === 'bytes') row[index] = value;
    }
  }
}
