import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { ComparisonPage } from '../../../src/core/differences.ts';
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

describe('postgres: the work of a comparison', function () {
  this.timeout(120_000);
  const { postgres, saved, compareEach } = useComparisons();

  it('gives the same whatever the memory holds, and as many rows as are wanted', async () => {
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

  it('compares long values', async () => {
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

  it('leaves the snapshot usable for whoever stops early', async () => {
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
});
