import { formatTableName } from '../../../../core/names.ts';
import { objectKey } from '../../../../core/schema.ts';
import type { PostgresObject } from '../postgresObject.ts';
import { type Host, indexOf, type ReadProperty, relations, requireHost, requireSame } from './host.ts';
import { readSwitch, readView } from './makers.ts';
import { dotted, reads } from './named.ts';
import type { QualifiedName, StatementReader } from './reader.ts';
import { requireName, requirePartName, requireRelation, requireTable } from './requirements.ts';
import { grants, owners, privileges, readDefaultPrivileges } from './roleProperties.ts';
import { isRelated, readAddedConstraint } from './tableParts.ts';
import { areSame, isSame, readTarget, readTargetOf, type Target } from './targets.ts';

const comments: ReadProperty = (reader, object, host) => {
  reader.take('comment on');
  const start = reader.place;
  const target = readTarget(reader);
  const text = reader.sql.slice(start, reader.place).trim();
  if (!isSame(target, host.target) && !isPartOf(target, host))
    reader.fail(`it does not refer to the ${objectKey(host.object)}`);
  const column = target.what === 'column' ? `${object.of} ${target.names[2]}` : text;
  if (object.name !== column) reader.fail('it refers to something with a different name');
  reader.take('is');
  reader.string();
};

/** Columns, constraints that are part of the statement of their table or domain, the index of a constraint. */
function isPartOf({ what, names }: Target, { target, object }: Host): boolean {
  switch (what) {
    case 'column':
      return [...relations, 'type'].includes(target.what) && areSame(names.slice(0, 2), target.names);
    case 'constraint':
      return target.what === 'table' && areSame(names.slice(1), target.names);
    case 'constraint of a domain':
      return target.what === 'domain' && areSame(names.slice(1), target.names);
    case 'index':
      return areSame(names, indexOf({ target, object }));
    default:
      return false;
  }
}

const tableSettings: ReadProperty = (reader, _object, host) => {
  reader.take('alter table only');
  requireHost(reader, ['table'], reader.qualified(), host);
  if (reader.maybe('inherit')) {
    const parent = reader.qualified();
    if (!isRelated(host.object, parent)) reader.fail('it inherits from a table that it does not need');
    return;
  }
  if (reader.maybe('of')) return void reader.qualified();
  readColumnSettings(reader, [
    'set default',
    'drop default',
    'set not null',
    'set storage',
    'set statistics',
    'set (',
  ]);
};

/** `ALTER COLUMN "a" SET …`, several of them with commas between. */
function readColumnSettings(reader: StatementReader, allowed: readonly string[]): void {
  do {
    reader.take('alter column');
    if (reader.peek().type === 'number') reader.next();
    else reader.identifier();
    const verb = reader.word();
    const what = reader.is('(') ? '(' : reader.word();
    const action = `${verb} ${what}`;
    if (!allowed.some((one) => one === action || one.startsWith(`${action} `)))
      reader.fail('it changes a column in a way that backups never do');
    if (what === '(') reader.group();
    else reader.upTo([',']);
  } while (reader.maybe(','));
}

const indexSettings: ReadProperty = (reader, _object, host) => {
  reader.take('alter index');
  if (!areSame(reader.qualified(), indexOf(host)))
    reader.fail(`it does not refer to the ${objectKey(host.object)}`);
  if (reader.maybe('set')) reader.group();
  else readColumnSettings(reader, ['set statistics']);
};

/** `ALTER TABLE … DISABLE TRIGGER x` of a trigger, a rule. */
const switched =
  (what: 'trigger' | 'rule'): ReadProperty =>
  (reader, _object, host) => {
    reader.take('alter table');
    const relation = reader.qualified();
    requireHost(reader, [what], [readSwitch(reader, what), ...relation], host);
  };

const constraintTriggerSettings: ReadProperty = (reader, _object, host) => {
  reader.take('alter table only');
  requireHost(reader, ['constraint triggers'], reader.qualified(), host);
  readSwitch(reader, 'trigger');
};

const schemaSettings: ReadProperty = (reader, _object, host) => {
  const comment = reader.maybe('comment on');
  if (!comment) reader.take('revoke all on');
  requireSame(reader, readTarget(reader), host);
  reader.take(comment ? 'is null' : 'from public');
};

const routineSettings: ReadProperty = (reader, _object, host) => {
  reader.take('alter');
  requireSame(reader, readTarget(reader), host);
  reader.take('depends on extension');
  reader.identifier();
};

const defaults: ReadProperty = (reader, object, host) => {
  reader.take('alter');
  if (!reader.maybe('view')) reader.take('table only');
  const relation = reader.qualified();
  requireHost(reader, ['table', 'view'], relation, host);
  reader.take('alter column');
  const column = reader.identifier();
  reader.take('set default');
  const isTables = object.table && object.name === `${formatTableName(object.table)} ${column}`;
  if (!isTables && !reads(object.name, ...dotted(relation), { name: column }))
    reader.fail('it refers to something with a different name');
  reader.onePart();
};

const compressions: ReadProperty = (reader, object, host) => {
  reader.take('alter');
  if (!reader.maybe('materialized view')) reader.take('table only');
  const relation = reader.qualified();
  requireHost(reader, ['table', 'materialized view'], relation, host);
  reader.take('alter column');
  requireName(reader, object, [...dotted(relation), { name: reader.identifier() }]);
  reader.take('set compression');
  reader.word();
};

