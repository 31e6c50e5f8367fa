import assert from 'node:assert/strict';
import { parseFromViewer } from '../../src/ui/viewer/messages.ts';

describe('messages of the contents viewer', () => {
  const known: readonly Record<string, unknown>[] = [
    { type: 'ready' },
    { type: 'reload' },
    { type: 'run', action: 'restore' },
    { type: 'run', action: 'verify' },
    { type: 'run', action: 'reveal' },
    { type: 'readTable', request: 1, table: 0 },
    { type: 'readRows', request: 2, table: 3, page: 123, arrangement: {} },
    {
      ...{ type: 'readRows', request: 2, table: 3, page: 0 },
      arrangement: { filter: { text: 'a', column: '__proto__' }, sort: { column: 'b', descending: true } },
    },
    {
      ...{ type: 'find', request: 4, table: 0, arrangement: { filter: { text: 'a' } } },
      ...{ search: { text: 'b' }, from: 17, backwards: false },
    },
    { type: 'readValue', request: 3, table: 0, row: 12_345, column: 7 },
  ];

  for (const message of known) {
    it(`takes ${JSON.stringify(message)}`, () => {
      assert.deepEqual(parseFromViewer(message), message);
    });
  }

  it('keeps nothing of a message but what it knows', () => {
    const message = { type: 'run', action: 'verify', command: 'workbench.action.quit', request: 5 };
    assert.deepEqual(parseFromViewer(message), { type: 'run', action: 'verify' });
    const question = { type: 'readTable', request: 1, table: 2, page: 4, file: '/etc/passwd' };
    assert.deepEqual(parseFromViewer(question), { type: 'readTable', request: 1, table: 2 });
  });

  const unknown: readonly unknown[] = [
    ...[undefined, null, 0, 'ready', [], {}, ['ready'], { type: null }, { type: 'Ready' }],
    ...[{ type: '__proto__' }, { type: 'constructor' }, { type: ['ready'] }, { action: 'verify' }],
    ...[{ type: 'run' }, { type: 'run', action: 'delete' }, { type: 'run', action: ['verify'] }],
    { type: 'run', action: 'toString' },
    ...[{ type: 'readTable' }, { type: 'readTable', request: 1 }, { type: 'readTable', table: 1 }],
    ...[-1, 1.5, NaN, Infinity, '1', null, 2 ** 53, 2 ** 46, { valueOf: () => 1 }].map((page) => ({
      type: 'readRows',
      request: 1,
      table: 0,
      page,
      arrangement: {},
    })),
    { type: 'readRows', request: 1, table: -1, page: 0, arrangement: {} },
    { type: 'readRows', request: 'x', table: 0, page: 0, arrangement: {} },
    ...[
      undefined,
      null,
      'a',
      { filter: 'a' },
      { filter: { text: '' } },
      { filter: { text: 'a'.repeat(1001) } },
      { filter: { text: 'a', column: 1 } },
      { sort: 'a' },
      { sort: { column: 1 } },
    ].map((arrangement) => ({ type: 'readRows', request: 1, table: 0, page: 0, arrangement })),
    { type: 'find', request: 1, table: 0, arrangement: {}, search: {}, from: 0 },
    { type: 'find', request: 1, table: 0, arrangement: {}, search: { text: 'a' }, from: -1 },
    { type: 'readValue', request: 1, table: 0, row: 0 },
    { type: 'readValue', request: 1, table: 0, row: 0, column: -1 },
    { type: 'readValue', request: 1, table: 0, column: 0 },
  ];

  for (const message of unknown) {
    it(`refuses ${JSON.stringify(message) ?? 'undefined'}`, () => {
      assert.equal(parseFromViewer(message), undefined);
    });
  }
});
