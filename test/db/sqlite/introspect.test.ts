import assert from 'node:assert/strict';
import { silentLogger } from '../../../src/core/logger.ts';
import { type DatabaseSchema, rowKey, type Table } from '../../../src/core/schema.ts';
import { connectSqlite, runSqlite } from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

describe('SQLite: the schema', () => {
  const folder = useTemporaryFolder();

  async function introspect(sql: string): Promise<DatabaseSchema> {
    const file = folder.file('schema.db');
    runSqlite(file, sql);
    const session = await connectSqlite(file, { readOnly: true });
    try {
      return await session.introspect({ logger: silentLogger });
    } finally {
      await session.close();
    }
  }

  async function tableOf(sql: string): Promise<Table> {
    const [table] = (await introspect(sql)).tables;
    assert.ok(table);
    return table;
  }

  it('has columns as they were declared', async () => {
    const table = await tableOf(
      `CREATE TABLE t (a, b DECIMAL(10, 2) NOT NULL DEFAULT 1.50, c TEXT DEFAULT 'x''y', d AS (a + 1), e TEXT AS (c) STORED)`,
    );
    assert.deepEqual(table.columns, [
      { name: 'a', type: '', notNull: false },
      { name: 'b', type: 'DECIMAL(10, 2)', notNull: true, default: '1.50' },
      { name: 'c', type: 'TEXT', notNull: false, default: `'x''y'` },
      { name: 'd', type: '', notNull: false, generated: 'virtual' },
      { name: 'e', type: 'TEXT', notNull: false, generated: 'stored' },
    ]);
    assert.equal(table.holdsRows, true);
    assert.equal(table.primaryKey, undefined);
    assert.equal(rowKey(table), undefined);
  });

  it('has primary keys in their own order of columns', async () => {
    const keys = {
      'CREATE TABLE t (a, id INTEGER PRIMARY KEY)': ['id'],
      'CREATE TABLE t (id INTEGER PRIMARY KEY DESC)': ['id'],
      'CREATE TABLE t (a, b, c, PRIMARY KEY (c, a))': ['c', 'a'],
      'CREATE TABLE t (a TEXT PRIMARY KEY) WITHOUT ROWID': ['a'],
      'CREATE TABLE t (a INT PRIMARY KEY) STRICT': ['a'],
    };
    for (const [sql, columns] of Object.entries(keys)) {
      const table = await tableOf(`DROP TABLE IF EXISTS t; ${sql}`);
      assert.deepEqual(table.primaryKey?.columns, columns, sql);
      assert.deepEqual(rowKey(table), columns, sql);
    }
  });

  it('has unique keys that hold for all rows and all of a column', async () => {
    const { uniqueKeys } = await tableOf(`
      CREATE TABLE t (a NOT NULL UNIQUE, b, c NOT NULL, UNIQUE (b, c));
      CREATE UNIQUE INDEX whole ON t (c, a); CREATE UNIQUE INDEX some ON t (c) WHERE a > 1;
      CREATE UNIQUE INDEX computed ON t (lower(c)); CREATE INDEX plain ON t (c)`);
    assert.deepEqual(uniqueKeys, [
      { columns: ['a'], notNull: true },
      { columns: ['b', 'c'], notNull: false },
      { columns: ['c', 'a'], notNull: true },
    ]);
  });

  it('has foreign keys with the names as the other table has them', async () => {
    const { tables } = await introspect(`
      CREATE TABLE child (a REFERENCES PARENT, b REFERENCES parent (CODE), c REFERENCES nowhere (x),
        FOREIGN KEY (b, a) REFERENCES "Parent" (code, Id));
      CREATE TABLE Parent (id INTEGER PRIMARY KEY, Code UNIQUE, UNIQUE (code, id))`);
    const foreignKeys = tables.find((table) => table.name.name === 'child')!.foreignKeys;
    assert.deepEqual(
      foreignKeys.map(({ columns, references, referencedColumns }) => [
        columns,
        references.name,
        referencedColumns,
      ]),
      [
        [['a'], 'Parent', []],
        [['b'], 'Parent', ['Code']],
        [['c'], 'nowhere', ['x']],
        [['b', 'a'], 'Parent', ['Code', 'id']],
      ],
    );
    assert.deepEqual(new Set(foreignKeys.map(({ name }) => name)), new Set(['0', '1', '2', '3']));
  });

  it('has statements in an order in which they run, and what belongs to which table', async () => {
    const { objects, tables } = await introspect(`
      CREATE VIEW v AS SELECT * FROM b; CREATE TABLE b (x); CREATE INDEX bi ON B (x); CREATE TABLE a (x UNIQUE);
      CREATE TRIGGER bt AFTER INSERT ON B BEGIN SELECT 1; END;
      CREATE TRIGGER vt INSTEAD OF DELETE ON v BEGIN SELECT 1; END; CREATE INDEX ai ON a (x)`);
    assert.deepEqual(
      objects.map(({ kind, name, table, section }) => [kind, name, table?.name, section]),
      [
        ['table', 'b', 'b', 'pre-data'],
        ['table', 'a', 'a', 'pre-data'],
        ['index', 'bi', 'b', 'post-data'],
        ['index', 'ai', 'a', 'post-data'],
        ['view', 'v', undefined, 'post-data'],
        ['trigger', 'bt', 'b', 'post-data'],
        ['trigger', 'vt', undefined, 'post-data'],
      ],
    );
    assert.deepEqual(
      tables.map(({ name, triggers }) => [name.name, triggers]),
      [
        ['b', [{ name: 'bt' }]],
        ['a', []],
      ],
    );
  });

  it('has AUTOINCREMENT counters, with every digit', async () => {
    const { sequences } = await introspect(`
      CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE TABLE b (id INTEGER PRIMARY KEY AUTOINCREMENT);
      CREATE TABLE c (id INTEGER PRIMARY KEY, x DEFAULT 'AUTOINCREMENT');
      INSERT INTO a VALUES (9007199254740993); INSERT INTO c VALUES (5, 1);
      INSERT INTO sqlite_sequence VALUES ('gone', 5), ('c', 5), ('b', 'no number')`);
    assert.deepEqual(sequences, [
      {
        name: { name: 'a' },
        table: { name: 'a' },
        lastValue: '9007199254740993',
        isCalled: true,
        increment: '1',
      },
    ]);
  });

  it('has virtual tables as tables without rows and as objects, and leaves nothing out', async () => {
    const { tables, objects, leftOut } = await introspect(`
      CREATE TABLE t (a); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1); ANALYZE;
      CREATE VIRTUAL TABLE words USING fts5(a); CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1)`);
    assert.deepEqual(
      tables.map(({ name, holdsRows, opaque }) => [name.name, holdsRows, opaque?.follows]),
      [
        ['t', true, undefined],
        ['words', false, []],
        ['boxes', false, []],
      ],
    );
    assert.deepEqual(
      objects.map((object) => object.name),
      ['t', 'words', 'boxes', 'i'],
    );
    assert.deepEqual(leftOut, []);
  });

  it('survives a view that is broken and a virtual table whose module is not there', async () => {
    const { tables } = await introspect(`
      CREATE VIEW broken AS SELECT * FROM nowhere; CREATE TABLE t (a); PRAGMA writable_schema = ON;
      INSERT INTO sqlite_schema VALUES ('table', 'odd', 'odd', 0, 'CREATE VIRTUAL TABLE odd USING no_such_module(x)')`);
    assert.deepEqual(
      tables.map(({ name, holdsRows, opaque }) => [name.name, holdsRows, opaque]),
      [
        ['t', true, undefined],
        ['odd', false, undefined],
      ],
    );
  });

  it('knows of which tables a full-text index has the rows', async () => {
    const { tables } = await introspect(`
      CREATE TABLE a (x); CREATE TABLE B (x); CREATE VIEW v AS SELECT x FROM a;
      CREATE VIRTUAL TABLE of_b USING fts5(x, content = 'b'); CREATE VIRTUAL TABLE of_v USING fts5(x, content = v);
      CREATE VIRTUAL TABLE of_none USING fts5(x, content = '')`);
    const follows = tables.flatMap(({ name, opaque }) =>
      opaque ? [[name.name, ...opaque.follows.map((table) => table.name)]] : [],
    );
    assert.deepEqual(follows, [['of_b', 'B'], ['of_v', 'a', 'B'], ['of_none']]);
  });
});
