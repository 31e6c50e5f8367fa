import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { ensureDebianPackages } from './debianPackages.ts';
import { pgDump18, pgDumpSettings } from './pgDump18.ts';

/** What a witness has to say, by objects: the heading of each, and its text. */
export type Testimony = ReadonlyMap<string, string>;

/** Whose pg_dump speaks: Debian's, for servers up to its own version, or the one of version 18 from npm. */
export type PgDumpClient = 'debian' | 'npm';

const debianBinaries = '/usr/lib/postgresql/15/bin';

/**
 * The folder with the programs of Debian's PostgreSQL 15, server and clients.
 * Installs it when that is possible (see `ensureDebianPackages`, whose errors it throws).
 */
export function ensureDebianPostgres(): string {
  ensureDebianPackages(['postgresql-15', 'postgresql-client-15']);
  return debianBinaries;
}

/** The schema of a database by `pg_dump --schema-only`, without what differs from run to run and without an order. */
export async function pgDumpSchema(url: string, by: PgDumpClient = 'npm'): Promise<Testimony> {
  const args = ['--schema-only', '--encoding=UTF8'];
  return splitDump(by === 'npm' ? await pgDump18(url, args) : await debianDump(url, args));
}

/** The output of Debian's pg_dump 15. */
export async function debianDump(url: string, args: readonly string[]): Promise<string> {
  const environment = { LC_ALL: 'C', PGOPTIONS: pgDumpSettings };
  const options = { maxBuffer: 2 ** 30, env: { ...process.env, ...environment } };
  const dump = await promisify(execFile)(`${debianBinaries}/pg_dump`, [...args, '--dbname', url], options);
  return dump.stdout;
}

/** Runs a script in Debian's psql, which goes on after errors as it does by default. */
export async function runPsql(url: string, script: string): Promise<void> {
  const psql = spawn(`${debianBinaries}/psql`, ['--no-psqlrc', '--quiet', '--dbname', url], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  psql.stdin.end(script);
  const [code] = (await once(psql, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`psql ended with code ${code}`);
}

/**
 * All rows of a database, table by table, as COPY prints them in one fixed setting, sorted; where sequences are; what
 * large objects hold, with owners, rights and comments; which materialized views are filled.
 */
export async function sortedCopy(url: string): Promise<Testimony> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(fixedSettings);
    const { rows: relations } = await client.query<{ name: string; kind: string; filled: boolean }>(
      relationQuery,
    );
    const sections = new Map<string, string>();
    for (const { name, kind, filled } of relations) {
      const query = kind === 'S' ? `SELECT last_value, is_called FROM ${name}` : `SELECT * FROM ONLY ${name}`;
      sections.set(`rows of ${name}`, filled ? await copyOut(client, query) : 'not filled');
    }
    const { rows: objects } = await client.query<Record<string, string>>(largeObjectQuery);
    for (const { oid, ...rest } of objects) {
      const lines = Object.entries(rest).map(([key, value]) => `${key}: ${value}`);
      sections.set(`large object ${oid}`, lines.join('\n'));
    }
    return sections;
  } finally {
    await client.end();
  }
}

/** Both witnesses together: two databases are the same exactly when they say the same. */
export async function testimonyOf(url: string, by: PgDumpClient = 'npm'): Promise<Testimony> {
  const [schema, rows] = await Promise.all([pgDumpSchema(url, by), sortedCopy(url)]);
  return new Map([...schema, ...rows]);
}

/** The headings under which two testimonies differ, each with the lines that one has and the other has not. */
export function differences(actual: Testimony, expected: Testimony): string[] {
  const headings = [...new Set([...expected.keys(), ...actual.keys()])];
  return headings
    .filter((heading) => actual.get(heading) !== expected.get(heading))
    .map((heading) => `${heading}\n${compareLines(actual.get(heading), expected.get(heading))}`);
}

