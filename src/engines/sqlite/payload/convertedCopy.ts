import { createHash } from 'node:crypto';
import { RestorePointError } from '../../../core/errors.ts';
import { type Value, valueText } from '../../../core/values.ts';
import { hasSystemTable, readCatalog } from '../schema/catalog.ts';
import { type Binding, Connection } from '../connect/connection.ts';
import { copiedColumns, quoteList } from '../rows/copyRows.ts';
import { inWords } from '../connect/errors.ts';
import { quote, quoteText } from '../connect/identifiers.ts';
import { createSystemTable, systemTableNames } from '../rows/systemTables.ts';
import { readTypedRows, type TableToRead } from '../rows/typedRows.ts';
import { encodeText, textConverter } from '../schema/textEncoding.ts';
import { openUntrusted } from './untrusted.ts';

/** How many values one statement writes. */
const valuesAtOnce = 20_000;

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

async function copyAll(
  source: Connection,
  copy: Connection,
  conversion: Conversion,
  signal?: AbortSignal,
): Promise<void> {
  const catalog = await readCatalog(source, 'main', signal);
  for (const { sql } of catalog) await copy.run(sql, [], signal);
  const own = catalog.map((table) => ({ schema: 'main', table, columns: copiedColumns(table) }));
  for (const table of [...own, ...(await copySystemTables(source, copy, signal))]) {
    await inWords('database', { table: table.table.name }, () =>
      copyTable(source, copy, table, conversion, signal),
    );
  }
}

/** Makes those of SQLite's own tables that the source has; they come last, because rows that are written raise counters. */
async function copySystemTables(
  source: Connection,
  copy: Connection,
  signal?: AbortSignal,
): Promise<TableToRead[]> {
  const tables: TableToRead[] = [];
  for (const name of systemTableNames) {
    if (!(await hasSystemTable(source, 'main', name, signal))) continue;
    if (!(await hasSystemTable(copy, 'main', name, signal))) await createSystemTable(copy, 'main', name);
    const columns = await source.all<{ name: string }>('SELECT name AS name FROM temp.pragma_table_info(?)', [
      name,
    ]);
    const table = { name, primaryKey: [], rowidName: 'rowid' };
    tables.push({ schema: 'main', table, columns: ['rowid', ...columns.map((column) => column.name)] });
  }
  return tables;
}

async function copyTable(
  source: Connection,
  copy: Connection,
  table: TableToRead,
  conversion: Conversion,
  signal?: AbortSignal,
): Promise<void> {
  const [written, found] = [new RowsDigest(), new RowsDigest()];
  const { from, to } = conversion;
  const { name } = table.table;
  await copy.run(`DELETE FROM ${quote(name)}`, [], signal);
  const most = Math.max(1, Math.floor(valuesAtOnce / Math.max(1, table.columns.length)));
  let number = 0;
  for await (const page of readTypedRows(source, table, {}, signal)) {
    const rows = page.map((row) => {
      number += 1;
      return row.map((value) => stored(converted(value, conversion, name, number), to));
    });
    for (const row of rows) written.add(row);
    for (let start = 0; start < rows.length; start += most)
      await insert(copy, table, rows.slice(start, start + most), signal);
  }
  for await (const page of readTypedRows(copy, table, {}, signal))
    for (const row of page) found.add(row.map((value) => stored(value, to)));
  if (written.sum === found.sum) return;
  throw new RestorePointError(
    'refused',
    `The text in the backup cannot be converted from ${from} to ${to}: values would change`,
    { next: 'Restore into a new database.' },
  );
}

/** Invalid text is kept where that is exact. */
function converted(value: Value, { from, to, refuses }: Conversion, table: string, row: number): Value {
  if (value?.kind !== 'bytes' || !value.invalidText) return value;
  const bytes = textConverter(from, to)(value.bytes);
  if (bytes) return { ...value, bytes };
  if (!refuses(table)) return { kind: 'bytes', bytes: value.bytes };
  throw new RestorePointError(
    'refused',
    `The backup stores text as ${from}, and this database as ${to}: a text in this row is not valid and cannot be converted`,
    { place: { table, row }, next: 'Restore into a new database, or restore other tables.' },
  );
}

/** A value in a statement: a literal, or an expression over bound bytes. */
interface StoredValue {
  readonly sql: string;
  readonly bytes?: Uint8Array;
}

function stored(value: Value, encoding: string): StoredValue {
  const [asText, asBlob] = ['CAST(? AS TEXT)', '?'];
  if (value === null) return { sql: 'NULL' };
  if (value.kind === 'bytes') return { sql: value.invalidText ? asText : asBlob, bytes: value.bytes };
  const text = valueText(value) ?? '';
  if (value.kind === 'text') return { sql: asText, bytes: encodeText(text, encoding) };
  return { sql: text.replace('Infinity', '9e999') };
}

/** A sum over rows in any order: in another encoding keys may be in another one. */
class RowsDigest {
  sum = 0n;

  add(row: readonly StoredValue[]): void {
    const hash = createHash('sha256');
    for (const { sql, bytes } of row) {
      hash.update(`${sql} ${bytes?.length} `);
      if (bytes) hash.update(bytes);
    }
    this.sum = BigInt.asUintN(256, this.sum + BigInt(`0x${hash.digest('hex')}`));
  }
}

async function insert(
  copy: Connection,
  { table, columns }: TableToRead,
  rows: readonly (readonly StoredValue[])[],
  signal?: AbortSignal,
): Promise<void> {
  const bindings: Binding[] = [];
  const tuples = rows.map((row) => `(${row.map((value) => boundValue(value, bindings)).join(', ')})`);
  const into = `${quote(table.name)} (${quoteList(columns)})`;
  await copy.run(`INSERT OR ABORT INTO ${into} VALUES ${tuples.join(', ')}`, bindings, signal);
}

/** The driver would bind no bytes as NULL. */
function boundValue({ sql, bytes }: StoredValue, bindings: Binding[]): string {
  if (!bytes) return sql;
  if (bytes.length === 0) return sql === '?' ? `x''` : `''`;
  bindings.push(bytes);
  return sql;
}
