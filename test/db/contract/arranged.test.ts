import assert from 'node:assert/strict';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { takeBackup } from '../../../src/backup/takeBackup.ts';
import type { ArrangedRows, Arrangement } from '../../../src/core/arrangement.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { type Row, valueText } from '../../../src/core/values.ts';
import type { PayloadRows } from '../../../src/engines/engine.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { randomSource } from '../../support/randomSource.ts';
import { failure } from '../../support/restores.ts';
import { testEngines, type TestDatabase, type TestEngineId } from '../../support/testDatabases.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

const longest = 2000;

/** What an open table of a backup can do. */
interface OpenTable {
  readonly columns: readonly string[];
  readonly all: readonly Row[];
  readonly arrange: (arrangement: Arrangement, signal?: AbortSignal) => Promise<ArrangedRows>;
}

/** For each engine: a column's type, its values as SQL, and how the database orders them (its name if left out). */
const columns: Readonly<
  Record<TestEngineId, readonly (readonly [type: string, values: string, order?: string])[]>
> = {
  sqlite: [
    ['INTEGER', '9223372036854775807, 9223372036854775806, -9223372036854775808, 2, 10, -1, 0, 2, NULL'],
    ['REAL', '1.5, -0.25, 1e300, 1e-300, 9e999, -9e999, 2, 10, NULL'],
    ['', `10, 9, 9.5, 'a', 'B', 'ä', x'00', x'', NULL, '', '10', 1e20, 9007199254740993`],
    ['TEXT COLLATE NOCASE', `'a', 'B', 'A', 'b', '😀', 'ﬀ', 'z', NULL`, 'c3 COLLATE BINARY'],
    ['TEXT', `'2024-02-29', '2023-12-31', '0099-01-01', NULL`],
  ],
  postgres: [
    ['bigint', '9223372036854775807, 9223372036854775806, -9223372036854775808, 2, 10, -1, 0, 2, NULL'],
    [
      'numeric',
      `0.1, 0.10, 0.11, -0.1, -0.11, 100, 99.999, 'NaN', 'Infinity', '-Infinity', 1e130, -1e-130, 0, NULL`,
    ],
    [
      'double precision',
      `1.5, -0.25, 1e300, 1e-300, 'NaN', 'Infinity', '-Infinity', -0.0, 12345678901234567890`,
    ],
    ['real', `0.1, 0.01, 1e30, 1e-30, -1, NULL`],
    ['boolean', `true, false, NULL, true`],
    [
      'text',
      String.raw`'a', 'B', 'ä', '', '😀', 'ﬀ', E'a\nb', E'\\N', NULL, 'aa', E'a\tb'`,
      'c5 COLLATE "C"',
    ],
    ['bytea', String.raw`'\x00', '\x', '\xff', '\x0001', '\x00ff', '\x01', NULL`],
    [
      'date',
      `'2024-02-29', '2023-12-31', '0044-03-15 BC', '0044-01-15 BC', '0045-12-31 BC', '12024-01-01', 'infinity', '-infinity', NULL`,
    ],
    [
      'timestamp',
      `'2024-02-29 12:00', '2024-02-29 12:00:00.000001', '2024-02-29 12:00:00.5', '0001-01-01 BC', '20240-01-01 1:00', 'infinity'`,
    ],
    [
      'timestamptz',
      `'2024-02-29 12:00+05', '2024-02-29 08:00Z', '2024-02-29 07:00:00.1Z', '0044-03-15 BC', '-infinity', NULL`,
    ],
    ['time', `'12:00', '12:00:00.5', '12:00:00.45', '00:00', '24:00'`],
    ['timetz', `'12:00+05', '07:00+00', '06:59:59.9Z', '00:30+02', '23:00-08'`],
    ['uuid', `'ffffffff-0000-0000-0000-000000000000', '0fffffff-0000-0000-0000-000000000000', NULL`],
    ['int[]', `'{10}', '{9}', '{9,1}', '{}', '{NULL}', '{-1,5}', '{10,NULL}', NULL`],
  ],
};

