import type { SqliteEntry } from './entry.ts';

export const indexEntries: readonly SqliteEntry[] = [
  {
    kind: 'indexes',
    name: 'partial, unique where it holds',
    sql: `
      CREATE TABLE partial_indexed (id INTEGER PRIMARY KEY, email TEXT, deleted INTEGER, n);
      CREATE UNIQUE INDEX partial_unique ON partial_indexed (email) WHERE deleted IS NULL;
      CREATE INDEX partial_plain ON partial_indexed (n, email) WHERE n > 10 AND typeof(n) = 'integer' OR email LIKE 'a%';
      INSERT INTO partial_indexed VALUES (1, 'a@x', NULL, 11), (2, 'a@x', 1, 12), (3, 'a@x', 1, '13'), (4, NULL, NULL, 1);`,
    tampers: [
      `DROP INDEX partial_unique; CREATE UNIQUE INDEX partial_unique ON partial_indexed (email) WHERE deleted IS NULL AND 1`,
    ],
    probes: [
      {
        run: `INSERT OR IGNORE INTO partial_indexed (email, deleted) VALUES ('a@x', NULL), ('a@x', 1), ('b@x', NULL)`,
        ask: `SELECT count(*) FROM partial_indexed`,
        gives: '6',
      },
    ],
  },
  {
    kind: 'indexes',
    name: 'over expressions, with JSON, text and arithmetic, unique too',
    sql: `
      CREATE TABLE expression_indexed (id INTEGER PRIMARY KEY, doc TEXT, a, b);
      CREATE INDEX expression_json ON expression_indexed (doc ->> '$.name', json_extract(doc, '$.n') DESC);
      CREATE UNIQUE INDEX expression_unique ON expression_indexed (lower(a) || ':' || ifnull(b, ''), (a + b) % 7);
      CREATE INDEX expression_collated ON expression_indexed (substr(a, 2) COLLATE NOCASE DESC, -b, "b" || 'x', CASE WHEN a THEN 1 END);
      INSERT INTO expression_indexed VALUES (1, '{"name":"x","n":1}', 'Ab', 1), (2, '{}', 'aB', NULL), (3, NULL, NULL, NULL);`,
    tampers: [
      `DROP INDEX expression_json; CREATE INDEX expression_json ON expression_indexed (doc -> '$.name', json_extract(doc, '$.n') DESC)`,
      `UPDATE expression_indexed SET doc = '{"name":"y","n":1}' WHERE id = 1`,
    ],
    probes: [
      {
        ask: `SELECT id FROM expression_indexed INDEXED BY expression_json WHERE doc ->> '$.name' = 'x'`,
        gives: '1',
      },
    ],
  },
  {
    kind: 'indexes',
    name: 'descending, collated, of several columns, and two that are alike',
    sql: `
      CREATE TABLE order_indexed (a TEXT, b TEXT, c INTEGER);
      CREATE INDEX order_one ON order_indexed (a COLLATE NOCASE DESC, b COLLATE RTRIM, c DESC);
      CREATE INDEX order_two ON order_indexed (c, b, a, c COLLATE NOCASE);
      CREATE INDEX order_three ON order_indexed (c, b, a, c COLLATE NOCASE);
      CREATE UNIQUE INDEX order_unique ON order_indexed (a COLLATE NOCASE, b DESC);
      INSERT INTO order_indexed VALUES ('x', 'a', 1), ('X', 'b', 2), (NULL, 'b', 3), (NULL, 'b', 3);`,
    tampers: [
      `DROP INDEX order_one; CREATE INDEX order_one ON order_indexed (a COLLATE NOCASE, b COLLATE RTRIM, c DESC)`,
      `DROP INDEX order_three`,
      `DROP INDEX order_unique; CREATE UNIQUE INDEX order_unique ON order_indexed (a, b DESC)`,
    ],
    probes: [
      {
        ask: `SELECT count(*) FROM order_indexed INDEXED BY order_one WHERE a = 'X' COLLATE NOCASE`,
        gives: '2',
      },
    ],
  },
];

