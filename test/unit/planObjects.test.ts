import assert from 'node:assert/strict';
import type { BackupPart } from '../../src/core/manifest.ts';
import type { RestoreMode, TablePlan } from '../../src/core/plan.ts';
import { objectKey, type DatabaseSchema, type SchemaObject, type Table } from '../../src/core/schema.ts';
import { statementRules } from '../../src/engines/postgres/restore/statementRules.ts';
import { type DatabaseAccess, schemaExtras } from '../../src/engines/postgres/schema/extras.ts';
import type { PostgresObject } from '../../src/engines/postgres/schema/postgresObject.ts';
import { type PlannedObjects, planObjects } from '../../src/restore/planObjects.ts';
import { manifestOf, plainTable } from '../support/manifests.ts';

const [orders, lines, events] = [plainTable('orders'), plainTable('lines'), plainTable('events')];

function object(key: string, changes: Partial<PostgresObject> = {}): SchemaObject {
  const [kind = '', name = ''] = key.split(':');
  return { kind, name, section: 'pre-data', sql: `CREATE ${key}`, needs: [], ...changes };
}

const ordersTable = object('table:public.orders', { table: orders.name });
const ordersIndex = object('index:public.orders_index', { table: orders.name, section: 'post-data' });
const ordersTrigger = object('trigger:log on public.orders', {
  table: orders.name,
  section: 'post-data',
  needs: ['function public.log()'],
});
const logFunction = object('function:public.log()');

interface Situation {
  /** Tables that the backup holds; all of them are restored. */
  readonly held?: readonly Table[];
  readonly live?: readonly Table[];
  readonly liveObjects?: readonly SchemaObject[];
  readonly mode?: RestoreMode;
  readonly everything?: boolean;
  readonly only?: BackupPart;
  readonly complete?: boolean;
  readonly restored?: readonly Table[];
  readonly access?: Partial<DatabaseAccess>;
}

function plan(objects: readonly SchemaObject[], situation: Situation = {}): PlannedObjects {
  const { held = [orders], live = [], liveObjects = [], mode = 'replace' } = situation;
  const payloads = held.map(({ name }) => ({ name: `data/${name.name}`, chunks: [] }));
  const manifest = manifestOf(held, payloads, { objects, complete: situation.complete ?? true });
  const restored = situation.restored ?? held;
  const tables = manifest.tables
    .filter(({ table }) => restored.includes(table))
    .map((backup): TablePlan => ({
      backup,
      target: backup.table.name,
      create: !live.includes(backup.table),
      columns: backup.columns,
      rowsNow: 0,
      inbound: [],
      drift: [],
    }));
  const access = { superuser: false, roles: ['me'], actsAs: ['me'], ...situation.access };
  const schema: DatabaseSchema = {
    tables: live,
    objects: liveObjects,
    sequences: [],
    leftOut: [],
    ...(situation.access ? { extras: schemaExtras({ access }) } : {}),
  };
  const features = {
    schemas: true,
    createsDatabase: false,
    caseInsensitiveNames: false,
    transactionalDdl: true,
    isFile: false,
  };
  const { everything = true, only } = situation;
  return planObjects(manifest, tables, { schema, features, statements: statementRules }, mode, {
    everything,
    only,
  });
}

function created(objects: readonly SchemaObject[], situation?: Situation): string[] {
  return plan(objects, situation).create.map(objectKey);
}