function tableSql(engine: TestEngineId): string {
  const all = columns[engine];
  const names = all.map((_, index) => `c${index}`);
  const inserts = all.flatMap(([type, values], index) =>
    listOf(values).map((value) => {
      const cast = engine === 'postgres' ? `CAST(${value} AS ${type})` : value;
      return `INSERT INTO sorted (${names[index]}) VALUES (${cast});`;
    }),
  );
  const id = engine === 'sqlite' ? 'id INTEGER PRIMARY KEY' : 'id serial PRIMARY KEY';
  return `CREATE TABLE sorted (${[id, ...all.map(([type], index) => `c${index} ${type}`)].join(', ')}); ${inserts.join('\n')}`;
}

/** Splits at the commas that are in no text. */
function listOf(values: string): string[] {
  return values.match(/E?'[^']*'|x'[^']*'|[^,\s]+/g) ?? [];
}

for (const testEngine of testEngines) {
  const { id } = testEngine;
  describe(`rows of a backup, sorted and searched, ${id}`, () => {
    const folder = useTemporaryFolder();
    let database: TestDatabase;
    before(async () => {
      database = await testEngine.create();
      await database.run(tableSql(id));
    });
    after(() => database.remove());

    /** Opens a table of a new backup. */
    async function inTable(name: string, work: (table: OpenTable) => Promise<void>): Promise<void> {
      const file = folder.file(`${name}.dbbackup`);
      const session = await database.connect({ readOnly: true });
      try {
        await takeBackup(session, { file, logger: silentLogger });
      } finally {
        await session.close();
      }
      const archive = await Archive.open(file, engineById);
      let rows: PayloadRows | undefined;
      try {
        rows = await database.engine.openPayload(archive, archive.manifest, { logger: silentLogger });
        const table = archive.manifest.tables.find((one) => one.table.name.name === name)!;
        const all: Row[] = [];
        for await (const page of rows.rows(table)) all.push(...page);
        const opened = rows;
        await work({
          columns: table.columns,
          all,
          arrange: (arrangement, signal) => opened.arrange(table, arrangement, signal ? { signal } : {}),
        });
      } finally {
        await rows?.close();
        await archive.close();
      }
    }

    async function numbersOf(rows: ArrangedRows): Promise<number[]> {
      const numbers: number[] = [];
      for (let after = 0; after < rows.count; after += 7) {
        const page = await rows.page({ after, limit: 7, longest }, {});
        assert.equal(page.rows.length, page.numbers.length);
        numbers.push(...page.numbers);
      }
      return numbers;
    }

    it('sorts every type as the database does, with NULLs last', async () => {
      await inTable('sorted', async ({ columns: names, all, arrange }) => {
        const ids = all.map(([first]) => valueText(first!)!);
        for (const [index, [type, , order = `c${index}`]] of columns[id].entries()) {
          for (const descending of [false, true]) {
            const way = descending ? 'DESC' : 'ASC';
            const expected = await database.rows(
              `SELECT id FROM sorted ORDER BY ${order} ${way} NULLS LAST, id`,
            );
            const rows = await arrange({ sort: { column: names[index + 1]!, descending } });
            const numbers = await numbersOf(rows);
            assert.deepEqual(
              numbers.map((number) => ids[number]),
              expected.map(([one]) => one),
              `${type} ${way}`,
            );
            const page = await rows.page({ after: 3, limit: 5, longest }, {});
            assert.deepEqual(
              page.rows,
              page.numbers.map((number) => all[number]),
            );
            await rows.close();
          }
        }
      });
    });

    it('finds what the text of a value contains, in one column or in all', async () => {
      const random = randomSource('texts to find');
      await inTable('sorted', async ({ columns: names, all, arrange }) => {
        const texts = (row: Row): string[] => row.map((value) => valueText(value) ?? 'NULL');
        const parts = Array.from({ length: 60 }, () => {
          const text = random.pick(texts(random.pick(all)));
          const start = random.below(Math.max(1, [...text].length));
          return [...text].slice(start, start + 1 + random.below(4)).join('');
        });
        const searches = [
          ...parts,
          'ÄÖ',
          'b',
          'B',
          'Ä',
          'nuLL',
          '%',
          '_',
          '*',
          '?',
          '[',
          ']',
          '^',
          'a]',
          '😀',
        ];
        for (const text of searches.filter((one) => one !== '')) {
          for (const column of [undefined, random.pick(names)]) {
            const place = column === undefined ? undefined : names.indexOf(column);
            const holds = (row: Row): boolean =>
              texts(row).some(
                (one, at) => (place ?? at) === at && one.toLowerCase().includes(text.toLowerCase()),
              );
            const expected = [...all.keys()].filter((number) => holds(all[number]!));
            const search = { text, ...(column === undefined ? {} : { column }) };
            const filtered = await arrange({ filter: search });
            assert.deepEqual(await numbersOf(filtered), expected, JSON.stringify(search));
            const sort = { column: names[1]!, descending: true };
            const both = await arrange({ filter: search, sort });
            assert.equal(both.count, expected.length);
            const sorted = await numbersOf(await arrange({ sort }));
            const places = [...sorted.keys()].filter((at) => expected.includes(sorted[at]!));
            const arranged = await arrange({ sort });
            const found = await arranged.find(search, {});
            assert.equal(found.count, places.length);
            const walked: (number | undefined)[] = [];
            for (let at = 0, index = 0; index < places.length; index++) {
              const next = await found.near(at, false);
              assert.equal(next?.index, index);
              walked.push(next?.place);
              at = (next?.place ?? 0) + 1;
            }
            assert.deepEqual(walked, places);
            assert.equal((await found.near(sorted.length, true))?.place, places.at(-1));
            assert.equal(await found.near(sorted.length, false), undefined);
            assert.equal((await found.near((places[0] ?? 0) - 1, true))?.place, undefined);
          }
        }
      });
    });

    it('refuses a column that there is not, and ends when it is cancelled', async () => {
      await inTable('sorted', async ({ arrange }) => {
        const sort = { column: 'nothing', descending: false };
        assert.equal((await failure(arrange({ sort }))).code, 'usage');
        assert.equal((await failure(arrange({ filter: { text: 'a', column: 'nothing' } }))).code, 'usage');
        const gone = AbortSignal.abort();
        if (id === 'sqlite') assert.equal((await failure(arrange({}, gone))).code, 'cancelled');
        assert.equal((await arrange({ filter: { text: '1' } })).count > 0, true);
      });
    });
  });
}

