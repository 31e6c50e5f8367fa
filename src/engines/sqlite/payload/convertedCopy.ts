import { createHash } from 'node:crypto';
import { RestorePointError } from '../../../core/errors.ts';
import { type Row, type Value, valueText } from '../../../core/values.ts';
import { hasSystemTable, readCatalog } from '../schema/catalog.ts';
import { Connection } from '../connect/connection.ts';
import { copiedColumns } from '../rows/copyRows.ts';
import { inWords } from '../connect/errors.ts';
import { quote, quoteText } from '../connect/identifiers.ts';
import { createSystemTable, systemTableNames } from '../rows/systemTables.ts';
import { RowBatch } from '../rows/rowBatch.ts';
import { readTypedRows, type TableToRead } from '../rows/typedRows.ts';
import { textConverter } from '../schema/textEncoding.ts';
import { openUntrusted } from './untrusted.ts';

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
  const batch = new RowBatch(quote(name), table.columns, to);
  let number = 0;
  for await (const page of readTypedRows(source, table, {}, signal)) {
    for (const row of page) {
      number += 1;
      const kept = row.map((value) => converted(value, conversion, name, number));
      written.add(kept);
      if (batch.isFull) await batch.flush(copy, signal);
      batch.add(kept);
    }
  }
  await batch.flush(copy, signal);
  for await (const page of readTypedRows(copy, table, {}, signal)) for (const row of page) found.add(row);
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

/** A sum over rows in any order: in another encoding keys may be in another one. */
class RowsDigest {
  sum = 0n;

  add(row: Row): void {
    const hash = createHash('sha256');
    for (const value of row) {
      const content = value?.kind === 'bytes' ? value.bytes : (valueText(value) ?? '');
      const isText = value?.kind === 'bytes' && value.invalidText;
      hash.update(`${value?.kind} ${isText} ${content.length} `).update(content);
    }
    this.sum = BigInt.asUintN(256, this.sum + BigInt(`0x${hash.digest('hex')}`));
  }
}
