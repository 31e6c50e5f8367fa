import assert from 'node:assert/strict';
import { Archive } from '../../src/archive/archiveReader.ts';
import { writeArchive } from '../../src/archive/writeArchive.ts';
import { verifyBackup } from '../../src/backup/verifyBackup.ts';
import { byteLines } from '../../src/core/byteLines.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { Manifest, WrittenTable } from '../../src/core/manifest.ts';
import { parseRowLineBytes } from '../../src/core/rowLines.ts';
import { engineById } from '../../src/engines/registry.ts';
import { manifestOf, plainTable } from '../support/manifests.ts';
import { failure } from '../support/restores.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';

const name = { schema: 'public', name: 'orders' };
const orders: WrittenTable = {
  ...{ name, columns: ['id', 'note'], key: ['id'] },
  ...{ inserted: 1, updated: 1, deleted: 1 },
};
const row = (id: number, note: string): object => ({ id, note });
const table = { schema: 'public', table: 'orders' };
const lines: readonly object[] = [
  { ...table, kind: 'onlyInSecond', key: { id: 1 }, second: row(1, 'a') },
  { ...table, kind: 'changed', key: { id: 2 }, first: row(2, 'a'), second: row(2, 'b') },
  { ...table, kind: 'onlyInFirst', key: { id: 3 }, first: row(3, 'a') },
];

describe('a safety backup of rows', () => {
  const folder = useTemporaryFolder();

  async function write(
    texts: readonly unknown[],
    tables: readonly WrittenTable[],
    changes: Partial<Manifest> = {},
  ): Promise<string> {
    const file = folder.file('rows.dbbackup');
    await writeArchive(file, { compression: 'zstd', logger: silentLogger }, async (sink) => {
      const writer = sink.open('rows', 'ndjson');
      const text = texts.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
      await writer.writeChunk(Buffer.from(text.map((line) => `${line}\n`).join('')), texts.length);
      const payload = await writer.finish();
      return manifestOf([], [payload], {
        ...{ purpose: 'safety', complete: false },
        writtenRows: { payload: payload.name, tables },
        ...changes,
      });
    });
    return file;
  }

  it('is verified to its last line', async () => {
    const report = await verifyBackup(await write(lines, [orders]), engineById, { logger: silentLogger });
    assert.deepEqual([report.rows, report.unproven], [3, []]);
  });

  const damaged: readonly (readonly [what: string, lines: readonly unknown[], message: RegExp])[] = [
    ['a line that is no JSON', [lines[0], lines[1], '{'], /Line 3 is not a row of a comparison/],
    [
      'a line of another table',
      [lines[0], lines[1], { ...lines[2], table: 'others' }],
      /line 3 is a row of public\.others/,
    ],
    [
      'a line with another column',
      [lines[0], lines[1], { ...lines[2], first: { ...row(3, 'a'), more: 1 } }],
      /line 3 has other columns/,
    ],
    [
      'a line without a column',
      [lines[0], lines[1], { ...lines[2], first: { id: 3 } }],
      /line 3 has other columns/,
    ],
    ['other numbers of rows of a kind', [lines[0], lines[1], lines[1]], /others than its manifest counts/],
    ['fewer lines than rows', [lines[0], lines[1], ''], /others than its manifest counts/],
  ];
  for (const [what, texts, message] of damaged) {
    it(`is damaged with ${what}`, async () => {
      const error = await failure(
        verifyBackup(await write(texts, [orders]), engineById, { logger: silentLogger }),
      );
      assert.equal(error.code, 'damaged-backup');
      assert.match(error.message, message);
    });
  }

  const refused: readonly (readonly [
    what: string,
    tables: readonly WrittenTable[],
    changes: Partial<Manifest>,
    message: RegExp,
  ])[] = [
    [
      'tables too',
      [orders],
      { tables: manifestOf([plainTable('t')], []).tables },
      /written rows and a part of/,
    ],
    ['the whole database', [orders], { complete: true }, /written rows and a part of a database/],
    ['no payload', [orders], { writtenRows: { payload: 'data/2-x', tables: [orders] } }, /no payload for/],
    ['another count', [{ ...orders, deleted: 2 }], {}, /two different counts of written rows/],
    [
      'a table twice',
      [orders, { ...orders, inserted: 0, updated: 0, deleted: 0 }],
      {},
      /written rows of .* twice/,
    ],
    ['a column twice', [{ ...orders, columns: ['id', 'id'] }], {}, /a column of public\.orders twice/],
    ['a key of other columns', [{ ...orders, key: ['other'] }], {}, /other columns in the key/],
    ['a name that cannot be', [{ ...orders, name: { name: 'orders' } }], {}, /needs a schema/],
    ['a column that cannot be', [{ ...orders, columns: ['id', ''] }], {}, /invalid column name/],
  ];
  for (const [what, tables, changes, message] of refused) {
    it(`is no backup with ${what} in its manifest`, async () => {
      const error = await failure(Archive.open(await write(lines, tables, changes), engineById));
      assert.equal(error.code, 'damaged-backup');
      assert.match(error.message, message);
    });
  }
});

describe('lines of bytes', () => {
  async function* pieces(text: string, size: number): AsyncGenerator<Uint8Array> {
    await Promise.resolve();
    const bytes = Buffer.from(text);
    // As from a stream, which uses its memory again.
    const piece = Buffer.alloc(size);
    for (let at = 0; at < bytes.length; at += size)
      yield piece.subarray(0, bytes.copy(piece, 0, at, at + size));
  }

  it('are the same whatever pieces they come in, with any end of a line', async () => {
    const text = 'eins\n\nzwei\r\ndrei ü\n\r\nlast';
    for (const size of [1, 2, 3, 5, 100]) {
      const found: [number, string][] = [];
      for await (const page of byteLines(pieces(text, size)))
        found.push(...page.map(({ number, bytes }): [number, string] => [number, bytes.toString()]));
      assert.deepEqual(found, [
        [1, 'eins'],
        [3, 'zwei'],
        [4, 'drei ü'],
        [6, 'last'],
      ]);
    }
  });

  it('cannot fill the memory', () => {
    const many = Buffer.from(
      `{"table": "t", "kind": "onlyInFirst", "first": {"a": {"array": [${'1,'.repeat(11e6)}1]}}}`,
    );
    assert.throws(() => parseRowLineBytes(many, 7), /Line 7 is not a row .* more than 10000000 values/);
    const deep = Buffer.from(
      `{"table": "t", "kind": "onlyInFirst", "first": {"a": ${'{"array":['.repeat(1e5)}`,
    );
    assert.throws(() => parseRowLineBytes(deep, 1), /nested more than 64 levels/);
    const short = Buffer.from(`{"table": "t", "kind": "onlyInFirst", "first": {"a": ${'['.repeat(3e4)}`);
    assert.throws(() => parseRowLineBytes(short, 1), /Line 1 is not a row of a comparison/);
  });

  it('are refused where they are not UTF-8', () => {
    assert.throws(() => parseRowLineBytes(Buffer.from([0x7b, 0xff, 0x7d]), 2), /Line 2 .* not valid UTF-8/);
  });
});
