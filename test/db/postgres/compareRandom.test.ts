import assert from 'node:assert/strict';
import type { ComparedTable, DifferenceCounts } from '../../../src/core/differences.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { compareSides } from '../../../src/engines/postgres/snapshot/compare.ts';
import { collect, comparedTable, countsText, openSide } from '../../support/postgresCompare.ts';
import { backUp, usePostgres } from '../../support/postgresRestores.ts';
import { type RandomSource, randomSource } from '../../support/randomSource.ts';
import { casesOf } from '../../support/sample.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';
import { type TypeSample, typeSamples } from '../everything/postgresSamples.ts';

/** Values that are equal, and are written in several ways. */
const equalValues: readonly TypeSample[] = [
  {
    type: 'numeric',
    values: ["'1.0'", "'1.00'", "'1'", "'10'", "'0'", "'0.00'", "'-5.50'", "'-5.5'", "'NaN'"],
  },
  { type: 'double precision', values: ["'-0'", "'0'", "'1.5'", "'NaN'"] },
  {
    type: 'interval',
    values: ["'1 mon'", "'30 days'", "'29 days 24:00:00'", "'-1 day +24:00:00'", "'0'", "'1 year'"],
  },
  { type: 'bpchar', values: ["'a'", "'a  '", "' a'", "''", "'  '"] },
  { type: 'jsonb', values: [`'{"a": 1.0}'`, `'{"a": 1}'`, `'[1.50, "1.50"]'`, `'[1.5, "1.50"]'`] },
  { type: 'numeric[]', values: ["'{1.0,2}'", "'{1,2.0}'", "'{NULL}'", "'{}'", "'{{1},{2.0}}'"] },
  { type: 'citext', values: ["'Ab'", "'aB'", "'ä'", "'Ä'", "'b'"] },
  { type: 'text COLLATE ci', values: ["'Ab'", "'aB'", "'é'", "'É'", "'b'"] },
];

const before = `CREATE EXTENSION citext;
  CREATE COLLATION ci (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
  CREATE SCHEMA one; CREATE SCHEMA other;`;

interface Case {
  readonly make: readonly string[];
  readonly key: readonly string[];
  readonly columns: readonly string[];
}

/** A table in two schemas, with the same rows at first. */
function randomTables(random: RandomSource, number: number, samples: readonly TypeSample[]): Case {
  const chance = (percent: number): boolean => random.below(100) < percent;
  const keyable = [...samples.filter(({ key }) => key), ...equalValues, ...equalValues];
  const key = chance(20) ? [] : Array.from({ length: 1 + random.below(2) }, () => random.pick(keyable));
  const others = Array.from({ length: random.below(5) }, () => random.pick([...samples, ...equalValues]));
  const types = [...key, ...others];
  const columns = types.map((_, index) => `c${index}`);
  const definitions = types.map(
    ({ type }, index) => `c${index} ${type}${index < key.length ? ' NOT NULL' : ''}`,
  );
  const constraint =
    key.length > 0 ? [`PRIMARY KEY (${columns.slice(0, key.length).reverse().join(', ')})`] : [];
  const values = ({ values: all }: TypeSample, index: number): string =>
    index >= key.length && chance(20)
      ? 'NULL'
      : random.pick(all.filter((value) => index >= key.length || value.length < 600));
  const insert = (schema: string, count: number): string[] =>
    types.length === 0
      ? []
      : Array.from({ length: count }, () => {
          const row = types.map((type, index) => values(type, index)).join(', ');
          return `INSERT INTO ${schema}.t${number} VALUES (${row}) ON CONFLICT DO NOTHING;`;
        });
  const table = `t${number}`;
  const order = chance(30) ? [...definitions].reverse() : definitions;
  const make = [
    `CREATE TABLE one.${table} (${[...definitions, ...constraint].join(', ')});`,
    `CREATE TABLE other.${table} (${[...order, ...constraint].join(', ')});`,
    ...insert('one', random.below(12)),
    ...(columns.length > 0
      ? [`INSERT INTO other.${table} (${columns.join(', ')}) SELECT ${columns.join(', ')} FROM one.${table};`]
      : [`INSERT INTO one.${table} DEFAULT VALUES;`]),
    ...(chance(60)
      ? [
          `DELETE FROM other.${table} WHERE ctid IN (SELECT ctid FROM other.${table} LIMIT ${1 + random.below(3)});`,
        ]
      : []),
    ...(order === definitions ? insert('other', random.below(4)) : []),
  ];
  for (let changes = random.below(3); changes > 0 && types.length > 0; changes -= 1) {
    const index = random.below(types.length);
    const some = `WHERE ctid IN (SELECT ctid FROM other.${table} ORDER BY ctid DESC LIMIT ${1 + random.below(2)})`;
    // A key that others have already stays as it is.
    make.push(`DO $change$ BEGIN UPDATE other.${table} SET c${index} = ${values(types[index]!, index)} ${some};
      EXCEPTION WHEN unique_violation THEN NULL; END $change$;`);
  }
  return { make, key: columns.slice(0, key.length), columns };
}

