import { dotted } from './named.ts';
import type { StatementReader } from './reader.ts';
import { readTable } from './readTable.ts';
import {
  type ReadMaker,
  requireName,
  requirePartName,
  requireRelation,
  requireTable,
} from './requirements.ts';
import { routineMakers } from './routineMakers.ts';
import { isRelated, readAddedConstraint } from './tableParts.ts';
import type { Target } from './targets.ts';

/** `CREATE <words> "a"."b"` and what `rest` reads, of a kind that is called like that. */
const inSchema =
  (words: string, what: string, rest: (reader: StatementReader) => void): ReadMaker =>
  (reader, object) => {
    reader.take(`create ${words}`);
    const names = reader.qualified();
    requireName(reader, object, dotted(names));
    rest(reader);
    return { what, names };
  };

const inDatabase =
  (words: string, rest: (reader: StatementReader) => void): ReadMaker =>
  (reader, object) => {
    reader.take(`create ${words}`);
    const name = reader.identifier();
    requireName(reader, object, [{ name }]);
    rest(reader);
    return { what: words, names: [name] };
  };

const onlyGroup = (reader: StatementReader): void => reader.group();
const nothing = (): void => undefined;

const conversions: ReadMaker = (reader, object) => {
  reader.take('create');
  reader.maybe('default');
  reader.take('conversion');
  const names = reader.qualified();
  requireName(reader, object, dotted(names));
  reader.take('for');
  reader.string();
  reader.take('to');
  reader.string();
  reader.take('from');
  reader.qualifiedOrBuiltIn();
  return { what: 'conversion', names };
};

const sequences: ReadMaker = (reader, object) => {
  reader.take('create');
  reader.maybe('unlogged');
  reader.take('sequence');
  const names = reader.qualified();
  requireName(reader, object, dotted(names));
  reader.upTo([], (token) => {
    const isOption = token.type === 'word' && token.value !== 'owned';
    if (!isOption && token.type !== 'number' && token.value !== '-') reader.fail('it has other options');
  });
  return { what: 'sequence', names };
};

const tables: ReadMaker = (reader, object) => {
  const names = readTable(reader, object);
  requireTable(reader, object.table, names);
  requireName(reader, object, dotted(names));
  return { what: 'table', names };
};

const views: ReadMaker = (reader, object) => {
  const target = readView(reader, 'create view');
  requireName(reader, object, dotted(target.names));
  return target;
};

export function readView(reader: StatementReader, words: string): Target {
  reader.take(words);
  const names = reader.qualified();
  if (reader.maybe('with')) reader.group();
  reader.take('as');
  reader.upTo([]);
  return { what: 'view', names };
}

const materializedViews: ReadMaker = (reader, object) => {
  reader.take('create materialized view');
  const names = reader.qualified();
  requireName(reader, object, dotted(names));
  if (reader.maybe('using')) reader.identifier();
  if (reader.maybe('with')) reader.group();
  reader.take('as');
  const last: string[] = [];
  reader.upTo([], ({ type, value }) => {
    last.push(type === 'word' ? value : '');
    if (last.length > 3) last.shift();
  });
  if (last.join(' ') !== 'with no data') reader.fail('it would be filled immediately');
  return { what: 'materialized view', names };
};

const refreshes: ReadMaker = (reader, object) => {
  reader.take('refresh materialized view');
  const names = reader.qualified();
  requireName(reader, object, dotted(names));
  reader.maybe('with no data');
  return { what: 'materialized view data', names };
};

const indexes: ReadMaker = (reader, object) => {
  reader.take('create');
  reader.maybe('unique');
  reader.take('index');
  const name = reader.identifier();
  reader.take('on');
  reader.maybe('only');
  const relation = reader.qualified();
  requireRelation(reader, object, relation);
  requireName(reader, object, dotted([relation[0], name]));
  reader.take('using');
  reader.identifier();
  reader.onePart();
  return { what: 'index', names: [relation[0], name] };
};

