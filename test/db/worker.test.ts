import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import * as path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createMessageConnection, IPCMessageReader, IPCMessageWriter } from 'vscode-jsonrpc/node';
import { Keys } from '../../src/archive/encryption/keys.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import type { WorkOptions } from '../../src/engines/engine.ts';
import * as protocol from '../../src/worker/protocol.ts';
import { Workers } from '../../src/worker/workers.ts';
import { failure } from '../support/errors.ts';
import { itInAll, sampleParts } from '../support/sample.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';
import { type TestDatabase, testEngines } from '../support/testDatabases.ts';
import { shopRows, shopSchema } from './shop.ts';

const script = path.join(import.meta.dirname, '../../src/worker.ts');
const workers = new Workers(script);
const yes: protocol.RestoreQuestions = {
  mayRun: () => Promise.resolve(true),
  confirm: () => Promise.resolve(true),
};

/** Takes a while to be written. */
const large = `CREATE TABLE large (id integer PRIMARY KEY, filler text);
  INSERT INTO large WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000)
  SELECT i, 'filler filler filler filler filler filler filler filler filler ' || i FROM n;`;

function accessOf({ engine, url }: TestDatabase): protocol.DatabaseAccess {
  return engine.parseUrl(url)!;
}

/** The processes that this one has started from the script. */
function workerIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((id) => {
      try {
        const parent = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${id}/status`, 'utf8'))?.[1];
        const command = readFileSync(`/proc/${id}/cmdline`, 'utf8');
        return Number(parent) === process.pid && command.includes(script);
      } catch {
        return false; // It has ended meanwhile.
      }
    })
    .map(Number);
}

/** Does something once, at the first event that fits. */
function when(fits: (event: ProgressEvent) => boolean, act: () => void): (event: ProgressEvent) => void {
  let done = false;
  return (event) => {
    if (done || !fits(event)) return;
    done = true;
    act();
  };
}

const loading = ({ phase, table, rows }: ProgressEvent): boolean =>
  phase === 'load' && table?.name === 'large' && (rows ?? 0) > 0;

for (const engine of testEngines) {
  describe(`${engine.id}: work in a process of its own`, function () {
    sampleParts(this, 5);
    const folder = useTemporaryFolder();
    let database: TestDatabase;

    beforeEach(async () => {
      database = await engine.create();
    });
    afterEach(async () => {
      await database.remove();
      // They end by themselves, a moment after they have answered.
      for (let patience = 100; workerIds().length > 0 && patience > 0; patience -= 1) await delay(50);
      assert.deepEqual(workerIds(), [], 'no worker is left');
    });

    async function backUp(options: Partial<WorkOptions> = {}, lock?: protocol.BackupTask['lock']) {
      const task = {
        database: accessOf(database),
        selection: {},
        place: { folder: folder.path },
        compression: 'zstd' as const,
        connection: 'test',
        ...(lock ? { lock } : {}),
      };
      return await workers.backUp(task, { logger: silentLogger, ...options });
    }

    function restoreTask(file: string, more: Partial<protocol.RestoreTask> = {}): protocol.RestoreTask {
      return { database: accessOf(database), file, mode: 'replace', connection: 'test', ...more };
    }

    it('brings a state back, tells how far it is, and asks', async () => {
      await database.run(shopSchema(engine.id) + shopRows);
      const before = await database.dump();
      const [phases, lines, asked] = [new Set<string>(), [] as string[], [] as unknown[]];
      const options: WorkOptions = {
        report: ({ phase }) => phases.add(phase),
        logger: { ...silentLogger, info: (line) => lines.push(line) },
      };
      const { file, tables } = await backUp(options);
      assert.equal(path.dirname(file), folder.path);
      assert.deepEqual([...phases], ['connect', 'snapshot', 'read', 'publish']);
      assert.match(lines.join('\n'), /Backing up .*\n[^]*Backed up 7 tables/);
      await database.run('DELETE FROM lines; DELETE FROM log;');
      const questions: protocol.RestoreQuestions = {
        ...yes,
        confirm: (plan, { createdAt }) => {
          asked.push(plan.tables.length, new Date(createdAt).getFullYear());
          return Promise.resolve(true);
        },
      };
      const report = await workers.restore(restoreTask(file), questions, options);
      assert.deepEqual(asked, [tables.length, new Date().getFullYear()]);
      assert.equal(report.tables.length, tables.length);
      assert.equal(await database.dump(), before);
      const verified = await workers.verify({ file }, options);
      assert.equal(verified.manifest.tables.length, tables.length);
    });

    it('keeps the differences of a comparison until it is closed', async () => {
      await database.run(shopSchema(engine.id) + shopRows);
      const { file } = await backUp();
      await database.run(`${large} UPDATE customers SET name = name || '!'; DELETE FROM log;`);
      const [[customers, log]] = (await database.rows(
        'SELECT (SELECT count(name) FROM customers), count(*) FROM log',
      )) as [[string, string]];
      assert.equal(log, '0');
      const opened = await workers.compare(
        { first: { kind: 'backup', file }, second: { kind: 'database', database: accessOf(database) } },
        { logger: silentLogger },
      );
      try {
        const { pairing, results } = opened.comparison;
        assert.deepEqual(
          pairing.onlyInSecond.map(({ name }) => name),
          ['large'],
        );
        const table = pairing.tables.findIndex(({ name }) => name.name === 'customers');
        assert.equal(results[table]?.counts.changed, Number(customers));
        const query = { table, kind: 'changed', after: 1, limit: 1 } as const;
        const page = await opened.read(query);
        assert.equal(page.total, Number(customers));
        const [column = -1] = page.rows[0]?.changed ?? [];
        assert.deepEqual(
          page.rows[0]?.second?.[column],
          `${(page.rows[0]?.first?.[column] as string) ?? ''}!`,
        );
        const place = { table, kind: 'changed', number: 1, side: 'second', column, longest: 1e6 } as const;
        assert.equal(await opened.value(place), page.rows[0]?.second?.[column]);
        assert.equal(await opened.value({ ...place, number: 1e6 }), undefined);
        assert.equal((await opened.read({ ...query, filter: 'no such text' })).total, 0);
        assert.equal(workerIds().length, 1);
      } finally {
        opened.close();
      }
      const missing = { kind: 'backup', file: `${file}-missing` } as const;
      await failure(workers.compare({ first: missing, second: missing }, { logger: silentLogger }), 'file');
    });

    it('counts how tables differ from a backup, and rehearses its restore while another waits for its answer', async () => {
      await database.run(shopSchema(engine.id) + shopRows);
      const { file, tables } = await backUp();
      await database.run('UPDATE customers SET name = name || 2; ALTER TABLE notes ADD COLUMN later integer');
      const before = await database.dump();
      const options = { logger: silentLogger };
      const task = { database: accessOf(database), file, milliseconds: 60_000 };
      const counted = await workers.countDifferences(task, options);
      const differing = counted.filter(({ counts }) => counts.changed + counts.onlyInFirst > 0);
      assert.deepEqual(
        differing.map(({ table }) => table.name),
        ['customers'],
      );
      assert.equal(counted.length, tables.length - 1, 'notes has other columns');
      const chosen = [tables.find(({ table }) => table.name.name === 'customers')!.table.name];
      const restore = restoreTask(file, { tables: chosen, countChanges: { milliseconds: 60_000 } });
      const report = await workers.restore(
        restore,
        {
          ...yes,
          confirm: async (plan) => {
            const changes = plan.tables[0]?.changes;
            const rehearsed = await workers.restore({ ...restore, dryRun: true }, yes, options);
            assert.deepEqual(rehearsed.tables[0]?.changes, changes);
            assert.equal(changes?.updated, differing[0]?.counts.changed);
            assert.equal(await database.dump(), before);
            return true;
          },
        },
        options,
      );
      assert.equal(report.dryRun, false);
      assert.notEqual(await database.dump(), before);
    });

    it('counts nothing of a table of which a backup has only some rows', async () => {
      await database.run(shopSchema(engine.id) + shopRows);
      const [customers, notes] = [{ name: 'customers' }, { name: 'notes' }];
      const selection = { tables: [customers, notes], where: [{ table: customers, condition: 'id = 1' }] };
      const options = { logger: silentLogger };
      const { file } = await workers.backUp(
        {
          database: accessOf(database),
          selection,
          place: { folder: folder.path },
          compression: 'zstd',
          connection: 'test',
        },
        options,
      );
      const task = { database: accessOf(database), file, milliseconds: 60_000 };
      const counted = await workers.countDifferences(task, options);
      assert.deepEqual(
        counted.map(({ table }) => table.name),
        ['notes'],
      );
    });

    it('opens what is encrypted with what its host has derived', async () => {
      await database.run(shopSchema(engine.id) + shopRows);
      const { file, encryption } = await backUp({}, { passphrase: 'correct horse' });
      assert.equal(encryption, 'passphrase');
      const keys = await new Keys({ passphrase: 'correct horse' }).known();
      await workers.restore(restoreTask(file, { keys }), yes, { logger: silentLogger });
      const none = await new Keys({ passphrase: 'wrong' }).known();
      await failure(workers.verify({ file, keys: none }, { logger: silentLogger }), 'locked');
    });

    it('fails as it would here', async () => {
      await database.run(shopSchema(engine.id) + shopRows);
      const { file } = await backUp();
      await database.run('DROP TABLE lines; CREATE TABLE lines (order_id integer, other integer);');
      const before = await database.dump();
      const error = await failure(
        workers.restore(restoreTask(file), yes, { logger: silentLogger }),
        'refused',
      );
      assert.match(error.message, /lines/);
      assert.equal(error.details.unchanged, 'Nothing was changed.');
      assert.match(error.stack ?? '', /planRestore|src\/restore/);
      assert.equal(await database.dump(), before);
      const no = { ...yes, confirm: () => Promise.resolve(false) };
      await database.run('DROP TABLE lines');
      await failure(workers.restore(restoreTask(file), no, { logger: silentLogger }), 'cancelled');
      const thrown = { ...yes, confirm: () => Promise.reject(new Error('the dialog broke')) };
      await assert.rejects(
        workers.restore(restoreTask(file), thrown, { logger: silentLogger }),
        /the dialog broke/,
      );
    });

    it('is cancelled', async () => {
      await database.run(large);
      const { file } = await backUp();
      await database.run('DELETE FROM large WHERE id > 1000');
      const before = await database.dump();
      const controller = new AbortController();
      const { signal } = controller;
      const report = when(loading, () => controller.abort());
      const work = workers.restore(restoreTask(file), yes, { signal, report, logger: silentLogger });
      const error = await failure(work, 'cancelled');
      assert.equal(error.details.unchanged, 'Nothing was changed.');
      assert.equal(await database.dump(), before);
    });

    it('tells when its process breaks, and nothing was changed', async () => {
      await database.run(large);
      const { file } = await backUp();
      await database.run('DELETE FROM large WHERE id > 1000');
      const before = await database.dump();
      const report = when(loading, () => {
        for (const id of workerIds()) process.kill(id, 'SIGKILL');
      });
      const work = workers.restore(restoreTask(file), yes, { report, logger: silentLogger });
      const error = await failure(work, 'database');
      assert.match(error.message, /ended unexpectedly \(SIGKILL\)/);
      // SQLite needs somebody who may write to bring it back to what it was.
      await database.run('SELECT count(*) FROM large');
      assert.equal(await database.dump(), before);
      await workers.restore(restoreTask(file), yes, { logger: silentLogger });
      assert.deepEqual(await database.rows('SELECT count(*) FROM large'), [['400000']]);
    });

    itInAll('ends when its host is gone while it waits for an answer', async () => {
      await database.run(shopSchema(engine.id) + shopRows);
      const { file } = await backUp();
      const host = fork(script, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      const ended = once(host, 'exit');
      const connection = createMessageConnection(new IPCMessageReader(host), new IPCMessageWriter(host));
      await new Promise<void>((asked) => {
        connection.onRequest(protocol.confirm, () => {
          asked();
          return new Promise<boolean>(() => undefined);
        });
        connection.listen();
        connection.sendRequest(protocol.restore, restoreTask(file)).catch(() => 'nobody hears it');
      });
      host.disconnect();
      const patience = delay(10_000, 'it waits on', { ref: false });
      assert.deepEqual(await Promise.race([ended, patience]), [0, null]);
    });

    itInAll('waits for no answer once it is cancelled', async () => {
      await database.run(shopSchema(engine.id) + shopRows);
      const { file } = await backUp();
      const controller = new AbortController();
      const silent: protocol.RestoreQuestions = {
        ...yes,
        confirm: () => {
          controller.abort();
          return new Promise<boolean>(() => undefined);
        },
      };
      const options = { signal: controller.signal, logger: silentLogger };
      await failure(workers.restore(restoreTask(file), silent, options), 'cancelled');
    });

    it('ends when its host is gone, and cleans up', async () => {
      await database.run(large);
      const { file } = await backUp();
      await database.run('DELETE FROM large WHERE id > 1000');
      const before = await database.dump();
      const temporary = folder.file('temporary');
      await mkdir(temporary);
      const host = fork(script, {
        env: { ...process.env, TMPDIR: temporary },
        serialization: 'advanced',
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      await loadingOf(host, restoreTask(file));
      const ended = once(host, 'exit');
      host.disconnect();
      assert.deepEqual(await ended, [0, null]);
      assert.deepEqual(readdirSync(temporary), []);
      assert.equal(await database.dump(), before);
    });
  });
}

/** Resolves when the worker writes rows. */
async function loadingOf(worker: ChildProcess, task: protocol.RestoreTask): Promise<void> {
  const connection = createMessageConnection(new IPCMessageReader(worker), new IPCMessageWriter(worker));
  connection.onRequest(protocol.mayRun, () => true);
  connection.onRequest(protocol.confirm, () => true);
  await new Promise<void>((resolve, reject) => {
    connection.onNotification(protocol.progress, (event) => {
      if (loading(event)) resolve();
    });
    connection.listen();
    connection
      .sendRequest(protocol.restore, task)
      .then(() => reject(new Error('it was done already')), reject);
  });
}

describe('work in a process that does not start', () => {
  const task = { file: 'x.dbbackup' };

  it('tells so', async () => {
    const missing = path.join(import.meta.dirname, 'no-such-worker.js');
    assert.ok(!existsSync(missing));
    const error = await failure(new Workers(missing).verify(task, { logger: silentLogger }), 'database');
    assert.match(error.message, /The process that did the work ended/);
    assert.match(String(error.cause), /Cannot find module/);
  });

  it('is not begun when it was cancelled before', async () => {
    const options = { signal: AbortSignal.abort(), logger: silentLogger };
    await failure(workers.verify(task, options), 'cancelled');
  });
});
