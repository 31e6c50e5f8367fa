import assert from 'node:assert/strict';
import { compareAll, countsText, rowTexts, useComparisons } from '../../support/postgresCompare.ts';
import { as, failure } from '../../support/postgresRestores.ts';

describe('postgres: a comparison', function () {
  this.timeout(120_000);
  const { postgres, saved, both, compareEach } = useComparisons();

  /** Columns of a table, its rows on both sides, how many differ, and which. */
  type Case = readonly [
    columns: string,
    first: string,
    second: string,
    counts: string,
    differing?: readonly string[],
  ];

  /** Each case is a table of both databases. */
  async function compareCases(before: string, cases: readonly Case[]): Promise<void> {
    const tables = cases.map(([columns], index) => `CREATE TABLE t${index} (${columns});`).join('\n');
    const rows = (which: 1 | 2): string =>
      cases.map((one, index) => (one[which] ? `INSERT INTO t${index} VALUES ${one[which]};` : '')).join('\n');
    const make = `${before};\n${tables}\n`;
    const [first, second] = [await postgres.create(make + rows(1)), await postgres.create(make + rows(2))];
    await compareEach(first, second, (compared, kinds) => {
      assert.equal(compared.length, cases.length);
      for (const { table, counts, rows: found } of compared) {
        const [columns, , , expected, differing] = cases[Number(table.name.slice(1))]!;
        assert.equal(countsText(counts), expected, `${columns}: ${kinds}`);
        if (differing) assert.deepEqual(rowTexts(found), differing, `${columns}: ${kinds}`);
      }
    });
  }

  it('tells rows by their key, with their values and the columns that differ', () =>
    compareCases('', [
      [
        'id int PRIMARY KEY, a text, b numeric, c bytea',
        String.raw`(1, 'same', 1.0, NULL), (2, 'gone', 2, NULL), (3, E'tab\t\\N\n', 3, '\x00ff'), (4, NULL, 4, '\x')`,
        String.raw`(5, 'new', 5, NULL), (4, '', 4.0, '\x'), (3, E'tab\t\\N\n', 3, '\x00fe'), (1, 'same', 1.0, NULL)`,
        '-1 +1 ~2 =1',
        [
          '+ 5|new|5|NULL',
          '- 2|gone|2|NULL',
          "~1,2 4|NULL|4|x'' -> 4||4.0|x''",
          "~3 3|tab\t\\N\n|3|x'00FF' -> 3|tab\t\\N\n|3|x'00FE'",
        ],
      ],
      ['a text, b int, PRIMARY KEY (b, a)', `('1', 2), ('2', 1)`, `('2', 1), ('1', 1)`, '-1 +1 ~0 =1'],
    ]));

  it('counts whole rows of a table without a key', () =>
    compareCases('', [
      [
        'a int, b text',
        `(1, 'x'), (1, 'x'), (1, 'x'), (2, NULL), (3, 'y')`,
        `(1, 'x'), (2, NULL), (2, NULL), (4, 'z')`,
        '-3 +2 ~0 =2',
        ['+ 2|NULL', '+ 4|z', '- 1|x', '- 1|x', '- 3|y'],
      ],
      ['', '', '', '-0 +0 ~0 =0'],
      ['a int UNIQUE, b int', '(NULL, 1), (NULL, 1), (1, 1)', '(NULL, 1), (1, 2)', '-2 +1 ~0 =1'],
      ['a int NOT NULL UNIQUE, b int', '(1, 1), (2, 2)', '(1, 2), (3, 3)', '-1 +1 ~1 =0'],
    ]));

  it('compares rows without a column', async () => {
    const [first, second] = await both('CREATE TABLE t ()', '', '');
    await first.run('INSERT INTO t DEFAULT VALUES; INSERT INTO t DEFAULT VALUES');
    await second.run('INSERT INTO t DEFAULT VALUES');
    await compareEach(first, second, ([compared]) => {
      assert.equal(countsText(compared!.counts), '-1 +0 ~0 =1');
      assert.deepEqual(rowTexts(compared!.rows), ['- ']);
    });
    await second.run('ALTER TABLE t ADD a int DEFAULT 7');
    await compareEach(first, second, ([compared]) =>
      assert.equal(countsText(compared!.counts), '-1 +0 ~0 =1'),
    );
  });

  const usersTypes = `CREATE SCHEMA "My s";
    CREATE DOMAIN "My s"."am,ount" AS numeric(10,2)[] DEFAULT '{}' NOT NULL;
    CREATE DOMAIN price AS numeric CHECK (VALUE >= 0);
    CREATE TYPE pair AS ("a ""b" price, c text, d character(3));
    CREATE TYPE span AS RANGE (SUBTYPE = interval, MULTIRANGE_TYPE_NAME = spans);
    CREATE TYPE mood AS ENUM ('a', 'b')`;

  it('matches keys as their types say, and tells how they are written', () => {
    const keys: readonly (readonly [type: string, one: string, other: string])[] = [
      ['numeric', "'1.0'", "'1.00'"],
      ['numeric', "'100'", "'100.0'"],
      ['double precision', "'-0'", "'0'"],
      ['real', "'0'", "'-0'"],
      ['bpchar', "'a  '", "'a'"],
      ['interval', "'1 mon -1 day'", "'29 days'"],
      ['interval', "'-1 day +02:00:00.5'", "'-21:59:59.5'"],
      ['interval', "'1 year 2 mons'", "'420 days'"],
      ['interval day to second', "'1 day'", "'24:00:00'"],
      ['jsonb', `'{"a": [1.0, "1.0"]}'`, `'{"a": [1.00, "1.0"]}'`],
      ['numeric[]', "'{1.0,NULL,2}'", "'{1.00,NULL,2.0}'"],
      ['interval[]', "'{24:00:00}'", "'{1 day}'"],
      ['numrange', "'[1.0,2)'", "'[1.00,2.0)'"],
      ['nummultirange', "'{[1.0,2),(3,4)}'", "'{[1,2),(3,4.0)}'"],
      ['price', "'1.0'", "'1.00'"],
      ['pair', `ROW(1.0, 'x, "y" (\\', 'a')`, `ROW(1.00, 'x, "y" (\\', 'a')`],
      ['pair[]', `ARRAY[ROW(1.0, NULL, 'a')::pair]`, `ARRAY[ROW(1, NULL, 'a')::pair]`],
      ['span', "'[24:00:00,2 days)'", "'[1 day,48:00:00)'"],
      ['spans', "'{[24:00:00,2 days)}'", "'{[1 day,48:00:00)}'"],
    ];
    return compareCases(
      usersTypes,
      keys.map(([type, one, other]) => [`k ${type} PRIMARY KEY`, `(${one})`, `(${other})`, '-0 +0 ~1 =0']),
    );
  });

  it('does not match keys that are not equal', () => {
    const keys: readonly (readonly [type: string, one: string, other: string])[] = [
      ['numeric', "'1'", "'10'"],
      ['numeric', "'NaN'", "'Infinity'"],
      ['text', "'a'", "'a '"],
      ['text', "'a'", "'A'"],
      ['bpchar', "'a'", "' a'"],
      ['interval', "'1 mon'", "'31 days'"],
      ['jsonb', `'"1.0"'`, `'"1.00"'`],
      ['text[]', "'{1.0}'", "'{1.00}'"],
      ['numeric[]', "'{1,2}'", "'{{1,2}}'"],
      ['numeric[]', "'[0:0]={1}'", "'{1}'"],
      ['numrange', "'[1,2)'", "'[1,2]'"],
      ['timestamptz', "'2024-01-01 00:00+00'", "'2024-01-01 00:00+01'"],
      ['bytea', String.raw`'\x00'`, String.raw`'\x0000'`],
      ['mood', "'a'", "'b'"],
      ['pair', `ROW(1, 'a', NULL)`, `ROW(1, NULL, NULL)`],
      ['pair', `ROW(1, NULL, NULL)`, `ROW(1, '', NULL)`],
      ['"My s"."am,ount"', "'{1}'", "'{2}'"],
    ];
    return compareCases(
      usersTypes,
      keys.map(([type, one, other]) => [`k ${type} PRIMARY KEY`, `(${one})`, `(${other})`, '-1 +1 ~0 =0']),
    );
  });

  it("matches keys by the server's rules of texts, where there is a server", async () => {
    const collation = `CREATE COLLATION ci (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false)`;
    for (const [make, one, other] of [
      [
        'CREATE EXTENSION citext; CREATE TABLE t (k citext PRIMARY KEY, v int)',
        `('Ab', 1), ('x', 1)`,
        `('aB', 1), ('x', 1)`,
      ],
      [
        `${collation}; CREATE TABLE t (k text COLLATE ci PRIMARY KEY, v int)`,
        `('Ab', 1), ('x', 1)`,
        `('aB', 1), ('x', 1)`,
      ],
      [
        `${collation}; CREATE DOMAIN d AS varchar(9) COLLATE ci CHECK (VALUE <> 'no');
         CREATE TABLE t (v int, k d[], n numeric, PRIMARY KEY (n, k))`,
        `(1, '{Ab,"x y"}', 1.0), (1, '{x}', 1)`,
        `(1, '{aB,"X y"}', 1.00), (1, '{x}', 1)`,
      ],
    ] as const) {
      const [first, second] = await both(make, one, other);
      await compareEach(first, second, ([compared], kinds) => {
        const alone = kinds === 'backup and backup';
        assert.equal(
          countsText(compared!.counts),
          alone ? '-1 +1 ~0 =1' : '-0 +0 ~1 =1',
          `${make}: ${kinds}`,
        );
      });
    }
  });

  it('compares columns that stand elsewhere, are new, generated, or of another type', async () => {
    const first =
      await postgres.create(`CREATE TABLE t (gone text, id int PRIMARY KEY, a text, g int GENERATED ALWAYS AS (id * 2) STORED);
      INSERT INTO t VALUES ('x', 1, 'one'), ('y', 2, 'two'), ('z', 3, 'three')`);
    const second =
      await postgres.create(`CREATE TABLE t (a varchar(9), dropped int, id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, more int DEFAULT 5);
      ALTER TABLE t DROP dropped;
      INSERT INTO t OVERRIDING SYSTEM VALUE VALUES ('three', 3), ('TWO', 2), ('four', 4)`);
    await compareEach(first, second, ([compared], kinds) => {
      const { counts: found, rows } = compared!;
      assert.equal(countsText(found), '-1 +1 ~1 =1', kinds);
      assert.deepEqual(rowTexts(rows), ['+ 4|four', '- 1|one', '~1 2|two -> 2|TWO'], kinds);
    });
  });

  it('compares each table of a tree by itself, and partitions', async () => {
    const make = `CREATE TABLE parent (id int PRIMARY KEY, v int); CREATE TABLE child (w int) INHERITS (parent);
      CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY LIST (id);
      CREATE TABLE part1 PARTITION OF parted FOR VALUES IN (1, 2); CREATE TABLE part2 PARTITION OF parted DEFAULT;`;
    const first =
      await postgres.create(`${make} INSERT INTO parent VALUES (1, 1); INSERT INTO child VALUES (1, 1, 1), (2, 2, 2);
      INSERT INTO parted VALUES (1), (3)`);
    const second =
      await postgres.create(`${make} INSERT INTO parent VALUES (1, 2); INSERT INTO child VALUES (2, 2, 2);
      INSERT INTO parted VALUES (1), (2)`);
    for (const one of [first, await saved(first)]) {
      const compared = await compareAll(one, second);
      assert.deepEqual(
        compared.map(({ table, counts: found }) => `${table.name} ${countsText(found)}`).sort(),
        ['child -1 +0 ~0 =1', 'parent -0 +0 ~1 =0', 'part1 -0 +1 ~0 =1', 'part2 -1 +0 ~0 =0'],
      );
    }
  });

  it('leaves out what a side that holds a part of the rows cannot know', async () => {
    const [first, second] = await both(
      'CREATE TABLE t (id int PRIMARY KEY, v int)',
      '(1, 1), (2, 2), (3, 3)',
      '(2, 2), (3, 4), (5, 5)',
    );
    for (const [one, other] of [
      [first, second],
      [await saved(first), second],
      [first, await saved(second)],
    ] as const) {
      for (const [partial, expected] of [
        [['first'], '-1 +0 ~1 =1'],
        [['second'], '-0 +1 ~1 =1'],
        [['first', 'second'], '-0 +0 ~1 =1'],
      ] as const) {
        const [compared] = await compareAll(one, other, { change: (table) => ({ ...table, partial }) });
        assert.equal(countsText(compared!.counts), expected);
        assert.equal(compared!.rows.length, expected === '-0 +0 ~1 =1' ? 1 : 2);
      }
    }
  });

  it('needs no more than to read, and refuses where rows may be hidden', async () => {
    const [first, second] = await both('CREATE TABLE t (id numeric PRIMARY KEY)', '(1), (2)', '(1.0), (3)');
    const role = `reader_${process.pid}`;
    await second.run(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'; GRANT SELECT ON t TO ${role}`);
    const [[name]] = (await second.rows('SELECT current_database()')) as [[string]];
    await second.run(`ALTER DATABASE "${name}" SET default_transaction_read_only = on;
      REVOKE TEMPORARY ON DATABASE "${name}" FROM PUBLIC`);
    const reader = as(second, role);
    const [compared] = await compareAll(await saved(first), reader);
    assert.equal(countsText(compared!.counts), '-1 +1 ~1 =0');
    await second.run(`BEGIN READ WRITE; ALTER TABLE t ENABLE ROW LEVEL SECURITY; COMMIT`);
    const error = await failure(compareAll(await saved(first), reader));
    assert.equal(error.code, 'refused');
    assert.match(error.message, /Row-level security/);
    await second.run(`BEGIN READ WRITE; DROP OWNED BY ${role}; DROP ROLE ${role}; COMMIT`);
  });
});