/** Throws an AssertionError that shows what differs, shortened. */
export function assertSameTestimony(actual: Testimony, expected: Testimony): void {
  const found = differences(actual, expected);
  if (found.length === 0) return;
  const shown = found.slice(0, 20).join('\n\n');
  assert.fail(`${found.length} objects differ (+ is what is there, - is what should be):\n\n${shown}`);
}

function compareLines(actual: string | undefined, expected: string | undefined): string {
  const [is, should] = [actual, expected].map((text) => text?.split('\n') ?? []) as [string[], string[]];
  const shorten = (line: string): string => (line.length > 300 ? `${line.slice(0, 300)}…` : line);
  const without = (lines: string[], others: string[], sign: string): string[] => {
    const left = new Map<string, number>();
    for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
    const alone = lines.filter((line) => {
      const count = left.get(line) ?? 0;
      left.set(line, count - 1);
      return count <= 0;
    });
    return alone.slice(0, 10).map((line) => `${sign} ${shorten(line)}`);
  };
  const lines = [...without(should, is, '-'), ...without(is, should, '+')];
  return lines.length > 0 ? lines.join('\n') : 'the same lines in another order';
}

/** Cuts a dump before each object. The order of the objects follows from their names, OIDs and dependencies: no matter. */
function splitDump(dump: string): Testimony {
  const sections = new Map<string, string>();
  const tableDefaults = new Map<string, string>();
  for (const part of dump.split(/^--\n-- (?=Name: )/m).slice(1)) {
    const [heading = '', ...lines] = part.split('\n');
    const kept = lines.filter((line) => line !== '' && line !== '--' && !isVolatile(line));
    // A setting holds for all objects that come after it.
    const settings = kept.filter((line) => line.startsWith('SET default_'));
    const body = kept.filter((line) => !line.startsWith('SET default_'));
    const state = /Type: (TABLE|MATERIALIZED VIEW);/.test(heading) ? [...tableDefaults.values()] : [];
    for (const line of settings) tableDefaults.set(line.split(' ')[1] ?? '', line);
    sections.set(unusedHeading(sections, heading), [...state, ...body].join('\n'));
  }
  return new Map([...sections].sort(([one], [other]) => (one < other ? -1 : 1)));
}

function isVolatile(line: string): boolean {
  return line === '-- PostgreSQL database dump complete' || /^\\(un)?restrict /.test(line);
}

/** Some objects share a heading: default privileges, comments on columns of one name. */
function unusedHeading(sections: Testimony, heading: string): string {
  if (!sections.has(heading)) return heading;
  let number = 2;
  while (sections.has(`${heading} (${number})`)) number += 1;
  return `${heading} (${number})`;
}

const fixedSettings = `
  SET search_path = ''; SET client_encoding = 'UTF8'; SET datestyle = 'ISO, MDY'; SET intervalstyle = 'postgres';
  SET timezone = 'UTC'; SET extra_float_digits = 3; SET bytea_output = 'hex'; SET lc_monetary = 'C';
  SET row_security = off; SET quote_all_identifiers = off; SET xmloption = content`;

const relationQuery = `
  SELECT c.oid::regclass::text AS name, c.relkind AS kind, c.relispopulated AS filled
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'm', 'S') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
   ORDER BY 1`;

const largeObjectQuery = `
  SELECT m.oid, pg_catalog.pg_get_userbyid(m.lomowner) AS owner, m.lomacl::text AS rights,
         pg_catalog.obj_description(m.oid, 'pg_largeobject') AS comment,
         pg_catalog.encode(pg_catalog.lo_get(m.oid), 'hex') AS bytes
    FROM pg_catalog.pg_largeobject_metadata m`;

async function copyOut(client: pg.Client, query: string): Promise<string> {
  const stream = client.query(copyTo(`COPY (${query}) TO STDOUT`));
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await finished(stream);
  const bytes = Buffer.concat(chunks);
  // A database without an encoding (SQL_ASCII) holds any bytes.
  const lines = bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1').split('\n');
  return lines.sort().join('\n');
}
