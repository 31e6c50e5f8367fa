import { execFile, execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Contest, ours, type PostgresPlace } from './contests.ts';
import { withClient } from './databases.ts';

/** What `restore-point compare` ends with where something differs. */
const differ = 5;

/** Makes a table of a million rows at scale 1. */
export async function fillCompared(url: string, scale: number): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(
      `CREATE TABLE sales (id bigint PRIMARY KEY, customer int NOT NULL, status text, total numeric(10,2), note text, at timestamptz)`,
    );
    await client.query(
      `INSERT INTO sales
       SELECT i, i % 1000, CASE i % 3 WHEN 0 THEN 'open' WHEN 1 THEN 'paid' ELSE 'sent' END, (i % 100000) / 100.0,
              CASE WHEN i % 5 > 0 THEN md5(i::text) || md5((i + 1)::text) END, to_timestamp(1600000000 + i)
         FROM generate_series(1, ${Math.round(scale * 1_000_000)}) i`,
    );
    await client.query('VACUUM ANALYZE');
  });
}

/** Of 3,000 rows one was changed, one is gone and one is new: about 1,000 differences in a million rows. */
const changes = `
  UPDATE sales SET status = 'changed' WHERE id % 3000 = 1;
  DELETE FROM sales WHERE id % 3000 = 2;
  INSERT INTO sales SELECT -id, customer, 'new', total, note, at FROM sales WHERE id % 3000 = 3`;

/** A backup with a live table, against a full outer join with the backup's rows, which psql loads. */
export function postgresComparisons(place: PostgresPlace, folder: string): Contest[] {
  const [backup, rows] = [join(folder, 'compared.dbbackup'), join(folder, 'sales.copy')];
  const psql = join(place.clients, 'psql');
  const prepare = async (): Promise<void> => {
    if (existsSync(rows)) return;
    rmSync(backup, { force: true });
    const { program, args } = ours('backup', place.source, '--out', backup);
    await promisify(execFile)(program, args);
    await promisify(execFile)(psql, ['-q', '-d', place.source, '-c', `\\copy sales to '${rows}'`]);
    await withClient(place.live, async (live) => {
      await live.query(changes);
      await live.query('VACUUM ANALYZE');
      await live.query('CHECKPOINT');
    });
  };
  const statements = [
    'CREATE TEMPORARY TABLE saved (LIKE sales)',
    `\\copy saved from '${rows}'`,
    'ANALYZE saved',
    `SELECT count(*) FILTER (WHERE s.id IS NULL), count(*) FILTER (WHERE b.id IS NULL),
            count(*) FILTER (WHERE b IS DISTINCT FROM s AND b.id IS NOT NULL AND s.id IS NOT NULL)
       FROM saved b FULL OUTER JOIN sales s ON s.id = b.id`,
  ];
  const peer = { program: psql, args: ['-q', '-d', place.live, ...statements.flatMap((sql) => ['-c', sql])] };
  return [
    {
      title: 'PostgreSQL comparison of a backup with a live table, of which one row in 1,000 differs',
      ours: {
        name: 'restore-point compare',
        commands: [{ ...ours('compare', backup, place.live), endsWith: differ }],
        prepare,
      },
      peers: [{ name: 'psql \\copy and a full outer join', commands: [peer], prepare }],
      server: place.server,
    },
  ];
}

/** A backup with a live file, against `sqldiff --summary` of two files. */
export function sqliteComparisons(folder: string, scale: number): Contest[] {
  const [source, live, backup] = ['compared.db', 'compared-live.db', 'compared-file.dbbackup'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  const prepare = async (): Promise<void> => {
    if (existsSync(backup)) return;
    for (const file of [source, live]) rmSync(file, { force: true });
    const fill = `CREATE TABLE sales (id INTEGER PRIMARY KEY, customer INT NOT NULL, status TEXT, total REAL, note TEXT);
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${Math.round(scale * 1_000_000)})
      INSERT INTO sales SELECT i, i % 1000, CASE i % 3 WHEN 0 THEN 'open' WHEN 1 THEN 'paid' ELSE 'sent' END,
        (i % 100000) / 100.0, CASE WHEN i % 5 > 0 THEN hex(i * 7919) || hex(i + 1) END FROM n`;
    execFileSync('sqlite3', [source, fill]);
    const { program, args } = ours('backup', `sqlite:${source}`, '--out', backup);
    await promisify(execFile)(program, args);
    copyFileSync(source, live);
    execFileSync('sqlite3', [live, changes.replace(', note, at', ', note')]);
  };
  return [
    {
      title: 'SQLite comparison of a backup with a live file, of which one row in 1,000 differs',
      ours: {
        name: 'restore-point compare',
        commands: [{ ...ours('compare', backup, `sqlite:${live}`), endsWith: differ }],
        prepare,
      },
      peers: [
        {
          name: 'sqldiff --summary of two files',
          commands: [{ program: 'sqldiff', args: ['--summary', source, live] }],
          prepare,
        },
      ],
    },
  ];
}
