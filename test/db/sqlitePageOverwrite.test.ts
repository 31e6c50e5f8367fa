import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { headerBytes } from '../../src/engines/sqlite/fileFormat/databaseHeader.ts';
import { PageOverwrite } from '../../src/engines/sqlite/pageOverwrite.ts';
import { replacementOf } from '../../src/engines/sqlite/payloadPages.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';

const pageSize = 65_536;
/** The page with the bytes that SQLite locks, which begin at 1 GiB. */
const locked = 16_385;
const pageCount = locked + 2;

describe('SQLite: pages over others, in a file of more than 1 GiB', () => {
  const folder = useTemporaryFolder();
  const files: FileHandle[] = [];
  afterEach(async () => {
    for (const file of files.splice(0)) await file.close();
  });

  /** A file of empty pages, but for some that are full of one letter. */
  async function create(
    name: string,
    letters: Readonly<Record<number, string>>,
    pages = pageCount,
  ): Promise<FileHandle> {
    const file = await open(folder.file(name), 'w+');
    files.push(file);
    await file.truncate(pages * pageSize);
    for (const [page, letter] of Object.entries(letters))
      await file.write(Buffer.alloc(pageSize, letter), 0, pageSize, (Number(page) - 1) * pageSize);
    return file;
  }

  async function letter(file: FileHandle, page: number): Promise<string> {
    const bytes = Buffer.alloc(1);
    await file.read(bytes, 0, 1, (page - 1) * pageSize + 200);
    return bytes[0] === 0 ? '' : bytes.toString();
  }

  const journalFile = (): string => `${folder.file('a.db')}-journal`;

  async function begin(database: FileHandle, replacement: FileHandle): Promise<PageOverwrite | undefined> {
    const journaled = { path: folder.file('a.db'), pageSize, pageCount, stats: await database.stat() };
    const header = Buffer.alloc(headerBytes);
    const files = { database, replacement: await replacementOf(replacement) };
    return PageOverwrite.begin(files, journaled, { old: header, replacement: header });
  }

  it('leaves the page alone that is never written, and keeps those beside it', async () => {
    const database = await create('a.db', { [locked - 1]: 'a', [locked + 1]: 'b' });
    const replacement = await create('b.db', { [locked - 1]: 'c', [locked + 1]: 'd', [locked + 2]: 'e' });
    const overwrite = await begin(database, replacement);
    assert.ok(overwrite);
    assert.equal(readFileSync(journalFile())[0], 0, 'it is a journal too early');
    await overwrite.seal();
    const journal = readFileSync(journalFile());
    assert.equal(journal.subarray(0, 8).toString('hex'), 'd9d505f920a163d7');
    const header = [8, 16, 20, 24].map((at) => journal.readUInt32BE(at));
    assert.deepEqual(header, [4, pageCount, 512, pageSize]);
    const places = [0, 1, 2, 3].map((record) => 512 + record * (pageSize + 8));
    const numbers = places.map((at) => journal.readUInt32BE(at));
    assert.deepEqual(numbers, [1, locked - 1, locked + 1, locked + 2]);
    await overwrite.writeUpTo(1);
    const found: string[] = [];
    for (let page = locked - 1; page <= locked + 2; page += 1) found.push(await letter(database, page));
    assert.deepEqual(found, ['c', '', 'd', 'e']);
    await overwrite.sync();
    await overwrite.commit();
    assert.ok(!existsSync(journalFile()));
  });

  it('does not begin where that page differs, and leaves nothing', async () => {
    const database = await create('a.db', { [locked]: 'x' });
    const replacement = await create('b.db', {});
    assert.equal(await begin(database, replacement), undefined);
    assert.ok(!existsSync(journalFile()));
  });

  it('cuts that page off with others', async () => {
    const database = await create('a.db', { [locked]: 'x', [locked + 1]: 'y' });
    const replacement = await create('b.db', {}, 4);
    const overwrite = await begin(database, replacement);
    assert.ok(overwrite);
    await overwrite.seal();
    await overwrite.writeUpTo(1);
    assert.equal((await database.stat()).size, 4 * pageSize);
    await overwrite.commit();
  });
});
