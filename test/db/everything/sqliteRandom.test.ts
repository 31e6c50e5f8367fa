import assert from 'node:assert/strict';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MadeHere } from '../../../src/backup/madeHere.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { makeRandomSqlite, randomSqlite, type RandomSqlite } from '../../support/randomSqlite.ts';
import { randomSource, type RandomSource, seededSource } from '../../support/randomSource.ts';
import { nextSqliteRows } from '../../support/sqliteNextRows.ts';
import { assertComesBack, assertSameSqlite, readSqliteWitness } from '../../support/sqliteWitness.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { damages, damageSqlite } from './sqliteDamage.ts';
import { backUpFile, restoreFile } from './sqliteRoundTrip.ts';
import { casesOf } from '../../support/sample.ts';

/** How many databases, to take a minute at most; each comes back twice. CASES=n in the environment asks for more. */
const cases = casesOf(250, 8);
const batch = 50;

/**
 * One database: into a new file, as rows and as it is, and over what became of it. Resolves to whether the second one was
 * taken as it is.
 */
async function comesBack(random: RandomSource, database: RandomSqlite, folder: string): Promise<boolean> {
  const file = (name: string): string => join(folder, name);
  const [source, backup, restored, damaged] = ['source.db', 'a.dbbackup', 'restored.db', 'damaged.db'].map(
    file,
  );
  makeRandomSqlite(source!, database);
  const before = readSqliteWitness(source!, { tool: true });
  const next = nextSqliteRows(source!);
  const madeHere = new MadeHere(folder, silentLogger);
  const { leftOut } = await backUpFile(source!, backup!, madeHere);
  await restoreFile(backup!, restored!);
  assertComesBack(readSqliteWitness(restored!, { tool: true }), before);
  assert.deepEqual(nextSqliteRows(restored!), next);
  assert.deepEqual(leftOut, []);
  const asItIs = file('as-it-is.db');
  let taken = false;
  const debug = (message: string): void => void (taken ||= message.endsWith('as it is'));
  await restoreFile(backup!, asItIs, { madeHere, logger: { ...silentLogger, debug } });
  assertSameSqlite(readSqliteWitness(asItIs, { tool: true }), before);
  assert.deepEqual(nextSqliteRows(asItIs), next);

  await copyFile(source!, damaged!);
  const kinds = damages.filter(() => random.below(2) === 0);
  damageSqlite(damaged!, kinds, () => random.below(2) === 0);
  await restoreFile(backup!, damaged!);
  assertComesBack(readSqliteWitness(damaged!, { tool: true }), before, { anyOrder: true });
  assert.deepEqual(nextSqliteRows(damaged!), next);
  return taken;
}

describe('sqlite: whatever a database holds comes back', () => {
  const folder = useTemporaryFolder();
  const { seed } = randomSource('databases made at random');

  for (let first = 0; first < cases; first += batch) {
    const last = Math.min(first + batch, cases);
    it(`databases ${first + 1} to ${last}`, async () => {
      let asTheyAre = 0;
      for (let number = first; number < last; number += 1) {
        const random = seededSource(seed + number);
        const database = randomSqlite(random);
        const place = folder.file(String(number));
        await mkdir(place);
        try {
          if (await comesBack(random, database, place)) asTheyAre += 1;
        } catch (error) {
          const statements = [...database.settings, ...database.statements].join(';\n');
          throw new Error(
            `Repeat it with SEED=${seed + number} CASES=1. It is:\n${statements.slice(0, 8000)}`,
            {
              cause: error,
            },
          );
        }
        await rm(place, { recursive: true });
      }
      if (last - first === batch) assert.ok(asTheyAre > batch / 10, `${asTheyAre} were taken as they are`);
    });
  }
});
