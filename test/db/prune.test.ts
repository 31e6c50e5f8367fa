import assert from 'node:assert/strict';
import {
  appendFile,
  copyFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import * as path from 'node:path';
import { MadeHere } from '../../src/backup/madeHere.ts';
import { pinBackup, removeBackup } from '../../src/backup/pins.ts';
import { removalsOf, type PrunePlan } from '../../src/backup/planPrune.ts';
import { pruneBackups, type PruneOptions } from '../../src/backup/pruneBackups.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { engineById } from '../../src/engines/registry.ts';
import { agedBackup } from '../support/agedBackups.ts';
import { cliCommand, runCli, type CliRun } from '../support/cli.ts';
import { failure } from '../support/errors.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';
import { runInTerminal } from '../support/terminal.ts';
import { testEngines, type TestDatabase } from '../support/testDatabases.ts';

interface Pruned {
  readonly removed: readonly string[];
  readonly backups: readonly {
    readonly file: string;
    readonly action: string;
    readonly reasons?: readonly string[];
  }[];
}

for (const testEngine of testEngines) {
  describe(`${testEngine.id}: restore-point prune`, () => {
    const folder = useTemporaryFolder();
    let database: TestDatabase;
    let backups: string;
    let state: string;
    /** Of the whole database, taken now. */
    let real: string;

    const run = (...words: string[]): Promise<CliRun> =>
      runCli(words, { cwd: folder.path, env: { XDG_STATE_HOME: state } });
    const done = async (...words: string[]): Promise<string> => {
      const { code, stdout, stderr } = await run(...words);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    const prune = async (...words: string[]): Promise<Pruned> =>
      JSON.parse(await done('prune', 'backups', ...words, '--json')) as Pruned;
    const names = async (): Promise<string[]> => (await readdir(backups)).sort();
    const make = (name: string, time: string, changes: object = {}): Promise<string> =>
      agedBackup(real, path.join(backups, `${name}.dbbackup`), time, {
        state: path.join(state, 'restore-point'),
        changes,
      });
    const makeForeign = (name: string, time: string): Promise<string> =>
      agedBackup(real, path.join(backups, `${name}.dbbackup`), time, { changes: { createdBy: '6.6.6' } });
    /** One bit of the rows. */
    const damage = async (file: string): Promise<void> => {
      const bytes = await readFile(file);
      bytes[120]! ^= 1;
      await writeFile(file, bytes);
    };
    const reasons = ({ backups: list }: Pruned, name: string): readonly string[] | undefined =>
      list.find(({ file }) => path.basename(file) === `${name}.dbbackup`)?.reasons;
    const api = (options: Partial<PruneOptions> = {}) =>
      pruneBackups(
        backups,
        { keepLast: 1 },
        {
          engines: engineById,
          madeHere: new MadeHere(path.join(state, 'restore-point'), silentLogger),
          logger: silentLogger,
          ...options,
        },
      );

    beforeEach(async () => {
      backups = folder.file('backups');
      state = folder.file('state');
      await mkdir(backups);
      database = await testEngine.create();
      await database.run(`
        CREATE TABLE orders (id integer PRIMARY KEY, note text);
        CREATE TABLE customers (id integer PRIMARY KEY);
        INSERT INTO orders VALUES (1, 'first'), (2, 'second');
        INSERT INTO customers VALUES (1)`);
      real = folder.file('real.dbbackup');
      await done('backup', database.url, '--out', real);
    });
    afterEach(() => database.remove());

    const week = async (): Promise<void> => {
      for (let day = 1; day <= 7; day++) await make(`day-${day}`, `2026-06-0${day}T12:00:00Z`);
    };

    it('shows what goes and what stays, deletes it, and a second time deletes nothing', async () => {
      await week();
      const text = await done('prune', 'backups', '--keep-last', '2', '--keep-weekly', '5', '--dry-run');
      assert.match(text, /\(\S+ [\d.]+.*\), whole\n/);
      assert.match(
        text,
        /keep +2026-06-07 \d\d:00 .* day-7\.dbbackup +last good backup of .*, last, weekly 2026-W23\n/,
      );
      assert.match(text, /keep +.* day-6\.dbbackup +last\n/);
      assert.match(text, /delete +.* day-5\.dbbackup +day-6\.dbbackup is kept instead\n/);
      assert.match(text, /This would delete 4 backups \(.*\)\. Nothing was deleted\.\n$/);
      assert.equal((await names()).length, 7);
      const first = await prune('--keep-last', '2', '--keep-weekly', '5', '--yes');
      assert.deepEqual(
        first.removed.map((file) => path.basename(file)),
        ['day-2', 'day-3', 'day-4', 'day-5'].map((name) => `${name}.dbbackup`),
      );
      assert.deepEqual(await names(), ['day-1.dbbackup', 'day-6.dbbackup', 'day-7.dbbackup']);
      assert.deepEqual((await prune('--keep-last', '2', '--keep-weekly', '5', '--yes')).removed, []);
      assert.match(
        await done('prune', 'backups', '--keep-last', '3', '--yes'),
        /Nothing to delete: all backups stay\.\n$/,
      );
    });

    it('needs a rule, a number, a folder, and an answer', async () => {
      await week();
      for (const [code, words, said] of [
        [
          2,
          ['backups', '--yes'],
          /No rule says which backups to keep.*Nothing was deleted.*--keep-last, --keep-hourly/,
        ],
        [2, ['backups', '--yes', '--keep-daily', '0'], /No rule says which backups to keep/],
        [2, ['backups', '--yes', '--keep-last', '-1'], /keep-last/],
        [2, ['backups', '--yes', '--keep-last=-1'], /--keep-last needs a whole number, not "-1"/],
        [2, ['backups', '--yes', '--keep-last', '1e3'], /--keep-last needs a whole number/],
        [2, ['backups', '--yes', '--keep-last', ''], /--keep-last needs a whole number/],
        [2, ['--yes', '--keep-last', '1'], /<folder> is missing/],
        [
          1,
          ['nowhere', '--yes', '--keep-last', '1'],
          /The folder cannot be read: there is no such file or folder/,
        ],
        [2, ['real.dbbackup', '--yes', '--keep-last', '1'], /This is a file, not a folder/],
        [2, ['backups', '--keep-last', '1'], /no terminal to ask.*--yes.*--dry-run/],
      ] as const) {
        const { code: found, stderr } = await run('prune', ...words);
        assert.equal(found, code, `${words.join(' ')}: ${stderr}`);
        assert.match(stderr, said);
      }
      assert.equal((await names()).length, 7);
    });

    it('asks in a terminal, and a no deletes nothing', async () => {
      await week();
      const words = [...cliCommand, 'prune', 'backups', '--keep-last', '6'];
      const env = { XDG_STATE_HOME: state };
      const no = await runInTerminal(words, { typed: ['n'], cwd: folder.path, env });
      assert.equal(no.code, 130);
      assert.match(
        no.shown,
        /day-2\.dbbackup is kept instead[^]*Delete 1 backup \(.*\)\? \[y\/N\][^]*No backup was deleted/,
      );
      assert.equal((await names()).length, 7);
      const yes = await runInTerminal(words, { typed: ['y'], cwd: folder.path, env });
      assert.equal(yes.code, 0);
      assert.match(yes.shown, /Deleted 1 backup, /);
      assert.equal((await names()).length, 6);
    });

    it('a damaged backup stays and does not count, wherever the damage is', async () => {
      await week();
      await damage(path.join(backups, 'day-7.dbbackup'));
      await damage(path.join(backups, 'day-2.dbbackup'));
      await writeFile(path.join(backups, 'day-6.dbbackup'), 'not even a backup');
      const report = await prune('--keep-last', '1', '--yes');
      assert.match(reasons(report, 'day-7')!.join(), /^damaged: The backup is damaged: /);
      assert.match(reasons(report, 'day-2')!.join(), /^damaged: /);
      assert.match(reasons(report, 'day-6')!.join(), /^damaged: Not a Restore Point backup/);
      assert.match(reasons(report, 'day-5')!.join(', '), /^last good backup of .*, last$/);
      assert.deepEqual(
        await names(),
        ['day-2', 'day-5', 'day-6', 'day-7'].map((name) => `${name}.dbbackup`),
      );
    });

    it('where all newer ones are damaged, the only good one stays', async () => {
      await week();
      for (let day = 2; day <= 7; day++) await damage(path.join(backups, `day-${day}.dbbackup`));
      assert.deepEqual((await prune('--keep-last', '1', '--yes')).removed, []);
      assert.equal((await names()).length, 7);
    });

    it('a backup that this machine did not make stays, and nothing goes because of it', async () => {
      await week();
      await makeForeign('newer', '2026-06-08T12:00:00Z');
      await makeForeign('future', '2099-01-01T00:00:00Z');
      await makeForeign('older', '2020-01-01T00:00:00Z');
      const report = await prune('--keep-last', '1', '--yes');
      assert.deepEqual(reasons(report, 'newer'), ['not made on this machine']);
      assert.match(reasons(report, 'day-7')!.join(', '), /^last good backup of .*, last$/);
      const left = ['day-7', 'future', 'newer', 'older'].map((name) => `${name}.dbbackup`);
      assert.deepEqual(await names(), left);
      assert.match(
        await done('prune', 'backups', '--keep-last', '1', '--dry-run'),
        /Not made on this machine: 3 backups\. They are kept and not counted\. With --trust/,
      );
      const trusted = await prune('--keep-last', '1', '--trust', '--yes');
      assert.deepEqual(reasons(trusted, 'future'), ['dated in the future']);
      assert.deepEqual(await names(), ['future.dbbackup', 'newer.dbbackup']);
    });

    it('copies of one backup do not push out others', async () => {
      await week();
      for (let copy = 1; copy <= 5; copy++)
        await copyFile(path.join(backups, 'day-7.dbbackup'), path.join(backups, `copy-${copy}.dbbackup`));
      await prune('--keep-last', '3', '--yes');
      const expected = ['copy-1', 'copy-2', 'copy-3', 'copy-4', 'copy-5', 'day-5', 'day-6', 'day-7'];
      assert.deepEqual(
        await names(),
        expected.map((name) => `${name}.dbbackup`),
      );
    });

    it('leaves pinned and safety backups, links, folders and other files alone', async () => {
      await week();
      await done('pin', 'backups/day-2.dbbackup');
      await make('safety', '2026-06-03T10:00:00Z', { purpose: 'safety' });
      const outside = path.join(folder.path, 'outside.dbbackup');
      await copyFile(path.join(backups, 'day-1.dbbackup'), outside);
      await symlink(outside, path.join(backups, 'link.dbbackup'));
      await mkdir(path.join(backups, 'inner.dbbackup'));
      await copyFile(outside, path.join(backups, 'inner.dbbackup', 'old.dbbackup'));
      await copyFile(outside, path.join(backups, '.hidden.dbbackup'));
      await copyFile(outside, path.join(backups, 'old.backup'));
      const report = await prune('--keep-last', '1', '--yes');
      assert.deepEqual(reasons(report, 'link'), ['a symbolic link']);
      assert.deepEqual(reasons(report, 'safety'), ['safety backup']);
      assert.deepEqual(reasons(report, 'day-2'), ['pinned']);
      assert.deepEqual(await names(), [
        '.hidden.dbbackup',
        'day-2.dbbackup',
        'day-2.dbbackup.pinned',
        'day-7.dbbackup',
        'inner.dbbackup',
        'link.dbbackup',
        'old.backup',
        'safety.dbbackup',
      ]);
      assert.deepEqual(await readdir(path.join(backups, 'inner.dbbackup')), ['old.dbbackup']);
      assert.ok((await lstat(outside)).isFile());
    });

    it('counts whole backups, and those of other tables or databases, by themselves', async () => {
      await make('whole-1', '2026-06-01T12:00:00Z');
      await done('backup', database.url, '--out', 'orders.dbbackup', '--tables', 'orders');
      await done('backup', database.url, '--out', 'customers.dbbackup', '--tables', 'customers');
      await done('backup', database.url, '--out', 'schema.dbbackup', '--schema-only');
      const whole = real;
      for (const name of ['orders', 'customers', 'schema']) {
        real = folder.file(`${name}.dbbackup`);
        await make(`${name}-1`, '2026-06-02T12:00:00Z');
        await make(`${name}-2`, '2026-06-03T12:00:00Z');
      }
      real = whole;
      const other = JSON.parse(await done('inspect', whole, '--json')) as { source: object };
      for (const day of [4, 5])
        await make(`other-${day}`, `2026-06-0${day}T12:00:00Z`, {
          source: { ...other.source, identity: '0'.repeat(32) },
        });
      await prune('--keep-last', '1', '--yes');
      assert.deepEqual(
        await names(),
        ['customers-2', 'orders-2', 'other-5', 'schema-2', 'whole-1'].map((name) => `${name}.dbbackup`),
      );
    });

    it('without the key an encrypted backup stays, and nothing goes because of it', async () => {
      await make('old', '2026-06-01T12:00:00Z');
      const secret = { XDG_STATE_HOME: state, RESTORE_POINT_PASSPHRASE: 'correct horse battery staple' };
      const words = ['backup', database.url, '--out', 'backups/new.dbbackup.age', '--encrypt'];
      assert.equal((await runCli(words, { cwd: folder.path, env: secret })).code, 0);
      assert.deepEqual((await prune('--keep-last', '1', '--yes')).removed, []);
      assert.match(
        await done('prune', 'backups', '--keep-last', '1', '--dry-run'),
        /new\.dbbackup\.age +encrypted, and no key opens it\n.*no key opens them: 1 backup\./s,
      );
      const opened = await runCli(['prune', 'backups', '--keep-last', '1', '--yes'], {
        cwd: folder.path,
        env: secret,
      });
      assert.equal(opened.code, 0, opened.stderr);
      assert.deepEqual(await names(), ['new.dbbackup.age']);
    });

    it('leaves what has changed since the plan', async () => {
      await week();
      const file = (day: number): string => path.join(backups, `day-${day}.dbbackup`);
      const { removed, left } = await api({
        choose: async (plan) => {
          await appendFile(file(1), 'more');
          await rm(file(2));
          await pinBackup(file(3));
          // Another file with the same contents.
          await copyFile(file(4), folder.file('copy'));
          await rm(file(4));
          await copyFile(folder.file('copy'), file(4));
          return removalsOf(plan);
        },
        async remove(one) {
          if (one === file(6)) throw Object.assign(new Error('permission denied'), { code: 'EACCES' });
          await removeBackup(one);
        },
      });
      assert.deepEqual(
        left.map(({ file: one, reason }) => `${path.basename(one)} ${reason}`),
        [
          'day-1.dbbackup changed',
          'day-2.dbbackup gone',
          'day-3.dbbackup pinned',
          'day-4.dbbackup changed',
          'day-6.dbbackup failed',
        ],
      );
      assert.match(left.at(-1)?.problem ?? '', /permission denied/);
      assert.deepEqual(
        removed.map(({ backup }) => backup.file),
        [file(5)],
      );
    });

    it('deletes nothing when the backup that is kept instead changes or goes', async () => {
      for (const change of [appendFile, (file: string) => rm(file)]) {
        await week();
        const { removed, left } = await api({
          choose: async (plan: PrunePlan) => {
            await change(path.join(backups, 'day-7.dbbackup'), 'more');
            return removalsOf(plan);
          },
        });
        assert.deepEqual(removed, []);
        assert.deepEqual(new Set(left.map(({ reason }) => reason)), new Set(['successorChanged']));
      }
    });

    it('cancelled half-way, the rest stays, and the next run finishes', async () => {
      await week();
      const abort = new AbortController();
      const error = await failure(
        api({
          signal: abort.signal,
          async remove(file) {
            await removeBackup(file);
            if (file.endsWith('day-2.dbbackup')) abort.abort();
          },
        }),
        'cancelled',
      );
      assert.equal(error.details.unchanged, '2 backups had been deleted; all others are unchanged.');
      assert.deepEqual(
        await names(),
        [3, 4, 5, 6, 7].map((day) => `day-${day}.dbbackup`),
      );
      assert.equal((await api()).removed.length, 4);
      assert.deepEqual(await names(), ['day-7.dbbackup']);
    });

    it('verifies what stays instead, the newest, and what goes; nothing where nothing goes', async () => {
      await week();
      const verified: string[] = [];
      const verify = (file: string): Promise<void> => {
        verified.push(path.basename(file, '.dbbackup'));
        return Promise.resolve();
      };
      const later = (policy: object): Promise<unknown> =>
        pruneBackups(backups, policy, {
          engines: engineById,
          madeHere: new MadeHere(path.join(state, 'restore-point'), silentLogger),
          logger: silentLogger,
          verify,
          verified: [path.join(backups, 'day-7.dbbackup')],
        });
      await later({});
      await later({ keepLast: 7 });
      assert.deepEqual(verified, []);
      await later({ keepLast: 5 });
      assert.deepEqual(verified, ['day-3', 'day-2', 'day-1']);
      assert.equal((await names()).length, 5);
    });

    it('concerns only the backups that the caller names', async () => {
      await week();
      const { removed } = await api({ concerns: () => false });
      assert.deepEqual(removed, []);
      const own = await api({ concerns: ({ source }) => source.engine === testEngine.id });
      assert.equal(own.removed.length, 6);
    });
  });
}
