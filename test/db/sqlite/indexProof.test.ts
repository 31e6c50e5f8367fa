import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { readCatalog } from '../../../src/engines/sqlite/schema/catalog.ts';
import { Connection } from '../../../src/engines/sqlite/connect/connection.ts';
import { prove as proveOf } from '../../../src/engines/sqlite/rows/indexProof.ts';
import { PageFile, UnclearFile } from '../../../src/engines/sqlite/fileFormat/pages.ts';
import { checkedIndexes } from '../../../src/engines/sqlite/payload/payloadChecks.ts';
import { randomSource } from '../../support/randomSource.ts';
import { runSqlite } from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { countTried } from '../../support/triedCounts.ts';
import { casesOf } from '../../support/sample.ts';

const numbers = (count: number): string =>
  `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})`;

/** Tables with rows of many pages, and the indexes of each of which nothing can be proven. */
const shapes: Record<
  string,
  {
    readonly sql: string;
    readonly unclear?: readonly string[];
    /** Where the entries have to be in order too. */
    readonly unordered?: readonly string[];
  }
> = {
  'integers of every width, negative ones too': {
    sql: `CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE INDEX i ON t (a); CREATE UNIQUE INDEX u ON t (a, id);
      ${numbers(3000)} INSERT INTO t SELECT i * (i % 3 - 1) * 7000003 + i, (i % 5 - 2) * (1 << (i % 62)) + i % 7 FROM n;
      INSERT OR IGNORE INTO t VALUES (-9223372036854775808, 1), (9223372036854775807, 9223372036854775807);`,
  },
  'reals, whole ones too': {
    sql: `CREATE TABLE t (a REAL, b DOUBLE UNIQUE, c FLOAT); CREATE INDEX i ON t (a, c);
      ${numbers(2000)} INSERT INTO t SELECT i % 10, i * 1.0, i / 3.0 FROM n;
      INSERT INTO t VALUES (-1, -0.5, 9e99), (9e999, -4.9e-324, -9e999), (1e15, -7, 0), (NULL, NULL, NULL);`,
  },
  'values that came in no order, in pages all over the file': {
    sql: `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); CREATE INDEX i ON t (a); CREATE UNIQUE INDEX u ON t (b);
      ${numbers(60_000)} INSERT INTO t SELECT i, i * 7919 % 1000003, 'value ' || (i * 104729 % 1000003) FROM n;`,
  },
  'text and blobs, and NULL as often as you like in a unique index': {
    sql: `CREATE TABLE t (a TEXT UNIQUE, b BLOB, c); CREATE INDEX i ON t (b, a); CREATE UNIQUE INDEX u ON t (c, a);
      ${numbers(1000)} INSERT INTO t SELECT nullif('Ğüneş ' || i, 'Ğüneş 7'), randomblob(i % 40), i % 5 FROM n;
      INSERT INTO t VALUES (NULL, NULL, NULL), (NULL, x'', ''), (NULL, 'text', NULL);`,
  },
  'names in several collations and orders': {
    sql: `CREATE TABLE t (id INTEGER PRIMARY KEY, a COLLATE NOCASE, b); CREATE INDEX i ON t (a, b DESC);
      CREATE INDEX r ON t (b COLLATE RTRIM); CREATE UNIQUE INDEX n ON t (a, id); CREATE UNIQUE INDEX d ON t (b DESC);
      ${numbers(900)} INSERT INTO t SELECT i, char(65 + i % 50), 'x' || i FROM n;`,
    unclear: ['n'],
    unordered: ['i', 'n', 'r'],
  },
  'columns that were added later': {
    sql: `CREATE TABLE t (a); ${numbers(500)} INSERT INTO t SELECT i FROM n; ALTER TABLE t ADD b; ALTER TABLE t ADD c;
      CREATE INDEX i ON t (b, a); CREATE INDEX j ON t (c); INSERT INTO t VALUES (1, 2, 3);`,
  },
  'a default that no record holds': {
    sql: `CREATE TABLE t (a); INSERT INTO t VALUES (1); ALTER TABLE t ADD b DEFAULT 7; CREATE INDEX i ON t (b);`,
    unclear: ['i'],
  },
  'generated columns': {
    sql: `CREATE TABLE t (a, b AS (a + 1), c); CREATE INDEX i ON t (c); INSERT INTO t (a, c) VALUES (1, 2);`,
    unclear: ['i'],
  },
  'rows that are larger than a page': {
    sql: `CREATE TABLE t (a, b, c); CREATE INDEX i ON t (a); CREATE INDEX j ON t (c);
      ${numbers(60)} INSERT INTO t SELECT i, randomblob(i * 500), i FROM n;`,
    unclear: ['i', 'j'],
  },
  'keys that are larger than a page': {
    sql: `CREATE TABLE t (a, b); CREATE INDEX i ON t (a); CREATE INDEX j ON t (b);
      ${numbers(60)} INSERT INTO t SELECT i, hex(randomblob(i * 500)) FROM n;`,
    unclear: ['i', 'j'],
  },
  'no rows at all': { sql: 'CREATE TABLE t (a UNIQUE, b); CREATE INDEX i ON t (b);' },
  'a key of its own without a rowid': {
    sql: `CREATE TABLE t (a PRIMARY KEY, b) WITHOUT ROWID; CREATE INDEX i ON t (b); INSERT INTO t VALUES (1, 2);`,
  },
  'integers beside reals': {
    sql: `CREATE TABLE t (a UNIQUE, b); CREATE INDEX i ON t (b DESC, a);
      INSERT INTO t VALUES (1, 2.5), (1.5, 2), (2, 2.0), (2.5, -1.5), (-9e999, 9e999), (9e999, 9e999), (-1, NULL);`,
  },
  'an integer that no real stands for, beside reals': {
    sql: `CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1), (1.5), (9007199254740993), (9007199254740994.0);`,
    unclear: ['sqlite_autoindex_t_1'],
  },
};

