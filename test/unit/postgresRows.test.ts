import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import wabt from 'wabt';
import xxhash from 'xxhash-wasm';
import { valueText } from '../../src/core/values.ts';
import { readRow, ValueTypes } from '../../src/engines/postgres/rows/typedValues.ts';
import { quoteIdentifier, quoteLiteral, quoteName } from '../../src/engines/postgres/connect/identifiers.ts';
import { RowDigest } from '../../src/engines/postgres/rows/rowDigest.ts';
import { rowDigestModule } from '../../src/engines/postgres/rows/rowDigestModule.ts';
import { RowRuns } from '../../src/engines/postgres/rows/rowRuns.ts';
import { randomSource } from '../support/randomSource.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('postgres: rows as COPY writes them', () => {
  it('are cut at row ends, wherever the pieces end', async () => {
    const random = randomSource('row runs');
    for (let round = 0; round < 50; round += 1) {
      const rows = Array.from({ length: random.below(200) }, () =>
        'x'.repeat(random.pick([0, 1, 7, 50, 300, 2000])),
      );
      const all = bytes(rows.map((row) => `${row}\n`).join(''));
      const size = random.pick([0, 1, 64, 1000]);
      const runs: { text: string; rows: number }[] = [];
      const cutter = new RowRuns(size, (run, count) => {
        runs.push({ text: new TextDecoder().decode(run), rows: count });
      });
      for (let start = 0; start < all.length;) {
        const end = Math.min(all.length, start + 1 + random.below(500));
        await cutter.push(all.subarray(start, end));
        start = end;
      }
      await cutter.finish();
      assert.equal(runs.map(({ text }) => text).join(''), new TextDecoder().decode(all));
      for (const [index, run] of runs.entries()) {
        assert.equal(run.text.split('\n').length - 1, run.rows);
        assert.ok(run.text.endsWith('\n'));
        if (index < runs.length - 1) assert.ok(run.text.length >= size);
      }
      assert.equal(cutter.digest.rows, rows.length);
      assert.equal(cutter.digest.digest, await expectedDigest(rows));
    }
  });

  it('have the same digest in any order, and another one when anything differs', () => {
    const digest = (...rows: string[]): string => {
      const sum = new RowDigest();
      sum.add(bytes(rows.map((row) => `${row}\n`).join('')));
      return sum.digest;
    };
    assert.equal(digest('a', 'b', 'c'), digest('c', 'a', 'b'));
    assert.notEqual(digest('a', 'b'), digest('a', 'a'));
    assert.notEqual(digest('a\tb'), digest('ab\t'));
    assert.notEqual(digest('', ''), digest(''));
    assert.match(digest('a'), /^[0-9a-f]{16}$/);
  });

  it('are hashed in parts when they are long, to the same sum', async () => {
    const row = 'long '.repeat(700_000);
    const digest = new RowDigest();
    digest.add(bytes(`${row}\n`));
    assert.equal(digest.digest, await expectedDigest([row]));
  });

  it('are summed by the module that stands there as text', async () => {
    const tools = await wabt();
    const folder = new URL('../../src/engines/postgres/rows/', import.meta.url);
    const text = readFileSync(new URL('rowDigest.wat', folder));
    const made = tools.parseWat('rowDigest.wat', new Uint8Array(text)).toBinary({}).buffer;
    assert.equal(rowDigestModule, Buffer.from(made).toString('base64'));
  });

  it('do not end in the middle of one', async () => {
    const cutter = new RowRuns(10, () => undefined);
    await cutter.push(bytes('a\nb'));
    assert.equal(cutter.digest.whole, false);
    assert.throws(() => cutter.finish(), /in the middle/);
  });

  it('give back the values that went in', () => {
    const row = bytes(
      String.raw`\N` + '\t\t' + String.raw`\\N` + '\t' + String.raw`a\tb\nc\\d\b\f\r\v` + '\té',
    );
    const texts = new ValueTypes([]).readers(['text', 'text', 'text', 'text', 'text']);
    const read = (line: Uint8Array, columns: number): (string | undefined)[] =>
      readRow(line, texts.slice(0, columns)).map(valueText);
    assert.deepEqual(read(row, 5), [undefined, '', String.raw`\N`, 'a\tb\nc\\d\b\f\r\v', 'é']);
    assert.deepEqual(read(bytes(''), 1), ['']);
    assert.deepEqual(read(bytes(''), 0), []);
  });

  it('show the beginning of a very long value, and how long it is', () => {
    const [read] = new ValueTypes([]).readers(['text']);
    const [value] = readRow(bytes('ü'.repeat(50_000)), [read!], 10_000);
    assert.deepEqual(value, { kind: 'other', text: 'ü'.repeat(10_000), cutFrom: 100_000 });
  });
});

describe('postgres: names and texts in SQL', () => {
  it('never leave their quotes', () => {
    assert.equal(quoteIdentifier('a"; drop table x; --'), '"a""; drop table x; --"');
    assert.equal(quoteName({ schema: 'a.b', name: 'c' }), '"a.b"."c"');
    assert.equal(quoteLiteral(String.raw`it's \'`), String.raw`'it''s \'''`);
    assert.throws(() => quoteIdentifier('a\0b'), /NUL character/);
    assert.throws(() => quoteLiteral('a\0b'), /NUL character/);
  });
});

async function expectedDigest(rows: readonly string[]): Promise<string> {
  const hashes = await xxhash();
  const sum = rows.reduce((total, row) => BigInt.asUintN(64, total + hashes.h64(row)), 0n);
  return sum.toString(16).padStart(16, '0');
}
