import type { ColumnText, Row, RowQuery, Value } from '../../../core/values.ts';
import type { CatalogTable } from '../schema/catalog.ts';
import type { Binding, Connection } from '../connect/connection.ts';
import { quote, quoteTable } from '../connect/identifiers.ts';

/** Rows of one table, by pages of bounded size. */
export interface TableToRead {
  /** The schema name of the database: `main`, or an attached one. */
  readonly schema: string;
  readonly table: CatalogTable;
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
  const most = rowidOf(source) === undefined ? pageRowsByOffset : pageRows;
  let left = query.limit ?? Infinity;
  let passed = query.after ?? 0;
  let last: string | undefined;
  let size = Math.min(firstPageRows, most);
  while (left > 0) {
    const limit = Math.min(size, left);
    const position = last === undefined ? { offset: passed } : { last };
    const page = await readPage(connection, source, query, { limit, ...position }, signal);
    if (page.rows.length > 0) yield page.rows;
    if (page.rows.length < limit) return;
    left -= page.rows.length;
    passed += page.rows.length;
    last = page.last;
    const rowBytes = Math.max(1, page.bytes / page.rows.length);
    size = Math.max(1, Math.min(most, 2 * size, Math.floor(pageBytes / rowBytes)));
  }
}

/** The first page is small, because the size of its rows is not known yet. */
const firstPageRows = 100;

interface Position {
  readonly limit: number;
  readonly offset?: number;
  /** The rowid of the row before. */
  readonly last?: string;
}

interface Page {
  readonly rows: readonly Row[];
  readonly bytes: number;
  readonly last?: string;
}

export type StoredValue = string | number | Uint8Array | null;

async function readPage(
  connection: Connection,
  source: TableToRead,
  query: RowQuery,
  position: Position,
  signal?: AbortSignal,
): Promise<Page> {
  const { table, columns, schema } = source;
  const rowid = rowidOf(source);
  const { sql, bindings } = whereSql(source, query.where ?? [], rowid, position.last);
  const { rows, bytes, also } = await selectTypedRows(
    connection,
    {
      schema,
      values: columns.map(quote),
      from: `${quoteTable(schema, table.name)} NOT INDEXED ${sql} ${order(table, rowid)} LIMIT ? OFFSET ?`,
      bindings: [...bindings, position.limit, position.offset ?? 0],
      ...(query.longest === undefined ? {} : { longest: query.longest }),
      ...(rowid === undefined ? {} : { also: `CAST(${rowid} AS TEXT)` }),
    },
    signal,
  );
  const last = also.at(-1);
  return { rows, bytes, ...(typeof last === 'string' ? { last } : {}) };
}

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
  /** About how large they are. */
  readonly bytes: number;
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
  const found = await select(values.map((value) => encoded(value, longest)));
  const rows = found.map((row) => values.map((_, index) => decode(row[`c${index}`] ?? null)));
  await readInvalidTexts(rows, values, longest, select, async () => {
    const sql = `PRAGMA ${quote(schema)}.encoding`;
    return (await connection.get<{ encoding: string }>(sql))?.encoding ?? 'UTF-8';
  });
  return {
    rows,
    bytes: found.reduce((sum, row) => sum + sizeOf(row), 0),
    also: found.map((row) => row['also'] ?? null),
  };
}

function order({ primaryKey }: CatalogTable, rowid: string | undefined): string {
  const columns = rowid === undefined ? primaryKey.map(quote) : [rowid];
  return columns.length === 0 ? '' : `ORDER BY ${columns.join(', ')}`;
}

function whereSql(
  { where: condition }: TableToRead,
  texts: readonly ColumnText[],
  rowid: string | undefined,
  last: string | undefined,
): { sql: string; bindings: string[] } {
  const terms: string[] = [];
  const bindings: string[] = [];
  // The line break ends a comment at the end of the condition before it can swallow the parenthesis.
  if (condition !== undefined) terms.push(`(${condition}\n)`);
  for (const { column, text } of texts) {
    const value = quote(column);
    // A bound text takes the affinity of the column, so that its index serves.
    terms.push(`(${value} = ? OR CAST(${value} AS TEXT) = ?)`);
    bindings.push(text, text);
  }
  if (rowid !== undefined && last !== undefined) {
    terms.push(`${rowid} > CAST(? AS INTEGER)`);
    bindings.push(last);
  }
  return { sql: terms.length === 0 ? '' : `WHERE ${terms.join(' AND ')}`, bindings };
}

/**
 * The SQL that selects a value so that the driver returns it exactly: integers, which it would round, and texts come as
 * texts that say which they are; long values as their length and their beginning.
 */
function encoded(value: string, longest: number | undefined): string {
  const whole = `CASE typeof(${value}) WHEN 'integer' THEN 'i' || ${value} WHEN 'text' THEN 't' || ${value} ELSE ${value} END`;
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

function decode(stored: StoredValue): Value {
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
    default:
      return { kind: 'text', text };
  }
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
  encodingOf: () => Promise<string>,
): Promise<void> {
  const isDoubtful = (value: Value | undefined): boolean =>
    value?.kind === 'text' && value.text.includes('\uFFFD');
  const doubtful = values.flatMap((_, index) => (rows.some((row) => isDoubtful(row[index])) ? [index] : []));
  if (doubtful.length === 0) return;
  const strict = new TextDecoder(await encodingOf(), { fatal: true });
  const bytesOf = (value: string): string =>
    `CAST(${longest === undefined ? value : `substr(${value}, 1, ${longest})`} AS BLOB)`;
  const found = await select(doubtful.map((index) => bytesOf(values[index]!)));
  for (const [place, index] of doubtful.entries()) {
    for (const [number, row] of rows.entries()) {
      const stored = found[number]?.[`c${place}`];
      if (!isDoubtful(row[index]) || !(stored instanceof Uint8Array) || isValid(stored, strict)) continue;
      row[index] = { kind: 'bytes', bytes: stored, invalidText: true };
    }
  }
}

function isValid(bytes: Uint8Array, strict: InstanceType<typeof TextDecoder>): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function sizeOf(row: Record<string, StoredValue>): number {
  return Object.values(row).reduce<number>(
    (sum, value) => sum + (typeof value === 'string' || value instanceof Uint8Array ? value.length : 8),
    0,
  );
}
