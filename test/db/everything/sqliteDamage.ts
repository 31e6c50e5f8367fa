import type { DatabaseSync } from 'node:sqlite';
import { openSqlite, quote } from '../../support/sqliteWitness.ts';

/** What can happen to a live database. */
export type Damage =
  | 'rows deleted'
  | 'rows changed'
  | 'rows added'
  | 'counters changed'
  | 'statistics changed'
  | 'tables dropped'
  | 'indexes dropped'
  | 'views dropped'
  | 'triggers dropped';

export const damages: readonly Damage[] = [
  ...(['rows deleted', 'rows changed', 'rows added', 'counters changed', 'statistics changed'] as const),
  ...(['tables dropped', 'indexes dropped', 'views dropped', 'triggers dropped'] as const),
];

export const rowDamages = damages.slice(0, 5);
export const objectDamages = damages.slice(5);

/** Says for each object, by its name, whether it is harmed. */
export type Choose = (name: string) => boolean;

/** Does all of this to a database file. Triggers stay silent, foreign keys and checks are not asked. */
export function damageSqlite(file: string, kinds: readonly Damage[], choose: Choose = () => true): void {
  const database = openSqlite(file);
  try {
    database.exec('PRAGMA ignore_check_constraints = ON');
    for (const kind of kinds) harm[kind](database, choose);
  } finally {
    database.close();
  }
}

interface Table {
  readonly name: string;
  readonly isVirtual: boolean;
  readonly hasRowid: boolean;
  /** Those that hold data. */
  readonly columns: readonly Column[];
}

interface Column {
  readonly name: string;
  readonly inKey: boolean;
}

const harm: Readonly<Record<Damage, (database: DatabaseSync, choose: Choose) => void>> = {
  'rows deleted': (database, choose) => changeRows(database, choose, deleteRows),
  'rows changed': (database, choose) => changeRows(database, choose, updateRows),
  'rows added': (database, choose) => changeRows(database, choose, insertRows),
  'counters changed': (database) =>
    ifThere(database, 'sqlite_sequence', 'UPDATE sqlite_sequence SET seq = 5000 WHERE seq < 4000'),
  'statistics changed': (database) =>
    ifThere(database, 'sqlite_stat1', `UPDATE sqlite_stat1 SET stat = '1 1'`),
  'tables dropped': (database, choose) => {
    const tables = tablesOf(database);
    const chosen = tables.filter(({ name }) => choose(name));
    execAll(
      database,
      chosen.map(({ name }) => `DROP TABLE ${quote(name)}`),
    );
    // FTS5 with contentless_unindexed leaves a table of its own behind, and could not be made again.
    for (const { name } of tablesOf(database)) {
      if (!tables.some((table) => table.name === name)) database.exec(`DROP TABLE ${quote(name)}`);
    }
  },
  'indexes dropped': (database, choose) => dropAll(database, 'index', choose),
  'views dropped': (database, choose) => dropAll(database, 'view', choose),
  'triggers dropped': (database, choose) => dropAll(database, 'trigger', choose),
};

function ifThere(database: DatabaseSync, table: string, sql: string): void {
  const found = database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = ?`).get(table);
  if (found) database.exec(sql);
}

function dropAll(database: DatabaseSync, type: 'index' | 'view' | 'trigger', choose: Choose): void {
  const names = objectsOf(database, type).map(({ name }) => name);
  execAll(
    database,
    names.filter(choose).map((name) => `DROP ${type} ${quote(name)}`),
  );
}

function objectsOf(database: DatabaseSync, type: string): { name: string; sql: string }[] {
  const query = `SELECT name, sql FROM sqlite_schema WHERE type = ? AND sql IS NOT NULL ORDER BY rowid`;
  return database
    .prepare(query)
    .all(type)
    .map(({ name, sql }) => ({ name: String(name), sql: String(sql) }));
}

/** The tables that a program writes: not those behind virtual ones, nor SQLite's own. */
function tablesOf(database: DatabaseSync): Table[] {
  return database
    .prepare('PRAGMA table_list')
    .all()
    .filter(({ schema, type, name }) => {
      const isTable = type === 'table' || type === 'virtual';
      return schema === 'main' && isTable && !String(name).startsWith('sqlite_');
    })
    .map(({ name, type, wr }) => {
      const columns = columnsOf(database, String(name));
      const taken = columns.map((column) => column.name.toLowerCase());
      const hasRowid = type === 'table' && wr === 0 && !taken.includes('rowid');
      return { name: String(name), isVirtual: type === 'virtual', hasRowid, columns };
    });
}

function columnsOf(database: DatabaseSync, table: string): Column[] {
  return database
    .prepare(`PRAGMA table_xinfo(${quote(table)})`)
    .all()
    .filter(({ hidden }) => hidden === 0)
    .map(({ name, pk }) => ({ name: String(name), inKey: Number(pk) > 0 }));
}

function changeRows(
  database: DatabaseSync,
  choose: Choose,
  change: (database: DatabaseSync, table: Table) => void,
): void {
  const triggers = objectsOf(database, 'trigger');
  execAll(
    database,
    triggers.map(({ name }) => `DROP TRIGGER ${quote(name)}`),
  );
  for (const table of tablesOf(database).filter(({ name }) => choose(name))) change(database, table);
  execAll(
    database,
    triggers.map(({ sql }) => sql),
  );
}

function execAll(database: DatabaseSync, statements: readonly string[]): void {
  database.exec('BEGIN');
  for (const sql of statements) database.exec(sql);
  database.exec('COMMIT');
}

/** A module may refuse what is written, an index fail over it, a counter be at its end: then it is not done. */
function attempt(database: DatabaseSync, sql: string): void {
  try {
    database.exec(sql);
  } catch (error) {
    if (!(error instanceof Error && 'errcode' in error)) throw error;
  }
}

/** Every second row; where rows cannot be told apart, all of them. */
function deleteRows(database: DatabaseSync, { name, hasRowid, isVirtual }: Table): void {
  const half = `WHERE rowid IN (SELECT rowid FROM ${quote(name)} WHERE rowid % 2 = (SELECT min(rowid) % 2 FROM ${quote(name)}))`;
  attempt(database, `DELETE FROM ${quote(name)} ${hasRowid || isVirtual ? half : ''}`);
  // Full-text search without contents knows no other deletion.
  if (isVirtual) attempt(database, `INSERT INTO ${quote(name)} (${quote(name)}) VALUES ('delete-all')`);
}

/** Every column that is in no key, to another value of the same type; where that breaks a key, the row stays. */
function updateRows(database: DatabaseSync, { name, columns }: Table): void {
  for (const column of columns.filter(({ inKey }) => !inKey)) {
    const value = quote(column.name);
    const changed = `CASE typeof(${value})
      WHEN 'integer' THEN ${value} / 2 + 1 WHEN 'real' THEN 0.5 WHEN 'text' THEN ${value} || ' damaged'
      WHEN 'blob' THEN CAST(${value} || x'01' AS BLOB) ELSE ${value} END`;
    attempt(database, `UPDATE OR IGNORE ${quote(name)} SET ${value} = ${changed}`);
  }
}

/** Each row a second time, with another rowid; where that breaks a key, it is not there. */
function insertRows(database: DatabaseSync, { name, columns, isVirtual }: Table): void {
  const free = columns.filter(({ inKey }) => !inKey || columns.every((column) => column.inKey));
  if (free.length === 0 || isVirtual) return;
  const names = free.map((column) => quote(column.name)).join(', ');
  attempt(database, `INSERT OR IGNORE INTO ${quote(name)} (${names}) SELECT ${names} FROM ${quote(name)}`);
}