/** How the server itself counts. A value is told from another by the text that COPY sends. */
function countQuery(number: number, { key, columns }: Case): string {
  const value = (name: string): string => `CASE WHEN ${name} IS NOT NULL THEN format('%s', ${name}) END`;
  const row = (alias: string): string =>
    `ARRAY[${columns.map((name) => value(`${alias}.${name}`)).join(', ') || "''"}] COLLATE "C"`;
  const [first, second] = [`one.t${number} a`, `other.t${number} b`];
  const both = 'a.ctid IS NOT NULL AND b.ctid IS NOT NULL';
  if (key.length > 0) {
    return `SELECT ${number}, count(*) FILTER (WHERE b.ctid IS NULL), count(*) FILTER (WHERE a.ctid IS NULL),
                   count(*) FILTER (WHERE ${row('a')} IS DISTINCT FROM ${row('b')} AND ${both}),
                   count(*) FILTER (WHERE ${row('a')} IS NOT DISTINCT FROM ${row('b')} AND ${both})
              FROM ${first} FULL JOIN ${second} ON ${key.map((name) => `a.${name} = b.${name}`).join(' AND ')}`;
  }
  const counted = (alias: string, from: string): string =>
    `(SELECT ${row(alias)} AS r, count(*) AS n FROM ${from} GROUP BY 1)`;
  const [x, y] = ['coalesce(x.n, 0)', 'coalesce(y.n, 0)'];
  return `SELECT ${number}, coalesce(sum(greatest(${x} - ${y}, 0)), 0), coalesce(sum(greatest(${y} - ${x}, 0)), 0), 0,
                 coalesce(sum(least(${x}, ${y})), 0)
            FROM ${counted('a', first)} x FULL JOIN ${counted('b', second)} y ON x.r = y.r`;
}

async function countAll(database: TestDatabase, cases: readonly Case[]): Promise<DifferenceCounts[]> {
  const queries = cases.map((one, number) => countQuery(number, one));
  const counted = await database.rows(`${queries.join('\nUNION ALL\n')}\nORDER BY 1`);
  return counted.map((row) => {
    const [, onlyInFirst = 0, onlyInSecond = 0, changed = 0, same = 0] = row.map(Number);
    return { onlyInFirst, onlyInSecond, changed, same };
  });
}

describe('postgres: comparisons of random tables', function () {
  this.timeout(1_200_000);
  const postgres = usePostgres();
  const together = 60;

  it('count what the server counts', async () => {
    const random = randomSource('comparisons of random PostgreSQL tables');
    for (let left = casesOf(3000, 60); left > 0; left -= together) {
      const database = await postgres.create(before);
      const [[version] = []] = await database.rows('SHOW server_version_num');
      const samples = typeSamples(Number(version)).filter(
        ({ type }) => !type.startsWith('reg') && type !== 'xml',
      );
      const cases = Array.from({ length: together }, (_, number) => randomTables(random, number, samples));
      await database.run(cases.flatMap(({ make }) => make).join('\n'));
      const expected = await countAll(database, cases);
      const file = postgres.file(`${left}.dbbackup`);
      await backUp(database, file);
      for (const [from, to] of [
        [database, database],
        [file, database],
        [database, file],
      ] as const) {
        const [first, second] = [await openSide(from), await openSide(to)];
        const tables = cases.map((_, number): ComparedTable => {
          const find = (tablesOf: typeof first.tables, schema: string) =>
            tablesOf.find(({ name }) => name.schema === schema && name.name === `t${number}`)!;
          return comparedTable(find(first.tables, 'one'), find(second.tables, 'other'));
        });
        const options = { rows: random.pick([0, 3, Infinity]), logger: silentLogger };
        const memory = random.pick([undefined, { hashes: 1, rows: 0 }]);
        const found = await collect(tables, compareSides(first.side, second.side, tables, options, memory));
        for (const [number, one] of cases.entries()) {
          const wanted = expected[number]!;
          const told = `${one.make.join('\n')}\nseed ${random.seed}, case ${number}, ${String(options.rows)} rows`;
          assert.equal(countsText(found[number]!.counts), countsText(wanted), told);
          const differing = wanted.onlyInFirst + wanted.onlyInSecond + wanted.changed;
          assert.equal(found[number]!.rows.length, Math.min(options.rows, differing), told);
        }
        await first.close();
        await second.close();
      }
    }
  });
});
