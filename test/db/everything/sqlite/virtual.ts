import type { SqliteEntry } from './entry.ts';

/** Some hundred different words, so that an index has more than one page and more than one segment. */
const words = `
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
  SELECT i, 'word' || (i * 37 % 101) || ' Straße ' || printf('%x', i * 2654435761), 'body ' || (i % 7) || ' common' FROM n`;

export const fullTextEntries: readonly SqliteEntry[] = [
  {
    kind: 'full-text search',
    name: 'FTS5, plain, with several segments, deletions and rowids of every kind',
    sql: `
      CREATE VIRTUAL TABLE fts_plain USING fts5(title, body, kept UNINDEXED);
      INSERT INTO fts_plain (rowid, title, body) ${words};
      INSERT INTO fts_plain (rowid, title, body, kept) VALUES (-5, 'negative', NULL, x'00ff'),
        (9223372036854775807, 'last', CAST(x'ff6162' AS TEXT), 1.5);
      DELETE FROM fts_plain WHERE rowid BETWEEN 10 AND 20;
      UPDATE fts_plain SET title = 'changed' WHERE rowid = 30;`,
    tampers: [
      `DELETE FROM fts_plain WHERE rowid = 100`,
      `UPDATE fts_plain SET kept = 1 WHERE rowid = -5`,
      `UPDATE fts_plain_data SET block = zeroblob(length(block)) WHERE id = (SELECT max(id) FROM fts_plain_data)`,
      `DELETE FROM fts_plain_docsize WHERE id = 100`,
    ],
    probes: [
      {
        ask: `SELECT rowid FROM fts_plain WHERE fts_plain MATCH 'changed OR negative' ORDER BY rowid`,
        gives: '-5|30',
      },
      { ask: `SELECT count(*) FROM fts_plain WHERE fts_plain MATCH 'common AND strasse*'`, gives: '0' },
      {
        ask: `SELECT count(*) FROM fts_plain WHERE fts_plain MATCH 'title:straße AND body:common'`,
        gives: '288',
      },
    ],
  },
  {
    kind: 'full-text search',
    name: 'FTS5 with prefix indexes, tokenizers, details, column sizes and settings of its own',
    sql: `
      CREATE VIRTUAL TABLE fts_prefix USING fts5(a, b, prefix = '2 3', prefix=5, tokenize = 'porter unicode61 remove_diacritics 2');
      INSERT INTO fts_prefix (rowid, a, b) ${words};
      INSERT INTO fts_prefix (fts_prefix, rank) VALUES ('rank', 'bm25(10.0, 5.0)'), ('automerge', 8), ('pgsz', 128), ('crisismerge', 4);
      INSERT INTO fts_prefix VALUES ('running', 'Éclair');
      CREATE VIRTUAL TABLE fts_trigram USING fts5(t, tokenize = "trigram case_sensitive 1", detail = none, columnsize = 0);
      INSERT INTO fts_trigram VALUES ('needle in a Haystack'), ('名前の一部');
      CREATE VIRTUAL TABLE fts_column USING fts5(x, y, detail = column, tokenize = 'ascii separators ''-_''');
      INSERT INTO fts_column VALUES ('a-b', 'c_d');`,
    tampers: [
      `INSERT INTO fts_prefix (fts_prefix, rank) VALUES ('automerge', 4)`,
      `INSERT INTO fts_prefix (fts_prefix, rank) VALUES ('rank', 'bm25(1.0, 5.0)')`,
      `INSERT INTO fts_prefix (fts_prefix) VALUES ('optimize')`,
      `DELETE FROM fts_trigram WHERE rowid = 2`,
    ],
    probes: [
      { ask: `SELECT count(*) FROM fts_prefix WHERE fts_prefix MATCH 'eclairs AND run'`, gives: '1' },
      { ask: `SELECT count(*) FROM fts_prefix WHERE fts_prefix MATCH 'wo*'`, gives: '300' },
      { ask: `SELECT t FROM fts_trigram WHERE t GLOB '*Hay*'`, gives: 'needle in a Haystack' },
      { ask: `SELECT count(*) FROM fts_column WHERE fts_column MATCH 'y:d'`, gives: '1' },
      { ask: `SELECT v FROM fts_prefix_config WHERE k = 'rank'`, gives: 'bm25(10.0, 5.0)' },
    ],
  },
  {
    kind: 'full-text search',
    name: 'FTS5 without contents',
    sql: `
      CREATE VIRTUAL TABLE fts_contentless USING fts5(a, b, content = '');
      INSERT INTO fts_contentless (rowid, a, b) ${words};
      INSERT INTO fts_contentless (fts_contentless, rowid, a, b) VALUES ('delete', 1, 'word37 Straße 9e3779b1', 'body 1 common');`,
    tampers: [
      `INSERT INTO fts_contentless (rowid, a) VALUES (999, 'more')`,
      `DELETE FROM fts_contentless_docsize WHERE id = 7`,
    ],
    probes: [
      {
        ask: `SELECT group_concat(rowid) FROM fts_contentless WHERE fts_contentless MATCH '"word37 straße"'`,
        gives: '102,203',
      },
      { ask: `SELECT a FROM fts_contentless WHERE rowid = 5`, gives: 'NULL' },
    ],
  },
  {
    kind: 'full-text search',
    name: 'FTS5 without contents, from which rows are deleted, and which keeps columns that it does not index',
    since: '3.47.0',
    sql: `
      CREATE VIRTUAL TABLE fts_deleting USING fts5(a, kept UNINDEXED, content = '', contentless_delete = 1, contentless_unindexed = 1);
      INSERT INTO fts_deleting (rowid, a, kept) ${words};
      DELETE FROM fts_deleting WHERE rowid % 3 = 0;
      CREATE VIRTUAL TABLE fts_localized USING fts5(a, locale = 1);
      INSERT INTO fts_localized VALUES (fts5_locale('tr_TR', 'ılık')), ('plain');`,
    tampers: [
      `DELETE FROM fts_deleting WHERE rowid = 4`,
      `UPDATE fts_localized SET a = 'ılık' WHERE rowid = 1`,
    ],
    probes: [
      { ask: `SELECT count(*) FROM fts_deleting WHERE fts_deleting MATCH 'straße'`, gives: '200' },
      { ask: `SELECT a, kept FROM fts_deleting WHERE rowid = 4`, gives: 'NULL|body 4 common' },
      { ask: `SELECT fts5_get_locale(fts_localized, 0) FROM fts_localized`, gives: 'tr_TR|NULL' },
    ],
  },
  {
    kind: 'full-text search',
    name: 'FTS5 with contents in a table, kept up by triggers; with contents in a view; and what shows their words',
    sql: `
      CREATE TABLE fts_source (id INTEGER PRIMARY KEY, title TEXT, body TEXT);
      CREATE VIRTUAL TABLE fts_external USING fts5(title, body, content = 'fts_source', content_rowid = 'id');
      CREATE TRIGGER fts_source_insert AFTER INSERT ON fts_source BEGIN
        INSERT INTO fts_external (rowid, title, body) VALUES (new.id, new.title, new.body);
      END;
      CREATE TRIGGER fts_source_delete AFTER DELETE ON fts_source BEGIN
        INSERT INTO fts_external (fts_external, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
      END;
      INSERT INTO fts_source ${words};
      DELETE FROM fts_source WHERE id > 250;
      CREATE VIEW fts_view AS SELECT id AS "the id", title || ' viewed' AS t FROM fts_source;
      CREATE VIRTUAL TABLE fts_of_view USING fts5(t, content = "fts_view", content_rowid = "the id");
      INSERT INTO fts_of_view (fts_of_view) VALUES ('rebuild');
      CREATE VIRTUAL TABLE fts_words USING fts5vocab('fts_external', 'row');
      CREATE VIRTUAL TABLE fts_words_in_columns USING fts5vocab(fts_external, col);`,
    tampers: [
      `UPDATE fts_source SET title = 'outdated' WHERE id = 1`,
      `INSERT INTO fts_external (fts_external) VALUES ('delete-all')`,
      `DROP TABLE fts_words`,
      `DROP TRIGGER fts_source_delete`,
    ],
    probes: [
      {
        ask: `SELECT title FROM fts_external WHERE fts_external MATCH '"word37 straße"' AND rowid < 50`,
        gives: 'word37 Straße 9e3779b1',
      },
      { ask: `SELECT count(*) FROM fts_of_view WHERE fts_of_view MATCH 'viewed'`, gives: '250' },
      { ask: `SELECT doc, cnt FROM fts_words WHERE term = 'common'`, gives: '250|250' },
      {
        run: `DELETE FROM fts_source WHERE id > 10; INSERT INTO fts_source VALUES (11, 'fresh', 'fish')`,
        ask: `SELECT group_concat(rowid) FROM fts_external WHERE fts_external MATCH 'common OR fresh'`,
        gives: '1,2,3,4,5,6,7,8,9,10,11',
      },
    ],
    inserts: [{ sql: `INSERT INTO fts_source (title) VALUES ('next') RETURNING id`, gives: '251' }],
  },
  {
    kind: 'full-text search',
    name: 'FTS4 and FTS3: plain, of another table, with no contents',
    sql: `
      CREATE VIRTUAL TABLE fts_four USING fts4(a, b, notindexed=b, prefix="2,4", tokenize=porter, order=desc);
      INSERT INTO fts_four (docid, a, b) ${words};
      DELETE FROM fts_four WHERE docid < 10;
      CREATE TABLE fts_four_source (a TEXT);
      INSERT INTO fts_four_source VALUES ('outside');
      CREATE VIRTUAL TABLE fts_four_external USING fts4(content="fts_four_source", a);
      INSERT INTO fts_four_external (docid, a) VALUES (1, 'outside');
      CREATE VIRTUAL TABLE fts_four_contentless USING fts4(content="", a);
      INSERT INTO fts_four_contentless (docid, a) VALUES (7, 'nothing kept');
      CREATE VIRTUAL TABLE fts_three USING fts3(a);
      INSERT INTO fts_three VALUES ('three'), ('drei');
      CREATE VIRTUAL TABLE fts_four_words USING fts4aux(fts_three);`,
    tampers: [
      `DELETE FROM fts_four WHERE docid = 100`,
      `DELETE FROM fts_three_segdir`,
      `UPDATE fts_four_stat SET value = x'00'`,
    ],
    probes: [
      { ask: `SELECT count(*) FROM fts_four WHERE fts_four MATCH 'straße'`, gives: '291' },
      { ask: `SELECT docid FROM fts_four_contentless WHERE fts_four_contentless MATCH 'kept'`, gives: '7' },
      { ask: `SELECT group_concat(a) FROM fts_three WHERE fts_three MATCH 'dr*'`, gives: 'drei' },
      { ask: `SELECT count(*) FROM fts_four_words WHERE col = '*'`, gives: '2' },
    ],
  },
  {
    kind: 'full-text search',
    name: 'with names that need quotes',
    sql: `
      CREATE VIRTUAL TABLE "full ""text"".search" USING fts5("the title", [b.c], "sélect");
      INSERT INTO "full ""text"".search" VALUES ('quoted', 'names', 'work');`,
    tampers: [`DELETE FROM "full ""text"".search"`],
    probes: [
      {
        ask: `SELECT "the title" FROM "full ""text"".search" WHERE "full ""text"".search" MATCH 'names'`,
        gives: 'quoted',
      },
    ],
  },
];

