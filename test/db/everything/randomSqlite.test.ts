import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { makeRandomSqlite, randomSqlite, sqliteFeatures } from '../../support/randomSqlite.ts';
import { randomSource, seededSource } from '../../support/randomSource.ts';
import { nextSqliteRows } from '../../support/sqliteNextRows.ts';
import { assertSameSqlite, readSqliteWitness } from '../../support/sqliteWitness.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { damages, damageSqlite } from './sqliteDamage.ts';

describe('random SQLite databases', () => {
  const folder = useTemporaryFolder();

  it('are the same for the same seed, and others for another', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const [one, two] = [randomSqlite(seededSource(seed)), randomSqlite(seededSource(seed))];
      assert.deepEqual(one, two);
      assert.notDeepEqual(one.statements, randomSqlite(seededSource(seed + 1)).statements);
    }
  });

  it('hold everything, one or another', () => {
    const found = new Map<string, number>();
    for (let seed = 0; seed < 300; seed += 1) {
      for (const feature of randomSqlite(seededSource(seed)).features) {
        found.set(feature, (found.get(feature) ?? 0) + 1);
      }
    }
    for (const feature of sqliteFeatures) assert.ok((found.get(feature) ?? 0) >= 5, feature);
  });

  it('are made without an error, are sound, are read by the tool, and can be damaged', async () => {
    const { seed } = randomSource('random SQLite databases');
    let seen = 0;
    for (let number = 0; number < 60; number += 1) {
      const random = seededSource(seed + number);
      const [file, again, copy] = ['file', 'again', 'copy'].map((name) =>
        folder.file(`${number}-${name}.db`),
      );
      const database = randomSqlite(random);
      for (const made of [file, again]) makeRandomSqlite(made!, database);
      const witness = readSqliteWitness(file!, { tool: number % 10 === 0 });
      assertSameSqlite(readSqliteWitness(again!, { tool: number % 10 === 0 }), witness);
      assert.deepEqual(nextSqliteRows(file!), nextSqliteRows(again!));
      assertSameSqlite(readSqliteWitness(file!, { tool: number % 10 === 0 }), witness);
      assert.ok(witness.checks.includes('main.integrity_check(100000): ok'), `SEED=${seed + number}`);
      await copyFile(file!, copy!);
      damageSqlite(copy!, damages, () => random.below(2) === 0);
      const { dump: _, ...whole } = witness;
      try {
        assertSameSqlite(readSqliteWitness(copy!), whole, { anyOrder: true });
      } catch {
        seen += 1;
      }
    }
    assert.ok(seen > 40, `only ${seen} of 60 were harmed`);
  });
});
