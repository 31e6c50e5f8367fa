import assert from 'node:assert/strict';
import type { TableName } from '../../../src/core/names.ts';
import { binaryHeader, BinaryRows, binaryTrailer } from '../../../src/engines/postgres/rows/binaryRows.ts';
import { copyRows, writersOf } from '../../../src/engines/postgres/restore/copyRows.ts';
import { quoteList, quoteName } from '../../../src/engines/postgres/connect/identifiers.ts';
import type { Transaction } from '../../../src/engines/postgres/connect/transaction.ts';
import { backUp, failure, inTransaction, restore, usePostgres } from '../../support/postgresRestores.ts';
import { type RandomSource, randomSource } from '../../support/randomSource.ts';
import { hardTexts } from './hardTexts.ts';
import { typeTables } from './postgresTypes.ts';

const numbers = { schema: 'public', name: 'numbers' };

describe('PostgreSQL: rows that are converted', function () {
  this.timeout(120_000);
  const postgres = usePostgres();

  it('are in the server what their texts are, of every type', async () => {
    const database = await postgres.create();
    const [[version] = []] = await database.rows('SHOW server_version_num');
    for (const script of typeTables(Number(version))) await database.run(script);
    await inTransaction(database, async (transaction) => {
      const types = new Map<string, number>();
      const query = `SELECT c.relname AS name, a.atttypid::regtype::text AS type
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'v'
       WHERE c.relnamespace = 'data'::regnamespace AND c.relkind = 'r' ORDER BY 1`;
      for (const { name, type } of await transaction.rows<{ name: string; type: string }>(query)) {
        const { converted } = await roundTrip(transaction, { schema: 'data', name }, ['n', 'v']);
        if (converted !== undefined) types.set(type, converted);
      }
      assert.deepEqual([...types.keys()].sort(), [
        ...['bigint', 'boolean', 'bytea', 'character', 'character varying'],
        ...[
          'data.zz_amount',
          'data.zz_level',
          'data.zz_word',
          'date',
          'double precision',
          'integer',
          'json',
          'jsonb',
        ],
        ...['numeric', 'smallint', 'text', 'timestamp with time zone', 'timestamp without time zone', 'uuid'],
      ]);
      // At least NULL and one more.
      for (const [type, converted] of types) assert.ok(converted >= 2, `${type}: ${converted}`);
    });
  });

  it('are what their texts are with any values', async () => {
    const random = randomSource('converted rows');
    const database = await postgres.create(`
      CREATE TABLE numbers (n integer, a smallint, b bigint, c numeric, d numeric(30,9), e double precision);
      CREATE TABLE times (n integer, a date, b timestamp, c timestamptz, d timestamptz(2), e boolean);
      CREATE TABLE texts (n integer, a text, b varchar, c char(30), d json, e jsonb, f bytea, g uuid)`);
    const rows = Array.from({ length: 4000 }, (_, n) => n);
    await inTransaction(database, async (transaction) => {
      const fill = async (table: string, expressions: string, row: (n: number) => object): Promise<void> => {
        const insert = `INSERT INTO public.${table} SELECT ${expressions} FROM json_to_recordset($1) AS x
          (n int, a text, b text, c text, d text, e text, f text, g text)`;
        await transaction.run(insert, [JSON.stringify(rows.map((n) => ({ n, ...row(n) })))]);
      };
      await fill('numbers', 'n, a::int2, b::int8, c::numeric, d::numeric, e::float8', () => ({
        a: maybe(random, String(BigInt.asIntN(16, bits(random, 16)))),
        b: maybe(random, String(BigInt.asIntN(64, bits(random, 1 + random.below(64))))),
        c: maybe(random, decimal(random, 40, 30)),
        d: maybe(random, decimal(random, 21, 12)),
        e: maybe(random, double(random)),
      }));
      const day = `date '2000-01-01' + a::int`;
      const moment = (column: string): string =>
        `timestamp '2000-01-01' + (${column} || ' microseconds')::interval`;
      const times = `n, ${day}, ${moment('b')}, (${moment('c')}) AT TIME ZONE 'UTC', (${moment('d')}) AT TIME ZONE 'UTC', e::boolean`;
      await fill('times', times, () => ({
        a: maybe(random, String(random.below(2_000_000) - (random.below(2) ? 730_119 : 0))),
        ...{ b: maybe(random, microseconds(random)), c: maybe(random, microseconds(random)) },
        ...{ d: maybe(random, microseconds(random)), e: maybe(random, random.pick(['t', 'f'])) },
      }));
      const hard = (): string =>
        Array.from({ length: random.below(5) }, () => random.pick(hardTexts))
          .join('')
          .replaceAll('\0', '');
      await fill('texts', 'n, a, b, c, d::json, e::jsonb, f::bytea, g::uuid', () => ({
        a: maybe(random, hard().repeat(random.pick([1, 1, 1, 40]))),
        b: maybe(random, hard()),
        c: maybe(random, [...hard()].slice(0, 20).join('')),
        d: maybe(random, JSON.stringify([hard()])),
        e: maybe(random, JSON.stringify({ value: hard().replaceAll('\uffff', '') })),
        f: maybe(random, `\\x${random.bytes(random.pick([0, 1, 20, 31, 300])).toString('hex')}`),
        g: maybe(random, random.bytes(16).toString('hex')),
      }));
      const few = { numbers: 6, times: 6, texts: 8 };
      for (const [name, columns] of Object.entries(few)) {
        const names = 'nabcdefg'.slice(0, columns).split('');
        const { converted, left } = await roundTrip(transaction, { schema: 'public', name }, names);
        // Days before Christ and more than 270 years away from 2000 are the server's.
        const atLeast = name === 'times' ? rows.length / 10 : rows.length;
        assert.ok(converted! >= atLeast, `${name}: ${converted} converted, ${left} left`);
      }
    });
  });

  describe('by copyRows', () => {
    const table = 'CREATE TABLE numbers (n integer PRIMARY KEY, at timestamptz, note text)';
    const note = 'a note that is long enough '.repeat(3);
    const row = (n: number, at = '2026-11-24 03:34:37.5+00'): string => `${n}\t${at}\t${note}\n`;

    /** Copies these parts into the table, and takes each of them away when the next one is asked for, as restores do. */
    async function copied(
      transaction: Transaction,
      parts: readonly string[],
      columns = ['n', 'at', 'note'],
    ): Promise<{ statements: string[]; rows: number; sent: string }> {
      const statements: string[] = [];
      const copyIn = transaction.copyIn.bind(transaction);
      transaction.copyIn = (sql, bytes) => {
        statements.push(sql.replace(/^COPY \S+ /, ''));
        return copyIn(sql, bytes);
      };
      async function* source(): AsyncIterable<Uint8Array> {
        for (const part of parts) {
          const bytes = new Uint8Array(new TextEncoder().encode(part));
          yield bytes;
          bytes.buffer.transfer(0);
        }
        await Promise.resolve();
      }
      const writers = await writersOf(transaction, numbers, columns);
      const target = { name: quoteName(numbers), columns, writers };
      let sent = '';
      const rows = await copyRows(transaction, target, source(), (piece) => {
        sent += new TextDecoder().decode(piece);
      });
      return { statements, rows, sent };
    }
    const list = '("n", "at", "note") FROM STDIN';
    const binary = `${list} WITH (FORMAT binary)`;

    it('are all there, and in their order, where the server has to read some of them', async () => {
      const parts = [
        row(1) + row(2),
        row(3) + row(4, 'infinity') + row(5),
        row(6, '0044-03-15 00:00:00+00 BC') + row(7),
        // A row that does not end with its part.
        row(8) + row(9).slice(0, 20),
        row(9).slice(20, 40),
        row(9).slice(40) + row(10),
        row(11),
      ];
      const database = await postgres.create(table);
      await inTransaction(database, async (transaction) => {
        const { statements, rows, sent } = await copied(transaction, parts);
        assert.equal(rows, 11);
        assert.equal(sent, parts.join(''));
        assert.deepEqual(statements, [binary, list, binary, list, binary]);
        const found = await transaction.rows<{ n: number; at: string; note: string }>(
          'SELECT n, at::text, note FROM public.numbers ORDER BY ctid',
        );
        assert.deepEqual(
          found.map(({ n }) => n),
          [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
        );
        assert.deepEqual([found[3]!.at, found[5]!.at], ['infinity', '0044-03-15 00:00:00+00 BC']);
        assert.ok(found.every((one) => one.note === note));
      });
    });

    it('are sent as they are where they would become long, or their types are not known', async () => {
      const database = await postgres.create(`${table}; ALTER TABLE numbers ADD more real`);
      await inTransaction(database, async (transaction) => {
        const short = await copied(transaction, ['1\t\\N\t\n2\t\\N\t\n', '3\t\\N\t\n']);
        assert.deepEqual(short.statements, [list]);
        const mixed = await copied(transaction, [
          '5\t\\N\t\n',
          row(6),
          row(7, 'infinity'),
          row(8) + '9\t\\N\t\n',
        ]);
        assert.deepEqual(mixed.statements, [list, binary, list, binary]);
        assert.equal(mixed.rows, 5);
        const columns = ['n', 'at', 'note', 'more'];
        const real = await copied(transaction, [row(4).replace('\n', '\t0.5\n')], columns);
        assert.deepEqual(real.statements, ['("n", "at", "note", "more") FROM STDIN']);
        const none = await copied(transaction, []);
        assert.deepEqual([none.rows, none.statements], [0, [list]]);
        assert.equal((await transaction.rows('SELECT FROM public.numbers')).length, 9);
      });
    });

    it('are told by their number where the server refuses one', async () => {
      for (const [second, place] of [
        [row(4) + row(2), { row: 5 }],
        [row(4, '2026-02-30 00:00:00+00'), { row: 4, column: 'at' }],
        [row(4).replace('4\t', '99999999999\t'), { row: 4, column: 'n' }],
        [row(4).replace('\n', '\tmore\n'), { row: 4 }],
      ] as const) {
        const database = await postgres.create(table);
        await inTransaction(database, async (transaction) => {
          const error = await failure(copied(transaction, [row(1) + row(2) + row(3), second]));
          assert.deepEqual(error.details.place?.row, place.row, error.message);
          if ('column' in place) assert.equal(error.details.place?.column, place.column);
        });
      }
    });
  });

  it('come back by a restore, into a new database and over other rows', async () => {
    // What the command was that a row came by, as the row itself says it.
    const source = await postgres.create(`
      CREATE FUNCTION command() RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT current_query()';
      CREATE TYPE mood AS ENUM ('sad', 'it''s "fine"');
      CREATE DOMAIN email AS varchar(40) CHECK (VALUE LIKE '%@%');
      CREATE TABLE large (
        dropped integer, data bytea, id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mail email, feels mood,
        amount numeric(12,2), at timestamptz, body jsonb, how text GENERATED ALWAYS AS (command()) STORED);
      ALTER TABLE large DROP COLUMN dropped;
      INSERT INTO large (data, mail, feels, amount, at, body)
        SELECT decode(repeat(md5(i::text), 8), 'hex'), i || '@example.org', (ARRAY['sad', 'it''s "fine"', NULL])[i % 3 + 1]::mood,
               i / 8.0 - 100, CASE WHEN i % 5000 = 0 THEN 'infinity' ELSE to_timestamp(i * 1.000001) END,
               jsonb_build_object('text', E'a\\tb\\\\' || i)
          FROM generate_series(1, 30000) i`);
    const rows = `SELECT md5(string_agg((id, data, mail, feels, amount, at, body)::text, ' ' ORDER BY id)) FROM large`;
    const commands = `SELECT DISTINCT how ~ 'binary' FROM large ORDER BY 1`;
    const expected = await source.rows(rows);
    const file = postgres.file('converted.dbbackup');
    await backUp(source, file);
    const target = await postgres.create();
    await restore(file, target);
    assert.deepEqual(await target.rows(rows), expected);
    assert.deepEqual(await target.rows(commands), [['f'], ['t']]);
    await target.run(`UPDATE large SET data = NULL WHERE id % 3 = 0; DELETE FROM large WHERE id % 1000 = 7`);
    await restore(file, target);
    assert.deepEqual(await target.rows(rows), expected);
    await target.run(`UPDATE large SET data = NULL WHERE id % 3 = 0; DELETE FROM large WHERE id % 1000 = 7`);
    await restore(file, target, { mode: 'merge' });
    assert.deepEqual(await target.rows(rows), expected);
  });
});

/**
 * Puts the rows of a table into a table like it, converted as far as that goes, and compares what the server has of both
 * then. `converted` and `left`: how many rows were, and were not; undefined where the types are not known.
 */
async function roundTrip(
  transaction: Transaction,
  table: TableName,
  columns: readonly string[],
): Promise<{ converted?: number; left?: number }> {
  const writers = await writersOf(transaction, table, columns);
  if (!writers) return {};
  const [name, list] = [quoteName(table), quoteList(columns)];
  const text = await bytesOf(transaction, `COPY (SELECT ${list} FROM ${name}) TO STDOUT`);
  await transaction.run(`CREATE TEMPORARY TABLE copied AS SELECT ${list} FROM ${name} WITH NO DATA`);
  const rows = new BinaryRows(writers);
  const [binary, left]: [Uint8Array[], Uint8Array[]] = [[binaryHeader], []];
  for (let start = 0; start < text.length;) {
    const { bytes, end } = rows.convert(text, start);
    binary.push(Buffer.from(bytes));
    start = end;
    if (bytes.length > 0) continue;
    const next = text.indexOf('\n', start) + 1;
    left.push(text.subarray(start, next));
    start = next;
  }
  binary.push(binaryTrailer);
  const into = `COPY pg_temp.copied (${list}) FROM STDIN`;
  const converted = await transaction.copyIn(`${into} WITH (FORMAT binary)`, only(Buffer.concat(binary)));
  await transaction.copyIn(into, only(Buffer.concat(left)));
  const image = (from: string): string =>
    `COPY (SELECT ${list} FROM ${from} ORDER BY n) TO STDOUT (FORMAT binary)`;
  const [expected, found] = [
    await bytesOf(transaction, image(name)),
    await bytesOf(transaction, image('pg_temp.copied')),
  ];
  assert.ok(expected.equals(found), `${table.name} is the same in both`);
  await transaction.run('DROP TABLE pg_temp.copied');
  return { converted, left: left.length };
}

async function bytesOf(transaction: Transaction, sql: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  await transaction.copyOut(sql, (piece) => void pieces.push(Buffer.from(piece)));
  return Buffer.concat(pieces);
}

async function* only(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
  await Promise.resolve();
}

function maybe<Value>(random: RandomSource, value: Value): Value | null {
  return random.below(8) === 0 ? null : value;
}

function bits(random: RandomSource, count: number): bigint {
  return BigInt.asUintN(count, BigInt(`0x${random.bytes(8).toString('hex')}`));
}

function decimal(random: RandomSource, before: number, behind: number): string {
  const digits = (count: number): string => {
    const some = Array.from({ length: count }, () => random.pick([0, 0, 0, 1, 5, 9, random.below(10)]));
    return some.join('');
  };
  const whole = digits(1 + random.below(before));
  const decimals = digits(random.below(behind));
  return `${random.pick(['', '-'])}${whole}${decimals ? '.' : ''}${decimals}`;
}

function double(random: RandomSource): string {
  const value = random.bytes(8).readDoubleBE(0);
  const near = (random.below(2_000_000) - 1_000_000) / random.pick([1, 10, 3, 1e6]);
  return String(Number.isFinite(value) && random.below(2) === 0 ? value : near);
}

/** Away from 2000, up to the years 1 and 294276. */
function microseconds(random: RandomSource): string {
  const away = bits(random, 1 + random.below(63));
  const year1 = 63_082_281_600_000_000n;
  const [sign, most] = random.pick([
    [1n, 9_223_371_331_200_000_000n],
    [-1n, year1],
  ] as const);
  return String(sign * (away % most));
}
