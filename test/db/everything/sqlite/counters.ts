import type { SqliteEntry } from './entry.ts';

export const counterEntries: readonly SqliteEntry[] = [
  {
    kind: 'counters',
    name: 'AUTOINCREMENT with gaps, ahead of the rows, of an emptied table, of one that never held a row',
    sql: `
      CREATE TABLE auto_ahead (id INTEGER PRIMARY KEY AUTOINCREMENT, v);
      INSERT INTO auto_ahead VALUES (1, 'a'), (5, 'b'), (40, 'c'), (-7, 'd');
      DELETE FROM auto_ahead WHERE id = 40;
      CREATE TABLE auto_emptied (v, id INTEGER NOT NULL PRIMARY KEY ASC AUTOINCREMENT);
      INSERT INTO auto_emptied (id) VALUES (1000);
      DELETE FROM auto_emptied;
      CREATE TABLE auto_unused (id INTEGER, v, CONSTRAINT k PRIMARY KEY (id AUTOINCREMENT));`,
    tampers: [
      `UPDATE sqlite_sequence SET seq = 41 WHERE name = 'auto_ahead'`,
      `DELETE FROM sqlite_sequence WHERE name = 'auto_emptied'`,
      `INSERT INTO sqlite_sequence VALUES ('auto_unused', 0)`,
    ],
    inserts: [
      { sql: `INSERT INTO auto_ahead (v) VALUES (1) RETURNING id`, gives: '41' },
      { sql: `INSERT INTO auto_emptied (v) VALUES (1) RETURNING id`, gives: '1001' },
      { sql: `INSERT INTO auto_unused (v) VALUES (1) RETURNING id`, gives: '1' },
    ],
  },
  {
    kind: 'counters',
    name: 'AUTOINCREMENT at the last number, past 2^53, and with negative rows alone',
    sql: `
      CREATE TABLE auto_full (id INTEGER PRIMARY KEY AUTOINCREMENT, v);
      INSERT INTO auto_full VALUES (1, 'a'), (9223372036854775807, 'last');
      CREATE TABLE auto_was_full (id INTEGER PRIMARY KEY AUTOINCREMENT, v);
      INSERT INTO auto_was_full VALUES (9223372036854775807, 'last');
      DELETE FROM auto_was_full;
      CREATE TABLE auto_large (id INTEGER PRIMARY KEY AUTOINCREMENT, v);
      INSERT INTO auto_large VALUES (9007199254740993, 'a');
      CREATE TABLE auto_negative (id INTEGER PRIMARY KEY AUTOINCREMENT, v);
      INSERT INTO auto_negative VALUES (-9223372036854775808, 'a'), (-1, 'b');`,
    tampers: [
      `UPDATE sqlite_sequence SET seq = 9223372036854775806 WHERE name = 'auto_full'`,
      `UPDATE sqlite_sequence SET seq = 9007199254740992 WHERE name = 'auto_large'`,
    ],
    inserts: [
      { sql: `INSERT INTO auto_full (v) VALUES (1) RETURNING id`, gives: 'database or disk is full' },
      { sql: `INSERT INTO auto_was_full (v) VALUES (1) RETURNING id`, gives: 'database or disk is full' },
      { sql: `INSERT INTO auto_large (v) VALUES (1) RETURNING id`, gives: '9007199254740994' },
      { sql: `INSERT INTO auto_negative (v) VALUES (1) RETURNING id`, gives: '1' },
    ],
  },
  {
    kind: 'counters',
    name: 'that somebody edited: behind the rows, taken away, a text, NULL, of a table that is gone',
    sql: `
      CREATE TABLE auto_behind (id INTEGER PRIMARY KEY AUTOINCREMENT, v);
      INSERT INTO auto_behind VALUES (10, 'a');
      UPDATE sqlite_sequence SET seq = 3 WHERE name = 'auto_behind';
      CREATE TABLE auto_forgotten (id INTEGER PRIMARY KEY AUTOINCREMENT, v);
      INSERT INTO auto_forgotten VALUES (10, 'a');
      DELETE FROM sqlite_sequence WHERE name = 'auto_forgotten';
      CREATE TABLE auto_text (id INTEGER PRIMARY KEY AUTOINCREMENT, v);
      INSERT INTO auto_text VALUES (10, 'a');
      UPDATE sqlite_sequence SET seq = '20' WHERE name = 'auto_text';
      CREATE TABLE auto_null (id INTEGER PRIMARY KEY AUTOINCREMENT, v);
      INSERT INTO auto_null VALUES (10, 'a');
      UPDATE sqlite_sequence SET seq = NULL WHERE name = 'auto_null';
      INSERT INTO sqlite_sequence VALUES ('auto_gone', 77);`,
    tampers: [
      `UPDATE sqlite_sequence SET seq = 10 WHERE name = 'auto_behind'`,
      `UPDATE sqlite_sequence SET seq = 20 WHERE name = 'auto_text'`,
      `UPDATE sqlite_sequence SET seq = 0 WHERE name = 'auto_null'`,
      `DELETE FROM sqlite_sequence WHERE name = 'auto_gone'`,
    ],
    inserts: [
      { sql: `INSERT INTO auto_behind (v) VALUES (1) RETURNING id`, gives: '11' },
      { sql: `INSERT INTO auto_forgotten (v) VALUES (1) RETURNING id`, gives: '11' },
      { sql: `INSERT INTO auto_text (v) VALUES (1) RETURNING id`, gives: '21' },
      { sql: `INSERT INTO auto_null (v) VALUES (1) RETURNING id`, gives: '11' },
    ],
  },
  {
    kind: 'counters',
    name: 'of tables that look as if they had one, or as if they had none',
    sql: `
      CREATE TABLE auto_comment (id INTEGER PRIMARY KEY /* AUTOINCREMENT */, "autoincrement" DEFAULT 'AUTOINCREMENT');
      INSERT INTO auto_comment (id) VALUES (5), (9);
      DELETE FROM auto_comment WHERE id = 9;
      CREATE TABLE [auto renamed] (id INTEGER PRIMARY KEY AUTOINCREMENT, v);
      INSERT INTO [auto renamed] VALUES (8, 'a');
      ALTER TABLE [auto renamed] RENAME TO "Auto ""Renamed""";
      DELETE FROM "Auto ""Renamed""";`,
    tampers: [
      `UPDATE sqlite_sequence SET name = lower(name) WHERE name LIKE 'Auto%Renamed%'`,
      `INSERT INTO sqlite_sequence VALUES ('auto_comment', 9)`,
    ],
    inserts: [
      { sql: `INSERT INTO auto_comment DEFAULT VALUES RETURNING id`, gives: '6' },
      { sql: `INSERT INTO "Auto ""Renamed""" (v) VALUES (1) RETURNING id`, gives: '9' },
    ],
  },
];

