import assert from 'node:assert/strict';
import type { ComparisonPart } from '../../src/compare/compareSides.ts';
import { DifferenceStore, type DifferenceQuery } from '../../src/compare/differenceStore.ts';
import { rowLine, rowLineAsJson } from '../../src/core/rowLines.ts';
import type { RowDifference } from '../../src/core/differences.ts';
import type { Table } from '../../src/core/schema.ts';
import type { Row, Value } from '../../src/core/values.ts';
import { failure } from '../support/errors.ts';

const table = (name: string, columns: readonly string[]) => ({
  name: { name },
  columnsOnlyInFirst: [],
  columnsOnlyInSecond: [],
  compared: {
    first: { name: { name } } as Table,
    second: { name: { name } } as Table,
    columns: columns.map((column) => ({ first: column, second: column })),
    key: [0],
  },
});

const integer = (value: number): Value => ({ kind: 'integer', text: String(value) });
const text = (value: string): Value => ({ kind: 'text', text: value });

async function* parts(rows: readonly (readonly RowDifference[])[]): AsyncGenerator<ComparisonPart> {
  yield {
    ...{ part: 'overview', engine: 'sqlite' },
    tables: rows.map((_, index) => table(`t${index}`, ['id', 'note', 'more'])),
    ...{ onlyInFirst: [], onlyInSecond: [], sequences: [], notes: [] },
  };
  for (const [index, differences] of rows.entries()) {
    for (let at = 0; at < differences.length; at += 1000)
      yield await Promise.resolve({
        part: 'rows' as const,
        table: index,
        rows: differences.slice(at, at + 1000),
      });
    const of = (kind: RowDifference['kind']): number =>
      differences.filter((difference) => difference.kind === kind).length;
    const counts = {
      onlyInFirst: of('onlyInFirst'),
      onlyInSecond: of('onlyInSecond'),
      changed: of('changed'),
    };
    yield { part: 'counts', table: index, counts: { ...counts, same: 7 } };
  }
}

/** The three kinds by turns. */
function differenceOf(index: number): RowDifference {
  const row = (note: string): Row => [integer(index), text(note), index % 2 === 0 ? null : text('ünïcödé')];
  if (index % 3 === 0) return { kind: 'onlyInFirst', first: row(`Deleted ${index}`) };
  if (index % 3 === 1) return { kind: 'onlyInSecond', second: row(`Added ${index}`) };
  return { kind: 'changed', first: row(`Old ${index}`), second: row(`New ${index}`), columns: [1] };
}

const all = (query: Partial<DifferenceQuery>): DifferenceQuery => ({
  ...{ table: 0, kind: 'changed', after: 0, limit: 1_000_000 },
  ...query,
});

