import { mkdtemp, rm } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import pg from 'pg';
import { silentLogger } from '../../src/core/logger.ts';
import type { Engine, Session } from '../../src/engines/engine.ts';
import { engineById } from '../../src/engines/registry.ts';
import { postgresForTests } from './postgresForTests.ts';
import { sqliteDump } from './sqliteWitness.ts';

/** An empty database of a test's own, looked at with another client than the product uses. */
export interface TestDatabase {
  readonly engine: Engine;
  /** As the command line takes it, with the password. */
  readonly url: string;
  /** Runs statements, in a connection of their own. */
  run(sql: string): Promise<void>;
  /** A query's rows, every value as the database prints it. */
  rows(sql: string): Promise<(string | null)[][]>;
  /** All of the schema and of the rows as text: two dumps are equal exactly when the databases are. */
  dump(): Promise<string>;
  connect(options?: { readOnly?: boolean }): Promise<Session>;
  remove(): Promise<void>;
}

/** The engines whose SQL the tests speak. */
export type TestEngineId = 'sqlite' | 'postgres';

export interface TestEngine {
  readonly id: TestEngineId;
  create(): Promise<TestDatabase>;
}

export const testEngines: readonly TestEngine[] = [
  { id: 'sqlite', create: createSqlite },
  { id: 'postgres', create: createPostgres },
];

async function connectTo(engine: Engine, url: string, readOnly = false): Promise<Session> {
  const parsed = engine.parseUrl(url);
  if (!parsed) throw new Error(`${engine.label} does not read its own URL`);
  const { address, password } = parsed;
  return await engine.connect(address, {
    readOnly,
    logger: silentLogger,
    ...(password === undefined ? {} : { password }),
  });
}

async function createSqlite(): Promise<TestDatabase> {
  const folder = await mkdtemp(path.join(tmpdir(), 'restore-point-test-'));
  const file = path.join(folder, 'test.db');
  const engine = engineById('sqlite');
  const use = <Result>(work: (database: DatabaseSync) => Result): Result => {
    const database = new DatabaseSync(file, { enableForeignKeyConstraints: false, timeout: 30_000 });
    try {
      return work(database);
    } finally {
      database.close();
    }
  };
  use((database) => database.exec('PRAGMA user_version = 0'));
  return {
    engine,
    url: `sqlite:${file}`,
    run: (sql) => Promise.resolve(use((database) => database.exec(sql))),
    rows: (sql) => Promise.resolve(use((database) => sqliteRows(database, sql))),
    dump: () => Promise.resolve(sqliteDump(file).join('\n')),
    connect: (options) => connectTo(engine, `sqlite:${file}`, options?.readOnly),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function sqliteRows(database: DatabaseSync, sql: string): (string | null)[][] {
  const statement = database.prepare(sql);
  statement.setReadBigInts(true);
  return statement.all().map((row) =>
    Object.values(row).map((value) => {
      if (value === null) return null;
      return value instanceof Uint8Array ? `x'${Buffer.from(value).toString('hex')}'` : String(value);
    }),
  );
}

let databases = 0;

async function createPostgres(): Promise<TestDatabase> {
  const server = await postgresForTests();
  const url = await server.createDatabase(`test_${process.pid}_${++databases}`);
  const engine = engineById('postgres');
  const use = async <Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> => {
    const types = { getTypeParser: () => (value: string) => value };
    const client = new pg.Client({ connectionString: url, types: types as unknown as pg.CustomTypesConfig });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };
  const name = new URL(url).pathname.slice(1);
  return {
    engine,
    url,
    run: (sql) => use(async (client) => void (await client.query(sql))),
    rows: (sql) => use((client) => postgresRows(client, sql)),
    dump: () => use(dumpPostgres),
    connect: (options) => connectTo(engine, url, options?.readOnly),
    remove: async () => {
      const admin = new pg.Client({ connectionString: server.url });
      await admin.connect();
      await admin.query(`DROP DATABASE "${name}" WITH (FORCE)`);
      await admin.end();
    },
  };
}

async function postgresRows(client: pg.Client, sql: string): Promise<(string | null)[][]> {
  const { rows } = await client.query<(string | null)[]>({ text: sql, rowMode: 'array' });
  return rows;
}

const userNamespace = `NOT IN ('pg_catalog', 'information_schema', 'pg_toast')`;

/** Tables, columns, constraints, indexes, triggers, sequences and comments from the catalogs, and every row. */
async function dumpPostgres(client: pg.Client): Promise<string> {
  await client.query(`SET search_path = ''; SET extra_float_digits = 3; SET timezone = 'UTC'`);
  const catalog = [
    `SELECT 'column', c.oid::regclass, c.relkind, c.relpersistence, a.attname, format_type(a.atttypid, a.atttypmod),
            a.attnotnull, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid)
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
       LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
      WHERE n.nspname ${userNamespace} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 2, a.attnum`,
    `SELECT 'constraint', conrelid::regclass, conname, pg_get_constraintdef(k.oid), convalidated,
            obj_description(k.oid, 'pg_constraint')
       FROM pg_constraint k JOIN pg_namespace n ON n.oid = connamespace
      WHERE n.nspname ${userNamespace} ORDER BY 2, 3`,
    `SELECT 'index', schemaname, indexname, indexdef FROM pg_indexes WHERE schemaname ${userNamespace} ORDER BY 2, 3`,
    `SELECT 'trigger', tgrelid::regclass, CASE WHEN tgisinternal THEN '' ELSE tgname END, tgenabled, tgtype
       FROM pg_trigger ORDER BY 2, 3, 4, 5`,
    `SELECT 'sequence owner', objid::regclass, refobjid::regclass, refobjsubid, deptype
       FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype IN ('a', 'i')
        AND (SELECT relkind FROM pg_class WHERE oid = objid) = 'S' ORDER BY 2`,
  ];
  const lines: string[] = [];
  for (const query of catalog) {
    for (const row of await postgresRows(client, query)) lines.push(row.map(String).join(' '));
  }
  const relations = await postgresRows(
    client,
    `SELECT c.oid::regclass, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname ${userNamespace} AND c.relkind IN ('r', 'S') ORDER BY 1`,
  );
  for (const [name, kind] of relations) {
    const query =
      kind === 'S'
        ? `SELECT last_value, is_called FROM ${name}`
        : `SELECT t::text FROM ONLY ${name} t ORDER BY t::text COLLATE "C"`;
    for (const row of await postgresRows(client, query)) lines.push(`${name}: ${row.map(String).join(' ')}`);
  }
  return lines.join('\n');
}
