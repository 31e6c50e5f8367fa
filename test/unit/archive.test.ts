import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import * as yauzl from 'yauzl';
import { Archive } from '../../src/archive/archiveReader.ts';
import { writeArchive } from '../../src/archive/writeArchive.ts';
import { directory, endOf, localHeader, type ZipEntry } from '../../src/archive/zip.ts';
import { RestorePointError } from '../../src/core/errors.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { Compression, Manifest } from '../../src/core/manifest.ts';
import type { PayloadSink } from '../../src/core/payload.ts';
import type { FindManifestRules, ManifestRules } from '../../src/core/manifestRules.ts';
import { freeBytes } from '../../src/core/memory.ts';
import { engineById } from '../../src/engines/registry.ts';
import { failure } from '../support/errors.ts';
import { manifestOf, plainTable } from '../support/manifests.ts';
import { randomSource } from '../support/randomSource.ts';
import { itInAll, sampleOf } from '../support/sample.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';

const openZip = promisify<string, yauzl.Options, yauzl.ZipFile>(yauzl.open);

/** Two tables: one of three chunks, one that is empty. */
async function writeSample(file: string, compression: Compression = 'zstd'): Promise<Buffer[]> {
  const chunks = ['1\tone\n2\ttwo\n', '3\tthree\n'.repeat(50), '4\t\\N\n'].map((text) => Buffer.from(text));
  const objects = [
    { kind: 'table', name: 'public.orders', section: 'pre-data' as const, sql: 'CREATE TABLE orders ()' },
  ];
  await write(
    file,
    async (sink) => {
      const first = sink.open('public.orders', 'copy');
      const second = sink.open('public.empty', 'copy');
      for (const chunk of chunks) await first.writeChunk(chunk, chunk.toString().split('\n').length - 1);
      const payloads = [await first.finish(), await second.finish()];
      return manifestOf([plainTable('orders'), plainTable('empty')], payloads, { compression, objects });
    },
    compression,
  );
  return chunks;
}

async function write(
  file: string,
  fill: (sink: PayloadSink) => Promise<Manifest>,
  compression: Compression = 'zstd',
): Promise<void> {
  await writeArchive(file, { compression, logger: silentLogger }, fill);
}

/** Fails after `fill`, so that no backup is written. */
async function writeAndFail(file: string, fill: (sink: PayloadSink) => Promise<void>): Promise<void> {
  const failed = write(file, async (sink) => {
    await fill(sink);
    throw new Error('as planned');
  });
  await assert.rejects(failed, /^Error: as planned$/);
}

/** Opens and checks everything, as a restore does before it begins. */
async function checkAll(file: string): Promise<void> {
  const archive = await Archive.open(file, engineById);
  try {
    await archive.check({});
    for (const payload of archive.manifest.payloads) for await (const _ of archive.read(payload));
  } finally {
    await archive.close();
  }
}

async function assertRefused(file: string, what: string): Promise<RestorePointError> {
  try {
    await checkAll(file);
  } catch (error) {
    assert.ok(RestorePointError.is(error, 'damaged-backup'), `${what}: ${String(error)}`);
    return error;
  }
  throw new assert.AssertionError({ message: `${what} was not noticed` });
}

