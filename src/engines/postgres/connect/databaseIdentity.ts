import { createHash } from 'node:crypto';
import type pg from 'pg';

/**
 * The options of `CREATE DATABASE` that make a similar database: see `DatabaseInfo`. `json` is a row of `pg_database`, which has other columns
 * in each version.
 */
export function madeWith(encoding: string, json: string): Readonly<Record<string, string>> {
  const row = JSON.parse(json) as Readonly<Record<string, unknown>>;
  const text = (name: string): string | undefined => {
    const value = row[name];
    return typeof value === 'string' ? value : undefined;
  };
  const found = {
    encoding,
    collate: text('datcollate'),
    ctype: text('datctype'),
    provider: text('datlocprovider'),
    locale: text('datlocale') ?? text('daticulocale'),
  };
  return Object.fromEntries(
    Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/**
 * A hash of the number that a server got when it was made, with the database's name; undefined where the user may not ask
 * for that number. The database's own number would be another one after each DROP and CREATE.
 */
export async function readIdentity(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client
    .query<{ system: string; database: string }>(
      `SELECT system_identifier::pg_catalog.text AS system, pg_catalog.current_database() AS database
         FROM pg_catalog.pg_control_system()`,
    )
    .catch(() => ({ rows: [] }));
  const [found] = rows;
  if (!found) return undefined;
  return createHash('sha256')
    .update(`postgres\0${found.system}\0${found.database}`)
    .digest('hex')
    .slice(0, 32);
}
