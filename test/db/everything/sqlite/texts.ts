import type { SqliteEntry } from './entry.ts';

export const textEntries: readonly SqliteEntry[] = [
  {
    kind: 'texts of the schema',
    name: 'comments, white space and line ends, in and around every statement',
    sql: `
      create  table/* here */text_comments -- and here: ), WITHOUT ROWID
      (
        a/*,b*/INTEGER, -- AUTOINCREMENT, b TEXT
        "c -- not a comment" TEXT DEFAULT '/* nor this */', /* unfinished -- ' " [ */
        d\t\r\n  TEXT CHECK (d <> ')' /* ) */), e -- the last column's comment
      ) -- after the bracket
      ;
      INSERT INTO text_comments VALUES (1, 'c', 'd', 'e');
      CREATE INDEX/**/text_index   ON text_comments(a -- comment
        , d) /* after */ ;
      CREATE VIEW text_view /* AS */ AS -- comment
        SELECT a, '--' AS b FROM text_comments -- the end
      ;
      CREATE TRIGGER text_trigger AFTER /* comment */ DELETE ON text_comments BEGIN -- begin
        SELECT 1; /* ; END */
      END -- after the end
      ;`,
    tampers: [
      `DROP VIEW text_view; CREATE VIEW text_view /* AS */ AS SELECT a, '--' AS b FROM text_comments`,
      `UPDATE text_comments SET "c -- not a comment" = 'C'`,
    ],
  },
  {
    kind: 'texts of the schema',
    name: 'IF NOT EXISTS, schema names, every kind of quotes, keywords in any letters',
    sql: `
      CREATE TABLE IF NOT EXISTS main.'text quoted' ('a b' text, [c d] int, \`e f\` real, "g h", i_j
        , Constraint [k] uNiQue (\`a b\`, 'c d'));
      INSERT INTO 'text quoted' VALUES (1, 2, 3, 4, 5);
      CREATE UNIQUE INDEX IF NOT EXISTS main.[text quoted index] ON 'text quoted' ("g h");
      CREATE VIEW IF NOT EXISTS main.\`text quoted view\` ('x', [y]) AS SELECT "a b", [c d] FROM main."text quoted";
      CREATE TRIGGER IF NOT EXISTS main."text quoted trigger" INSERT ON [text quoted] BEGIN SELECT 1; END;`,
    tampers: [
      `DROP INDEX "text quoted index"; CREATE UNIQUE INDEX "text quoted index" ON "text quoted" ("g h")`,
      `DROP VIEW "text quoted view"`,
    ],
    probes: [{ ask: `SELECT x, y FROM "text quoted view"`, gives: '1|2' }],
  },
  {
    kind: 'texts of the schema',
    name: 'texts in double quotes, as old programs wrote them',
    sql: `
      CREATE TABLE text_double (a DEFAULT "a default", b CHECK (b <> "not this"), c);
      INSERT INTO text_double (b) VALUES ('this');
      CREATE INDEX text_double_index ON text_double (c) WHERE c <> "nor that";
      CREATE VIEW text_double_view AS SELECT "a text" AS t, a FROM text_double WHERE b <> "another";
      CREATE TRIGGER text_double_trigger AFTER INSERT ON text_double WHEN new.b = "b" BEGIN UPDATE text_double SET c = "c set"; END;`,
    tampers: [`DROP INDEX text_double_index`, `UPDATE text_double SET a = "A default"`],
    probes: [
      {
        run: `INSERT INTO text_double (b) VALUES ('b')`,
        ask: `SELECT a, b, c, (SELECT t FROM text_double_view) FROM text_double`,
        gives: 'a default|this|c set|a text|a default|b|c set|a text',
      },
    ],
  },
  {
    kind: 'texts of the schema',
    name: 'words that mean something elsewhere: WITHOUT ROWID, STRICT, AUTOINCREMENT, GENERATED, VIRTUAL in names and texts',
    sql: `
      CREATE TABLE text_words ("without" DEFAULT 'WITHOUT ROWID', strict TEXT, "generated always as (1)" DEFAULT '(', virtual INTEGER);
      INSERT INTO text_words (rowid, strict) VALUES (17, 1), (4, 'x');
      CREATE TABLE "create virtual table" ("using fts5(x)");
      INSERT INTO "create virtual table" (rowid, "using fts5(x)") VALUES (8, 'row');
      CREATE TABLE text_words_data (id INTEGER PRIMARY KEY, block BLOB);
      INSERT INTO text_words_data VALUES (10, x'00');`,
    tampers: [`UPDATE text_words SET rowid = 18 WHERE rowid = 17`, `DELETE FROM text_words_data`],
    inserts: [
      { sql: `INSERT INTO text_words (virtual) VALUES (1) RETURNING rowid`, gives: '18' },
      { sql: `INSERT INTO text_words_data (block) VALUES (1) RETURNING id`, gives: '11' },
    ],
  },
];

