import assert from 'node:assert/strict';
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { openSqlite, sqliteToolVersion } from '../../support/sqliteWitness.ts';
import { counterEntries, rowidEntries } from './sqlite/counters.ts';
import type { SqliteEntry } from './sqlite/entry.ts';
import { keyEntries } from './sqlite/keys.ts';
import { nameEntries } from './sqlite/names.ts';
import { brokenEntries, indexEntries, triggerEntries, viewEntries } from './sqlite/objects.ts';
import { settingEntries } from './sqlite/settings.ts';
import { tableEntries } from './sqlite/tables.ts';
import { alteredEntries, statisticsEntries, textEntries } from './sqlite/texts.ts';
import { valueEntries } from './sqlite/values.ts';
import { fullTextEntries, rtreeEntries } from './sqlite/virtual.ts';

export type { SqliteEntry } from './sqlite/entry.ts';

/** One of everything that SQLite 3.45 and later can hold. */
export const sqliteEntries: readonly SqliteEntry[] = [
  ...tableEntries,
  ...keyEntries,
  ...indexEntries,
  ...viewEntries,
  ...triggerEntries,
  ...fullTextEntries,
  ...rtreeEntries,
  ...counterEntries,
  ...rowidEntries,
  ...valueEntries,
  ...textEntries,
  ...alteredEntries,
  ...statisticsEntries,
  ...nameEntries,
  ...settingEntries,
  ...brokenEntries,
];

/** Those that can stand in one database together. */
export const sharedSqliteEntries: readonly SqliteEntry[] = sqliteEntries.filter(
  ({ alone, settings }) => alone === undefined && settings === undefined,
);

/** Makes a database file that holds these entries, each complete before the next begins. */
export function makeSqlite(file: string, entries: readonly SqliteEntry[], settings = ''): void {
  const database = openSqlite(file);
  try {
    for (const pragmas of [settings, ...entries.map((entry) => entry.settings ?? '')]) database.exec(pragmas);
    for (const { name, sql } of entries) {
      try {
        database.exec(`BEGIN; ${sql} COMMIT;`);
      } catch (error) {
        throw new Error(`The entry "${name}" could not be made`, { cause: error });
      }
    }
  } finally {
    database.close();
  }
}

/** Whether Debian's tool, which is older than what the product supports, reads all of this. */
export function toolReads(entries: readonly SqliteEntry[]): boolean {
  const numbers = (version: string): number[] => version.split('.').map(Number);
  const [major = 0, minor = 0] = numbers(sqliteToolVersion());
  return entries.every(({ since }) => {
    const [needsMajor = 0, needsMinor = 0] = numbers(since ?? '0');
    return major > needsMajor || (major === needsMajor && minor >= needsMinor);
  });
}

/** Asks every probe and makes every insert, each in a transaction that is rolled back. Throws an AssertionError. */
export function checkSqlite(file: string, entries: readonly SqliteEntry[]): void {
  const database = openSqlite(file);
  try {
    for (const { name, probes = [], inserts = [] } of entries) {
      for (const { run = '', ask, gives } of probes) {
        assert.equal(rolledBack(database, run, ask), gives, `${name}: ${run} ${ask}`);
      }
      for (const { sql, gives } of inserts) {
        assert.equal(rolledBack(database, '', sql), gives, `${name}: ${sql}`);
      }
    }
  } finally {
    database.close();
  }
}

/** The answer, or the message of the error. */
function rolledBack(database: DatabaseSync, run: string, ask: string): string {
  database.exec('BEGIN');
  try {
    database.exec(run);
    const statement = database.prepare(ask);
    statement.setReadBigInts(true);
    statement.setReturnArrays(true);
    return (statement.all() as unknown as SQLOutputValue[][]).flat().map(showAnswer).join('|');
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    // RAISE (ROLLBACK) has ended it.
    if (database.isTransaction) database.exec('ROLLBACK');
  }
}

function showAnswer(value: SQLOutputValue): string {
  if (value === null) return 'NULL';
  if (value instanceof Uint8Array) return `x'${Buffer.from(value).toString('hex')}'`;
  return typeof value === 'number' && Number.isInteger(value) ? `${value}.0` : String(value);
}
