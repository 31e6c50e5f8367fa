import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import {
  type Contest,
  freshPostgres,
  freshSqlite,
  type PostgresPlace,
  takePostgres,
  takeSqlite,
} from './contests.ts';
import { withClient } from './databases.ts';

/** A database of another shape than the shop. */
interface Shape {
  readonly name: string;
  /** Statements that fill an empty database. */
  readonly postgres: () => string[];
  readonly sqlite: () => string[];
}

const wideColumns = 100;
const wideRows = 20_000;
const hugeBytes = 96_000_000;

export const shapes: readonly Shape[] = [
  {
    name: `${wideColumns} columns × ${wideRows} rows`,
    postgres: () => [
      `CREATE TABLE wide AS SELECT i AS id, ${wide('i')} FROM generate_series(1, ${wideRows}) i`,
    ],
    sqlite: () => [`CREATE TABLE wide AS ${numbers(wideRows)} SELECT i AS id, ${wide('i')} FROM n`],
  },
  {
    name: `one value of ${hugeBytes / 1e6} MB`,
    postgres: () => [
      `CREATE TABLE huge AS SELECT 1 AS id, string_agg(md5(i::text), '') AS body FROM generate_series(1, ${hugeBytes / 32}) i`,
    ],
    sqlite: () => [`CREATE TABLE huge AS SELECT 1 AS id, randomblob(${hugeBytes}) AS body`],
  },
  small('a hundred tables of 100 rows', 100),
  small('a thousand tables of 100 rows', 1000),
];

export async function fillPostgresShape(url: string, shape: Shape): Promise<void> {
  await withClient(url, async (client) => {
    for (const sql of shape.postgres()) await client.query(sql);
    await client.query('VACUUM ANALYZE');
  });
}

export function fillSqliteShape(file: string, shape: Shape): void {
  const database = new DatabaseSync(file);
  database.exec(`PRAGMA synchronous = off; BEGIN; ${shape.sqlite().join(';')}; COMMIT`);
  database.close();
}

export function postgresShapeContests(place: PostgresPlace, folder: string, { name }: Shape): Contest[] {
  const custom = join(folder, 'shape.dump');
  const backup = join(folder, 'shape.dbbackup');
  return [
    { ...takePostgres(`PostgreSQL backup: ${name}`, place, backup, custom), server: place.server },
    { ...freshPostgres(`PostgreSQL restore: ${name}`, place, backup, custom), server: place.server },
  ];
}

export function sqliteShapeContests(source: string, folder: string, { name }: Shape): Contest[] {
  const dump = join(folder, 'shape.sql');
  const backup = join(folder, 'shape.dbbackup');
  const fresh = join(folder, 'shape-fresh.db');
  return [
    takeSqlite(`SQLite backup: ${name}`, source, backup, dump),
    freshSqlite(`SQLite restore: ${name}`, fresh, backup, dump),
  ];
}

function wide(row: string): string {
  return Array.from({ length: wideColumns }, (_, column) =>
    column % 2 === 0
      ? `(${row} * ${column + 7}) % 100003 AS c${column}`
      : `'value ' || (${row} + ${column}) AS c${column}`,
  ).join(', ');
}

function small(name: string, tables: number): Shape {
  const statements = (rows: string): string[] =>
    Array.from({ length: tables }, (_, table) => [
      `CREATE TABLE small_${table} (id integer PRIMARY KEY, name text NOT NULL, amount numeric)`,
      `INSERT INTO small_${table} ${rows}`,
    ]).flat();
  const row = `i, 'name ' || i, i * 1.25`;
  return {
    name,
    postgres: () => statements(`SELECT ${row} FROM generate_series(1, 100) i`),
    sqlite: () => statements(`${numbers(100)} SELECT ${row} FROM n`),
  };
}

function numbers(rows: number): string {
  return `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})`;
}
