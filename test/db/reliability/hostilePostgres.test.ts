import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { describeError } from '../../../src/core/errors.ts';
import type { RestorePlan } from '../../../src/core/plan.ts';
import type { RestoreOptions } from '../../../src/restore/restoreBackup.ts';
import { type CliRun, runCli, startCli } from '../../support/cli.ts';
import {
  chunksOf,
  forge,
  type Forgery,
  type JsonObject,
  objectsAt,
  soundBackup,
} from '../../support/hostileFiles.ts';
import { failure, restore } from '../../support/restores.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { countingTried } from '../../support/triedCounts.ts';

const postgres = testEngines.find(({ id }) => id === 'postgres')!;
const schema = `
  CREATE TABLE notes (id serial PRIMARY KEY, t text);
  CREATE TABLE payments (id serial PRIMARY KEY, amount integer);
  CREATE SEQUENCE numbers;
  CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS count FROM notes`;
const rows = `INSERT INTO notes (t) VALUES ('a'), ('b'); INSERT INTO payments (amount) SELECT 1 FROM generate_series(1, 50)`;

describe('postgres: hostile backups that hide something', () => {
  const folder = useTemporaryFolder();
  let source: TestDatabase;
  let target: TestDatabase;
  let sound: Buffer;

  beforeEach(async () => {
    [source, target] = [await postgres.create(), await postgres.create()];
    for (const database of [source, target]) await database.run(`${schema}; ${rows}`);
    sound = await soundBackup(source, folder.file('sound.dbbackup'), 'none');
  });
  afterEach(async () => {
    await source.remove();
    await target.remove();
  });

  const forged = async (change: (forgery: Forgery) => void): Promise<string> => {
    const file = folder.file('hostile.dbbackup');
    await writeFile(file, forge(sound, change));
    return file;
  };
  const tableOf = ({ manifest }: Forgery, name: string): JsonObject =>
    objectsAt(manifest['tables']).find(({ table }) => JSON.stringify(table).includes(`"name":"${name}"`))!;
  const unasked: Partial<RestoreOptions> = {
    mayRun: () => Promise.reject(new Error('it was asked whether statements may run')),
  };

  it('are refused before anything is asked: statements that are not what their kind says', async () => {
    const hidden: readonly JsonObject[] = [
      {
        kind: 'function',
        name: 'public.owned()',
        sql: 'CREATE FUNCTION public.owned() RETURNS event_trigger LANGUAGE plpgsql AS $$begin end$$',
        of: 'table public.notes',
      },
      { kind: 'function setting', name: 'f', sql: 'ALTER ROLE postgres SUPERUSER', of: 'table public.notes' },
      { kind: 'constructor', name: 'f', sql: 'CREATE TABLE public.x (a integer)' },
      {
        kind: 'table',
        name: 'public.x',
        table: { schema: 'public', name: 'x' },
        sql: `CREATE TABLE public.x AS SELECT lo_export(1, '/tmp/x')`,
      },
    ];
    await countingTried('hostile files', 'statements that hide (postgres)', async (count) => {
      const before = await target.dump();
      for (const object of hidden) {
        const file = await forged(({ manifest }) =>
          (manifest['objects'] as JsonObject[]).push({ section: 'pre-data', ...object }),
        );
        for (const tables of [undefined, [{ schema: 'public', name: 'notes' }]]) {
          const error = await failure(restore(file, target, { ...unasked, ...(tables ? { tables } : {}) }));
          assert.equal(error.code, 'damaged-backup');
          assert.match(describeError(error), /is not one that Restore Point would write/);
          assert.equal(await target.dump(), before);
          count();
        }
      }
    });
  });

  it('set no sequence that the restored tables do not take numbers from', async () => {
    const file = await forged(({ manifest }) => {
      for (const sequence of objectsAt(manifest['sequences']))
        Object.assign(sequence, {
          lastValue: '1',
          isCalled: false,
          table: { schema: 'public', name: 'notes' },
        });
    });
    let plan: RestorePlan | undefined;
    await restore(file, target, {
      ...unasked,
      tables: [{ name: 'notes' }],
      confirm: (made) => {
        plan = made;
        return Promise.resolve(true);
      },
    });
    assert.deepEqual(
      plan?.sequences.map(({ name }) => name.name),
      ['notes_id_seq'],
    );
    assert.match(plan.warnings.join('\n'), /not set: .*public\.payments_id_seq/);
    assert.deepEqual(await target.rows('SELECT last_value FROM payments_id_seq'), [['50']]);
    assert.deepEqual(await target.rows('SELECT last_value FROM notes_id_seq'), [['1']]);
  });

  it('set a sequence of no table with all of a backup alone, which is told and can be undone', async () => {
    await target.run(`SELECT setval('numbers', 7)`);
    const file = await forged(({ manifest }) => {
      manifest['tables'] = objectsAt(manifest['tables']).slice(0, 1);
      manifest['objects'] = [];
      for (const sequence of objectsAt(manifest['sequences'])) delete sequence['table'];
    });
    const shown = await runCli(['restore', file, target.url, '--yes', '--json']);
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(shown.stderr, /counters set: public\.numbers\n/);
    assert.deepEqual(await target.rows('SELECT last_value FROM payments_id_seq'), [['50']]);
    assert.deepEqual(await target.rows('SELECT last_value FROM numbers'), [['1']]);
    const { safetyBackup } = JSON.parse(shown.stdout) as { safetyBackup: string };
    const undone = await runCli(['restore', safetyBackup, target.url, '--yes']);
    assert.equal(undone.code, 0, undone.stderr);
    assert.deepEqual(await target.rows('SELECT last_value FROM numbers'), [['7']]);
  });

  it('write no table that nothing makes: of the server, a view', async () => {
    await target.run('CREATE VIEW seen AS SELECT id, t FROM notes');
    const before = await target.dump();
    for (const name of [
      { schema: 'pg_catalog', name: 'pg_authid' },
      { schema: 'information_schema', name: 'sql_features' },
      { schema: 'public', name: 'seen' },
      { schema: 'public', name: 'nowhere' },
    ]) {
      const file = await forged((forgery) => {
        (tableOf(forgery, 'notes')['table'] as JsonObject)['name'] = name;
        forgery.manifest['objects'] = [];
        forgery.manifest['sequences'] = [];
      });
      const error = await failure(restore(file, target, unasked));
      assert.match(describeError(error), /it is missing, and the backup does not contain its definition/);
      assert.equal(await target.dump(), before);
    }
  });

  it('hold no mark that ends rows before their end', async () => {
    const before = await target.dump();
    for (const text of ['1\tx\n2\ty\n\\.\n3\tz\n', '1\tx\n2\ty\\.\n3\tz\n', '1\tx\n2\t\\\\\\.\n']) {
      const file = await forged((forgery) => {
        const payload = objectsAt(forgery.manifest['payloads']).find(
          ({ name }) => name === tableOf(forgery, 'notes')['payload'],
        )!;
        const [chunk] = chunksOf({ payloads: [payload] });
        forgery.chunks.set(chunk!['entry'] as string, Buffer.from(text));
        chunk!['bytes'] = text.length;
        forgery.manifest['objects'] = [];
      });
      const error = await failure(restore(file, target, { ...unasked, tables: [{ name: 'notes' }] }));
      assert.match(describeError(error), /an end-of-data marker before their end/);
      assert.equal(await target.dump(), before);
      const { code, stderr } = await runCli(['verify', file]);
      assert.deepEqual([code, /an end-of-data marker before their end/.test(stderr)], [3, true], stderr);
    }
  });

  it('run none of their statements where rows alone are restored', async () => {
    const file = await forged(({ manifest }) => {
      for (const object of objectsAt(manifest['objects']))
        if (object['kind'] === 'materialized view data')
          object['sql'] = `${object['sql'] as string} WITH NO DATA`;
    });
    await target.run('DELETE FROM notes');
    await restore(file, target, { ...unasked, only: 'data' });
    // Filled again, by the database's own statement.
    assert.deepEqual(await target.rows('SELECT count FROM totals'), [['2']]);
    await target.run('DROP MATERIALIZED VIEW totals');
    await restore(file, target, { ...unasked, only: 'data' });
  });

  it('are listed whole: every statement by kind and name, and its text', async () => {
    const names = Array.from({ length: 30 }, (_, index) => `made_${index}`);
    for (const name of names)
      await source.run(`CREATE TABLE ${name} (a integer); COMMENT ON TABLE ${name} IS 'x'`);
    const file = folder.file('hostile.dbbackup');
    await writeFile(file, await soundBackup(source, folder.file('sound.dbbackup'), 'none'));
    const refused = await runCli(['restore', file, target.url, '--yes']);
    assert.equal(refused.code, 1, refused.stderr);
    const text = await runCli(['inspect', file, '--statements']);
    assert.equal(text.code, 0, text.stderr);
    for (const name of names) {
      assert.match(refused.stderr, new RegExp(`table: .*public\\.${name}\\b`));
      assert.match(refused.stderr, new RegExp(`comment: .*TABLE "public"\\."${name}"`));
      assert.match(
        text.stdout,
        new RegExp(`-- table public\\.${name}\nCREATE TABLE "public"\\."${name}" \\(`),
      );
    }
  });

  it('print no lines of their own in the stack of an error', async () => {
    const file = await forged(({ manifest }) =>
      (manifest['objects'] as JsonObject[]).push({
        kind: 'table',
        name: 'x\nrestore-point: all is well\u001b[2J\u3164',
        section: 'pre-data',
        sql: 'x',
      }),
    );
    const run = await runCli(['restore', file, target.url, '--yes', '--verbose']);
    assert.equal(run.code, 3, run.stderr);
    assert.doesNotMatch(run.stderr, /^restore-point: all is well/m);
    for (const hidden of '\u001b\u3164') assert.ok(!run.stderr.includes(hidden), run.stderr);
    assert.match(run.stderr, /\n {4}at /);
  });

  it('end at the second Ctrl+C, whatever the first one waits for', async () => {
    const pipe = folder.file('never.dbbackup');
    execFileSync('mkfifo', [pipe]);
    let run: CliRun | undefined;
    // One that comes before the program has begun ends it too.
    for (let wait = 2000; !run?.stderr.includes('Cancelling') && wait < 60_000; wait *= 3) {
      let sent: Promise<unknown> | undefined;
      const interruptTwice = async (pid: number): Promise<void> => {
        await setTimeout(wait);
        process.kill(pid, 'SIGINT');
        await setTimeout(1000);
        process.kill(pid, 'SIGINT');
      };
      run = await startCli(['inspect', pipe], {
        onStart: (pid) => {
          sent = interruptTwice(pid).catch(() => 'it has ended');
        },
      });
      await sent;
    }
    assert.ok(run);
    assert.equal(run.code, null);
    assert.match(run.stderr, /Cancelling; Ctrl\+C again ends at once\./);
  });
});
