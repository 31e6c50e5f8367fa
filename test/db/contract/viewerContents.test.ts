import assert from 'node:assert/strict';
import { copyFile, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { writeArchive } from '../../../src/archive/writeArchive.ts';
import { takeBackup } from '../../../src/backup/takeBackup.ts';
import { RestorePointError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { BackupContents } from '../../../src/ui/viewer/backupContents.ts';
import { manifestOf, plainTable } from '../../support/manifests.ts';
import { openFiles, tellsOpenFiles } from '../../support/openFiles.ts';
import { failure } from '../../support/restores.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { integer, text } from '../../support/typedRows.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

/** How many rows the table `many` has: several pages. */
const many = 250;

function fill(engine: TestDatabase['engine']['id']): string {
  const numbers =
    engine === 'sqlite'
      ? `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${many}) SELECT i FROM n`
      : `SELECT generate_series(1, ${many})`;
  return `
    CREATE TABLE many (id integer primary key);
    INSERT INTO many ${numbers};
    CREATE TABLE "a.b ""<i>" (id integer primary key, "__proto__" text, "c d" text);
    INSERT INTO "a.b ""<i>" VALUES (1, 'NULL', NULL), (2, '', '<script>alert(1)</script>');`;
}

for (const testEngine of testEngines) {
  describe(`contents of a backup, ${testEngine.id}`, () => {
    const folder = useTemporaryFolder();
    let database: TestDatabase;
    let file: string;
    let contents: BackupContents | undefined;

    before(async () => {
      database = await testEngine.create();
      await database.run(fill(testEngine.id));
    });
    after(() => database.remove());
    beforeEach(async () => {
      file = folder.file('shop.dbbackup');
      await backUp(file);
    });
    afterEach(() => contents?.close());

    async function backUp(to: string): Promise<void> {
      const session = await database.connect({ readOnly: true });
      try {
        await takeBackup(session, { file: to, logger: silentLogger });
      } finally {
        await session.close();
      }
    }

    async function open(): Promise<BackupContents> {
      contents = await BackupContents.open(file, engineById, silentLogger);
      return contents;
    }

    function indexOf(opened: BackupContents, name: string): number {
      return opened.manifest.tables.findIndex(({ table }) => table.name.name === name);
    }

    it('reads pages of rows, whatever the names', async () => {
      const opened = await open();
      const table = indexOf(opened, 'many');
      const first = await opened.readRows(table, { after: 0, limit: 100 });
      assert.deepEqual(first.columns, ['id']);
      assert.deepEqual(
        [first.rows.length, first.rows[0], first.rows[99]],
        [100, [integer('1')], [integer('100')]],
      );
      const last = await opened.readRows(table, { after: 200, limit: 100 });
      assert.deepEqual([last.rows.length, last.rows[49]], [50, [integer(String(many))]]);
      assert.deepEqual((await opened.readRows(table, { after: 300, limit: 100 })).rows, []);
      assert.deepEqual(await opened.readRows(indexOf(opened, 'a.b "<i>'), { after: 0, limit: 100 }), {
        columns: ['id', '__proto__', 'c d'],
        rows: [
          [integer('1'), text('NULL'), null],
          [integer('2'), text(''), text('<script>alert(1)</script>')],
        ],
      });
    });

    it('leaves nothing behind when it is closed', async () => {
      const { TMPDIR } = process.env;
      process.env.TMPDIR = folder.path;
      try {
        const opened = await open();
        await opened.readRows(0, { after: 0, limit: 1 });
        await opened.close();
      } finally {
        if (TMPDIR === undefined) delete process.env.TMPDIR;
        else process.env.TMPDIR = TMPDIR;
      }
      assert.deepEqual(await readdir(folder.path), ['shop.dbbackup']);
    });

    if (tellsOpenFiles) {
      it('has the file open only from the first page until it is closed', async () => {
        const opened = await open();
        assert.equal(openFiles(file).length, 0);
        await opened.readRows(0, { after: 0, limit: 1 });
        assert.equal(openFiles(file).length, 1);
        await opened.close();
        assert.equal(openFiles(file).length, 0);
        assert.equal((await failure(opened.readRows(0, { after: 0, limit: 1 }))).code, 'cancelled');
      });
    }

    it('closes behind pages that are on their way, and gives up those that wait', async () => {
      const opened = await open();
      const pages = [0, 1, 2].map((page) =>
        opened.readRows(indexOf(opened, 'many'), { after: page * 100, limit: 100 }),
      );
      const ends = Promise.allSettled(pages);
      await opened.close();
      for (const end of await ends) {
        if (end.status === 'rejected') assert.ok(RestorePointError.is(end.reason, 'cancelled'));
      }
      assert.equal((await ends)[2]?.status, 'rejected');
    });

    it('does not read a page that nobody waits for any more', async () => {
      const opened = await open();
      const waits = new AbortController();
      const table = indexOf(opened, 'many');
      const first = opened.readRows(table, { after: 0, limit: 100 });
      const second = failure(opened.readRows(table, { after: 100, limit: 100 }, waits.signal));
      const third = opened.readRows(table, { after: 200, limit: 100 });
      waits.abort();
      assert.equal((await second).code, 'cancelled');
      assert.equal((await first).rows.length, 100);
      assert.equal((await third).rows.length, 50);
    });

    it('reads again after a failure, once the file is whole', async () => {
      const opened = await open();
      const hidden = folder.file('hidden');
      await rename(file, hidden);
      const error = await failure(opened.readRows(0, { after: 0, limit: 10 }));
      assert.equal(error.code, 'file');
      await rename(hidden, file);
      assert.ok((await opened.readRows(0, { after: 0, limit: 10 })).rows.length > 0);
    });

    it('tells that it is another file than was opened', async () => {
      const opened = await open();
      const other = folder.file('other.dbbackup');
      await backUp(other);
      await rm(file);
      await copyFile(other, file);
      const error = await failure(opened.readRows(0, { after: 0, limit: 10 }));
      assert.deepEqual([error.code, error.message], ['file', 'The file has changed since it was opened']);
    });

    it('names the damaged part of a backup', async () => {
      const { manifest } = await open();
      const bytes = await readFile(file);
      const entry = manifest.payloads[0]?.chunks[0]?.entry ?? '';
      const at = bytes.indexOf(entry) + entry.length + 4;
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      await writeFile(file, bytes);
      const opened = await open();
      const table = manifest.tables.findIndex(({ payload }) => payload === manifest.payloads[0]?.name);
      const error = await failure(opened.readRows(table, { after: 0, limit: 10 }));
      assert.deepEqual([error.code, error.details.place?.entry], ['damaged-backup', entry]);
    });
  });
}

describe('contents of a backup that says too much', () => {
  const folder = useTemporaryFolder();

  it('tells that rows are missing, instead of an empty page', async () => {
    const file = folder.file('lies.dbbackup');
    const { manifest } = await writeArchive(
      file,
      { compression: 'none', logger: silentLogger },
      async (sink) => {
        const writer = sink.open('orders', 'copy');
        await writer.writeChunk(Buffer.from('1\tone\n'), 5);
        return manifestOf([plainTable('orders')], [await writer.finish()], { compression: 'none' });
      },
    );
    const contents = await BackupContents.open(file, engineById, silentLogger);
    try {
      assert.deepEqual((await contents.readRows(0, { after: 0, limit: 1 })).rows, [
        [integer('1'), text('one')],
      ]);
      const error = await failure(contents.readRows(0, { after: 1, limit: 100 }));
      assert.deepEqual(
        [error.code, error.details.place?.entry],
        ['damaged-backup', manifest.payloads[0]?.name],
      );
      assert.deepEqual((await contents.readRows(0, { after: 5, limit: 100 })).rows, []);
    } finally {
      await contents.close();
    }
  });
});
