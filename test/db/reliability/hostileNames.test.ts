import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describeError, RestorePointError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { restoreBackup } from '../../../src/restore/restoreBackup.ts';
import { forge, type JsonObject, objectsAt, soundBackup } from '../../support/hostileFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { type TestDatabase, type TestEngine, testEngines } from '../../support/testDatabases.ts';
import { countingTried } from '../../support/triedCounts.ts';

const schema = `
  CREATE TABLE notes (id integer primary key, t text); CREATE TABLE items (id integer primary key, note integer)`;
const rows = `INSERT INTO notes VALUES (1, 'theirs'); INSERT INTO items VALUES (1, 1)`;

/** Names in place of that of `notes`, which must not be taken for it, nor for any other table. */
const strange: Readonly<Record<TestEngine['id'], readonly JsonObject[]>> = {
  sqlite: [
    { schema: 'main', name: 'notes' },
    { schema: 'temp', name: 'notes' },
    { name: 'main.notes' },
    { name: '"notes"' },
    { name: 'notes ' },
    { name: '`notes`' },
    { name: '[notes]' },
    { name: 'sqlite_sequence' },
  ],
  postgres: [
    { name: 'notes' },
    { schema: '', name: 'notes' },
    { schema: 'pg_temp', name: 'notes' },
    { schema: 'public', name: 'public.notes' },
    { schema: 'public', name: '"notes"' },
    { schema: 'public', name: 'NOTES' },
    { schema: 'public', name: `${'n'.repeat(63)}2` },
    { schema: 'p'.repeat(64), name: 'notes' },
    { schema: 'public', name: '\ud800' },
  ],
};

for (const testEngine of testEngines) {
  const { id } = testEngine;
  describe(`${id}: hostile names`, function () {
    this.timeout(180_000);
    const folder = useTemporaryFolder();
    let [source, target]: TestDatabase[] = [];

    beforeEach(async () => {
      [source, target] = [await testEngine.create(), await testEngine.create()];
      await source.run(schema);
      await source.run(rows);
    });
    afterEach(async () => {
      await source!.remove();
      await target!.remove();
    });

    it('write no table that was made since the restore was planned', async () => {
      const file = folder.file('sound.dbbackup');
      const sound = await soundBackup(source!, file, 'zstd');
      await writeFile(file, sound);
      const made =
        id === 'sqlite'
          ? ['TABLE items (id)', 'VIEW Items AS SELECT 1 AS id', 'TABLE ITEMS (id integer primary key, note)']
          : ['TABLE items (id integer)', 'VIEW items AS SELECT 1 AS id', 'SEQUENCE items'];
      for (const what of made) {
        const outcome = await restore(file, async () => target!.run(`CREATE ${what}`));
        assert.match(describeError(outcome), /has changed since the restore was planned/, what);
        await target!.run(`DROP ${what.split(' ').slice(0, 2).join(' ')}`);
      }
    });

    it('mean no table that has another', async () => {
      const sound = await soundBackup(source!, folder.file('sound.dbbackup'), 'none');
      const name = 'n'.repeat(63);
      await target!.run(`${schema}; CREATE TABLE ${name} (id integer primary key, t text)`);
      await target!.run(`INSERT INTO notes VALUES (5, 'mine'); INSERT INTO ${name} VALUES (5, 'mine')`);
      const before = await target!.dump();
      await countingTried('hostile files', `names of tables (${id})`, async (count) => {
        for (const strangeName of strange[id]) {
          const file = folder.file('hostile.dbbackup');
          const renamed = forge(sound, ({ manifest }) => {
            for (const { table } of objectsAt(manifest['tables'])) {
              const found = table as JsonObject;
              if ((found['name'] as JsonObject)['name'] === 'notes') found['name'] = strangeName;
            }
          });
          await writeFile(file, renamed);
          const outcome = await restore(file);
          assert.ok(RestorePointError.is(outcome), JSON.stringify(strangeName));
          assert.equal(outcome.details.unchanged, 'Nothing was changed.');
          assert.equal(await target!.dump(), before, JSON.stringify(strangeName));
          count();
        }
      });
    });

    /** What it failed with. */
    async function restore(file: string, before: () => Promise<void> = async () => {}): Promise<unknown> {
      const session = await target!.connect();
      try {
        return await restoreBackup(file, session, engineById, {
          mode: 'insert-missing',
          logger: silentLogger,
          mayRun: () => Promise.resolve(true),
          confirm: async () => (await before(), true),
        }).then(
          () => undefined,
          (error: unknown) => error,
        );
      } finally {
        await session.close();
      }
    }
  });
}
