import assert from 'node:assert/strict';
import { RestorePointError } from '../../src/core/errors.ts';
import type { Manifest } from '../../src/core/manifest.ts';
import type { Column, Table } from '../../src/core/schema.ts';
import { backupView, problemOf, rowsView, tableView, valueView } from '../../src/ui/viewer/viewModel.ts';
import { manifestOf, plainTable } from '../support/manifests.ts';
import { text } from '../support/typedRows.ts';

function only(manifest: Manifest): ReturnType<typeof tableView> {
  const [table] = manifest.tables;
  assert.ok(table);
  return tableView(manifest, table);
}

function column(name: string, type = 'text', changes: Partial<Column> = {}): Column {
  return { name, type, notNull: false, ...changes };
}

describe('view of a backup', () => {
  it('sums up the manifest', () => {
    const manifest = manifestOf([plainTable('orders'), plainTable('a b')], []);
    const tables = manifest.tables.map((table, index) => ({ ...table, rows: 7 + index }));
    const condition = { ...tables[1]!, where: 'id > 5' };
    const leftOut = [{ kind: 'view', names: ['totals'], reason: 'Views are not carried.' }];
    const view = backupView({ ...manifest, tables: [tables[0]!, condition], leftOut }, 'PostgreSQL', 2048);
    assert.deepEqual(view, {
      database: 'shop',
      engine: 'PostgreSQL 18.0',
      createdAt: '2026-11-22T09:30:15.000Z',
      createdBy: '0.1.0',
      size: '2 KB',
      rows: 15,
      purpose: 'backup',
      complete: true,
      tables: [
        { key: '["public","orders"]', label: 'public.orders', rows: 7 },
        { key: '["public","a b"]', label: 'public."a b"', rows: 8, where: 'id > 5' },
      ],
      statements: [],
      leftOut,
      rowsPerPage: 100,
    });
  });

  it('counts the statements of each kind, of tables and of none, those first that hold code', () => {
    const object = (kind: string, name: string) => ({ kind, name, section: 'pre-data', sql: 'x' }) as const;
    const objects = [
      object('table', 'a'),
      object('index', 'b'),
      object('function', 'f'),
      object('table', 'c'),
    ];
    assert.deepEqual(backupView(manifestOf([], [], { objects }), 'PostgreSQL', 1).statements, [
      { kind: 'function', count: 1 },
      { kind: 'table', count: 2 },
      { kind: 'index', count: 1 },
    ]);
  });

  it('names the engine where its version does not', () => {
    const source = { engine: 'sqlite', serverVersion: '3.50.4', database: 'shop.db' } as const;
    assert.equal(backupView(manifestOf([], [], { source }), 'SQLite', 1).engine, 'SQLite 3.50.4');
  });
});

describe('view of a table', () => {
  it('tells the keys of a column, with the columns that share them', () => {
    const table: Table = plainTable('lines', {
      columns: [column('order'), column('number'), column('sku'), column('note')],
      primaryKey: { columns: ['number', 'order'], notNull: true },
      uniqueKeys: [
        { columns: ['sku'], notNull: true },
        { columns: ['order', 'sku'], notNull: false },
      ],
    });
    const { columns } = only(manifestOf([table], []));
    const keys = columns.map(({ primaryKey, uniqueWith }) => ({ primaryKey, uniqueWith }));
    assert.deepEqual(keys, [
      { primaryKey: 2, uniqueWith: [['sku']] },
      { primaryKey: 1, uniqueWith: [] },
      { primaryKey: undefined, uniqueWith: [[], ['order']] },
      { primaryKey: undefined, uniqueWith: [] },
    ]);
  });

  it('tells what a column references: the column that is its counterpart, or only the table', () => {
    const table = plainTable('lines', {
      columns: [column('a'), column('b')],
      foreignKeys: [
        {
          name: '0',
          columns: ['a', 'b'],
          references: { schema: 's', name: 'My Orders' },
          referencedColumns: ['x', 'y'],
        },
        { name: '1', columns: ['b'], references: { name: 'others' }, referencedColumns: [] },
      ],
    });
    const { columns } = only(manifestOf([table], []));
    const [a, b] = columns.map(({ references }) => references);
    assert.deepEqual(a, ['s."My Orders" (x)']);
    assert.deepEqual(b, ['s."My Orders" (y)', 'others']);
  });

  it('knows the numeric types of both engines', () => {
    const numeric = [
      ...['INTEGER', 'int', 'INT8', 'bigint', 'smallint', 'unsigned big int', 'bigserial', 'REAL', 'float8'],
      ...['numeric(10,2)', 'DECIMAL(10,2)', 'double precision', 'money', 'tinyint(1)', 'mediumint'],
    ];
    const others = [
      ...['text', '', 'interval', 'point', 'int4range', 'integer[]', 'numeric(4,1)[]', 'integers', 'boolean'],
      ...['timestamp with time zone', 'realm', 'BLOB', 'internal'],
    ];
    const columns = [...numeric, ...others].map((type, index) => column(`c${index}`, type));
    const view = only(manifestOf([plainTable('numbers', { columns })], []));
    const found = view.columns.filter((each) => each.numeric).map(({ type }) => type);
    assert.deepEqual(found, numeric);
  });

  it('has the statements and counters of this table alone, in their order', () => {
    const name = { schema: 'public', name: 'orders' };
    const object = (kind: string, table?: typeof name) =>
      ({
        kind,
        name: `a ${kind}`,
        section: 'pre-data',
        sql: `CREATE ${kind}`,
        ...(table ? { table } : {}),
      }) as const;
    const counter = { lastValue: '9223372036854775807', isCalled: true, increment: '1' };
    const manifest = manifestOf([plainTable('orders')], [], {
      objects: [
        object('schema'),
        object('table', name),
        object('table', { schema: 'other', name: 'orders' }),
        object('index', name),
      ],
      sequences: [
        { name: { schema: 'public', name: 'orders_id_seq' }, table: name, ...counter },
        { name: { name: 'x' }, table: { name: 'x' }, ...counter },
      ],
    });
    const { statements, counters } = only(manifest);
    assert.deepEqual(statements, [
      { kind: 'table', name: 'a table', sql: 'CREATE table' },
      { kind: 'index', name: 'a index', sql: 'CREATE index' },
    ]);
    assert.deepEqual(counters, [{ name: 'public.orders_id_seq', lastValue: '9223372036854775807' }]);
  });
});

