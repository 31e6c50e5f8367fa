import { RestorePointError } from '../../../core/errors.ts';
import { describeUnproven, type Unproven } from '../../../core/unproven.ts';
import type { CatalogIndex, CatalogTable } from './catalog.ts';
import { Connection } from '../connect/connection.ts';
import { isSqliteError } from '../connect/errors.ts';
import { quote, quoteTable } from '../connect/identifiers.ts';

const builtIn = new Set(['BINARY', 'NOCASE', 'RTRIM']);

/** Whether every SQLite has a collation of this name. */
export function isBuiltIn(collation: string): boolean {
  return builtIn.has(collation.toUpperCase());
}

const names = [
  /no such (collation) sequence: (.+)$/,
  /no such (function|module|tokenizer): (.+)$/,
  /unknown (function|tokenizer): (.+?)(?:\(\))?$/,
];

/**
 * What SQLite lacks, in words, if an error says so: `the collation unicase`. `something` if the error does not
 * name it.
 */
export function missingIn(error: unknown): string | undefined {
  if (!isSqliteError(error, 'SQLITE_ERROR')) return undefined;
  for (const name of names) {
    const [found, what, which] = name.exec(error.message) ?? [];
    if (found !== undefined) return `the ${what} ${which}`;
  }
  return error.message.includes('no query solution') ? 'something' : undefined;
}

/** The indexes and tables of `main` that SQLite cannot read or write, because only the application registers what they need. */
export async function findUnproven(
  connection: Connection,
  tables: readonly CatalogTable[],
  signal?: AbortSignal,
): Promise<Unproven[]> {
  const found: Unproven[] = [];
  for (const table of tables) {
    const named = { table: { name: table.name } };
    for (const index of table.indexes) {
      const missing = mayNeed(table, index)
        ? await ask(connection, `REINDEX ${quoteTable('main', index.name)}`, signal)
        : undefined;
      const isTable = table.withoutRowid && index.primary;
      if (missing !== undefined) found.push({ ...named, missing, ...(isTable ? {} : { index: index.name }) });
    }
    const computed = table.columns.filter(({ generated }) => generated).map(({ name }) => quote(name));
    if (computed.length === 0) continue;
    const sql = `SELECT ${computed.join(', ')} FROM ${quoteTable('main', table.name)}`;
    const missing = await ask(connection, sql, signal);
    if (missing !== undefined) found.push({ ...named, missing });
  }
  return found;
}

/** With the tables whose stored columns and CHECKs need something: their rows can be read. */
export async function findAllUnproven(
  connection: Connection,
  tables: readonly CatalogTable[],
  signal?: AbortSignal,
): Promise<Unproven[]> {
  const found = await findUnproven(connection, tables, signal);
  const computing = tables.filter(
    ({ name, sql, type }) =>
      type === 'table' &&
      /\b(check|as)\b/i.test(sql) &&
      !found.some((one) => one.index === undefined && one.table.name === name),
  );
  if (computing.length === 0) return found;
  // SQLite reads no CHECK of a database that is opened for reading alone.
  const scratch = await Connection.openEmpty();
  try {
    for (const { name, sql, columns, indexes } of computing) {
      const missing = await ask(scratch, sql, signal);
      // A collation is of no concern to a column that is in no index.
      if (!missing?.startsWith('the function')) continue;
      const computed = columns
        .filter(({ generated }) => generated === 'virtual')
        .map((column) => column.name);
      // In the database of a backup from elsewhere nothing is computed that an index could ask for.
      const asking = indexes.filter(
        (index) =>
          index.terms.some(({ column }) => column !== undefined && computed.includes(column)) &&
          !found.some((one) => one.table.name === name && one.index === index.name),
      );
      found.push(...asking.map((index) => ({ table: { name }, index: index.name, missing })));
      found.push({ table: { name }, missing });
    }
    return found;
  } finally {
    await scratch.close();
  }
}

/** What SQLite lacks to prepare a statement. Other errors in the statement do not matter here. */
async function ask(connection: Connection, sql: string, signal?: AbortSignal): Promise<string | undefined> {
  try {
    await connection.all(`EXPLAIN ${sql}`, [], signal);
    return undefined;
  } catch (error) {
    if (signal?.aborted) throw error;
    return missingIn(error);
  }
}

/** All others are known to need nothing. */
function mayNeed({ columns }: CatalogTable, { partial, terms }: CatalogIndex): boolean {
  return (
    partial ||
    columns.some(({ generated }) => generated) ||
    terms.some(({ column, collation }) => column === undefined || !isBuiltIn(collation))
  );
}

/**
 * The error of a table that was written or read as one that names what it needs, and where. Others are given back as they
 * are.
 */
export async function nameMissing(
  error: unknown,
  connection: Connection,
  tables: readonly CatalogTable[],
): Promise<unknown> {
  const missing = missingIn(error);
  if (missing === undefined) return error;
  const found = await findAllUnproven(connection, tables).catch(() => []);
  const what = found.length > 0 ? found.map(describeUnproven).join('; ') : `a statement needs ${missing}`;
  return missingError(what, error);
}

/** The same for one statement, which is for this index or table. */
export function nameMissingOf(error: unknown, place: Omit<Unproven, 'missing'>): unknown {
  const missing = missingIn(error);
  return missing === undefined ? error : missingError(describeUnproven({ ...place, missing }), error);
}

function missingError(what: string, cause: unknown): RestorePointError {
  const sentence = what.charAt(0).toUpperCase() + what.slice(1);
  return new RestorePointError(
    'database',
    `${sentence}, which only the program that uses the database provides`,
    {
      next: 'Restore the whole backup into a new file, or leave out this table.',
      cause,
    },
  );
}
