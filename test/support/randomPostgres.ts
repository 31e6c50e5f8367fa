import { literal, type TypeSample, typeSamples } from '../db/everything/postgresSamples.ts';
import { addForeignKeys, addObjects } from './randomPostgresObjects.ts';
import type { RandomSource } from './randomSource.ts';

/** A schema with some tables, their rows and what belongs to them: one test case. Many fit into one database. */
export interface RandomCase {
  /** The schema's name, not quoted. */
  readonly schema: string;
  /** One script that makes it all. */
  readonly make: string;
  /** Statements that spoil rows and sequences. They are meant for `session_replication_role = replica`. */
  readonly rowDamage: readonly string[];
  /** Statements that drop objects, some with what depends on them. */
  readonly objectDamage: readonly string[];
}

export interface DraftColumn {
  /** Quoted, as all names in drafts are. */
  readonly name: string;
  readonly type: string;
  /** SQL expressions of values that it may hold; empty if the server makes its values. */
  readonly values: readonly string[];
  readonly definition: string;
  /** Its values can stand in a b-tree index. */
  readonly indexable: boolean;
}

export interface DraftTable {
  /** With its schema. */
  readonly name: string;
  readonly columns: DraftColumn[];
  readonly key: readonly DraftColumn[];
  readonly partitioned: boolean;
  readonly unlogged: boolean;
  /** It gets a check that none of its rows passes. */
  readonly refusesRows: boolean;
}

/** What a case grows in. */
export interface Draft {
  readonly random: RandomSource;
  readonly version: number;
  /** Quoted. */
  readonly schema: string;
  readonly tables: DraftTable[];
  readonly make: string[];
  readonly rowDamage: string[];
  readonly objectDamage: string[];
  /** A name that nothing in the case has yet, quoted. */
  readonly newName: () => string;
  readonly chance: (percent: number) => boolean;
}

/**
 * Makes up a case for a server of a version (`server_version_num`) whose encoding is UTF-8.
 * The same random source gives the same case. Its script does not fail.
 */
export function randomCase(random: RandomSource, number: number, version: number): RandomCase {
  // Names of schemas that begin with pg_ are the server's.
  const schema = `s${random.pick(hostileNames).slice(0, 20)} ${number}`;
  const draft = newDraft(random, schema, version);
  draft.make.push(`CREATE SCHEMA ${draft.schema};`, `SET search_path = '';`);
  const samples = [...typeSamples(version), ...ownTypes(draft)];
  for (let count = 1 + random.below(4); count > 0; count -= 1) addTable(draft, samples);
  addForeignKeys(draft);
  addObjects(draft);
  const { make, rowDamage, objectDamage } = draft;
  return { schema, make: make.join('\n'), rowDamage, objectDamage };
}

/** Names that some part on the way could take for something else. */
const hostileNames: readonly string[] = [
  ...[
    'plain',
    'Upper',
    'with space',
    'a.b',
    'a"b',
    "it's",
    'back\\slash',
    'semi;colon',
    'a, b',
    '(a)',
    '--',
    '/*',
  ],
  ...[
    'select',
    'table',
    'user',
    'oid',
    'ctid_',
    'public',
    'pg_catalog.x',
    '$1',
    '%s',
    '%I',
    '?',
    ':x',
    '{}',
    '$$',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    '名前',
    'ü',
    'e\u0301',
    '😀',
    '\u200f',
    'tab\there',
    'new\nline',
    ' lead',
    'trail ',
  ],
  ...['1', '1.5', 'null', 'true', 'NaN', '*', '\\N', '\\.', 'a as b', 'x'.repeat(58)],
];

function newDraft(random: RandomSource, schema: string, version: number): Draft {
  let names = 0;
  return {
    random,
    version,
    schema: quote(schema),
    tables: [],
    make: [],
    rowDamage: [],
    objectDamage: [],
    newName: () => quote(`${random.pick(hostileNames)} ${(names += 1)}`),
    chance: (percent) => random.below(100) < percent,
  };
}

/** A name as SQL. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Enum, domain, composite and range types of the case's own. */
function ownTypes({ random, schema, make, newName, chance }: Draft): TypeSample[] {
  const types: TypeSample[] = [];
  const add = (
    percent: number,
    values: readonly string[],
    definition: (name: string) => string,
    key = false,
  ): void => {
    if (!chance(percent)) return;
    const name = `${schema}.${newName()}`;
    make.push(definition(name));
    types.push({ type: name, values, key });
  };
  const labels = [...new Set([random.pick(hostileNames), random.pick(hostileNames), 'x'])].map(literal);
  add(40, labels, (name) => `CREATE TYPE ${name} AS ENUM (${labels.join(', ')});`, true);
  add(
    30,
    ['0', '7', '1e50'],
    (name) => `CREATE DOMAIN ${name} AS numeric CHECK (VALUE >= 0) DEFAULT 3;`,
    true,
  );
  add(
    30,
    [`ROW(1, 'a"b\\,')`, `ROW(NULL, '')`, `ROW(NULL, NULL)`],
    (name) => `CREATE TYPE ${name} AS (${newName()} integer, ${newName()} text);`,
  );
  add(
    20,
    literals('empty', '[a,b)', '["c,d",)'),
    (name) => `CREATE TYPE ${name} AS RANGE (SUBTYPE = text, COLLATION = "C");`,
  );
  return types;
}

