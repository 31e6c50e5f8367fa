import pg from 'pg';
import { type BackupReport, takeBackup } from '../../../src/backup/takeBackup.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { RestorePlan } from '../../../src/core/plan.ts';
import type { Session } from '../../../src/engines/engine.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { type RestoreReport, restoreBackup } from '../../../src/restore/restoreBackup.ts';
import type { Entry } from './postgres.ts';

/** Backs a whole database up. */
export async function backUpUrl(url: string, file: string): Promise<BackupReport> {
  const session = await connect(url, true);
  try {
    return await takeBackup(session, { file, logger: silentLogger });
  } finally {
    await session.close();
  }
}

/** Restores a whole backup, without a safety backup. `seePlan` gets what a user would be asked about. */
export async function restoreUrl(
  file: string,
  url: string,
  seePlan: (plan: RestorePlan) => void = () => undefined,
): Promise<RestoreReport> {
  const session = await connect(url, false);
  try {
    return await restoreBackup(file, session, engineById, {
      mayRun: () => Promise.resolve(true),
      mode: 'replace',
      logger: silentLogger,
      confirm: (plan) => {
        seePlan(plan);
        return Promise.resolve(true);
      },
    });
  } finally {
    await session.close();
  }
}

async function connect(url: string, readOnly: boolean): Promise<Session> {
  const engine = engineById('postgres');
  const parsed = engine.parseUrl(url);
  if (!parsed) throw new Error('This is no address of a PostgreSQL database.');
  const password = parsed.password === undefined ? {} : { password: parsed.password };
  return await engine.connect(parsed.address, { readOnly, logger: silentLogger, ...password });
}

/** Runs statements in a connection of their own, and returns the rows of the last one, every value as text. */
export async function runSql(url: string, sql: string): Promise<(string | null)[][]> {
  const types = { getTypeParser: () => (value: string) => value };
  const client = new pg.Client({ connectionString: url, types: types as unknown as pg.CustomTypesConfig });
  await client.connect();
  try {
    const answer = await client.query<(string | null)[]>({ text: sql, rowMode: 'array' });
    // Several statements have several results.
    const last = Array.isArray(answer) ? (answer as pg.QueryArrayResult<(string | null)[]>[]).at(-1) : answer;
    return last?.rows ?? [];
  } finally {
    await client.end();
  }
}

/**
 * Spoils the rows of all tables, the values of all sequences, what materialized views hold and large objects.
 * The objects stay.
 */
export async function damageRows(url: string): Promise<void> {
  const settings =
    'transaction_read_only = off; SET session_replication_role = replica; SET row_security = off';
  await runSql(url, `SET ${settings}; ${spoilRows}`);
}

const spoilRows = `
  DO $$
  DECLARE relation record;
  BEGIN
    FOR relation IN
      SELECT c.oid::regclass AS name, c.relkind AS kind
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'm', 'S')
       ORDER BY c.oid
    LOOP
      CASE relation.kind
        WHEN 'r' THEN EXECUTE format('DELETE FROM ONLY %s WHERE (ctid::text::point)[1]::integer %% 2 = 1', relation.name);
        WHEN 'm' THEN EXECUTE format('REFRESH MATERIALIZED VIEW %s', relation.name);
        WHEN 'S' THEN PERFORM setval(relation.name, (SELECT seqmax FROM pg_sequence WHERE seqrelid = relation.name), false);
      END CASE;
    END LOOP;
    PERFORM lo_unlink(oid) FROM pg_largeobject_metadata WHERE oid::bigint % 2 = 0;
    PERFORM lo_put(oid, 1, 'spoilt') FROM pg_largeobject_metadata;
  END $$`;

/** Drops whole objects: the entries whose damage is a DROP that takes no columns with it. */
export function droppingEntries(entries: readonly Entry[]): Entry[] {
  return entries.filter(
    ({ damage }) =>
      /^DROP (?!EXTENSION)/.test(damage) &&
      !/^DROP (TYPE|DOMAIN|COLLATION|ACCESS METHOD).* CASCADE/.test(damage),
  );
}

/**
 * What an INSERT of a row of defaults does to each table that takes numbers from a sequence: the numbers, or the error.
 * Nothing is kept of it but where the sequences are.
 */
export async function insertEverywhere(url: string): Promise<Map<string, string>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string; columns: string }>(counterQuery);
    const outcomes = new Map<string, string>();
    for (const { name, columns } of tables) {
      const insert = `INSERT INTO ${name} DEFAULT VALUES RETURNING ${columns}`;
      await client.query('BEGIN');
      const outcome = await client.query(insert).then(
        ({ rows }) => JSON.stringify(rows),
        (error: unknown) => (error as Error).message,
      );
      await client.query('ROLLBACK');
      outcomes.set(name, outcome);
    }
    return outcomes;
  } finally {
    await client.end();
  }
}

const counterQuery = `
  SELECT c.oid::regclass::text AS name, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   WHERE c.relkind IN ('r', 'p') AND NOT a.attisdropped
     AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%')
   GROUP BY c.oid ORDER BY 1`;
