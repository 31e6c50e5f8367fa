import assert from 'node:assert/strict';
import { parseFromComparison } from '../../src/ui/comparison/messages.ts';

const rows = { type: 'readDifferences', request: 1, table: 0, kind: 'changed', page: 9, filter: '' };
const value = { type: 'readValue', request: 3, table: 0, kind: 'onlyInFirst', number: 5, column: 2 };
const check = { type: 'check', request: 4, table: 2, kind: 'changed', checked: true };

describe('messages of the comparison', () => {
  const known: readonly Record<string, unknown>[] = [
    { type: 'ready' },
    { type: 'compareAgain' },
    { type: 'textDiff', table: 3 },
    { type: 'copied', text: 'x' },
    { ...rows, columns: [2, 0] },
    { ...value, side: 'second' },
    { type: 'restore' },
    { ...check, numbers: [1, 2] },
    { ...check, filter: 'x' },
  ];
  for (const message of known) {
    it(`takes ${JSON.stringify(message)}`, () => assert.deepEqual(parseFromComparison(message), message));
  }

  it('keeps nothing of a message but what it knows', () => {
    const message = { type: 'textDiff', table: 1, command: 'workbench.action.quit' };
    assert.deepEqual(parseFromComparison(message), { type: 'textDiff', table: 1 });
  });

  const unknown: readonly unknown[] = [
    ...[undefined, null, 0, 'ready', [], {}, { type: null }, { type: 'run' }, { type: 'textDiff' }],
    { type: 'textDiff', table: -1 },
    { type: 'copied', text: 5 },
    ...[undefined, 'all', [1.5], [-1], ['0']].map((columns) => ({ ...rows, columns })),
    ...[{}, { numbers: [-1] }, { filter: 1 }, { filter: '', checked: 1 }].map((more) => ({
      ...check,
      ...more,
    })),
    { ...rows, columns: [], kind: 'toString' },
    { ...rows, columns: [], filter: /x/ },
    ...[undefined, 'third', 0].map((side) => ({ ...value, side })),
    { ...value, side: 'first', number: 2 ** 60 },
  ];
  for (const message of unknown) {
    it(`takes no ${JSON.stringify(message) ?? 'undefined'}`, () =>
      assert.equal(parseFromComparison(message), undefined));
  }
});
