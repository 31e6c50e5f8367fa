import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { RestorePointError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { Session } from '../../../src/engines/engine.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { planRestore } from '../../../src/restore/planRestore.ts';
import { backUp } from '../../support/restores.ts';
import { stepsOf } from '../../support/restoreSteps.ts';
import { sampleParts } from '../../support/sample.ts';
import { connectSqlite } from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { shopSchema, shopRows } from '../shop.ts';

const steps = ['load', 'finish', 'verify'] as const;
type Step = (typeof steps)[number];

for (const testEngine of testEngines) {
  describe(`${testEngine.id}: closing a session in the middle of a restore`, function () {
    sampleParts(this, 3);
    const folder = useTemporaryFolder();
    const made: TestDatabase[] = [];
    let shop: TestDatabase;
    let file: string;

    async function newDatabase(): Promise<TestDatabase> {
      const database = await testEngine.create();
      made.push(database);
      return database;
    }

    beforeEach(async () => {
      shop = await newDatabase();
      file = folder.file('shop.dbbackup');
      await shop.run(shopSchema(testEngine.id));
      await shop.run(shopRows);
      await shop.run(manyRows(testEngine.id));
    });

    afterEach(async () => {
      for (const database of made.splice(0)) await database.remove();
    });

    for (const mode of ['replace', 'merge', 'into an empty database'] as const) {
      for (const step of steps) {
        it(`undoes nothing before the step has ended: ${mode}, ${step}`, async () => {
          await backUp(shop, file, mode === 'merge' ? { exclude: [{ name: 'log' }] } : {});
          const target = mode === 'into an empty database' ? await newDatabase() : shop;
          if (target === shop) await shop.run(`UPDATE customers SET name = 'kept'; DELETE FROM lines`);
          const before = await target.dump();
          const archive = await Archive.open(file, engineById);
          const session = await target.connect();
          try {
            const events = await closeDuring(step, session, archive, mode === 'merge' ? mode : 'replace');
            assert.deepEqual(events, [step, 'close']);
          } finally {
            await session.close();
            await archive.close();
          }
          assert.equal(await target.dump(), before);
        });
      }
    }

    if (testEngine.id !== 'sqlite') return;
    for (const step of steps) {
      it(`undoes nothing before the step has ended: as a new file, ${step}`, async () => {
        await backUp(shop, file);
        const archive = await Archive.open(file, engineById);
        const session = await connectSqlite(folder.file('new.db'), { create: true });
        try {
          assert.deepEqual(await closeDuring(step, session, archive, 'replace'), [step, 'close']);
        } finally {
          await session.close();
          await archive.close();
        }
        assert.deepEqual(await readdir(folder.path), ['shop.dbbackup']);
      });
    }
  });
}

/** Rows that take a while. */
function manyRows(engine: 'sqlite' | 'postgres'): string {
  const numbers =
    engine === 'postgres'
      ? 'SELECT i FROM generate_series(1, 20000) AS n (i)'
      : 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n';
  return `CREATE TABLE many (i integer primary key, t text); INSERT INTO many (i) ${numbers}; UPDATE many SET t = 'text ' || i`;
}

/** Closes the session while a step of its restore runs. Resolves to what ended, in this order. */
async function closeDuring(
  closing: Step,
  session: Session,
  archive: Archive,
  mode: 'replace' | 'merge',
): Promise<string[]> {
  const { manifest } = archive;
  const schema = await session.introspect({ logger: silentLogger });
  const plan = planRestore(manifest, { schema, features: session.features, rowCount: () => 0 }, { mode });
  const restoring = await session.beginRestore(
    { plan, manifest, source: archive, madeHere: true },
    { logger: silentLogger },
  );
  const ended: string[] = [];
  const step = async (name: string, work: () => Promise<unknown>): Promise<boolean> => {
    const running = work();
    if (name !== closing) {
      await running;
      return false;
    }
    const noted = running.then(
      () => ended.push(name),
      (error: unknown) => {
        assert.ok(RestorePointError.is(error) && error.code === 'cancelled', String(error));
        ended.push(name);
      },
    );
    await session.close();
    ended.push('close');
    await noted;
    return true;
  };
  for (const { name, run } of stepsOf(restoring, plan)) {
    if (name === 'commit') break;
    if (await step(name, run)) return ended;
  }
  throw new Error(`there was no step ${closing}`);
}