const indexPartitions: ReadMaker = (reader, object) => {
  reader.take('alter index');
  const whole = reader.qualified();
  reader.take('attach partition');
  const part = reader.qualified();
  requireName(reader, object, [...dotted(part), 'of', ...dotted(whole)]);
  return { what: 'index partition', names: [...part, ...whole] };
};

const rules: ReadMaker = (reader, object) => {
  reader.take('create rule');
  const name = reader.identifier();
  reader.take('as on');
  reader.word();
  reader.take('to');
  const relation = reader.qualified();
  requireRelation(reader, object, relation);
  requireName(reader, object, [{ name }, 'on', ...dotted(relation)]);
  reader.statementsUpTo(
    () => reader.ended,
    ({ type, value }, depth) => {
      if (type === 'symbol' && value === ';' && depth === 0) reader.fail('it is more than one statement');
    },
  );
  return { what: 'rule', names: [name, ...relation] };
};

const triggers: ReadMaker = (reader, object) => {
  reader.take('create');
  reader.maybe('constraint');
  reader.take('trigger');
  const name = reader.identifier();
  reader.upTo(['on']);
  reader.take('on');
  const relation = reader.qualified();
  requireRelation(reader, object, relation);
  requireName(reader, object, [{ name }, 'on', ...dotted(relation)]);
  reader.upTo(['execute']);
  reader.take('execute function');
  reader.qualifiedOrBuiltIn();
  reader.group();
  return { what: 'trigger', names: [name, ...relation] };
};

const policies: ReadMaker = (reader, object) => {
  reader.take('create policy');
  const name = reader.identifier();
  reader.take('on');
  const relation = reader.qualified();
  requireRelation(reader, object, relation);
  requireName(reader, object, [{ name }, 'on', ...dotted(relation)]);
  reader.upTo([]);
  return { what: 'policy', names: [name, ...relation] };
};

const statistics: ReadMaker = (reader, object) => {
  reader.take('create statistics');
  const names = reader.qualified();
  requireName(reader, object, dotted(names));
  if (reader.is('(')) reader.group();
  reader.take('on');
  reader.upTo(['from']);
  reader.take('from');
  requireRelation(reader, object, reader.qualified());
  return { what: 'statistics', names };
};

const eventTriggers = inDatabase('event trigger', (reader) => {
  reader.take('on');
  reader.word();
  if (reader.maybe('when tag in')) reader.group();
  reader.take('execute function');
  reader.qualifiedOrBuiltIn();
  reader.group();
});

const members: ReadMaker = (reader, object) => {
  reader.take('alter publication');
  const name = reader.identifier();
  reader.take('add');
  if (reader.maybe('tables in schema')) {
    const schema = reader.identifier();
    requireName(reader, object, [{ name }, 'schema', { name: schema }]);
    return { what: 'publication member', names: [name, schema] };
  }
  reader.take('table only');
  const relation = reader.qualified();
  requireName(reader, object, [{ name }, ...dotted(relation)]);
  reader.onePart();
  return { what: 'publication member', names: [name, ...relation] };
};

const partitions: ReadMaker = (reader, object) => {
  reader.take('alter table');
  reader.maybe('only');
  const whole = reader.qualified();
  reader.take('attach partition');
  const part = reader.qualified();
  requireTable(reader, object.table, part);
  requireName(reader, object, dotted(part));
  if (!isRelated(object, whole)) reader.fail('it refers to a table that it does not need');
  if (!reader.maybe('default')) {
    reader.take('for values');
    reader.onePart();
  }
  return { what: 'partition', names: part };
};

const keys =
  (...beginnings: readonly string[]): ReadMaker =>
  (reader, object) => {
    const { relation, name } = readAddedConstraint(reader, object, beginnings);
    requireTable(reader, object.table, relation);
    requirePartName(reader, object, name);
    return { what: 'constraint', names: [name, ...relation] };
  };

