import { hardTexts } from './hardTexts.ts';

/** A type and values of it as SQL expressions; whoever takes them adds NULL. */
export interface TypeSample {
  /** As it stands in CREATE TABLE. */
  readonly type: string;
  readonly values: readonly string[];
  /** The oldest server that takes these values, as in `server_version_num`. */
  readonly since?: number;
  /** It has a b-tree operator class and can be a key. */
  readonly key?: boolean;
}

/** A text as a SQL literal. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

const literals = (...texts: readonly string[]): string[] => texts.map(literal);

const longText = `repeat('a long text, ''quoted'' \\ ü ', 5000)`;

const integers: readonly TypeSample[] = [
  { type: 'smallint', values: ['0', '-32768', '32767'], key: true },
  { type: 'integer', values: ['0', '-2147483648', '2147483647'], key: true },
  {
    type: 'bigint',
    values: ["'-9223372036854775808'", '9223372036854775807', '9007199254740993', '-9007199254740993'],
    key: true,
  },
  { type: 'oid', values: ['0', '4294967295'], key: true },
  { type: 'boolean', values: ['true', 'false'], key: true },
];

const numbers: readonly TypeSample[] = [
  {
    type: 'numeric',
    values: [
      ...literals('0', '0.000', '-0.0', '1.10', '-1e-20', 'NaN', 'Infinity', '-Infinity', '9'.repeat(1000)),
      ...literals(`-${'1234567890'.repeat(100)}.${'0987654321'.repeat(100)}`, `0.${'0'.repeat(999)}1`),
      ...literals('1e131071', '1e-16383', '12345678901234567890.1234567890'),
    ],
    key: true,
  },
  { type: 'numeric(10,2)', values: literals('-99999999.99', '0.10', 'NaN'), key: true },
  { type: 'numeric(1000,500)', values: literals(`1.${'3'.repeat(500)}`, `-${'7'.repeat(500)}`) },
  { type: 'numeric(3,-2)', values: literals('12300', '-99900'), since: 150000 },
  { type: 'numeric(2,4)', values: literals('0.0012', '-0.0099'), since: 150000 },
  {
    type: 'real',
    values: literals(
      '-0',
      'NaN',
      'Infinity',
      '-Infinity',
      '1e-45',
      '1.1754944e-38',
      '3.4028235e38',
      '0.1',
      '16777217',
    ),
    key: true,
  },
  {
    type: 'double precision',
    values: [
      ...literals('-0', 'NaN', 'Infinity', '-Infinity', '5e-324', '-5e-324', '2.2250738585072014e-308'),
      ...literals(
        '1.7976931348623157e308',
        '0.1',
        '0.30000000000000004',
        '1e15',
        '9007199254740993',
        '123456789012345678',
      ),
      '1::double precision / 3',
    ],
    key: true,
  },
  { type: 'money', values: ["'-92233720368547758.08'", "'92233720368547758.07'", "'0.01'"], key: true },
];

const strings: readonly TypeSample[] = [
  { type: 'text', values: [...literals(...hardTexts), longText], key: true },
  { type: 'character varying', values: literals(...hardTexts) },
  { type: 'character varying(5)', values: literals('', 'a', 'a    ', 'ü名😀\t\\'), key: true },
  { type: 'character(5)', values: literals('', 'a', 'a    ', '     ', 'ü名😀\t\\', '\n'), key: true },
  { type: 'character(1)', values: literals('', 'a', ' ', '名') },
  { type: '"char"', values: literals('', 'a', ' ', '\\', '\t', "'") },
  { type: '"char"', values: literals('\\377', '\\200'), since: 160000 },
  { type: 'name', values: literals('', 'a', 'a b"c', 'x'.repeat(63), '名'.repeat(21)) },
  {
    type: 'bytea',
    values: [
      ...literals('', '\\x00', '\\x5c2e0a', '\\xff', '\\x00ff005c4e'),
      `decode('${Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('hex')}', 'hex')`,
      `decode(repeat('00ff5c0a0d09', 20000), 'hex')`,
    ],
    key: true,
  },
  { type: 'bit(8)', values: ["B'00000000'", "B'10100101'"], key: true },
  { type: 'bit varying', values: ["B''", "B'1'", "B'101'", "repeat('10', 3000)::bit varying"] },
  { type: 'bit varying(5)', values: ["B''", "B'00000'"] },
  {
    type: 'uuid',
    values: literals('00000000-0000-0000-0000-000000000000', 'FFFFFFFF-ffff-ffff-ffff-ffffffffffff'),
    key: true,
  },
];

const times: readonly TypeSample[] = [
  {
    type: 'timestamp without time zone',
    values: literals(
      ...[
        'infinity',
        '-infinity',
        '4713-01-01 00:00:00 BC',
        '294276-12-31 23:59:59.999999',
        '0001-12-31 23:59:59.5 BC',
      ],
      ...[
        '2000-01-01 00:00:00.000001',
        '1999-12-31 23:59:60',
        '10000-01-01',
        '0001-01-01',
        '1582-10-10',
        '2024-02-29 24:00:00',
      ],
    ),
    key: true,
  },
  {
    type: 'timestamp with time zone',
    values: literals(
      ...[
        'infinity',
        '-infinity',
        '4713-01-02 00:00:00+00 BC',
        '294276-12-31 23:59:59.999999+00',
        '2024-03-31 02:30:00 Europe/Berlin',
      ],
      ...[
        '2000-01-01 00:00:00.000001+05:45',
        '1883-11-18 12:03:58 America/New_York',
        '0044-03-15 12:00:00+01 BC',
        '12345-06-07+00',
      ],
    ),
    key: true,
  },
  { type: 'timestamp(3) without time zone', values: literals('2000-01-01 00:00:00.1234', 'infinity') },
  { type: 'timestamp(0) with time zone', values: literals('2000-01-01 00:00:00.5+00', '-infinity') },
  {
    type: 'date',
    values: literals(
      'infinity',
      '-infinity',
      '4713-01-01 BC',
      '5874897-12-31',
      '0001-12-31 BC',
      '0001-01-01',
      '10000-01-01',
      '2024-02-29',
    ),
    key: true,
  },
  {
    type: 'time without time zone',
    values: literals('00:00', '24:00:00', '23:59:59.999999', '12:00:00.000001'),
    key: true,
  },
  { type: 'time(2) with time zone', values: literals('23:59:59.99+15:59:59', '00:00-15:59', '24:00:00-08') },
  { type: 'time with time zone', values: literals('23:59:59.999999+00', '12:00+05:45:30'), key: true },
  {
    type: 'interval',
    values: literals(
      ...[
        '0',
        '178000000 years',
        '-178000000 years',
        '1 mon -1 day 00:00:00.000001',
        '-1 year +2 days -03:04:05.678901',
      ],
      ...['-2147483648 days', '30 days', '1 month', '24 hours', '-0.000001 seconds'],
    ),
  },
  { type: 'interval', values: literals('2562047788:00:54.775807'), since: 150000 },
  { type: 'interval', values: literals('infinity', '-infinity'), since: 170000 },
  { type: 'interval year to month', values: literals('7 years 13 months') },
  { type: 'interval second(2)', values: literals('1.23456 seconds') },
];

const documents: readonly TypeSample[] = [
  {
    type: 'json',
    values: literals(
      ...[
        'null',
        '  {"b" : 1,\n\t"a":2, "a":3}  ',
        '1e400',
        '12345678901234567890.12345678901234567890',
        '"\\u0000"',
        '[]',
      ],
      ...['"\\ud83d\\ude00 \\\\ \\" \\/ \\n"', '{"":{"__proto__":[null,true,"ü 名"]}}', '-0', '1.0', '1.10'],
    ),
  },
  {
    type: 'jsonb',
    values: literals(
      ...[
        'null',
        '{"b" : 1, "a":2, "a":3}',
        '1e400',
        '12345678901234567890.12345678901234567890',
        '[]',
        '{}',
        '-0',
        '1.10',
      ],
      ...[
        '"\\ud83d\\ude00 \\\\ \\" \\/ \\n"',
        '{"":{"__proto__":[null,true,"ü 名"]}}',
        '[1,[2,[3,[4,{"a":[{}]}]]]]',
      ],
    ),
    key: true,
  },
  {
    type: 'jsonpath',
    values: literals('$', 'strict $.a[*] ? (@."b c" > 1 && @ like_regex "^x" flag "i")', '$.**{2 to last}'),
  },
  {
    type: 'xml',
    values: [
      ...literals('<a b="c">x &amp; y<!-- z --></a>', '', 'text only <b/> ü', '<![CDATA[ <x> ]]>'),
      `xmlparse(document '<?xml version="1.0"?><!DOCTYPE a><a/>')`,
    ],
  },
  { type: 'tsvector', values: literals('', "a:1A fat:2B,3 'it''s':4C 'a b\\c':16383D", 'ü 名前'), key: true },
  {
    type: 'tsquery',
    values: literals('', "fat & (rat | !cat:*AB) <-> 'it''s' <3> dog", "!!'a b'"),
    key: true,
  },
];

const networks: readonly TypeSample[] = [
  {
    type: 'inet',
    values: literals('192.168.0.1/24', '::1', '::ffff:1.2.3.4/128', '0.0.0.0/0', '255.255.255.255'),
    key: true,
  },
  { type: 'cidr', values: literals('10.0.0.0/8', '2001:db8::/32', '0.0.0.0/0', '1.2.3.4/32'), key: true },
  { type: 'macaddr', values: literals('08:00:2b:01:02:03', 'ff:ff:ff:ff:ff:ff'), key: true },
  { type: 'macaddr8', values: literals('08:00:2b:01:02:03:04:05', '00:00:00:00:00:00:00:00'), key: true },
];

const shapes: readonly TypeSample[] = [
  {
    type: 'point',
    values: literals('(-0,1e-300)', '(NaN,Infinity)', '(-Infinity,0.1)', '(1.7976931348623157e308,5e-324)'),
  },
  { type: 'line', values: literals('{1,2,3}', '{0,-1,0.1}') },
  { type: 'lseg', values: literals('[(0.1,0.2),(3,4)]', '[(0,0),(0,0)]') },
  { type: 'box', values: literals('(1,1),(0,0.1)', '(Infinity,0),(-Infinity,-0)') },
  { type: 'path', values: literals('[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '((0.1,0.1))') },
  { type: 'polygon', values: literals('((0,0),(1,1),(2,0))', '((0.1,0.1))') },
  { type: 'circle', values: literals('<(0.1,0.2),0.3>', '<(0,0),0>', '<(0,0),Infinity>') },
];

const ranges: readonly TypeSample[] = [
  {
    type: 'int4range',
    values: literals('empty', '(,)', '[1,5)', '[,3)', '[-2147483648,2147483647)'),
    key: true,
  },
  { type: 'int8range', values: literals('empty', '[9007199254740993,9223372036854775807)') },
  { type: 'numrange', values: literals('[1.10,2.20]', '(,1.0)', '(-Infinity,NaN]', '[1,1]'), key: true },
  {
    type: 'tsrange',
    values: literals('[-infinity,infinity]', '("0044-03-15 00:00:00 BC","2000-01-01 00:00:00.000001"]'),
  },
  { type: 'tstzrange', values: literals('["2000-01-01 00:00+05:45",)', '(,infinity)') },
  { type: 'daterange', values: literals('[4713-01-01 BC,5874897-12-31)', '(,infinity)', 'empty'), key: true },
  { type: 'int4multirange', values: literals('{}', '{(,)}', '{[1,2),[5,7)}'), key: true },
  { type: 'nummultirange', values: literals('{[1.10,2.20],(3,4.0)}') },
  { type: 'tsmultirange', values: literals('{["2000-01-01 00:00","2000-01-02 00:00"),[infinity,]}') },
  { type: 'tstzmultirange', values: literals('{["2000-01-01 00:00+00","2000-01-02 00:00+00")}') },
  { type: 'datemultirange', values: literals('{[2000-01-01,2000-02-01),[2001-01-01,)}') },
  { type: 'int8multirange', values: literals('{[1,9223372036854775807)}') },
];

const arrays: readonly TypeSample[] = [
  {
    type: 'integer[]',
    values: literals('{}', '{NULL}', '[2:4]={1,2,3}', '[-1:0][5:6]={{1,2},{3,NULL}}', '{{{1}},{{2}}}'),
    key: true,
  },
  {
    type: 'text[]',
    values: [`ARRAY[NULL, ${hardTexts.map(literal).join(', ')}]`, "'{}'", `'[0:0]={"a\\\\b\\"c"}'`],
  },
  { type: 'bytea[]', values: [`ARRAY['\\x00'::bytea, '', '\\x5c22']`] },
  { type: 'timestamp with time zone[]', values: [`'{infinity,"0044-03-15 12:00:00+00 BC",NULL}'`] },
  { type: 'jsonb[]', values: [`ARRAY['{"a": "\\"\\\\"}'::jsonb, 'null', NULL]`] },
  { type: 'box[]', values: [`'{(1,1),(0,0);(2,2),(1,1)}'`] },
  { type: 'int4range[]', values: [`ARRAY['[1,5)'::int4range, 'empty', NULL]`] },
  { type: 'character(3)[]', values: [`'{a,"b  ",NULL,""}'`] },
];

/** What the server itself uses. The names in them are there in every database. */
const internals: readonly TypeSample[] = [
  { type: 'pg_lsn', values: literals('0/0', 'FFFFFFFF/FFFFFFFF'), key: true },
  { type: 'xid8', values: literals('0', '18446744073709551615'), key: true },
  { type: 'xid', values: literals('4294967295') },
  { type: 'cid', values: literals('1') },
  { type: 'tid', values: literals('(0,1)', '(4294967295,65535)') },
  { type: 'txid_snapshot', values: literals('10:20:10,14,15', '1:1:') },
  { type: 'pg_snapshot', values: literals('10:20:10,14,15') },
  { type: 'regclass', values: literals('pg_class', '-', 'information_schema.tables') },
  { type: 'regtype', values: literals('integer', 'timestamp with time zone', 'text[]', '"char"') },
  { type: 'regproc', values: literals('pg_catalog.now', '-') },
  { type: 'regprocedure', values: literals('abs(integer)') },
  { type: 'regoper', values: literals('pg_catalog.||/') },
  { type: 'regoperator', values: literals('+(integer,integer)', '-(NONE,integer)') },
  { type: 'regconfig', values: literals('english') },
  { type: 'regdictionary', values: literals('simple') },
  { type: 'regnamespace', values: literals('pg_catalog', 'public') },
  { type: 'regrole', values: literals('pg_read_all_data', '-') },
  { type: 'regcollation', values: literals('"C"') },
  { type: 'int2vector', values: literals('1 2 3', '') },
  { type: 'oidvector', values: literals('1 4294967295', '') },
  { type: 'refcursor', values: literals('a "cursor"\\') },
  { type: 'aclitem', values: literals('pg_read_all_data=r*w/pg_write_all_data') },
];

/** The built-in types with their values, the ones that are lost most easily, as far as a server of this version takes them. */
export function typeSamples(version: number): TypeSample[] {
  return [
    ...[integers, numbers, strings, times, documents, networks, shapes, ranges, arrays, internals],
  ].flatMap((group) => group.filter((sample) => (sample.since ?? 0) <= version));
}
