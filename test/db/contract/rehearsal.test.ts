import assert from 'node:assert/strict';
import type { RestorePlan, RowChanges } from '../../../src/core/plan.ts';
import type { RestoreReport } from '../../../src/restore/restoreBackup.ts';
import { runCli } from '../../support/cli.ts';
import { type RandomSource, randomSource } from '../../support/randomSource.ts';
import { backUp, restore } from '../../support/restores.ts';
import { casesOf } from '../../support/sample.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';

type Rows = readonly (readonly (string | null)[])[];

/** The rows of these tables, the key first where there is one. */
const queries: Readonly<Record<string, string>> = {
  keyed: 'SELECT id, a, b FROM keyed ORDER BY id',
  pairs: 'SELECT x, y, note FROM pairs ORDER BY x, y',
  loose: 'SELECT a, b FROM loose ORDER BY a, b',
};
const keyColumns: Readonly<Record<string, number>> = { keyed: 1, pairs: 2, loose: 0 };

const schema = `
  CREATE TABLE keyed (id integer PRIMARY KEY, a text, b integer);
  CREATE TABLE pairs (x integer, y text, note text, PRIMARY KEY (x, y));
  CREATE TABLE loose (a text, b integer);`;

function randomText(random: RandomSource): string {
  return random.pick(['NULL', "''", "'x'", "'X'", "'é'", "'long text with, commas'"]);
}

function rowsSql(random: RandomSource): string {
  const numbers = Array.from({ length: random.below(40) }, (_, id) => id);
  return [
    ...numbers.map((id) => `INSERT INTO keyed VALUES (${id}, ${randomText(random)}, ${random.below(3)})`),
    ...numbers.map((id) => `INSERT INTO pairs VALUES (${id % 7}, 'y${id}', ${randomText(random)})`),
    ...numbers.map(() => `INSERT INTO loose VALUES (${randomText(random)}, ${random.below(3)})`),
  ].join(';');
}

function changesSql(random: RandomSource): string {
  const change = (): string =>
    random.pick([
      `DELETE FROM keyed WHERE id % ${1 + random.below(9)} = 0`,
      `UPDATE keyed SET a = ${randomText(random)} WHERE id > ${random.below(40)}`,
      `UPDATE keyed SET id = id + ${100 * (1 + random.below(9))} WHERE id < ${random.below(6)}`,
      `INSERT INTO keyed VALUES (${-1 - random.below(1e6)}, ${randomText(random)}, 1)`,
      `UPDATE pairs SET note = ${randomText(random)} WHERE x = ${random.below(7)}`,
      `DELETE FROM pairs WHERE y = 'y${random.below(40)}'`,
      `DELETE FROM loose WHERE b = ${random.below(3)}`,
      `INSERT INTO loose VALUES (${randomText(random)}, ${random.below(4)})`,
      `UPDATE loose SET b = b + 1 WHERE a = 'x'`,
    ]);
  return Array.from({ length: random.below(6) }, change).join(';');
}

async function read(database: TestDatabase): Promise<Record<string, Rows>> {
  const found: Record<string, Rows> = {};
  for (const [name, query] of Object.entries(queries)) found[name] = await database.rows(query);
  return found;
}

/** What became of rows, found without the product: by key, or as a whole where there is none. */
function changesBetween(before: Rows, after: Rows, columns: number): RowChanges {
  const key = (row: readonly unknown[]): string =>
    JSON.stringify(columns === 0 ? row : row.slice(0, columns));
  const left = Map.groupBy(before, key);
  let [inserted, updated, unchanged] = [0, 0, 0];
  for (const row of after) {
    const was = left.get(key(row))?.pop();
    if (!was) inserted += 1;
    else if (JSON.stringify(was) === JSON.stringify(row)) unchanged += 1;
    else updated += 1;
  }
  const deleted = [...left.values()].reduce((sum, rows) => sum + rows.length, 0);
  return { inserted, updated, deleted, unchanged };
}

