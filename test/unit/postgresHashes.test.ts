import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import wabt from 'wabt';
import { HashedRows, type HashSum } from '../../src/engines/postgres/rows/hashedRows.ts';
import { hashedRowsModule } from '../../src/engines/postgres/rows/hashedRowsModule.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Values of all lengths around those at which hashing goes on otherwise, with NULL and every escape. */
const values = [
  ...Array.from({ length: 30 }, (_, length) => '0123456789'.repeat(3).slice(0, length)),
  ...[String.raw`\N`, String.raw`\\N`, String.raw`\\`, String.raw`a\tb\nc\\d\b\f\r\v`, String.raw`x\\x00`],
  ...['é茶🍵', 'x'.repeat(1000), `${'y'.repeat(500)}${String.raw`\n`}${'z'.repeat(500)}`],
];

describe('postgres: rows as the server hashes them', () => {
  const rows = bytes(values.map((value, index) => `${value}\t${index}\n`).join(''));

  function sumOf(hashed: HashedRows, columns: number, ...pieces: Uint8Array[]): HashSum | undefined {
    hashed.begin(columns);
    for (const piece of pieces) hashed.add(piece);
    return hashed.result;
  }

  it('have the same hashes wherever the pieces end', () => {
    const hashed = new HashedRows();
    const whole = sumOf(hashed, 2, rows);
    assert.equal(whole?.rows, values.length);
    for (let cut = 0; cut <= rows.length; cut += 1) {
      assert.deepEqual(sumOf(hashed, 2, rows.subarray(0, cut), rows.subarray(cut)), whole);
    }
    const single = Array.from(rows, (_, index) => rows.subarray(index, index + 1));
    assert.deepEqual(sumOf(hashed, 2, ...single), whole);
  });

  it('have others when a value is another, is in another place, or in the row of another', () => {
    const hashed = new HashedRows();
    const of = (...lines: string[]): HashSum | undefined =>
      sumOf(hashed, 2, bytes(lines.map((line) => `${line}\n`).join('')));
    const sum = of('a\tb', 'c\td');
    assert.deepEqual(of('c\td', 'a\tb'), sum);
    const others = ['a\td|c\tb', 'b\ta|c\td', 'a\tb|c\tD', 'ab\t|c\td', 'a\tb|c\t\\N', 'a\tb|a\tb', 'a\tb'];
    const sums = others.map((lines) => of(...lines.split('|'))?.sum);
    assert.equal(new Set([...sums, sum?.sum]).size, others.length + 1);
    assert.notEqual(of('\\N\t')?.sum, of('\t\\N')?.sum);
  });

  it('are hashed with a seed that nobody knows before', () => {
    const [one, other] = [new HashedRows(), new HashedRows()];
    assert.notEqual(one.seed, other.seed);
    assert.notEqual(one.nullText, other.nullText);
    assert.notEqual(sumOf(one, 2, rows)?.sum, sumOf(other, 2, rows)?.sum);
  });

  it('have no sum when they are not as COPY writes them', () => {
    const hashed = new HashedRows();
    const whole = sumOf(hashed, 2, rows);
    for (const text of [
      'a\n',
      'a\tb\tc\n',
      'a\tb',
      'a\tb\nc\t',
      '\\q\tb\n',
      '\\\tb\n',
      'a\\\n',
      'a\tb\\\n',
      '\\.\n',
    ])
      assert.equal(sumOf(hashed, 2, bytes(text)), undefined, text);
    assert.equal(sumOf(hashed, 2, bytes('a\n'), bytes('a\tb\n')), undefined);
    assert.equal(sumOf(hashed, 0, bytes('\n')), undefined);
    assert.deepEqual(sumOf(hashed, 2, rows), whole);
    assert.deepEqual(sumOf(hashed, 1), { rows: 0, sum: 0n });
  });

  it('have no sum when a value takes long to hash at once', () => {
    const hashed = new HashedRows();
    const megabyte = 'm'.repeat(1024 * 1024);
    assert.equal(sumOf(hashed, 1, bytes(`${megabyte}\n`))?.rows, 1);
    assert.equal(sumOf(hashed, 1, bytes(`${megabyte}${megabyte}\n`)), undefined);
  });

  it('are summed by the module that stands there as text', async () => {
    const tools = await wabt();
    const text = readFileSync(new URL('../../src/engines/postgres/rows/hashedRows.wat', import.meta.url));
    const made = tools.parseWat('hashedRows.wat', new Uint8Array(text)).toBinary({}).buffer;
    assert.equal(hashedRowsModule, Buffer.from(made).toString('base64'));
  });
});
