import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import * as path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { newBackupFile } from '../../src/backup/backupFiles.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { engineById } from '../../src/engines/registry.ts';
import type { Session } from '../../src/engines/engine.ts';
import { type ScheduledBackupOptions, takeScheduledBackup } from '../../src/schedule/takeScheduledBackup.ts';
import { type OwnedProcess, startOwned } from '../support/childProcesses.ts';
import type { ChildOrder } from '../support/scheduleChild.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';
import { type TestDatabase, type TestEngine, testEngines } from '../support/testDatabases.ts';

const folder = useTemporaryFolder();

function take(session: Session, more: Partial<ScheduledBackupOptions> = {}) {
  return takeScheduledBackup(session, {
    logger: silentLogger,
    engines: engineById,
    newFile: () => newBackupFile(folder.file('backups'), 'shop'),
    ...more,
  });
}

/** Waits until the state of a database gives a sign: times of files have steps. */
async function settled(database: TestDatabase): Promise<string> {
  const session = await database.connect({ readOnly: true });
  try {
    for (const end = Date.now() + 20_000; ;) {
      const sign = await session.changeSign!({ logger: silentLogger });
      if (sign !== undefined) return sign;
      assert.ok(Date.now() < end, 'there is no sign');
      await delay(200);
    }
  } finally {
    await session.close();
  }
}

async function backupsOf(database: TestDatabase, sign?: string) {
  const session = await database.connect({ readOnly: true });
  try {
    return await take(session, sign === undefined ? {} : { lastSign: sign });
  } finally {
    await session.close();
  }
}

const writer = `
  const database = new (require('node:sqlite').DatabaseSync)(process.argv[1]);
  require('node:readline').createInterface(process.stdin).on('line', (sql) => {
    database.exec(sql);
    console.log('done');
  });`;

