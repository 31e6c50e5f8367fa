import assert from 'node:assert/strict';
import pg from 'pg';
import { pgDump18 } from '../../support/pgDump18.ts';
import type { PostgresServer } from '../../support/postgresServer.ts';
import {
  assertSameTestimony,
  debianDump,
  differences,
  type PgDumpClient,
  runPsql,
  sortedCopy,
  type Testimony,
  testimonyOf,
} from '../../support/postgresWitness.ts';
import { createEntries, createEverythingRoles, damageEntries, entriesFor, type Entry } from './postgres.ts';
import { typeTables } from './postgresTypes.ts';

export interface WitnessedServer {
  /** `server_version_num` of the first release of its version. */
  readonly version: number;
  readonly by: PgDumpClient;
  /** Of what psql makes from the client's dump, the objects that differ from the original: the client's own faults. */
  readonly faults: readonly string[];
  readonly start: () => Promise<PostgresServer>;
}

/** Proves that the witnesses of one server see each entry, and that they say the same of two same databases. */
export function describeWitnesses({ version, by, faults, start }: WitnessedServer): void {
  const entries = entriesFor(version);
  const needed = new Set(entries.flatMap((entry) => entry.needs));
  let server: PostgresServer;
  let url: string;

  async function copyDatabase(name: string): Promise<string> {
    await run(server.url, `CREATE DATABASE ${name} TEMPLATE everything`);
    return server.urlOf(name);
  }

  before(async () => {
    server = await start();
    await createEverythingRoles(server.url);
    url = await server.createDatabase('everything');
    await createEntries(url, entries);
  });

  after(async () => {
    await server.stop();
  });

  describe('by each entry', () => {
    let original: Testimony;
    const rounds: { damaged: ReadonlySet<Entry>; different: ReadonlySet<string> }[] = [];
    const alone = entries.filter((entry) => !needed.has(entry.kind));

    /** What differs when these are damaged. */
    async function damage(name: string, chosen: readonly Entry[]): Promise<ReadonlySet<string>> {
      const copy = await copyDatabase(name);
      await damageEntries(copy, chosen);
      const found = differences(await testimonyOf(copy, by), original);
      return new Set(found.map((text) => text.split('\n')[0] ?? ''));
    }

    // One dump for each entry would take minutes. Instead there are a few rounds, and in each of them half of the entries
    // are damaged at once: every entry in as many rounds as any other, and no two in the same ones. So what differs in an
    // entry's rounds, and in no others, differs because of this entry alone.
    before(async () => {
      original = await testimonyOf(url, by);
      const count = 10;
      const codes = Array.from({ length: 2 ** count }, (_, code) => code).filter(
        (code) => code.toString(2).replaceAll('0', '').length === count / 2,
      );
      assert.ok(codes.length >= alone.length, 'more entries than these rounds can tell apart');
      for (let round = 0; round < count; round += 1) {
        const damaged = alone.filter((_, index) => ((codes[index] ?? 0) >> round) & 1);
        rounds.push({ damaged: new Set(damaged), different: await damage(`round_${round}`, damaged) });
      }
    });

    for (const entry of alone) {
      it(`sees: ${entry.kind}`, () => {
        const headings = rounds.flatMap((round) => [...round.different]);
        const seenBy = [...new Set(headings)].filter((heading) =>
          rounds.every((round) => round.different.has(heading) === round.damaged.has(entry)),
        );
        assert.notDeepEqual(seenBy, [], 'nothing differs when this, and only when this, is damaged');
      });
    }

    for (const [index, entry] of entries.entries()) {
      if (!needed.has(entry.kind)) continue;
      it(`sees: ${entry.kind}`, async () => {
        const different = await damage(`needed_${index}`, [entry]);
        assert.notDeepEqual([...different], []);
      });
    }
  });

  describe('of whole databases', () => {
    before(async () => {
      for (const script of typeTables(version)) await run(url, script);
    });

    it('say the same when nothing has changed', async () => {
      assertSameTestimony(await testimonyOf(url, by), await testimonyOf(url, by));
    });

    it('say the same of what psql makes from a dump', async () => {
      const dump = by === 'debian' ? await debianDump(url, []) : await pgDump18(url, ['--large-objects']);
      const copy = await server.createDatabase('from_dump');
      await runPsql(copy, dump);
      const found = differences(await testimonyOf(copy, by), await testimonyOf(url, by));
      assert.deepEqual(
        found.map((text) => text.split('\n')[0]).sort(),
        [...faults].sort(),
        found.join('\n\n'),
      );
    });

    it('see each row', async () => {
      const before = await sortedCopy(url);
      const copy = await copyDatabase('rows_removed');
      const tables = await query(
        copy,
        `SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relnamespace = 'data'::regnamespace`,
      );
      const deletions = tables.map(
        ([table]) => `DELETE FROM ${table} WHERE ctid = (SELECT min(ctid) FROM ${table});`,
      );
      await run(copy, deletions.join('\n'));
      const different = differences(await sortedCopy(copy), before).map((text) => text.split('\n')[0]);
      const withRows = [...before].filter(
        ([heading, text]) => heading.startsWith('rows of data.') && text !== '',
      );
      assert.deepEqual(different.sort(), withRows.map(([heading]) => heading).sort());
    });

    it('see the smallest changes of values', async () => {
      const subtle = [
        ['double precision', "'-0'", "'0'"],
        ['real', "'-0'", "'0'"],
        ['numeric', "'1.10'", "'1.1'"],
        ['character varying', "'a '", "'a'"],
        ['text', "E'a\\r\\n'", "E'a\\n'"],
        ['text', "'\\N'", 'NULL'],
        ['text', "''", 'NULL'],
        ['json', `'{"a":1,"a":2}'`, `'{"a":2}'`],
        ['json', `'{"a": 1}'`, `'{"a":1}'`],
        ['jsonb', `'null'`, 'NULL'],
        ['timestamp', "'2000-01-01 00:00:00.000001'", "'2000-01-01 00:00:00'"],
        ['integer[]', "'[0:1]={1,2}'", "'{1,2}'"],
        ['interval', "'1 mon'", "'30 days'"],
        ['time with time zone', "'12:00+00'", "'13:00+01'"],
        ['inet', "'1.2.3.4/24'", "'1.2.3.4'"],
        ['bytea', "'\\x00'", "''"],
      ];
      const make = (value: 1 | 2): string =>
        subtle
          .map(
            (change, index) =>
              `CREATE TABLE subtle_${index} AS SELECT (${change[value]})::${change[0]} AS v;`,
          )
          .join('\n');
      const [one, other] = [await server.createDatabase('subtle_1'), await server.createDatabase('subtle_2')];
      await run(one, make(1));
      await run(other, make(2));
      assert.equal(differences(await sortedCopy(one), await sortedCopy(other)).length, subtle.length);
    });
  });
}

async function query(url: string, sql: string): Promise<string[][]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<string[]>({ text: sql, rowMode: 'array' });
    return rows;
  } finally {
    await client.end();
  }
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
