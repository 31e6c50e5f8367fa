import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { startOwned } from '../../support/childProcesses.ts';
import { runCli, startCli } from '../../support/cli.ts';
import { startPostgres } from '../../support/postgresServer.ts';
import { backUp, openClient, restore } from '../../support/postgresRestores.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { type TestDatabase, testEngines } from '../../support/testDatabases.ts';
import { itInAll, sampleParts } from '../../support/sample.ts';

/** How many times as large as usual. */
const scale = Number(process.env['SCALE'] ?? '1');

/** Runs the command line, which has to succeed, and says how long it took and how much memory. */
async function measured(title: string, args: readonly string[]): Promise<void> {
  const started = performance.now();
  const run = await startCli(args);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`      ${title}: ${seconds} s, ${Math.round(run.peakMemory / 1e6)} MB`);
  assert.equal(run.code, 0, run.stderr.slice(-2000));
}

for (const testEngine of testEngines) {
  const { id } = testEngine;
  describe(`${id}: load`, function () {
    sampleParts(this, Infinity);
    this.timeout(3_600_000);
    const folder = useTemporaryFolder();
    const made: TestDatabase[] = [];
    afterEach(async () => {
      for (const database of made.splice(0)) await database.remove();
    });

    async function create(): Promise<TestDatabase> {
      const database = await testEngine.create();
      made.push(database);
      return database;
    }

    /** Out, checked, into an empty database and over itself; `sums` tells what came back. */
    async function roundTrip(source: TestDatabase, sums: string): Promise<void> {
      const file = folder.file('load.dbbackup');
      const target = await create();
      const expected = await source.rows(sums);
      await measured('backup', ['backup', source.url, '--out', file]);
      await measured('verify', ['verify', file]);
      await measured('restore into an empty database', ['restore', file, target.url, '--yes']);
      assert.deepEqual(await target.rows(sums), expected);
      await measured('restore over it', ['restore', file, target.url, '--yes', '--no-safety-backup']);
      assert.deepEqual(await target.rows(sums), expected);
    }

    const tables = Math.round(300 * scale);
    it(`${tables} tables`, async () => {
      const source = await create();
      const names = Array.from({ length: tables }, (_, index) => `t${index}`);
      const statements = names.map((name, index) => {
        const key = index % 10 === 0 ? '' : `, other integer REFERENCES t${index - (index % 10)}`;
        return `CREATE TABLE ${name} (id integer PRIMARY KEY, v text${key}); CREATE INDEX ${name}_v ON ${name} (v);
          INSERT INTO ${name} (id, v) VALUES (1, '${name}')`;
      });
      for (let at = 0; at < tables; at += 500) await source.run(statements.slice(at, at + 500).join(';\n'));
      const some = names.filter((_, index) => index % Math.ceil(tables / 100) === 0);
      await roundTrip(
        source,
        some.map((name) => `SELECT count(*), max(v) FROM ${name}`).join(' UNION ALL ') + ' ORDER BY 2',
      );
    });

    it('a thousand columns', async () => {
      const source = await create();
      const columns = Array.from({ length: 1000 }, (_, index) => `c${index}`);
      await source.run(`CREATE TABLE wide (id integer PRIMARY KEY, ${columns.map((name) => `${name} integer`).join(', ')});
        INSERT INTO wide SELECT 1, ${columns.map((_, index) => index).join(', ')};
        INSERT INTO wide (id, c7) VALUES (2, 7)`);
      await roundTrip(source, 'SELECT * FROM wide ORDER BY id');
    });

    const megabytes = Math.round(20 * scale);
    it(`a value of ${megabytes} MB`, async () => {
      const source = await create();
      await source.run(
        `CREATE TABLE large (id integer PRIMARY KEY, v ${id === 'sqlite' ? 'blob' : 'bytea'})`,
      );
      const half = megabytes * 500_000;
      await source.run(
        id === 'sqlite'
          ? `INSERT INTO large VALUES (1, CAST(hex(randomblob(${half})) AS blob))`
          : `INSERT INTO large VALUES (1, decode(repeat(md5('a') || md5('b'), ${half / 32}), 'hex') || decode(repeat('00ff0a5c', ${half / 4}), 'hex'))`,
      );
      const sum = id === 'sqlite' ? 'substr(v, length(v) / 2, 1000)' : 'md5(v)';
      await roundTrip(source, `SELECT length(v), ${sum} FROM large`);
    });
  });
}

itInAll('postgres: more tables than the server has locks for are told with what to do', async function () {
  this.timeout(120_000);
  const binaries = process.env['POSTGRES_BINARIES'];
  const server = await startPostgres({
    ...(binaries ? { binaries } : {}),
    settings: { max_locks_per_transaction: '10', max_connections: '10' },
  });
  try {
    const url = await server.createDatabase('many');
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    for (let table = 0; table < 3000; table += 1) await client.query(`CREATE TABLE t${table} (id integer)`);
    await client.end();
    const run = await runCli(['backup', url, '--out', join(tmpdir(), `never-${process.pid}.dbbackup`)]);
    assert.equal(run.code, 1);
    assert.match(run.stderr, /Raise max_locks_per_transaction on the server/);
  } finally {
    await server.stop();
  }
});

