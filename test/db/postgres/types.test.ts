import assert from 'node:assert/strict';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { backUp, openClient, restore, usePostgres } from '../../support/postgresRestores.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

/** Types, each with values that are easily lost on the way, as SQL. */
const values: Readonly<Record<string, readonly string[]>> = {
  smallint: ['-32768', '32767'],
  bigint: ['-9223372036854775808', '9223372036854775807', '9007199254740993'],
  numeric: [
    `'NaN'`,
    `'Infinity'`,
    `'-Infinity'`,
    '1.00',
    '1.0',
    '-0',
    `repeat('9', 1000)::numeric`,
    `('0.' || repeat('0', 900) || '1')::numeric`,
  ],
  'numeric(12,4)': ['12345678.9012', '0'],
  real: [`'NaN'`, `'Infinity'`, `'-Infinity'`, `'-0'`, '1.17549435e-38', '3.4028235e38', '0.1'],
  'double precision': [
    `'NaN'`,
    `'-Infinity'`,
    `'-0'`,
    '2.2250738585072014e-308',
    '1.7976931348623157e308',
    '0.1',
    '0.30000000000000004',
    '5e-324',
  ],
  money: [`'-92233720368547758.08'`, `'1234.50'`],
  text: [
    `''`,
    `'\\N'`,
    `'\\.'`,
    `E'a\\tb\\nc\\\\d\\re\\bf\\fg\\vh'`,
    `'čaj 茶 🍵 e\u0301'`,
    `repeat('x', 100000)`,
    `E'\\x01\\x7f'`,
  ],
  'character(5)': [`'ab'`, `'  c'`, `''`],
  'character varying(3)': [`'ab '`, `'茶茶茶'`],
  '"char"': [`'a'`, `''`, `'\\200'`],
  name: [`'a name'`],
  bytea: [`'\\x'`, `'\\x00ff5c0a0d09'`, `decode(repeat('00', 70000), 'hex')`],
  boolean: ['true', 'false'],
  date: [`'infinity'`, `'-infinity'`, `'4713-01-01 BC'`, `'5874897-12-31'`, `'0001-01-01'`],
  time: [`'24:00:00'`, `'00:00:00.000001'`],
  'time(3)': [`'12:34:56.789'`],
  timetz: [`'23:59:59.999999+15:59'`, `'00:00:00-15:59:59'`],
  timestamp: [
    `'infinity'`,
    `'2024-02-29 23:59:59.123456'`,
    `'4713-01-01 00:00:00 BC'`,
    `'294276-12-31 23:59:59.999999'`,
  ],
  timestamptz: [`'-infinity'`, `'2024-10-27 02:30:00.000001+02'`, `'0001-12-31 23:59:59 BC'`],
  interval: [
    `'1 mon -1 day +02:03:04.000005'`,
    `'-178000000 years'`,
    `'1 day'`,
    `'24:00'`,
    `'-1 year 2 mons -3 days 4:05:06.7'`,
  ],
  uuid: [`'00000000-0000-0000-0000-000000000000'`, `'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'`],
  inet: [`'192.168.0.1/24'`, `'::1'`, `'2001:db8::/32'`],
  cidr: [`'10.0.0.0/8'`],
  macaddr: [`'08:00:2b:01:02:03'`],
  macaddr8: [`'08:00:2b:01:02:03:04:05'`],
  bit: [`B'1'`],
  'bit varying': [`B''`, `B'0000000101'`],
  json: [`'{"a": 1, "a": 2,  "b":1.0000000000000000000001}'`, `'null'`, `'"\\u0000"'`, `'[1e400]'`],
  jsonb: [`'{"b": 1.50, "a": [null, "\\u00e9"]}'`, `'null'`, `'123456789012345678901234567890'`],
  jsonpath: [`'$.a[*] ? (@ > 1)'`],
  xml: [`'<a b="1">x &amp; y</a>'`, `'text <b/> more'`, `'<?xml version="1.0"?><!DOCTYPE a><a/>'`],
  point: [`'(0.1,-1e-300)'`],
  line: [`'{1,-1,0}'`],
  lseg: [`'[(0,0),(1,1)]'`],
  box: [`'(2,2),(0,0)'`],
  path: [`'[(0,0),(1,1)]'`, `'((0,0),(1,1))'`],
  polygon: [`'((0,0),(1,0),(0,1))'`],
  circle: [`'<(1,2),3.5>'`],
  tsvector: [`'a:1A fat:2B,4C ''it''''s'':3'`],
  tsquery: [`'fat & (rat:*A | !cat)'`],
  int4range: [`'empty'`, `'[1,10)'`, `'(,)'`],
  numrange: [`'(1.50,2.500]'`],
  tstzrange: [`'["2024-01-01 00:00:00.000001+00",infinity)'`],
  int4multirange: [`'{}'`, `'{[1,3),[5,7)}'`],
  'integer[]': [`'{}'`, `'{1,NULL,3}'`, `'[0:1][-1:0]={{1,2},{3,4}}'`],
  'text[]': [`ARRAY['NULL', NULL, '', 'a,b', '"', E'\\\\', E'\\n', '{']`],
  'timestamptz[]': [`ARRAY['2024-01-01'::timestamptz, 'infinity']`],
  pg_lsn: [`'16/B374D848'`],
  xid8: [`'18446744073709551615'`],
  tid: [`'(4294967295,65535)'`],
  txid_snapshot: [`'10:20:10,14,15'`],
  oid: ['4294967295'],
  regclass: [`'own.thing'`, `'pg_class'`],
  regprocedure: [`'own.double(integer)'`],
  regtype: [`'own.mood'`, `'int4'`],
  regrole: [`'pg_monitor'`],
  'own.mood': [`'sad'`, `'it''s "fine", \\\\ ok'`],
  'own.mood[]': [`ARRAY['sad'::own.mood, NULL]`],
  'own.email': [`'a@b'`],
  'own.pair': [`ROW(1, 'a,"b"', NULL)`, `ROW(NULL, '', 'own.thing'::regclass)`],
  'own.pair[]': [`ARRAY[ROW(1, E'\\n', NULL)::own.pair]`],
  'own.floats': [`'[0.1,0.2)'`],
};

