import type { SqliteEntry } from './entry.ts';

export const keyEntries: readonly SqliteEntry[] = [
  {
    kind: 'keys',
    name: 'that are the rowid, and that only look so',
    sql: `
      CREATE TABLE key_alias (a, id INTEGER, PRIMARY KEY (id));
      INSERT INTO key_alias VALUES ('a', 3), ('b', -4);
      CREATE TABLE key_descending (id INTEGER PRIMARY KEY DESC, v);
      INSERT INTO key_descending (rowid, id, v) VALUES (10, NULL, 1), (4, NULL, 2), (7, 5, 3);
      CREATE TABLE key_int (id INT PRIMARY KEY, v);
      INSERT INTO key_int (rowid, id, v) VALUES (5, NULL, 1), (3, 'text', 2), (4, 1.5, 3);
      CREATE TABLE key_quoted (id "INTEGER" PRIMARY KEY, v);
      INSERT INTO key_quoted VALUES (6, 'x');`,
    tampers: [
      `UPDATE key_descending SET rowid = 11 WHERE rowid = 10`,
      `UPDATE key_int SET rowid = 6 WHERE rowid = 5`,
      `UPDATE key_alias SET id = 4 WHERE id = -4`,
    ],
    inserts: [
      { sql: `INSERT INTO key_alias (a) VALUES ('c') RETURNING id`, gives: '4' },
      { sql: `INSERT INTO key_descending (v) VALUES (9) RETURNING rowid`, gives: '11' },
      { sql: `INSERT INTO key_int (v) VALUES (9) RETURNING rowid`, gives: '6' },
      { sql: `INSERT INTO key_quoted (v) VALUES (9) RETURNING id`, gives: '7' },
    ],
  },
  {
    kind: 'keys',
    name: 'of several columns, in another order than the columns',
    sql: `
      CREATE TABLE key_composite (a, b TEXT COLLATE NOCASE, c INTEGER, v, CONSTRAINT "the key" PRIMARY KEY (c, b COLLATE RTRIM, a));
      INSERT INTO key_composite VALUES (1, 'x', 1, 'v'), (1, 'X', 1, 'v'), (1, 'y', 1, NULL), ('1', 'x', 2, 'w');`,
    tampers: [
      `UPDATE key_composite SET a = 2 WHERE c = 2`,
      `UPDATE key_composite SET b = 'Y' WHERE b = 'y'`,
      `DELETE FROM key_composite WHERE v IS NULL`,
    ],
  },
  {
    kind: 'keys',
    name: 'with NULLs, and several rows that are alike',
    sql: `
      CREATE TABLE key_nulls (a TEXT, b INTEGER, v, PRIMARY KEY (a, b));
      INSERT INTO key_nulls VALUES (NULL, 1, 'one'), (NULL, 1, 'two'), (NULL, NULL, 'three'), (NULL, NULL, 'three'), ('a', 1, '4');
      CREATE TABLE key_null_single (k TEXT PRIMARY KEY, v);
      INSERT INTO key_null_single VALUES (NULL, 1), (NULL, 1), (NULL, 2), ('', 3);`,
    tampers: [
      `DELETE FROM key_nulls WHERE rowid = 4`,
      `UPDATE key_nulls SET b = 0 WHERE v = 'three' AND rowid = 3`,
      `UPDATE key_null_single SET k = 'x' WHERE rowid = 1`,
      `INSERT INTO key_null_single VALUES (NULL, 2)`,
    ],
  },
  {
    kind: 'keys',
    name: 'that are unique: several, overlapping, repeated, with NULLs and collations',
    sql: `
      CREATE TABLE key_unique (a UNIQUE, b TEXT UNIQUE COLLATE NOCASE, c, d, UNIQUE (c, d), UNIQUE (d, c),
        CONSTRAINT again UNIQUE (c, d), UNIQUE (a, c COLLATE NOCASE));
      INSERT INTO key_unique VALUES (1, 'a', 1, 1), (NULL, NULL, NULL, NULL), (NULL, NULL, NULL, NULL), ('1', 'b', 1, 2);`,
    tampers: [`UPDATE key_unique SET a = 2 WHERE a = 1`, `DELETE FROM key_unique WHERE rowid = 3`],
    probes: [{ ask: `SELECT count(*) FROM temp.pragma_index_list('key_unique')`, gives: '5' }],
  },
  {
    kind: 'keys',
    name: 'over values of every type that order and equality treat alike',
    sql: `
      CREATE TABLE key_any (k PRIMARY KEY, v);
      INSERT INTO key_any VALUES (1, 'integer'), ('1', 'text'), (x'31', 'blob'), (1.5, 'real'), (NULL, 'null'), ('', ''), (x'', 'e');
      CREATE TABLE key_real (k REAL PRIMARY KEY, v) WITHOUT ROWID;
      INSERT INTO key_real VALUES (1, 'a'), (9007199254740993, 'b'), (-1e999, 'c'), (1e999, 'd'), ('x', 'e'), (5e-324, 'f');`,
    tampers: [
      `UPDATE key_any SET k = 1.0 WHERE typeof(k) = 'integer'`,
      `UPDATE key_any SET k = 'x' WHERE k = x''`,
      `UPDATE key_real SET k = 0 WHERE v = 'f'`,
    ],
  },
  {
    kind: 'foreign keys',
    name: 'of a table to itself, each row to the one that comes after it',
    sql: `
      CREATE TABLE fk_self (id INTEGER PRIMARY KEY, boss INTEGER NOT NULL REFERENCES fk_self (id) ON DELETE CASCADE);
      INSERT INTO fk_self VALUES (1, 2), (2, 3), (3, 1), (4, 4);`,
    tampers: [`UPDATE fk_self SET boss = 1 WHERE id = 4`],
    inserts: [{ sql: `INSERT INTO fk_self (boss) VALUES (1) RETURNING id`, gives: '5' }],
  },
  {
    kind: 'foreign keys',
    name: 'in a circle of three tables, immediate and deferred',
    sql: `
      CREATE TABLE fk_circle_a (id INTEGER PRIMARY KEY, b INTEGER NOT NULL REFERENCES fk_circle_b ON DELETE CASCADE);
      CREATE TABLE fk_circle_b (id INTEGER PRIMARY KEY, c TEXT NOT NULL REFERENCES fk_circle_c (k) DEFERRABLE INITIALLY DEFERRED);
      CREATE TABLE fk_circle_c (k TEXT PRIMARY KEY, a INTEGER NOT NULL REFERENCES fk_circle_a ON UPDATE CASCADE) WITHOUT ROWID;
      INSERT INTO fk_circle_a VALUES (1, 10), (2, 20);
      INSERT INTO fk_circle_b VALUES (10, 'x'), (20, 'y');
      INSERT INTO fk_circle_c VALUES ('x', 2), ('y', 1);`,
    tampers: [`UPDATE fk_circle_c SET a = 2`, `UPDATE fk_circle_c SET k = 'Y' WHERE k = 'y'`],
  },
  {
    kind: 'foreign keys',
    name: 'of several columns, to unique keys, in other letters, with every action',
    sql: `
      CREATE TABLE FK_Parent (Id INTEGER PRIMARY KEY, A TEXT COLLATE NOCASE, B, UNIQUE (B, A));
      INSERT INTO FK_Parent VALUES (1, 'x', 1), (2, 'y', 2), (3, NULL, 3);
      CREATE TABLE fk_child (
        p INTEGER DEFAULT 1 CONSTRAINT "to parent" REFERENCES fk_PARENT (ID) ON DELETE SET DEFAULT ON UPDATE CASCADE,
        a TEXT, b,
        "q" INTEGER REFERENCES fk_parent ON DELETE SET NULL NOT DEFERRABLE,
        r INTEGER REFERENCES fk_parent (id) ON DELETE RESTRICT ON UPDATE NO ACTION MATCH FULL DEFERRABLE INITIALLY IMMEDIATE,
        FOREIGN KEY (a, b) REFERENCES fk_parent (a, b) ON DELETE CASCADE MATCH SIMPLE
      );
      INSERT INTO fk_child VALUES (1, 'X', 1, 2, 3), (2, NULL, 77, NULL, NULL), (NULL, 'y', 2, 3, 1);`,
    tampers: [
      `UPDATE fk_child SET a = 'x' WHERE a = 'X'`,
      `UPDATE fk_child SET r = 2 WHERE p = 1`,
      `DELETE FROM fk_parent WHERE id = 3`,
    ],
    probes: [{ ask: `SELECT count(*) FROM temp.pragma_foreign_key_list('fk_child')`, gives: '5' }],
  },
  {
    kind: 'foreign keys',
    name: 'to a table that was made after it, and whose rows deleting cascades',
    sql: `
      CREATE TABLE fk_early (id INTEGER PRIMARY KEY, later INTEGER REFERENCES fk_later ON DELETE CASCADE ON UPDATE CASCADE);
      CREATE TABLE fk_later (id INTEGER PRIMARY KEY);
      INSERT INTO fk_later VALUES (1), (2);
      INSERT INTO fk_early VALUES (1, 2), (2, 1), (3, 2), (4, NULL);`,
    tampers: [`DELETE FROM fk_early WHERE id = 3`, `UPDATE fk_early SET later = 1 WHERE id = 4`],
    inserts: [
      { sql: `INSERT INTO fk_early (later) VALUES (1) RETURNING id`, gives: '5' },
      { sql: `INSERT INTO fk_later DEFAULT VALUES RETURNING id`, gives: '3' },
    ],
  },
  {
    kind: 'checks',
    name: 'named and not, of columns and of the table, over functions and collations',
    sql: `
      CREATE TABLE checked (
        a INTEGER CONSTRAINT "a's range" CHECK (a BETWEEN 1 AND 9) CHECK (a IS NOT 5),
        b TEXT COLLATE NOCASE CHECK (b IN ('yes', 'no')) CHECK (length(b) > 1),
        c CHECK (typeof(c) IN ('integer', 'null')),
        d TEXT CHECK (json_valid(d)),
        CONSTRAINT both CHECK (a < c OR c IS NULL), CHECK (b GLOB '*' AND d NOT LIKE '%;--%')
      );
      INSERT INTO checked VALUES (1, 'YES', 2, '{}'), (9, 'no', NULL, '[1]');`,
    tampers: [`UPDATE checked SET b = 'yes' WHERE b = 'YES'`, `UPDATE checked SET c = 3 WHERE c = 2`],
    probes: [
      {
        run: `INSERT OR IGNORE INTO checked VALUES (10, 'no', NULL, '[]'), (5, 'no', NULL, '[]'), (1, 'x', 2, '{}'), (1, 'no', 2, '{')`,
        ask: `SELECT count(*) FROM checked`,
        gives: '2',
      },
    ],
  },
  {
    kind: 'violations',
    name: 'rows that point at nothing: in a column, in two, at a table that is not there',
    sql: `
      CREATE TABLE broken_parent (id INTEGER PRIMARY KEY, a, b, UNIQUE (a, b));
      INSERT INTO broken_parent VALUES (1, 1, 1);
      CREATE TABLE broken_child (
        id INTEGER PRIMARY KEY, p INTEGER REFERENCES broken_parent ON DELETE CASCADE, a, b,
        FOREIGN KEY (a, b) REFERENCES broken_parent (a, b)
      );
      INSERT INTO broken_child VALUES (1, 1, 1, 1), (2, 99, 1, 1), (3, 1, 1, 2), (4, NULL, NULL, 7);
      CREATE TABLE broken_orphan (v, gone INTEGER REFERENCES broken_gone (id));
      INSERT INTO broken_orphan VALUES ('x', 5), ('y', NULL);
      CREATE TABLE broken_keyed (k TEXT PRIMARY KEY REFERENCES broken_keyed (k), v REFERENCES broken_keyed (k)) WITHOUT ROWID;
      INSERT INTO broken_keyed VALUES ('a', 'a'), ('b', 'nowhere');`,
    tampers: [
      `INSERT INTO broken_parent VALUES (99, NULL, NULL)`,
      `DELETE FROM broken_child WHERE id = 2`,
      `UPDATE broken_keyed SET v = 'a'`,
    ],
    probes: [
      { ask: `SELECT count(*) FROM temp.pragma_foreign_key_check('broken_child')`, gives: '2' },
      { ask: `SELECT count(*) FROM temp.pragma_foreign_key_check('broken_orphan')`, gives: '1' },
      { ask: `SELECT count(*) FROM temp.pragma_foreign_key_check('broken_keyed')`, gives: '1' },
    ],
    inserts: [{ sql: `INSERT INTO broken_child (p) VALUES (1) RETURNING id`, gives: '5' }],
  },
  {
    kind: 'violations',
    name: 'a foreign key whose parent has no unique key',
    alone: 'foreign_key_check fails on the whole database',
    sql: `
      CREATE TABLE mismatch_parent (a, b);
      INSERT INTO mismatch_parent VALUES (1, 1), (1, 2);
      CREATE TABLE mismatch_child (id INTEGER PRIMARY KEY, a REFERENCES mismatch_parent (a));
      INSERT INTO mismatch_child VALUES (1, 1), (2, 8);`,
    tampers: [
      `UPDATE mismatch_child SET a = 2 WHERE id = 1`,
      `CREATE UNIQUE INDEX mismatch_mended ON mismatch_parent (a) WHERE b = 1`,
    ],
    inserts: [{ sql: `INSERT INTO mismatch_child (a) VALUES (1) RETURNING id`, gives: '3' }],
  },
  {
    kind: 'violations',
    name: 'rows that break a CHECK, written while checks were ignored',
    alone: 'integrity_check is not ok',
    sql: `
      PRAGMA ignore_check_constraints = ON;
      CREATE TABLE unchecked (id INTEGER PRIMARY KEY, n INTEGER CONSTRAINT n_positive CHECK (n > 0), v);
      INSERT INTO unchecked VALUES (1, 5, 'a'), (2, -5, 'b'), (3, 0, NULL);`,
    tampers: [`UPDATE unchecked SET n = 1 WHERE id = 3`],
    inserts: [{ sql: `INSERT INTO unchecked (n) VALUES (1) RETURNING id`, gives: '4' }],
  },
];
