import type { WorkOptions } from '../engine.ts';
import { fileUri } from './address.ts';
import { type CatalogTable, readCatalog, virtualTables } from './catalog.ts';
import { Connection } from './connection.ts';
import { copiedColumns, quoteList, transferSql } from './copyRows.ts';
import { inWords } from './errors.ts';
import { foldName, quote, quoteTable } from './identifiers.ts';
import { readSettings } from './payloadDatabase.ts';
import { distrust } from './untrusted.ts';
import { writeSchema } from './schemaOrder.ts';
import { copySystemRows } from './systemTables.ts';
import { nameMissing } from './unproven.ts';
import { insertVirtualTables } from './virtualTables.ts';

const liveSchema = 'restore_point_live';

interface StoredObject {
  readonly type: string;
  readonly name: string;
  readonly tableName: string;
  readonly sql: string;
}

/**
 * Whether a database file can take the place of a live one: text is stored alike, pages are of one size, and what both
 * have is of one definition.
 */
export async function canReplace(file: Connection, live: Connection): Promise<boolean> {
  const [one, other] = [await readSettings(file), await readSettings(live)];
  const alike =
    one.encoding === other.encoding && one.pageSize === other.pageSize && one.autoVacuum === other.autoVacuum;
  if (!alike) return false;
  const known = await readObjects(file, 'main');
  return [...(await readObjects(live, 'main'))].every(
    ([key, { sql }]) => (known.get(key)?.sql ?? sql) === sql,
  );
}

/**
 * Brings over what a live database has and the file that takes its place does not: tables with their rows, indexes, views,
 * triggers, and the numbers by which programs know it. Throws `database` with the table.
 */
export async function composeFile(
  path: string,
  live: string,
  { signal, logger }: WorkOptions,
): Promise<void> {
  const connection = await Connection.open(path, 'write');
  try {
    await distrust(connection);
    await connection.all('PRAGMA journal_mode = OFF');
    await connection.all('PRAGMA synchronous = OFF');
    await connection.all('PRAGMA foreign_keys = OFF');
    await connection.all('PRAGMA ignore_check_constraints = ON');
    await connection.run(`ATTACH ? AS ${quote(liveSchema)}`, [fileUri(live, 'read')], signal);
    await connection.run('BEGIN', [], signal);
    await bringOver(connection, signal);
    if ((await readObjects(connection, liveSchema)).size > 0) await keepNumbers(connection);
    await connection.run('COMMIT', [], signal);
  } finally {
    await connection.closeQuietly(logger);
  }
}

async function bringOver(connection: Connection, signal?: AbortSignal): Promise<void> {
  const known = await readObjects(connection, 'main');
  const missing = [...(await readObjects(connection, liveSchema))]
    .filter(([key]) => !known.has(key))
    .map(([, object]) => object);
  if (missing.length === 0) return;
  const catalog = await readCatalog(connection, liveSchema, signal);
  const tables: CatalogTable[] = [];
  for (const { type, name, sql } of missing) {
    const table = catalog.find((candidate) => candidate.name === name);
    if (type !== 'table' || !table || table.type === 'virtual') continue;
    await create(connection, name, sql, [], signal);
    await fill(connection, table, signal);
    tables.push(table);
  }
  for (const { type, tableName, sql } of missing)
    if (type === 'index') await create(connection, tableName, sql, catalog, signal);
  const virtual = virtualTables(catalog).filter(({ name }) => missing.some((object) => object.name === name));
  if (virtual.length > 0)
    await writeSchema(connection, 'main', () => insertVirtualTables(connection, 'main', virtual));
  for (const { type, tableName, sql } of missing)
    if (type === 'view' || type === 'trigger') await create(connection, tableName, sql, [], signal);
  const about = [...tables, ...virtual].map(({ name }) => name);
  await copySystemRows(connection, { from: liveSchema, to: 'main', about }, signal);
}

async function create(
  connection: Connection,
  table: string,
  sql: string,
  catalog: readonly CatalogTable[],
  signal?: AbortSignal,
): Promise<void> {
  await inWords('database', { table }, async () => {
    try {
      await connection.run(sql, [], signal);
    } catch (error) {
      throw await nameMissing(
        error,
        connection,
        catalog.filter(({ name }) => name === table),
      );
    }
  });
}

async function fill(connection: Connection, table: CatalogTable, signal?: AbortSignal): Promise<void> {
  const [from, to] = [quoteTable(liveSchema, table.name), quoteTable('main', table.name)];
  const columns = quoteList(copiedColumns(table));
  const sql =
    (await transferSql(connection, table, from, to)) ??
    `INSERT OR ABORT INTO ${to} (${columns}) SELECT ${columns} FROM ${from}`;
  await inWords('database', { table: table.name }, () => connection.run(sql, [], signal));
}

/** What programs have noted in the live database for themselves. */
async function keepNumbers(connection: Connection): Promise<void> {
  for (const number of ['user_version', 'application_id']) {
    const [found] = await connection.all<Record<string, number>>(`PRAGMA ${liveSchema}.${number}`);
    await connection.all(`PRAGMA main.${number} = ${found?.[number] ?? 0}`);
  }
}

/** By kind and folded name. Automatic indexes and SQLite's own tables have no statement, or are nobody's. */
async function readObjects(connection: Connection, schema: string): Promise<Map<string, StoredObject>> {
  const rows = await connection.all<StoredObject>(
    `SELECT type AS type, name AS name, tbl_name AS tableName, sql AS sql FROM ${quote(schema)}.sqlite_schema
     WHERE sql IS NOT NULL AND substr(name, 1, 7) <> 'sqlite_' ORDER BY rowid`,
  );
  return new Map(rows.map((row) => [`${row.type} ${foldName(row.name)}`, row]));
}