describe('SQLite: proving that indexes are in step with their tables', () => {
  const folder = useTemporaryFolder();
  let file: string;

  beforeEach(() => {
    file = folder.file('a.db');
  });

  for (const [what, { sql, unclear = [], unordered = unclear }] of Object.entries(shapes)) {
    for (const page of [512, 4096, 65_536]) {
      it(`${what}, in pages of ${page} bytes`, async () => {
        runSqlite(file, `PRAGMA page_size = ${page}; ${sql}`);
        for (const ordered of [false, true]) {
          const { all, proven } = await prove(file, { ordered });
          // Whatever lies in one page is clear; larger pages hold what is unclear in smaller ones.
          const missing = [...all].filter((name) => !proven.has(name));
          const isLarge = what.includes('larger than a page') && page === 65_536;
          const wanted = ordered ? unordered : unclear;
          if (isLarge) assert.ok(missing.every((name) => wanted.includes(name)));
          else assert.deepEqual(missing.sort(), [...wanted].sort());
        }
      });
    }
  }

  for (const encoding of ['UTF-16le', 'UTF-16be']) {
    it(`text in ${encoding}`, async () => {
      runSqlite(
        file,
        `PRAGMA encoding = '${encoding}'; ${shapes['text and blobs, and NULL as often as you like in a unique index']!.sql}`,
      );
      const { all, proven } = await prove(file);
      assert.deepEqual(proven, all);
    });
  }

  it('does not, of two equal entries in a unique index', async () => {
    const unique = 'CREATE UNIQUE INDEX i ON t (a)';
    const misled = (work: string): string => `CREATE TABLE t (id INTEGER PRIMARY KEY, a); ${unique};
      ${numbers(500)} INSERT INTO t SELECT i, i FROM n;
      PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t (a)' WHERE name = 'i';
      PRAGMA writable_schema = RESET; ${work};
      PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '${unique}' WHERE name = 'i'`;
    runSqlite(file, misled('INSERT INTO t VALUES (501, NULL), (502, NULL)'));
    assert.deepEqual((await prove(file)).proven, new Set(['i']));
    const other = folder.file('b.db');
    runSqlite(other, misled('INSERT INTO t VALUES (501, 300)'));
    assert.deepEqual((await prove(other)).proven, new Set());
  });

  it('does not, of entries whose words are those of the rows, at other places', async () => {
    // A blob of 9 bytes whose words are those of the integers beside which it stands.
    const row = '4294967296, NULL, 38654705668, 0';
    const entry = `4294967296, x'010000000000000001', NULL, NULL`;
    runSqlite(
      file,
      `CREATE TABLE t (a, b, c, d); INSERT INTO t VALUES (${row});
       CREATE TABLE other (a, b, c, d); CREATE INDEX i ON other (a, b, c, d); INSERT INTO other VALUES (${entry});
       PRAGMA writable_schema = ON;
       UPDATE sqlite_schema SET tbl_name = 't', sql = 'CREATE INDEX i ON t (a, b, c, d)' WHERE name = 'i'`,
    );
    assert.deepEqual(await prove(file), { all: new Set(['i']), proven: new Set() });
  });

  for (const [what, values] of Object.entries({
    'whose entries are': '(3), (7)',
    'whose entries of equal values are': '(5), (5)',
    'where text is': "('a'), ('ab')",
    'where one beside the other kind is': "('a'), (NULL)",
  })) {
    it(`of one ${what} not in order, unless they have to be`, async () => {
      runSqlite(file, `CREATE TABLE t (a); CREATE INDEX i ON t (a); INSERT INTO t VALUES ${values}`);
      assert.deepEqual((await prove(file, { ordered: true })).proven, new Set(['i']));
      const bytes = readFileSync(file);
      const cells = 4096 * (rootPage(file, 'i') - 1) + 8;
      const [first, second] = [bytes.readUInt16BE(cells), bytes.readUInt16BE(cells + 2)];
      bytes.writeUInt16BE(second, cells);
      bytes.writeUInt16BE(first, cells + 2);
      writeFileSync(file, bytes);
      assert.deepEqual((await prove(file)).proven, new Set(['i']));
      assert.deepEqual((await prove(file, { ordered: true })).proven, new Set());
    });
  }

  it('never of one through which SQLite reads other values, whichever byte of the file is changed', async () => {
    const random = randomSource('changed bytes');
    runSqlite(
      file,
      `PRAGMA page_size = 512; CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE, b REAL, c TEXT);
       CREATE INDEX i ON t (b, c); ${numbers(120)} INSERT INTO t SELECT i * 3, i * 77, i / 4.0, 'name ' || i % 9 FROM n`,
    );
    const sound = readFileSync(file);
    assert.equal((await prove(file)).proven.size, 2);
    const damaged = folder.file('damaged.db');
    let refused = 0;
    const cases = casesOf(600, 150);
    for (let number = 0; number < cases; number += 1) {
      const bytes = Buffer.from(sound);
      const at = 512 + random.below(bytes.length - 512);
      bytes[at] = bytes[at]! ^ (1 << random.below(8));
      writeFileSync(damaged, bytes);
      const { proven } = await prove(damaged);
      const { proven: ordered } = await prove(damaged, { ordered: true });
      refused += proven.size < 2 ? 1 : 0;
      for (const [name, columns] of Object.entries({ sqlite_autoindex_t_1: 'a', i: 'b, c' })) {
        if (proven.has(name)) assert.ok(agrees(damaged, name, columns, false), `byte ${at}: ${name}`);
        if (ordered.has(name)) assert.ok(agrees(damaged, name, columns, true), `byte ${at}: ${name}`);
      }
    }
    assert.ok(refused > cases / 4, `${refused} of ${cases} were refused`);
    countTried('damages', 'SQLite: bytes of indexes', cases, 0);
  });

  it('ends where the pages of a tree go round in a circle, or lie outside of the file', async () => {
    runSqlite(
      file,
      `PRAGMA page_size = 512; CREATE TABLE t (a); CREATE INDEX i ON t (a); ${numbers(2000)} INSERT INTO t SELECT i FROM n`,
    );
    const sound = readFileSync(file);
    const root = 512 * (rootPage(file, 't') - 1);
    for (const child of [rootPage(file, 't'), 0, 0x7fffffff]) {
      const bytes = Buffer.from(sound);
      bytes.writeUInt32BE(child, root + 8);
      const circle = folder.file(`circle-${child}.db`);
      writeFileSync(circle, bytes);
      assert.deepEqual((await prove(circle, { catalogFile: file })).proven, new Set());
    }
    writeFileSync(file, sound.subarray(0, 50));
    const handle = await open(file, 'r');
    await assert.rejects(PageFile.over(handle), UnclearFile);
    await handle.close();
  });

  /** `catalogFile` is the sound one where SQLite itself may not read the other one. */
  async function prove(
    database: string,
    { catalogFile = database, ordered = false } = {},
  ): Promise<Record<'all' | 'proven', Set<string>>> {
    const sound = folder.file('catalog.db');
    copyFileSync(catalogFile, sound);
    const connection = await Connection.open(sound, 'read');
    const tables = await readCatalog(connection, 'main');
    const roots = await connection.all<{ name: string; root: number }>(
      'SELECT name, rootpage AS root FROM sqlite_schema',
    );
    await connection.close();
    const handle = await open(database, 'r');
    const pages = await PageFile.over(handle);
    const [all, proven] = [new Set<string>(), new Set<string>()];
    for (const table of tables) {
      const indexes = checkedIndexes(table);
      const rootPages = new Map(roots.map(({ name, root }) => [name, root]));
      const found = await proveOf(pages, table, indexes, rootPages, { ordered });
      for (const { name } of indexes) all.add(name);
      for (const name of found.indexes) proven.add(name);
    }
    await handle.close();
    return { all, proven };
  }
});

function rootPage(file: string, name: string): number {
  const database = new DatabaseSync(file, { readOnly: true });
  const row = database.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').get(name);
  database.close();
  return Number(row!['rootpage']);
}

/** Whether SQLite reads the same through an index as from its table; also where it reads nothing but an error. */
function agrees(file: string, index: string, columns: string, ordered: boolean): boolean {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const read = (how: string): string[] => {
      const rows = database.prepare(`SELECT id, ${columns} FROM t ${how}`).all();
      const lines = rows.map((row) => JSON.stringify(Object.values(row)));
      return ordered ? lines : lines.sort();
    };
    assert.deepEqual(read(`INDEXED BY ${index}`), read(`NOT INDEXED ORDER BY ${columns}, id`));
    return true;
  } catch (error) {
    return !(error instanceof assert.AssertionError);
  } finally {
    database.close();
  }
}
