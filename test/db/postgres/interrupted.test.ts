import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { takeBackup } from '../../../src/backup/takeBackup.ts';
import { describeError, RestorePointError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { PayloadSource } from '../../../src/core/payload.ts';
import type { ProgressEvent } from '../../../src/core/progress.ts';
import type { Session, WorkOptions } from '../../../src/engines/engine.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { makePlan, restoreBackup, type RestoreOptions } from '../../../src/restore/restoreBackup.ts';
import { startBreakingProxy } from '../../support/breakingProxy.ts';
import {
  abortWhen,
  backUp,
  failure,
  openClient,
  restore,
  tables,
  usePostgres,
} from '../../support/postgresRestores.ts';
import { itInAll } from '../../support/sample.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

const big = `
  CREATE TABLE small (id integer PRIMARY KEY, n serial); INSERT INTO small (id) VALUES (1), (2);
  CREATE TABLE big (id integer PRIMARY KEY, filler text);
  INSERT INTO big SELECT i, repeat(md5(i::text), 4) FROM generate_series(1, 50000) i;`;

/** An index on it stays for a minute in the middle of a table. */
const slow = `CREATE OR REPLACE FUNCTION slow(n integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS
  'BEGIN PERFORM pg_sleep(CASE n WHEN 20000 THEN 60 ELSE 0 END); RETURN n; END';`;

/** What sessions of the product are doing in the database. */
async function activity(database: TestDatabase): Promise<string[][]> {
  const rows = await database.rows(
    `SELECT state, coalesce(wait_event_type, ''), query FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'Restore Point' AND state <> 'idle'`,
  );
  return rows.map((row) => row.map(String));
}

/** Until a session of the product does something that fits. */
async function untilActive(database: TestDatabase, pattern: RegExp): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    if ((await activity(database)).some((row) => pattern.test(row.join(' ')))) return;
    await delay(50);
  }
  throw new assert.AssertionError({ message: `nothing did ${pattern.source}` });
}