const literals = (...texts: readonly string[]): string[] => texts.map(literal);

type KeyKind = 'none' | 'integer' | 'always' | 'by default' | 'serial' | 'two' | 'typed';

function addTable(draft: Draft, samples: readonly TypeSample[]): void {
  const { random, schema, make, newName, chance } = draft;
  const kind = random.pick<KeyKind>([
    'none',
    'integer',
    'integer',
    'always',
    'by default',
    'serial',
    'two',
    'typed',
  ]);
  const key = keyColumns(draft, kind, samples);
  const others = Array.from({ length: random.below(6) }, () => newColumn(draft, random.pick(samples)));
  const generated = [...key, ...others].flatMap((column) => generatedColumn(draft, column));
  const columns = shuffled(random, [...key, ...others, ...generated]);
  const partitioned = (kind === 'integer' || kind === 'two') && chance(20);
  const unlogged = !partitioned && chance(8);
  const table: DraftTable = {
    name: `${schema}.${newName()}`,
    columns,
    key,
    partitioned,
    unlogged,
    refusesRows: chance(10),
  };
  const parts = columns.map((column) => `${column.name} ${column.definition}`);
  if (key.length > 0) parts.push(keyConstraint(draft, key, kind));
  const partitioning = partitioned
    ? addPartitions(draft, table, random.pick(['LIST', 'RANGE', 'HASH']))
    : undefined;
  make.push(
    `CREATE ${unlogged ? 'UNLOGGED ' : ''}TABLE ${table.name} (${parts.join(', ')})${partitioning?.clause ?? ''};`,
  );
  if (partitioning) make.push(...partitioning.statements);
  if (!partitioned && chance(10)) loseColumn(draft, table);
  draft.tables.push(table);
  addUnique(draft, table);
  addRows(draft, table, kind);
}

function keyColumns(draft: Draft, kind: KeyKind, samples: readonly TypeSample[]): DraftColumn[] {
  const { random, newName } = draft;
  const integer = (definition: string, values: readonly string[] = []): DraftColumn => {
    return { name: newName(), type: 'integer', values, definition, indexable: true };
  };
  const options = `(START WITH ${random.below(1000)} MINVALUE -5000 MAXVALUE 5000 INCREMENT BY ${random.pick([1, 5, -3])} CYCLE)`;
  switch (kind) {
    case 'none':
      return [];
    case 'integer':
      return [integer('integer', ['counted'])];
    case 'two':
      return [
        integer('integer', ['counted']),
        newColumn(draft, { type: 'text', values: literals('', 'a', '\\', 'ü') }, true),
      ];
    case 'serial':
      return [integer('serial')];
    case 'always':
      return [integer(`integer GENERATED ALWAYS AS IDENTITY ${options}`)];
    case 'by default':
      return [integer(`integer GENERATED BY DEFAULT AS IDENTITY ${options}`)];
    case 'typed':
      return [newColumn(draft, random.pick(samples.filter((sample) => sample.key)), true)];
  }
}

