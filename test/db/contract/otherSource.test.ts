import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { runCli } from '../../support/cli.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';

for (const engine of testEngines) {
  describe(`the database that a backup was taken from, ${engine.id}`, () => {
    const folder = useTemporaryFolder();
    let database: TestDatabase;
    let other: TestDatabase;

    beforeEach(async () => {
      [database, other] = [await engine.create(), await engine.create()];
      for (const one of [database, other]) await one.run('CREATE TABLE t (id integer PRIMARY KEY)');
    });
    afterEach(async () => {
      await database.remove();
      await other.remove();
    });

    it('is known again, and another one is told in the summary', async () => {
      const file = folder.file('t.dbbackup');
      assert.equal((await runCli(['backup', database.url, '--out', file])).code, 0);
      const told = /The backup was taken from another database: /;
      const same = await runCli(['restore', file, database.url, '--yes']);
      assert.equal(same.code, 0, same.stderr);
      assert.doesNotMatch(same.stderr, told);
      for (const more of [[], ['--dry-run'], ['--tables', 't']]) {
        const into = await runCli(['restore', file, other.url, '--yes', ...more]);
        assert.equal(into.code, 0, into.stderr);
        assert.match(into.stderr + into.stdout, told);
      }
    });

    it('is in the manifest as a hash alone', async () => {
      const file = folder.file('t.dbbackup');
      assert.equal((await runCli(['backup', database.url, '--out', file])).code, 0);
      const archive = await Archive.open(file, engineById);
      await archive.close();
      const { source } = archive.manifest;
      assert.match(source.identity ?? '', /^[0-9a-f]{32}$/);
      if (engine.id === 'sqlite') {
        const path = database.url.slice('sqlite:'.length);
        assert.equal(JSON.stringify(archive.manifest).includes(path), false);
        // Another file with the same rows is another database; the same path by a detour is not.
        await rename(path, `${path}.moved`);
        const moved = await runCli(['restore', file, `sqlite:${path}.moved`, '--yes']);
        assert.match(moved.stderr, /another database/);
        await rename(`${path}.moved`, path);
        const detour = path.replace(/\/([^/]+)$/, '/./$1');
        assert.doesNotMatch(
          (await runCli(['restore', file, `sqlite:${detour}`, '--yes'])).stderr,
          /another database/,
        );
      } else {
        assert.equal(source.madeWith?.['encoding'], 'UTF8');
        assert.ok(source.madeWith?.['collate']);
      }
    });
  });
}