describe('view of rows', () => {
  it('leaves values as they are, and NULL apart from the text NULL', () => {
    const page = {
      columns: ['a', 'b'],
      rows: [
        ['NULL', null],
        ['', '<b>'],
      ],
    };
    const typed = page.rows.map((row) => row.map((value) => (value === null ? null : text(value))));
    assert.deepEqual(rowsView({ ...page, rows: typed }, 200, 202), { offset: 200, total: 202, ...page });
  });

  it('cuts a long value, not within a character, and tells its length', () => {
    const value = `${'x'.repeat(1999)}🎂${'y'.repeat(10)}`;
    const { rows } = rowsView({ columns: ['a'], rows: [[text(value)], [text('z'.repeat(2000))]] }, 0, 2);
    assert.deepEqual(rows, [[{ start: 'x'.repeat(1999), length: 2011 }], ['z'.repeat(2000)]]);
  });

  it('takes less of each value the more values a page has', () => {
    const columns = Array.from({ length: 1600 }, (_, index) => `c${index}`);
    const row = columns.map(() => text('v'.repeat(5000)));
    const { rows } = rowsView({ columns, rows: Array.from({ length: 100 }, () => row) }, 0, 100);
    const length = JSON.stringify(rows).length;
    assert.ok(length < 20_000_000, `${length} characters`);
    assert.deepEqual(rows[99]?.[1599], { start: 'v'.repeat(40), length: 5000 });
  });

  it('shows a value that is asked for nearly whole', () => {
    assert.deepEqual(valueView(null), { value: null });
    assert.deepEqual(valueView(text('v'.repeat(1_000_000))), { value: 'v'.repeat(1_000_000) });
    assert.deepEqual(valueView(text('v'.repeat(1_000_001))), {
      value: { start: 'v'.repeat(1_000_000), length: 1_000_001 },
    });
  });
});

describe('view of a problem', () => {
  it('tells a damaged backup, with the part and what to do', () => {
    const error = new RestorePointError('damaged-backup', 'Its checksum does not match', {
      place: { file: '/home/me/a.dbbackup', entry: 'data/1-a/1.copy.zst' },
      next: 'Use another backup file.',
    });
    assert.deepEqual(problemOf(error), {
      kind: 'damaged',
      message: 'Its checksum does not match',
      entry: 'data/1-a/1.copy.zst',
      next: 'Use another backup file.',
    });
  });

  it('tells a file that has gone from one that cannot be read', () => {
    const failed = (code: string) =>
      problemOf(new RestorePointError('file', 'No', { cause: Object.assign(new Error(), { code }) }));
    assert.deepEqual(failed('ENOENT'), { kind: 'gone', message: 'No' });
    assert.deepEqual(failed('EACCES'), { kind: 'unreadable', message: 'No' });
  });

  it('takes whatever was thrown', () => {
    assert.deepEqual(problemOf(new TypeError('odd')), { kind: 'unreadable', message: 'odd' });
    assert.deepEqual(problemOf('odd'), { kind: 'unreadable', message: 'odd' });
  });
});
