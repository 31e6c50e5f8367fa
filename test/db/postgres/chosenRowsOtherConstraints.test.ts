import assert from 'node:assert/strict';
import { kindsOf, refused, restoreRows } from '../../support/chosenRows.ts';
import { usePostgres } from '../../support/postgresRestores.ts';

describe('postgres: other constraints of chosen rows', () => {
  const postgres = usePostgres();

  const strict = `
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE TABLE t (id int PRIMARY KEY, code text UNIQUE, n positive, short varchar(3) NOT NULL, ratio int,
      CONSTRAINT sane CHECK (ratio <> 13), part int GENERATED ALWAYS AS (100 / ratio) STORED,
      EXCLUDE USING gist (int4range(id * 10, id * 10 + coalesce(ratio, 1)) WITH &&));
    CREATE UNIQUE INDEX lower_code ON t (lower(code)) WHERE n IS NOT NULL;
    INSERT INTO t VALUES (1, 'one', 1, 'a', 1), (2, 'two', 2, 'b', 2), (3, 'three', 3, 'c', 3)`;

  const cases: readonly (readonly [string, readonly (string | null)[], RegExp])[] = [
    ['unique', ['9', 'one', '1', 'a', '1'], /another row has its value of t_code_key, which is unique/],
    ['unique expression', ['9', 'ONE', '1', 'a', '1'], /another row has its value of lower_code/],
    ['domain', ['9', 'x', '0', 'a', '1'], /the check constraint positive_check refuses it/],
    ['not null', ['9', 'x', '1', null, '1'], /its column short may not be NULL/],
    ['length', ['9', 'x', '1', 'abcd', '1'], /value too long/],
    ['check', ['9', 'x', '1', 'a', '13'], /the check constraint sane refuses it/],
    ['generated', ['9', 'x', '1', 'a', '0'], /division by zero/],
    ['exclusion', ['9', 'x', '1', 'a', '99'], /another row conflicts with it by the exclusion constraint/],
  ];
  it('are named, and refuse only the row that breaks them', async () => {
    const database = await postgres.create(strict);
    for (const [what, row, reason] of cases) {
      const key = what === 'exclusion' ? ['0', ...row.slice(1)] : row;
      await refused(database, [{ name: 't', rows: [[undefined, key]] }], reason);
    }
    const rows = cases.map(
      ([what, row], index) =>
        [undefined, [what === 'exclusion' ? '0' : String(9 + 20 * index), ...row.slice(1)]] as const,
    );
    const more = Array.from(
      { length: 40 },
      (_, index) => [undefined, [String(1000 + 20 * index), `new ${index}`, '1', 'n', '1']] as const,
    );
    const { checked, late, written } = await restoreRows(
      database,
      [
        {
          name: 't',
          rows: [
            ...more.slice(0, 20),
            ...rows,
            ...more.slice(20),
            [
              ['1', 'one', '1', 'a', '1'],
              ['1', 'uno', '1', 'a', '1'],
            ],
          ],
        },
      ],
      { answer: 'skip' },
    );
    assert.deepEqual(checked.counts, {});
    // The values of the row that changes are free by then, so that two of them may come.
    assert.deepEqual(late.counts, { constraint: 7 });
    for (const { reason } of late.listed) assert.doesNotMatch(reason!, /three|restore_point/);
    assert.equal(written[0]!.length, 42);
  });

  it('may be broken on the way: values change hands', async () => {
    const database = await postgres.create(`
      CREATE TABLE t (id int PRIMARY KEY, code text UNIQUE, other int UNIQUE DEFERRABLE, slot int4range, EXCLUDE USING gist (slot WITH &&));
      INSERT INTO t VALUES (1, 'a', 1, '[0,5)'), (2, 'b', 2, '[5,9)'), (3, 'c', 3, '[9,10)'), (4, 'd', 4, NULL)`);
    const indexes = `SELECT indexdef FROM pg_indexes WHERE tablename = 't' ORDER BY 1`;
    const before = await database.rows(indexes);
    const { written } = await restoreRows(database, [
      {
        name: 't',
        rows: [
          [
            ['1', 'a', '1', '[0,5)'],
            ['1', 'b', '2', '[5,9)'],
          ],
          [
            ['2', 'b', '2', '[5,9)'],
            ['2', 'c', '1', '[0,5)'],
          ],
          [['3', 'c', '3', '[9,10)'], undefined],
          [undefined, ['5', 'a', '3', '[9,11)']],
        ],
      },
    ]);
    assert.equal(written[0]!.length, 4);
    assert.deepEqual(await database.rows('SELECT id, code, other, slot FROM t ORDER BY id'), [
      ['1', 'b', '2', '[5,9)'],
      ['2', 'c', '1', '[0,5)'],
      ['4', 'd', '4', null],
      ['5', 'a', '3', '[9,11)'],
    ]);
    assert.deepEqual(await database.rows(indexes), before);
    // Together with one that is refused.
    const { late } = await restoreRows(
      database,
      [
        {
          name: 't',
          rows: [
            [
              ['1', 'b', '2', '[5,9)'],
              ['1', 'c', '2', '[5,9)'],
            ],
            [
              ['2', 'c', '1', '[0,5)'],
              ['2', 'b', '1', '[0,5)'],
            ],
            [undefined, ['6', 'd', '6', null]],
          ],
        },
      ],
      { answer: 'skip' },
    );
    assert.deepEqual(kindsOf(late), ['constraint 6']);
    assert.deepEqual(await database.rows('SELECT code FROM t ORDER BY id'), [['c'], ['b'], ['d'], ['a']]);
  });
});
