import { type JsonObject, mutate, mutateBytes, objectsAt } from './hostileFiles.ts';
import type { PayloadForgery } from './hostileSqlite.ts';
import type { RandomSource } from './randomSource.ts';

const names = [
  ...['notes', 'items', 'payments', 'docs', 'docs_data', 'docs_content', 'docs_other', 'found', 'found_data'],
  ...[
    'found_other',
    'by_text',
    'by_amount',
    'shown',
    'noted',
    'Notes',
    'PAYMENTS',
    'main.notes',
    'temp.notes',
  ],
  ...[
    '"notes"',
    'sqlite_sequence',
    'sqlite_stat1',
    'sqlite_schema',
    '__proto__',
    'constructor',
    'new',
    '',
    'é',
  ],
];
const kinds = [
  ...['table', 'index', 'view', 'trigger', 'virtual table', 'TABLE', 'constructor', '__proto__', 'toString'],
  ...['function', 'sequence', 'owner', 'comment', ''],
];
const expressions = [
  '1',
  'a',
  'length(hex(zeroblob(200000000)))',
  'random()',
  '(SELECT count(*) FROM payments)',
  'load_extension(1)',
];
const events = ['AFTER INSERT', 'BEFORE DELETE', 'AFTER UPDATE', 'INSTEAD OF INSERT'];
const modules = [
  'fts5(a, b)',
  'fts4(a)',
  'rtree(id, x, y)',
  'dbstat',
  'none(a)',
  `fts5(a, content='payments')`,
];

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;

/** A statement that makes something, as a schema keeps it. */
function definition(random: RandomSource): string {
  const [name, table] = [random.pick(names), random.pick(names)].map(quoted);
  const expression = random.pick(expressions);
  return random.pick([
    `CREATE TABLE ${name} (a, b)`,
    `CREATE TABLE ${name} (id integer primary key autoincrement, a, b AS (${expression}) NOT NULL)`,
    `CREATE TABLE ${name} (a PRIMARY KEY, b CHECK (${expression}), c DEFAULT (${expression})) WITHOUT ROWID`,
    `CREATE VIEW ${name} AS SELECT ${expression} AS a FROM ${table}`,
    `CREATE INDEX ${name} ON ${table} (${random.pick(['t', 'id', 'a', expression])})`,
    `CREATE UNIQUE INDEX ${name} ON ${table} (id) WHERE ${expression}`,
    `CREATE TRIGGER ${name} ${random.pick(events)} ON ${table} BEGIN DELETE FROM payments; END`,
    `CREATE VIRTUAL TABLE ${name} USING ${random.pick(modules)}`,
  ]);
}

function statement(random: RandomSource): string {
  const name = text(random.pick(names));
  const value = random.pick([
    name,
    text(definition(random)),
    'NULL',
    '0',
    '2',
    '3',
    '1000',
    `'view'`,
    `'table'`,
  ]);
  const column = random.pick(['type', 'name', 'tbl_name', 'rootpage', 'sql']);
  const number = random.pick(['0', '-1', '9223372036854775807', `'x'`, 'NULL', '5']);
  return random.pick([
    definition(random),
    definition(random),
    `UPDATE sqlite_schema SET ${column} = ${value} WHERE name = ${name}`,
    `UPDATE sqlite_schema SET sql = replace(sql, 't text', 't text CHECK (${random.pick(expressions)})')`,
    `INSERT INTO sqlite_schema VALUES (${text(random.pick(kinds))}, ${name}, ${name}, ${random.pick(['0', '2', '3'])}, ${text(definition(random))})`,
    `INSERT INTO sqlite_schema SELECT * FROM sqlite_schema WHERE name = ${name}`,
    `DELETE FROM sqlite_schema WHERE name = ${name}`,
    `INSERT INTO sqlite_sequence VALUES (${name}, ${number})`,
    `UPDATE sqlite_sequence SET seq = ${number}`,
    `ANALYZE; INSERT INTO sqlite_stat1 VALUES (${name}, ${random.pick([name, 'NULL'])}, '1 1')`,
    `DELETE FROM notes`,
    `INSERT INTO notes (t) VALUES ('more')`,
    `PRAGMA user_version = 7; PRAGMA application_id = 9`,
    `ALTER TABLE items RENAME TO ${quoted(random.pick(names))}`,
  ]);
}

