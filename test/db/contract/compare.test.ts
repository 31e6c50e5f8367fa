import assert from 'node:assert/strict';
import type { DifferenceCounts } from '../../../src/core/differences.ts';
import { compareAll, shortRows } from '../../support/comparisons.ts';
import { type RandomSource, randomSource } from '../../support/randomSource.ts';
import { backUp, failure } from '../../support/restores.ts';
import { casesOf } from '../../support/sample.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

for (const testEngine of testEngines) {
  describe(`${testEngine.id}: comparing two sides`, () => {
    const folder = useTemporaryFolder();
    let database: TestDatabase;
    let file: string;

    beforeEach(async () => {
      database = await testEngine.create();
      file = folder.file('before.dbbackup');
    });
    afterEach(() => database.remove());

    const counts = (
      onlyInFirst: number,
      onlyInSecond: number,
      changed: number,
      same: number,
    ): DifferenceCounts => ({ onlyInFirst, onlyInSecond, changed, same });

    const shop = `
      CREATE TABLE customers (id integer PRIMARY KEY, name varchar(20));
      CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer REFERENCES customers (id), status varchar(9));
      INSERT INTO customers VALUES (1, 'Ann'), (2, 'Bob'), (3, NULL);
      INSERT INTO orders VALUES (1, 1, 'open'), (2, 1, 'paid'), (3, 2, 'paid'), (4, NULL, 'open')`;
    const change = `
      DELETE FROM orders WHERE id = 2;
      UPDATE orders SET status = 'lost' WHERE id = 3;
      UPDATE customers SET name = 'Cid' WHERE id = 3;
      INSERT INTO orders VALUES (9, 3, 'new')`;
    const rows = [
      'changed customers id=3 name=NULL>Cid',
      'changed orders id=3 status=paid>lost',
      'onlyInFirst orders id=2 customer_id=1 status=paid',
      'onlyInSecond orders id=9 customer_id=3 status=new',
    ];

    it('finds nothing between a backup and the database that it was taken of', async () => {
      await database.run(shop);
      await backUp(database, file);
      for (const [first, second] of [
        [file, database],
        [database, file],
        [file, file],
        [database, database],
      ] as const) {
        const compared = await compareAll(first, second);
        assert.deepEqual(compared.counts, { customers: counts(0, 0, 0, 3), orders: counts(0, 0, 0, 4) });
        assert.deepEqual(compared.rows, []);
        const { onlyInFirst, onlyInSecond, sequences, notes } = compared.pairing;
        assert.deepEqual([onlyInFirst, onlyInSecond, sequences, notes], [[], [], [], []]);
      }
    });

    it('finds rows that are gone, new and changed, whatever the sides are', async () => {
      await database.run(shop);
      await backUp(database, file);
      const other = await testEngine.create();
      try {
        await other.run(shop);
        await database.run(change);
        const after = folder.file('after.dbbackup');
        await backUp(database, after);
        for (const [first, second] of [
          [file, database],
          [file, after],
          [other, database],
          [other, after],
        ] as const) {
          const compared = await compareAll(first, second);
          assert.deepEqual(compared.counts, { customers: counts(0, 0, 1, 2), orders: counts(1, 1, 1, 2) });
          assert.deepEqual(shortRows(compared).sort(), rows);
          const back = await compareAll(second, first);
          assert.deepEqual(back.counts, { customers: counts(0, 0, 1, 2), orders: counts(1, 1, 1, 2) });
        }
        const here = { madeHere: () => Promise.resolve(true) };
        assert.deepEqual(shortRows(await compareAll(file, database, here)).sort(), rows);
      } finally {
        await other.remove();
      }
    });

    it('writes nothing', async () => {
      await database.run(shop);
      await backUp(database, file);
      await database.run(change);
      const before = await database.dump();
      await compareAll(file, database);
      await compareAll(database, file);
      assert.equal(await database.dump(), before);
    });

    it('gives as many rows as are wanted, cut as they are wanted, and counts all', async () => {
      await database.run(`CREATE TABLE t (id integer PRIMARY KEY, v text)`);
      await backUp(database, file);
      const values = Array.from({ length: 2500 }, (_, id) => `(${id}, '${'x'.repeat(id % 300)}')`);
      await database.run(`INSERT INTO t VALUES ${values.join(', ')}`);
      for (const wanted of [0, 1, 1000, 1001, 2500, Infinity]) {
        const compared = await compareAll(file, database, { rows: wanted });
        assert.deepEqual(compared.counts, { t: counts(0, 2500, 0, 0) });
        const ids = compared.rows.map(({ key }) => key!.get('id'));
        assert.equal(ids.length, Math.min(wanted, 2500));
        assert.equal(new Set(ids.map((id) => JSON.stringify(id))).size, ids.length);
      }
      const cut = await compareAll(database, file, { rows: 300, longest: 10 });
      const long = cut.rows.map(({ first }) => first!.get('v')).find((v) => v !== null && 'cutFrom' in v!);
      assert.ok(long !== null && long !== undefined && 'text' in long);
      assert.equal(long.text, 'x'.repeat(10));
    });

    it('counts whole rows where nothing tells them apart', async () => {
      await database.run(`
        CREATE TABLE log (a integer, b text);
        INSERT INTO log VALUES (1, 'x'), (1, 'x'), (1, 'x'), (2, NULL), (2, NULL), (3, 'y'), (NULL, NULL)`);
      await backUp(database, file);
      await database.run(`
        DELETE FROM log WHERE a = 1;
        INSERT INTO log VALUES (1, 'x'), (4, 'z'), (4, 'z'), (2, NULL)`);
      const compared = await compareAll(file, database);
      assert.deepEqual(compared.counts, { log: counts(2, 3, 0, 5) });
      assert.deepEqual(shortRows(compared).sort(), [
        'onlyInFirst log a=1 b=x',
        'onlyInFirst log a=1 b=x',
        'onlyInSecond log a=2 b=NULL',
        'onlyInSecond log a=4 b=z',
        'onlyInSecond log a=4 b=z',
      ]);
      assert.ok(compared.rows.every(({ key }) => key === undefined));
      assert.equal((await compareAll(file, database, { rows: 3 })).rows.length, 3);
    });

    it('compares by a unique key that both sides have, and by several columns', async () => {
      await database.run(`
        CREATE TABLE u (code varchar(9) NOT NULL UNIQUE, v integer);
        CREATE TABLE p (a integer NOT NULL, b varchar(9) NOT NULL, v integer, PRIMARY KEY (b, a));
        INSERT INTO u VALUES ('a', 1), ('b', 2);
        INSERT INTO p VALUES (1, 'x', 1), (2, 'x', 2), (1, 'y', 3)`);
      await backUp(database, file);
      await database.run(`
        UPDATE u SET v = 9 WHERE code = 'b'; INSERT INTO u VALUES ('c', 3);
        UPDATE p SET v = 9 WHERE a = 1 AND b = 'y'; DELETE FROM p WHERE a = 2`);
      assert.deepEqual(shortRows(await compareAll(file, database)).sort(), [
        'changed p b=y a=1 v=3>9',
        'changed u code=b v=2>9',
        'onlyInFirst p a=2 b=x v=2',
        'onlyInSecond u code=c v=3',
      ]);
    });

    it('tells of tables and columns that one side lacks, and compares the others', async () => {
      await database.run(`
        CREATE TABLE t (id integer PRIMARY KEY, a integer, b integer); CREATE TABLE gone (x integer);
        INSERT INTO t VALUES (1, 1, 1), (2, 2, 2)`);
      await backUp(database, file);
      await database.run(`
        ALTER TABLE t DROP COLUMN b; ALTER TABLE t ADD COLUMN c integer; DROP TABLE gone;
        CREATE TABLE extra (x integer); UPDATE t SET a = 5, c = 1 WHERE id = 2`);
      const { pairing, counts: found, rows: differing } = await compareAll(file, database);
      assert.deepEqual(
        [pairing.onlyInFirst, pairing.onlyInSecond].map((names) => names.map(({ name }) => name)),
        [['gone'], ['extra']],
      );
      assert.deepEqual(
        [pairing.tables[0]?.columnsOnlyInFirst, pairing.tables[0]?.columnsOnlyInSecond],
        [['b'], ['c']],
      );
      assert.deepEqual(found, { t: counts(0, 0, 1, 1) });
      assert.deepEqual([...differing[0]!.first!.keys()], ['id', 'a']);
    });

    it('passes over what a part of a backup cannot know', async () => {
      await database.run(shop);
      await backUp(database, file, { where: [{ table: { name: 'orders' }, condition: 'id <= 2' }] });
      const some = folder.file('some.dbbackup');
      await backUp(database, some, {
        tables: [{ name: 'orders' }],
        where: [{ table: { name: 'orders' }, condition: 'id <= 3' }],
      });
      await database.run(change);
      const compared = await compareAll(some, database);
      assert.deepEqual(compared.counts, { orders: counts(1, 0, 1, 1) });
      assert.deepEqual(shortRows(compared).sort(), [rows[1], rows[2]]);
      assert.match(compared.pairing.notes.join('\n'), /orders: the first side has only some .*id <= 3/);
      assert.match(
        compared.pairing.notes.join('\n'),
        /is a partial backup without (public\.)?customers: not compared/,
      );
      const back = await compareAll(database, some);
      assert.deepEqual(back.counts, { orders: counts(0, 1, 1, 1) });
    });

    it('compares tables alone with a backup that holds no rows, and rows with one that holds no schema', async () => {
      await database.run(shop);
      const [schema, data] = [folder.file('schema.dbbackup'), folder.file('data.dbbackup')];
      await backUp(database, schema, { only: 'schema' });
      await backUp(database, data, { only: 'data' });
      await database.run(`${change}; CREATE TABLE extra (x integer)`);
      const tables = await compareAll(schema, database);
      assert.deepEqual([tables.counts, tables.rows], [{}, []]);
      assert.deepEqual(
        tables.pairing.onlyInSecond.map(({ name }) => name),
        ['extra'],
      );
      assert.match(tables.pairing.notes.join('\n'), /The first side has no rows: no rows are compared/);
      const compared = await compareAll(data, database);
      assert.deepEqual(shortRows(compared).sort(), rows);
    });

    it('compares chosen tables, and refuses names that neither side has', async () => {
      await database.run(shop);
      await backUp(database, file);
      await database.run(change);
      const orders = await compareAll(file, database, { tables: [{ name: 'orders' }] });
      assert.deepEqual(Object.keys(orders.counts), ['orders']);
      const others = await compareAll(file, database, { exclude: [{ name: 'ord*', wildcard: true }] });
      assert.deepEqual(Object.keys(others.counts), ['customers']);
      const error = await failure(compareAll(file, database, { tables: [{ name: 'nothing' }] }));
      assert.equal(error.code, 'usage');
    });

    it('stops when it is cancelled, or when nobody wants the rest', async () => {
      await database.run(shop);
      await backUp(database, file);
      await database.run(change);
      const abort = new AbortController();
      abort.abort();
      assert.equal((await failure(compareAll(file, database, { signal: abort.signal }))).code, 'cancelled');
      const later = new AbortController();
      const report = ({ phase }: { phase: string }): void => {
        if (phase === 'compare') later.abort();
      };
      const error = await failure(compareAll(file, database, { signal: later.signal, report }));
      assert.equal(error.code, 'cancelled');
      assert.deepEqual(shortRows(await compareAll(file, database)).sort(), rows);
    });

    it('finds what was changed at random', async function () {
      const cases = casesOf(150, 5);
      this.timeout(60_000 + cases * 10_000);
      const random = randomSource('comparisons');
      for (let number = 0; number < cases; number += 1) {
        const tables = Array.from({ length: 1 + random.below(3) }, (_, at) => randomTable(random, `t${at}`));
        for (const { name } of tables) await database.run(`DROP TABLE IF EXISTS ${name}`);
        for (const table of tables) await database.run(table.create);
        const before = await Promise.all(tables.map((table) => table.read(database)));
        await backUp(database, folder.file(`${number}.dbbackup`));
        const changes = tables.flatMap((table) => table.changes());
        for (const sql of changes) await database.run(sql);
        const after = await Promise.all(tables.map((table) => table.read(database)));
        const compared = await compareAll(folder.file(`${number}.dbbackup`), database);
        const script = [...tables.map(({ create }) => create), ...changes].join(';\n');
        for (const [at, table] of tables.entries()) {
          const expected = expectedCounts(before[at]!, after[at]!, table.key.length);
          assert.deepEqual(compared.counts[table.name], expected, script);
          const told = (kind: string): number =>
            compared.rows.filter((row) => row.kind === kind && row.table.name === table.name).length;
          const { onlyInFirst, onlyInSecond, changed } = expected;
          assert.deepEqual(
            [told('onlyInFirst'), told('onlyInSecond'), told('changed')],
            [onlyInFirst, onlyInSecond, changed],
            script,
          );
        }
      }
    });
  });
}

