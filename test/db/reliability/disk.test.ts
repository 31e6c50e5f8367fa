import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import * as path from 'node:path';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { listBackups, newBackupFile, newBackupPath } from '../../../src/backup/backupFiles.ts';
import { takeBackup } from '../../../src/backup/takeBackup.ts';
import { describeError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { failure } from '../../support/errors.ts';
import { backUp, restore } from '../../support/postgresRestores.ts';
import { sampleParts } from '../../support/sample.ts';
import { canMount, makeReadOnlyFolder, mountSmallDisk, type SmallDisk } from '../../support/smallDisk.ts';
import { useSystemTemporaryFolder } from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { type TestDatabase, testEngines } from '../../support/testDatabases.ts';
import { countTried } from '../../support/triedCounts.ts';

/** About 3 MB that cannot be made smaller; `n` makes other rows of the same size. */
const manyRows = {
  sqlite: (n: number) => `
    WITH RECURSIVE i (i) AS (SELECT ${n} UNION ALL SELECT i + 1 FROM i WHERE i < ${n} + 2999)
    INSERT INTO big SELECT i, randomblob(1000) FROM i`,
  postgres: (n: number) => `
    INSERT INTO big SELECT i, decode((SELECT string_agg(md5(i || ' ' || j), '') FROM generate_series(1, 63) j), 'hex')
      FROM generate_series(${n}, ${n} + 2999) i`,
};
const big = {
  sqlite: 'CREATE TABLE big (id INTEGER PRIMARY KEY, bytes BLOB)',
  postgres: 'CREATE TABLE big (id integer PRIMARY KEY, bytes bytea)',
};

let tried = 0;
let lost = 0;
after(() =>
  countTried('faults', 'full disk, read-only and vanished folders, changing files, at once', tried, lost),
);

for (const engine of testEngines) {
  describe(`${engine.id}: disks and folders that fail`, function () {
    sampleParts(this, 3);
    const folder = useTemporaryFolder();
    const disks: SmallDisk[] = [];
    let database: TestDatabase;

    beforeEach(async () => {
      database = await engine.create();
      await database.run(`${big[engine.id]}; ${manyRows[engine.id](1)}`);
      tried += 1;
    });
    afterEach(async function () {
      if (this.currentTest?.state === 'failed') lost += 1;
      await database.remove();
      for (const disk of disks.splice(0)) disk.remove();
    });

    if (engine.id === 'sqlite') useSystemTemporaryFolder();

    function useDisk(disk: SmallDisk): SmallDisk {
      disks.push(disk);
      return disk;
    }

    it('a folder for backups that may only be read: says so', async () => {
      const disk = useDisk(makeReadOnlyFolder());
      disk.makeReadOnly();
      const error = await failure(backUp(database, path.join(disk.path, 'x.dbbackup')), 'file');
      assert.match(describeError(error), /(read-only|permission denied).*No backup file was written\.$/);
    });

    it('a folder that vanishes while a backup goes into it: says so, and leaves nothing', async () => {
      const file = folder.file('backups/x.dbbackup');
      const report = ({ phase }: { phase: string }): void => {
        if (phase === 'publish') rmSync(path.dirname(file), { recursive: true });
      };
      const error = await failure(backUp(database, file, undefined, { report }), 'file');
      assert.match(describeError(error), /no such file or folder.*No backup file was written\.$/);
      assert.deepEqual(readdirSync(folder.path), []);
    });

    /** What another program does to a backup before its rows are read, whether they were checked before that or not. */
    async function spoilt(spoil: (file: string) => void, pattern: RegExp): Promise<void> {
      const file = folder.file('x.dbbackup');
      await backUp(database, file);
      const sound = readFileSync(file);
      await database.run('DELETE FROM big WHERE id % 2 = 0');
      const before = await database.dump();
      const confirm = (): Promise<boolean> => {
        spoil(file);
        return Promise.resolve(true);
      };
      for (const safety of [{}, { safetyFolder: folder.file('safety') }]) {
        writeFileSync(file, sound);
        const error = await failure(restore(file, database, { confirm, ...safety }), 'damaged-backup');
        assert.match(describeError(error), pattern);
        assert.match(describeError(error), /Nothing was changed\./);
        assert.equal(await database.dump(), before);
      }
    }

    it('a backup that changes while it is restored: nothing is changed', () =>
      spoilt((file) => {
        const handle = openSync(file, 'r+');
        writeSync(handle, 'spoilt', 5000);
        closeSync(handle);
      }, /checksum does not match/));

    it('a backup that is cut while it is restored: nothing is changed', () =>
      spoilt((file) => {
        const { size } = statSync(file);
        const handle = openSync(file, 'r+');
        spawnSync('truncate', ['--size', String(Math.floor(size / 2)), file]);
        closeSync(handle);
      }, /missing or was changed|header was changed|file is damaged/));

    it('a backup that is replaced by another while it is restored: the one that was checked is restored', async () => {
      const [file, other] = [folder.file('x.dbbackup'), folder.file('other.dbbackup')];
      await backUp(database, file);
      const wanted = await database.dump();
      await database.run('DELETE FROM big WHERE id % 2 = 0');
      await backUp(database, other);
      await restore(file, database, {
        confirm: async () => {
          await rm(file);
          copyFileSync(other, file);
          return true;
        },
      });
      assert.equal(await database.dump(), wanted);
    });

    it('two backups into one folder in one second: both are kept', async () => {
      const both = await Promise.all(
        [1, 2].map(async () => {
          const place = await newBackupFile(folder.path, 'shop');
          const session = await database.connect({ readOnly: true });
          try {
            return await takeBackup(session, { ...place, logger: silentLogger });
          } finally {
            await session.close();
          }
        }),
      );
      assert.equal(readdirSync(folder.path).length, 2);
      for (const { file } of both) {
        const archive = await Archive.open(file, engineById);
        await archive.check({});
        await archive.close();
      }
    });

    it('two backups of one name: the second says that the name is taken, and the first is whole', async () => {
      const file = folder.file('x.dbbackup');
      const outcomes = await Promise.allSettled([backUp(database, file), backUp(database, file)]);
      const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
      assert.equal(failed.length, 1);
      assert.match(describeError(failed[0]!.reason), /already exists.*No backup file was written/);
      const archive = await Archive.open(file, engineById);
      await archive.check({});
      await archive.close();
      assert.deepEqual(readdirSync(folder.path), ['x.dbbackup']);
    });

    it('a clock that was set back: takes another name, and lists by the time in the backups', async () => {
      const now = new Date(2026, 10, 22, 9, 30, 15);
      const first = await newBackupPath(folder.path, 'shop', { now });
      await backUp(database, first);
      const second = await newBackupPath(folder.path, 'shop', { now });
      assert.notEqual(second, first);
      await backUp(database, second);
      assert.equal((await listBackups(folder.path, engineById)).length, 2);
      // A lock or a leftover is not judged by a clock that runs behind: a fresh file of the future stays.
      await backUp(database, await newBackupPath(folder.path, 'shop', { now: new Date(2020, 0, 1) }));
      assert.equal((await listBackups(folder.path, engineById)).length, 3);
    });

    async function fillAndFail(pattern: RegExp, options: { safetyFolder?: string } = {}): Promise<void> {
      const file = folder.file('x.dbbackup');
      await backUp(database, file);
      await database.run('UPDATE big SET id = -id');
      const before = await database.dump();
      const error = await failure(restore(file, database, options), 'file');
      assert.match(describeError(error), pattern);
      assert.match(describeError(error), /Nothing was changed\./);
      assert.equal(await database.dump(), before);
    }

    if (canMount) {
      it('a full disk for backups: says so, and leaves nothing there', async () => {
        const disk = useDisk(mountSmallDisk(1024));
        const error = await failure(backUp(database, path.join(disk.path, 'x.dbbackup')), 'file');
        assert.match(describeError(error), /disk is full.*No backup file was written\.$/);
        assert.deepEqual(readdirSync(disk.path), []);
      });

      it('a full disk for safety backups: nothing is changed', async () => {
        const disk = useDisk(mountSmallDisk(1024));
        await fillAndFail(/The safety backup failed.*disk is full/, { safetyFolder: disk.path });
        assert.deepEqual(readdirSync(disk.path), []);
      });
    } else {
      it('a limit to the size of files: says so, and leaves nothing there', () => {
        const cli = path.join(import.meta.dirname, '../../../src/cli.ts');
        const command = `ulimit -f 512; exec "$0" "$1" backup "$2" --out "$3"`;
        const args = [process.execPath, cli, database.url, folder.file('x.dbbackup')];
        const run = spawnSync('sh', ['-c', command, ...args], { encoding: 'utf8' });
        assert.equal(run.status, 1, run.stderr);
        assert.match(run.stderr, /No backup file was written\./);
        assert.deepEqual(readdirSync(folder.path), []);
      });
    }

    if (canMount && engine.id === 'postgres') {
      it('a full disk of the server: says whose, and nothing is changed', async () => {
        const disk = useDisk(mountSmallDisk(3 * 1024));
        const place = path.join(disk.path, 'space');
        mkdirSync(place);
        const [uid, gid] = ['-u', '-g'].map((flag) =>
          Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout),
        );
        chownSync(place, uid!, gid!);
        const file = folder.file('x.dbbackup');
        await backUp(database, file);
        await database.run(`CREATE TABLESPACE small LOCATION '${place}'`);
        try {
          await database.run('DELETE FROM big WHERE id > 1000');
          // Otherwise autovacuum decides how much of the disk the deleted rows fill.
          await database.run('VACUUM FULL big');
          await database.run('ALTER TABLE big SET TABLESPACE small');
          const before = await database.dump();
          const error = await failure(restore(file, database), 'database');
          assert.match(
            describeError(error),
            /No space left on device.*Nothing was changed.*disk of the database server/,
          );
          assert.equal(await database.dump(), before);
        } finally {
          await database.run('DROP TABLE big');
          await database.run('DROP TABLESPACE small');
        }
      });
    }

    if (canMount && engine.id === 'sqlite') {
      it('a full temporary folder: says so, in a backup and in a restore', async () => {
        const disk = useDisk(mountSmallDisk(1024));
        const file = folder.file('x.dbbackup');
        await backUp(database, file);
        const own = process.env['TMPDIR'];
        process.env['TMPDIR'] = disk.path;
        try {
          assert.match(
            describeError(await failure(backUp(database, folder.file('y.dbbackup')), 'database')),
            /disk is full.*Free some space.*TMPDIR/,
          );
          const error = await failure(restore(file, database), 'file');
          assert.match(describeError(error), /need .* are free.*Free some space.*TMPDIR/);
          assert.match(describeError(error), /Nothing was changed\./);
          assert.deepEqual(readdirSync(disk.path), []);
        } finally {
          process.env['TMPDIR'] = own;
        }
      });

      it('a full disk under the database or its journal: nothing is changed, and it can be written again', async () => {
        const file = folder.file('x.dbbackup');
        await backUp(database, file);
        // The larger one has no room for its journal either.
        for (const [rows, kibibytes] of [
          [500, 2048],
          [2500, 3500],
        ] as const) {
          const disk = useDisk(mountSmallDisk(kibibytes));
          const target = await engine.create();
          const live = path.join(disk.path, 'live.db');
          await target.run(`${big.sqlite}; ${manyRows.sqlite(1)}; DELETE FROM big WHERE id > ${rows}`);
          await target.run(`UPDATE big SET id = -id; VACUUM INTO '${live}'`);
          const onDisk = atFile(target, live);
          const before = await onDisk.rows('SELECT id, bytes FROM big');
          const error = await failure(restore(file, onDisk), 'database');
          assert.match(describeError(error), /disk is full/i);
          assert.match(describeError(error), /Nothing was changed\./);
          assert.deepEqual(await onDisk.rows('SELECT id, bytes FROM big'), before);
          assert.deepEqual(await onDisk.rows('PRAGMA integrity_check'), [['ok']]);
          assert.deepEqual(readdirSync(disk.path), ['live.db']);
          await onDisk.run('UPDATE big SET id = 0 WHERE id = -1');
          await target.remove();
          tried += 1;
        }
      });

      it('a database on a disk that may only be read: it is backed up, and a restore is refused', async () => {
        const disk = useDisk(mountSmallDisk(8 * 1024));
        const live = path.join(disk.path, 'live.db');
        await database.run(`VACUUM INTO '${live}'`);
        disk.makeReadOnly();
        const onDisk = atFile(database, live);
        const file = folder.file('x.dbbackup');
        assert.equal((await backUp(onDisk, file)).rows, 3000);
        const error = await failure(restore(file, onDisk), 'connection');
        assert.match(describeError(error), /No permission: the file cannot be written/);
      });
    }
  });
}

/** A database of this engine in another place; only statements and connections work there. */
function atFile(database: TestDatabase, file: string): TestDatabase {
  const { engine } = database;
  const quoted = `'${file.replaceAll("'", "''")}'`;
  return {
    ...database,
    run: (sql) => database.run(`ATTACH ${quoted} AS there; ${sql.replace(/\bbig\b/g, 'there.big')}`),
    rows: async (sql) => {
      const session = spawnSync(process.execPath, ['--no-warnings', '-e', readRows, file, sql], {
        encoding: 'utf8',
        maxBuffer: 64 * 1024 * 1024,
      });
      assert.equal(session.status, 0, session.stderr);
      return await Promise.resolve(JSON.parse(session.stdout) as (string | null)[][]);
    },
    connect: (options) =>
      engine.connect(
        { engine: engine.id, file },
        { readOnly: options?.readOnly ?? false, logger: silentLogger },
      ),
  };
}

const readRows = `
  const { DatabaseSync } = require('node:sqlite');
  const database = new DatabaseSync(process.argv[1], { readOnly: true });
  const rows = database.prepare(process.argv[2]).all();
  console.log(JSON.stringify(rows.map((row) => Object.values(row).map((value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value)))));
`;
