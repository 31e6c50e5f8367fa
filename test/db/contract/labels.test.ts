import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { runCli } from '../../support/cli.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { verifyBackup } from '../../../src/backup/verifyBackup.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { engineById } from '../../../src/engines/registry.ts';

for (const engine of testEngines) {
  describe(`the name and the note of a backup, ${engine.id}`, () => {
    const folder = useTemporaryFolder();
    let database: TestDatabase;
    let file: string;

    beforeEach(async () => {
      database = await engine.create();
      file = folder.file('named.dbbackup');
      await database.run('CREATE TABLE t (id integer PRIMARY KEY)');
    });
    afterEach(() => database.remove());

    const backUp = (...words: string[]) => runCli(['backup', database.url, '--out', file, ...words]);

    it('are in its manifest and in what inspect says, made visible', async () => {
      const note = 'The day before.\nAsk Ann \u001b[31m\u202efirst';
      const { code, stderr } = await backUp('--name', ' before migration 42 ', '--note', note);
      assert.equal(code, 0, stderr);
      const { manifest } = await verifyBackup(file, engineById, { logger: silentLogger });
      assert.deepEqual([manifest.name, manifest.note], ['before migration 42', note]);
      const { stdout } = await runCli(['inspect', file]);
      assert.ok(
        stdout.startsWith('before migration 42\nThe day before.\n    Ask Ann ⟨001B⟩[31m⟨202E⟩first\n'),
        stdout,
      );
    });

    it('are left out when they are empty', async () => {
      assert.equal((await backUp('--name', ' ', '--note', '')).code, 0);
      const { manifest } = await verifyBackup(file, engineById, { logger: silentLogger });
      assert.ok(!('name' in manifest) && !('note' in manifest));
    });

    it('are refused when they are too long, or a name has two lines, before a file is written', async () => {
      for (const [words, reason] of [
        [['--name', 'n'.repeat(101)], /The name of a backup has at most 100 characters; this one has 101\./],
        [['--name', 'a\nb'], /The name of a backup is a single line\./],
        [
          ['--note', 'n'.repeat(2001)],
          /The note of a backup has at most 2000 characters; this one has 2001\./,
        ],
      ] as const) {
        const { code, stderr } = await backUp(...words);
        assert.equal(code, 2, stderr);
        assert.match(stderr, reason);
        assert.ok(!existsSync(file));
      }
      // As many as there may be, of two code units each.
      assert.equal((await backUp('--name', '🧭'.repeat(100))).code, 0);
    });
  });
}
