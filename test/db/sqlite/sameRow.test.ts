import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import type { CatalogTable } from '../../../src/engines/sqlite/schema/catalog.ts';
import {
  backupAlias,
  sameRow,
  type TablePair,
  targetAlias,
} from '../../../src/engines/sqlite/rows/rowComparison.ts';

/** Each is another one than all others, though SQLite finds some of them equal. */
const values = [
  ...['NULL', '0', '0.0', '-1e-300 * 1e-300', '1', '1.0', '-1', '-1.0', '2', '2.5', '-2.5'],
  ...['9223372036854775807', '9223372036854775806', '-9223372036854775807', '(-9223372036854775807 - 1)'],
  ...['9223372036854775808.0', '-9223372036854775808.0', '4611686018427387904', '4611686018427387904.0'],
  ...[
    '-9000000000000000000',
    '-9e18',
    '9e18',
    '9000000000000000000',
    '9007199254740993',
    '9007199254740992.0',
  ],
  ...[
    '-0.5',
    "'-0.5'",
    '0.5',
    "'0.5'",
    "'-0.0'",
    "x'2d302e35'",
    '4503599627370496',
    '4503599627370496.0',
    '-3',
    '-3.0',
  ],
  ...['4.9e-324', '-4.9e-324', '1.7976931348623157e308', '9e999', '-9e999', '0.1', '0.1 + 0.2', '0.3'],
  ...["''", "' '", "'a'", "'A'", "'a '", "'0'", "'1'", "'1.0'", "'-1'", "'1e400'", "CAST(x'00' AS TEXT)"],
  ...["x''", "x'00'", "x'30'", "x'31'", "x'61'"],
];

const types = ['', 'INTEGER', 'REAL', 'NUMERIC', 'TEXT', 'VARCHAR(3)', 'BLOB', 'DATE'];

describe('SQLite: whether two rows are the same', () => {
  const database = new DatabaseSync(':memory:');

  before(() => {
    // Columns that convert nothing, one of which finds more equal than it is.
    database.exec(`CREATE TABLE v (n INTEGER PRIMARY KEY, x, y COLLATE NOCASE)`);
    for (const value of values) database.exec(`INSERT INTO v (x, y) VALUES (${value}, ${value})`);
  });

  for (const type of types) {
    for (const column of ['x', 'y']) {
      it(`tells every value from every other, in a column ${column} that is declared as '${type}'`, () => {
        const same = sameRow(pairOf(type, [column]), targetAlias, backupAlias);
        const from = `FROM v AS ${targetAlias}, v AS ${backupAlias}`;
        const wrong = database
          .prepare(
            `SELECT typeof(${targetAlias}.x) AS a, quote(${targetAlias}.x) AS b, quote(${backupAlias}.x) AS c ${from}
             WHERE (${same}) IS NOT (${targetAlias}.n = ${backupAlias}.n)`,
          )
          .all();
        assert.deepEqual(wrong, []);
      });
    }
  }

  it('does so too in a table of very many columns', () => {
    const columns = Array.from({ length: 500 }, () => 'x');
    const same = sameRow(pairOf('INTEGER', columns), targetAlias, backupAlias);
    const sql = `SELECT count(*) AS n FROM v AS ${targetAlias}, v AS ${backupAlias} WHERE ${same}`;
    assert.equal(database.prepare(sql).get()!['n'], values.length);
  });
});

function pairOf(type: string, columns: readonly string[]): TablePair {
  const described = columns.map((name) => ({ name, type, notNull: false }));
  const table = { name: 'v', columns: described } as unknown as CatalogTable;
  return { plan: { columns }, target: table, backup: table } as unknown as TablePair;
}
