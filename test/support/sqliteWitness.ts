import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { ensureDebianPackages } from './debianPackages.ts';

/**
 * All that a SQLite database holds, as lines of text, seen by clients that the product does not use: Node's own SQLite
 * and Debian's command line tool.
 */
export interface SqliteWitness {
  /** What the file's header says: encoding, page size, the numbers that belong to programs. */
  readonly settings: readonly string[];
  /** Every object with its statement: tables, then the others, then SQLite's own tables; each in their order. */
  readonly schema: readonly string[];
  /** For each table and view that has triggers, their names in the order of sqlite_schema, in which they fire. */
  readonly triggers: readonly string[];
  /** Every row of every table, shadow tables and SQLite's own tables too: rowid, types and bytes; sorted. */
  readonly rows: readonly string[];
  /** What `integrity_check` and `foreign_key_check` say; sorted. */
  readonly checks: readonly string[];
  /** What `sqlite3 .dump` says, where it was asked for; bytes as Latin-1. */
  readonly dump?: readonly string[];
}

export interface WitnessOptions {
  /** Ask Debian's tool too. */
  readonly tool?: boolean;
}

/**
 * Looks at a database file. No other connection of this process may have the file open: two libraries of SQLite in one
 * process end each other's locks.
 */
export function readSqliteWitness(file: string, { tool = false }: WitnessOptions = {}): SqliteWitness {
  const database = connect(file, true);
  try {
    const objects = readSchema(database);
    return {
      settings: readSettings(database),
      schema: inGroups(objects).map(showObject),
      triggers: triggerOrder(objects),
      rows: readTables(database).toSorted(),
      checks: readChecks(database).toSorted(),
      ...(tool ? { dump: dumpWithTool(file) } : {}),
    };
  } finally {
    database.close();
  }
}

/** A connection of Node's own SQLite that forbids nothing that SQLite's own command line tool allows. */
export function openSqlite(file: string): DatabaseSync {
  const database = connect(file, false);
  // No test pulls the plug. A rollback journal in memory is this connection's alone; WAL would be the file's.
  database.exec('PRAGMA synchronous = OFF');
  if (readRows(database, 'PRAGMA journal_mode')[0]?.[0] !== 'wal')
    database.exec('PRAGMA journal_mode = MEMORY');
  return database;
}

function connect(file: string, readOnly: boolean): DatabaseSync {
  const options = {
    readOnly,
    enableForeignKeyConstraints: false,
    enableDoubleQuotedStringLiterals: true,
    // Newer than the types. Shadow tables may be written, and sqlite_schema with writable_schema.
    defensive: false,
    timeout: 10_000,
  };
  return new DatabaseSync(file, options);
}

/**
 * Throws an AssertionError that shows the first differences. `anyOrder`: objects may lie in another order, as they do
 * when some of them were created again; triggers of one table may not.
 */
export function assertSameSqlite(
  actual: SqliteWitness,
  expected: SqliteWitness,
  { anyOrder = false }: { anyOrder?: boolean } = {},
): void {
  const ordered = (lines: readonly string[]): readonly string[] => (anyOrder ? lines.toSorted() : lines);
  assertSameLines('settings', actual.settings, expected.settings);
  assertSameLines('schema', ordered(actual.schema), ordered(expected.schema));
  assertSameLines('triggers', actual.triggers, expected.triggers);
  assertSameLines('rows', actual.rows, expected.rows);
  assertSameLines('checks', actual.checks, expected.checks);
  if (!actual.dump && !expected.dump) return;
  assertSameLines('.dump', ordered(actual.dump ?? []), ordered(expected.dump ?? []));
}

/**
 * Without the counter of a table that is gone (`auto_gone` of the tests): only a backup that this machine made brings
 * such a counter back.
 */
export function withoutLostCounter(lines: readonly string[]): string[] {
  return lines.filter((line) => !line.replaceAll(/\0|\\u0000/g, '').includes('auto_gone'));
}

/** As `assertSameSqlite`, after a restore from a backup that came from anywhere. */
export function assertComesBack(
  actual: SqliteWitness,
  expected: SqliteWitness,
  options: { anyOrder?: boolean } = {},
): void {
  const plain = ({ rows, dump, ...rest }: SqliteWitness): SqliteWitness => ({
    ...rest,
    rows: withoutLostCounter(rows),
    ...(dump ? { dump: withoutLostCounter(dump) } : {}),
  });
  assertSameSqlite(plain(actual), plain(expected), options);
}

/**
 * All of a database as lines, whatever the order of its objects and the layout of its file: two are equal exactly when
 * the databases are the same to any program.
 */
