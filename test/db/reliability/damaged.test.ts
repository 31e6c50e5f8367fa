import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { MadeHere } from '../../../src/backup/madeHere.ts';
import { takeBackup } from '../../../src/backup/takeBackup.ts';
import { verifyBackup } from '../../../src/backup/verifyBackup.ts';
import { RestorePointError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { Session } from '../../../src/engines/engine.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { type RestoreOptions, restoreBackup } from '../../../src/restore/restoreBackup.ts';
import {
  byteDamages,
  type Damage,
  entryDamages,
  fileOf,
  forgedDamages,
  partsOf,
} from '../../support/damage.ts';
import { failure } from '../../support/errors.ts';
import { connectSqlite } from '../../support/sqliteFiles.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { countTried } from '../../support/triedCounts.ts';

const logger = silentLogger;

/** Two small tables with chunks of their own where the engine has them, and what belongs to a table. */
const schema = `
  CREATE TABLE orders (id integer primary key, note text);
  CREATE TABLE lines (id integer primary key, order_id integer REFERENCES orders (id));
  INSERT INTO orders VALUES (1, 'one'), (2, 'two'), (3, NULL);
  INSERT INTO lines VALUES (10, 1), (11, 3)`;

/** Of each kind of damage so many, evenly spread, are also restored from. */
const restoredOfKind = 8;

for (const testEngine of testEngines) {
  const { id } = testEngine;
  describe(`${id}: damaged backups`, function () {
    this.timeout(240_000);
    const folder = useTemporaryFolder();
    const state = useTemporaryFolder();
    let database: TestDatabase;
    let file: string;
    let sound: Buffer;
    let madeHere: MadeHere;
    /** An engine may read the rows at another time. */
    const ways = {
      get 'with a safety backup'() {
        return { safetyFolder: folder.file('safety') };
      },
      'without one': {},
      'as a rehearsal': { dryRun: true },
    };

    beforeEach(async () => {
      database = await testEngine.create();
      if (id === 'sqlite') await database.run('PRAGMA page_size = 512; VACUUM');
      await database.run(schema);
      file = folder.file('sound.dbbackup');
      const session = await database.connect({ readOnly: true });
      try {
        madeHere = new MadeHere(state.file('state'), logger);
        await takeBackup(session, { file, logger, madeHere });
      } finally {
        await session.close();
      }
      sound = await readFile(file);
      await verifyBackup(file, engineById, { logger });
      await database.run(`UPDATE orders SET note = 'changed' WHERE id = 2; DELETE FROM lines WHERE id = 10`);
    });
    afterEach(() => database.remove());

    it('are refused with the place, and no restore begins', async () => {
      const kinds = Map.groupBy(
        [...byteDamages(sound), ...entryDamages(sound), ...forgedDamages(sound)],
        ({ kind }) => kind,
      );
      const before = await database.dump();
      for (const [kind, damages] of kinds) {
        let lost = damages.length;
        try {
          const step = Math.ceil(damages.length / restoredOfKind);
          for (const [index, damage] of damages.entries()) {
            await refuses(damage, index % step === 0);
            lost--;
          }
        } finally {
          countTried('damages', `${kind} (${id})`, damages.length, lost);
        }
        assert.equal(await database.dump(), before, `${kind}: the database was changed`);
      }
      assert.deepEqual(await readdir(folder.path), ['damaged.dbbackup', 'sound.dbbackup']);
    });

    it('are told from sound ones: a file put together anew restores', async () => {
      const again = folder.file('again.dbbackup');
      await writeFile(again, fileOf(partsOf(sound)));
      assert.deepEqual(await readFile(again), sound);
      await restore(again);
      assert.deepEqual(await database.rows('SELECT note FROM orders ORDER BY id'), [
        ['one'],
        ['two'],
        [null],
      ]);
    });

    async function refuses({ what, bytes, entry }: Damage, alsoRestored: boolean): Promise<void> {
      const damaged = folder.file('damaged.dbbackup');
      await writeFile(damaged, bytes);
      const error = await verifyBackup(damaged, engineById, { logger }).then(
        () => assert.fail(`${what} was not noticed`),
        (thrown: unknown) => thrown,
      );
      assert.ok(RestorePointError.is(error, 'damaged-backup'), `${what}: ${String(error)}`);
      assert.equal(error.details.place?.file, damaged, what);
      if (entry !== undefined) assert.equal(error.details.place.entry, entry, what);
      if (!alsoRestored) return;
      for (const [way, options] of Object.entries(ways)) {
        const refusal = await failure(restore(damaged, options), 'damaged-backup');
        assert.equal(refusal.details.unchanged, 'Nothing was changed.', `${what}, ${way}`);
      }
      if (id !== 'sqlite') return;
      for (const options of [{}, { madeHere }]) {
        const session = await connectSqlite(folder.file('new.db'), { create: true });
        const refusal = await failure(restore(damaged, options, session), 'damaged-backup');
        assert.equal(refusal.details.unchanged, 'Nothing was changed.', `${what}, into a new file`);
      }
    }

    async function restore(
      from: string,
      options: Partial<RestoreOptions> = ways['with a safety backup'],
      into?: Session,
    ): Promise<void> {
      const session = into ?? (await database.connect());
      try {
        await restoreBackup(from, session, engineById, {
          mayRun: () => Promise.resolve(true),
          mode: 'replace',
          logger,
          confirm: () => Promise.resolve(true),
          ...options,
        });
      } finally {
        await session.close();
      }
    }
  });
}
