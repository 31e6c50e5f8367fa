import assert from 'node:assert/strict';
import type { ChosenRow } from '../../src/core/chosenRows.ts';
import { RowSpool } from '../../src/restore/chosenRows/rowSpool.ts';

const text = (value: string) => ({ kind: 'text', text: value }) as const;

describe('a spool of rows', () => {
  it('gives the rows of each table back as they came, from memory and from a file, as often as wanted', async () => {
    for (const memory of [undefined, 0]) {
      const spool = new RowSpool(memory);
      try {
        const expected = new Map<number, ChosenRow[]>([0, 1, 2].map((table) => [table, []]));
        for (let number = 0; number < 6000; number += 1) {
          const table = number % 3;
          const value = [text(`${number} ${'ü\n'.repeat(number % 400)}`), null];
          const row = [{ seen: value }, { wanted: value }, { seen: value, wanted: [null, text('')] }][
            (number % 4) % 3
          ]!;
          await spool.add(table, row);
          expected.get(table)!.push(row);
        }
        for (let time = 0; time < 2; time += 1) {
          for (const [table, rows] of expected) {
            const found: ChosenRow[] = [];
            for await (const page of spool.rows(table)) found.push(...page);
            assert.deepEqual(found, rows);
          }
        }
        for await (const page of spool.rows(9)) assert.deepEqual(page, []);
      } finally {
        await spool.close();
      }
    }
  });
});
