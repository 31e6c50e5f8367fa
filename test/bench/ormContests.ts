import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Contest, ours, type PostgresPlace, type Side } from './contests.ts';
import { withClient } from './databases.ts';
import type { Command } from './measure.ts';

/** Tables with a key of one column, which the models of all sides know. */
export const ormTables = ['customers', 'orders', 'documents', 'blobs'];

const orm = join(import.meta.dirname, 'orm');

/** Debian's packages belong to Debian's Python, which need not be the first on the path. */
const python3 = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';

/** What a database is called by each side. */
interface Place {
  readonly label: string;
  readonly source: string;
  readonly live: string;
  /** What our command line takes. */
  readonly url: (database: string) => string;
  /** Makes `live` hold the tables, and none of their rows. */
  empty(): Promise<void> | void;
  readonly server?: number;
}

/** Django's dumpdata and loaddata and a session script of SQLAlchemy, against the same by us. */
export function ormContests(place: Place, folder: string): Contest[] {
  const python = (args: readonly string[], database: string): Command => ({
    program: python3,
    args,
    env: { BENCH_DATABASE: database, PYTHONPATH: orm, DJANGO_SETTINGS_MODULE: 'settings' },
  });
  const file = (name: string): string => join(folder, `${place.label}-${name}`);
  const side = (name: string, command: Command, prepare: Side['prepare']): Side => ({
    name,
    commands: [command],
    ...(prepare ? { prepare } : {}),
  });
  const backup = file('orm.dbbackup');
  const [fixture, lines] = [file('fixture.json'), file('session.jsonl')];
  const server = place.server === undefined ? {} : { server: place.server };
  const empty = (): Promise<void> | void => place.empty();
  return [
    {
      title: `${place.label} backup against ORMs`,
      ours: side(
        'restore-point backup',
        ours('backup', place.url(place.source), '--tables', ormTables.join(','), '--out', backup),
        () => rmSync(backup, { force: true }),
      ),
      peers: [
        side(
          'Django dumpdata',
          python(['-m', 'django', 'dumpdata', 'shop', '-o', fixture], place.source),
          undefined,
        ),
        side(
          'SQLAlchemy query.all()',
          python([join(orm, 'session.py'), 'out', lines], place.source),
          undefined,
        ),
      ],
      ...server,
    },
    {
      title: `${place.label} restore against ORMs`,
      ours: side(
        'restore-point restore',
        ours('restore', backup, place.url(place.live), '--yes', '--no-safety-backup'),
        empty,
      ),
      peers: [
        side('Django loaddata', python(['-m', 'django', 'loaddata', fixture], place.live), empty),
        side('SQLAlchemy add_all()', python([join(orm, 'session.py'), 'in', lines], place.live), empty),
      ],
      ...server,
    },
  ];
}

/** Whether Python has them; says what to install if not. */
export function hasOrms(): boolean {
  const run = spawnSync(python3, ['-c', 'import django, sqlalchemy, psycopg2'], { stdio: 'ignore' });
  if (run.status !== 0) {
    console.log(
      'Django and SQLAlchemy are not measured: they are missing (Debian: apt-get install python3-django python3-sqlalchemy python3-psycopg2).',
    );
  }
  return run.status === 0;
}

export function postgresOrmPlace(place: PostgresPlace): Place {
  return {
    label: 'PostgreSQL',
    source: place.source,
    live: place.live,
    url: (database) => database,
    empty: () =>
      withClient(place.live, async (live) => {
        await live.query(`TRUNCATE ${ormTables.join(', ')}, order_lines`);
      }),
    server: place.server,
  };
}

export function sqliteOrmPlace(source: string, folder: string): Place {
  const live = join(folder, 'orm-live.db');
  return {
    label: 'SQLite',
    source,
    live,
    url: (database) => `sqlite:${database}`,
    empty: () => {
      if (!existsSync(live)) copyFileSync(source, live);
      const statements = ['order_lines', ...ormTables.toReversed()].map((name) => `DELETE FROM ${name};`);
      execFileSync('sqlite3', [live, statements.join('')]);
    },
  };
}
