import { createHash, type Hash } from 'node:crypto';
import { RestorePointError } from '../../../core/errors.ts';
import { type CatalogTable, hasSystemTable, readCatalog } from '../schema/catalog.ts';
import { type Binding, Connection } from '../connect/connection.ts';
import { copiedColumns, quoteList } from '../rows/copyRows.ts';
import { inWords } from '../connect/errors.ts';
import { quote, quoteText } from '../connect/identifiers.ts';
import { balanced } from '../rows/rowComparison.ts';
import { createSystemTable, systemTableNames } from '../rows/systemTables.ts';
import { type ConvertText, textConverter } from '../schema/textEncoding.ts';
import { openUntrusted } from './untrusted.ts';

/** How much of a table is in memory at a time, in bytes and in values. */
const pageBytes = 8 * 1024 * 1024;
const pageValues = 20_000;

export interface Conversion {
  readonly from: string;
  readonly to: string;
  readonly pageSize: number;
  /** Whether text of this table that cannot be kept is refused; else its bytes are kept, and never restored. */
  readonly refuses: (table: string) => boolean;
}

/**
 * Copies the tables of a database into one that stores text in another encoding: two encodings cannot
 * be attached to one connection. Numbers and bytes go over as they are, texts are converted where that is exact, and what
 * was written is read back and compared. Throws `refused` for a text that the other encoding cannot hold.
 */
export async function convertCopy(
  file: string,
  copyFile: string,
  conversion: Conversion,
  signal?: AbortSignal,
): Promise<void> {
  const source = await openUntrusted(file);
  try {
    const copy = await Connection.open(copyFile, 'write');
    try {
      await copy.all(`PRAGMA page_size = ${conversion.pageSize}`);
      await copy.all(`PRAGMA encoding = ${quoteText(conversion.to)}`);
      await copy.all('PRAGMA journal_mode = OFF');
      await copy.all('PRAGMA synchronous = OFF');
      await copy.all('PRAGMA ignore_check_constraints = ON');
      await copy.all('PRAGMA trusted_schema = OFF');
      await copy.run('BEGIN');
      await copyAll(source, copy, conversion, signal);
      await copy.run('COMMIT', [], signal);
    } finally {
      await copy.close();
    }
  } finally {
    await source.close();
  }
}

interface CopiedTable {
  readonly name: string;
  readonly columns: readonly string[];
  /** A name that reaches the rowid, or undefined. */
  readonly rowid: string | undefined;
}

async function copyAll(
  source: Connection,
  copy: Connection,
  conversion: Conversion,
  signal?: AbortSignal,
): Promise<void> {
  const catalog = await readCatalog(source, 'main', signal);
  for (const { sql } of catalog) await copy.run(sql, [], signal);
  for (const table of [...catalog.map(copiedTable), ...(await copySystemTables(source, copy, signal))]) {
    await inWords('database', { table: table.name }, () =>
      copyTable(source, copy, table, conversion, signal),
    );
  }
}

function copiedTable(table: CatalogTable): CopiedTable {
  return { name: table.name, columns: copiedColumns(table), rowid: table.rowidName };
}

/** Makes those of SQLite's own tables that the source has; they come last, because rows that are written raise counters. */
async function copySystemTables(
  source: Connection,
  copy: Connection,
  signal?: AbortSignal,
): Promise<CopiedTable[]> {
  const tables: CopiedTable[] = [];
  for (const name of systemTableNames) {
    if (!(await hasSystemTable(source, 'main', name, signal))) continue;
    if (!(await hasSystemTable(copy, 'main', name, signal))) await createSystemTable(copy, 'main', name);
    const columns = await source.all<{ name: string }>('SELECT name AS name FROM temp.pragma_table_info(?)', [
      name,
    ]);
    tables.push({ name, columns: ['rowid', ...columns.map((column) => column.name)], rowid: 'rowid' });
  }
  return tables;
}

async function copyTable(
  source: Connection,
  copy: Connection,
  table: CopiedTable,
  conversion: Conversion,
  signal?: AbortSignal,
): Promise<void> {
  const convert = textConverter(conversion.from, conversion.to);
  const [written, found] = [createHash('sha256'), createHash('sha256')];
  await copy.run(`DELETE FROM ${quote(table.name)}`, [], signal);
  let row = 0;
  for await (const page of readPages(source, table, signal)) {
    const rows = page.map((values) => {
      row += 1;
      return values.map((value) => converted(value, convert, conversion, table.name, row));
    });
    for (const value of rows.flat()) digest(written, value);
    await insert(copy, table, rows, signal);
  }
  for await (const page of readPages(copy, table, signal))
    for (const value of page.flat()) digest(found, value);
  if (written.digest('hex') === found.digest('hex')) return;
  throw new RestorePointError(
    'refused',
    `The text in the backup cannot be converted from ${conversion.from} to ${conversion.to}: values would change`,
    { next: 'Restore into a new database.' },
  );
}

/** Its form in a statement: a literal, or an expression over bound bytes. */
interface StoredValue {
  readonly sql: string;
  readonly bytes?: Buffer;
}

const [asText, asBlob] = ['CAST(? AS TEXT)', '?'];