describe('the store of differences', () => {
  let store: DifferenceStore;
  const count = 3000;

  before(async () => {
    const differences = Array.from({ length: count }, (_, index) => differenceOf(index));
    store = await DifferenceStore.fill(parts([differences, [], [differenceOf(1)]]));
  });

  after(() => store.close());

  it('has the counts, and the columns that differ', () => {
    const { results, pairing, engine } = store.comparison;
    assert.equal(engine, 'sqlite');
    assert.equal(pairing.tables.length, 3);
    assert.deepEqual(results, [
      { counts: { onlyInFirst: 1000, onlyInSecond: 1000, changed: 1000, same: 7 }, changedColumns: [1] },
      { counts: { onlyInFirst: 0, onlyInSecond: 0, changed: 0, same: 7 }, changedColumns: [] },
      { counts: { onlyInFirst: 0, onlyInSecond: 1, changed: 0, same: 7 }, changedColumns: [] },
    ]);
  });

  it('gives any page of any kind', async () => {
    const { total, rows } = await store.read(all({ after: 130, limit: 3 }));
    assert.equal(total, 1000);
    assert.deepEqual(
      rows.map(({ number }) => number),
      [130, 131, 132],
    );
    assert.deepEqual(rows[0], {
      number: 130,
      first: ['392', 'Old 392', null],
      second: ['392', 'New 392', null],
      ...{ changed: [1], checked: false },
    });
    const last = await store.read(all({ kind: 'onlyInSecond', after: 999, limit: 100 }));
    assert.deepEqual(last.rows, [{ number: 999, second: ['2998', 'Added 2998', null], checked: false }]);
    assert.deepEqual(await store.read(all({ kind: 'onlyInFirst', after: 1000 })), {
      ...{ total: 1000, checked: 0, rows: [] },
    });
    assert.deepEqual(await store.read(all({ table: 1 })), { total: 0, checked: 0, rows: [] });
    assert.deepEqual(await store.read(all({ table: 9 })), { total: 0, checked: 0, rows: [] });
  });

  it('gives only the columns that are asked for', async () => {
    const { rows } = await store.read(all({ limit: 1, columns: [2, 0] }));
    assert.deepEqual(rows, [
      { number: 0, first: [null, '2'], second: [null, '2'], changed: [1], checked: false },
    ]);
  });

  it('filters by the text of any value on either side, in upper or lower case', async () => {
    const numbers = async (filter: string, kind: DifferenceQuery['kind'] = 'changed'): Promise<number[]> =>
      (await store.read(all({ filter, kind }))).rows.map(({ number }) => number);
    assert.deepEqual(await numbers('NEW 392'), [130]);
    assert.deepEqual(await numbers('old 392'), [130]);
    assert.deepEqual(await numbers('old 392', 'onlyInFirst'), []);
    assert.equal((await numbers('null')).length, 500);
    assert.equal((await numbers('ÜNÏCÖDÉ')).length, 500);
    const page = await store.read(all({ filter: 'old 1', after: 5, limit: 2 }));
    const expected = Array.from({ length: 1000 }, (_, index) => index).filter((index) =>
      String(index * 3 + 2).startsWith('1'),
    );
    assert.equal(page.total, expected.length);
    assert.deepEqual(
      page.rows.map(({ number }) => number),
      expected.slice(5, 7),
    );
  });

  it('stops filtering when the filter is no longer wanted', async () => {
    await failure(store.read(all({ filter: 'something new' }), AbortSignal.abort()), 'cancelled');
  });

  it('checks rows one by one, and all that a filter shows, and gives them as lines', async () => {
    const rows = Array.from({ length: 300 }, (_, index) => differenceOf(index));
    const some = await DifferenceStore.fill(parts([[], rows]));
    try {
      const place = { table: 1, kind: 'changed' } as const;
      await some.check({ ...place, numbers: [0, 5, 5, 99, 100_000], checked: true });
      await some.check({ ...place, numbers: [5], checked: false });
      await some.check({ table: 1, kind: 'onlyInSecond', checked: true });
      await some.check({ table: 1, kind: 'onlyInSecond', filter: 'added 1', checked: false });
      const left = rows.filter((row) => row.kind === 'onlyInSecond').length;
      const added = [...rows.keys()].filter((index) => index % 3 === 1 && String(index).startsWith('1'));
      assert.deepEqual(some.checkedCounts(), [
        { changed: 0, onlyInFirst: 0, onlyInSecond: 0 },
        { changed: 2, onlyInFirst: 0, onlyInSecond: left - added.length },
      ]);
      const page = await some.read(all({ ...place, filter: 'old 299' }));
      assert.deepEqual([page.total, page.checked, page.rows[0]?.checked], [1, 1, true]);
      await some.check({ table: 1, kind: 'onlyInSecond', checked: false });
      let lines = '';
      for await (const piece of some.checkedLines()) lines += Buffer.from(piece).toString();
      const table1 = table('t1', ['id', 'note', 'more']).compared;
      const expected = [2, 299].map((index) => rowLineAsJson(rowLine(table1, differenceOf(index))));
      assert.equal(lines, expected.map((line) => `${JSON.stringify(line)}\n`).join(''));
    } finally {
      await some.close();
    }
  });

  it('tells values of different kinds apart that have the same text', async () => {
    const row = (value: Value): Row => [integer(1), value, null];
    const [one, blob] = [text('1'), text("x'41'")];
    const bytes: Value = { kind: 'bytes', bytes: Buffer.from('A') };
    const rows: RowDifference[] = [
      { kind: 'changed', first: row(integer(1)), second: row(one), columns: [1] },
      { kind: 'changed', first: row(bytes), second: row(blob), columns: [1] },
    ];
    const alike = await DifferenceStore.fill(parts([rows]));
    const shown = (await alike.read(all({ columns: [1] }))).rows.map(({ first, second }) => [first, second]);
    await alike.close();
    assert.deepEqual(shown, [
      [['1'], ['"1"']],
      [['{"bytes":"41"}'], [`"x'41'"`]],
    ]);
  });

  it('cuts long values, and gives them whole', async () => {
    const long = 'x'.repeat(300_000);
    const rows: RowDifference[] = Array.from({ length: 10 }, (_, index) => ({
      kind: 'onlyInFirst',
      first: [integer(index), text(long + index), null],
    }));
    const large = await DifferenceStore.fill(parts([rows]));
    try {
      const place = { table: 0, kind: 'onlyInFirst' } as const;
      const page = await large.read(all(place));
      assert.deepEqual(page.rows[9]?.first?.[1], { start: 'x'.repeat(2000), length: 300_001 });
      assert.equal(await large.value(place, { number: 9, side: 'first', column: 1 }, 1e6), `${long}9`);
      assert.equal(await large.value(place, { number: 9, side: 'second', column: 1 }, 1e6), undefined);
      assert.equal(await large.value(place, { number: 10, side: 'first', column: 1 }, 1e6), undefined);
    } finally {
      await large.close();
    }
  });
});