export function sqliteDump(file: string): string[] {
  const { settings, schema, triggers, rows, checks } = readSqliteWitness(file);
  const content = settings.filter((setting) => !/^(?:page_size|auto_vacuum) /.test(setting));
  return [...content, ...schema.toSorted(), ...triggers, ...rows, ...checks];
}

type SchemaRow = [type: SQLOutputValue, name: SQLOutputValue, table: SQLOutputValue, sql: SQLOutputValue];

function readSchema(database: DatabaseSync): SchemaRow[] {
  return readRows(database, 'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid').map(
    (row) => row as SchemaRow,
  );
}

/** As .dump has them, but for SQLite's own tables: when those came into being means nothing. */
function inGroups(objects: readonly SchemaRow[]): SchemaRow[] {
  const group = ([type, name, , sql]: SchemaRow): number =>
    type === 'table' && String(name).startsWith('sqlite_') ? 2 : type === 'table' || sql === null ? 0 : 1;
  return objects.toSorted((a, b) => group(a) - group(b));
}

/** An index that SQLite made for a constraint has no statement. */
function showObject([type, name, table, sql]: SchemaRow): string {
  return [type, name, sql ?? `on ${String(table)}`].map(String).join(' ');
}

function triggerOrder(objects: readonly SchemaRow[]): string[] {
  const triggers = objects.filter(([type]) => type === 'trigger');
  const byTable = Map.groupBy(triggers, ([, , table]) => fold(String(table)));
  return [...byTable]
    .map(([table, rows]) => `${show(table)}: ${rows.map(([, name]) => show(String(name))).join(' ')}`)
    .toSorted();
}

function readSettings(database: DatabaseSync): string[] {
  const pragmas = ['encoding', 'page_size', 'auto_vacuum', 'user_version', 'application_id'];
  return pragmas.map((pragma) => `${pragma} ${String(readRows(database, `PRAGMA main.${pragma}`)[0]?.[0])}`);
}

function readTables(database: DatabaseSync): string[] {
  const lines: string[] = [];
  for (const [schema, tableName, type, , withoutRowid] of readRows(database, 'PRAGMA table_list')) {
    const name = String(tableName);
    if (schema !== 'main' || type === 'view' || type === 'virtual' || name === 'sqlite_schema') continue;
    const ownTable = name.startsWith('sqlite_');
    lines.push(...readTable(database, name, withoutRowid === 0n && !ownTable));
  }
  return lines;
}

/** The rows of a table, each a line of its own that begins with the table's name. */
function readTable(database: DatabaseSync, name: string, hasRowid: boolean): string[] {
  const columns = readRows(database, `PRAGMA main.table_xinfo(${quote(name)})`).map((row) => String(row[1]));
  const taken = new Set(columns.map(fold));
  // A rowid whose three names are all columns is reached by no statement: nobody can see it.
  const rowid = hasRowid ? ['rowid', '_rowid_', 'oid'].find((candidate) => !taken.has(candidate)) : undefined;
  const values = columns.map((column) => {
    const value = `main.${quote(name)}.${quote(column)}`;
    // Text as the bytes that it is, in the database's encoding; a blob as text, to be told apart from it.
    return `CASE typeof(${value}) WHEN 'text' THEN CAST(${value} AS BLOB) WHEN 'blob' THEN hex(${value}) ELSE ${value} END`;
  });
  const from = `FROM main.${quote(name)} NOT INDEXED`;
  const lines = readRows(database, `SELECT ${rowid ?? 'NULL'} ${from}`).map(([first]) =>
    rowid ? `${show(name)} ${String(first)}` : show(name),
  );
  // A result has no more columns than a table may have.
  for (let start = 0; start < values.length; start += 1000) {
    let line = 0;
    const some = values.slice(start, start + 1000).join(', ');
    for (const row of iterateRows(database, `SELECT ${some} ${from}`)) {
      lines[line++] += ` ${row.map(showValue).join(' ')}`;
    }
  }
  return lines;
}

function showValue(value: SQLOutputValue): string {
  if (value === null) return 'null';
  if (typeof value === 'bigint') return `integer:${value}`;
  // As few digits as tell it from any other double; of both zeros only one is told by String.
  if (typeof value === 'number') return `real:${Object.is(value, -0) ? '-0' : String(value)}`;
  if (typeof value === 'string') return `blob:${shorten(value, 'x')}`;
  return `text:${showText(Buffer.from(value))}`;
}

function showText(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? shorten(JSON.stringify(text), '') : `x${hex(bytes)}`;
}