/** What pgbench writes: every transaction adds the same amount to an account, a teller, a branch, and the history. */
const bank = `
  CREATE TABLE accounts (id integer PRIMARY KEY, balance integer NOT NULL); CREATE TABLE tellers (id integer PRIMARY KEY, balance integer NOT NULL);
  CREATE TABLE branches (id integer PRIMARY KEY, balance integer NOT NULL); CREATE TABLE history (account integer, teller integer, branch integer, delta integer)`;
const sizes = { accounts: 20_000, tellers: 10, branches: 1 } as const;
const filled = Object.entries(sizes).map(
  ([name, rows]) =>
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) INSERT INTO ${name} SELECT i, 0 FROM n`,
);
const balances = `SELECT (SELECT sum(balance) FROM accounts), (SELECT sum(balance) FROM tellers),
  (SELECT sum(balance) FROM branches), (SELECT coalesce(sum(delta), 0) FROM history), (SELECT count(*) FROM history)`;

const transfer = (turn: number): string => {
  const [account, teller, delta] = [1 + ((turn * 7919) % sizes.accounts), 1 + (turn % 10), 1 + (turn % 4999)];
  return `UPDATE accounts SET balance = balance + ${delta} WHERE id = ${account};
    INSERT INTO history VALUES (${account}, ${teller}, 1, ${delta}); UPDATE tellers SET balance = balance + ${delta} WHERE id = ${teller};
    UPDATE branches SET balance = balance + ${delta} WHERE id = 1`;
};

/** Takes backups while `writers` write, restores each, and sees that all four sums are the same. */
async function backUpUnderLoad(
  create: () => Promise<TestDatabase>,
  source: TestDatabase,
  folder: { file(name: string): string },
): Promise<void> {
  const counts: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const file = folder.file(`${round}.dbbackup`);
    await backUp(source, file);
    const target = await create();
    await restore(file, target);
    const [[accounts, ...others] = []] = await target.rows(balances);
    const count = Number(others.pop());
    assert.deepEqual(others, [accounts, accounts, accounts], `backup ${round} after ${count} transactions`);
    counts.push(count);
    await writtenMoreThan(source, count);
  }
  console.log(`      transactions in each backup: ${counts.join(', ')}`);
}

/** Writers of SQLite sleep while a backup reads, and some time longer. */
async function writtenMoreThan(source: TestDatabase, count: number): Promise<void> {
  const patience = performance.now() + 20_000;
  for (;;) {
    const [[now] = []] = await source.rows('SELECT count(*) FROM history');
    if (Number(now) > count) return;
    assert.ok(performance.now() < patience, `nobody wrote: ${count} transactions, then ${now}`);
    await delay(20);
  }
}

describe('backups while others write', function () {
  this.timeout(300_000);
  const folder = useTemporaryFolder();
  const made: TestDatabase[] = [];
  afterEach(async () => {
    for (const database of made.splice(0)) await database.remove();
  });
  const creating = (id: string) => async (): Promise<TestDatabase> => {
    const database = await testEngines.find((engine) => engine.id === id)!.create();
    made.push(database);
    return database;
  };

  it('postgres: the sums of the accounts hold', async () => {
    const create = creating('postgres');
    const source = await create();
    await source.run([bank, ...filled].join('; '));
    let stopped = false;
    const writers = [1, 2, 3, 4].map(async (writer) => {
      const client = await openClient(source);
      for (let turn = writer; !stopped; turn += 4) await client.query(`BEGIN; ${transfer(turn)}; COMMIT`);
      await client.end();
    });
    try {
      await backUpUnderLoad(create, source, folder);
    } finally {
      stopped = true;
      await Promise.all(writers);
    }
  });

  for (const journal of ['wal', 'delete']) {
    it(`sqlite, journal ${journal}: the sums of the accounts hold`, async () => {
      const create = creating('sqlite');
      const source = await create();
      await source.run([`PRAGMA journal_mode = ${journal}`, bank, ...filled].join('; '));
      const file = source.url.slice('sqlite:'.length);
      const script = `
        const { DatabaseSync } = require('node:sqlite');
        const sizes = ${JSON.stringify(sizes)};
        const transfer = ${transfer.toString()};
        const database = new DatabaseSync(${JSON.stringify(file)}, { timeout: 60000 });
        database.exec('PRAGMA synchronous = off');
        for (let turn = Number(process.argv[1]); ; turn += 2) database.exec('BEGIN IMMEDIATE; ' + transfer(turn) + '; COMMIT');`;
      const writers = await Promise.all(
        [1, 2].map((turn) =>
          startOwned(process.execPath, ['-e', script, String(turn)], {
            stdio: ['ignore', 'ignore', 'inherit'],
          }),
        ),
      );
      try {
        await backUpUnderLoad(create, source, folder);
      } finally {
        await Promise.all(writers.map((writer) => writer.stop()));
      }
    });
  }
});