export const rowidEntries: readonly SqliteEntry[] = [
  {
    kind: 'rowids',
    name: 'with gaps, negative, past 2^53 and at both ends',
    sql: `
      CREATE TABLE rowid_gaps (v);
      INSERT INTO rowid_gaps (rowid, v) VALUES (1, 'a'), (100, 'b'), (-3, 'c'), (0, 'd');
      CREATE TABLE rowid_ends (v UNIQUE);
      INSERT INTO rowid_ends (rowid, v) VALUES (9223372036854775806, 'a'), (-9223372036854775808, 'b'), (9007199254740993, 'c');
      CREATE TABLE rowid_last (v);
      INSERT INTO rowid_last (_rowid_, v) VALUES (9223372036854775807, 'last'), (1, 'first');`,
    tampers: [
      `UPDATE rowid_gaps SET rowid = 99 WHERE rowid = 100`,
      `UPDATE rowid_ends SET rowid = 9007199254740992 WHERE v = 'c'`,
      `UPDATE rowid_last SET rowid = 2 WHERE rowid = 1`,
    ],
    inserts: [
      { sql: `INSERT INTO rowid_gaps (v) VALUES (1) RETURNING rowid`, gives: '101' },
      { sql: `INSERT INTO rowid_ends (v) VALUES (1) RETURNING rowid`, gives: '9223372036854775807' },
    ],
  },
  {
    kind: 'rowids',
    name: 'of tables with columns named rowid, _rowid_ and oid: one, two, all three',
    sql: `
      CREATE TABLE rowid_one (RowId TEXT, v);
      INSERT INTO rowid_one (_rowid_, rowid, v) VALUES (7, 'seven', 1), (-2, NULL, 2);
      CREATE TABLE rowid_two (rowid, oid INTEGER UNIQUE, v);
      INSERT INTO rowid_two (_rowid_, rowid, oid, v) VALUES (50, 1, 2, 3), (60, 1, 3, 3);
      CREATE TABLE rowid_hidden ("_ROWID_", rowid, [oid], v);
      INSERT INTO rowid_hidden VALUES (9, 9, 9, 'deleted'), (1, 1, 1, 'a'), (1, 1, 1, 'b'), (2, 2, 2, 'c');
      DELETE FROM rowid_hidden WHERE v IN ('deleted', 'b');
      CREATE TABLE rowid_alias (oid TEXT, rowid INTEGER PRIMARY KEY, _rowid_);
      INSERT INTO rowid_alias VALUES ('x', 12, 1), ('y', -12, 2);
      CREATE TABLE rowid_elsewhere (rowid TEXT PRIMARY KEY, oid INTEGER) WITHOUT ROWID;
      INSERT INTO rowid_elsewhere VALUES ('k', 1);
      CREATE TABLE rowid_generated (v, rowid AS (v * 2), oid AS (v * 3) STORED);
      INSERT INTO rowid_generated (_rowid_, v) VALUES (33, 1);`,
    tampers: [
      `UPDATE rowid_one SET _rowid_ = 8 WHERE _rowid_ = 7`,
      `UPDATE rowid_two SET _rowid_ = 61 WHERE _rowid_ = 60`,
      `UPDATE rowid_two SET rowid = 61 WHERE _rowid_ = 60`,
      `DELETE FROM rowid_hidden WHERE v = 'a'`,
      `UPDATE rowid_generated SET _rowid_ = 34`,
    ],
    inserts: [
      { sql: `INSERT INTO rowid_one (v) VALUES (1) RETURNING _rowid_`, gives: '8' },
      { sql: `INSERT INTO rowid_alias (oid) VALUES (1) RETURNING rowid`, gives: '13' },
      { sql: `INSERT INTO rowid_hidden (v) VALUES (1) RETURNING v`, gives: '1' },
    ],
  },
  {
    kind: 'rowids',
    name: 'that other tables keep as numbers, with nothing declared',
    sql: `
      CREATE TABLE rowid_notes (v TEXT);
      INSERT INTO rowid_notes (rowid, v) VALUES (3, 'three'), (11, 'eleven');
      CREATE TABLE rowid_links (note INTEGER);
      INSERT INTO rowid_links VALUES (11), (3);
      CREATE VIEW rowid_joined AS SELECT v FROM rowid_links JOIN rowid_notes ON rowid_notes.rowid = note ORDER BY rowid_links.rowid;`,
    tampers: [`UPDATE rowid_notes SET rowid = 1 WHERE rowid = 3`],
    probes: [{ ask: `SELECT v FROM rowid_joined`, gives: 'eleven|three' }],
  },
];
