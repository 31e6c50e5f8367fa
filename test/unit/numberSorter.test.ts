import assert from 'node:assert/strict';
import { NumberList } from '../../src/core/numberList.ts';
import { NumberSorter } from '../../src/core/numberSorter.ts';
import { randomSource } from '../support/randomSource.ts';

describe('numbers sorted by keys', () => {
  for (const descending of [false, true]) {
    it(`are in order, however many runs there are${descending ? ', descending' : ''}`, async () => {
      const random = randomSource('keys');
      const keys = Array.from({ length: 20_000 }, () =>
        random.below(50) === 0 ? undefined : random.bytes(1 + random.below(3)),
      );
      const way = descending ? -1 : 1;
      const expected = [...keys.keys()].sort((one, other) => {
        const [a, b] = [keys[one], keys[other]];
        if (!a || !b) return a || b ? (a ? -1 : 1) : one - other;
        return way * a.compare(b) || one - other;
      });
      for (const memory of [100_000, 1_000_000_000]) {
        const sorter = new NumberSorter({ descending }, memory);
        for (const [number, key] of keys.entries()) await sorter.add(key, number);
        const list = await sorter.sorted();
        assert.deepEqual(await list.slice(0, keys.length), expected);
        await list.close();
        await sorter.close();
      }
    });
  }

  it('can be looked up in a list that is larger than the memory for it', async () => {
    const list = new NumberList();
    const count = 1_000_000;
    for (let number = 0; number < count; number++) await list.add(2 * number);
    assert.equal(list.length, count);
    assert.deepEqual(await list.slice(8_190, 8_194), [16_380, 16_382, 16_384, 16_386]);
    assert.deepEqual(await list.slice(count - 2, count + 5), [2 * count - 4, 2 * count - 2]);
    for (const [number, place] of [
      [0, 0],
      [1, 1],
      [777_778, 388_889],
      [2 * count - 2, count - 1],
      [2 * count, count],
    ] as const)
      assert.equal(await list.placeOf(number), place);
    await list.close();
  });
});