/** Ends the product's sessions from outside, as an administrator or a crash would. */
async function terminate(database: TestDatabase): Promise<void> {
  await database.run(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'Restore Point'`,
  );
}

/** Runs something once, at the first event that fits, and has it finished before it ends. */
function once(fits: (event: ProgressEvent) => boolean, act: () => Promise<void>) {
  let acting: Promise<void> | undefined;
  return {
    report: (event: ProgressEvent): void => {
      if (!acting && fits(event)) acting = act();
    },
    finished: async (): Promise<void> => {
      assert.ok(acting, 'it came to no such event');
      await acting;
    },
  };
}

describe('postgres: cancelling', () => {
  const postgres = usePostgres();

  async function inSession(database: TestDatabase, work: (session: Session) => Promise<void>): Promise<void> {
    const session = await database.connect();
    try {
      await work(session);
      // Nothing is left under way, and the session can still be used.
      assert.deepEqual(await activity(database), []);
      assert.ok((await session.listTables()).length > 0);
    } finally {
      await session.close();
    }
  }

  it('ends a backup in the middle of a table', async () => {
    const database = await postgres.create(big);
    const file = postgres.file('x.dbbackup');
    await inSession(database, async (session) => {
      const abort = abortWhen(({ phase, rows }) => phase === 'read' && (rows ?? 0) > 0);
      const error = await failure(takeBackup(session, { file, logger: silentLogger, ...abort }));
      assert.equal(error.code, 'cancelled');
    });
    assert.equal(existsSync(file), false);
  });

  it('ends a backup whose query gives no rows yet', async () => {
    const database = await postgres.create(big);
    await inSession(database, async (session) => {
      const controller = new AbortController();
      const where = [{ table: tables('big')[0]!, condition: 'pg_sleep(60) IS NULL' }];
      const work = takeBackup(session, {
        file: postgres.file('x.dbbackup'),
        selection: { tables: tables('big'), where },
        logger: silentLogger,
        signal: controller.signal,
      });
      const outcome = failure(work);
      await untilActive(database, /COPY.*pg_sleep/);
      controller.abort();
      assert.equal((await outcome).code, 'cancelled');
    });
  });

  async function cancelRestore(
    database: TestDatabase,
    file: string,
    options: Partial<WorkOptions>,
  ): Promise<void> {
    const before = await database.dump();
    await inSession(database, async (session) => {
      const error = await failure(
        restoreBackup(file, session, engineById, {
          mayRun: () => Promise.resolve(true),
          mode: 'replace',
          logger: silentLogger,
          confirm: () => Promise.resolve(true),
          ...options,
        }),
      );
      assert.equal(error.code, 'cancelled');
      assert.equal(error.details.unchanged, 'Nothing was changed.');
    });
    assert.equal(await database.dump(), before);
  }

  it('ends a restore in the middle of a table', async () => {
    const database = await postgres.create(big);
    const file = postgres.file('x.dbbackup');
    await backUp(database, file);
    await database.run('DELETE FROM big WHERE id > 5');
    await cancelRestore(
      database,
      file,
      abortWhen(({ phase, bytes, table }) => phase === 'load' && table?.name === 'big' && (bytes ?? 0) > 0),
    );
  });

  it('ends a restore that reads back', async () => {
    const database = await postgres.create(big);
    const file = postgres.file('x.dbbackup');
    await backUp(database, file);
    await cancelRestore(
      database,
      file,
      abortWhen(({ phase, rows, table }) => phase === 'verify' && table?.name === 'big' && (rows ?? 0) > 0),
    );
  });

  it('ends a restore that builds an index', async () => {
    const source = await postgres.create(`${slow}
      CREATE TABLE t (id integer); CREATE INDEX slowly ON t (slow(id)); INSERT INTO t VALUES (1)`);
    await source.run(`${slow.replace('pg_sleep', 'sqrt')} INSERT INTO t VALUES (20000)`);
    const target = await postgres.create(`${slow} CREATE TABLE t (id integer)`);
    const file = postgres.file('x.dbbackup');
    await backUp(source, file);
    const controller = new AbortController();
    const ended = cancelRestore(target, file, { signal: controller.signal });
    await untilActive(target, /CREATE INDEX slowly/);
    controller.abort();
    await ended;
  });

  it('ends a restore that waits for a lock', async () => {
    const database = await postgres.create(big);
    const file = postgres.file('x.dbbackup');
    await backUp(database, file, { tables: tables('small') });
    const other = await openClient(database);
    await other.query('BEGIN; SELECT * FROM small');
    const controller = new AbortController();
    const ended = cancelRestore(database, file, { signal: controller.signal });
    await untilActive(database, /Lock.*LOCK TABLE/);
    controller.abort();
    await ended;
    await other.end();
  });

  it('does nothing at all when it is cancelled before it began', async () => {
    const database = await postgres.create(big);
    await inSession(database, async (session) => {
      const options = { logger: silentLogger, signal: AbortSignal.abort() };
      assert.equal((await failure(session.introspect(options))).code, 'cancelled');
      assert.equal((await failure(session.openSnapshot({ ...options, whole: true }))).code, 'cancelled');
    });
  });
});

describe('postgres: a backup that cannot be read to its end', () => {
  const postgres = usePostgres();

  it('changes nothing, says what it was, and leaves the session usable', async () => {
    const database = await postgres.create(big);
    const file = postgres.file('x.dbbackup');
    await backUp(database, file);
    const before = await database.dump();
    const archive = await Archive.open(file, engineById);
    const session = await database.connect();
    try {
      const { manifest } = archive;
      const options = { mode: 'replace', logger: silentLogger } as const;
      const plan = await makePlan(manifest, session, options);
      const source: PayloadSource = {
        readChunk: (chunk) => archive.readChunk(chunk),
        async *read(payload) {
          for await (const bytes of archive.read(payload)) {
            yield bytes.subarray(0, bytes.length / 2);
            throw new RestorePointError('damaged-backup', 'The rest is not what was written');
          }
        },
      };
      const transaction = await session.beginRestore({ plan, manifest, source }, options);
      const prepared = await transaction.prepare();
      const error = await failure(prepared.load(plan.tables[0]!));
      assert.equal(error.code, 'damaged-backup');
      assert.deepEqual(await transaction.rollback(), { state: 'unchanged' });
      assert.deepEqual(await activity(database), []);
      assert.deepEqual(await session.countRows(tables('big'), { logger: silentLogger }), [50_000]);
    } finally {
      await session.close();
      await archive.close();
    }
    assert.equal(await database.dump(), before);
  });
});

describe('postgres: losing the connection', () => {
  const postgres = usePostgres();

  it('in a backup: says so, and leaves no file', async () => {
    const database = await postgres.create(big);
    const file = postgres.file('x.dbbackup');
    const lost = once(
      ({ phase, rows }) => phase === 'read' && (rows ?? 0) > 0,
      () => terminate(database),
    );
    // It stays in the middle of the table until it is ended.
    const condition = 'pg_sleep(CASE id WHEN 20000 THEN 60 ELSE 0 END) IS NOT NULL';
    const selection = { tables: tables('big'), where: [{ table: tables('big')[0]!, condition }] };
    const error = await failure(backUp(database, file, selection, { report: lost.report }));
    await lost.finished();
    assert.equal(error.code, 'connection');
    assert.match(error.message, /connection to the database was lost/);
    assert.equal(existsSync(file), false);
  });

  it('in a restore: says so, and nothing is changed', async () => {
    const database = await postgres.create(big);
    const file = postgres.file('x.dbbackup');
    await backUp(database, file);
    await database.run(`TRUNCATE big; ${slow} CREATE INDEX ON big (slow(id)); INSERT INTO big VALUES (1)`);
    const before = await database.dump();
    const lost = once(
      ({ phase, bytes, table }) => phase === 'load' && table?.name === 'big' && (bytes ?? 0) > 0,
      () => terminate(database),
    );
    const error = await failure(restore(file, database, { report: lost.report }));
    await lost.finished();
    assert.equal(error.code, 'connection');
    assert.match(error.message, /connection to the database was lost/);
    // That the server rolled back was asked on another connection.
    assert.equal(error.details.unchanged, 'Nothing was changed.');
    assert.equal(await database.dump(), before);
  });

  async function restoreThrough(
    database: TestDatabase,
    file: string,
    port: number,
    options: Partial<RestoreOptions> = {},
  ): Promise<unknown> {
    const url = new URL(database.url);
    url.port = String(port);
    const { address, password } = database.engine.parseUrl(url.href)!;
    const connecting = { password: password!, readOnly: false, logger: silentLogger };
    const through: TestDatabase = {
      ...database,
      connect: () => database.engine.connect(address, connecting),
    };
    return restore(file, through, options);
  }

  it('for good, in a restore: says that nobody knows what became of the database', async () => {
    const database = await postgres.create(big);
    const file = postgres.file('x.dbbackup');
    await backUp(database, file, { tables: tables('small') });
    await database.run('DELETE FROM small');
    const before = await database.dump();
    // Nothing answers any more, so that nobody can be asked.
    const proxy = await startBreakingProxy(
      Number(new URL(database.url).port),
      'COPY "public"."small"',
      false,
    );
    const watching = setInterval(() => {
      if (proxy.broken() > 0) void proxy.close();
    }, 1);
    const error = await failure(restoreThrough(database, file, proxy.port));
    clearInterval(watching);
    assert.equal(proxy.broken(), 1);
    assert.equal(error.code, 'connection');
    const words = describeError(error);
    assert.match(words, /It is not known whether the database was changed/);
    assert.match(words, /rolls back the transaction when it notices/);
    assert.doesNotMatch(words, /Nothing was changed/);
    assert.equal(await database.dump(), before);
  });

  itInAll('for good, in a rehearsal: is told as a failure', async () => {
    const database = await postgres.create(big);
    const file = postgres.file('x.dbbackup');
    await backUp(database, file, { tables: tables('small') });
    const proxy = await startBreakingProxy(Number(new URL(database.url).port), 'nobody says this', false);
    let closing: Promise<void> | undefined;
    const report = ({ phase }: ProgressEvent): void => {
      if (phase === 'rollback') closing ??= proxy.close();
    };
    const error = await failure(restoreThrough(database, file, proxy.port, { dryRun: true, report }));
    await closing;
    assert.match(describeError(error), /rehearsal could not be undone.*It is not known whether/);
  });

  it('in COMMIT, when the server heard it: finds out that all is done', async () => {
    const database = await postgres.create(big);
    const file = postgres.file('x.dbbackup');
    await backUp(database, file, { tables: tables('small') });
    await database.run('DELETE FROM small');
    const proxy = await startBreakingProxy(Number(new URL(database.url).port), 'COMMIT\0', true);
    await restoreThrough(database, file, proxy.port);
    assert.equal(proxy.broken(), 1);
    assert.deepEqual(await database.rows('SELECT id FROM small ORDER BY id'), [['1'], ['2']]);
    await proxy.close();
  });

  it('in COMMIT, when the server did not hear it: finds out that nothing is changed', async () => {
    const database = await postgres.create(big);
    const file = postgres.file('x.dbbackup');
    await backUp(database, file, { tables: tables('small') });
    await database.run('DELETE FROM small');
    const before = await database.dump();
    const proxy = await startBreakingProxy(Number(new URL(database.url).port), 'COMMIT\0', false);
    const error = await failure(restoreThrough(database, file, proxy.port));
    assert.equal(proxy.broken(), 1);
    assert.equal(error.code, 'connection');
    assert.equal(error.details.unchanged, 'Nothing was changed.');
    assert.equal(await database.dump(), before);
    await proxy.close();
  });

  it('for good, in COMMIT: says that the outcome is not known, and how to look', async () => {
    const database = await postgres.create(big);
    const file = postgres.file('x.dbbackup');
    await backUp(database, file, { tables: tables('small') });
    const proxy = await startBreakingProxy(Number(new URL(database.url).port), 'COMMIT\0', true);
    const watching = setInterval(() => {
      if (proxy.broken() > 0) void proxy.close();
    }, 1);
    const error = await failure(restoreThrough(database, file, proxy.port));
    clearInterval(watching);
    assert.equal(error.code, 'connection');
    assert.match(error.details.unchanged ?? '', /not known/);
    assert.match(error.details.next ?? '', /SELECT pg_xact_status\('\d+'\)/);
  });
});
