import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import wabt from 'wabt';
import { handedOver } from '../../src/engines/postgres/rows/handedOver.ts';
import { type HashedRow, RowHashes, type RowLayout } from '../../src/engines/postgres/rows/rowHashes.ts';
import { rowHashesModule } from '../../src/engines/postgres/rows/rowHashesModule.ts';
import { SpilledRows } from '../../src/core/spilledRows.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** As texts: the key's hash, the row's, and the row. */
interface Seen {
  readonly key: string;
  readonly row: string;
  readonly text: string;
}

async function seen(hashes: RowHashes, layout: RowLayout, ...pieces: Uint8Array[]): Promise<Seen[]> {
  const rows: Seen[] = [];
  const hex = (words: Uint32Array): string => Buffer.from(Uint32Array.from(words).buffer).toString('hex');
  const take = (found: HashedRow): void => {
    const { words, at } = found;
    const key = hex(words.subarray(at, at + 4));
    rows.push({ key, row: hex(words.subarray(at + 4, at + 6)), text: Buffer.from(found.text()).toString() });
  };
  hashes.begin(layout);
  for (const piece of pieces) {
    const own = Uint8Array.from(piece);
    await hashes.push(own, { take, settled: () => undefined });
    // Whoever gives a piece uses its memory again.
    own.fill(0);
  }
  assert.ok(hashes.whole);
  return rows;
}

describe('postgres: hashes of rows', () => {
  const lengths = [...Array.from({ length: 40 }, (_, length) => length), 300_000, 600_000, 2_000_001];
  const lines = lengths.map((length, index) => `${index}\t${'x'.repeat(length)}\t\\N`);
  const all = bytes(lines.map((line) => `${line}\n`).join(''));
  const layout = { columns: 3, values: 3, key: [0] };

  it('are the same wherever the pieces end', async () => {
    const hashes = new RowHashes();
    const whole = await seen(hashes, layout, all);
    assert.deepEqual(
      whole.map(({ text }) => text),
      lines,
    );
    assert.equal(new Set(whole.map(({ key }) => key)).size, lines.length);
    assert.equal(new Set(whole.map(({ row }) => row)).size, lines.length);
    for (const size of [1000, 65_536, 262_144, 524_288, 700_001]) {
      const pieces = Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
        all.subarray(index * size, (index + 1) * size),
      );
      assert.deepEqual(await seen(hashes, layout, ...pieces), whole, String(size));
    }
    const short = all.subarray(0, 500);
    const few = short.subarray(0, short.lastIndexOf(0x0a) + 1);
    for (let cut = 0; cut <= few.length; cut += 1) {
      const found = await seen(hashes, layout, few.subarray(0, cut), few.subarray(cut));
      assert.deepEqual(found, whole.slice(0, found.length));
    }
  });

  it('leave out what is only added for the key', async () => {
    const hashes = new RowHashes();
    const [plain] = await seen(hashes, { columns: 2, values: 2, key: [1] }, bytes('a\tb\n'));
    const [added] = await seen(hashes, { columns: 2, values: 3, key: [2] }, bytes('a\tb\tb\n'));
    assert.deepEqual(added, plain);
    const [other] = await seen(hashes, { columns: 2, values: 3, key: [0, 2] }, bytes('a\tb\tb\n'));
    assert.notEqual(other!.key, plain!.key);
    const long = 'y'.repeat(1_500_000);
    const [one] = await seen(hashes, { columns: 2, values: 2, key: [0, 1] }, bytes(`a\t${long}\n`));
    const [same] = await seen(
      hashes,
      { columns: 2, values: 4, key: [2, 3] },
      bytes(`a\t${long}\ta\t${long}\n`),
    );
    assert.deepEqual(same, one);
  });

  it('refuse rows of another number of values', async () => {
    const hashes = new RowHashes();
    for (const line of ['a\n', 'a\tb\tc\n', '\n', `${'z'.repeat(3_000_000)}\n`]) {
      await assert.rejects(
        async () => seen(hashes, { columns: 2, values: 2, key: [] }, bytes(line)),
        /number of values/,
      );
    }
    assert.equal((await seen(hashes, { columns: 0, values: 1, key: [] }, bytes('\n\n'))).length, 2);
  });

  it('are those of SipHash-2-4, of a key that nobody knows before', async () => {
    const hashes = new RowHashes();
    const text = Buffer.from(Array.from({ length: 15 }, (_, index) => index + 0x40));
    const key = Buffer.from(Array.from({ length: 16 }, (_, index) => index));
    assert.notEqual(
      (await seen(hashes, { columns: 1, values: 1, key: [] }, Buffer.concat([text, bytes('\n')])))[0]!.key,
      (
        await seen(new RowHashes(), { columns: 1, values: 1, key: [] }, Buffer.concat([text, bytes('\n')]))
      )[0]!.key,
    );
    const known = new RowHashes(key);
    const [found] = await seen(known, { columns: 1, values: 1, key: [] }, Buffer.concat([text, bytes('\n')]));
    assert.equal(found!.key, sipHash(key, text));
  });

  it('come from the module that stands there as text', async () => {
    const tools = await wabt();
    const text = readFileSync(new URL('../../src/engines/postgres/rows/rowHashes.wat', import.meta.url));
    const made = tools.parseWat('rowHashes.wat', new Uint8Array(text)).toBinary({}).buffer;
    assert.equal(rowHashesModule, Buffer.from(made).toString('base64'));
  });
});

