import assert from 'node:assert/strict';
import { refuseUnreadable } from '../../src/backup/refuseUnreadable.ts';
import { RestorePointError } from '../../src/core/errors.ts';
import type { RestorePlan } from '../../src/core/plan.ts';
import type { DatabaseSchema, UnreadableTable } from '../../src/core/schema.ts';
import { newOwnerOf } from '../../src/engines/postgres/restore/newOwners.ts';
import { statementRules } from '../../src/engines/postgres/restore/statementRules.ts';
import { type DatabaseAccess, schemaExtras } from '../../src/engines/postgres/schema/extras.ts';
import type { PostgresObject } from '../../src/engines/postgres/schema/postgresObject.ts';
import { allowedPart } from '../../src/restore/allowedPart.ts';
import { obstacleOf } from '../../src/restore/planObjects.ts';
import { manifestOf, plainTable } from '../support/manifests.ts';

const object = (kind: string, name: string, changes: Partial<PostgresObject> = {}): PostgresObject => ({
  kind,
  name,
  section: 'pre-data',
  sql: `CREATE ${kind} ${name}`,
  needs: [],
  ...changes,
});

const schemaOf = (
  objects: readonly PostgresObject[],
  changes: Partial<DatabaseAccess> & { readonly unreadable?: readonly UnreadableTable[] } = {},
): DatabaseSchema => {
  const { unreadable = [], ...other } = changes;
  const access = { superuser: false, roles: ['me', 'boss'], actsAs: ['me'], ...other };
  return { tables: [], objects, sequences: [], leftOut: [], unreadable, extras: schemaExtras({ access }) };
};

const owner = (role: string): PostgresObject =>
  object('owner', 'schema public', {
    of: 'schema public',
    actsAs: role,
    roles: [role],
    sql: `OWNER ${role}`,
  });
const usual = object('schema', 'public', { usual: 'DROP' });
const changed = [
  object('schema', 'public'),
  object('comment', 'c', { of: 'schema public', sql: 'COMMENT' }),
  owner('me'),
];
const rights = object('privileges', 'p', { of: 'schema public', section: 'post-data', sql: 'GRANT' });

describe('planning what every new database has', () => {
  const plan = (
    backup: readonly PostgresObject[],
    live: DatabaseSchema,
    mode: RestorePlan['mode'] = 'replace',
  ): { first: string[]; last: string[]; warnings: readonly string[] } => {
    const manifest = manifestOf([], [], { objects: backup });
    const obstacle = (one: PostgresObject) => obstacleOf(one, { schema: live, statements: statementRules });
    const { first, last, warnings } = statementRules.planGiven(manifest, live, mode, obstacle);
    return { first: first.map(({ sql }) => sql), last: last.map(({ sql }) => sql), warnings };
  };

  it('brings the properties that the backup has of it, rights last', () => {
    const found = plan([...changed, rights], schemaOf([usual, owner('me')]));
    assert.deepEqual(found, { first: ['COMMENT'], last: ['GRANT'], warnings: [] });
  });

  it('brings nothing where it is usual in the backup, or not in the target', () => {
    const nothing = { first: [], last: [], warnings: [] };
    assert.deepEqual(plan([usual, owner('boss')], schemaOf([usual, owner('me')])), nothing);
    assert.deepEqual(plan(changed, schemaOf([object('schema', 'public'), owner('me')])), nothing);
    assert.deepEqual(plan(changed, schemaOf([])), nothing);
  });

  it('tells what only its owner may change, with the statement', () => {
    const { first, warnings } = plan(changed, schemaOf([usual, owner('boss')]));
    assert.deepEqual(first, []);
    assert.match(
      warnings.join('\n'),
      /^not restored: comment c: only its owner, boss, may change it: COMMENT$/m,
    );
    assert.deepEqual(plan(changed, schemaOf([usual, owner('boss')], { superuser: true })).warnings, []);
  });

  it('takes it away only by replace, and only where nothing needs it', () => {
    const other = [object('table', 's.t')];
    const found = plan(other, schemaOf([usual, owner('me')]));
    assert.deepEqual(found.first, ['DROP']);
    assert.deepEqual(found.warnings, ['schema public is empty and not in the backup: it will be removed']);
    assert.deepEqual(plan(other, schemaOf([usual, owner('me')]), 'merge').first, []);
    const used = object('table', 'public.t', { needs: ['schema public'] });
    assert.deepEqual(plan(other, schemaOf([usual, owner('me'), used])).first, []);
    assert.deepEqual(
      plan([], schemaOf([usual, owner('me')])).first,
      [],
      'a backup without a schema says nothing',
    );
  });
});

describe('what a user may not do', () => {
  const plan: RestorePlan = {
    mode: 'replace',
    whole: true,
    tables: [],
    create: [usual, rights],
    sequences: [],
    warnings: ['before'],
  };
  const refusal = (table: string): RestorePointError =>
    new RestorePointError('refused', 'No', { place: { table }, next: 'Ask.' });

  it('is passed over where it can be, and told with the statement', () => {
    const allowed = allowedPart(plan, { refusals: [], impossible: [{ object: rights, reason: 'not you' }] });
    assert.deepEqual(allowed.create, [usual]);
    assert.deepEqual(allowed.warnings, ['before', 'not restored: privileges p: not you: GRANT']);
  });

  it('stops the restore with every reason', () => {
    const one = refusal('a');
    assert.throws(() => allowedPart(plan, { refusals: [one], impossible: [] }), one);
    assert.throws(() => allowedPart(plan, { refusals: [one, refusal('b')], impossible: [] }), {
      code: 'refused',
      message: 'a: No. Ask; b: No. Ask',
    });
  });

  it('stops a backup only for tables that were chosen', () => {
    const [a, b] = [plainTable('a'), plainTable('b')];
    const closed = { table: b.name, reason: 'Closed', remedy: 'GRANT it', owned: false };
    const schema = schemaOf([], { unreadable: [closed] });
    refuseUnreadable(schema, [{ table: a }]);
    assert.throws(() => refuseUnreadable(schema, [{ table: a }, { table: b }]), {
      code: 'refused',
      message: 'Closed',
    });
  });

  it('reads out of a statement who will own something, and where', () => {
    const of = (sql: string): unknown => newOwnerOf({ kind: 'owner', sql });
    assert.deepEqual(of('ALTER TABLE "a ""b"."c" OWNER TO "d.e"'), { role: 'd.e', schema: 'a "b' });
    assert.deepEqual(of('ALTER FUNCTION "s"."f"(text, "x"."y") OWNER TO "r"'), { role: 'r', schema: 's' });
    assert.deepEqual(of('ALTER OPERATOR s.+ (integer, integer) OWNER TO "r"'), { role: 'r', schema: 's' });
    assert.deepEqual(of('ALTER SCHEMA "s.t" OWNER TO "r"'), { role: 'r' });
    assert.deepEqual(of('ALTER PUBLICATION p OWNER TO "r"'), { role: 'r' });
    assert.equal(of('ALTER EVENT TRIGGER e OWNER TO "r"'), undefined);
    assert.equal(newOwnerOf({ kind: 'table', sql: 'ALTER TABLE "a"."b" OWNER TO "r"' }), undefined);
  });
});
