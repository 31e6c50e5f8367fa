import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { RestorePointError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { Session } from '../../../src/engines/engine.ts';
import type { CheckedRows, OpenedRows, WrittenRows } from '../../../src/engines/rowRestore.ts';
import { startBreakingProxy } from '../../support/breakingProxy.ts';
import { chosenTable, restoreRows, type TextTable } from '../../support/chosenRows.ts';
import { failure, openClient, usePostgres } from '../../support/postgresRestores.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

/** A check that waits for a lock of the test at one row: a step can be met in its middle. */
const schema = `
  CREATE FUNCTION slow(n int) RETURNS bool LANGUAGE plpgsql AS
    'BEGIN IF n = 5 THEN PERFORM pg_advisory_lock_shared(1); PERFORM pg_advisory_unlock_shared(1); END IF; RETURN true; END';
  CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (id serial PRIMARY KEY, p int REFERENCES p ON DELETE CASCADE, n int CHECK (slow(n)));
  CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER no BEFORE INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION no();
  ALTER TABLE t FORCE ROW LEVEL SECURITY; ALTER TABLE t ENABLE ROW LEVEL SECURITY;
  INSERT INTO p VALUES (1), (2); ALTER TABLE t DISABLE TRIGGER no; INSERT INTO t VALUES (1, 1, 1), (2, 2, 2), (3, 2, 3); ALTER TABLE t ENABLE TRIGGER no;`;

const rows: readonly TextTable[] = [
  {
    name: 'p',
    rows: [
      [['1'], undefined],
      [undefined, ['3']],
    ],
  },
  {
    name: 't',
    where: 'slow(n)',
    rows: [
      [['1', '1', '1'], undefined],
      [
        ['2', '2', '2'],
        ['2', '3', '5'],
      ],
      [undefined, ['9', '3', '4']],
    ],
  },
];

interface Steps {
  readonly opened: OpenedRows;
  readonly run: Readonly<Record<'check' | 'write' | 'rows' | 'verify' | 'commit', () => Promise<unknown>>>;
}

async function begin(session: Session, signal?: AbortSignal): Promise<Steps> {
  const tables = [];
  for (const text of rows)
    tables.push(chosenTable(await session.describeTable({ schema: 'public', name: text.name }), text));
  const opened = await session.beginRows(tables, { logger: silentLogger, ...(signal && { signal }) });
  let checked: CheckedRows | undefined;
  let written: WrittenRows | undefined;
  return {
    opened,
    run: {
      check: async () => (checked = await opened.check()),
      write: async () => (written = await checked!.write('skip')),
      rows: async () => {
        for await (const page of written!.rows()) assert.ok(page.rows.length > 0);
      },
      verify: () => written!.verify(),
      commit: () => written!.commit(),
    },
  };
}

const names = ['check', 'write', 'rows', 'verify', 'commit'] as const;

/** Until a session waits for the lock of the test. */
async function untilWaiting(client: Client): Promise<void> {
  const waiting = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
  for (let attempt = 0; attempt < 3000; attempt += 1) {
    if ((await client.query(waiting)).rowCount === 1) return;
    await delay(10);
  }
  throw new Error('No session came to the row whose check waits');
}

async function terminate(database: TestDatabase): Promise<void> {
  await database.run(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'Restore Point'`,
  );
}

describe('postgres: a restore of chosen rows that is interrupted', () => {
  const postgres = usePostgres();

  for (const name of names) {
    for (const fault of ['cancel', 'close', 'terminate', 'rollback'] as const) {
      it(`changes nothing: ${fault} in ${name}`, async () => {
        const database = await postgres.create(schema);
        const before = await database.dump();
        const session = await database.connect();
        const abort = new AbortController();
        const { opened, run } = await begin(session, abort.signal);
        for (const earlier of names.slice(0, names.indexOf(name))) await run[earlier]();
        const act = async (): Promise<unknown> => {
          if (fault === 'cancel') return abort.abort();
          if (fault === 'close') return session.close();
          if (fault === 'terminate') return terminate(database);
          return opened.rollback();
        };
        // A rollback waits for the step that runs; the others come in its middle.
        const slow = name === 'write' || name === 'check';
        const client = await openClient(database);
        if (slow) await client.query('SELECT pg_advisory_lock(1)');
        const step = run[name]().then(
          () => undefined,
          (error: unknown) => error,
        );
        if (slow) await untilWaiting(client);
        const acting = act();
        if (fault === 'rollback') await client.end();
        await acting;
        const error = await step;
        await client.end();
        const outcome = await opened.rollback();
        await session.close();
        const after = await database.dump();
        if (outcome.state === 'changed') {
          assert.equal(name, 'commit');
          assert.notEqual(after, before);
        } else {
          assert.deepEqual(outcome, { state: 'unchanged' });
          assert.equal(after, before);
          if (fault !== 'rollback' && name !== 'commit' && name !== 'rows' && name !== 'verify') {
            assert.ok(RestorePointError.is(error), String(error));
            assert.equal(error.code, fault === 'terminate' ? 'connection' : 'cancelled');
          }
        }
      });
    }
  }

  for (const heard of [true, false]) {
    it(`finds out what happened where the connection breaks in COMMIT, ${heard ? 'which' : 'before'} the server heard`, async () => {
      const database = await postgres.create(schema);
      const before = await database.dump();
      const url = new URL(database.url);
      const proxy = await startBreakingProxy(Number(url.port), 'COMMIT\0', heard);
      url.port = String(proxy.port);
      const { address, password } = database.engine.parseUrl(url.href)!;
      const session = await database.engine.connect(address, {
        readOnly: false,
        logger: silentLogger,
        ...(password === undefined ? {} : { password }),
      });
      const { opened, run } = await begin(session);
      for (const name of names.slice(0, 4)) await run[name]();
      if (heard) await run.commit();
      else assert.equal((await failure(run.commit())).code, 'connection');
      assert.equal(proxy.broken(), 1);
      assert.equal((await opened.rollback()).state, heard ? 'changed' : 'unchanged');
      assert.equal((await database.dump()) === before, !heard);
      await session.close();
      await proxy.close();
    });
  }

  it('says who holds a lock, and waits for none of its own', async () => {
    const database = await postgres.create(schema);
    const client = await openClient(database);
    try {
      await client.query('BEGIN; SELECT * FROM t');
      await restoreRows(database, [{ name: 'p', rows: [[undefined, ['7']]] }]);
      await client.query('UPDATE p SET id = id');
      const error = await failure(restoreRows(database, [{ name: 'p', rows: [[undefined, ['8']]] }]));
      assert.match(error.message, /could not be locked within 10 seconds.*user postgres, the test/);
      assert.equal(error.details.place?.table, 'public.p');
    } finally {
      await client.end();
    }
  });

  it('does not lose rows that others attach meanwhile to a row that goes', async () => {
    const database = await postgres.create(
      `${schema} ALTER TABLE t DISABLE TRIGGER no; INSERT INTO p VALUES (4)`,
    );
    const client = await openClient(database);
    try {
      await client.query('BEGIN; INSERT INTO t VALUES (20, 4, 0)');
      const restore = restoreRows(database, [{ name: 'p', rows: [[['4'], undefined]] }], { answer: 'skip' });
      await delay(1000);
      await client.query('COMMIT');
      const { checked } = await restore;
      assert.deepEqual(checked.counts, { 'foreign-key': 1 });
      assert.deepEqual(await database.rows('SELECT id FROM t WHERE p = 4'), [['20']]);
    } finally {
      await client.end();
    }
  });
});