/** A connection of another program, which stays open. */
async function openWriter({ engine, url }: TestDatabase): Promise<{
  run(sql: string): Promise<unknown>;
  close(): Promise<void>;
}> {
  if (engine.id === 'sqlite') {
    // In a process of its own: what closes the file here would drop the locks of another connection.
    const { child, stop } = await startOwned(
      process.execPath,
      ['-e', writer, engine.parseUrl(url)!.address.file!],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    const answers = createInterface(child.stdout!);
    return {
      run(sql) {
        child.stdin!.write(`${sql}\n`);
        return once(answers, 'line');
      },
      close: stop,
    };
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return { run: (sql) => client.query(sql), close: () => client.end() };
}

const changes: Readonly<Record<TestEngine['id'], readonly string[]>> = {
  sqlite: [
    "UPDATE shop SET name = 'b' WHERE id = 1",
    'CREATE VIEW names AS SELECT name FROM shop',
    'PRAGMA user_version = 7',
    'PRAGMA journal_mode = WAL',
    "INSERT INTO shop (name) VALUES ('wal')",
    "UPDATE shop SET name = 'wal 2'",
  ],
  postgres: [
    "UPDATE shop SET name = 'b' WHERE id = 1",
    'INSERT INTO shop (name) VALUES (NULL)',
    'DELETE FROM shop',
    'TRUNCATE shop',
    'CREATE VIEW names AS SELECT name FROM shop',
    'CREATE UNLOGGED TABLE quick (id integer)',
    'INSERT INTO quick VALUES (1)',
    'TRUNCATE quick',
    "COMMENT ON TABLE shop IS 'here'",
    "SELECT setval('numbers', 500)",
    "SELECT nextval('numbers')",
    "SELECT nextval('numbers')",
    'SELECT lo_create(0)',
    'GRANT SELECT ON shop TO PUBLIC',
    'ALTER TABLE shop ADD COLUMN price numeric',
  ],
};

for (const engine of testEngines) {
  describe(`scheduled backups of ${engine.id}`, () => {
    let database: TestDatabase;

    beforeEach(async () => {
      database = await engine.create();
      const sequence = engine.id === 'postgres' ? '; CREATE SEQUENCE numbers' : '';
      const id = engine.id === 'postgres' ? 'serial' : 'integer';
      await database.run(
        `CREATE TABLE shop (id ${id} PRIMARY KEY, name text); INSERT INTO shop (name) VALUES ('a')${sequence}`,
      );
    });
    afterEach(() => database.remove());

    it('are skipped while nothing has changed, and verified when they are taken', async () => {
      await settled(database);
      const first = await backupsOf(database);
      assert.ok(first.kind === 'backedUp' && first.verified && first.sign !== undefined);
      // Reading changes nothing: neither our own backups nor anybody else's.
      await database.dump();
      for (let time = 0; time < 3; time++) {
        assert.deepEqual(await backupsOf(database, first.sign), { kind: 'unchanged' });
      }
      assert.equal((await readdir(folder.file('backups'))).length, 1);
    });

    it('are taken after every kind of change', async () => {
      for (const sql of changes[engine.id]) {
        const before = await settled(database);
        await database.run(sql);
        const after = await backupsOf(database, before);
        assert.equal(after.kind, 'backedUp', sql);
        // What was written a moment ago is no state to rely on, or it has a sign of its own.
        if (after.kind === 'backedUp') assert.notEqual(after.sign, before, sql);
      }
    });

    it('do not miss a change during a backup', async () => {
      await settled(database);
      const session = await database.connect({ readOnly: true });
      let changed = false;
      const during = await take(session, {
        async newFile() {
          // The sign was read; the snapshot is not yet open.
          await database.run("UPDATE shop SET name = 'meanwhile'");
          changed = true;
          return await newBackupFile(folder.file('backups'), 'shop');
        },
      });
      await session.close();
      assert.ok(changed && during.kind === 'backedUp' && during.sign !== undefined);
      assert.equal((await backupsOf(database, during.sign)).kind, 'backedUp');

      await settled(database);
      const other = await database.connect({ readOnly: true });
      let writing: Promise<void> | undefined;
      const later = await take(other, {
        report({ phase }) {
          if (phase === 'publish') writing ??= database.run("UPDATE shop SET name = 'later'");
        },
      });
      await writing;
      await other.close();
      assert.ok(writing && later.kind === 'backedUp' && later.sign !== undefined);
      assert.equal((await backupsOf(database, later.sign)).kind, 'backedUp');
    });

    it('do not miss what was not committed when the sign was read', async () => {
      await settled(database);
      const writer = await openWriter(database);
      try {
        await writer.run("BEGIN; UPDATE shop SET name = 'open'");
        await settled(database);
        const during = await backupsOf(database);
        assert.ok(during.kind === 'backedUp' && during.sign !== undefined);
        assert.deepEqual(await backupsOf(database, during.sign), { kind: 'unchanged' });
        await writer.run('COMMIT');
        assert.equal((await backupsOf(database, during.sign)).kind, 'backedUp');
      } finally {
        await writer.close();
      }
    });
  });
}

interface Line {
  readonly kind: string;
  readonly began?: number;
}

describe('schedule runners in two processes', () => {
  const minute = 60_000;
  const start = Date.parse('2026-05-01T10:00Z');
  const lockTimes = { heartbeat: 50, gone: 200, silent: 2_000 };
  let database: TestDatabase;
  let windows: (OwnedProcess & { readonly lines: Line[] })[] = [];

  beforeEach(async () => {
    database = await testEngines.find(({ id }) => id === 'sqlite')!.create();
    await database.run('CREATE TABLE shop (id integer PRIMARY KEY); INSERT INTO shop VALUES (1)');
    windows = [];
  });
  afterEach(async () => {
    for (const window of windows) await window.stop();
    await database.remove();
  });

  async function open(begun: number, more: Partial<ChildOrder> = {}): Promise<(typeof windows)[number]> {
    const order: ChildOrder = {
      ...{ stateFolder: folder.file('state'), folder: folder.file('backups'), url: database.url },
      ...{
        schedule: { when: 'every 10 minutes', skipUnchanged: false },
        speed: 300,
        start,
        begun,
        lockTimes,
      },
      ...{ hang: false, ...more },
    };
    const script = path.join(import.meta.dirname, '../support/scheduleChild.ts');
    const child = await startOwned(process.execPath, [script, JSON.stringify(order)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const window = { ...child, lines: [] as Line[] };
    createInterface(child.child.stdout!).on('line', (line) => window.lines.push(JSON.parse(line) as Line));
    windows.push(window);
    return window;
  }

  const has = async (window: { lines: Line[] }, kind: string): Promise<void> => {
    for (const end = Date.now() + 20_000; !window.lines.some((line) => line.kind === kind); await delay(20)) {
      assert.ok(Date.now() < end, `it never says ${kind}: ${JSON.stringify(window.lines)}`);
    }
  };

  it('run each backup once', async () => {
    const begun = Date.now();
    const both = await Promise.all([open(begun), open(begun)]);
    for (const window of both) await has(window, 'started');
    await delay(8_000);
    for (const { child, ended } of both) {
      child.stdin!.end();
      await Promise.race([once(child, 'exit'), ended]);
    }
    const runs = both.flatMap(({ lines }) => lines.filter(({ kind }) => kind === 'backedUp'));
    const times = runs.map(({ began }) => began!).sort((a, b) => a - b);
    assert.ok(times.length >= 3, `${times.length} runs`);
    for (const [index, time] of times.slice(1).entries()) {
      assert.ok(time - times[index]! >= 10 * minute, `a run ${time - times[index]!} ms after the one before`);
    }
    assert.equal((await readdir(folder.file('backups'))).length, times.length);
  });

  it('take over from one that is killed in the middle of a run', async () => {
    const begun = Date.now();
    const first = await open(begun, { hang: true });
    await has(first, 'hanging');
    const second = await open(begun);
    await has(second, 'started');
    await delay(1_000);
    assert.deepEqual(
      second.lines.map(({ kind }) => kind),
      ['started'],
    );
    first.child.kill('SIGKILL');
    await first.ended;
    await has(second, 'backedUp');
  });
});
