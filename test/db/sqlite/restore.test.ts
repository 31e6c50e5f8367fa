import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { watch } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { describeError } from '../../../src/core/errors.ts';
import type { Logger } from '../../../src/core/logger.ts';
import type { TableChange } from '../../../src/core/plan.ts';
import { failure } from '../../support/errors.ts';
import { sqliteDump } from '../../support/sqliteDump.ts';
import {
  backUpSqlite,
  restoreSqlite,
  runSqlite,
  useSystemTemporaryFolder,
} from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

const numbers = (rows: number): string =>
  `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})`;

const short = ({ table, ...counts }: TableChange): unknown[] => [table.name, ...Object.values(counts)];

describe('SQLite: restoring', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();
  let file: string;
  beforeEach(() => {
    file = folder.file('target.db');
  });

  function rows(sql: string, from = file): unknown[][] {
    const database = new DatabaseSync(from);
    try {
      return database
        .prepare(sql)
        .all()
        .map((row) => Object.values(row));
    } finally {
      database.close();
    }
  }

  describe('modes', () => {
    beforeEach(() => {
      runSqlite(
        file,
        `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); INSERT INTO t VALUES (1, 'x', 1), (2, 'y', 2), (3, 'z', 3)`,
      );
    });
    const damage = `DELETE FROM t WHERE id = 1; UPDATE t SET a = 'Y' WHERE id = 2; INSERT INTO t VALUES (4, 'new', 4)`;

    it('replace makes the table what the backup holds', async () => {
      const backup = await backUpSqlite(file);
      runSqlite(file, damage);
      assert.deepEqual((await restoreSqlite(file, backup)).map(short), [['t', 3, 3, 3, 0]]);
      assert.deepEqual(rows('SELECT id, a FROM t'), [
        [1, 'x'],
        [2, 'y'],
        [3, 'z'],
      ]);
    });

    it('merge inserts and updates, and counts only what differed', async () => {
      const backup = await backUpSqlite(file);
      runSqlite(file, damage);
      assert.deepEqual((await restoreSqlite(file, backup, { mode: 'merge' })).map(short), [
        ['t', 3, 4, 1, 1],
      ]);
      assert.deepEqual(rows('SELECT id, a FROM t'), [
        [1, 'x'],
        [2, 'y'],
        [3, 'z'],
        [4, 'new'],
      ]);
      assert.deepEqual((await restoreSqlite(file, backup, { mode: 'merge' })).map(short), [
        ['t', 4, 4, 0, 0],
      ]);
    });

    it('merge sees every difference of type, of case and of affinity', async () => {
      const before = sqliteDump(file);
      const backup = await backUpSqlite(file);
      for (const change of [
        `b = '1'`,
        'b = 1.0',
        `a = 'X'`,
        'a = NULL',
        `a = CAST('x' AS BLOB)`,
        `a = 'x '`,
      ]) {
        runSqlite(file, `UPDATE t SET ${change} WHERE id = 1`);
        assert.deepEqual(
          (await restoreSqlite(file, backup, { mode: 'merge' })).map(short),
          [['t', 3, 3, 0, 1]],
          change,
        );
        assert.deepEqual(sqliteDump(file), before);
      }
    });

    it('insert-missing inserts, and touches nothing else', async () => {
      const backup = await backUpSqlite(file);
      runSqlite(file, damage);
      const changes = await restoreSqlite(file, backup, { mode: 'insert-missing' });
      assert.deepEqual(changes.map(short), [['t', 3, 4, 1, 0]]);
      assert.deepEqual(rows('SELECT id, a FROM t'), [
        [1, 'x'],
        [2, 'Y'],
        [3, 'z'],
        [4, 'new'],
      ]);
    });
  });

  it('finds rows by keys of every kind', async () => {
    const keys = [
      'k TEXT COLLATE NOCASE, j, v, PRIMARY KEY (k, j)',
      'v, j NOT NULL, k TEXT NOT NULL COLLATE NOCASE, UNIQUE (j, k)',
      'k TEXT COLLATE NOCASE, j, v, PRIMARY KEY (j, k)) WITHOUT ROWID, ignored',
    ];
    for (const definition of keys) {
      const [columns, option = ''] = definition.split(/(?<=\)\)?) WITHOUT/);
      const body = option ? `${columns!.replace(/\)$/, '')}) WITHOUT ROWID` : columns!;
      runSqlite(
        file,
        `DROP TABLE IF EXISTS t; CREATE TABLE t (${body}${option ? '' : ')'};
         INSERT INTO t (k, j, v) VALUES ('a', 1, 'one'), ('b', 2, 'two'), ('c', 3.0, 'three')`,
      );
      const before = sqliteDump(file);
      const backup = await backUpSqlite(file);
      // Under the key's collation, A is the same row as a, and 2.0 as 2.
      runSqlite(file, `UPDATE t SET k = 'A' WHERE k = 'a'; UPDATE t SET v = 'x', j = 2.0 WHERE j = 2`);
      const missing = await restoreSqlite(file, backup, { mode: 'insert-missing' });
      assert.deepEqual(missing.map(short), [['t', 3, 3, 0, 0]], definition);
      const merged = await restoreSqlite(file, backup, { mode: 'merge' });
      assert.deepEqual(merged.map(short), [['t', 3, 3, 0, 2]], definition);
      assert.deepEqual(sqliteDump(file), before);
    }
  });

  it('overrules conflict clauses, which would skip or replace rows in silence', async () => {
    runSqlite(
      file,
      `CREATE TABLE t (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, u UNIQUE ON CONFLICT REPLACE,
         n NOT NULL ON CONFLICT IGNORE, r UNIQUE ON CONFLICT ROLLBACK);
       INSERT INTO t VALUES (1, 'a', 1, 1), (2, 'b', 2, 2)`,
    );
    const backup = await backUpSqlite(file);
    runSqlite(file, `DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (9, 'a', 9, 9)`);
    const before = sqliteDump(file);
    for (const mode of ['merge', 'insert-missing'] as const) {
      const error = await failure(restoreSqlite(file, backup, { mode }), 'database');
      assert.match(error.message, /UNIQUE constraint failed: t\.u/);
      assert.deepEqual(error.details.place, { table: 't', row: 1 });
      assert.deepEqual(sqliteDump(file), before);
    }
  });

  it('refuses to merge rows whose key is NULL, and replaces them', async () => {
    runSqlite(
      file,
      `CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('a', 1), (NULL, 2), (NULL, 2)`,
    );
    const before = sqliteDump(file);
    const backup = await backUpSqlite(file);
    const error = await failure(restoreSqlite(file, backup, { mode: 'merge' }), 'refused');
    assert.match(
      describeError(error),
      /2 rows of the backup have NULL in their key \(k\).*Only the mode replace/,
    );
    runSqlite(file, 'DELETE FROM t');
    await restoreSqlite(file, backup);
    assert.deepEqual(sqliteDump(file), before);
  });

  describe('a row that the table does not take', () => {
    const failures: [title: string, now: string, bad: number, reason: RegExp][] = [
      [
        'CHECK',
        'id INTEGER PRIMARY KEY, a CONSTRAINT n_positive CHECK (a > 0)',
        777,
        /CHECK constraint failed: n_positive/,
      ],
      ['NOT NULL', 'id INTEGER PRIMARY KEY, a NOT NULL', 1, /NOT NULL constraint failed: t\.a/],
      ['UNIQUE', 'id INTEGER PRIMARY KEY, a UNIQUE', 1000, /UNIQUE constraint failed: t\.a/],
      [
        'datatype',
        'id INTEGER PRIMARY KEY, a INTEGER) STRICT; SELECT (1',
        500,
        /cannot store TEXT value in INTEGER column t\.a/,
      ],
    ];
    const values: Record<string, string> = { CHECK: '-1', 'NOT NULL': 'NULL', UNIQUE: '1', datatype: `'x'` };
    for (const [title, now, bad, reason] of failures) {
      for (const mode of ['replace', 'merge'] as const) {
        it(`is named with its number: ${title}, ${mode}`, async () => {
          runSqlite(
            file,
            `CREATE TABLE t (id INTEGER PRIMARY KEY, a); ${numbers(1000)} INSERT INTO t SELECT i * 3, i FROM n;
             UPDATE t SET a = ${values[title]} WHERE id = ${bad * 3}`,
          );
          const backup = await backUpSqlite(file);
          runSqlite(file, `DROP TABLE t; CREATE TABLE t (${now}); INSERT INTO t VALUES (5000, 5000)`);
          const before = sqliteDump(file);
          const error = await failure(restoreSqlite(file, backup, { mode }), 'database');
          assert.match(error.message, reason);
          assert.deepEqual(error.details.place, { table: 't', row: bad });
          assert.deepEqual(sqliteDump(file), before);
        });
      }
    }

    it('is named by the statement that makes its index', async () => {
      runSqlite(file, `CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 1), (2, 1)`);
      const { manifest, source } = await backUpSqlite(file);
      const sql = 'CREATE UNIQUE INDEX i ON t (b)';
      const index = { kind: 'index', name: 'i', table: { name: 't' }, section: 'post-data' as const, sql };
      const objects = [...manifest.objects, index];
      const backup = { source, manifest: { ...manifest, complete: false, objects } };
      const target = folder.file('new.db');
      const error = await failure(restoreSqlite(target, backup, { madeHere: true }), 'database');
      assert.match(error.message, /UNIQUE constraint failed: t\.b/);
      assert.equal(error.details.place?.table, 't');
      assert.equal(existsSync(target), false);
    });
  });

  it('lets no trigger fire, and puts them back as they were written', async () => {
    const schema = `
      CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE TABLE log (what);
      CREATE   TRIGGER  b_first /* why */ AFTER INSERT ON T BEGIN INSERT INTO log VALUES ('i'); END;
      CREATE TRIGGER a_second BEFORE DELETE ON t BEGIN INSERT INTO log VALUES ('d'); END;
      CREATE TRIGGER c_third AFTER UPDATE ON t BEGIN INSERT INTO log VALUES ('u'); END`;
    runSqlite(file, `${schema}; INSERT INTO t VALUES (1, 'x'); DELETE FROM log`);
    const before = sqliteDump(file);
    const backup = await backUpSqlite(file);
    for (const mode of ['replace', 'merge', 'insert-missing'] as const) {
      runSqlite(file, `UPDATE t SET a = 'x'; DELETE FROM log`);
      await restoreSqlite(file, backup, { mode, tables: ['t'] });
      assert.deepEqual(sqliteDump(file), before);
    }
    assert.deepEqual(rows(`SELECT name FROM sqlite_schema WHERE type = 'trigger' ORDER BY rowid`), [
      ['b_first'],
      ['a_second'],
      ['c_third'],
    ]);
    runSqlite(file, `INSERT INTO t VALUES (2, 'y')`);
    assert.deepEqual(rows('SELECT * FROM log'), [['i']]);
  });

  describe('of an index that is out of step with its table', () => {
    /** Runs `work` while the index is defined otherwise, which its entries then follow. */
    const misled = (index: string, otherwise: string, work: string, count = 50): string => `
      CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE TABLE sound (id INTEGER PRIMARY KEY, a UNIQUE);
      ${index}; ${numbers(count)} INSERT INTO t SELECT i, i FROM n; INSERT INTO sound SELECT id, a FROM t;
      PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '${otherwise}' WHERE name = 'i';
      PRAGMA writable_schema = RESET; ${work};
      PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '${index}' WHERE name = 'i';`;
    const plain = 'CREATE INDEX i ON t (a)';
    const faults: Record<string, string> = {
      'entries are missing': misled(plain, `${plain} WHERE id < 0`, 'INSERT INTO t VALUES (7000, 1)'),
      'entries stand for no row': misled(plain, `${plain} WHERE id < 0`, 'DELETE FROM t WHERE id > 25'),
      'of a large table entries stand for no row': misled(
        plain,
        `${plain} WHERE id < 0`,
        'DELETE FROM t WHERE id > 59999',
        60_000,
      ),
      'as many entries have other values': misled(plain, `${plain} WHERE id < 0`, 'UPDATE t SET a = -a'),
      'entries are missing and others stand for no row': misled(
        plain,
        `${plain} WHERE id < 0`,
        'UPDATE t SET id = id + 1000 WHERE id > 25',
      ),
    };
    for (const [fault, sql] of Object.entries(faults)) {
      it(`makes it anew where ${fault}, into its table and into a new file`, async () => {
        runSqlite(file, sql);
        assert.notDeepEqual(rows('PRAGMA integrity_check'), [['ok']]);
        const backup = await backUpSqlite(file);
        await restoreSqlite(file, backup);
        assert.deepEqual(rows('PRAGMA integrity_check'), [['ok']]);
        const fresh = folder.file('fresh.db');
        runSqlite(fresh, '');
        await restoreSqlite(fresh, backup);
        assert.deepEqual(rows('PRAGMA integrity_check', fresh), [['ok']]);
      });
    }

    it('refuses rows that a unique one does not take, and says which', async () => {
      const unique = 'CREATE UNIQUE INDEX i ON t (a)';
      const trigger = `CREATE TRIGGER d BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'fired'); END`;
      runSqlite(file, `${misled(unique, plain, 'INSERT INTO t VALUES (51, 17)')}; ${trigger}`);
      const backup = await backUpSqlite(file);
      const before = sqliteDump(file);
      const error = await failure(restoreSqlite(file, backup), 'database');
      assert.deepEqual(error.details.place, { table: 't', row: 51 });
      assert.deepEqual(sqliteDump(file), before);
    });
  });

  it('rebuilds full-text indexes over restored tables, and no others', async () => {
    const index = (name: string, content: string): string => `
      CREATE TABLE ${content} (id INTEGER PRIMARY KEY, body);
      CREATE VIRTUAL TABLE ${name} USING fts5(body, content=${content === 'docs' ? `'DOCS'` : content}, content_rowid='id');
      CREATE TRIGGER ${name}_i AFTER INSERT ON ${content} BEGIN
        INSERT INTO ${name} (rowid, body) VALUES (new.id, new.body);
      END;
      CREATE TRIGGER ${name}_d AFTER DELETE ON ${content} BEGIN
        INSERT INTO ${name} (${name}, rowid, body) VALUES ('delete', old.id, old.body);
      END;
      INSERT INTO ${content} VALUES (1, 'one apple'), (2, 'two pears');`;
    runSqlite(
      file,
      `${index('found', 'docs')} ${index('other', 'texts')} CREATE VIRTUAL TABLE own USING fts5(body)`,
    );
    const backup = await backUpSqlite(file);
    runSqlite(
      file,
      `DELETE FROM docs; INSERT INTO docs VALUES (7, 'seven apples'); INSERT INTO own VALUES ('kept')`,
    );
    await restoreSqlite(file, backup, { tables: ['docs'] });
    assert.deepEqual(rows(`SELECT rowid FROM found WHERE found MATCH 'apple OR apples'`), [[1]]);
    runSqlite(
      file,
      `INSERT INTO found (found, rank) VALUES ('integrity-check', 1); DELETE FROM docs WHERE id = 2`,
    );
    assert.deepEqual(rows(`SELECT rowid FROM other WHERE other MATCH 'pears'`), [[2]]);
    assert.deepEqual(rows('SELECT body FROM own'), [['kept']]);
  });

  it('leaves a full-text index to its program when it needs something of it', async () => {
    runSqlite(
      file,
      `CREATE TABLE docs (id INTEGER PRIMARY KEY, body); INSERT INTO docs VALUES (1, 'one');
       CREATE VIRTUAL TABLE found USING fts5(body, content='docs', tokenize='porter');
       PRAGMA writable_schema = ON;
       UPDATE sqlite_schema SET sql = replace(sql, 'porter', 'of_a_program') WHERE name = 'found'`,
    );
    const warnings: string[] = [];
    const logger: Logger = { debug() {}, info() {}, error() {}, warn: (message) => warnings.push(message) };
    const backup = await backUpSqlite(file);
    runSqlite(file, `DELETE FROM docs`);
    await restoreSqlite(file, backup, { logger });
    assert.deepEqual(warnings, [], 'all of it comes back as it was, and nothing has to be rebuilt');
    runSqlite(file, `DELETE FROM docs`);
    await restoreSqlite(file, backup, { logger, tables: ['docs'] });
    assert.deepEqual(rows('SELECT body FROM docs'), [['one']]);
    assert.match(warnings.join(), /The full-text index found could not be rebuilt/);
  });

  it('logs nothing at all as an error when all goes well', async () => {
    runSqlite(file, `CREATE TABLE t (a); INSERT INTO t VALUES (1)`);
    const messages: string[] = [];
    const note = (message: string): void => void messages.push(message);
    const logger: Logger = { debug() {}, info() {}, warn: note, error: note };
    await restoreSqlite(file, await backUpSqlite(file, undefined, { logger }), { logger });
    assert.deepEqual(messages, []);
  });

  it('puts no file but its journal beside the database', async () => {
    runSqlite(file, `CREATE TABLE t (a); INSERT INTO t SELECT value FROM json_each('[1, 2, 3]')`);
    const backup = await backUpSqlite(file);
    const ended = new AbortController();
    const names = new Set<string>();
    const watching = (async () => {
      for await (const { filename } of watch(folder.path, { signal: ended.signal })) names.add(filename!);
    })().catch((error: unknown) => {
      if (!ended.signal.aborted) throw error;
    });
    try {
      await restoreSqlite(file, backup);
      // What happened is told after it happened.
      for (let wait = 0; wait < 100 && !names.has('target.db-journal'); wait += 1) await delay(20);
      await delay(200);
    } finally {
      ended.abort();
      await watching;
    }
    assert.deepEqual([...names].sort(), ['target.db', 'target.db-journal']);
  });
});
