import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { runCli, type CliRun } from '../../support/cli.ts';
import { forge, objectsAt } from '../../support/hostileFiles.ts';
import { postgresForTests } from '../../support/postgresForTests.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { runSql } from '../everything/postgresRoundTrip.ts';
import { shopRows, shopSchema } from '../shop.ts';

interface Result {
  readonly proved: boolean;
  readonly tables: number;
  readonly rows: number;
  readonly objects: number;
  readonly problems: readonly string[];
}

for (const testEngine of testEngines) {
  const { id } = testEngine;
  describe(`${id}: a proof that a backup can be restored`, () => {
    const folder = useTemporaryFolder();
    let database: TestDatabase;
    let file: string;

    beforeEach(async () => {
      database = await testEngine.create();
      await database.run(`${shopSchema(id)} ${shopRows}`);
      file = folder.file('shop.dbbackup');
    });
    afterEach(() => database.remove());

    /** With temporary folders and a state folder of its own. */
    const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliRun> =>
      runCli(args, { env: { XDG_STATE_HOME: folder.file('state'), ...env } });
    const place = (): string[] => (id === 'sqlite' ? [] : [database.url]);
    const prove = (...more: string[]): Promise<CliRun> => run(['prove', file, ...place(), ...more]);

    async function backUp(...more: string[]): Promise<void> {
      const done = await run(['backup', database.url, '--out', file, ...more]);
      assert.equal(done.code, 0, done.stderr);
    }

    const proofs = async (): Promise<string[]> =>
      (await readFile(folder.file('state/restore-point/proofs'), 'utf8')).trimEnd().split('\n');

    async function scratchDatabases(): Promise<string[]> {
      if (id === 'sqlite') return [];
      const { url } = await postgresForTests();
      const recorded = (await readFile(folder.file('state/restore-point/proof-databases'), 'utf8')).split(
        '\n',
      );
      const all = await runSql(url, 'SELECT datname FROM pg_database');
      return all.flat().filter((name) => recorded.includes(name ?? '')) as string[];
    }

    it('restores it, compares rows and schema, drops the scratch database, and is recorded', async () => {
      await backUp();
      const before = await database.dump();
      const done = await prove('--json');
      assert.equal(done.code, 0, done.stderr);
      const {
        milliseconds: _,
        file: of,
        ...result
      } = JSON.parse(done.stdout) as Result & {
        milliseconds: number;
        file: string;
      };
      assert.equal(of, file);
      assert.deepEqual(
        { ...result, objects: 0 },
        { proved: true, tables: 7, rows: 21, objects: 0, problems: [], notes: [] },
      );
      assert.ok(result.objects >= 9, `${result.objects} objects`);
      assert.equal(await database.dump(), before);
      assert.deepEqual(await scratchDatabases(), []);
      const [line = '', ...others] = await proofs();
      assert.match(line, /^[0-9a-f]{64} \S+Z \S+ proved$/);
      assert.deepEqual(others, []);
      const words = await prove();
      assert.match(
        words.stdout,
        /^Proved: .*restored into a scratch database and compared in .*: 7 tables, 21 rows, \d+ objects/,
      );
    });

    it('finds a statement that the database refuses, in a backup that is sound', async () => {
      await backUp('--exclude-rows', 'notes');
      const forged = forge(await readFile(file), ({ manifest }) => {
        for (const object of objectsAt(manifest['objects'])) {
          if (object['kind'] !== 'trigger') continue;
          object['sql'] =
            id === 'sqlite'
              ? 'CREATE TRIGGER orders_log AFTER INSERT ON orders BEGIN SELECT 1 FROM; END'
              : 'CREATE TRIGGER orders_log AFTER INSERT ON public.orders FOR EACH ROW EXECUTE FUNCTION public.is_gone()';
        }
      });
      await writeFile(file, forged);
      assert.equal((await run(['verify', file])).code, 0);
      const done = await prove('--trust', '--json');
      assert.equal(done.code, 1, done.stderr);
      const { proved, problems } = JSON.parse(done.stdout) as Result;
      assert.equal(proved, false);
      assert.equal(problems.length, 1);
      assert.match(
        problems[0]!,
        /trigger .*orders_log.* could not be created: .*(syntax error|does not exist)/,
      );
      assert.match((await proofs()).at(-1)!, / failed$/);
      assert.deepEqual(await scratchDatabases(), []);
    });

    it('finds damage, with the exit code of damage', async () => {
      await backUp('--compression', 'none');
      const bytes = await readFile(file);
      bytes[120]! ^= 255;
      await writeFile(file, bytes);
      const done = await prove();
      assert.equal(done.code, 3, done.stderr);
    });

    it('runs no statement of a backup from elsewhere without a yes, and records nothing then', async () => {
      await backUp();
      const env = { XDG_STATE_HOME: folder.file('elsewhere') };
      const refused = await run(['prove', file, ...place()], env);
      assert.equal(refused.code, 1, refused.stdout);
      assert.match(refused.stderr, /was not made on this machine.*--trust/s);
      await assert.rejects(readFile(path.join(env.XDG_STATE_HOME, 'restore-point/proofs')));
      const trusted = await run(['prove', file, ...place(), '--trust'], env);
      assert.equal(trusted.code, 0, trusted.stdout + trusted.stderr);
    });

    for (const part of [
      ['--tables', 'orders,customers'],
      ['--exclude-rows', 'log'],
      ['--schema-only'],
      ['--where', 'orders: id = 1', '--with-related'],
    ]) {
      it(`proves ${part.join(' ')}`, async () => {
        await backUp(...part);
        const done = await prove();
        assert.equal(done.code, 0, done.stdout + done.stderr);
      });
    }

    it('refuses rows without a schema', async () => {
      await backUp('--data-only');
      const done = await prove();
      assert.equal(done.code, 1, done.stdout);
      assert.match(done.stderr, /contains only rows.*Prove a backup that also contains the schema/);
    });

    it('opens an encrypted backup, leaves no row behind, and records it under its seal too', async () => {
      const env = { RESTORE_POINT_PASSPHRASE: 'korrekt Pferd', TMPDIR: folder.path };
      file = folder.file('shop.dbbackup.age');
      const made = await run(['backup', database.url, '--out', file, '--encrypt'], env);
      assert.equal(made.code, 0, made.stderr);
      assert.equal((await run(['prove', file, ...place()])).code, 4);
      const done = await run(['prove', file, ...place()], env);
      assert.equal(done.code, 0, done.stdout + done.stderr);
      assert.equal((await proofs()).length, 2);
      const left = (await readdir(folder.path)).filter((name) => /^restore-point-\d+-/.test(name));
      assert.deepEqual(left, []);
    });
  });
}
