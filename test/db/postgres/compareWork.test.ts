import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { readFile, readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { ComparedTable, ComparisonPage } from '../../../src/core/differences.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { ProgressEvent } from '../../../src/core/progress.ts';
import { compareSides } from '../../../src/engines/postgres/snapshot/compare.ts';
import {
  compareAll,
  type Compared,
  comparedTable,
  countsText,
  openSide,
  rowTexts,
  useComparisons,
} from '../../support/postgresCompare.ts';
import { failure, openClient } from '../../support/postgresRestores.ts';
import { itInAll } from '../../support/sample.ts';

describe('postgres: the work of a comparison', function () {
  this.timeout(120_000);
  const { postgres, saved, compareEach } = useComparisons();

  itInAll('gives the same whatever the memory holds, and as many rows as are wanted', async () => {
    for (const key of ['PRIMARY KEY', '']) {
      const make = (seed: number): string => `CREATE TABLE t (id int ${key}, v text);
        INSERT INTO t SELECT i, repeat('v' || i % ${seed}, 100) FROM generate_series(${seed}, 2500 + ${seed}) i`;
      const [first, second] = [await postgres.create(make(97)), await postgres.create(make(101))];
      let whole: Compared | undefined;
      for (const memory of [undefined, { hashes: 1, rows: 0 }]) {
        await compareEach(
          first,
          second,
          ([compared], kinds) => {
            whole ??= compared!;
            assert.equal(countsText(compared!.counts), countsText(whole.counts), kinds);
            assert.deepEqual(rowTexts(compared!.rows), rowTexts(whole.rows), kinds);
          },
          memory && { memory },
        );
        const all = new Set(rowTexts(whole!.rows));
        for (const rows of [0, 7, 4000]) {
          await compareEach(
            first,
            second,
            ([compared], kinds) => {
              assert.equal(countsText(compared!.counts), countsText(whole!.counts), kinds);
              assert.equal(compared!.rows.length, Math.min(rows, all.size), kinds);
              for (const text of rowTexts(compared!.rows)) assert.ok(all.has(text), text);
            },
            { rows, ...(memory && { memory }) },
          );
        }
      }
    }
    assert.deepEqual(
      readdirSync(tmpdir()).filter((name) => name.startsWith(`restore-point-${process.pid}-`)),
      [],
    );
  });

  itInAll('compares long values', async () => {
    const make = `CREATE TABLE t (id int PRIMARY KEY, v text, w bytea); CREATE TABLE u (v text);`;
    const insert = (last: string): string => `
      INSERT INTO t SELECT i, repeat('x' || i, 700000), decode(repeat('0a5c', 300000), 'hex') FROM generate_series(1, 4) i;
      INSERT INTO t VALUES (5, repeat('long', 3000000) || '${last}', NULL), (6, 'short', NULL);
      INSERT INTO u SELECT v FROM t`;
    const [first, second] = [
      await postgres.create(make + insert('a')),
      await postgres.create(make + insert('b')),
    ];
    const sides = [
      [first, second],
      [await saved(first), second],
      [await saved(first), await saved(second)],
    ] as const;
    for (const [one, other] of sides) {
      const [t, u] = await compareAll(one, other, { longest: 20 });
      assert.equal(countsText(t!.counts), '-0 +0 ~1 =5');
      assert.equal(countsText(u!.counts), '-1 +1 ~0 =5');
      const [row] = t!.rows;
      assert.ok(row?.kind === 'changed');
      assert.deepEqual(row.columns, [1]);
      assert.equal((row.first[1] as { cutFrom?: number }).cutFrom, 12_000_001);
    }
  });

  const make = `CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int PRIMARY KEY);
    INSERT INTO t SELECT i, repeat('v', 50) FROM generate_series(1, 300000) i; INSERT INTO u VALUES (1)`;

  it('can be cancelled, and tells its progress', async () => {
    const [first, second] = [await postgres.create(make), await postgres.create(make)];
    for (const [one, other] of [
      [await saved(first), second],
      [first, second],
    ] as const) {
      const events: ProgressEvent[] = [];
      await compareAll(one, other, { report: (event) => events.push(event) });
      const rows = events.flatMap(({ table, rows: count }) => (table?.name === 't' ? [count ?? 0] : []));
      assert.ok(rows.length > 3);
      assert.deepEqual(
        rows,
        [...rows].sort((a, b) => a - b),
      );
      assert.ok(events.every(({ phase, fraction = 0 }) => phase === 'compare' && fraction <= 1));
      for (const at of [1, 100_000, 400_000]) {
        const controller = new AbortController();
        const report = ({ rows: count = 0 }: ProgressEvent): void => {
          if (count >= at) controller.abort();
        };
        const error = await failure(compareAll(one, other, { report, signal: controller.signal }));
        assert.equal(error.code, 'cancelled');
      }
    }
  });

  itInAll('leaves the snapshot usable for whoever stops early', async () => {
    const [first, second] = [await postgres.create(make), await postgres.create(make)];
    await second.run(`UPDATE t SET v = 'w'`);
    const sides = [await openSide(first), await openSide(second)] as const;
    const [one, other] = sides;
    const tables = one.tables.map((table) =>
      comparedTable(
        table,
        other.tables.find(({ name }) => name.name === table.name.name)!,
      ),
    );
    const options = { rows: Infinity, logger: silentLogger };
    let first_: ComparisonPage | undefined;
    for await (const page of compareSides(one.side, other.side, tables, options)) {
      first_ = page;
      break;
    }
    assert.ok(first_!.rows.length > 0);
    const again: ComparisonPage[] = [];
    for await (const page of compareSides(one.side, other.side, tables, { ...options, rows: 3 }))
      again.push(page);
    assert.deepEqual(
      again.flatMap((page) => (page.counts ? [countsText(page.counts)] : [])),
      ['-0 +0 ~300000 =0', '-0 +0 ~0 =1'],
    );
    assert.equal(again.flatMap(({ rows }) => rows).length, 3);
    for (const side of sides) await side.close();
  });

  it('says that the connection was lost', async () => {
    const database = await postgres.create(make);
    const client = await openClient(database);
    const file = await saved(database);
    let ended = false;
    const report = ({ rows = 0 }: ProgressEvent): void => {
      if (rows < 310_000 || ended) return;
      ended = true;
      void client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'Restore Point'`);
    };
    const slow = `ALTER TABLE t ADD w xml; UPDATE t SET w = '<a/>' WHERE id > 150000`;
    await database.run(slow);
    const error = await failure(compareAll(file, database, { report }));
    assert.equal(error.code, 'connection');
    await client.end();
  });

  it('reads rows as a backup does: XML as it is written, names with their schema, other encodings', async () => {
    const make = `CREATE SCHEMA s; CREATE TABLE s.named (); CREATE TABLE t (id int PRIMARY KEY, x xml, r regclass, a text);
      INSERT INTO t VALUES (1, '<?xml version="1.0"?><a/>', 's.named', 'é'), (2, '<b/>', 's.named', 'ä')`;
    const first = await postgres.create(make);
    const file = await saved(first);
    const [[name]] = (await first.rows('SELECT current_database()')) as [[string]];
    await first.run(
      `ALTER DATABASE "${name}" SET search_path = s, public; ALTER DATABASE "${name}" SET xmloption = document`,
    );
    const [same] = (await compareAll(file, first)).filter(({ table }) => table.name === 't');
    assert.equal(countsText(same!.counts), '-0 +0 ~0 =2');
    const [latin, bytes] = [await postgres.create('SELECT 1'), await postgres.create('SELECT 1')];
    for (const [database, encoding] of [
      [latin, 'LATIN1'],
      [bytes, 'SQL_ASCII'],
    ] as const) {
      const url = new URL(database.url);
      const other = decodeURIComponent(url.pathname.slice(1));
      await first.run(`DROP DATABASE "${other}"`);
      await first.run(`CREATE DATABASE "${other}" TEMPLATE template0 ENCODING '${encoding}' LOCALE 'C'`);
      // What the client sends is UTF-8, and stays so in a database without an encoding.
      await database.run(`${make}; UPDATE t SET x = '<c/>' WHERE id = 2`);
      for (const side of [database, await saved(database)]) {
        const [found] = (await compareAll(file, side)).filter(({ table }) => table.name === 't');
        assert.equal(countsText(found!.counts), '-0 +0 ~1 =1', encoding);
        const [row] = found!.rows;
        assert.deepEqual(row?.kind === 'changed' && row.columns, [1], encoding);
      }
    }
  });

  it('says which table has two rows of one key', async () => {
    const make = 'CREATE TABLE t (id int NOT NULL)';
    const [first, second] = [
      await postgres.create(`${make}; INSERT INTO t VALUES (1), (2), (2)`),
      await postgres.create(`${make}; INSERT INTO t VALUES (1), (2)`),
    ];
    const change = (table: ComparedTable): ComparedTable => ({ ...table, key: [0] });
    for (const [one, other] of [
      [first, second],
      [second, first],
      [await saved(first), second],
    ] as const) {
      const error = await failure(compareAll(one, other, { change }));
      assert.deepEqual([error.code, error.details.place?.table], ['database', 'public.t']);
      assert.match(error.message, /same key/);
    }
  });

  it('leaves nothing of rows on the disk that anybody could read', async () => {
    const make = (value: string): string => `CREATE TABLE t (id int PRIMARY KEY, v text);
      INSERT INTO t SELECT i, '${value}' || repeat('secret', 500) FROM generate_series(1, 3000) i`;
    const [first, second] = [await postgres.create(make('a')), await postgres.create(make('b'))];
    let looked = 0;
    const sides = [await openSide(first), await openSide(second)] as const;
    const tables = [comparedTable(sides[0].tables[0]!, sides[1].tables[0]!)];
    const options = { rows: Infinity, logger: silentLogger };
    for await (const page of compareSides(sides[0].side, sides[1].side, tables, options, {
      hashes: 1,
      rows: 0,
    })) {
      if (page.rows.length === 0 || process.platform !== 'linux') continue;
      for (const number of readdirSync('/proc/self/fd')) {
        const path = await readlink(`/proc/self/fd/${number}`).catch(() => '');
        if (!path.includes(`/restore-point-${process.pid}-`)) continue;
        looked += 1;
        assert.ok(path.endsWith('(deleted)'), path);
        assert.ok(!(await readFile(`/proc/self/fd/${number}`)).includes('secret'));
      }
    }
    assert.ok(looked > 0 || process.platform !== 'linux');
    for (const side of sides) await side.close();
  });
});