const triggerStates: ReadMaker = (reader, object) => {
  reader.take('alter table');
  const relation = reader.qualified();
  const name = readSwitch(reader, 'trigger');
  requireRelation(reader, object, relation);
  requireName(reader, object, [{ name }, 'on', ...dotted(relation)]);
  return { what: 'trigger state', names: [name, ...relation] };
};

const constraintTriggers: ReadMaker = (reader, object) => {
  reader.take('alter table only');
  const relation = reader.qualified();
  requireTable(reader, object.table, relation);
  requireName(reader, object, dotted(relation));
  if (readSwitch(reader, 'trigger') !== 'all') reader.fail('it refers to a single trigger');
  return { what: 'constraint triggers', names: relation };
};

/** `DISABLE TRIGGER x`, `ENABLE ALWAYS RULE x`. */
export function readSwitch(reader: StatementReader, what: 'trigger' | 'rule'): string {
  if (!reader.maybe('disable')) {
    reader.take('enable');
    if (!reader.maybe('always')) reader.maybe('replica');
  }
  reader.take(what);
  return reader.identifier();
}

/** `place` is where the version is. */
export function readExtension(reader: StatementReader): {
  readonly name: string;
  readonly version: string;
  readonly place: number;
} {
  reader.take('create extension');
  const name = reader.identifier();
  reader.take('with schema');
  reader.identifier();
  const { place } = reader;
  reader.take('version');
  return { name, version: reader.string(), place };
}

/** How the objects of each kind are made that are no property of another. */
export const makers: ReadonlyMap<string, ReadMaker> = new Map<string, ReadMaker>([
  ...routineMakers,
  ['schema', inDatabase('schema', nothing)],
  ['collation', inSchema('collation', 'collation', onlyGroup)],
  [
    'extension',
    (reader, object) => {
      const { name } = readExtension(reader);
      requireName(reader, object, [{ name }]);
      return { what: 'extension', names: [name] };
    },
  ],
  ['shell type', inSchema('type', 'shell type', nothing)],
  [
    'type',
    inSchema('type', 'type', (reader) => {
      reader.take('as enum');
      reader.group();
    }),
  ],
  [
    'composite type',
    inSchema('type', 'type', (reader) => {
      reader.take('as');
      reader.group();
    }),
  ],
  [
    'range type',
    inSchema('type', 'type', (reader) => {
      reader.take('as range');
      reader.group();
    }),
  ],
  ['base type', inSchema('type', 'type', onlyGroup)],
  [
    'domain',
    inSchema('domain', 'domain', (reader) => {
      reader.take('as');
      reader.onePart();
    }),
  ],
  [
    'access method',
    inDatabase('access method', (reader) => {
      reader.take('type');
      reader.word();
      reader.take('handler');
      reader.qualifiedOrBuiltIn();
    }),
  ],
  ['conversion', conversions],
  ...['parser', 'template', 'dictionary', 'configuration'].map((kind): [string, ReadMaker] => [
    `text search ${kind}`,
    inSchema(`text search ${kind}`, `text search ${kind}`, onlyGroup),
  ]),
  ['sequence', sequences],
  ['table', tables],
  ['view', views],
  ['materialized view', materializedViews],
  ['materialized view data', refreshes],
  ['partition', partitions],
  ['primary key', keys('primary')],
  ['constraint', keys('unique', 'exclude')],
  ['foreign key', keys('foreign')],
  ['index', indexes],
  ['index partition', indexPartitions],
  ['extended statistics', statistics],
  ['rule', rules],
  ['trigger', triggers],
  ['trigger state', triggerStates],
  ['constraint triggers', constraintTriggers],
  ['policy', policies],
  [
    'publication',
    inDatabase('publication', (reader) => {
      reader.maybe('for all tables');
      reader.take('with');
      reader.group();
    }),
  ],
  ['publication member', members],
  ['event trigger', eventTriggers],
]);
