import assert from 'node:assert/strict';
import { surplusBackups } from '../../src/backup/surplusBackups.ts';

describe('surplus backups', () => {
  const backup = (file: string, minute: number) => ({ file, time: new Date(2026, 0, 1, 12, minute) });
  const [a, b, c, d] = [backup('a', 1), backup('b', 2), backup('c', 3), backup('d', 4)];
  const names = (all: readonly { file: string }[]): string => all.map(({ file }) => file).join('');

  for (const [keep, newest, gone] of [
    [10, 'd', ''],
    [4, 'd', ''],
    [3, 'd', 'a'],
    [2, 'd', 'ba'],
    [1, 'd', 'cba'],
    [0, 'd', 'cba'],
    // The newest by name, although the clock says otherwise.
    [1, 'a', 'dcb'],
    [2, 'a', 'cb'],
    // It is no longer there.
    [2, 'gone', 'ba'],
  ] as const) {
    it(`of 4, keeping ${keep}, the newest being ${newest}: ${gone || 'none'}`, () => {
      assert.equal(names(surplusBackups([b, d, a, c], keep, newest)), gone);
    });
  }
});
