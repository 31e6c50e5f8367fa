import assert from 'node:assert/strict';
import type { SchemaObject } from '../../src/core/schema.ts';
import {
  asExtras,
  type BackedUpLargeObjects,
  plannedLargeObjects,
  schemaExtras,
} from '../../src/engines/postgres/schema/extras.ts';
import { plainTable } from '../support/manifests.ts';
import { backupOf, plan, refusal } from '../support/plans.ts';

describe('planRestore: what the server lacks', () => {
  const made = plainTable('orders');
  const object = (changes: Partial<SchemaObject>): SchemaObject => ({
    kind: 'table',
    name: 'public.orders',
    table: made.name,
    section: 'pre-data',
    sql: 'CREATE TABLE orders (id integer)',
    needs: [],
    ...changes,
  });
  const index = object({
    kind: 'index',
    name: 'public.i',
    section: 'post-data',
    needs: ['table public.orders'],
  });
  const server = { version: 15, offers: ['extension citext'] };

  it('refuses a table whose statement an older server does not know', () => {
    const objects = [object({ uses: [{ name: 'virtual generated columns', since: 18 }] })];
    const error = refusal(() => plan(backupOf([made], { objects }), [], { schema: { server } }));
    assert.equal(error.code, 'refused');
    assert.match(error.message, /server version 18 or later: virtual generated columns/);
    const { create } = plan(backupOf([made], { objects }), [], {
      schema: { server: { ...server, version: 18 } },
    });
    assert.deepEqual(create, objects);
  });

  it('leaves out what a table can do without, and what needs that, and warns', () => {
    const uses = [{ name: 'NULLS NOT DISTINCT', since: 16 }];
    const comment = object({ kind: 'comment', name: 'i', section: 'post-data', of: 'index public.i' });
    const objects = [object({}), { ...index, uses }, comment];
    const planned = plan(backupOf([made], { objects }), [], { schema: { server } });
    assert.deepEqual(planned.create, [objects[0]]);
    assert.deepEqual(planned.warnings, [
      'not restored: index public.i: it needs server version 16 or later: NULLS NOT DISTINCT',
    ]);
  });

  it('asks the server for what depends on how it was built', () => {
    const extension = (name: string): SchemaObject => ({
      kind: 'extension',
      name,
      section: 'pre-data',
      sql: `CREATE EXTENSION "${name}"`,
      needs: [],
      uses: [{ name: `extension ${name}` }],
    });
    const objects = [
      extension('citext'),
      extension('postgis'),
      object({}),
      { ...index, needs: ['extension postgis'] },
    ];
    const planned = plan(backupOf([made], { objects }), [], { schema: { server } });
    assert.deepEqual(planned.create, [objects[0], objects[2]]);
    assert.deepEqual(planned.warnings, [
      'not restored: extension postgis: the server does not support this: extension postgis',
      'not restored: index public.i: it needs extension postgis',
    ]);
  });
});

describe('planRestore: large objects', () => {
  const stored = { payload: 'data/1-x', rows: 3, digest: '0'.repeat(16) };
  const largeObjects: BackedUpLargeObjects = {
    objects: stored,
    pieces: stored,
    owners: ['a', 'b', 'gone'],
    grantees: ['b', 'gone'],
    grantors: ['b'],
  };
  const access = { superuser: false, roles: ['me', 'a', 'b'], actsAs: ['me', 'a'] };

  it('are overwritten by replace alone', () => {
    for (const mode of ['replace', 'merge', 'insert-missing'] as const) {
      const planned = plan(backupOf([], { extras: asExtras(largeObjects) }), [], {
        mode,
        schema: { extras: schemaExtras({ largeObjects: 5 }) },
      });
      assert.equal(plannedLargeObjects(planned)?.overwrite, mode === 'replace');
      assert.equal(plannedLargeObjects(planned)?.now, 5);
      assert.equal(planned.extras?.overwrites, mode === 'replace');
    }
  });

  it('are no part of a restore of some tables', () => {
    const planned = plan(backupOf([plainTable('orders')], { extras: asExtras(largeObjects) }), [], {
      tables: ['orders'],
    });
    assert.equal(planned.extras, undefined);
  });

  it('come with the owners and rights that this user can give, and warn of the others', () => {
    const planned = plan(backupOf([], { extras: asExtras(largeObjects) }), [], {
      schema: { extras: schemaExtras({ access }) },
    });
    const { owners, grantees, grantors } = plannedLargeObjects(planned)!;
    assert.deepEqual({ owners, grantees, grantors }, { owners: ['a'], grantees: ['b'], grantors: [] });
    assert.deepEqual(planned.warnings, [
      'not restored: large objects: owner, with all rights, gone: the role does not exist',
      'not restored: large objects: owner, with all rights, b: the user is not a member of it',
      'not restored: large objects: rights of gone: the role does not exist',
      'not restored: large objects: rights given by b: the user is not a member of it',
    ]);
  });
});