describe('planObjects', () => {
  it('makes all of a whole backup in an empty database, in its order', () => {
    const objects = [logFunction, ordersTable, ordersIndex, ordersTrigger];
    assert.deepEqual(created(objects), objects.map(objectKey));
  });

  it('makes nothing that is there', () => {
    const objects = [logFunction, ordersTable, ordersIndex, ordersTrigger];
    assert.deepEqual(created(objects, { live: [orders], liveObjects: objects }), []);
  });

  it('tells objects of the same name by their tables', () => {
    const mine = object('trigger:log', { table: orders.name, section: 'post-data' });
    const theirs = object('trigger:log', { table: lines.name, section: 'post-data' });
    const situation = { held: [orders, lines], live: [orders, lines], liveObjects: [theirs] };
    const { create } = plan([mine, theirs], situation);
    assert.deepEqual(create, [mine]);
  });

  it('makes indexes and triggers again on a table that is replaced, and leaves others as they are', () => {
    const objects = [logFunction, ordersTable, ordersIndex, ordersTrigger];
    const situation = { live: [orders], liveObjects: [ordersTable] };
    const again = [logFunction, ordersIndex, ordersTrigger].map(objectKey);
    assert.deepEqual(created(objects, { ...situation, everything: false }), again);
    assert.deepEqual(created(objects, { ...situation, everything: false, mode: 'merge' }), []);
    assert.deepEqual(created(objects, situation), again);
    assert.deepEqual(created(objects, { ...situation, mode: 'merge' }), ['function public.log()']);
  });

  it('brings with a chosen table what it needs, and nothing beside it', () => {
    const unused = object('type:public.unused');
    const used = object('type:public.state', { needs: ['schema public'] });
    const schema = object('schema:public');
    const table = { ...ordersTable, needs: ['type public.state'] };
    const others = object('table:public.lines', { table: lines.name });
    const objects = [schema, unused, used, table, others];
    const situation = { held: [orders, lines], restored: [orders], everything: false };
    assert.deepEqual(created(objects, situation), [schema, used, table].map(objectKey));
  });

  it('touches no table of the backup that was not chosen', () => {
    const base = object('table:public.lines', { table: lines.name });
    const table = { ...ordersTable, needs: ['table public.lines'] };
    const situation = { held: [orders, lines], restored: [orders], everything: false };
    const { create, refusals } = plan([base, table], situation);
    assert.deepEqual(create, []);
    const reason = 'it is missing and cannot be created: it needs table public.lines';
    assert.deepEqual(refusals, [{ table: orders.name, reason }]);
    const there = plan([base, table], { ...situation, live: [lines], liveObjects: [base] });
    assert.deepEqual(there.create.map(objectKey), ['table public.orders']);
  });

  it('brings all of a table without rows with its part', () => {
    const parent = object('table:public.events', { table: events.name });
    const trigger = object('trigger:log on public.events', { table: events.name, section: 'post-data' });
    const part = object('partition:public.orders', {
      table: orders.name,
      needs: ['table public.events', 'table public.orders'],
    });
    const objects = [parent, ordersTable, part, trigger];
    assert.deepEqual(created(objects, { everything: false }), objects.map(objectKey));
  });

  it('leaves out what lacks something, with the reason, and its properties without a word', () => {
    const needs = ['function public.gone()'];
    const view = object('view:public.totals', { section: 'post-data', needs });
    const comment = object('comment:view public.totals', { of: 'view public.totals' });
    const above = object('view:public.sums', { section: 'post-data', needs: ['view public.totals'] });
    const { create, warnings } = plan([ordersTable, view, comment, above]);
    assert.deepEqual(create, [ordersTable]);
    assert.deepEqual(warnings, [
      'not restored: view public.totals: it needs function public.gone()',
      'not restored: view public.sums: it needs view public.totals',
    ]);
  });

  it('runs properties only for what is made', () => {
    const comment = object('comment:type public.state', { of: 'type public.state' });
    const type = object('type:public.state');
    assert.deepEqual(created([type, comment]), ['type public.state', 'comment type public.state']);
    assert.deepEqual(created([type, comment], { liveObjects: [type] }), []);
  });

  it('runs what brings data also where it is there', () => {
    const view = object('materialized view:public.sums');
    const refresh = object('materialized view data:public.sums', {
      repeat: true,
      section: 'post-data',
      needs: ['materialized view public.sums'],
    });
    assert.deepEqual(created([view, refresh], { liveObjects: [view, refresh] }), [objectKey(refresh)]);
  });

  it('brings data by the statement of the database, and by that of a whole backup where it has another', () => {
    const view = object('materialized view:public.sums');
    const empty = object('materialized view data:public.sums', { repeat: true, sql: 'empty' });
    const full = { ...empty, sql: 'fill' };
    const run = (live: SchemaObject, situation: Situation = {}) =>
      plan([view, empty], { ...situation, liveObjects: [view, live] }).create.map(({ sql, live: own }) => [
        sql,
        own === true,
      ]);
    assert.deepEqual(run(empty), [['empty', true]]);
    assert.deepEqual(run(full), [['empty', false]]);
    assert.deepEqual(run(full, { only: 'data' }), [['fill', true]]);
    assert.deepEqual(run(full, { mode: 'merge' }), [['fill', true]]);
  });

  it('passes over what this user cannot make, and says why', () => {
    const owner = object('owner:table public.orders', {
      of: 'table public.orders',
      roles: ['gone'],
      actsAs: 'gone',
    });
    const theirs = object('owner:function public.log()', {
      of: 'function public.log()',
      roles: ['other'],
      actsAs: 'other',
    });
    const shell = object('base type:public.shell', { superuser: true });
    const objects = [logFunction, theirs, ordersTable, owner, shell];
    const access = { roles: ['me', 'other'], actsAs: ['me'] };
    const { create, warnings } = plan(objects, { access });
    assert.deepEqual(create, [logFunction, ordersTable]);
    assert.match(warnings.join('\n'), /owner table public\.orders: there is no role gone/);
    assert.match(warnings.join('\n'), /the user is not a member of the role other/);
    assert.match(
      warnings.join('\n'),
      /base type public\.shell: only a superuser can create it: CREATE base type/,
    );
    const all = plan(objects, { access: { ...access, superuser: true, roles: ['me', 'other', 'gone'] } });
    assert.deepEqual(all.create, objects);
  });

  it('refuses a table that is missing and cannot be made', () => {
    const { refusals } = plan([{ ...ordersTable, needs: ['type public.gone'] }]);
    const reason = 'it is missing and cannot be created: it needs type public.gone';
    assert.deepEqual(refusals, [{ table: orders.name, reason }]);
  });

  it('folds names where the engine does', () => {
    const table = object('table:Orders', { table: orders.name });
    const live = { ...orders, name: { ...orders.name, name: 'ORDERS' } };
    const payloads = [{ name: 'data/orders', chunks: [] }];
    const manifest = manifestOf([orders], payloads, { objects: [table] });
    const [backup] = manifest.tables;
    const tablePlan: TablePlan = {
      ...{ backup: backup!, target: live.name, create: false, columns: backup!.columns },
      ...{ rowsNow: 0, inbound: [], drift: [] },
    };
    const schema: DatabaseSchema = { tables: [live], objects: [], sequences: [], leftOut: [] };
    const features = {
      schemas: false,
      createsDatabase: true,
      caseInsensitiveNames: true,
      transactionalDdl: true,
      isFile: true,
    };
    const { create } = planObjects(manifest, [tablePlan], { schema, features }, 'replace', {
      everything: true,
    });
    assert.deepEqual(create, []);
  });

  it('follows chains of needs however long they are, and circles', () => {
    const last = 100_000;
    const chain = Array.from({ length: last }, (_, index) =>
      object(`function:f${index}`, { needs: [`function f${index + 1}`] }),
    );
    assert.deepEqual(plan(chain).create, []);
    const end = object(`function:f${last}`, { needs: ['function f0'] });
    assert.equal(plan([...chain, end]).create.length, last + 1);
  });
});
