import assert from 'node:assert/strict';
import { formatTableName } from '../../src/core/names.ts';
import type { RestoreMode } from '../../src/core/plan.ts';
import type { SchemaObject, Table } from '../../src/core/schema.ts';
import type { SessionFeatures } from '../../src/engines/engine.ts';
import { compareTable } from '../../src/restore/compareTable.ts';
import { plainTable } from '../support/manifests.ts';
import { backupOf, foreignKeyTo, plan, refusal } from '../support/plans.ts';

describe('planRestore', () => {
  it('writes the tables that are there and creates those that are missing', () => {
    const [orders, lines] = [plainTable('orders'), plainTable('lines')];
    const objects = [
      { kind: 'schema', name: 'public', section: 'pre-data' as const, sql: 'CREATE SCHEMA public' },
      {
        kind: 'table',
        name: 'orders',
        table: orders.name,
        section: 'pre-data' as const,
        sql: 'CREATE TABLE orders ()',
      },
      {
        kind: 'table',
        name: 'lines',
        table: lines.name,
        section: 'pre-data' as const,
        sql: 'CREATE TABLE lines ()',
      },
      { kind: 'view', name: 'totals', section: 'post-data' as const, sql: 'CREATE VIEW totals' },
    ];
    const { tables, create } = plan(backupOf([orders, lines], { objects }), [orders]);
    assert.deepEqual(
      tables.map((table) => [table.target.name, table.create, table.rowsNow]),
      [
        ['orders', false, 7],
        ['lines', true, 0],
      ],
    );
    assert.deepEqual(
      create.map((object) => object.name),
      ['public', 'lines', 'totals'],
    );
  });

  it('does not create again what is there, nor anything beside the chosen tables', () => {
    const [orders, lines] = [plainTable('orders'), plainTable('lines')];
    const view = { kind: 'view', name: 'totals', section: 'post-data' as const, sql: 'CREATE VIEW totals' };
    const manifest = backupOf([orders, lines], { objects: [view] });
    assert.deepEqual(plan(manifest, [orders, lines], { schema: { objects: [view] } }).create, []);
    assert.deepEqual(plan(manifest, [orders, lines], { tables: ['orders'] }).create, []);
  });

  it('puts referenced tables first, and survives circles and long chains', () => {
    const names = (tables: readonly Table[]): string[] =>
      plan(backupOf(tables), tables).tables.map((table) => table.target.name);
    const a = plainTable('a', { foreignKeys: [foreignKeyTo('b')] });
    const b = plainTable('b', { foreignKeys: [foreignKeyTo('c')] });
    assert.deepEqual(names([a, b, plainTable('c')]), ['c', 'b', 'a']);
    const circle = names([a, b, plainTable('c', { foreignKeys: [foreignKeyTo('a'), foreignKeyTo('c')] })]);
    assert.deepEqual([...circle].sort(), ['a', 'b', 'c']);
    const chain = Array.from({ length: 3000 }, (_, index) =>
      plainTable(`t${index}`, { foreignKeys: [foreignKeyTo(`t${index + 1}`)] }),
    );
    assert.equal(names(chain)[0], 't2999');
  });

  it('names foreign keys that point in from tables that are not restored', () => {
    const lines = plainTable('lines', { foreignKeys: [foreignKeyTo('orders')] });
    const { tables } = plan(backupOf([plainTable('orders')]), [plainTable('orders'), lines]);
    assert.deepEqual(
      tables[0]?.inbound.map(({ from, name }) => [formatTableName(from), name]),
      [['public.lines', 'to_orders']],
    );
  });

  it('tells of columns that differ, and refuses where values would be lost', () => {
    const then = plainTable('orders');
    const note = { name: 'note', type: 'varchar(5)', notNull: false };
    const wider = plainTable('orders', { columns: [then.columns[0]!, note, { ...note, name: 'extra' }] });
    assert.deepEqual(plan(backupOf([then]), [wider]).tables[0]?.drift, [
      'the column note was text and is varchar(5) now',
      'the column extra is new since the backup; restored rows get its default',
    ]);
    const narrower = plainTable('orders', { columns: [then.columns[0]!] });
    const lost = refusal(() => plan(backupOf([then]), [narrower]));
    assert.equal(lost.code, 'refused');
    assert.match(lost.message, /public\.orders: the column note of the backup no longer exists/);
    const strict = plainTable('orders', {
      columns: [...then.columns, { ...note, name: 'must', notNull: true }],
    });
    assert.match(refusal(() => plan(backupOf([then]), [strict])).message, /must is new since the backup/);
    const computed = plainTable('orders', { columns: [then.columns[0]!, { ...note, generated: 'stored' }] });
    assert.match(refusal(() => plan(backupOf([then]), [computed])).message, /note is now generated/);
  });

  it('gives every reason of a refusal at once', () => {
    const { primaryKey: _key, ...rest } = plainTable('log');
    const log: Table = rest;
    const orders = plainTable('orders', { columns: [plainTable('orders').columns[0]!] });
    const error = refusal(() =>
      plan(backupOf([plainTable('orders'), log]), [orders, log], { mode: 'merge' }),
    );
    assert.match(error.message, /public\.orders: the column note.*; public\.log: it has no primary key/);
    assert.equal(error.details.unchanged, 'Nothing was changed.');
  });

  it('restores a table without a key in replace only, and takes a unique key without NULLs for one', () => {
    const { primaryKey: _key, ...rest } = plainTable('log');
    const log: Table = rest;
    assert.equal(plan(backupOf([log]), [log]).tables[0]?.key, undefined);
    for (const mode of ['merge', 'insert-missing'] as const) {
      assert.match(refusal(() => plan(backupOf([log]), [log], { mode })).message, /only the mode replace/);
      const unique = {
        ...log,
        uniqueKeys: [
          { columns: ['note'], notNull: false },
          { columns: ['id'], notNull: true },
        ],
      };
      assert.deepEqual(plan(backupOf([unique]), [unique], { mode }).tables[0]?.key, ['id']);
    }
  });

  it('says that a partial backup replaces the whole table', () => {
    const manifest = backupOf([plainTable('orders')]);
    const partial = { ...manifest, tables: manifest.tables.map((table) => ({ ...table, where: 'id < 5' })) };
    assert.match(
      plan(partial, [plainTable('orders')]).warnings.join(),
      /only the rows where id < 5.*removes all other rows/,
    );
    assert.deepEqual(plan(partial, [plainTable('orders')], { mode: 'merge' }).warnings, []);
  });

  it('refuses tables that the backup does not hold, and says which it holds', () => {
    const error = refusal(() => plan(backupOf([plainTable('orders')]), [], { tables: ['order'] }));
    assert.equal(error.code, 'usage');
    assert.match(error.details.next ?? '', /It contains: public\.orders\./);
    const none = refusal(() => plan(backupOf([]), [], { tables: ['order'] }));
    assert.equal(none.details.next, 'It contains no tables.');
  });

  it('warns where what it makes would not be undone', () => {
    const warning = /does not roll back new objects/;
    const features = { transactionalDdl: false };
    assert.match(plan(backupOf([plainTable('t')]), [], { features }).warnings.join(), warning);
    assert.doesNotMatch(plan(backupOf([plainTable('t')]), []).warnings.join(), warning);
    const there = plan(backupOf([plainTable('t')]), [plainTable('t')], { features });
    assert.doesNotMatch(there.warnings.join(), warning);
  });

  it('finds tables and columns in another case where the engine does', () => {
    const then = plainTable('Orders', { name: { name: 'Orders' } });
    const now = plainTable('orders', {
      name: { name: 'orders' },
      columns: then.columns.map((column) => ({ ...column, name: column.name.toUpperCase() })),
    });
    const [table] = plan(backupOf([then]), [now], { features: { caseInsensitiveNames: true } }).tables;
    assert.equal(table?.create, false);
    assert.equal(table.target.name, 'orders');
    assert.equal(plan(backupOf([then]), [now]).tables[0]?.create, true);
  });

  it('keeps names apart that differ in more than the case of A to Z', () => {
    const named = (name: string): Table => plainTable(name, { name: { name } });
    const live = ['É', 'é', '\u212a'].map(named);
    const { tables } = plan(backupOf(['é', 'É', 'k'].map(named)), live, {
      features: { caseInsensitiveNames: true },
    });
    assert.deepEqual(
      tables.map(({ backup, target, create }) => [backup.table.name.name, target.name, create]),
      [
        ['é', 'é', false],
        ['É', 'É', false],
        ['k', 'k', true],
      ],
    );
    const columns = (...names: string[]): Table => {
      const table = plainTable('t');
      return { ...table, columns: names.map((name) => ({ name, type: 'TEXT', notNull: false })) };
    };
    const { drift, refusals } = compareTable(
      backupOf([columns('É', 'k')]).tables[0]!,
      columns('é', 'K', '\u212a'),
      { caseInsensitiveNames: true } as SessionFeatures,
    );
    assert.match(refusals.join('\n'), /^the column É of the backup no longer exists/);
    assert.equal(refusals.length, 1);
    assert.deepEqual(
      drift.map((line) => line.split(' ')[2]),
      ['é', '\u212a'],
    );
  });

  describe('an index, a trigger and a key', () => {
    const [orders, lines] = [plainTable('orders'), plainTable('lines')];
    const part = (kind: string, name: string, table: Table): SchemaObject => ({
      kind,
      name,
      table: table.name,
      section: 'post-data',
      sql: `CREATE ${kind} ${name}`,
    });
    const objects = [
      part('table', 'orders', orders),
      part('index', 'kept', orders),
      part('index', 'lost', orders),
      part('trigger', 'kept', orders),
      part('trigger', 'lost', orders),
      part('constraint', 'lost', orders),
      part('index', 'other', lines),
    ];
    const manifest = backupOf([orders, lines], { objects });
    const schema = { objects: [objects[0]!, objects[1]!, objects[3]!] };
    const created = (mode: RestoreMode, tables?: string[]): string[] =>
      plan(manifest, [orders, lines], { mode, schema, ...(tables ? { tables } : {}) }).create.map(
        ({ kind, name }) => `${kind} ${name}`,
      );

    it('that a live table has lost come back when it is replaced', () => {
      const lost = ['index lost', 'trigger lost', 'constraint lost'];
      assert.deepEqual(created('replace'), [...lost, 'index other']);
      assert.deepEqual(created('replace', ['orders']), lost);
    });

    it('are not made where rows are only added to a table', () => {
      assert.deepEqual(created('merge'), []);
      assert.deepEqual(created('insert-missing'), []);
    });

    it('of the same name on another table are others', () => {
      const elsewhere = { objects: [part('index', 'lost', lines)] };
      const { create } = plan(backupOf([orders], { objects: [objects[2]!] }), [orders, lines], {
        schema: elsewhere,
      });
      assert.deepEqual(create, [objects[2]]);
    });
  });

  it('is whole only with all of a complete backup', () => {
    const manifest = backupOf([plainTable('orders')]);
    assert.equal(plan(manifest, []).whole, true);
    assert.equal(plan(manifest, [], { tables: ['orders'] }).whole, false);
    assert.equal(plan({ ...manifest, complete: false }, []).whole, false);
  });
});