describe('rows of a SQLite backup, sorted and searched', () => {
  const folder = useTemporaryFolder();
  const sqlite = testEngines[0]!;

  for (const [title, table, ids] of [
    [
      'without a rowid',
      'CREATE TABLE t (a TEXT COLLATE NOCASE, b INTEGER, c, PRIMARY KEY (b, a)) WITHOUT ROWID',
      'b',
    ],
    ['with text in UTF-16', `PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (a, b INTEGER, c)`, 'b'],
    ['with two names of the rowid hidden', 'CREATE TABLE t (a, b INTEGER, c, rowid TEXT, oid TEXT)', 'b'],
  ] as const) {
    it(title, async () => {
      const database = await sqlite.create();
      try {
        await database.run(`${table}; INSERT INTO t (a, b, c) VALUES
          ('b', 1, 'ﬀ'), ('B', 2, '😀'), ('ä', 3, 'Ā'), ('a', 3, NULL), ('x', 0, 'ÿ');`);
        const file = folder.file('t.dbbackup');
        const session = await database.connect({ readOnly: true });
        await takeBackup(session, { file, logger: silentLogger });
        await session.close();
        const archive = await Archive.open(file, engineById);
        const rows = await database.engine.openPayload(archive, archive.manifest, { logger: silentLogger });
        try {
          const backedUp = archive.manifest.tables[0]!;
          const at = backedUp.columns.indexOf('c');
          const values = async (arrangement: Arrangement): Promise<(string | undefined)[]> => {
            const page = await (
              await rows.arrange(backedUp, arrangement, {})
            ).page({ after: 0, limit: 9, longest }, {});
            return page.rows.map((row) => valueText(row[at]!));
          };
          const sorted = ['ÿ', 'Ā', 'ﬀ', '😀', undefined];
          assert.deepEqual(await values({ sort: { column: 'c', descending: false } }), sorted);
          assert.deepEqual(await values({ filter: { text: 'ā' } }), ['Ā']);
          assert.equal((await values({ sort: { column: ids, descending: true } })).at(-1), 'ÿ');
        } finally {
          await rows.close();
          await archive.close();
        }
      } finally {
        await database.remove();
      }
    });
  }
});
