import assert from 'node:assert/strict';
import { open, readdir, writeFile } from 'node:fs/promises';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Archive } from '../../src/archive/archiveReader.ts';
import { compressBy } from '../../src/archive/compression.ts';
import { takeBackup } from '../../src/backup/takeBackup.ts';
import { type Logger, silentLogger } from '../../src/core/logger.ts';
import type { Compression, Manifest } from '../../src/core/manifest.ts';
import { chunkBytes } from '../../src/core/payload.ts';
import type { ReportProgress } from '../../src/core/progress.ts';
import type { Session } from '../../src/engines/engine.ts';
import { EarlyChunks } from '../../src/engines/sqlite/earlyChunks.ts';
import { TemporaryFolder } from '../../src/engines/sqlite/temporaryFolder.ts';
import { failure } from '../support/errors.ts';
import { canMount, mountSmallDisk } from '../support/smallDisk.ts';
import { connectSqlite, holdSqlite, runSqlite, useSystemTemporaryFolder } from '../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';

const megabyte = 1024 * 1024;

/** Rows of a kilobyte each, of which every other one can be compressed. */
const rows = (count: number): string =>
  `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
   SELECT i, CASE i % 2 WHEN 0 THEN randomblob(1000) ELSE CAST(zeroblob(900) AS TEXT) || hex(randomblob(50)) END FROM n`;

/** Of a database with a write-ahead log the copy is SQLite's. */
const byCopy = 'PRAGMA journal_mode = WAL;';

function tables(count: number, of: number): string {
  const each = Array.from(
    { length: count },
    (_, table) => `CREATE TABLE t${table} (id INTEGER PRIMARY KEY, a);
      CREATE INDEX i${table} ON t${table} (substr(a, 1, 40)); INSERT INTO t${table} ${rows(of)};`,
  );
  return `BEGIN; ${each.join('\n')} COMMIT; ${byCopy}`;
}

/** Each of about 60 MB. */
const shapes: Readonly<Record<string, string>> = {
  'a few tables with indexes': tables(3, 20_000),
  'many tables': tables(300, 200),
  'pages of 512 bytes': `PRAGMA page_size = 512; ${tables(3, 15_000)}`,
  'pages of 64 KB': `PRAGMA page_size = 65536; ${tables(3, 20_000)}`,
  auto_vacuum: `PRAGMA auto_vacuum = FULL; ${tables(3, 20_000)}`,
  'free pages, and rows in no order': `${tables(4, 20_000)} DROP TABLE t1; DELETE FROM t2 WHERE id % 3 = 0;
     UPDATE t0 SET id = -id WHERE id % 5 = 0`,
  'a table without rowids': `CREATE TABLE k (id, a, PRIMARY KEY (a, id)) WITHOUT ROWID; INSERT INTO k ${rows(60_000)}; ${byCopy}
     CREATE VIEW v AS SELECT * FROM k; CREATE TRIGGER g AFTER INSERT ON k BEGIN SELECT 1; END`,
};

/** Whether SQLite has written a part of the copy, and so has chosen the state that it is of. */
function copyBegun(): boolean {
  const files = readdirSync(tmpdir(), { recursive: true, encoding: 'utf8' });
  const copy = files.find((file) => file.endsWith('database.sqlite'));
  return copy !== undefined && statSync(join(tmpdir(), copy)).size > 0;
}

/** What a debug log says of it. */
class Log {
  readonly lines: string[] = [];
  readonly logger: Logger = { ...silentLogger, debug: (line) => this.lines.push(line) };

  /** How many chunks came from before the copy was finished. */
  get used(): number {
    const line = this.lines.find((candidate) => candidate.includes('of them were used'));
    return Number(/(\d+) of them/.exec(line ?? '')?.[1] ?? 0);
  }
}

