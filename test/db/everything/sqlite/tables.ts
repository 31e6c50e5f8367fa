import type { SqliteEntry } from './entry.ts';

export const tableEntries: readonly SqliteEntry[] = [
  {
    kind: 'tables',
    name: 'WITHOUT ROWID, its key descending, collated and with a column twice',
    sql: `
      CREATE TABLE without_rowid (a TEXT COLLATE NOCASE, b INTEGER, c, d DEFAULT 7, PRIMARY KEY (b DESC, a, b))
        WITHOUT ROWID;
      INSERT INTO without_rowid VALUES ('x', 1, NULL, 1), ('y', 1, x'00', 2), ('X', 2, 'c', 3), ('', -9, 1.5, 4);
      CREATE INDEX without_rowid_by_c ON without_rowid (c, d);`,
    tampers: [
      `UPDATE without_rowid SET c = '' WHERE c IS NULL`,
      `UPDATE without_rowid SET a = 'Y' WHERE a = 'y'`,
      `DELETE FROM without_rowid WHERE b = -9`,
      `CREATE TABLE w2 AS SELECT * FROM without_rowid; DROP TABLE without_rowid; ALTER TABLE w2 RENAME TO without_rowid`,
    ],
    inserts: [{ sql: `INSERT INTO without_rowid (a, b) VALUES ('new', 1) RETURNING d`, gives: '7' }],
  },
  {
    kind: 'tables',
    name: 'STRICT, with every type; ANY keeps what it is given',
    sql: `
      CREATE TABLE strict_types (i INT, n INTEGER, r REAL, t TEXT, b BLOB, a ANY) STRICT;
      INSERT INTO strict_types VALUES (1, -9223372036854775808, 1.0, '1', x'31', '001'),
        (NULL, NULL, NULL, NULL, NULL, NULL), (0, 0, -1e-300, '', x'', 1), (7, 8, 9, '10', zeroblob(3), 1.0),
        (7, 8, 9, CAST(x'ff' AS TEXT), zeroblob(0), x'01');`,
    tampers: [
      `UPDATE strict_types SET a = 1 WHERE a = '001'`,
      `UPDATE strict_types SET a = 1.0 WHERE typeof(a) = 'integer'`,
      `UPDATE strict_types SET b = x'30' WHERE b = x'31'`,
      `CREATE TABLE s2 (i INT, n INTEGER, r REAL, t TEXT, b BLOB, a ANY); INSERT INTO s2 SELECT * FROM strict_types;
       DROP TABLE strict_types; ALTER TABLE s2 RENAME TO strict_types`,
    ],
    probes: [{ ask: `SELECT typeof(a) FROM strict_types`, gives: 'text|null|integer|real|blob' }],
  },
  {
    kind: 'tables',
    name: 'STRICT and WITHOUT ROWID',
    sql: `
      CREATE TABLE strict_keyed (k ANY NOT NULL PRIMARY KEY, v TEXT NOT NULL) WITHOUT ROWID, STRICT;
      INSERT INTO strict_keyed VALUES (1, 'integer'), ('1', 'text'), (x'31', 'blob'), (1.5, 'real');`,
    tampers: [
      `UPDATE strict_keyed SET k = 2 WHERE typeof(k) = 'text'`,
      `UPDATE strict_keyed SET v = 'Integer' WHERE k = 1`,
    ],
  },
  {
    kind: 'tables',
    name: 'made by CREATE TABLE AS, with and without rows',
    sql: `
      CREATE TABLE made_as AS SELECT 1 AS "one", 'two' AS "a ""b""", 2.5 AS c, x'04' AS d, NULL AS e, count(*) AS f;
      CREATE TABLE typed_source (i INTEGER, v VARCHAR(3), d DECIMAL(10,2), b BLOB, n);
      INSERT INTO typed_source VALUES (1, 'abc', 1.25, x'00', 'untyped'), (2, 'longer than 3', '1.5', 'text', 3);
      CREATE TABLE made_as_typed AS SELECT *, i + 1 AS "i + 1" FROM typed_source;
      CREATE TABLE made_as_empty AS SELECT * FROM typed_source WHERE 0;`,
    tampers: [
      `UPDATE made_as SET e = 0`,
      `UPDATE made_as_typed SET d = 2 WHERE d = 1.5`,
      `INSERT INTO made_as_empty (i) VALUES (1)`,
    ],
  },
  {
    kind: 'tables',
    name: 'without any row, and with one row of NULLs',
    sql: `
      CREATE TABLE empty_table (a, b TEXT, PRIMARY KEY (a));
      CREATE TABLE empty_row (a, b);
      INSERT INTO empty_row DEFAULT VALUES;`,
    tampers: [
      `INSERT INTO empty_table VALUES (1, 2)`,
      `DELETE FROM empty_row`,
      `UPDATE empty_row SET a = ''`,
    ],
  },
  {
    kind: 'tables',
    name: 'with 900 columns',
    sql: `
      CREATE TABLE wide_table (${columnList(900, (n) => `c${n} ${['INTEGER', 'TEXT', '', 'REAL'][n % 4]}`)});
      INSERT INTO wide_table VALUES (${columnList(900, String)});
      INSERT INTO wide_table (c0, c899) VALUES ('first', 'last');`,
    tampers: [`UPDATE wide_table SET c899 = NULL WHERE c0 = 'first'`, `UPDATE wide_table SET c450 = 'x'`],
  },
  {
    kind: 'tables',
    name: 'whose rows are several thousand, with deletions between them',
    sql: `
      CREATE TABLE many_rows (a INTEGER, b TEXT);
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
        INSERT INTO many_rows SELECT i * 7919 % 5003, printf('%08x', i * 2654435761 & 0xffffffff) FROM n;
      DELETE FROM many_rows WHERE rowid % 3 = 0;
      CREATE INDEX many_rows_by_a ON many_rows (a);`,
    tampers: [
      `DELETE FROM many_rows WHERE rowid = 4999`,
      `UPDATE many_rows SET b = upper(b) WHERE rowid = 2500`,
      `UPDATE many_rows SET rowid = 3 WHERE rowid = 2`,
    ],
  },
  {
    kind: 'columns',
    name: 'without types, and with types that are none',
    sql: `
      CREATE TABLE odd_types (a, b "", c 'weird type', d VARCHAR(10, 2), e "UNSIGNED BIG INT", f FLOATING POINT,
        g CHARINT, h DOUBLE PRECISION, i STRING, j BLOBBY, k [x y], l "INTEGER(-3)", m DATETIME(+6.5), n BOOLEAN);
      INSERT INTO odd_types VALUES ('1', '1', '1', '1', '1', '1', '1', '1', '1', '1', '1', '1', '1', '1');
      INSERT INTO odd_types VALUES (1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
      INSERT INTO odd_types VALUES (1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, TRUE);`,
    tampers: [`UPDATE odd_types SET a = 1 WHERE rowid = 1`, `UPDATE odd_types SET n = 1.5 WHERE n = TRUE`],
    probes: [
      {
        ask: `SELECT typeof(a), typeof(c), typeof(d), typeof(f), typeof(h), typeof(i), typeof(j) FROM odd_types LIMIT 1`,
        gives: 'text|integer|text|integer|real|integer|text',
      },
    ],
  },
  {
    kind: 'columns',
    name: 'with defaults of every kind',
    sql: `
      CREATE TABLE defaults (id INTEGER PRIMARY KEY, a DEFAULT 1, b DEFAULT -1.5e3, c DEFAULT 'it''s', d DEFAULT x'00ff',
        e DEFAULT NULL, f DEFAULT TRUE, g DEFAULT word, h DEFAULT (1 + 2), i DEFAULT ('a' || 'b c'),
        j DEFAULT CURRENT_TIMESTAMP, k TEXT DEFAULT 5, l INTEGER DEFAULT '6', m NOT NULL DEFAULT '',
        n DEFAULT 9223372036854775807, o DEFAULT -9223372036854775808, p DEFAULT (abs(-3)) NOT NULL);
      INSERT INTO defaults (id, j) VALUES (5, 'then');
      INSERT INTO defaults VALUES (6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);`,
    tampers: [`UPDATE defaults SET k = 5.5 WHERE id = 5`, `UPDATE defaults SET d = 'x' WHERE id = 5`],
    probes: [
      {
        run: `INSERT INTO defaults (id) VALUES (70)`,
        ask: `SELECT a, b, c, hex(d), e, f, g, h, i, typeof(k), typeof(l), m, n, o, p FROM defaults WHERE id = 70`,
        gives: `1|-1500.0|it's|00FF|NULL|1|word|3|ab c|text|integer||9223372036854775807|-9223372036854775808|3`,
      },
    ],
    inserts: [{ sql: `INSERT INTO defaults DEFAULT VALUES RETURNING id`, gives: '7' }],
  },
  {
    kind: 'columns',
    name: 'generated, virtual and stored, from one another, with keys, indexes and checks on them',
    sql: `
      CREATE TABLE generated_parents (code TEXT PRIMARY KEY);
      INSERT INTO generated_parents VALUES ('A-1'), ('B-2');
      CREATE TABLE generated (
        virtual_first AS (upper(letter)),
        letter TEXT NOT NULL,
        number INTEGER,
        code TEXT GENERATED ALWAYS AS (virtual_first || '-' || number) STORED UNIQUE REFERENCES generated_parents,
        doubled REAL AS (number * 2) VIRTUAL CHECK (doubled < 1000),
        as_text TEXT AS (number) STORED,
        as_blob AS (CAST(letter AS BLOB)) NOT NULL,
        length INTEGER GENERATED ALWAYS AS (length(code)) STORED,
        id INTEGER PRIMARY KEY
      );
      INSERT INTO generated (id, letter, number) VALUES (3, 'a', 1), (9, 'b', 2);
      CREATE INDEX generated_by_virtual ON generated (virtual_first, doubled DESC) WHERE doubled > 0;`,
    tampers: [
      `UPDATE generated SET letter = 'A' WHERE letter = 'a'`,
      `UPDATE generated SET number = 3 WHERE id = 9`,
    ],
    probes: [
      {
        ask: `SELECT virtual_first, code, doubled, typeof(as_text), typeof(as_blob), length FROM generated WHERE id = 3`,
        gives: 'A|A-1|2.0|text|blob|3',
      },
    ],
    inserts: [{ sql: `INSERT INTO generated (letter, number) VALUES ('c', 4) RETURNING id`, gives: '10' }],
  },
  {
    kind: 'columns',
    name: 'generated in tables that are STRICT or WITHOUT ROWID, and one in which all data are generated but the key',
    sql: `
      CREATE TABLE generated_strict (k TEXT PRIMARY KEY, n INT AS (length(k)) STORED, v ANY AS (n || k)) STRICT, WITHOUT ROWID;
      INSERT INTO generated_strict VALUES ('long'), ('');
      CREATE TABLE generated_only (id INTEGER PRIMARY KEY, square AS (id * id) STORED, cube AS (id * square));
      INSERT INTO generated_only VALUES (2), (-3);`,
    tampers: [
      `UPDATE generated_strict SET k = 'Long' WHERE k = 'long'`,
      `UPDATE generated_only SET id = 3 WHERE id = -3`,
    ],
    probes: [{ ask: `SELECT square, cube FROM generated_only`, gives: '9|-27|4|8' }],
  },
  {
    kind: 'columns',
    name: 'with collations, in which unlike texts are equal',
    sql: `
      CREATE TABLE collated (a TEXT COLLATE NOCASE, b TEXT COLLATE RTRIM, c TEXT COLLATE binary);
      INSERT INTO collated VALUES ('abc', 'x', 'x'), ('ABC', 'x  ', 'x  '), ('Abc', 'X', 'X'), ('É', 'x', 'é');`,
    tampers: [
      `UPDATE collated SET a = 'aBc' WHERE rowid = 1`,
      `UPDATE collated SET b = 'x ' WHERE rowid = 1`,
      `DELETE FROM collated WHERE rowid = 3`,
    ],
    probes: [
      {
        ask: `SELECT count(DISTINCT a), count(DISTINCT b), count(DISTINCT c) FROM collated`,
        gives: '2|2|4',
      },
    ],
  },
  {
    kind: 'columns',
    name: 'with conflict clauses, by which a row that is put in can take another away',
    sql: `
      CREATE TABLE conflicts (
        id INTEGER PRIMARY KEY ON CONFLICT REPLACE,
        a TEXT UNIQUE ON CONFLICT IGNORE,
        b NOT NULL ON CONFLICT REPLACE DEFAULT 'for null',
        c TEXT COLLATE NOCASE UNIQUE ON CONFLICT REPLACE,
        d,
        CHECK (d <> 'bad') ON CONFLICT IGNORE
      );
      INSERT INTO conflicts VALUES (1, 'a', NULL, 'c', 1), (2, 'b', 'b', 'd', 2), (3, 'a', 'lost', 'lost', 3);
      INSERT INTO conflicts VALUES (4, 'e', 'f', 'D', 4);`,
    tampers: [
      `UPDATE conflicts SET b = 'For null' WHERE id = 1`,
      `INSERT INTO conflicts VALUES (2, 'b', 'b', 'd2', 2)`,
    ],
    probes: [
      {
        run: `INSERT INTO conflicts VALUES (1, 'z', NULL, 'z', 9), (9, 'z', 'z', 'y', 9)`,
        ask: `SELECT group_concat(id), group_concat(b) FROM conflicts`,
        gives: '1,4|for null,f',
      },
    ],
    inserts: [{ sql: `INSERT INTO conflicts (a) VALUES ('new') RETURNING id`, gives: '5' }],
  },
];

function columnList(count: number, column: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => column(index)).join(', ');
}
