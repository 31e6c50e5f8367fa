import assert from 'node:assert/strict';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { takeBackup } from '../../../src/backup/takeBackup.ts';
import { RestorePointError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { Row, RowQuery, Value } from '../../../src/core/values.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { MemoryPayload } from '../../support/memoryPayload.ts';
import { failure } from '../../support/restores.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { allRows, text, textRows } from '../../support/typedRows.ts';

const of =
  (kind: 'integer' | 'decimal' | 'float' | 'date' | 'time' | 'timestamp' | 'json' | 'other') =>
  (value: string): Value => ({ kind, text: value });
const [integer, decimal, float] = [of('integer'), of('decimal'), of('float')];
const bytes = (hex: string): Value => ({ kind: 'bytes', bytes: Buffer.from(hex, 'hex') });
const array = (...items: Value[]): Value => ({ kind: 'array', items });

/** SQL of a value, with its type where the engine has types, and what it is. */
const samples: Readonly<Record<string, readonly (readonly [type: string, sql: string, value: Value])[]>> = {
  sqlite: [
    ['', '9223372036854775807', integer('9223372036854775807')],
    ['', '-9223372036854775808', integer('-9223372036854775808')],
    ['INTEGER', "'007'", integer('7')],
    ['TEXT', '7', text('7')],
    ['REAL', '1', float('1.0')],
    ['', '-0.0', float('-0.0')],
    ['', '0.1', float('0.1')],
    ['', '1e300', float('1e+300')],
    ['', '9e999', float('Infinity')],
    ['', "'it''s \u{1f382}\n'", text("it's \u{1f382}\n")],
    ['', "CAST(x'610062' AS TEXT)", text('a\0b')],
    ['', "CAST(x'61ff' AS TEXT)", { kind: 'bytes', bytes: Buffer.from('61ff', 'hex'), invalidText: true }],
    ['', "'\uFFFD'", text('\uFFFD')],
    ['', "'\uFEFFmarked'", text('\uFEFFmarked')],
    ['', "x'00ff'", bytes('00ff')],
    ['', "x''", bytes('')],
    ['BOOLEAN', 'TRUE', integer('1')],
    ['', 'NULL', null],
  ],
  postgres: [
    ['smallint', '-32768', integer('-32768')],
    ['bigint', '9223372036854775807', integer('9223372036854775807')],
    ['numeric', "'1.00'", decimal('1.00')],
    ['numeric(40,30)', "'0.123456789012345678901234567890'", decimal('0.123456789012345678901234567890')],
    ['numeric', "'NaN'", decimal('NaN')],
    ['real', "'0.1'", float('0.1')],
    ['double precision', "'-Infinity'", float('-Infinity')],
    ['boolean', 'true', { kind: 'boolean', value: true }],
    ['text', String.raw`E'a\\b\tc\n'`, text('a\\b\tc\n')],
    ['text', "'\uFEFFmarked'", text('\uFEFFmarked')],
    ['character(5)', "'ab'", text('ab   ')],
    ['character varying(9)', String.raw`'\N'`, text(String.raw`\N`)],
    ['bytea', String.raw`'\x00ff'`, bytes('00ff')],
    ['date', "'2024-02-29'", of('date')('2024-02-29')],
    ['date', "'infinity'", of('date')('infinity')],
    ['date', "'0044-03-15 BC'", of('date')('0044-03-15 BC')],
    ['time', "'23:59:59.5'", of('time')('23:59:59.5')],
    ['time with time zone', "'12:00+05:30'", of('time')('12:00:00+05:30')],
    ['timestamp', "'2024-02-29 12:00:00.000001'", of('timestamp')('2024-02-29T12:00:00.000001')],
    ['timestamptz', "'2024-02-29 12:00+02'", of('timestamp')('2024-02-29T10:00:00Z')],
    ['timestamptz', "'10000-01-01 00:00Z'", of('timestamp')('10000-01-01 00:00:00+00')],
    ['json', `'{"a": 1.10,  "a": null}'`, of('json')('{"a": 1.10,  "a": null}')],
    ['jsonb', `'{"b": 1e2}'`, of('json')('{"b": 100}')],
    ['uuid', "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'", text('6ba7b810-9dad-11d1-80b4-00c04fd430c8')],
    ['interval', "'1 day 2 hours'", of('other')('1 day 02:00:00')],
    ['inet', "'::1/64'", of('other')('::1/64')],
    ['box[]', "'{(1,1),(0,0);(2,2),(1,1)}'", of('other')('{(1,1),(0,0);(2,2),(1,1)}')],
    ['integer[]', "'{1,NULL,-3}'", array(integer('1'), null, integer('-3'))],
    ['integer[]', "'{}'", array()],
    [
      'integer[]',
      "'{{1,2},{3,4}}'",
      array(array(integer('1'), integer('2')), array(integer('3'), integer('4'))),
    ],
    ['integer[]', "'[0:1]={5,6}'", { kind: 'array', items: [integer('5'), integer('6')], bounds: '[0:1]' }],
    [
      'text[]',
      String.raw`ARRAY['a,b', 'q"\', 'NULL', '', NULL, '{x}']`,
      array(text('a,b'), text('q"\\'), text('NULL'), text(''), null, text('{x}')),
    ],
    ['bytea[]', String.raw`ARRAY['\x00ff'::bytea]`, array(bytes('00ff'))],
    ['mood', "'so so'", text('so so')],
    ['mood[]', "ARRAY['so so'::mood]", array(text('so so'))],
    ['positive', '5', integer('5')],
    ['stamps', "ARRAY['2024-02-29 12:00Z'::timestamptz]", array(of('timestamp')('2024-02-29T12:00:00Z'))],
    ['text', 'NULL', null],
  ],
};

const madeFirst: Readonly<Record<string, string>> = {
  sqlite: '',
  postgres: `CREATE TYPE mood AS ENUM ('so so'); CREATE DOMAIN positive AS integer NOT NULL CHECK (VALUE > 0);
             CREATE DOMAIN stamps AS timestamp with time zone[];`,
};

/** More than a page, in an order that is not that of the key. */
const many = 2_500;

for (const engine of testEngines) {
  describe(`typed rows, ${engine.id}`, () => {
    const folder = useTemporaryFolder();
    const values = samples[engine.id]!;
    let database: TestDatabase;

    before(async () => {
      database = await engine.create();
      const columns = values.map(([type], index) => `c${index} ${type}`);
      const numbers =
        engine.id === 'sqlite'
          ? `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${many}) SELECT i`
          : 'SELECT i';
      const from = engine.id === 'sqlite' ? 'n' : `generate_series(1, ${many}) n (i)`;
      await database.run(`
        ${madeFirst[engine.id]}
        CREATE TABLE kinds (${columns.join(', ')});
        INSERT INTO kinds VALUES (${values.map(([, sql]) => sql).join(', ')});
        CREATE TABLE many (id integer PRIMARY KEY, "__proto__" text, note text);
        INSERT INTO many ${numbers} * 7919 % ${many}, 'row ' || i, CASE WHEN i % 3 > 0 THEN 'x' END FROM ${from};
        CREATE TABLE loose (a integer); INSERT INTO loose VALUES (3), (1), (2);
        CREATE TABLE empty (a integer)`);
    });
    after(() => database.remove());

    /** What both sides give: the backup, and the database. */
    async function both(
      name: string,
      query: RowQuery,
      take: (rows: AsyncIterable<readonly Row[]>, side: 'backup' | 'database') => Promise<void>,
    ): Promise<void> {
      const session = await database.connect({ readOnly: true });
      try {
        const file = folder.file(`${name}-${Math.random()}.dbbackup`);
        await takeBackup(session, { file, logger: silentLogger });
        const archive = await Archive.open(file, engineById);
        const payload = await database.engine.openPayload(archive, archive.manifest, {
          logger: silentLogger,
        });
        const backedUp = archive.manifest.tables.find(({ table }) => table.name.name === name)!;
        await take(payload.rows(backedUp, query), 'backup');
        await payload.close();
        await archive.close();
        const snapshot = await session.openSnapshot({ whole: false, logger: silentLogger });
        const table = snapshot.schema.tables.find((one) => one.name.name === name)!;
        await take(snapshot.rows({ table }, query), 'database');
        await snapshot.close();
      } finally {
        await session.close();
      }
    }

    it('have each value exactly, in its kind', () =>
      both('kinds', {}, async (pages) => {
        const [row] = await allRows(pages);
        for (const [index, [type, sql, value]] of values.entries())
          assert.deepEqual(row![index], value, `${type} ${sql}`);
      }));

    it('are all there, in order, whatever the page', () =>
      both('many', {}, async (pages) => {
        const rows = await textRows(pages);
        assert.equal(rows.length, many);
        const ids = rows.map(([id]) => Number(id)).sort((a, b) => a - b);
        assert.deepEqual(
          ids,
          Array.from({ length: many }, (_, index) => index),
        );
      }));

    it('are some columns of some rows', () =>
      both('many', { columns: ['note', 'id'], after: 1_100, limit: 1_050 }, async (pages, side) => {
        const rows = await textRows(pages);
        assert.equal(rows.length, 1_050);
        assert.equal(new Set(rows.map(([, id]) => id)).size, 1_050);
        if (side === 'database') assert.equal(rows[0]![1], '1100');
        for (const [note] of rows) assert.ok(note === 'x' || note === null);
      }));

    it('are those with a text in a column', () =>
      both('many', { where: [{ column: '__proto__', text: 'row 3' }], columns: ['id'] }, async (pages) =>
        assert.deepEqual(await textRows(pages), [[String((3 * 7919) % many)]]),
      ));

    it('are none after the last, and of an empty table', async () => {
      await both('loose', { after: 3 }, async (pages) => assert.deepEqual(await allRows(pages), []));
      await both('loose', { limit: 0 }, async (pages) => assert.deepEqual(await allRows(pages), []));
      await both('empty', {}, async (pages) => assert.deepEqual(await allRows(pages), []));
      await both('loose', {}, async (pages) => assert.equal((await allRows(pages)).length, 3));
    });

    it('are cut where that is asked for, and say so', () =>
      both('many', { columns: ['__proto__'], limit: 1, longest: 2 }, async (pages) => {
        const [[value]] = (await allRows(pages)) as [[Value]];
        assert.ok(value !== null && 'cutFrom' in value && value.cutFrom! >= 5, JSON.stringify(value));
      }));

    it('refuse a column that is not there', () =>
      both('loose', { columns: ['b'] }, async (pages) => {
        const error = await failure(allRows(pages));
        assert.ok(RestorePointError.is(error, 'usage'));
        assert.match(error.message, /no column b/);
      }));

    it('of a database can be left in the middle, and take a condition', async () => {
      const session = await database.connect({ readOnly: true });
      const snapshot = await session.openSnapshot({ whole: false, logger: silentLogger });
      const table = snapshot.schema.tables.find((one) => one.name.name === 'many')!;
      for await (const page of snapshot.rows({ table })) {
        assert.ok(page.length > 0);
        break;
      }
      const found = snapshot.rows({ table, where: 'id > 2490 -- the last' }, { columns: ['id'], after: 4 });
      assert.deepEqual(await textRows(found), [['2495'], ['2496'], ['2497'], ['2498'], ['2499']]);
      await snapshot.close();
      await session.close();
    });

    it('of a database are read one reading at a time, and none after the snapshot is closed', async () => {
      const session = await database.connect({ readOnly: true });
      const snapshot = await session.openSnapshot({ whole: false, logger: silentLogger });
      const table = snapshot.schema.tables.find((one) => one.name.name === 'many')!;
      const others: (() => Promise<unknown>)[] = [
        () => allRows(snapshot.rows({ table })),
        () => snapshot.read([{ table }], new MemoryPayload(), { logger: silentLogger }),
      ];
      let rows = 0;
      for await (const page of snapshot.rows({ table })) {
        for (const other of others) await assert.rejects(other(), /^Error: another reading of the snapshot/);
        rows += page.length;
      }
      assert.equal(rows, many);
      for (const other of others) await other();
      await snapshot.close();
      for (const other of others) await assert.rejects(other(), /^Error: the snapshot is closed$/);
      await session.close();
    });

    it('of a database refuse a condition that leaves its parentheses', async () => {
      const session = await database.connect({ readOnly: true });
      const snapshot = await session.openSnapshot({ whole: false, logger: silentLogger });
      const table = snapshot.schema.tables.find((one) => one.name.name === 'many')!;
      const error = await failure(allRows(snapshot.rows({ table, where: 'true) GROUP BY (1' })));
      assert.equal(error.code, 'usage');
      await snapshot.close();
      await session.close();
    });
  });
}