describe('archive', () => {
  const folder = useTemporaryFolder();

  for (const compression of ['zstd', 'gzip', 'none'] as const) {
    it(`gives back what was written, with ${compression}`, async () => {
      const file = folder.file('a.dbbackup');
      const chunks = await writeSample(file, compression);
      const archive = await Archive.open(file, engineById);
      const read: Buffer[] = [];
      for await (const chunk of archive.read(archive.manifest.payloads[0]!)) read.push(Buffer.from(chunk));
      assert.deepEqual(read, chunks);
      assert.deepEqual(
        archive.manifest.tables.map((table) => table.rows),
        [53, 0],
      );
      await archive.close();
      await checkAll(file);
    });

    it(`gives bytes that are the reader's own, with ${compression}`, async () => {
      const file = folder.file('a.dbbackup');
      const random = randomSource('own bytes');
      // Of the last one it gives pieces.
      const chunks = [70_000, 5_000_000, 35_000_000].map((size) => {
        const line = Buffer.from(random.bytes(1000));
        return Buffer.alloc(size, line);
      });
      const fill = async (sink: PayloadSink): Promise<Manifest> => {
        const payload = sink.open('large', 'copy');
        for (const chunk of chunks) await payload.writeChunk(chunk, 0);
        return manifestOf([], [await payload.finish()], { compression });
      };
      await write(file, fill, compression);
      const archive = await Archive.open(file, engineById);
      for (let round = 0; round < 2; round++) {
        const hash = createHash('sha256');
        for await (const bytes of archive.read(archive.manifest.payloads[0]!)) {
          hash.update(bytes);
          freeBytes(bytes);
        }
        assert.equal(hash.digest('hex'), createHash('sha256').update(Buffer.concat(chunks)).digest('hex'));
        await archive.check({});
      }
      await archive.close();
    });
  }

  it('is a ZIP file by the judgement of another reader', async () => {
    const file = folder.file('a.dbbackup');
    await writeSample(file, 'none');
    const zip = await openZip(file, { lazyEntries: true, strictFileNames: true, validateEntrySizes: true });
    const names: string[] = [];
    const texts = new Map<string, string>();
    await new Promise<void>((resolve, reject) => {
      zip.on('error', reject).on('end', resolve);
      zip.on('entry', (entry: yauzl.Entry) => {
        names.push(entry.fileName);
        zip.openReadStream(entry, (error, stream) => {
          if (error) return reject(error);
          const parts: Buffer[] = [];
          stream.on('data', (part: Buffer) => parts.push(part)).on('error', reject);
          stream.on('end', () => {
            texts.set(entry.fileName, Buffer.concat(parts).toString());
            zip.readEntry();
          });
        });
      });
      zip.readEntry();
    });
    assert.deepEqual(names, [
      'data/1-public.orders/1.copy',
      'data/1-public.orders/2.copy',
      'data/1-public.orders/3.copy',
      'schema.sql',
      'manifest.json',
    ]);
    assert.equal(texts.get('data/1-public.orders/1.copy'), '1\tone\n2\ttwo\n');
    assert.match(texts.get('schema.sql') ?? '', /CREATE TABLE orders \(\);/);
  });

  it('takes labels that are paths for nothing but labels', async () => {
    const file = folder.file('a.dbbackup');
    await writeAndFail(file, async (sink) => {
      for (const label of ['../../etc/passwd', '..', '', 'C:\\x', 'ü/\0/名', 'x'.repeat(500)]) {
        const payload = sink.open(label, 'copy');
        await payload.writeChunk(Buffer.from('1\n'), 1);
        const { chunks } = await payload.finish();
        assert.match(chunks[0]!.entry, /^data\/\d+-[A-Za-z0-9_-][A-Za-z0-9_.-]{0,59}\/1\.copy\.zst$/);
      }
    });
  });

  it('refuses every flipped byte, with the place', async () => {
    const file = folder.file('a.dbbackup');
    await writeSample(file);
    const sound = await readFile(file);
    for (const at of sampleOf(sound.length, 25)) {
      const bytes = Buffer.from(sound);
      bytes[at]! ^= 1 << (at % 8);
      await writeFile(file, bytes);
      const error = await assertRefused(file, `a flip of byte ${at}`);
      assert.equal(error.details.place?.file, file);
    }
  });

  it('refuses every cut, and bytes before or after', async () => {
    const file = folder.file('a.dbbackup');
    await writeSample(file);
    const sound = await readFile(file);
    for (const length of sampleOf(sound.length, 25)) {
      await writeFile(file, sound.subarray(0, length));
      await assertRefused(file, `a cut after ${length} bytes`);
    }
    await writeFile(file, Buffer.concat([sound, Buffer.from([0])]));
    await assertRefused(file, 'a byte after the end');
    await writeFile(file, Buffer.concat([Buffer.from([0]), sound]));
    await assertRefused(file, 'a byte before the beginning');
  });

  it('refuses random bytes written over or put in', async () => {
    const random = randomSource('random damage');
    const file = folder.file('a.dbbackup');
    await writeSample(file);
    const sound = await readFile(file);
    for (let round = 0; round < 300; round++) {
      const at = random.below(sound.length);
      const piece = random.bytes(1 + random.below(40));
      const skipped = random.below(2) * piece.length;
      const bytes = Buffer.concat([sound.subarray(0, at), piece, sound.subarray(at + skipped)]);
      if (bytes.equals(sound)) continue;
      await writeFile(file, bytes);
      await assertRefused(file, `${piece.length} bytes at ${at}, seed ${random.seed}`);
    }
  });

  it('refuses a version that it does not know, and says which', async () => {
    const file = folder.file('a.dbbackup');
    await write(file, () => Promise.resolve({ ...manifestOf([], []), formatVersion: 2 as 1 }));
    const error = await assertRefused(file, 'version 2');
    assert.match(error.message, /format version 2/);
  });

  it('refuses a kind of database that it does not know, and says which', async () => {
    const file = folder.file('a.dbbackup');
    const source = { engine: 'duck', serverVersion: 'Duck 3', database: 'pond' };
    // What its manifest says more does not matter then.
    const manifest = { ...manifestOf([], []), source, feathers: true };
    await write(file, () => Promise.resolve(manifest));
    const error = await assertRefused(file, 'engine');
    assert.match(
      error.message,
      /^The backup was taken from a database of the kind "duck", which this version/,
    );
    assert.equal(error.details.place?.file, file);
    assert.match(error.details.next ?? '', /Update Restore Point/);
  });

  it('takes the rules for names from the engine that the backup is of', async () => {
    const file = folder.file('a.dbbackup');
    const source = { engine: 'duck', serverVersion: 'Duck 3', database: 'pond' };
    await write(file, () => Promise.resolve({ ...manifestOf([], []), source }));
    const duck = (problem?: string): FindManifestRules => {
      const manifestRules: ManifestRules = {
        foldName: (name) => name,
        wrongTableName: () => undefined,
        wrongColumnName: () => undefined,
        payloadPerTable: true,
        wrongManifest: () => problem,
      };
      return () => ({ manifestRules });
    };
    const archive = await Archive.open(file, duck());
    await archive.close();
    assert.equal(archive.manifest.source.engine, 'duck');
    await assert.rejects(Archive.open(file, duck('it quacks')), /The backup is damaged: it quacks/);
  });

  itInAll('holds more entries than 16 bits can count', async () => {
    const file = folder.file('a.dbbackup');
    const fill = async (sink: PayloadSink): Promise<Manifest> => {
      const payload = sink.open('t', 'copy');
      for (let row = 0; row < 66_000; row++) await payload.writeChunk(Buffer.from(`${row}\n`), 1);
      return manifestOf([plainTable('t')], [await payload.finish()], { compression: 'none' });
    };
    await write(file, fill, 'none');
    await checkAll(file);
    const zip = await openZip(file, { lazyEntries: true });
    assert.equal(zip.entryCount, 66_002);
    zip.close();
  });

  it('finds entries past 4 GiB', async () => {
    const file = folder.file('far.zip');
    const entries: ZipEntry[] = [];
    const handle = await open(file, 'w');
    let offset = 0;
    for (const name of ['a', 'b', 'c']) {
      const entry = { name, offset, size: 3_000_000_000, crc32: 0 };
      await handle.write(localHeader(entry), 0, undefined, offset);
      entries.push(entry);
      offset = endOf(entry);
    }
    await handle.write(directory(entries, offset), 0, undefined, offset);
    await handle.close();
    const zip = await openZip(file, { lazyEntries: true });
    const seen = await new Promise<[string, number][]>((resolve, reject) => {
      const list: [string, number][] = [];
      zip.on('entry', (entry: yauzl.Entry) => {
        list.push([entry.fileName, entry.relativeOffsetOfLocalHeader]);
        zip.readEntry();
      });
      zip.on('end', () => resolve(list)).on('error', reject);
      zip.readEntry();
    });
    assert.deepEqual(
      seen,
      entries.map((entry) => [entry.name, entry.offset]),
    );
  });

  it('publishes last: nothing is there under the final name before, and nothing at all after giving up', async () => {
    await writeAndFail(folder.file('sub/a.dbbackup'), async (sink) => {
      await sink.open('t', 'copy').writeChunk(Buffer.from('1\n'), 1);
      const names = await readdir(folder.file('sub'));
      assert.equal(names.length, 1);
      assert.match(names[0]!, new RegExp(`^\\.a\\.${process.pid}-[0-9a-f]{12}\\.dbbackup-part$`));
    });
    assert.deepEqual(await readdir(folder.file('sub')), []);
  });

  it('hides no error when what was written cannot be removed: that is logged', async () => {
    const errors: string[] = [];
    const logger = { ...silentLogger, error: (message: string) => errors.push(message) };
    let unfinished = '';
    const failed = writeArchive(folder.file('a.dbbackup'), { compression: 'zstd', logger }, async () => {
      const [name] = await readdir(folder.path);
      unfinished = folder.file(name!);
      // A folder in its place is not removed.
      await rm(unfinished);
      await mkdir(unfinished);
      throw new Error('as planned');
    });
    await assert.rejects(failed, /^Error: as planned$/);
    assert.deepEqual(errors, [`An unfinished file could not be removed: ${unfinished}`]);
  });

  it('never writes what could not be read again: more values than a reader takes', async () => {
    const names = new Array<string>(10_000_001).fill('t');
    const many = { ...manifestOf([], []), leftOut: [{ kind: 'table', names, reason: '' }] };
    const error = await failure(
      write(folder.file('many.dbbackup'), () => Promise.resolve(many)),
      'refused',
    );
    assert.match(error.message, /too many tables and columns/);
    assert.deepEqual(await readdir(folder.path), []);
  });

  it('takes no chunk for a payload that is finished, and no end before all payloads are', async () => {
    const file = folder.file('a.dbbackup');
    const late = write(file, async (sink) => {
      const payload = sink.open('t', 'copy');
      const finished = await payload.finish();
      await payload.writeChunk(Buffer.from('1\n'), 1);
      return manifestOf([plainTable('t')], [finished]);
    });
    await assert.rejects(late, /data\/1-t is finished/);
    const early = write(file, async (sink) => {
      await sink.open('t', 'copy').writeChunk(Buffer.from('1\n'), 1);
      return manifestOf([], []);
    });
    await assert.rejects(early, /1 payloads are not finished/);
    assert.deepEqual(await readdir(folder.path), []);
  });

  it('never overwrites a file', async () => {
    const file = folder.file('a.dbbackup');
    await writeFile(file, 'mine');
    await failure(
      write(file, () => Promise.resolve(manifestOf([], []))),
      'file',
    );
    assert.equal(await readFile(file, 'utf8'), 'mine');
    assert.deepEqual(await readdir(folder.path), ['a.dbbackup']);
  });

  it('lets only its owner read it', async function () {
    if (process.platform === 'win32') return;
    const file = folder.file('a.dbbackup');
    await writeSample(file);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  });
});
