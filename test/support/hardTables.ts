import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { hardTexts } from '../db/everything/hardTexts.ts';
import type { TestDatabase } from './testDatabases.ts';

/** A table with values that a text format can lose, in SQL: columns by name, and rows of values. */
export interface HardTable {
  readonly first: string;
  readonly columns: readonly string[];
  /** For each of these there is a row with every other value of it NULL. */
  readonly values: Readonly<Record<string, readonly string[]>>;
}

export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

export const hard: Readonly<Record<string, HardTable>> = {
  sqlite: {
    first: '',
    columns: [
      ...['id INTEGER PRIMARY KEY', 'words TEXT', '"a ""b"", c" TEXT', 'amount REAL', 'small INTEGER'],
      ...['anything', 'raw BLOB', 'twice INTEGER GENERATED ALWAYS AS (id * 2)'],
    ],
    values: {
      words: hardTexts.map(quoted),
      '"a ""b"", c"': [`''`, `'\\.'`, `'{0}' || char(0) || char(13) || '{13}'`, `char(13, 10, 13)`],
      amount: ['0.1', '1e300', '9e999', '-9e999', '5e-324', '1.7976931348623157e308', '-0.5', '3'],
      small: ['9223372036854775807', '-9223372036854775808', '-1'],
      anything: ['1', '1.0', `'1'`, "CAST(x'61ff' AS TEXT)", "x''", "x'00ff'", 'NULL', '-0.0'],
      raw: ["x'00ff'", "x''", `'text'`],
    },
  },
  postgres: {
    first: `CREATE TYPE mood AS ENUM ('so so', 'good'); CREATE TYPE pair AS (a integer, b text);
            CREATE DOMAIN positive AS integer CHECK (VALUE > 0); SET IntervalStyle = postgres;`,
    columns: [
      ...['id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY', 'words text', '"a ""b"", c" varchar(9)'],
      ...['amount double precision', 'small real', 'exact numeric', 'big bigint', 'yes boolean', 'raw bytea'],
      ...['day date', 'moment timestamptz', 'local timestamp', 'span interval', 'doc json', 'docb jsonb'],
      ...['mood mood', 'pair pair', 'positive positive', 'list integer[]', 'lists text[]', 'moods mood[]'],
      ...[
        'raws bytea[]',
        'flags boolean[]',
        'boxes box[]',
        'address inet',
        'range int4range',
        'fixed char(5)',
      ],
      ...['bits bit(3)', 'twice bigint GENERATED ALWAYS AS (id * 2) STORED'],
    ],
    values: {
      words: hardTexts.map(quoted),
      '"a ""b"", c"': [`''`, String.raw`'\.'`, String.raw`'\N'`],
      amount: [
        "'NaN'",
        "'Infinity'",
        "'-Infinity'",
        "'-0'",
        '0.1',
        '5e-324',
        '1.7976931348623157e308',
        '1e15',
      ],
      small: ["'-0'", '0.1', '3.4e38', "'NaN'"],
      exact: ["'NaN'", '1.00', '-0.00', '0', '123456789012345678901234567890.123456789012345678901234567890'],
      big: ['9223372036854775807', '-9223372036854775808', '0'],
      yes: ['true', 'false'],
      raw: [String.raw`'\x00ff5c27'`, "''"],
      day: ["'infinity'", "'0044-03-15 BC'", "'2024-02-29'"],
      moment: ["'infinity'", "'2024-02-29 12:00:00.000001+02'", "'10000-01-01 00:00Z'", "'0001-01-01 BC'"],
      local: ["'-infinity'", "'2024-02-29 12:00:00.000001'"],
      span: ["'1 year -2 days 03:04:05.6'", "'-1 day'", "'-00:00:01'"],
      doc: [`'{"a": 1.10,  "a": null}'`, `E'{"b":\n "x\\\\u0041"}'`, "'null'", `'"text"'`],
      docb: [`'{"b": 1e2}'`, "'null'"],
      mood: ["'so so'"],
      pair: [`ROW(1, 'a,"b"\\')`, 'ROW(NULL, NULL)', `ROW(NULL, '')`],
      positive: ['5'],
      list: ["'{}'", "'{1,NULL,-3}'", "'{{1,2},{3,4}}'", "'[0:1]={5,6}'"],
      lists: [String.raw`ARRAY['a,b', 'q"\', 'NULL', '', NULL, '{x}', E'a\nb']`],
      moods: ["ARRAY['so so'::mood]"],
      raws: [String.raw`ARRAY['\x00ff'::bytea]`],
      flags: ['ARRAY[true, false, NULL]'],
      boxes: ["'{(1,1),(0,0);(2,2),(1,1)}'"],
      address: ["'::1/64'"],
      range: ["'[1,5)'", "'empty'"],
      fixed: ["'ab'"],
      bits: ["B'101'"],
    },
  },
};

export const tableSql = ({ columns }: HardTable, name = 'hard'): string =>
  `CREATE TABLE ${name} (${columns.join(', ')})`;

export function rowsSql({ values }: HardTable): string {
  const inserts = Object.entries(values).flatMap(([column, all]) =>
    all.map((value) => `INSERT INTO hard (${column}) VALUES (${value})`),
  );
  return inserts.join(';\n');
}

export const packages: Readonly<Record<string, string>> = {
  sqlite: 'sqlite3',
  postgres: 'postgresql-client',
};

/** Runs statements with the engine's own program. */
export function ownProgram(database: TestDatabase, input: string): void {
  const [program, args] =
    database.engine.id === 'sqlite'
      ? ['sqlite3', ['-bail', database.url.slice('sqlite:'.length)]]
      : ['psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', database.url]];
  const run = spawnSync(program, args, { input, encoding: 'utf8' });
  assert.equal(run.stderr, '');
  assert.equal(run.status, 0);
}
