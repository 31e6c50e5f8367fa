import type { DatabaseSync } from 'node:sqlite';
import { openSqlite } from './sqliteWitness.ts';

/** What a restore may change, as folded names. */
export interface Named {
  readonly tables: ReadonlySet<string>;
  /** Indexes, views, triggers and virtual tables. */
  readonly objects: ReadonlySet<string>;
}

interface SchemaRow {
  readonly type: string;
  readonly name: string;
  readonly tbl_name: string;
  readonly rootpage: number | null;
  readonly sql: string | null;
}

export const fold = (name: string): string => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** The folded names of the tables of a database. */
export function tableNames(file: string): ReadonlySet<string> {
  return use(file, (database) => new Set(schemaOf(database).map(({ name }) => fold(name))));
}

/**
 * All that a SQLite database holds but for what is named, as text. Of SQLite's own tables the rows about `known` tables; those
 * about no table are nobody's.
 */
export function unnamedContent(file: string, { tables, objects }: Named, known: ReadonlySet<string>): string {
  const isNamed = (name: string): boolean => {
    const folded = fold(name);
    const owner = folded.slice(0, folded.lastIndexOf('_'));
    return tables.has(folded) || objects.has(folded) || objects.has(owner);
  };
  return use(file, (database) => {
    const schema = schemaOf(database).filter(({ name, type }) => type !== 'index' || !isAutomatic(name));
    const lines = schema
      .filter(({ name }) => !isNamed(name) && !name.startsWith('sqlite_'))
      .flatMap((object) => [
        JSON.stringify([object.type, object.name, object.tbl_name, object.sql]),
        ...(object.rootpage && object.type === 'table' ? rowsOf(database, object.name) : []),
      ]);
    const own = schema
      .filter(({ name }) => /^sqlite_(?:sequence|stat\d)$/.test(name))
      .flatMap(({ name }) => {
        const about = name === 'sqlite_sequence' ? 'name' : 'tbl';
        const rows = database.prepare(`SELECT CAST(${about} AS TEXT) AS about, * FROM ${name}`);
        rows.setReadBigInts(true);
        return rows
          .all()
          .filter(({ about: table }) => known.has(fold(String(table))) && !isNamed(String(table)))
          .map((row) => `${name} ${Object.values(row).map(shown).join(' ')}`);
      });
    const numbers = ['user_version', 'application_id', 'encoding'].map((name) =>
      JSON.stringify(database.prepare(`PRAGMA ${name}`).get()),
    );
    return [...lines, ...own, ...numbers].sort().join('\n');
  });
}

function isAutomatic(name: string): boolean {
  return name.startsWith('sqlite_autoindex_');
}

function schemaOf(database: DatabaseSync): SchemaRow[] {
  return database.prepare('SELECT * FROM sqlite_schema').all() as unknown as SchemaRow[];
}

function rowsOf(database: DatabaseSync, table: string): string[] {
  const rows = database.prepare(`SELECT * FROM "${table.replaceAll('"', '""')}"`);
  rows.setReadBigInts(true);
  return rows.all().map((row) => `${table}: ${Object.values(row).map(shown).join(' ')}`);
}

function shown(value: unknown): string {
  return value instanceof Uint8Array
    ? `x'${Buffer.from(value).toString('hex')}'`
    : `${typeof value} ${String(value)}`;
}

function use<Result>(file: string, work: (database: DatabaseSync) => Result): Result {
  const database = openSqlite(file);
  try {
    return work(database);
  } finally {
    database.close();
  }
}
