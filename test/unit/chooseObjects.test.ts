import assert from 'node:assert/strict';
import { chooseObjects } from '../../src/backup/chooseObjects.ts';
import { objectKey, type DatabaseSchema, type SchemaObject } from '../../src/core/schema.ts';
import { plainTable } from '../support/manifests.ts';

const [orders, lines, events] = [plainTable('orders'), plainTable('lines'), plainTable('events')];

function object(key: string, changes: Partial<SchemaObject> = {}): SchemaObject {
  const [kind = '', name = ''] = key.split(':');
  return { kind, name, section: 'pre-data', sql: `CREATE ${key}`, needs: [], ...changes };
}

function chosen(objects: readonly SchemaObject[], taken = [orders]): string[] {
  const tables = [orders, lines, { ...events, holdsRows: false }];
  const schema: DatabaseSchema = { tables, objects, sequences: [], leftOut: [] };
  return chooseObjects(
    schema,
    taken.map(({ name }) => name),
  ).map(objectKey);
}

describe('chooseObjects', () => {
  it('takes what belongs to the tables, in the order of the schema', () => {
    const objects = [
      object('table:lines', { table: lines.name }),
      object('table:orders', { table: orders.name }),
      object('index:orders_index', { table: orders.name, section: 'post-data' }),
      object('index:lines_index', { table: lines.name, section: 'post-data' }),
    ];
    assert.deepEqual(chosen(objects), ['table orders', 'index orders_index']);
    assert.deepEqual(chosen(objects, [orders, lines]), objects.map(objectKey));
  });

  it('takes what these need, at last, and nothing beside it', () => {
    const objects = [
      object('schema:public'),
      object('type:state', { needs: ['schema public'] }),
      object('type:unused', { needs: ['schema public'] }),
      object('table:orders', { table: orders.name, needs: ['type state'] }),
      object('view:totals', { section: 'post-data', needs: ['table orders'] }),
    ];
    assert.deepEqual(chosen(objects), ['schema public', 'type state', 'table orders']);
  });

  it('takes a table that another needs before its rows, and none that only a key needs after them', () => {
    const base = object('table:lines', { table: lines.name });
    const own = object('table:orders', { table: orders.name, needs: ['table lines'] });
    assert.deepEqual(chosen([base, own]), ['table lines', 'table orders']);
    const key = object('foreign key:orders lines', {
      table: orders.name,
      section: 'post-data',
      needs: ['table orders', 'table lines'],
    });
    const alone = object('table:orders', { table: orders.name });
    assert.deepEqual(chosen([base, alone, key]), ['table orders', 'foreign key orders lines']);
  });

  it('takes all of a partitioned table with its partition', () => {
    const objects = [
      object('function:note'),
      object('table:events', { table: events.name }),
      object('table:orders', { table: orders.name }),
      object('partition:orders', { table: orders.name, needs: ['table events', 'table orders'] }),
      object('trigger:note', { table: events.name, section: 'post-data', needs: ['function note'] }),
    ];
    assert.deepEqual(chosen(objects), objects.map(objectKey));
  });

  it('takes properties with what they are properties of', () => {
    const objects = [
      object('type:state'),
      object('comment:type state', { of: 'type state' }),
      object('type:unused'),
      object('comment:type unused', { of: 'type unused' }),
      object('table:orders', { table: orders.name, needs: ['type state'] }),
    ];
    assert.deepEqual(chosen(objects), ['type state', 'comment type state', 'table orders']);
    // A property that is needed brings what it belongs to.
    const needed = [
      object('view:totals'),
      object('view definition:totals', { of: 'view totals' }),
      object('table:orders', { table: orders.name, needs: ['view definition totals'] }),
    ];
    assert.deepEqual(chosen(needed), ['view totals', 'view definition totals', 'table orders']);
  });

  it('takes what belongs to no table where nothing tells what needs what', () => {
    const { needs: _, ...view } = object('view:totals', { section: 'post-data' });
    const { needs: __, ...index } = object('index:lines_index', { table: lines.name });
    const { needs: ___, ...table } = object('table:orders', { table: orders.name });
    assert.deepEqual(chosen([table, index, view]), ['table orders', 'view totals']);
  });

  it('ends where needs go in a circle', () => {
    const objects = [
      object('function:a', { needs: ['function b'] }),
      object('function:b', { needs: ['function a'] }),
      object('table:orders', { table: orders.name, needs: ['function a'] }),
    ];
    assert.deepEqual(chosen(objects), objects.map(objectKey));
  });
});