export const rtreeEntries: readonly SqliteEntry[] = [
  {
    kind: 'R-Tree',
    name: 'with two dimensions and columns beside them, several nodes high',
    sql: `
      CREATE VIRTUAL TABLE boxes USING rtree(id, min_x, max_x, min_y, max_y, +name TEXT, +data);
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
        INSERT INTO boxes SELECT i, i * 37 % 101, i * 37 % 101 + 1.1, -(i % 17), i % 13, 'box ' || i, CAST(i AS BLOB) FROM n;
      DELETE FROM boxes WHERE id BETWEEN 100 AND 150;
      INSERT INTO boxes VALUES (-9, -1e30, 1e30, 0.1, 0.2, NULL, 9007199254740993);`,
    tampers: [
      `UPDATE boxes SET max_x = max_x + 1 WHERE id = 7`,
      `UPDATE boxes SET name = 'Box 7' WHERE id = 7`,
      `DELETE FROM boxes WHERE id = -9`,
      `UPDATE boxes_node SET data = zeroblob(length(data)) WHERE nodeno = 2`,
    ],
    probes: [
      {
        ask: `SELECT id, name FROM boxes WHERE min_x >= 36 AND max_x <= 38.2 AND max_y > 10`,
        gives: '233|box 233',
      },
      { ask: `SELECT rtreecheck('boxes')`, gives: 'ok' },
      { ask: `SELECT data FROM boxes WHERE id = -9`, gives: '9007199254740993' },
      {
        run: `INSERT INTO boxes VALUES (NULL, 0, 1, 0, 1, 'new', NULL)`,
        ask: `SELECT max(id) FROM boxes`,
        gives: '401',
      },
    ],
  },
  {
    kind: 'R-Tree',
    name: 'of integers, in one and in five dimensions, empty too; with names that need quotes',
    sql: `
      CREATE VIRTUAL TABLE integer_ranges USING rtree_i32(id, low, high);
      INSERT INTO integer_ranges VALUES (1, -2147483648, 2147483647), (5, 1, 1);
      CREATE VIRTUAL TABLE five_dimensions USING rtree(id, a0, a1, b0, b1, c0, c1, d0, d1, e0, e1);
      INSERT INTO five_dimensions VALUES (3, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1e-9);
      CREATE VIRTUAL TABLE no_boxes USING rtree(id, x0, x1);
      CREATE VIRTUAL TABLE "r tree's ""boxes""" USING rtree("the id", "x 0", "x 1", +"a note");
      INSERT INTO "r tree's ""boxes""" VALUES (1, 2, 3, 'x');`,
    tampers: [
      `UPDATE integer_ranges SET high = 2 WHERE id = 5`,
      `INSERT INTO no_boxes VALUES (1, 0, 1)`,
      `DELETE FROM "r tree's ""boxes"""`,
    ],
    probes: [{ ask: `SELECT low, high FROM integer_ranges`, gives: '-2147483648|2147483647|1|1' }],
  },
];
