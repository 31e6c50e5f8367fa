import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { runCli } from '../../support/cli.ts';
import { forge } from '../../support/hostileFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { shopRows, shopSchema } from '../shop.ts';

for (const testEngine of testEngines) {
  describe(`${testEngine.id}: a backup from elsewhere`, () => {
    const folder = useTemporaryFolder();
    let source: TestDatabase;
    let target: TestDatabase;
    let file: string;

    beforeEach(async () => {
      [source, target] = [await testEngine.create(), await testEngine.create()];
      await source.run(shopSchema(testEngine.id));
      await source.run(shopRows);
      file = folder.file('shop.dbbackup');
      const run = await runCli(['backup', source.url, '--out', file], elsewhere());
      assert.equal(run.code, 0, run.stderr);
    });
    afterEach(async () => {
      await source.remove();
      await target.remove();
    });

    /** Another machine, as far as programs can tell. */
    const elsewhere = (): { env: Record<string, string> } => ({
      env: { XDG_STATE_HOME: folder.file('elsewhere') },
    });

    it('runs none of its statements without a yes, not even in a rehearsal', async () => {
      const before = await target.dump();
      for (const more of [
        ['--yes'],
        ['--dry-run'],
        ['--yes', '--schema-only'],
        ['--yes', '--tables', 'notes'],
      ]) {
        const run = await runCli(['restore', file, target.url, ...more]);
        assert.equal(run.code, 1, run.stderr);
        assert.match(
          run.stderr,
          /was not made on this machine, and \d+ statements? in it would run with your permissions/,
        );
        assert.match(run.stderr, /Nothing was changed\..*--trust/);
        assert.equal(await target.dump(), before);
      }
      const trusted = await runCli(['restore', file, target.url, '--yes', '--trust']);
      assert.equal(trusted.code, 0, trusted.stderr);
      assert.deepEqual(await target.rows('SELECT count(*) FROM orders'), [['3']]);
    });

    it('needs none for rows alone', async () => {
      await source.run('DELETE FROM notes WHERE id = 2');
      const run = await runCli([
        'restore',
        file,
        source.url,
        '--yes',
        '--mode',
        'insert-missing',
        '--tables',
        'notes',
      ]);
      assert.equal(run.code, 0, run.stderr);
      assert.deepEqual(await source.rows('SELECT n FROM notes ORDER BY id'), [['5'], ['7']]);
    });

    it('is known where it was made, under any name, and as long as it is the same', async () => {
      const copy = folder.file('another name.dbbackup');
      await writeFile(copy, await readFile(file));
      const known = await runCli(['restore', copy, target.url, '--yes'], elsewhere());
      assert.equal(known.code, 0, known.stderr);
      const changed = forge(await readFile(file), ({ manifest }) => (manifest['createdBy'] = '0.1.0 '));
      await writeFile(copy, changed);
      const empty = await testEngine.create();
      try {
        const refused = await runCli(['restore', copy, empty.url, '--yes'], elsewhere());
        assert.equal(refused.code, 1, refused.stderr);
      } finally {
        await empty.remove();
      }
    });

    it('keeps what is undone known: a safety backup is of this machine', async () => {
      const restored = await runCli(['restore', file, target.url, '--yes', '--trust', '--json']);
      assert.equal(restored.code, 0, restored.stderr);
      await target.run('DELETE FROM lines');
      const again = await runCli(['restore', file, target.url, '--yes', '--trust', '--json']);
      const { safetyBackup } = JSON.parse(again.stdout) as { safetyBackup: string };
      await target.run('DROP TABLE lines');
      const undone = await runCli(['restore', safetyBackup, target.url, '--yes']);
      assert.equal(undone.code, 0, undone.stderr);
      assert.deepEqual(await target.rows('SELECT count(*) FROM lines'), [['0']]);
    });
  });
}