const schema = `
  CREATE SCHEMA own;
  CREATE TABLE own.thing (id integer PRIMARY KEY);
  CREATE FUNCTION own.double(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1 * 2';
  CREATE TYPE own.mood AS ENUM ('sad', 'it''s "fine", \\\\ ok');
  CREATE DOMAIN own.email AS text CHECK (VALUE LIKE '%@%');
  CREATE TYPE own.pair AS (a integer, b text, c regclass);
  CREATE TYPE own.floats AS RANGE (subtype = float8);`;

const names = Object.keys(values);
const table = (index: number): string => `public."type ${index}"`;

const createTables = names
  .map((type, index) => {
    const rows = values[type]!.map((value, row) => `(${row}, (${value})::${type})`);
    return `CREATE TABLE ${table(index)} (id integer PRIMARY KEY, value ${type});
            INSERT INTO ${table(index)} VALUES ${[...rows, `(${rows.length}, NULL)`].join(', ')};`;
  })
  .join('\n');

/** What a database, a role or a server can be set to, all of it at once. */
const strangeSettings = [
  `datestyle = 'German, DMY'`,
  `intervalstyle = 'sql_standard'`,
  `timezone = 'Asia/Kathmandu'`,
  `extra_float_digits = -15`,
  `bytea_output = 'escape'`,
  `xmloption = 'document'`,
  `array_nulls = off`,
  `search_path = 'own', 'public'`,
  `standard_conforming_strings = off`,
  `client_encoding = 'LATIN1'`,
  `default_transaction_isolation = 'serializable'`,
  `statement_timeout = '250ms'`,
  `quote_all_identifiers = on`,
];

/** Every value as text, under settings that lose nothing. */
async function images(database: TestDatabase): Promise<string[]> {
  const client = await openClient(database);
  try {
    await client.query(`SET search_path = ''; SET statement_timeout = 0; SET extra_float_digits = 3;
                        SET client_encoding = 'UTF8'; SET datestyle = 'ISO'; SET bytea_output = 'hex';
                        SET timezone = 'UTC'; SET intervalstyle = 'postgres'; SET quote_all_identifiers = off`);
    const found: string[] = [];
    for (const [index, type] of names.entries()) {
      const { rows } = await client.query<{ id: number; value: string }>(
        `SELECT id, value::text FROM ${table(index)} ORDER BY id`,
      );
      for (const row of rows) found.push(`${type} ${row.id}: ${row.value}`);
    }
    return found;
  } finally {
    await client.end();
  }
}

describe('postgres: values of every type', () => {
  const postgres = usePostgres();

  async function settle(database: TestDatabase): Promise<void> {
    const name = new URL(database.url).pathname.slice(1);
    const client = await openClient(database);
    await client.query(
      strangeSettings.map((setting) => `ALTER DATABASE "${name}" SET ${setting}`).join('; '),
    );
    await client.end();
  }

  it('come back exactly, whatever the database is set to', async () => {
    const source = await postgres.create(schema + createTables);
    await settle(source);
    const before = await images(source);
    assert.ok(before.length > 150);
    const file = postgres.file('types.dbbackup');
    await backUp(source, file);

    const target = await postgres.create(schema);
    await restore(file, target);
    assert.deepEqual(await images(target), before);

    const client = await openClient(source);
    await client.query(`SET statement_timeout = 0`);
    for (const index of names.keys()) {
      await client.query(
        `DELETE FROM ${table(index)} WHERE id % 2 = 0; UPDATE ${table(index)} SET value = NULL`,
      );
    }
    await client.end();
    await restore(file, source, { mode: 'merge' });
    assert.deepEqual(await images(source), before);
  });

  it('are the same bytes in a backup, whatever the database is set to', async () => {
    const source = await postgres.create(schema + createTables);
    const digests = async (name: string): Promise<unknown> => {
      const file = postgres.file(name);
      await backUp(source, file);
      const archive = await Archive.open(file, engineById);
      await archive.close();
      return archive.manifest.tables.map((one) => [one.table.name.name, one.rows, one.digest]);
    };
    const before = await digests('before.dbbackup');
    await settle(source);
    assert.deepEqual(await digests('after.dbbackup'), before);
  });

  it('are told apart where equality does not: a merge makes every one as it was', async () => {
    const database = await postgres.create(`
      CREATE TABLE t (id integer PRIMARY KEY, n numeric, f float8, j json, i interval, p point, c char(5), x xml);
      INSERT INTO t VALUES (1, 1.50, '-0', '{"a":1}', '1 day', '(1,2)', 'a', '<a/>'), (2, 2, 2, '2', '2 days', '(2,2)', 'b', 'b');`);
    const file = postgres.file('t.dbbackup');
    await backUp(database, file);
    const before = await database.rows('SELECT t::text FROM t ORDER BY id');
    await database.run(`UPDATE t SET n = 1.5, f = 0, j = '{"a": 1}', i = '24:00' WHERE id = 1`);
    const report = await restore(file, database, { mode: 'merge' });
    assert.deepEqual(await database.rows('SELECT t::text FROM t ORDER BY id'), before);
    assert.equal(report.tables[0]!.updated, 1);
    assert.equal((await restore(file, database, { mode: 'merge' })).tables[0]!.updated, 0);
  });
});
