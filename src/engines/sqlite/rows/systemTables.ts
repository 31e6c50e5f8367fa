import { hasSystemTable } from '../schema/catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { createIn } from './copyRows.ts';
import { quote, quoteTable } from '../connect/identifiers.ts';
import { writeSchema } from '../schema/schemaOrder.ts';

/**
 * The tables of SQLite's own whose rows are about tables, each with its statement where SQLite does not make it when it
 * is needed: statistics of some kinds are made only where it is built for them, and kept everywhere.
 */
const systemTables: Readonly<Record<string, string | undefined>> = {
  sqlite_sequence: undefined,
  sqlite_stat1: '(tbl,idx,stat)',
  sqlite_stat2: '(tbl,idx,sampleno,sample)',
  sqlite_stat3: '(tbl,idx,neq,nlt,ndlt,sample)',
  sqlite_stat4: '(tbl,idx,neq,nlt,ndlt,sample)',
};

export const systemTableNames: readonly string[] = Object.keys(systemTables);

export interface SystemRows {
  /** One of the connection's databases. */
  readonly from: string;
  readonly to: string;
  /** The tables that they are about, in any case of letters. */
  readonly about: readonly string[];
  /** Copies the rows about objects that `to` has, and replaces existing rows about the same objects. */
  readonly aboutNone?: boolean;
  /** A table of these without rows comes too. */
  readonly empty?: boolean;
}

/**
 * Takes the counters and statistics of tables over as they are, also those that mean nothing. Rows about other tables
 * stay.
 */
export async function copySystemRows(
  connection: Connection,
  { from, to, about, aboutNone = false, empty = false }: SystemRows,
  signal?: AbortSignal,
): Promise<void> {
  const names = [JSON.stringify(about)];
  for (const [name, columns] of Object.entries(systemTables)) {
    const [out, into] = [quoteTable(from, name), quoteTable(to, name)];
    const column = quote(columns === undefined ? 'name' : 'tbl');
    const isAbout = (table: string): string =>
      `${table}.${column} COLLATE NOCASE IN (SELECT value FROM temp.json_each(?1))`;
    const isAboutNone = `(${out}.${column} COLLATE NOCASE NOT IN
      (SELECT name FROM ${quote(to)}.sqlite_schema)) IS NOT FALSE`;
    const chosen = aboutNone ? `(${isAbout(out)} OR ${isAboutNone})` : isAbout(out);
    const isThere = await hasSystemTable(connection, to, name, signal);
    if (isThere) await connection.run(`DELETE FROM ${into} WHERE ${isAbout(into)}`, names, signal);
    if (!(await hasSystemTable(connection, from, name, signal))) continue;
    if (!isThere) {
      const any = await connection.get(
        `SELECT 1 AS found FROM ${out} WHERE ${chosen} LIMIT 1`,
        names,
        signal,
      );
      if (!any && !empty) continue;
      await createSystemTable(connection, to, name);
    } else if (aboutNone) {
      const twice = `SELECT 1 FROM ${out} WHERE ${out}.${column} IS ${into}.${column} AND ${isAboutNone}`;
      await connection.run(`DELETE FROM ${into} WHERE EXISTS (${twice})`, [], signal);
    }
    const rows = `SELECT * FROM ${out} WHERE ${chosen} ORDER BY rowid`;
    await connection.run(`INSERT INTO ${into} ${rows}`, names, signal);
  }
}

export async function createSystemTable(connection: Connection, schema: string, name: string): Promise<void> {
  const columns = systemTables[name];
  if (columns === undefined) {
    const maker = quoteTable(schema, 'restore_point_counter');
    await connection.run(`CREATE TABLE ${maker} (n INTEGER PRIMARY KEY AUTOINCREMENT)`);
    await connection.run(`DROP TABLE ${maker}`);
    return;
  }
  await writeSchema(connection, schema, () =>
    connection.run(createIn(schema, `CREATE TABLE ${name}${columns}`)),
  );
}
