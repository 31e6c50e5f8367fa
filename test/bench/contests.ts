import { execFile, execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, openSync, closeSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../support/paths.ts';
import type { Command } from './measure.ts';
import { shopTables } from './shopData.ts';
import { type Damage, damageSqlite, withClient } from './databases.ts';

/** One way to do a piece of work. */
export interface Side {
  readonly name: string;
  readonly commands: readonly Command[];
  /** What has to be as it was before, outside of the measured time. */
  prepare?(): Promise<void> | void;
  /** The file that it made, whose size is reported. */
  readonly file?: string;
  /** The file to which a restore of ours writes its report, as JSON. */
  readonly report?: string;
}

/** Work that is done by several, ours first. */
export interface Contest {
  readonly title: string;
  readonly ours: Side;
  readonly peers: readonly Side[];
  /** The pid of the server whose work counts too. */
  readonly server?: number;
  /** How many rows each side works on. */
  readonly rows?: number;
  /** Nothing that is read is in the system's cache at the beginning of a run. */
  readonly fromDisk?: boolean;
}

export interface PostgresPlace {
  readonly source: string;
  /** A database that holds the same. */
  readonly live: string;
  /** A database that is made anew for each run. */
  readonly fresh: string;
  readonly admin: string;
  readonly server: number;
  /** Folder of pg_dump, pg_restore and psql of the server's version. */
  readonly clients: string;
}

const tables = shopTables.map(({ name }) => name).join(', ');

/** The command line of this project. */
export function ours(...args: string[]): Command {
  return { program: process.execPath, args: [join(projectRoot, 'dist', 'cli.js'), ...args] };
}

function ourRestore(backup: string, target: string, prepare: () => Promise<void> | void): Side {
  const report = `${backup}.report.json`;
  const restore = ours('restore', backup, target, '--yes', '--no-safety-backup', '--json');
  return { name: 'restore-point restore', commands: [{ ...restore, output: report }], prepare, report };
}

/** What the sides of the PostgreSQL contests leave for one another. */
function postgresFiles(place: PostgresPlace, folder: string) {
  const client = (program: string, ...args: string[]): Command => ({
    program: join(place.clients, program),
    args,
  });
  return { client, backup: join(folder, 'postgres.dbbackup'), custom: join(folder, 'custom.dump') };
}

export function postgresContests(place: PostgresPlace, folder: string): Contest[] {
  return [postgresBackup, postgresOver, postgresFresh].map((contest) => ({
    ...contest(place, folder),
    server: place.server,
  }));
}

/** Ours alone, on a shop that is `times` as large as at first. */
export function postgresGrowth(times: number): (place: PostgresPlace, folder: string) => Contest[] {
  return (place, folder) =>
    alone([postgresBackup, postgresOver, postgresFresh], times)(place, folder).map((contest) => ({
      ...contest,
      server: place.server,
    }));
}

/** Ours alone, on a shop that is `times` as large as at first. */
export function sqliteGrowth(times: number): (source: string, folder: string) => Contest[] {
  return alone([sqliteBackup, sqliteOver, sqliteFew, sqliteFresh], times);
}

function alone<Place>(contests: ((place: Place, folder: string) => Contest)[], times: number) {
  return (place: Place, folder: string): Contest[] =>
    contests
      .map((contest) => contest(place, folder))
      // With more rows than the memory holds they come from the disk: with fewer they have to, for both to be compared.
      .map(({ title, ours }) => ({
        title: `${title}, ${times} times the rows`,
        ours,
        peers: [],
        fromDisk: true,
      }));
}

function postgresBackup(place: PostgresPlace, folder: string): Contest {
  const { client, backup, custom } = postgresFiles(place, folder);
  const dumped = (name: string, file: string, ...options: string[]): Side => ({
    name,
    commands: [client('pg_dump', '-d', place.source, '-f', file, ...options)],
    file,
  });
  const copies = shopTables.flatMap(({ name }) => [
    '-c',
    `\\copy ${name} to '${join(folder, `${name}.copy`)}'`,
  ]);
  const contest = takePostgres('PostgreSQL backup', place, backup, custom);
  return {
    ...contest,
    peers: [
      ...contest.peers,
      dumped('pg_dump -Fc -Z1', join(folder, 'fast.dump'), '-Fc', '-Z1'),
      dumped('pg_dump --data-only', join(folder, 'plain.sql'), '--data-only'),
      { name: 'psql \\copy', commands: [client('psql', '-q', '-d', place.source, ...copies)] },
    ],
  };
}

function postgresOver(place: PostgresPlace, folder: string): Contest {
  const { client, backup } = postgresFiles(place, folder);
  // Of a whole dump it would load tables by name, against the foreign keys: the data's own dump knows their order.
  const dataOnly = join(folder, 'data.dump');
  const dump = client('pg_dump', '-d', place.source, '-Fc', '--data-only', '-f', dataOnly);
  const settle = (sql: string): Promise<void> =>
    withClient(place.live, async (live) => {
      await live.query(sql);
      await live.query('CHECKPOINT');
    });
  return {
    title: 'PostgreSQL restore over existing tables',
    ours: ourRestore(backup, place.live, () => settle('SELECT 1')),
    peers: [
      {
        name: 'pg_restore --data-only -1',
        commands: [client('pg_restore', '--data-only', '-1', '-d', place.live, dataOnly)],
        prepare: async () => {
          // Not waited for by this process as a whole: a proxy to the server may live in it.
          if (!existsSync(dataOnly)) await promisify(execFile)(dump.program, dump.args);
          await settle(`TRUNCATE ${tables}`);
        },
      },
    ],
  };
}

function postgresFresh(place: PostgresPlace, folder: string): Contest {
  const { backup, custom } = postgresFiles(place, folder);
  return freshPostgres('PostgreSQL restore into an empty database', place, backup, custom);
}

/** A backup of all of a database against `pg_dump -Fc`. */
export function takePostgres(title: string, place: PostgresPlace, backup: string, custom: string): Contest {
  return {
    title,
    ours: {
      name: 'restore-point backup',
      commands: [ours('backup', place.source, '--out', backup)],
      prepare: () => rmSync(backup, { force: true }),
      file: backup,
    },
    peers: [
      {
        name: 'pg_dump -Fc',
        commands: [
          { program: join(place.clients, 'pg_dump'), args: ['-d', place.source, '-f', custom, '-Fc'] },
        ],
        file: custom,
      },
    ],
  };
}

/** A restore into a database that is made for it against `pg_restore -1`. */
export function freshPostgres(title: string, place: PostgresPlace, backup: string, custom: string): Contest {
  const name = new URL(place.fresh).pathname.slice(1);
  const prepare = (): Promise<void> =>
    withClient(place.admin, async (admin) => {
      await admin.query(`DROP DATABASE IF EXISTS ${name}`);
      await admin.query(`CREATE DATABASE ${name}`);
      await admin.query('CHECKPOINT');
    });
  return {
    title,
    ours: ourRestore(backup, place.fresh, prepare),
    peers: [
      {
        name: 'pg_restore -1',
        commands: [{ program: join(place.clients, 'pg_restore'), args: ['-1', '-d', place.fresh, custom] }],
        prepare,
      },
    ],
  };
}

/** What the sides of the SQLite contests leave for one another. */
function sqliteFiles(folder: string) {
  return { backup: join(folder, 'sqlite.dbbackup'), dump: join(folder, 'dump.sql') };
}

export function sqliteContests(source: string, folder: string): Contest[] {
  return [sqliteBackup, sqliteOver, sqliteFew, sqliteFresh].map((contest) => contest(source, folder));
}

function sqliteBackup(source: string, folder: string): Contest {
  const { backup, dump } = sqliteFiles(folder);
  const copy = join(folder, 'copy.db');
  const contest = takeSqlite('SQLite backup', source, backup, dump);
  return {
    ...contest,
    peers: [
      ...contest.peers,
      {
        name: 'sqlite3 .backup',
        commands: [shell(source, `.backup ${copy}`)],
        prepare: () => removeDatabase(copy),
        file: copy,
      },
    ],
  };
}

/** A backup of all of a database against `.dump`. */
export function takeSqlite(title: string, source: string, backup: string, dump: string): Contest {
  return {
    title,
    ours: {
      name: 'restore-point backup',
      commands: [ours('backup', `sqlite:${source}`, '--out', backup)],
      prepare: () => rmSync(backup, { force: true }),
      file: backup,
    },
    peers: [{ name: 'sqlite3 .dump', commands: [{ ...shell(source, '.dump'), output: dump }], file: dump }],
  };
}

/** A restore into a file that is not there against `.read`. */
export function freshSqlite(title: string, fresh: string, backup: string, dump: string): Contest {
  const prepare = (): void => removeDatabase(fresh);
  return {
    title,
    ours: ourRestore(backup, `sqlite:${fresh}`, prepare),
    peers: [{ name: 'sqlite3 .read of the dump', commands: [shell(fresh, `.read ${dump}`)], prepare }],
  };
}

/** Tables are written as a whole: every row of them is another one. */
function sqliteOver(source: string, folder: string): Contest {
  return overSqlite('SQLite restore over existing tables', source, folder, 'every row');
}

/** Tables are compared, and what is the same stays. */
function sqliteFew(source: string, folder: string): Contest {
  const title = 'SQLite restore over existing tables, of which one row in 1,000 is lost or changed';
  return overSqlite(title, source, folder, 'few rows');
}

function overSqlite(title: string, source: string, folder: string, damage: Damage): Contest {
  const { backup } = sqliteFiles(folder);
  const live = join(folder, 'live.db');
  const data = join(folder, 'data.sql');
  const copy = join(folder, 'restored.db');
  const deleteAll = shopTables
    .map(({ name }) => `DELETE FROM ${name};`)
    .reverse()
    .join('');
  return {
    title,
    ours: ourRestore(backup, `sqlite:${live}`, () => {
      copyUnlessThere(source, live);
      damageSqlite(live, damage);
    }),
    peers: [
      {
        name: 'sqlite3 .read of the data',
        commands: [shell(live, `.read ${data}`)],
        prepare: () => {
          copyUnlessThere(source, live);
          execFileSync('sqlite3', [live, deleteAll]);
          if (!existsSync(data)) dumpData(source, data);
        },
      },
      {
        name: 'sqlite3 .restore',
        commands: [shell(live, `.restore ${copy}`)],
        prepare: () => {
          copyUnlessThere(source, live);
          damageSqlite(live, damage);
          if (!existsSync(copy)) execFileSync('sqlite3', [source, `.backup ${copy}`]);
        },
      },
    ],
  };
}

function sqliteFresh(_source: string, folder: string): Contest {
  const { backup, dump } = sqliteFiles(folder);
  return freshSqlite('SQLite restore into a new file', join(folder, 'fresh.db'), backup, dump);
}

function shell(file: string, words: string): Command {
  return { program: 'sqlite3', args: [file, words] };
}

function removeDatabase(file: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(file + suffix, { force: true });
}

function copyUnlessThere(source: string, copy: string): void {
  if (!existsSync(copy)) copyFileSync(source, copy);
}

/** The statements that `.dump --data-only` writes, in one transaction: without it each would be one of its own. */
function dumpData(source: string, file: string): void {
  const output = openSync(file, 'w');
  writeSync(output, 'BEGIN;\n');
  execFileSync('sqlite3', [source, '.dump --data-only'], { stdio: ['ignore', output, 'inherit'] });
  writeSync(output, 'COMMIT;\n');
  closeSync(output);
}