interface RandomTable {
  readonly name: string;
  readonly create: string;
  /** Its columns come first. */
  readonly key: readonly string[];
  read(database: TestDatabase): Promise<(string | null)[][]>;
  changes(): string[];
}

function randomTable(random: RandomSource, name: string): RandomTable {
  const keys = [['id'], ['id', 'code'], ['code'], []];
  const key = random.pick(keys);
  const unique = random.below(3) === 0;
  const declared =
    key.length === 0 ? '' : unique ? `, UNIQUE (${key.join(', ')})` : `, PRIMARY KEY (${key.join(', ')})`;
  const rest = ['id', 'code', 'n', 'v'].filter((column) => !key.includes(column));
  const columns = [...key, ...rest];
  const types: Readonly<Record<string, string>> = {
    id: 'integer',
    code: 'varchar(20)',
    n: 'bigint',
    v: 'text',
  };
  const value = (column: string): string => {
    if (column === 'id') return String(random.below(12));
    if (column === 'code') return `'c${random.below(8)}'`;
    if (random.below(4) === 0) return 'NULL';
    return column === 'n'
      ? `${random.pick(['9007199254740993', '1', '-5', '0'])}`
      : `'${random.pick(['a', 'A', 'a ', ''])}'`;
  };
  const row = (): string => `(${columns.map(value).join(', ')})`;
  const insert = (): string =>
    `INSERT INTO ${name} (${columns.join(', ')}) VALUES ${row()}${key.length > 0 ? ' ON CONFLICT DO NOTHING' : ''}`;
  const size = random.below(30);
  const notNull = (column: string): string => (key.includes(column) ? ' NOT NULL' : '');
  const create = [
    `CREATE TABLE ${name} (${columns.map((column) => `${column} ${types[column]}${notNull(column)}`).join(', ')}${declared})`,
    ...Array.from({ length: size }, insert),
  ].join(';\n');
  const where = (): string =>
    random.pick(['id < 3', 'id > 8', `code = 'c1'`, `v = 'a'`, 'n IS NULL', 'id = 4']);
  const change = (): string =>
    random.pick([
      () => `DELETE FROM ${name} WHERE ${where()}`,
      () => `UPDATE ${name} SET n = ${value('n')} WHERE ${where()}`,
      () => `UPDATE ${name} SET v = ${value('v')} WHERE ${where()}`,
      insert,
    ])();
  return {
    name,
    create,
    key,
    read: (database) => database.rows(`SELECT ${columns.join(', ')} FROM ${name}`),
    changes: () => Array.from({ length: random.below(6) }, change),
  };
}

/** Counted without the product. */
function expectedCounts(
  before: readonly (readonly (string | null)[])[],
  after: readonly (readonly (string | null)[])[],
  keyed: number,
): DifferenceCounts {
  const text = (row: readonly (string | null)[]): string => JSON.stringify(row);
  if (keyed === 0) {
    const left = new Map<string, number>();
    for (const row of after) left.set(text(row), (left.get(text(row)) ?? 0) + 1);
    let same = 0;
    for (const row of before) {
      const there = left.get(text(row)) ?? 0;
      if (there === 0) continue;
      same += 1;
      left.set(text(row), there - 1);
    }
    return { onlyInFirst: before.length - same, onlyInSecond: after.length - same, changed: 0, same };
  }
  const find = new Map(after.map((row) => [text(row.slice(0, keyed)), text(row)]));
  const found = before.map((row) => [text(row), find.get(text(row.slice(0, keyed)))]);
  const matched = found.filter(([, other]) => other !== undefined);
  const same = matched.filter(([row, other]) => row === other).length;
  return {
    onlyInFirst: before.length - matched.length,
    onlyInSecond: after.length - matched.length,
    changed: matched.length - same,
    same,
  };
}
