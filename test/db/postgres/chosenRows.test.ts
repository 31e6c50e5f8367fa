import assert from 'node:assert/strict';
import type { ConflictAnswer } from '../../../src/core/chosenRows.ts';
import { kindsOf, restoreRows, type TextRow, textsOfRow } from '../../support/chosenRows.ts';
import { failure, usePostgres } from '../../support/postgresRestores.ts';

const items = `
  CREATE TABLE items (id int PRIMARY KEY, name text, amount numeric);
  INSERT INTO items SELECT i, 'now ' || i, i FROM generate_series(1, 6) i;`;

/** One row of each kind: what was seen of 1 to 4 is what is there. */
const clean: readonly TextRow[] = [
  [
    ['1', 'now 1', '1'],
    ['1', 'then 1', '1.00'],
  ],
  [['2', 'now 2', '2'], undefined],
  [undefined, ['7', 'then 7', null]],
  [
    ['3', 'other', '3'],
    ['3', 'now 3', '3'],
  ],
  [['9', 'gone', '9'], undefined],
];

describe('postgres: chosen rows', () => {
  const postgres = usePostgres();
  const all = 'SELECT * FROM items ORDER BY id';

  it('brings rows back, changes them and deletes them, and says what it wrote', async () => {
    const database = await postgres.create(items);
    const result = await restoreRows(database, [{ name: 'items', rows: clean }]);
    assert.deepEqual(await database.rows(all), [
      ['1', 'then 1', '1.00'],
      ['3', 'now 3', '3'],
      ['4', 'now 4', '4'],
      ['5', 'now 5', '5'],
      ['6', 'now 6', '6'],
      ['7', 'then 7', null],
    ]);
    assert.deepEqual(result.checked, { counts: {}, listed: [] });
    assert.deepEqual(result.late, { counts: {}, listed: [] });
    assert.deepEqual(result.unchanged, [2]);
    assert.deepEqual(result.written, [
      [
        [
          ['1', 'now 1', '1'],
          ['1', 'then 1', '1.00'],
        ],
        [['2', 'now 2', '2'], undefined],
        [undefined, ['7', 'then 7', null]],
      ],
    ]);
  });

  const conflicts: readonly TextRow[] = [
    [
      ['1', 'other', '1'],
      ['1', 'then 1', '1'],
    ],
    [['2', 'now 2', '2.0'], undefined],
    [
      ['7', 'was 7', '7'],
      ['7', 'then 7', '7'],
    ],
    [undefined, ['3', 'then 3', '3']],
    [
      ['4', 'now 4', '4'],
      ['4', 'then 4', '4'],
    ],
  ];
  const kinds = ['changed 1', 'changed 2', 'gone 7', 'there 3'];

  const afterwards: Readonly<Record<ConflictAnswer, string[][]>> = {
    stop: [],
    skip: [
      ['1', 'now 1'],
      ['2', 'now 2'],
      ['3', 'now 3'],
      ['4', 'then 4'],
      ['5', 'now 5'],
      ['6', 'now 6'],
    ],
    overwrite: [
      ['1', 'then 1'],
      ['3', 'then 3'],
      ['4', 'then 4'],
      ['5', 'now 5'],
      ['6', 'now 6'],
      ['7', 'then 7'],
    ],
  };
  for (const answer of ['skip', 'overwrite'] as const) {
    it(`finds rows that are not as they were seen: ${answer}`, async () => {
      const database = await postgres.create(items);
      const { checked, late } = await restoreRows(database, [{ name: 'items', rows: conflicts }], { answer });
      assert.deepEqual(kindsOf(checked), kinds);
      assert.deepEqual(checked.counts, { changed: 2, gone: 1, there: 1 });
      assert.deepEqual(
        checked.listed.map(({ now }) => now && textsOfRow(now)),
        [['1', 'now 1', '1'], ['2', 'now 2', '2'], undefined, ['3', 'now 3', '3']],
      );
      assert.deepEqual(late.counts, {});
      assert.deepEqual(await database.rows('SELECT id, name FROM items ORDER BY id'), afterwards[answer]);
    });
  }

  it('takes only rows for which a condition holds, also one on what is generated', async () => {
    const database = await postgres.create(
      `${items} ALTER TABLE items ADD twice numeric GENERATED ALWAYS AS (amount * 2) STORED`,
    );
    const matching: string[] = [];
    const { unchanged } = await restoreRows(
      database,
      [{ name: 'items', rows: clean, where: `items.twice > 2 AND name LIKE '%' -- no more` }],
      {
        atChecked: async (checked) => {
          for await (const { rows } of checked.matching())
            matching.push(...rows.map(({ wanted, seen }) => String(textsOfRow(wanted ?? seen!)[0])));
        },
      },
    );
    assert.deepEqual(matching, ['2', '3', '9']);
    assert.deepEqual(unchanged, [2]);
    assert.deepEqual(await database.rows('SELECT id FROM items WHERE id <> 2 ORDER BY id'), [
      ['1'],
      ['3'],
      ['4'],
      ['5'],
      ['6'],
    ]);
    for (const where of ['nothing > 1', 'true); DROP TABLE items; --', 'id', '']) {
      const error = await failure(restoreRows(database, [{ name: 'items', rows: clean, where }]));
      assert.equal(error.code, 'usage', where);
    }
  });

  it('identifies rows without a key by all of their values, and counts them', async () => {
    const database = await postgres.create(`
      CREATE TABLE plain (a int, b text, j json);
      INSERT INTO plain SELECT 1, 'x', '{"a": 1}' FROM generate_series(1, 3); INSERT INTO plain VALUES (1, NULL, NULL)`);
    const x = ['1', 'x', '{"a": 1}'];
    const { unchanged, written } = await restoreRows(database, [
      {
        name: 'plain',
        rows: [
          [x, undefined],
          [x, undefined],
          [['1', 'x', '{"a":1}'], undefined],
          [['1', null, null], undefined],
          [undefined, x],
          [undefined, ['2', '', '[]']],
          [undefined, ['2', '', '[]']],
        ],
      },
    ]);
    assert.deepEqual(unchanged, [1]);
    assert.equal(written[0]!.length, 6);
    assert.deepEqual(await database.rows('SELECT * FROM plain ORDER BY a, b'), [
      x,
      x,
      ['2', '', '[]'],
      ['2', '', '[]'],
    ]);
    const error = await failure(restoreRows(database, [{ name: 'plain', rows: [[x, x]] }]));
    assert.equal(error.code, 'usage');
  });

  it('matches keys as their index does, and values byte by byte', async () => {
    const database = await postgres.create(`
      CREATE EXTENSION citext;
      CREATE TABLE words (word citext PRIMARY KEY, n numeric, f float8, t bpchar(5), j jsonb);
      INSERT INTO words VALUES ('Ab', 1.0, 0, 'a', '{"a": 1.0}')`);
    const now = ['Ab', '1.0', '0', 'a    ', '{"a": 1.0}'];
    const others = [
      ['aB', '1.0', '0', 'a    ', now[4]!],
      ['Ab', '1.00', '0', 'a    ', now[4]!],
      ['Ab', '1.0', '-0', 'a    ', now[4]!],
      ['Ab', '1.0', '0', 'a    ', '{"a": 1.00}'],
    ];
    for (const other of others) {
      const error = await failure(restoreRows(database, [{ name: 'words', rows: [[other, undefined]] }]));
      assert.match(error.message, /^changed /, other.join());
      await restoreRows(database, [{ name: 'words', rows: [[now, other]] }]);
      const written = await database.rows('SELECT word, n::text, f, t, j::text FROM words');
      assert.deepEqual(written, [[...other.slice(0, 3), 'a    ', other[4]]]);
      await restoreRows(database, [{ name: 'words', rows: [[other, now]] }]);
    }
    const twice = await failure(
      restoreRows(database, [
        {
          name: 'words',
          rows: [
            [undefined, now],
            [undefined, others[0]!],
          ],
        },
      ]),
    );
    assert.equal(twice.code, 'usage');
    const otherKey = await failure(
      restoreRows(database, [{ name: 'words', rows: [[now, ['c', ...now.slice(1)]]] }]),
    );
    assert.equal(otherKey.code, 'usage');
  });
});