function converted(
  value: StoredValue,
  convert: ConvertText,
  { from, to, refuses }: Conversion,
  table: string,
  row: number,
): StoredValue {
  if (value.sql !== asText) return value;
  const bytes = convert(value.bytes ?? Buffer.alloc(0));
  if (bytes) return { sql: asText, bytes };
  if (!refuses(table)) return { ...value, sql: asBlob };
  throw new RestorePointError(
    'refused',
    `The backup stores text as ${from}, and this database as ${to}: a text in this row is not valid and cannot be converted`,
    { place: { table, row }, next: 'Restore into a new database, or restore other tables.' },
  );
}

function digest(hash: Hash, { sql, bytes }: StoredValue): void {
  hash.update(`${sql} ${bytes?.length} `);
  if (bytes) hash.update(bytes);
}

/** The rows of a table in an order that both copies have, some at a time. */
async function* readPages(
  connection: Connection,
  table: CopiedTable,
  signal?: AbortSignal,
): AsyncGenerator<StoredValue[][]> {
  const { columns } = table;
  const { from, rowid, names } = await rowsOf(connection, table, signal);
  const value = (name: string): string =>
    `CASE typeof(${name}) WHEN 'text' THEN 't' || hex(CAST(${name} AS BLOB)) WHEN 'blob' THEN ${name}
       WHEN 'real' THEN CASE WHEN ${name} = 0 THEN iif(atan2(${name}, -1) < 0, '-0.0', '0.0') ELSE quote(${name}) END
       ELSE quote(${name}) END`;
  const length = names.map((name) => `coalesce(length(CAST(${name} AS BLOB)), 0)`);
  const largest = await connection.get<{ bytes: number | null }>(
    `SELECT max(${length.length === 0 ? '0' : balanced(length, '+')}) AS bytes FROM ${from}`,
    [],
    signal,
  );
  const byBytes = Math.floor(pageBytes / Math.max(1, largest?.bytes ?? 1));
  const count = Math.max(1, Math.min(byBytes, Math.floor(pageValues / Math.max(1, columns.length))));
  const values = names.map((name, index) => `${value(name)} AS c${index}`);
  let last: string | undefined;
  for (;;) {
    // By the name of its table: in ORDER BY, a name alone may be that of a value.
    const place = `source.${rowid}`;
    const after = `FROM ${from} AS source ${last === undefined ? '' : `WHERE ${place} > CAST(? AS INTEGER)`} ORDER BY ${place}`;
    const bindings = last === undefined ? [] : [last];
    const rows = await connection.all<Record<string, string | Buffer>>(
      `SELECT ${values.join(', ')} ${after} LIMIT ${count}`,
      bindings,
      signal,
    );
    if (rows.length > 0) yield rows.map((row) => columns.map((_, index) => storedValue(row[`c${index}`]!)));
    if (rows.length < count) return;
    // By itself: the rows may have as many columns as a result can have.
    const end = await connection.get<{ r: string }>(
      `SELECT CAST(${place} AS TEXT) AS r ${after} LIMIT 1 OFFSET ${count - 1}`,
      bindings,
      signal,
    );
    if (!end) return;
    last = end.r;
  }
}

/** Where rows are read with a rowid to go on from: a table whose rowid cannot be reached is listed in a temporary one. */
async function rowsOf(
  connection: Connection,
  { name, columns, rowid }: CopiedTable,
  signal?: AbortSignal,
): Promise<{ from: string; rowid: string; names: string[] }> {
  if (rowid !== undefined) return { from: quote(name), rowid: quote(rowid), names: columns.map(quote) };
  const [from, names] = ['temp.restore_point_rows', columns.map((_, index) => `c${index}`)];
  await connection.run(`DROP TABLE IF EXISTS ${from}`);
  // Without a type, nothing is made of the values.
  await connection.run(`CREATE TEMP TABLE restore_point_rows (${names.join(', ')})`);
  const key = await connection.all<{ name: string }>(
    'SELECT name AS name FROM temp.pragma_table_info(?) WHERE pk > 0 ORDER BY pk',
    [name],
  );
  const order = key.length > 0 ? `ORDER BY ${quoteList(key.map((column) => column.name))}` : '';
  await connection.run(
    `INSERT INTO ${from} SELECT ${columns.map((column) => `+${quote(column)}`).join(', ')} FROM main.${quote(name)} ${order}`,
    [],
    signal,
  );
  return { from, rowid: 'rowid', names };
}

function storedValue(value: string | Buffer): StoredValue {
  if (typeof value !== 'string') return { sql: asBlob, bytes: value };
  return value.startsWith('t') ? { sql: asText, bytes: Buffer.from(value.slice(1), 'hex') } : { sql: value };
}

async function insert(
  copy: Connection,
  { name, columns }: CopiedTable,
  rows: readonly (readonly StoredValue[])[],
  signal?: AbortSignal,
): Promise<void> {
  const bindings: Binding[] = [];
  const tuples = rows.map((row) => `(${row.map((value) => boundValue(value, bindings)).join(', ')})`);
  const into = `${quote(name)} (${quoteList(columns)})`;
  await copy.run(`INSERT OR ABORT INTO ${into} VALUES ${tuples.join(', ')}`, bindings, signal);
}

/** The driver would bind no bytes as NULL. */
function boundValue({ sql, bytes }: StoredValue, bindings: Binding[]): string {
  if (!bytes) return sql;
  if (bytes.length === 0) return sql === asText ? `''` : `x''`;
  bindings.push(bytes);
  return sql;
}
