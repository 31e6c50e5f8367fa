import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Contest, ours, type PostgresPlace, type Side, takePostgres } from './contests.ts';
import { withClient } from './databases.ts';

const many = 2000;
const few = 10;

/** Makes many tables with a sequence and a foreign key each, of whose catalogs the server knows no statistics. */
export async function fillFreshTables(url: string): Promise<void> {
  await withClient(url, async (client) => {
    await client.query('ALTER SYSTEM SET autovacuum = off');
    await client.query('SELECT pg_reload_conf()');
    await makeTables(url, many);
  });
}

/** A backup of all of them against `pg_dump`, and a restore of one of them against that of one of few. */
export function freshTablesContests(place: PostgresPlace, folder: string): Contest[] {
  const backup = join(folder, 'fresh-tables.dbbackup');
  const fewBackup = join(folder, 'few-tables.dbbackup');
  const title = `${many} tables without statistics`;
  return [
    {
      ...takePostgres(`PostgreSQL backup: ${title}`, place, backup, join(folder, 'fresh-tables.dump')),
      server: place.server,
    },
    {
      title: `PostgreSQL restore: one of ${title}`,
      ours: restoreOne('restore-point restore', backup, place.source, many),
      peers: [
        {
          ...restoreOne(`the same, one of ${few}`, fewBackup, place.fresh, few),
          prepare: () => makeFew(place, fewBackup),
        },
      ],
      server: place.server,
    },
  ];
}

function restoreOne(name: string, backup: string, target: string, table: number): Side {
  return { name, commands: [ours('restore', backup, target, '--tables', `t${table}`, '--yes')] };
}

async function makeFew(place: PostgresPlace, backup: string): Promise<void> {
  const name = new URL(place.fresh).pathname.slice(1);
  await withClient(place.admin, async (admin) => {
    await admin.query(`DROP DATABASE IF EXISTS ${name}`);
    await admin.query(`CREATE DATABASE ${name}`);
  });
  await makeTables(place.fresh, few);
  rmSync(backup, { force: true });
  const { program, args } = ours('backup', place.fresh, '--out', backup);
  await promisify(execFile)(program, args);
}

function makeTables(url: string, count: number): Promise<unknown> {
  return withClient(url, async (client) => {
    for (let table = 1; table <= count; table++) {
      const before = Math.max(table - 1, 1);
      await client.query(
        `CREATE TABLE t${table} (id serial PRIMARY KEY, v text DEFAULT 'x', r int REFERENCES t${before});
         INSERT INTO t${table} (v) VALUES ('a'), ('b')`,
      );
    }
  });
}
