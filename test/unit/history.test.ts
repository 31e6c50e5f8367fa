import assert from 'node:assert/strict';
import type { BackupFile } from '../../src/backup/backupFiles.ts';
import { historyOf, isLoss } from '../../src/backup/history.ts';
import type { Manifest } from '../../src/core/manifest.ts';
import { manifestOf, plainTable } from '../support/manifests.ts';
import { randomSource } from '../support/randomSource.ts';

/** A backup of a day of the month, with these numbers of rows. */
function backup(
  day: number,
  rows: Readonly<Record<string, number>>,
  changes: Partial<Manifest> = {},
): BackupFile {
  const manifest = manifestOf(
    Object.keys(rows).map((name) => plainTable(name)),
    [],
    changes,
  );
  const tables = manifest.tables.map((table) => ({ ...table, rows: rows[table.table.name.name]! }));
  return {
    file: `/b/${day}.dbbackup`,
    size: day,
    time: new Date(2026, 10, day),
    manifest: { ...manifest, tables },
  };
}

const rowsOf = (backups: readonly BackupFile[]): Record<string, readonly (number | null)[]> =>
  Object.fromEntries(historyOf(backups).tables.map(({ name, rows }) => [name, rows]));

describe('the history of backups', () => {
  it('has the rows of each table over time, oldest first', () => {
    const history = historyOf([backup(3, { a: 30, b: 1 }), backup(1, { a: 10 }), backup(2, { a: 20, b: 2 })]);
    assert.deepEqual(
      history.points.map(({ size }) => size),
      [1, 2, 3],
    );
    assert.deepEqual(rowsOf(history.points), {
      'public.a': [10, 20, 30],
      'public.b': [null, 2, 1],
    });
  });

  it('marks a loss of more than 10 % and more than 10 rows', () => {
    const cases: readonly [before: number, now: number, loss: boolean][] = [
      [100, 90, false],
      [100, 89, true],
      [1000, 900, false],
      [1000, 899, true],
      [11, 0, true],
      [10, 0, false],
      [0, 0, false],
      [5, 500, false],
    ];
    for (const [before, now, loss] of cases) assert.equal(isLoss(before, now), loss, `${before} to ${now}`);
    const [table] = historyOf([backup(1, { a: 500 }), backup(2, { a: 20 }), backup(3, { a: 20 })]).tables;
    assert.deepEqual(table?.losses, [{ point: 1, rows: 480, before: 500 }]);
  });

  it('says of a table that a whole backup does not have that its rows are gone', () => {
    const gone = historyOf([backup(1, { a: 50, b: 5 }), backup(2, { b: 5 })]);
    assert.deepEqual(gone.tables[0], {
      name: 'public.a',
      rows: [50, 0],
      losses: [{ point: 1, rows: 50, before: 50 }],
    });
  });

  it('does not know what a partial, an encrypted or a schema backup does not say', () => {
    const part = backup(2, { b: 1 }, { complete: false });
    const schema = backup(3, { a: 0, b: 0 }, { complete: false, only: 'schema' });
    const secret: BackupFile = {
      file: '/b/4.dbbackup.age',
      size: 4,
      time: new Date(2026, 10, 4),
      encryption: 'passphrase',
    };
    const some = backup(5, { a: 7 }, { complete: false });
    const where = {
      ...some.manifest!,
      tables: some.manifest!.tables.map((table) => ({ ...table, where: 'id < 8' })),
    };
    const history = historyOf([
      backup(1, { a: 100, b: 1 }),
      part,
      schema,
      secret,
      { ...some, manifest: where },
      backup(6, { a: 99, b: 1 }),
    ]);
    assert.deepEqual(rowsOf(history.points), {
      'public.a': [100, null, null, null, null, 99],
      'public.b': [1, 1, null, null, null, 1],
    });
    assert.deepEqual(
      history.tables.flatMap(({ losses }) => losses),
      [],
    );
  });

  it('leaves damaged files out', () => {
    const damaged = { ...backup(2, { a: 1 }), problem: 'It is damaged' };
    assert.equal(historyOf([backup(1, { a: 1 }), damaged]).points.length, 1);
  });

  it('finds every sudden loss, wherever it is, and puts the largest first', () => {
    const random = randomSource('histories');
    for (let number = 0; number < 200; number += 1) {
      const counts = Array.from({ length: 2 + random.below(20) }, () => random.below(1000));
      const at = 1 + random.below(counts.length - 1);
      counts[at - 1] = 5000;
      counts[at] = random.below(4000);
      const steady = counts.map((_, day) => 1000 + day);
      const history = historyOf(counts.map((a, day) => backup(day + 1, { steady: steady[day]!, a })));
      assert.equal(history.tables[0]?.name, 'public.a');
      assert.ok(history.tables[0]?.losses.some(({ point }) => point === at));
      assert.deepEqual(history.tables[1]?.losses, []);
    }
  });
});
