import { literal, type TypeSample, typeSamples } from './postgresSamples.ts';

const literals = (...texts: readonly string[]): string[] => texts.map(literal);

/** Types that users make. They stand in the schema `data`, with a prefix that makes them come late in any order of names. */
const madeTypes = `
  CREATE TYPE data.zz_level AS ENUM ('low', 'high');
  ALTER TYPE data.zz_level ADD VALUE 'Mid "x" ''y'' \\ ,' BEFORE 'high';
  ALTER TYPE data.zz_level ADD VALUE 'lowest' BEFORE 'low';
  CREATE DOMAIN data.zz_amount AS numeric CHECK (VALUE >= 0);
  CREATE DOMAIN data.zz_word AS text COLLATE "C" NOT NULL DEFAULT 'x';
  CREATE DOMAIN data.zz_pair AS integer[] CHECK (cardinality(VALUE) = 2);
  CREATE TYPE data.zz_part AS ("N. n" integer, t text, level data.zz_level);
  CREATE TYPE data.zz_whole AS (one data.zz_part, many data.zz_part[], amount data.zz_amount, range int4range);
  CREATE TYPE data.zz_text_range AS RANGE (SUBTYPE = text, COLLATION = "C");
  CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public;
  CREATE EXTENSION IF NOT EXISTS citext SCHEMA public;
`;

const madeSamples: readonly TypeSample[] = [
  { type: 'data.zz_level', values: literals('low', 'high', 'Mid "x" \'y\' \\ ,', 'lowest'), key: true },
  { type: 'data.zz_level[]', values: [`enum_range(NULL::data.zz_level) || NULL::data.zz_level`] },
  { type: 'data.zz_amount', values: literals('0', '1e100', 'NaN') },
  { type: 'data.zz_amount[]', values: [`'{1.10,NULL}'`] },
  { type: 'data.zz_pair', values: literals('{1,NULL}') },
  { type: 'data.zz_pair[]', values: literals('{"{1,2}",NULL}') },
  {
    type: 'data.zz_part',
    values: [`ROW(NULL, NULL, NULL)`, `ROW(1, E'a"b\\\\c,(d)\\n', 'low')`, `ROW(0, '', NULL)`],
  },
  {
    type: 'data.zz_part[]',
    values: [`ARRAY[ROW(1, '"{}"\\', 'high')::data.zz_part, NULL, ROW(NULL, NULL, NULL)]`, `'{}'`],
  },
  {
    type: 'data.zz_whole',
    values: [
      `ROW(ROW(1, '"', 'low'), ARRAY[ROW(2, '\\', NULL)::data.zz_part, NULL], 5, '[1,3)')`,
      `ROW(NULL, NULL, NULL, NULL)`,
    ],
  },
  { type: 'data.zz_text_range', values: literals('["a b","c\\"d\\\\"]', 'empty', '(,x)', '["",a)') },
  { type: 'data.zz_text_multirange', values: literals('{["a,b",c),["d}",)}', '{}') },
  { type: 'hstore', values: literals('', '"a b"=>"c\\"d\\\\", "e"=>NULL, "NULL"=>"NULL", ü=>名前') },
  { type: 'citext', values: literals('MiXed', 'ÜBER', '', 'mixed') },
];

/**
 * Makes one table for each type, in the schema `data`: every value alone and in an array, and NULL.
 * The scripts are run one after the other: labels that were added to an enum type can be used after a COMMIT only.
 */
export function typeTables(version: number): string[] {
  const samples = [...typeSamples(version), ...madeSamples];
  const tables = samples.map((sample, index) => typeTable(sample, index));
  // Extensions may be there already, in a schema of their own.
  const path = 'SET search_path = public, extensions;';
  return [`CREATE SCHEMA data; ${madeTypes}`, path + tables.join('\n'), otherTables];
}

function typeTable({ type, values }: TypeSample, index: number): string {
  const name = `data."${String(index).padStart(3, '0')} ${type.replaceAll('"', '""').slice(0, 50)}"`;
  const element = type.endsWith('[]') ? type.slice(0, -2) : type;
  const inArray = isArray(type) ? 'NULL' : 'ARRAY[v, NULL, v]';
  const rows = values.map((value, row) => `(${row}, (${value})::${type})`).join(', ');
  return `
    CREATE TABLE ${name} (n integer PRIMARY KEY, v ${type}, a ${element}[]);
    INSERT INTO ${name} (n, v) VALUES ${rows}, (-1, NULL);
    UPDATE ${name} SET a = ${inArray};`;
}

/** Whether ARRAY[…] of it would be an array of more dimensions, or none at all. */
function isArray(type: string): boolean {
  return type.endsWith('[]') || type.endsWith('vector') || type === 'data.zz_pair';
}

/** Shapes of tables and of rows, and a type that allows no NULL. */
const otherTables = `
  CREATE TABLE data.words (n integer, v data.zz_word, "Dropped" integer, w data.zz_word);
  INSERT INTO data.words VALUES (1, '', 0, 'w'), (2, E'a\\tb\\\\', 0, DEFAULT);
  ALTER TABLE data.words DROP COLUMN "Dropped";
  CREATE TABLE data.all_null (a text, b integer, c bytea);
  INSERT INTO data.all_null VALUES (NULL, NULL, NULL), (NULL, NULL, NULL), ('', NULL, '');
  CREATE TABLE data.one_text (t text);
  INSERT INTO data.one_text VALUES (''), (NULL), ('\\.'), ('\\N'), (E'\\n'), (E'\\r'), (E'\\t'), ('\\'), (''), (NULL);
  CREATE TABLE data.doubled (n integer, t text);
  INSERT INTO data.doubled SELECT i % 3, 'the same' FROM generate_series(1, 300) i;
  CREATE TABLE data.without_columns ();
  INSERT INTO data.without_columns SELECT FROM generate_series(1, 7);
  CREATE TABLE data.empty (a integer, b text);
  CREATE TABLE data.large (n integer PRIMARY KEY, t text, b bytea);
  INSERT INTO data.large SELECT i, repeat(md5(i::text), 40000), decode(repeat(md5(i::text), 20000), 'hex') FROM generate_series(1, 3) i;
  DO $$ BEGIN EXECUTE (SELECT 'CREATE TABLE data.wide (' || string_agg(format('%I text DEFAULT %L', 'column ' || i, i), ', ') || ')' FROM generate_series(1, 600) i); END $$;
  INSERT INTO data.wide ("column 7", "column 600") VALUES (NULL, E'\\t'), ('', NULL);
  CREATE TABLE data.refers (n integer, c regclass, t regtype, f regprocedure);
  CREATE FUNCTION data.zz_function(data.zz_level) RETURNS integer LANGUAGE sql AS 'SELECT 1';
  INSERT INTO data.refers VALUES (1, 'data.words', 'data.zz_level', 'data.zz_function(data.zz_level)');
`;