export const viewEntries: readonly SqliteEntry[] = [
  {
    kind: 'views',
    name: 'upon one another, in an order that neither names nor kinds tell',
    sql: `
      CREATE VIEW view_c AS SELECT v, n FROM view_z UNION ALL SELECT 'made before', 0;
      CREATE TABLE view_base (id INTEGER PRIMARY KEY, v TEXT);
      INSERT INTO view_base VALUES (1, 'one'), (2, 'two');
      CREATE VIEW view_z (v, n) AS SELECT upper(v), count(*) OVER (ORDER BY id) FROM view_base;
      CREATE VIEW view_a AS WITH RECURSIVE r (i) AS (SELECT max(n) FROM view_c UNION ALL SELECT i - 1 FROM r WHERE i > 0)
        SELECT i AS "the i", (SELECT v FROM view_c WHERE n = i) AS v FROM r;`,
    tampers: [
      `DROP VIEW view_z; CREATE VIEW view_z (v, n) AS SELECT upper(v), 1 + count(*) OVER (ORDER BY id) FROM view_base`,
      `DROP VIEW view_a`,
    ],
    probes: [{ ask: `SELECT * FROM view_a`, gives: '2|TWO|1|ONE|0|made before' }],
  },
  {
    kind: 'views',
    name: 'with what newer versions of SQLite read',
    since: '3.47.0',
    sql: `
      CREATE TABLE view_new_base (id INTEGER PRIMARY KEY, v TEXT);
      INSERT INTO view_new_base VALUES (1, 'b'), (2, 'a');
      CREATE VIEW view_new AS SELECT string_agg(v, '-' ORDER BY v) AS s, 1_000 AS n, iif(1, 2) AS i, concat_ws(':', 1, 2) AS c,
        json(jsonb('{"a":[1,2]}')) AS j, octet_length('é') AS o FROM view_new_base;`,
    tampers: [`DROP VIEW view_new`],
    probes: [{ ask: `SELECT * FROM view_new`, gives: 'a-b|1000|2|1:2|{"a":[1,2]}|2' }],
  },
];

