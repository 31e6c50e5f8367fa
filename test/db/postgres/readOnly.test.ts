import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { restoreRows } from '../../support/chosenRows.ts';
import { backUp, failure, restore, usePostgres } from '../../support/postgresRestores.ts';

describe('postgres: default_transaction_read_only', () => {
  const postgres = usePostgres();

  it('lets a backup be taken, and refuses a restore before anything, with what to do', async () => {
    const database = await postgres.create('CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)');
    const [[name]] = (await database.rows('SELECT current_database()')) as [[string]];
    const [file, safetyFolder] = [postgres.file('saved.dbbackup'), postgres.file('safety')];
    let backups = 0;
    for (const [what, where] of [
      [`DATABASE "${name}"`, /for the database/],
      [`ROLE "postgres" IN DATABASE "${name}"`, /for the role postgres in the database/],
    ] as const) {
      await database.run(`ALTER ${what} SET default_transaction_read_only = on`);
      const saved = `${file}${(backups += 1)}`;
      await backUp(database, saved);
      let asked = false;
      const confirm = (): Promise<boolean> => {
        asked = true;
        return Promise.resolve(true);
      };
      for (const dryRun of [false, true]) {
        const error = await failure(restore(saved, database, { safetyFolder, confirm, dryRun }));
        assert.equal(error.code, 'refused');
        assert.match(error.message, where);
        const remedy = `ALTER ${what} SET default_transaction_read_only = off`;
        assert.ok(error.details.next?.endsWith(remedy), error.details.next);
        assert.deepEqual([asked, existsSync(safetyFolder)], [false, false]);
      }
      const chosen = await failure(restoreRows(database, [{ name: 't', rows: [[undefined, ['2']]] }]));
      assert.equal(chosen.code, 'refused');
      assert.match(chosen.message, where);
      await database.run(`BEGIN READ WRITE; ALTER ${what} RESET default_transaction_read_only; COMMIT`);
      await restore(saved, database);
    }
  });
});
