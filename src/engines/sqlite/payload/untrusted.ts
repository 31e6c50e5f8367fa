import { stat } from 'node:fs/promises';
import { RestorePointError } from '../../../core/errors.ts';
import type { Manifest } from '../../../core/manifest.ts';
import type { CatalogTable } from '../schema/catalog.ts';
import { Connection } from '../connect/connection.ts';
import { foldName } from '../connect/identifiers.ts';
import { checkPayloadSchema, modulesOf, schemaBounds, virtualOwner } from './payloadSchemaCheck.ts';
import { withoutExpressions } from '../schema/plainTables.ts';
import { readSchemaOrder } from '../schema/schemaOrder.ts';
import { readSchemaRows, type SchemaRow } from '../schema/schemaRows.ts';
import { checkSchemaSize } from './schemaSize.ts';

/** How long one statement may take on a database that came from anywhere, besides a second for each MiB of it. */
const patienceMilliseconds = 60_000;

const mebibyte = 1024 * 1024;

/** Opens a file such that nothing in it is run with more than SQLite's own harmless functions, and not for ever. */
export async function openUntrusted(
  file: string,
  mode: 'immutable' | 'write' = 'immutable',
): Promise<Connection> {
  const { size } = await stat(file);
  const connection = await Connection.open(file, mode);
  try {
    connection.bound({
      valueBytes: 2 * size + mebibyte,
      milliseconds: patienceMilliseconds + Math.ceil(size / mebibyte) * 1000,
    });
    await distrust(connection);
    await connection.all('PRAGMA ignore_check_constraints = ON');
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Makes a connection one that computes with harmless functions alone what a schema asks for, and mistrusts pages. */
export async function distrust(connection: Connection): Promise<void> {
  await connection.all('PRAGMA trusted_schema = OFF');
  await connection.all('PRAGMA cell_size_check = ON');
  await connection.all('PRAGMA mmap_size = 0');
}

/** Opens the schema of a file that can be made anew to be written, without a journal. */
export async function editSchema<Result>(
  file: string,
  edit: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  const connection = await openUntrusted(file, 'write');
  try {
    await connection.all('PRAGMA journal_mode = OFF');
    await connection.all('PRAGMA synchronous = OFF');
    await connection.all('PRAGMA writable_schema = ON');
    return await edit(connection);
  } finally {
    await connection.close();
  }
}

/** The schema of a database before it was disarmed. */
export interface UntrustedSchema {
  /** See `readSchemaOrder`. */
  readonly order: readonly string[];
  /** The tables, with their statements. */
  readonly stored: readonly SchemaRow[];
  readonly virtual: readonly { readonly name: string; readonly sql: string }[];
}

/**
 * Checks the schema of a database that came from anywhere, and leaves tables of rows and their indexes in it, without anything
 * that SQLite would compute when it reads them. Throws `damaged-backup`.
 */
export async function disarmUntrusted(
  file: string,
  manifest: Manifest,
  signal?: AbortSignal,
): Promise<UntrustedSchema> {
  await checkSchemaSize(file, schemaBounds(manifest));
  return editSchema(file, async (connection) => {
    const rows = await readSchema(connection, signal);
    checkPayloadSchema(rows, manifest);
    const order = await readSchemaOrder(connection, 'main', signal);
    await connection.run('DELETE FROM main.sqlite_schema WHERE (rootpage > 0) IS NOT TRUE', [], signal);
    const tables = rows.filter(({ type }) => type === 'table');
    for (const { name, sql } of tables) {
      const plain = withoutExpressions(sql ?? '');
      if (plain === sql) continue;
      await connection.run(`UPDATE main.sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?`, [
        plain,
        name,
      ]);
    }
    return {
      order,
      stored: tables.filter(({ rootPage }) => rootPage > 0),
      virtual: tables.flatMap(({ name, sql, rootPage }) => (rootPage > 0 ? [] : [{ name, sql: sql ?? '' }])),
    };
  });
}

async function readSchema(connection: Connection, signal?: AbortSignal): Promise<SchemaRow[]> {
  const rows = await readSchemaRows(connection, 'main', signal);
  const isSound = ({ type, name, tableName, rootPage, sql }: SchemaRow): boolean =>
    [type, name, tableName].every((text) => typeof text === 'string') &&
    typeof rootPage === 'number' &&
    (sql === null ? type === 'index' : typeof sql === 'string');
  if (rows.every(isSound)) return rows;
  throw new RestorePointError('damaged-backup', 'The schema of the database in the backup is damaged');
}

/** The tables of a disarmed database as they were before. */
export function asItWas(
  disarmed: readonly CatalogTable[],
  { stored, virtual }: UntrustedSchema,
): CatalogTable[] {
  const statements = new Map(stored.map(({ name, sql }) => [foldName(name), sql]));
  const modules = modulesOf(virtual);
  return [
    ...disarmed.map((table): CatalogTable => {
      const type = virtualOwner(table.name, modules) === undefined ? table.type : 'shadow';
      return { ...table, type, sql: statements.get(foldName(table.name)) ?? table.sql };
    }),
    ...virtual.map(({ name, sql }): CatalogTable => ({
      name,
      type: 'virtual',
      sql,
      withoutRowid: false,
      autoincrement: false,
      columns: [],
      primaryKey: [],
      indexes: [],
      foreignKeys: [],
    })),
  ];
}