export const triggerEntries: readonly SqliteEntry[] = [
  {
    kind: 'triggers',
    name: 'before and after each event, of some columns, under conditions; several of a table, in their order',
    sql: `
      CREATE TABLE trigger_log (what TEXT);
      CREATE TABLE trigger_on (id INTEGER PRIMARY KEY, a, b);
      INSERT INTO trigger_on VALUES (1, 1, 1), (2, 2, 2);
      CREATE TRIGGER trigger_2 AFTER INSERT ON trigger_on BEGIN INSERT INTO trigger_log VALUES ('2:' || new.id); END;
      CREATE TRIGGER trigger_1 AFTER INSERT ON trigger_on WHEN new.a > 0 BEGIN INSERT INTO trigger_log VALUES ('1'); END;
      CREATE TRIGGER trigger_3 BEFORE INSERT ON TRIGGER_ON BEGIN INSERT INTO trigger_log VALUES ('3'); END;
      CREATE TRIGGER trigger_update AFTER UPDATE OF b, "id" ON trigger_on FOR EACH ROW WHEN old.b IS NOT new.b
        BEGIN INSERT INTO trigger_log VALUES (old.b || '>' || new.b); UPDATE trigger_on SET a = new.b WHERE id = new.id; END;
      CREATE TRIGGER trigger_delete BEFORE DELETE ON trigger_on BEGIN INSERT INTO trigger_log SELECT 'gone ' || old.id; END;`,
    tampers: [
      `DROP TRIGGER trigger_2; CREATE TRIGGER trigger_2 AFTER INSERT ON trigger_on BEGIN INSERT INTO trigger_log VALUES ('2:' || new.id); END`,
      `INSERT INTO trigger_log VALUES ('fired')`,
      `DROP TRIGGER trigger_delete`,
    ],
    probes: [
      {
        run: `INSERT INTO trigger_on VALUES (3, 3, 3), (4, 0, 0); UPDATE trigger_on SET b = 5 WHERE id = 1; UPDATE trigger_on SET a = 9;
              DELETE FROM trigger_on WHERE id = 2`,
        ask: `SELECT what FROM trigger_log`,
        gives: '3|1|2:3|3|2:4|1>5|gone 2',
      },
    ],
    inserts: [{ sql: `INSERT INTO trigger_on (a) VALUES (1) RETURNING id`, gives: '3' }],
  },
  {
    kind: 'triggers',
    name: 'INSTEAD OF, on a view and on a view of it',
    sql: `
      CREATE TABLE instead_base (id INTEGER PRIMARY KEY, v TEXT);
      INSERT INTO instead_base VALUES (1, 'one');
      CREATE VIEW instead_view AS SELECT id, v FROM instead_base;
      CREATE VIEW instead_outer AS SELECT id AS i FROM instead_view;
      CREATE TRIGGER instead_insert INSTEAD OF INSERT ON instead_view BEGIN INSERT INTO instead_base VALUES (new.id, 'by view ' || new.v); END;
      CREATE TRIGGER instead_update INSTEAD OF UPDATE OF v ON instead_view BEGIN UPDATE instead_base SET v = new.v WHERE id = old.id; END;
      CREATE TRIGGER instead_delete INSTEAD OF DELETE ON instead_view BEGIN DELETE FROM instead_base WHERE id = old.id; END;
      CREATE TRIGGER instead_outer_insert INSTEAD OF INSERT ON instead_outer BEGIN INSERT INTO instead_view VALUES (new.i, 'twice'); END;`,
    tampers: [`DROP TRIGGER instead_update`, `UPDATE instead_base SET v = 'One'`],
    probes: [
      {
        run: `INSERT INTO instead_outer VALUES (5); UPDATE instead_view SET v = 'new' WHERE id = 1; DELETE FROM instead_view WHERE id = 7`,
        ask: `SELECT id, v FROM instead_base`,
        gives: '1|new|5|by view twice',
      },
    ],
  },
  {
    kind: 'triggers',
    name: 'that refuse and change what is written: rows could not be put back while they fire',
    sql: `
      CREATE TABLE guarded (id INTEGER PRIMARY KEY, v);
      CREATE TABLE guarded_quietly (id INTEGER PRIMARY KEY, v);
      CREATE TABLE guarded_changed (id INTEGER PRIMARY KEY, v);
      INSERT INTO guarded VALUES (1, 'a'), (2, 'b');
      INSERT INTO guarded_quietly VALUES (1, 'a'), (2, 'b');
      INSERT INTO guarded_changed VALUES (1, 'a'), (2, 'b');
      CREATE TRIGGER guarded_no_insert BEFORE INSERT ON guarded BEGIN SELECT RAISE(ABORT, 'no inserts'); END;
      CREATE TRIGGER guarded_no_delete BEFORE DELETE ON guarded BEGIN SELECT RAISE(ROLLBACK, 'no deletes'); END;
      CREATE TRIGGER guarded_ignore BEFORE INSERT ON guarded_quietly BEGIN SELECT RAISE(IGNORE); END;
      CREATE TRIGGER guarded_keep BEFORE DELETE ON guarded_quietly BEGIN SELECT RAISE(IGNORE); END;
      CREATE TRIGGER guarded_change AFTER INSERT ON guarded_changed BEGIN UPDATE guarded_changed SET v = 'changed' WHERE id = new.id; END;
      CREATE TRIGGER guarded_more AFTER INSERT ON guarded_changed WHEN new.id < 1000 BEGIN INSERT INTO guarded_changed VALUES (new.id + 1000, 'more'); END;`,
    tampers: [
      `DROP TRIGGER guarded_no_insert; INSERT INTO guarded VALUES (3, 'c')`,
      `DROP TRIGGER guarded_ignore`,
    ],
    probes: [
      {
        run: `INSERT INTO guarded_quietly VALUES (3, 'c'); DELETE FROM guarded_quietly; INSERT INTO guarded_changed VALUES (3, 'c')`,
        ask: `SELECT count(*), (SELECT group_concat(id || v) FROM guarded_changed) FROM guarded_quietly`,
        gives: '2|1a,2b,3changed,1003changed',
      },
    ],
    inserts: [{ sql: `INSERT INTO guarded (v) VALUES ('c') RETURNING id`, gives: 'no inserts' }],
  },
  {
    kind: 'triggers',
    name: 'with upserts, CASE … END, comments and texts that look like their end; named like tables',
    sql: `
      CREATE TABLE trigger_counts (k PRIMARY KEY, n);
      CREATE TABLE trigger_texts (id INTEGER PRIMARY KEY, v);
      CREATE TRIGGER trigger_texts AFTER INSERT ON trigger_texts WHEN CASE WHEN new.v IS NULL THEN 0 ELSE 1 END
      BEGIN
        -- END; this is not the end
        INSERT INTO trigger_counts VALUES (';END;', 1) ON CONFLICT (k) DO UPDATE SET n = n + CASE WHEN 1 THEN 1 END; /* END; */
        UPDATE OR IGNORE trigger_counts SET n = n + 0 WHERE k IN (SELECT 'none' FROM trigger_counts);
      END;
      INSERT INTO trigger_texts (v) VALUES ('x'), (NULL), ('y');`,
    tampers: [`UPDATE trigger_counts SET n = 3`, `DROP TRIGGER trigger_texts`],
    probes: [
      {
        run: `INSERT INTO trigger_texts (v) VALUES ('z')`,
        ask: `SELECT k, n FROM trigger_counts`,
        gives: ';END;|3',
      },
    ],
  },
];