/** `ALTER TABLE ONLY "a"."b"` of a table or materialized view that its name says too. */
function readOwnTable(reader: StatementReader, object: PostgresObject): QualifiedName {
  reader.take('alter table');
  reader.maybe('only');
  const relation = reader.qualified();
  requireRelation(reader, object, relation);
  requireName(reader, object, dotted(relation));
  return relation;
}

const rowSecurity: ReadProperty = (reader, object, host) => {
  reader.take('alter table');
  reader.maybe('only');
  requireHost(reader, ['table'], reader.qualified(), host);
  requireTable(reader, object.table, host.target.names as QualifiedName);
  if (!reader.maybe('force')) reader.take('enable');
  reader.take('row level security');
};

const clusterOrders: ReadProperty = (reader, object, host) => {
  const [schema] = readOwnTable(reader, object);
  reader.take('cluster on');
  if (!areSame([schema, reader.identifier()], indexOf(host))) reader.fail('it refers to another index');
};

const replicaIdentities: ReadProperty = (reader, object, host) => {
  const [schema] = readOwnTable(reader, object);
  reader.take('replica identity');
  if (reader.maybe('using index')) {
    if (!areSame([schema, reader.identifier()], indexOf(host))) reader.fail('it refers to another index');
  } else if (!reader.maybe('nothing')) reader.take('full');
};

const checks: ReadProperty = (reader, object, host) => {
  const { relation, name } = readAddedConstraint(reader, object, ['check', 'not']);
  requireHost(reader, ['table'], relation, host);
  requireTable(reader, object.table, relation);
  requirePartName(reader, object, name);
};

const domainChecks: ReadProperty = (reader, object, host) => {
  reader.take('alter domain');
  const domain = reader.qualified();
  requireHost(reader, ['domain'], domain, host);
  reader.take('add constraint');
  requireName(reader, object, [...dotted(domain), { name: reader.identifier() }]);
  reader.take('check');
  reader.onePart();
};

const sequenceOwners: ReadProperty = (reader, object, host) => {
  reader.take('alter sequence');
  requireHost(reader, ['sequence'], reader.qualified(), host);
  reader.take('owned by');
  requireTable(reader, object.table, reader.qualified());
  reader.take('.');
  reader.identifier();
};

/** Kinds that belong to another object and run only when that is created; no other kind may. */
export const properties: ReadonlyMap<string, ReadProperty> = new Map<string, ReadProperty>([
  ['owner', owners],
  ['comment', comments],
  ['privileges', privileges],
  ['privileges setting', grants],
  ['table setting', tableSettings],
  [
    'materialized view setting',
    (reader, _object, host) => {
      reader.take('alter materialized view');
      requireHost(reader, ['materialized view'], reader.qualified(), host);
      readColumnSettings(reader, ['set storage', 'set statistics', 'set (']);
    },
  ],
  ...['index', 'primary key', 'constraint'].map((kind): [string, ReadProperty] => [
    `${kind} setting`,
    indexSettings,
  ]),
  ['trigger setting', switched('trigger')],
  ['rule setting', switched('rule')],
  ['constraint triggers setting', constraintTriggerSettings],
  ['row-level security', rowSecurity],
  ['row-level security setting', rowSecurity],
  ['schema setting', schemaSettings],
  ['function setting', routineSettings],
  ['procedure setting', routineSettings],
  [
    'text search configuration setting',
    (reader, _object, host) => {
      reader.take('alter');
      requireSame(reader, readTarget(reader), host);
      reader.take('add mapping for');
      reader.upTo([]);
    },
  ],
  [
    'extended statistics setting',
    (reader, _object, host) => {
      reader.take('alter statistics');
      requireHost(reader, ['statistics'], reader.qualified(), host);
      reader.take('set statistics');
      reader.next();
    },
  ],
  [
    'event trigger setting',
    (reader, _object, host) => {
      reader.take('alter event trigger');
      requireHost(reader, ['event trigger'], [reader.identifier()], host);
      if (reader.maybe('disable')) return;
      reader.take('enable');
      if (!reader.maybe('always')) reader.maybe('replica');
    },
  ],
  ['default privileges setting', (reader, object) => void readDefaultPrivileges(reader, object)],
  ['default', defaults],
  ['column compression', compressions],
  ['cluster order', clusterOrders],
  ['replica identity', replicaIdentities],
  ['check constraint', checks],
  ['domain constraint', domainChecks],
  ['sequence owner', sequenceOwners],
  [
    'unlogged sequence',
    (reader, object, host) => {
      reader.take('alter sequence');
      const names = reader.qualified();
      requireHost(reader, ['sequence'], names, host);
      requireName(reader, object, dotted(names));
      reader.take('set unlogged');
    },
  ],
  [
    'view definition',
    (reader, object, host) => {
      const target = readView(reader, 'create or replace view');
      requireName(reader, object, dotted(target.names));
      requireSame(reader, target, host);
    },
  ],
  [
    'operator family members',
    (reader, object, host) => {
      reader.take('alter operator');
      const target = readTargetOf(reader, 'operator');
      requireSame(reader, target, host);
      const [schema = '', name = '', method = ''] = target.names;
      requireName(reader, object, [...dotted([schema, name]), 'using', { name: method }]);
      reader.take('add');
      reader.upTo([]);
    },
  ],
]);