/** SipHash-2-4 of 128 bits, as its paper and its reference write it. */
function sipHash(key: Buffer, text: Buffer): string {
  const word = (value: bigint): bigint => BigInt.asUintN(64, value);
  const turn = (value: bigint, bits: bigint): bigint => word((value << bits) | (value >> (64n - bits)));
  const [k0, k1] = [key.readBigUInt64LE(0), key.readBigUInt64LE(8)];
  let [a, b, c, d] = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn ^ 0xeen,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  const rounds = (count: number): void => {
    for (; count > 0; count -= 1) {
      a = word(a + b);
      b = turn(b, 13n) ^ a;
      a = turn(a, 32n);
      c = word(c + d);
      d = turn(d, 16n) ^ c;
      a = word(a + d);
      d = turn(d, 21n) ^ a;
      c = word(c + b);
      b = turn(b, 17n) ^ c;
      c = turn(c, 32n);
    }
  };
  const padded = Buffer.alloc(Math.floor(text.length / 8) * 8 + 8);
  text.copy(padded);
  padded[padded.length - 1] = text.length;
  for (let at = 0; at < padded.length; at += 8) {
    const next = padded.readBigUInt64LE(at);
    d ^= next;
    rounds(2);
    a ^= next;
  }
  const out = Buffer.alloc(16);
  c ^= 0xeen;
  rounds(4);
  out.writeBigUInt64LE(a ^ b ^ c ^ d, 0);
  b ^= 0xddn;
  rounds(4);
  out.writeBigUInt64LE(a ^ b ^ c ^ d, 8);
  return out.toString('hex');
}

describe('postgres: rows that are put aside', () => {
  it('come back, from memory and from a file', async () => {
    for (const memory of [16 << 20, 0, 200_000]) {
      const rows = new SpilledRows(memory);
      const texts = Array.from({ length: 3000 }, (_, index) => Buffer.alloc((index * 7919) % 2000, index));
      texts.push(Buffer.alloc(500_000, 7), Buffer.alloc(0));
      const places: number[] = [];
      for (const text of texts) {
        places.push(rows.add(text));
        await rows.settled();
      }
      for (const index of [...texts.keys()].reverse()) {
        assert.ok(texts[index]!.equals(await rows.read(places[index]!)), String(index));
      }
      await rows.close();
    }
  });
});

describe('items that are handed over', () => {
  it('come as they are asked for, and their work ends with an error or with whoever asks', async () => {
    const log: string[] = [];
    const work = async (give: (item: number) => Promise<void>): Promise<void> => {
      try {
        for (let item = 1; item <= 3; item += 1) {
          log.push(`gives ${item}`);
          await give(item);
        }
      } finally {
        log.push('ends');
      }
    };
    const items: number[] = [];
    for await (const item of handedOver(work)) items.push(item);
    assert.deepEqual(items, [1, 2, 3]);
    log.length = 0;
    for await (const item of handedOver(work)) if (item === 2) break;
    assert.deepEqual(log, ['gives 1', 'gives 2', 'ends']);
    const failing = handedOver<number>(async (give) => {
      await give(1);
      throw new Error('broken');
    });
    assert.deepEqual(await failing.next(), { done: false, value: 1 });
    await assert.rejects(failing.next(), /broken/);
  });
});
