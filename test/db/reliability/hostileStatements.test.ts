import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { RestorePointError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { RestorePlan } from '../../../src/core/plan.ts';
import type { SchemaObject } from '../../../src/core/schema.ts';
import { readStatements } from '../../../src/engines/postgres/schema/statements/checkStatements.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { type CodeToRun, listStatements } from '../../../src/restore/codeToRun.ts';
import { restoreBackup } from '../../../src/restore/restoreBackup.ts';
import { catalogDump, type CatalogLine, changedLines } from '../../support/catalogDump.ts';
import { forge, type JsonObject, objectsAt, soundBackup } from '../../support/hostileFiles.ts';
import { type RandomSource, randomSource } from '../../support/randomSource.ts';
import { casesOf } from '../../support/sample.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { countTried } from '../../support/triedCounts.ts';

const cases = casesOf(60, 12);
const postgres = testEngines.find(({ id }) => id === 'postgres')!;

const roles = ['hostile_owner', 'hostile_reader', 'victim_role'];

/** Of many kinds one, so that statements of each can be changed into those of another. */
const schema = `
  CREATE TYPE mood AS ENUM ('good', 'bad');
  CREATE DOMAIN amount AS integer CONSTRAINT positive CHECK (VALUE > 0);
  CREATE TYPE pair AS (a integer, b text);
  CREATE FUNCTION double(a integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 2 * a';
  CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE FUNCTION noticed() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
  CREATE PROCEDURE done(a integer) LANGUAGE sql AS 'SELECT 1';
  CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
  CREATE TABLE people (id serial PRIMARY KEY, name text UNIQUE, mood mood, CONSTRAINT named CHECK (name <> ''));
  CREATE TABLE orders (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, person integer REFERENCES people, worth amount);
  CREATE TABLE parent (id integer); CREATE TABLE heir (extra text) INHERITS (parent);
  CREATE TABLE whole (id integer) PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF whole DEFAULT;
  CREATE SEQUENCE numbers;
  CREATE VIEW shown AS SELECT id, name FROM people;
  CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS count FROM people;
  CREATE INDEX by_mood ON people (mood);
  CREATE STATISTICS seen ON name, mood FROM people;
  CREATE TRIGGER touch BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION touched();
  CREATE RULE quiet AS ON DELETE TO orders DO INSTEAD NOTHING;
  CREATE POLICY own ON orders TO hostile_reader USING (id > 0); ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
  CREATE PUBLICATION told FOR TABLE people;
  CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION noticed(); ALTER EVENT TRIGGER watch DISABLE;
  COMMENT ON TABLE people IS 'all of them'; COMMENT ON COLUMN people.name IS 'said'; COMMENT ON FUNCTION double(integer) IS 'twice';
  ALTER TABLE orders OWNER TO hostile_owner; ALTER FUNCTION double(integer) OWNER TO hostile_owner;
  GRANT SELECT ON people TO hostile_reader; GRANT SELECT (id) ON orders TO hostile_reader; REVOKE ALL ON FUNCTION double(integer) FROM PUBLIC;
  ALTER DEFAULT PRIVILEGES FOR ROLE hostile_owner GRANT SELECT ON TABLES TO hostile_reader;
  CREATE CAST (pair AS mood) WITH INOUT`;

const victim = `
  CREATE FUNCTION victim_function(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
  CREATE FUNCTION victim_touched() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE TABLE victim_secret (id serial PRIMARY KEY, name text, word text, person integer);
  INSERT INTO victim_secret (name, word, person) SELECT 'n', 'sesame', 1 FROM generate_series(1, 50);
  CREATE TABLE victim_whole (id integer) PARTITION BY RANGE (id);
  CREATE INDEX victim_index ON victim_secret (word);
  CREATE VIEW victim_view AS SELECT word FROM victim_secret;
  CREATE MATERIALIZED VIEW victim_totals AS SELECT count(*) AS count FROM victim_secret;
  CREATE TRIGGER victim_trigger BEFORE UPDATE ON victim_secret FOR EACH ROW EXECUTE FUNCTION victim_touched();
  CREATE TYPE victim_type AS ENUM ('a');
  CREATE PUBLICATION victim_publication; COMMENT ON TABLE victim_secret IS 'secret'; CREATE SCHEMA victim_schema`;

const victims = [...victim.matchAll(/\bvictim_\w+/g)].map(([name]) => name);
const tricks: readonly string[] = [
  '; DROP TABLE public.victim_secret',
  ', DROP COLUMN word',
  'INHERITS (public.victim_secret)',
  'AS SELECT * FROM public.victim_secret',
  'PARTITION OF public.victim_whole DEFAULT',
  'OR REPLACE',
  'CASCADE',
  'IF NOT EXISTS',
  'OWNED BY public.victim_secret.id',
  ', victim_role',
  'USING INDEX victim_index',
  'REFERENCES public.victim_secret',
  'LIKE public.victim_secret',
  'WITH ADMIN OPTION',
  'SUPERUSER',
  'TEMP',
  'GRANT victim_role TO hostile_reader',
  '--',
  '/*',
  "'",
  '"',
  '$$',
  ';',
  '.',
  'public.',
  'ALL TABLES IN SCHEMA public',
];
const junkKinds = [
  'constructor',
  'role',
  'toString',
  'table setting setting',
  'role setting',
  '',
  'setting',
  'database',
];

type Change = (object: JsonObject, objects: readonly JsonObject[], random: RandomSource) => void;

const textOf = (object: JsonObject, key: string): string => {
  const value = object[key];
  return typeof value === 'string' ? value : '';
};
const words = (text: string): string[] => text.split(/(\W)/);
const replaceWord = (text: string, random: RandomSource): string => {
  const parts = words(text);
  const places = parts.flatMap((part, index) => (/^\w+$/.test(part) ? [index] : []));
  if (places.length > 0) parts[random.pick(places)] = random.pick(victims);
  return parts.join('');
};

const changes: readonly Change[] = [
  (object, objects, random) =>
    (object['kind'] = random.pick([...junkKinds, ...objects.map(({ kind }) => kind!)])),
  (object, objects, random) => (object['name'] = random.pick(objects)['name']!),
  (object, _, random) => (object['name'] = replaceWord(textOf(object, 'name'), random)),
  (object, objects, random) => {
    const other = random.pick(objects);
    const key = `${textOf(other, 'kind')} ${textOf(other, 'name')}`;
    object['of'] = random.pick([key, `table public.${random.pick(victims)}`]);
  },
  (object) => delete object['of'],
  (object, _, random) => (object['table'] = { schema: 'public', name: random.pick(victims) }),
  (object) => delete object['table'],
  (object, objects, random) => {
    const alike = objects.filter(({ kind }) => kind === object['kind']);
    object['sql'] = random.pick(random.below(2) === 0 ? alike : objects)['sql']!;
  },
  (object, _, random) => (object['sql'] = replaceWord(textOf(object, 'sql'), random)),
  (object, _, random) => {
    const parts = words(textOf(object, 'sql'));
    parts.splice(random.below(parts.length + 1), random.below(3), ` ${random.pick(tricks)} `);
    object['sql'] = parts.join('');
  },
  // The same everywhere: then the question names it.
  (object, _, random) => {
    const name = words(textOf(object, 'name')).findLast((part) => /^\w{3,}$/.test(part));
    const other = random.pick(victims);
    for (const key of ['name', 'sql'])
      if (name !== undefined) object[key] = textOf(object, key).replaceAll(name, other);
    if (object['table']) object['table'] = { schema: 'public', name: other };
  },
  (object, _, random) =>
    (object['needs'] = random.pick([[], ['table public.victim_secret'], ['table public.victim_whole']])),
  (object, _, random) => (object['roles'] = [random.pick(roles)]),
  (object, _, random) => (object['actsAs'] = random.pick(roles)),
  (object, _, random) => (object['as'] = random.pick(roles)),
  (object) => (object['repeat'] = true),
  (object, _, random) => (object['section'] = random.pick(['pre-data', 'post-data'])),
  (object) => delete object['superuser'],
];

describe('postgres: statements that somebody made up', function () {
  this.timeout(cases * 4000 + 60_000);
  const folder = useTemporaryFolder();
  let source: TestDatabase;
  let target: TestDatabase;

  const newTarget = async (): Promise<void> => {
    target = await postgres.create();
    await target.run(victim);
  };
  before(async () => {
    source = await postgres.create();
    for (const role of roles) await source.run(`DROP ROLE IF EXISTS ${role}; CREATE ROLE ${role}`);
    await source.run(schema);
    await source.run(`INSERT INTO people (name, mood) VALUES ('a', 'good')`);
    await newTarget();
  });
  after(async () => {
    await source.remove();
    await target.remove();
  });

  it('change nothing that the question does not name', async () => {
    const random = randomSource('statements');
    const sound = await soundBackup(source, folder.file('sound.dbbackup'), 'none');
    let before = await catalogDump(target);
    let [lost, read, restored] = [cases, 0, 0];
    try {
      for (let round = 0; round < cases; round++) {
        const what: string[] = [];
        const file = forge(sound, ({ manifest }) => what.push(...changeManifest(manifest, random)));
        const { seen, outcome } = await restores(file, what, random);
        if (outcome === 'read') read++;
        else {
          const after = await catalogDump(target);
          const found = changedLines(before, after);
          const title = `${what.join('; ')} (round ${round}, seed ${random.seed})`;
          if (outcome === 'refused') assert.deepEqual(found, [], title);
          else {
            restored++;
            assert.deepEqual(unnamed(found, before, seen), [], `${title}\n${seen}`);
            await target.remove();
            await newTarget();
            before = await catalogDump(target);
          }
        }
        lost--;
      }
    } finally {
      countTried('hostile files', 'statements changed within their kinds (postgres)', cases, lost);
    }
    console.log(
      `      ${refusedChanges + read} refused by what they say, ${cases - read - restored} later, ${restored} restored`,
    );
    assert.ok(restored > cases / 50, `only ${restored} were restored`);
  });

  /** What the user saw: statements by kind and name, tables, counters. */
  async function restores(
    bytes: Buffer,
    what: readonly string[],
    random: RandomSource,
  ): Promise<{ seen: string; outcome: 'read' | 'refused' | 'restored' }> {
    const seen: string[] = [];
    const file = folder.file('hostile.dbbackup');
    await writeFile(file, bytes);
    const session = await target.connect();
    const told = (plan: RestorePlan): string[] => [
      ...plan.tables.map((table) => `${table.target.schema}.${table.target.name}`),
      ...plan.sequences.map(({ name }) => `${name.schema}.${name.name}`),
      ...listStatements(plan.create.filter(({ live }) => live)),
    ];
    try {
      await restoreBackup(file, session, engineById, {
        mode: random.pick(['replace', 'merge', 'insert-missing']),
        ...random.pick([{}, {}, { tables: [{ name: 'people' }] }, { only: 'schema' }] as const),
        logger: silentLogger,
        mayRun: ({ kinds }: CodeToRun) => {
          seen.push(...kinds);
          return Promise.resolve(true);
        },
        confirm: (plan) => {
          seen.push(...told(plan));
          return Promise.resolve(true);
        },
      });
      return { seen: seen.join('\n'), outcome: 'restored' };
    } catch (error) {
      if (!RestorePointError.is(error)) throw new Error(what.join('; '), { cause: error });
      const unread = /is not one that Restore Point would write/.test(error.message);
      return { seen: seen.join('\n'), outcome: unread ? 'read' : 'refused' };
    } finally {
      await session.close();
    }
  }
});

/** Changes that the reader of statements refused, and were taken back. */
let refusedChanges = 0;

function changeManifest(manifest: JsonObject, random: RandomSource): string[] {
  const objects = objectsAt(manifest['objects']);
  const what: string[] = [];
  // Those that are refused at once tell little: a few are tried of each.
  for (let attempt = 0; attempt < 20; attempt++) {
    const object = random.pick(objects);
    const was = structuredClone(object);
    random.pick(changes)(object, objects, random);
    what.push(`${JSON.stringify(was)} became ${JSON.stringify(object)}`);
    const sound = [...readStatements(objects as unknown as SchemaObject[])].every(
      ({ reason }) => reason === undefined,
    );
    if (sound || random.below(30) === 0) break;
    for (const key of Object.keys(object)) delete object[key];
    Object.assign(object, was);
    what.pop();
    refusedChanges++;
  }
  for (const sequence of objectsAt(manifest['sequences']))
    if (random.below(10) === 0)
      sequence['name'] = { schema: 'public', name: random.pick(['victim_secret_id_seq', 'numbers']) };
  return what;
}

/** Changes of which neither the name nor that of a new relation that they come with was in the question. */
function unnamed(found: readonly CatalogLine[], before: readonly CatalogLine[], seen: string): string[] {
  const told = new Set(seen.split(/\W+/));
  const there = new Set(before.map(({ identity }) => identity));
  const isTold = (text: string): boolean =>
    text.split(/\W+/).some((word) => word !== 'public' && told.has(word));
  return found
    .filter(({ subject, relation, identity }) => {
      const fresh = !there.has(identity);
      if (isTold(subject)) return false;
      return !(
        relation !== null &&
        isTold(relation) &&
        (fresh || /^(rows|heir|type|counter)/.test(identity))
      );
    })
    .map(({ identity, definition }) => `${identity}: ${definition}`);
}