export const alteredEntries: readonly SqliteEntry[] = [
  {
    kind: 'altered tables',
    name: 'columns added after rows, whose records are shorter than the table',
    sql: `
      CREATE TABLE altered_added (id INTEGER PRIMARY KEY, a TEXT) -- made first
      ;
      INSERT INTO altered_added VALUES (1, 'old'), (2, 'older');
      ALTER TABLE altered_added ADD COLUMN b;
      ALTER TABLE altered_added ADD c INTEGER NOT NULL DEFAULT '5';
      ALTER TABLE altered_added ADD COLUMN "d e" TEXT DEFAULT 1.50 CHECK ("d e" <> '') /* comment */;
      ALTER TABLE altered_added ADD COLUMN g AS (a || c) VIRTUAL;
      ALTER TABLE altered_added ADD COLUMN f INTEGER REFERENCES altered_added (id);
      INSERT INTO altered_added (id, a, f) VALUES (3, 'new', 1);
      CREATE TABLE altered_keyed (k TEXT PRIMARY KEY) WITHOUT ROWID;
      INSERT INTO altered_keyed VALUES ('a');
      ALTER TABLE altered_keyed ADD COLUMN v REAL DEFAULT 7;`,
    tampers: [`UPDATE altered_added SET c = 6 WHERE id = 1`, `UPDATE altered_keyed SET v = NULL`],
    probes: [
      {
        ask: `SELECT b, c, typeof(c), "d e", g FROM altered_added WHERE id = 1`,
        gives: 'NULL|5|integer|1.50|old5',
      },
      { ask: `SELECT v FROM altered_keyed`, gives: '7.0' },
    ],
    inserts: [{ sql: `INSERT INTO altered_added (a) VALUES ('x') RETURNING id`, gives: '4' }],
  },
  {
    kind: 'altered tables',
    name: 'columns dropped and renamed, with indexes, views, triggers and foreign keys on them',
    sql: `
      CREATE TABLE altered_columns (a, "drop me" TEXT DEFAULT 'x, y)', b INTEGER UNIQUE, c, last);
      INSERT INTO altered_columns VALUES (1, 2, 3, 4, 5), (6, 7, 8, 9, 10);
      CREATE INDEX altered_index ON altered_columns (c, b) WHERE c > 0;
      CREATE VIEW altered_view AS SELECT c AS x, b FROM altered_columns;
      CREATE TRIGGER altered_trigger AFTER UPDATE OF c ON altered_columns BEGIN UPDATE altered_columns SET a = new.c; END;
      CREATE TABLE altered_pointing (p REFERENCES altered_columns (b));
      INSERT INTO altered_pointing VALUES (3);
      ALTER TABLE altered_columns DROP COLUMN "drop me";
      ALTER TABLE altered_columns RENAME COLUMN c TO "c ""renamed""";
      ALTER TABLE altered_columns RENAME b TO [b renamed];
      ALTER TABLE altered_columns DROP last;
      UPDATE altered_columns SET "c ""renamed""" = 11 WHERE a = 6;`,
    tampers: [
      `UPDATE altered_columns SET a = 1`,
      `ALTER TABLE altered_columns RENAME COLUMN a TO A`,
      `DROP INDEX altered_index`,
    ],
    probes: [{ ask: `SELECT * FROM altered_view`, gives: '4|3|11|8' }],
  },
  {
    kind: 'altered tables',
    name: 'renamed, with what points at them; rebuilt under another name as the manual tells',
    sql: `
      CREATE TABLE altered_before (id INTEGER PRIMARY KEY, up REFERENCES altered_before);
      CREATE INDEX altered_before_index ON altered_before (up);
      CREATE TABLE altered_child (p REFERENCES altered_before (id));
      CREATE VIEW altered_rename_view AS SELECT id FROM altered_before;
      CREATE TRIGGER altered_rename_trigger AFTER INSERT ON altered_before BEGIN DELETE FROM altered_child WHERE p = old_id(new.id); END;
      DROP TRIGGER altered_rename_trigger;
      INSERT INTO altered_before VALUES (1, 1), (2, 1);
      INSERT INTO altered_child VALUES (2);
      ALTER TABLE altered_before RENAME TO "altered 'after'";
      CREATE TABLE altered_new (id INTEGER PRIMARY KEY, v TEXT NOT NULL UNIQUE);
      INSERT INTO altered_new VALUES (4, 'x');
      ALTER TABLE altered_new RENAME TO altered_rebuilt;`,
    tampers: [
      `ALTER TABLE altered_rebuilt RENAME TO altered_rebuilt2`,
      `UPDATE "altered 'after'" SET up = 2`,
    ],
    probes: [
      { ask: `SELECT "table" FROM temp.pragma_foreign_key_list('altered_child')`, gives: `altered 'after'` },
      { ask: `SELECT group_concat(id) FROM altered_rename_view`, gives: '1,2' },
    ],
    inserts: [
      { sql: `INSERT INTO "altered 'after'" DEFAULT VALUES RETURNING id`, gives: '3' },
      { sql: `INSERT INTO altered_rebuilt (v) VALUES ('y') RETURNING id`, gives: '5' },
    ],
  },
];

export const statisticsEntries: readonly SqliteEntry[] = [
  {
    kind: 'statistics',
    name: 'of ANALYZE, and what somebody wrote into them',
    sql: `
      CREATE TABLE analyzed (a INTEGER, b TEXT, UNIQUE (a));
      CREATE INDEX analyzed_index ON analyzed (b, a);
      CREATE INDEX analyzed_partial ON analyzed (b) WHERE a > 50;
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO analyzed SELECT i, i % 7 FROM n;
      ANALYZE analyzed;
      CREATE TABLE analyzed_by_hand (a PRIMARY KEY) WITHOUT ROWID;
      INSERT INTO analyzed_by_hand VALUES ('x');
      INSERT INTO sqlite_stat1 VALUES ('analyzed_by_hand', 'analyzed_by_hand', '1000000 1 unordered sz=500 noskipscan');`,
    tampers: [
      `UPDATE sqlite_stat1 SET stat = '100 2 1' WHERE idx = 'analyzed_index'`,
      `DELETE FROM sqlite_stat1 WHERE tbl = 'analyzed_by_hand'`,
    ],
    probes: [{ ask: `SELECT stat FROM sqlite_stat1 WHERE idx = 'analyzed_index'`, gives: '100 15 1' }],
  },
];