function newColumn(draft: Draft, sample: TypeSample, isKey = false): DraftColumn {
  const { random, newName, chance } = draft;
  const { type } = sample;
  const indexable = sample.key === true || isKey;
  // What is too long for an index could not be found by one.
  const typed = sample.values
    .filter((value) => !indexable || value.length < 900)
    .filter((value) => !indexable || !/^(repeat|decode)\(/.test(value));
  const values = typed.map((value) => `(${value})::${type}`);
  const notNull = isKey || chance(20);
  const collation = /^(text|character)/.test(type) && !type.includes('[') && chance(20) ? ' COLLATE "C"' : '';
  const fallback = !isKey && type !== 'regrole' && chance(25) ? ` DEFAULT ${random.pick(values)}` : '';
  return {
    name: newName(),
    type,
    values: notNull ? values : [...values, 'NULL', 'DEFAULT'],
    definition: `${type}${collation}${notNull ? ' NOT NULL' : ''}${fallback}`,
    indexable,
  };
}

/** Sometimes a column that is computed from this one. */
function generatedColumn(draft: Draft, { name, type }: DraftColumn): DraftColumn[] {
  const { version, newName, chance } = draft;
  const expression = { integer: `(${name}::bigint * 2)`, text: `upper(${name})`, jsonb: `(${name} IS NULL)` }[
    type
  ];
  const result = { integer: 'bigint', text: 'text', jsonb: 'boolean' }[type];
  if (expression === undefined || result === undefined || !chance(40)) return [];
  const how = version >= 180000 && chance(50) ? 'VIRTUAL' : 'STORED';
  const definition = `${result} GENERATED ALWAYS AS (${expression}) ${how}`;
  return [
    {
      name: newName(),
      type: result,
      values: [],
      definition,
      indexable: how === 'STORED' && result === 'bigint',
    },
  ];
}

function keyConstraint({ newName, chance }: Draft, key: readonly DraftColumn[], kind: KeyKind): string {
  const named = chance(50) ? `CONSTRAINT ${newName()} ` : '';
  // A foreign key cannot refer to a deferrable one, and ON CONFLICT cannot use it.
  const isUnique = kind !== 'typed' && kind !== 'two';
  const definition = isUnique && chance(5) ? 'UNIQUE' : 'PRIMARY KEY';
  return `${named}${definition} (${key.map((column) => column.name).join(', ')})`;
}

/** Partitions of a table whose first key column is an integer, one level or two. */
function addPartitions(
  { random, schema, newName, chance }: Draft,
  table: DraftTable,
  how: string,
): { clause: string; statements: string[] } {
  const column = table.key[0]?.name;
  const bounds = {
    LIST: ['FOR VALUES IN (1, 2, 3)', 'DEFAULT'],
    RANGE: ['FOR VALUES FROM (MINVALUE) TO (4)', 'FOR VALUES FROM (4) TO (10)', 'DEFAULT'],
    HASH: ['FOR VALUES WITH (MODULUS 2, REMAINDER 0)', 'FOR VALUES WITH (MODULUS 2, REMAINDER 1)'],
  }[how] as string[];
  const statements = shuffled(random, bounds).flatMap((bound) => {
    const name = `${schema}.${newName()}`;
    const part = `CREATE TABLE ${name} PARTITION OF ${table.name} ${bound}`;
    if (!chance(25)) return [`${part};`];
    const leaf = `CREATE TABLE ${schema}.${newName()} PARTITION OF ${name} DEFAULT;`;
    return [`${part} PARTITION BY LIST (${column});`, leaf];
  });
  return { clause: ` PARTITION BY ${how} (${column})`, statements };
}

/** What is left of a column that was dropped is a gap in the numbers of columns. */
function loseColumn({ make, newName }: Draft, table: DraftTable): void {
  const name = newName();
  make.push(
    `ALTER TABLE ${table.name} ADD ${name} text DEFAULT 'lost';`,
    `ALTER TABLE ${table.name} DROP ${name};`,
  );
  const later: DraftColumn = {
    name: newName(),
    type: 'text',
    values: literals('', 'later'),
    definition: 'text',
    indexable: true,
  };
  make.push(`ALTER TABLE ${table.name} ADD ${later.name} text DEFAULT 'x';`);
  table.columns.push(later);
}

function addUnique(draft: Draft, table: DraftTable): void {
  const { random, version, make, newName, chance } = draft;
  const candidates = table.columns.filter((column) => column.indexable && !table.key.includes(column));
  if (table.partitioned || candidates.length === 0 || !chance(30)) return;
  const nulls = version >= 150000 && chance(30) ? ' NULLS NOT DISTINCT' : '';
  make.push(
    `ALTER TABLE ${table.name} ADD CONSTRAINT ${newName()} UNIQUE${nulls} (${random.pick(candidates).name});`,
  );
}

function addRows(draft: Draft, table: DraftTable, kind: KeyKind): void {
  const { random, make, rowDamage, chance } = draft;
  const count = random.pick([0, 1, 2, 5, 12, 25]);
  const written = table.columns.filter((column) => column.values.length > 0);
  const rows = Array.from({ length: count }, (_, row) =>
    written.map(({ values }) => (values[0] === 'counted' ? String(row * 3 - 4) : random.pick(values))),
  );
  make.push(...insertRows(table, written, rows));
  if (['serial', 'always', 'by default'].includes(kind) && chance(50)) {
    // So that the sequence is ahead of what is there.
    make.push(`DELETE FROM ${table.name} WHERE ${table.key[0]?.name} % 2 = 0;`);
  }
  if (count === 0 || written.length === 0) return;
  const column = random.pick(written);
  rowDamage.push(
    random.pick([
      `DELETE FROM ${table.name};`,
      `DELETE FROM ${table.name} WHERE ctid IN (SELECT ctid FROM ${table.name} LIMIT 1);`,
      `TRUNCATE ${table.name} RESTART IDENTITY CASCADE;`,
      ...(column.indexable || table.refusesRows
        ? []
        : [`UPDATE ${table.name} SET ${column.name} = ${random.pick(column.values)};`]),
    ]),
  );
}

function insertRows(
  table: DraftTable,
  written: readonly DraftColumn[],
  rows: readonly (readonly string[])[],
): string[] {
  if (written.length === 0) return rows.map(() => `INSERT INTO ${table.name} DEFAULT VALUES;`);
  if (rows.length === 0) return [];
  const names = written.map((column) => column.name).join(', ');
  const values = rows.map((row) => `(${row.join(', ')})`).join(',\n  ');
  return [`INSERT INTO ${table.name} (${names}) VALUES\n  ${values} ON CONFLICT DO NOTHING;`];
}

/** The items in another order. */
export function shuffled<Item>(random: RandomSource, items: readonly Item[]): Item[] {
  const rest = [...items];
  return items.map(() => rest.splice(random.below(rest.length), 1)[0] as Item);
}