function hex(bytes: Buffer): string {
  return shorten(bytes.toString('hex'), '');
}

/** A long value by its hash: texts of several MB would be kept in memory, and shown when they differ. */
function shorten(text: string, prefix: string): string {
  if (text.length <= 2000) return prefix + text;
  return `${prefix}${text.slice(0, 40)}… ${text.length} ${createHash('sha256').update(text).digest('hex')}`;
}

function readChecks(database: DatabaseSync): string[] {
  const ask = (pragma: string): string[] => {
    try {
      return readRows(database, `PRAGMA ${pragma}`).map((row) => `${pragma}: ${row.map(String).join(' ')}`);
    } catch (error) {
      // A foreign key whose parent has no unique key ("foreign key mismatch") is told so.
      return [`${pragma} fails: ${String(error)}`];
    }
  };
  return [...ask('main.integrity_check(100000)'), ...ask('main.foreign_key_check')];
}

/** Throws if the tool meets something that it cannot dump. */
function dumpWithTool(file: string): string[] {
  // Makes sure that it is there.
  sqliteToolVersion();
  const command = ['-batch', '-bail', '-init', '/dev/null', '-cmd', '.timeout 10000', file];
  const run = spawnSync('sqlite3', [...command, '.dump'], { maxBuffer: 1 << 30 });
  if (run.error) throw new Error('sqlite3 could not be started', { cause: run.error });
  const lines = run.stdout.toString('latin1').trimEnd().split('\n');
  if (run.status === 0 && run.stderr.length === 0 && lines.at(-1) === 'COMMIT;') return ownTablesLast(lines);
  throw new Error(`sqlite3 .dump failed (code ${run.status}): ${run.stderr.toString()} ${lines.at(-1)}`);
}

/** When SQLite's own tables came into being, and in which order their rows, means nothing. */
function ownTablesLast(lines: readonly string[]): string[] {
  const own = /^(?:ANALYZE sqlite_schema;|(?:INSERT INTO|DELETE FROM) sqlite_(?:sequence|stat\d)\b)/;
  return [...lines.filter((line) => !own.test(line)), ...lines.filter((line) => own.test(line)).toSorted()];
}

let toolVersion: string | undefined;

/** Which SQLite Debian's tool is, such as `3.40.1`. */
export function sqliteToolVersion(): string {
  if (toolVersion === undefined) {
    ensureDebianPackages(['sqlite3']);
    toolVersion = spawnSync('sqlite3', ['--version'], { encoding: 'utf8' }).stdout.split(' ')[0] ?? '';
  }
  return toolVersion;
}

function assertSameLines(part: string, actual: readonly string[], expected: readonly string[]): void {
  const [missing, surplus] = [without(expected, actual), without(actual, expected)];
  const inOrder =
    actual.length === expected.length && actual.every((line, index) => line === expected[index]);
  if (inOrder) return;
  const some = (sign: string, lines: readonly string[]): string[] =>
    lines.slice(0, 5).map((line) => `  ${sign} ${line.slice(0, 300)}`);
  const differences = [...some('-', missing), ...some('+', surplus)];
  const told = differences.length > 0 ? differences : orderDifference(actual, expected);
  assert.fail(
    `The ${part} differ (${missing.length} lines missing, ${surplus.length} too many):\n${told.join('\n')}`,
  );
}

function orderDifference(actual: readonly string[], expected: readonly string[]): string[] {
  const index = actual.findIndex((line, at) => line !== expected[at]);
  return [`  line ${index + 1}: ${actual[index]?.slice(0, 200)}`, `  not ${expected[index]?.slice(0, 200)}`];
}

/** The lines of the first that the second has fewer of. */
function without(lines: readonly string[], others: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const line of others) counts.set(line, (counts.get(line) ?? 0) + 1);
  return lines.filter((line) => {
    const count = counts.get(line) ?? 0;
    counts.set(line, count - 1);
    return count <= 0;
  });
}

function* iterateRows(database: DatabaseSync, sql: string): Generator<SQLOutputValue[]> {
  const statement = database.prepare(sql);
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  for (const row of statement.iterate()) yield row as unknown as SQLOutputValue[];
}

function readRows(database: DatabaseSync, sql: string): SQLOutputValue[][] {
  return [...iterateRows(database, sql)];
}

function show(name: string): string {
  return /^\w+$/.test(name) ? name : JSON.stringify(name);
}

/** An identifier in a statement. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Names are one to SQLite when they differ in the case of ASCII letters alone. */
function fold(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}