/** An object of which the manifest and the database say the same, as its author wants. */
function agreedObject(random: RandomSource): JsonObject & { sql: string } {
  const [name, table] = [random.pick(names), random.pick(names)];
  const [a, b] = [quoted(name), quoted(table)];
  const expression = random.pick(expressions);
  const own = { name, section: 'post-data' };
  return random.pick<JsonObject & { sql: string }>([
    { ...own, kind: 'view', sql: `CREATE VIEW ${a} AS SELECT ${expression} AS a FROM ${b}` },
    { ...own, kind: 'index', table: { name: table }, sql: `CREATE INDEX ${a} ON ${b} (${expression})` },
    {
      ...own,
      kind: 'index',
      table: { name: 'notes' },
      sql: `CREATE INDEX ${a} ON notes (t) WHERE ${expression}`,
    },
    {
      ...own,
      kind: 'trigger',
      sql: `CREATE TRIGGER ${a} AFTER INSERT ON ${b} BEGIN DELETE FROM payments; END`,
    },
    {
      ...own,
      kind: 'trigger',
      table: { name: 'notes' },
      sql: `CREATE TRIGGER ${a} AFTER DELETE ON notes BEGIN DELETE FROM payments; END`,
    },
    {
      ...own,
      kind: 'virtual table',
      table: { name },
      opaque: true,
      sql: `CREATE VIRTUAL TABLE ${a} USING ${random.pick(modules)}`,
    },
  ]);
}

function pickObject(manifest: JsonObject, list: string, random: RandomSource): JsonObject | undefined {
  const found = objectsAt(manifest[list]);
  return found.length > 0 ? random.pick(found) : undefined;
}

/** Changes what a manifest says of objects and names. Resolves to what, for the message of a test that fails. */
export function mutateSchema(manifest: JsonObject, random: RandomSource): string {
  const object = pickObject(manifest, 'objects', random);
  const name = random.pick(names);
  const table: JsonObject = random.pick<JsonObject>([
    { name },
    { name, schema: random.pick(['main', 'temp', '']) },
  ]);
  const objects = manifest['objects'];
  if (!Array.isArray(objects)) return mutate(manifest, random);
  switch (random.below(9)) {
    case 0:
      if (object) object['kind'] = random.pick(kinds);
      break;
    case 1:
      if (object) object['name'] = name;
      break;
    case 2:
      if (object) object['of'] = `${random.pick(kinds)} ${random.pick(names)}`;
      break;
    case 3:
      if (object) object['sql'] = definition(random);
      break;
    case 4:
      if (object) object['table'] = table;
      break;
    case 5: {
      const found = pickObject(manifest, 'tables', random)?.['table'];
      if (typeof found === 'object' && found && !Array.isArray(found)) found['name'] = table;
      break;
    }
    case 6: {
      const counter = pickObject(manifest, 'sequences', random);
      if (counter) Object.assign(counter, { [random.pick(['name', 'table'])]: table });
      break;
    }
    case 7:
      objects.push({
        kind: random.pick(kinds),
        name,
        section: random.pick(['pre-data', 'post-data']),
        sql: definition(random),
        ...(random.below(2) ? { table } : {}),
        ...(random.below(4) ? {} : { opaque: true }),
        ...(random.below(4) ? {} : { of: `table ${random.pick(names)}` }),
      });
      break;
    default:
      objects.splice(random.below(objects.length + 1), 1);
      if (random.below(3) === 0) manifest['complete'] = random.below(2) === 0;
      if (random.below(3) === 0) manifest['only'] = random.pick(['data', 'schema']);
  }
  return JSON.stringify({ object, table }).slice(0, 300);
}

/** Some changes of the database in a backup, of its manifest, or of both. */
export function randomForgery(random: RandomSource): { forgery: PayloadForgery; what: string[] } {
  const what: string[] = [];
  const statements = Array.from({ length: random.below(3) }, () => statement(random));
  what.push(...statements);
  const agreed = random.below(2) === 0 ? agreedObject(random) : undefined;
  if (agreed) {
    statements.splice(0, random.below(3), agreed.sql);
    what.push(`agreed: ${agreed.sql}`);
  }
  const manifestTimes = random.pick([0, 0, 1, 2]);
  return {
    what,
    forgery: {
      statements,
      ...(random.below(12) === 0 ? { bytes: (database: Buffer) => mutateBytes(database, random) } : {}),
      manifest: (manifest) => {
        if (agreed && Array.isArray(manifest['objects'])) manifest['objects'].push(agreed);
        for (let left = manifestTimes; left > 0; left--)
          what.push(random.below(4) === 0 ? mutate(manifest, random) : mutateSchema(manifest, random));
      },
    },
  };
}