for (const engine of testEngines) {
  describe(`a rehearsal, ${engine.id}`, () => {
    const folder = useTemporaryFolder();

    it('says what the restore then does', async function () {
      const cases = casesOf(150, 3);
      this.timeout(60_000 + cases * 10_000);
      const random = randomSource('changes');
      const database = await engine.create();
      try {
        await database.run(schema);
        for (let number = 0; number < cases; number += 1) {
          await database.run(`DELETE FROM keyed; DELETE FROM pairs; DELETE FROM loose; ${rowsSql(random)}`);
          const file = folder.file(`${number}.dbbackup`);
          const backup = await runCli(['backup', database.url, '--out', file]);
          assert.equal(backup.code, 0, backup.stderr);
          await database.run(`${changesSql(random)};`);
          const mode = random.pick(['replace', 'merge', 'insert-missing']);
          const tables = mode === 'replace' ? [] : ['--tables', 'keyed,pairs'];
          const args = ['restore', file, database.url, '--mode', mode, ...tables, '--json'];
          const before = await read(database);
          const rehearsed = await runCli([...args, '--dry-run']);
          assert.equal(rehearsed.code, 0, rehearsed.stderr);
          assert.deepEqual(await read(database), before);
          const report = JSON.parse(rehearsed.stdout) as RestoreReport;
          const restored = await runCli([...args, '--yes', '--no-safety-backup']);
          assert.equal(restored.code, 0, restored.stderr);
          const after = await read(database);
          for (const { table, changes, rowsBefore, rowsAfter } of report.tables) {
            const { name } = table;
            const expected = changesBetween(before[name]!, after[name]!, keyColumns[name]!);
            assert.deepEqual(changes, expected, `${name}, ${mode}, case ${number}`);
            assert.deepEqual([rowsBefore, rowsAfter], [before[name]!.length, after[name]!.length]);
          }
          assert.ok(report.milliseconds > 0);
          assert.equal(report.tables.length, mode === 'replace' ? 3 : 2);
        }
      } finally {
        await database.remove();
      }
    });

    it('tells each table, what fails and where, and changes nothing', async () => {
      const database = await engine.create();
      try {
        await database.run(
          `${schema} INSERT INTO keyed VALUES (1, 'x', 5), (2, 'y', 5); INSERT INTO loose VALUES ('a', 1)`,
        );
        const file = folder.file('t.dbbackup');
        assert.equal((await runCli(['backup', database.url, '--out', file])).code, 0);
        await database.run(
          `DELETE FROM keyed WHERE id = 1; UPDATE keyed SET a = 'z'; INSERT INTO keyed VALUES (3, '', 1)`,
        );
        const told = await runCli(['restore', file, database.url, '--dry-run']);
        assert.equal(told.code, 0, told.stderr);
        assert.match(told.stdout, /Rehearsed and verified 3 tables in .*rolled back, nothing was changed/);
        assert.match(told.stdout, /keyed .*1 inserted, 1 updated, 1 deleted, 0 unchanged/);
        assert.match(told.stdout, /loose .*0 inserted, 0 updated, 0 deleted, 1 unchanged/);
        await database.run(
          engine.id === 'sqlite'
            ? 'DROP TABLE keyed; CREATE TABLE keyed (id integer PRIMARY KEY, a text, b integer CHECK (b < 3))'
            : 'DELETE FROM keyed; ALTER TABLE keyed ADD CHECK (b < 3)',
        );
        const before = await database.dump();
        const failed = await runCli(['restore', file, database.url, '--dry-run']);
        assert.equal(failed.code, 1);
        assert.match(failed.stderr, /keyed/);
        assert.match(failed.stderr, /Nothing was changed/);
        assert.equal(await database.dump(), before);
      } finally {
        await database.remove();
      }
    });

    it('stops counting where that takes long, says at least how many rows, and restores all the same', async () => {
      const database = await engine.create();
      try {
        const numbers =
          engine.id === 'sqlite'
            ? 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) SELECT i, NULL, 1 FROM n'
            : 'SELECT i, NULL, 1 FROM generate_series(1, 60000) n (i)';
        await database.run(`${schema} INSERT INTO keyed ${numbers}`);
        const file = folder.file('t.dbbackup');
        await backUp(database, file);
        const before = await read(database);
        await database.run('DELETE FROM keyed WHERE id % 2 = 0; UPDATE keyed SET b = 2');
        for (const milliseconds of [0, 1, 20]) {
          let seen: RestorePlan | undefined;
          const report = await restore(file, database, {
            countChanges: { milliseconds },
            dryRun: milliseconds < 20,
            confirm: (plan) => {
              seen = plan;
              return Promise.resolve(true);
            },
          });
          const found = report.tables.find(({ table }) => table.name === 'keyed')!;
          if (milliseconds === 0) {
            const least = { inserted: 30_000, updated: 0, deleted: 0, unchanged: 0, atLeast: true };
            assert.deepEqual(found.changes, least);
          }
          if (seen) assert.ok(seen.tables.every(({ changes }) => changes));
        }
        assert.deepEqual(await read(database), before);
      } finally {
        await database.remove();
      }
    });
  });
}
