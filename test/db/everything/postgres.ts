import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';

/**
 * One kind of object, or one property of a kind, that a PostgreSQL database can have.
 *
 * The entries stand in test/fixtures/everything/*.sql. There a line `--- schema: NAME` names the schema that a file's
 * statements run in, `--- entry: KIND` begins an entry, `--- damage:` its second part, and `--- since:`, `--- needs:`,
 * `--- superuser` and `--- unlisted` are its properties.
 */
export interface Entry {
  /** Unique. */
  readonly kind: string;
  /** The schema that the statements run in; it is made with the first entry that stands in it. */
  readonly schema: string;
  /** The oldest server that knows it, as in `server_version_num`. */
  readonly since: number;
  /** The kinds of entries that have to be there before. */
  readonly needs: readonly string[];
  /** An owner's rights are not enough to make it. */
  readonly superuser: boolean;
  /** A backup may leave it out if it says so; all the others it has to carry. */
  readonly unlisted: boolean;
  /** Makes it, with rows where they matter, and all that it needs beyond `needs`. */
  readonly sql: string;
  /** Takes out or alters this one thing and nothing else. */
  readonly damage: string;
}

/** The roles that entries name. They belong to the server, not to a database: no backup holds them. */
export const everythingRoles = ['everything_owner', 'everything_reader', 'everything_gone'] as const;

const fixtures = join(import.meta.dirname, '../../fixtures/everything');

/** All entries, in an order in which they can be made one after the other. */
export const everything: readonly Entry[] = readEntries();

/** The entries that a server of this version (`server_version_num`) knows. */
export function entriesFor(version: number): Entry[] {
  return everything.filter((entry) => entry.since <= version);
}

/** The entry, and before it all that it needs. */
export function withNeeds(entry: Entry): Entry[] {
  return [...entry.needs.flatMap((kind) => withNeeds(findEntry(kind))), entry];
}

/** Makes the roles that entries name, where they are missing. */
export async function createEverythingRoles(
  url: string,
  roles: readonly string[] = everythingRoles,
): Promise<void> {
  await withClient(url, async (client) => {
    const { rows } = await client.query<{ rolname: string }>('SELECT rolname FROM pg_roles');
    const there = new Set(rows.map((row) => row.rolname));
    for (const role of roles) if (!there.has(role)) await client.query(`CREATE ROLE ${role}`);
  });
}

/** Makes the entries in a database whose server has the roles. An error names the entry. */
export async function createEntries(url: string, entries: readonly Entry[]): Promise<void> {
  await withClient(url, async (client) => {
    for (const entry of entries) await runIn(client, entry, 'sql');
  });
}

/** Takes entries out again, or alters them; those that others need come last. */
export async function damageEntries(url: string, entries: readonly Entry[]): Promise<void> {
  await withClient(url, async (client) => {
    for (const entry of entries.toReversed()) await runIn(client, entry, 'damage');
  });
}

async function runIn(client: pg.Client, entry: Entry, part: 'sql' | 'damage'): Promise<void> {
  const schema = client.escapeIdentifier(entry.schema);
  try {
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}; SET search_path = ${schema}`);
    await client.query(entry[part]);
  } catch (cause) {
    throw new Error(`${entry.kind}, ${part}: ${(cause as Error).message}`, { cause });
  }
}

async function withClient(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

function findEntry(kind: string): Entry {
  const entry = everything.find((candidate) => candidate.kind === kind);
  if (!entry) throw new Error(`There is no entry "${kind}".`);
  return entry;
}

function readEntries(): Entry[] {
  // Extensions come first; rights that are given to all that is made later come last.
  const first = 'others.sql';
  const last = 'grants.sql';
  const files = readdirSync(fixtures)
    .filter((name) => name.endsWith('.sql') && name !== first && name !== last)
    .sort();
  const entries = [first, ...files, last].flatMap((name) =>
    parseFile(name, readFileSync(join(fixtures, name), 'utf8')),
  );
  const kinds = new Set(entries.map((entry) => entry.kind));
  if (kinds.size !== entries.length) throw new Error('Two entries have one name.');
  return entries;
}

function parseFile(name: string, text: string): Entry[] {
  const [head = '', ...parts] = text.split(/^--- entry: /m);
  const schema = /^--- schema: (\S+)$/m.exec(head)?.[1];
  if (schema === undefined) throw new Error(`${name} does not begin with a schema.`);
  return parts.map((part) => parseEntry(schema, part));
}

function parseEntry(schema: string, text: string): Entry {
  const [made = '', damage = ''] = text.split(/^--- damage:$/m);
  const kind = made.slice(0, made.indexOf('\n'));
  const property = (key: string): string | undefined =>
    new RegExp(`^--- ${key}(?:: (.*))?$`, 'm').exec(made)?.slice(1).map(String)[0];
  const sql = made
    .slice(kind.length)
    .replaceAll(/^--- .*\n/gm, '')
    .trim();
  if (damage.trim() === '') throw new Error(`The entry "${kind}" has no damage.`);
  return {
    kind,
    schema,
    since: Number(property('since') ?? 0),
    needs: property('needs')?.split(', ') ?? [],
    superuser: property('superuser') !== undefined,
    unlisted: property('unlisted') !== undefined,
    sql,
    damage: damage.trim(),
  };
}