/** To be made last: SQLite alters no table while a view or a trigger cannot be read. */
export const brokenEntries: readonly SqliteEntry[] = [
  {
    kind: 'views',
    name: 'that cannot be read: of a table that is gone, with a function that only a program has',
    sql: `
      CREATE TABLE view_gone (a);
      CREATE VIEW view_broken AS SELECT a FROM view_gone;
      CREATE VIEW view_of_broken AS SELECT * FROM view_broken;
      DROP TABLE view_gone;
      CREATE VIEW view_foreign AS SELECT function_of_the_program(1) AS f;
      CREATE VIEW view_circular_a AS SELECT * FROM view_circular_b;
      CREATE VIEW view_circular_b AS SELECT * FROM view_circular_a;`,
    tampers: [`DROP VIEW view_broken`, `CREATE TABLE view_gone (a)`, `DROP VIEW view_circular_b`],
  },
  {
    kind: 'triggers',
    name: 'that fail when they fire: of a table that is gone, with a function that only a program has',
    sql: `
      CREATE TABLE trigger_failing (id INTEGER PRIMARY KEY, v);
      INSERT INTO trigger_failing VALUES (1, 'kept');
      CREATE TRIGGER trigger_to_nowhere AFTER INSERT ON trigger_failing BEGIN INSERT INTO trigger_nowhere VALUES (new.id); END;
      CREATE TRIGGER trigger_foreign AFTER UPDATE ON trigger_failing BEGIN SELECT function_of_the_program(new.id); END;`,
    tampers: [
      `DROP TRIGGER trigger_to_nowhere; INSERT INTO trigger_failing VALUES (2, 'x')`,
      `DROP TRIGGER trigger_foreign`,
    ],
    inserts: [
      {
        sql: `INSERT INTO trigger_failing (v) VALUES (1) RETURNING id`,
        gives: 'no such table: main.trigger_nowhere',
      },
    ],
  },
];
