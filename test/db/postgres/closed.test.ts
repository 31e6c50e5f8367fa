import assert from 'node:assert/strict';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { restoreModes } from '../../../src/core/plan.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { makePlan } from '../../../src/restore/restoreBackup.ts';
import { backUp, failure, usePostgres } from '../../support/postgresRestores.ts';
import { stepsOf } from '../../support/restoreSteps.ts';
import { assertSameTestimony, testimonyOf } from '../../support/postgresWitness.ts';
import { sampleParts } from '../../support/sample.ts';

const schema = `
  CREATE TABLE rows (id int PRIMARY KEY, t text); INSERT INTO rows SELECT i, repeat('x', 50) FROM generate_series(1, 60000) i;
  CREATE TABLE others (id int PRIMARY KEY REFERENCES rows); INSERT INTO others SELECT id FROM rows;`;

describe('postgres: a session that is closed in the middle of a restore', function () {
  sampleParts(this, 3);
  const postgres = usePostgres();

  for (const mode of restoreModes) {
    it(`ends the step under way and undoes all of it: ${mode}`, async () => {
      const database = await postgres.create(schema);
      const file = postgres.file('saved.dbbackup');
      await backUp(database, file);
      await database.run(`DELETE FROM others; UPDATE rows SET t = 'kept'; DELETE FROM rows WHERE id > 50000`);
      const before = await testimonyOf(database.url);
      for (const stop of ['load', 'finish', 'verify']) {
        const session = await database.connect();
        const archive = await Archive.open(file, engineById);
        const options = { mode, logger: silentLogger };
        const plan = await makePlan(archive.manifest, session, options);
        const source = { plan, manifest: archive.manifest, source: archive };
        const transaction = await session.beginRestore(source, options);
        const ended: string[] = [];
        for (const { name, run: step } of stepsOf(transaction, plan)) {
          if (name !== stop) {
            await step();
            continue;
          }
          const given = failure(step()).then((error) => ended.push(error.code));
          await session.close();
          ended.push('closed');
          await given;
          break;
        }
        await archive.close();
        assert.deepEqual(ended, ['cancelled', 'closed'], stop);
        assertSameTestimony(await testimonyOf(database.url), before);
      }
    });
  }
});