describe('SQLite: chunks that are compressed while SQLite copies the database', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();
  let source: string;
  beforeEach(() => {
    source = folder.file('source.db');
  });

  interface BackUpOptions {
    readonly early?: boolean;
    readonly compression?: Compression;
    readonly report?: ReportProgress;
    readonly signal?: AbortSignal;
    readonly logger?: Logger;
  }

  let backups = 0;
  async function backUp({ early = true, ...options }: BackUpOptions): Promise<Manifest> {
    const file = folder.file(`${++backups}.dbbackup`);
    const session = await connectSqlite(source, { readOnly: true });
    const later: Pick<Session, 'info' | 'target' | 'openSnapshot'> = {
      info: session.info,
      target: session.target,
      openSnapshot: ({ compress: _, ...rest }) => session.openSnapshot(rest),
    };
    try {
      await takeBackup(early ? session : (later as Session), { logger: silentLogger, ...options, file });
    } finally {
      await session.close();
    }
    const archive = await Archive.open(file);
    try {
      await archive.check({});
      return archive.manifest;
    } finally {
      await archive.close();
    }
  }

  for (const [name, sql] of Object.entries(shapes)) {
    it(`make the same backup: ${name}`, async () => {
      runSqlite(source, sql);
      const later = await backUp({ early: false });
      // SQLite may be done with such a small copy before a chunk of it was looked at.
      for (let attempt = 1, used = 0; used === 0; attempt += 1) {
        const log = new Log();
        const early = await backUp({ logger: log.logger });
        assert.deepEqual(early.payloads, later.payloads);
        assert.deepEqual(early.tables, later.tables);
        used = log.used;
        assert.ok(used > 0 || attempt < 5, `none was used: ${log.lines.join('; ')}`);
      }
    });
  }

  it('make the same backup with each compression', async () => {
    runSqlite(source, tables(3, 40_000));
    for (const compression of ['gzip', 'none'] as const) {
      const log = new Log();
      const early = await backUp({ compression, logger: log.logger });
      assert.deepEqual(early.payloads, (await backUp({ compression, early: false })).payloads);
      assert.equal(log.used > 0, compression === 'gzip');
    }
  });

  it('are none of a small database', async () => {
    runSqlite(source, tables(1, 5_000));
    const log = new Log();
    await backUp({ logger: log.logger });
    assert.doesNotMatch(log.lines.join('\n'), /[Cc]hunks/);
  });

  it('leave nothing behind after a cancel', async () => {
    runSqlite(source, tables(3, 20_000));
    for (const phase of ['snapshot', 'read', 'publish'] as const) {
      const abort = new AbortController();
      const report: ReportProgress = (event) => {
        // The copy is to have grown until then.
        if (event.phase === phase) setTimeout(() => abort.abort(), phase === 'snapshot' ? 50 : 0);
      };
      if (phase === 'publish') await backUp({ signal: abort.signal, report });
      else await failure(backUp({ signal: abort.signal, report }), 'cancelled');
      assert.deepEqual(await readdir(tmpdir()), []);
    }
  });

  it('are of one state while others write', async () => {
    runSqlite(source, tables(3, 20_000));
    const writer = await holdSqlite(source, 'SELECT 1');
    let writing: Promise<unknown> | undefined;
    const write = async (): Promise<void> => {
      // Until something was copied the state is not chosen yet.
      while (!copyBegun()) await delay(1);
      await (await holdSqlite(source, 'DELETE FROM t0; UPDATE t1 SET a = 1')).end();
    };
    const report: ReportProgress = ({ phase }) => {
      if (phase === 'snapshot') writing ??= write();
    };
    const { tables: taken } = await backUp({ report });
    assert.ok(writing);
    await writing;
    await writer.end();
    assert.deepEqual(
      taken.map((table) => table.rows),
      [20_000, 20_000, 20_000],
    );
  });

  if (canMount) {
    it('give way where there is no room for both', async () => {
      runSqlite(
        source,
        `CREATE TABLE t (a); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
        INSERT INTO t SELECT randomblob(1000) FROM n; ${byCopy}`,
      );
      const disk = mountSmallDisk(400 * 1024);
      const before = process.env['TMPDIR'];
      process.env['TMPDIR'] = disk.path;
      try {
        const log = new Log();
        let filled = false;
        const report: ReportProgress = ({ totalBytes = 0 }) => {
          if (filled || totalBytes === 0) return;
          filled = true;
          // What is left is enough for the copy.
          writeFileSync(join(disk.path, 'other'), Buffer.alloc(399 * megabyte - totalBytes));
        };
        await backUp({ report, logger: log.logger });
        assert.match(log.lines.join('\n'), /copied again, and compressed later|No more chunks/);
        assert.deepEqual(await readdir(disk.path), ['other']);
        // There is none to begin with.
        const second = new Log();
        await backUp({ logger: second.logger });
        assert.match(second.lines.join('\n'), /There is no room/);
      } finally {
        process.env['TMPDIR'] = before;
        disk.remove();
      }
    });
  }

  describe('of a file that grows', () => {
    const compress = compressBy('zstd')!;
    const content = randomBytes(40 * megabyte);
    const log = new Log();
    let temporary: TemporaryFolder;
    let copyFile: string;
    beforeEach(async () => {
      temporary = await TemporaryFolder.create(silentLogger);
      copyFile = await temporary.createFile('database.sqlite');
      log.lines.length = 0;
    });
    afterEach(() => temporary.remove(silentLogger));

    async function begin(compressChunk = compress): Promise<EarlyChunks> {
      const chunks = await EarlyChunks.begin(temporary, copyFile, content.length, {
        compress: compressChunk,
        logger: log.logger,
      });
      assert.ok(chunks);
      await writeFile(copyFile, content);
      return chunks;
    }

    const chunkAt = (index: number, of: Buffer = content): Buffer =>
      of.subarray(index * chunkBytes, (index + 1) * chunkBytes);
    const find = (chunks: EarlyChunks, index: number, of = content): Promise<Uint8Array | undefined> =>
      chunks.find(index * chunkBytes, chunkAt(index, of));

    /** Waits until the first that can be taken is. */
    async function firstTaken(chunks: EarlyChunks): Promise<void> {
      for (let tries = 0; !(await find(chunks, 1)) || !(await find(chunks, 2)); tries++) {
        assert.ok(tries < 1000, 'they are never taken');
        await delay(5);
      }
    }

    it('are what the compression makes of them; the first and the last are never taken', async () => {
      const chunks = await begin();
      await firstTaken(chunks);
      chunks.stop();
      assert.deepEqual(Buffer.from((await find(chunks, 2))!), Buffer.from(await compress(chunkAt(2))));
      for (const index of [0, 6, 7, 8, 9]) assert.equal(await find(chunks, index), undefined);
      await chunks.close();
    });

    it('are not used when the file changed after that, or has others in their place', async () => {
      const chunks = await begin();
      await firstTaken(chunks);
      chunks.stop();
      for (const at of [0, 1, chunkBytes / 2, chunkBytes - 1]) {
        const changed = Buffer.from(content);
        changed[chunkBytes + at]! ^= 1;
        assert.equal(await find(chunks, 1, changed), undefined);
        assert.ok(await find(chunks, 2, changed));
      }
      assert.equal(await chunks.find(chunkBytes, chunkAt(2)), undefined);
      assert.equal(await chunks.find(chunkBytes, chunkAt(1).subarray(0, -1)), undefined);
      await chunks.close();
    });

    it('are not used when the file that keeps them is damaged or cut', async () => {
      const chunks = await begin();
      await firstTaken(chunks);
      chunks.stop();
      const spool = await open(join(temporary.path, 'chunks'), 'r+');
      await spool.write(Buffer.from([1, 2, 3]), 0, 3, 1000);
      await spool.truncate((await spool.stat()).size - 1);
      await spool.close();
      const found = await Promise.all([1, 2, 3, 4, 5].map((index) => find(chunks, index)));
      assert.equal(found.filter((bytes) => bytes === undefined).length >= 2, true);
      for (const [index, bytes] of found.entries()) {
        if (bytes) assert.deepEqual(Buffer.from(bytes), Buffer.from(await compress(chunkAt(index + 1))));
      }
      await chunks.close();
    });

    it('are given up when one fails, and nothing is thrown', async () => {
      let calls = 0;
      const chunks = await begin((bytes) =>
        ++calls > 1 ? Promise.reject(new Error('full')) : compress(bytes),
      );
      while (!log.lines.some((line) => line.includes('No more chunks'))) await delay(5);
      for (let index = 0; index < 10; index++) assert.equal(await find(chunks, index), undefined);
      await chunks.close();
      assert.match(log.lines.join('\n'), /: full/);
    });
  });
});
