import assert from 'node:assert/strict';
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { Archive } from '../../src/archive/archiveReader.ts';
import { MadeHere } from '../../src/backup/madeHere.ts';
import { describeError } from '../../src/core/errors.ts';
import { type Logger, silentLogger } from '../../src/core/logger.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import type { RestoreOptions, RestoreReport } from '../../src/restore/restoreBackup.ts';
import { ensureDebianPackages } from '../support/debianPackages.ts';
import { failure } from '../support/errors.ts';
import { useScantTemporaryFolder } from '../support/scantTemporaryFolder.ts';
import { canMount } from '../support/smallDisk.ts';
import { integrity, runSqlite } from '../support/sqliteFiles.ts';
import { assertSameSqlite, readSqliteWitness } from '../support/sqliteWitness.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';
import { backUpFile, restoreFile } from './everything/sqliteRoundTrip.ts';
import { changeMuch, largeShop } from './largeShop.ts';

/** Of long rows all pages. */
const changeAll = `${changeMuch}; UPDATE orders SET note = 'x' || note`;

/** Where there is room for the schema of a backup, and not for all of it. */
(canMount ? describe : describe.skip)('SQLite: pages that are written straight out of a backup', () => {
  const folder = useTemporaryFolder();
  const temporary = useScantTemporaryFolder();
  let [target, wanted, backup] = ['', '', ''];
  let madeHere: MadeHere;
  let said: string[];
  let logger: Logger;

  before(() => ensureDebianPackages(['sqlite3']));
  beforeEach(() => {
    [target, wanted, backup] = [folder.file('a.db'), folder.file('wanted.db'), folder.file('a.dbbackup')];
    madeHere = new MadeHere(folder.file('state'), silentLogger);
    said = [];
    const say = (message: string): void => void said.push(message);
    logger = { debug: say, info: say, warn: say, error: say };
  });

  /** A database, what became of it, and a backup from before. */
  async function changed({ before = '', after = changeAll } = {}): Promise<void> {
    temporary.makeRoom();
    runSqlite(target, `${before}; ${largeShop}`);
    await backUpFile(target, backup, madeHere);
    copyFileSync(target, wanted);
    runSqlite(target, after);
    temporary.makeScant();
  }

  const restore = (options: Partial<RestoreOptions> = {}): Promise<RestoreReport> =>
    restoreFile(backup, target, { madeHere, logger, ...options });

  const isStraight = (): boolean => said.includes('The pages were written straight out of the backup');

  /** Acts once, at the first event for which it holds. */
  function once(holds: (event: ProgressEvent) => boolean, act: () => void): Pick<RestoreOptions, 'report'> {
    let done = false;
    return {
      report: (event) => {
        if (done || !holds(event)) return;
        done = true;
        act();
      },
    };
  }

  const isHalfWritten = ({ phase, bytes = 0, totalBytes = 0 }: ProgressEvent): boolean =>
    phase === 'prepare' && bytes > totalBytes / 2;

  const longStatements = Array.from(
    { length: 400 },
    (_, table) =>
      `CREATE TABLE t${table} (a /* ${'long '.repeat((table % 7) * 300)} */); CREATE INDEX i${table} ON t${table} (a);`,
  ).join('\n');

  for (const [what, before] of Object.entries({
    'pages of 4 KiB': '',
    'pages of 512 bytes': 'PRAGMA page_size = 512',
    'pages of 64 KiB': 'PRAGMA page_size = 65536',
    'text in UTF-16': `PRAGMA encoding = 'UTF-16le'`,
    'auto_vacuum = FULL': 'PRAGMA auto_vacuum = FULL',
    'a schema of many pages': longStatements,
    statistics: 'CREATE TABLE s (a); CREATE INDEX j ON s (a); INSERT INTO s VALUES (1), (2); ANALYZE',
  })) {
    it(`makes a database with ${what} what the backup holds, and undoes that`, async () => {
      await changed({ before });
      const bytes = readFileSync(target);
      const rehearsed = await restore({ dryRun: true });
      assert.ok(isStraight());
      assert.equal(rehearsed.tables.find(({ table }) => table.name === 'orders')?.rowsAfter, 8000);
      assert.ok(bytes.equals(readFileSync(target)), 'other bytes after a rehearsal');
      said = [];
      const { tables } = await restore();
      assert.ok(isStraight());
      assert.deepEqual(
        tables.find(({ table }) => table.name === 'orders'),
        { table: { name: 'orders' }, rowsBefore: 7000, rowsAfter: 8000, inserted: 8000, updated: 0 },
      );
      assertSameSqlite(readSqliteWitness(target, { tool: true }), readSqliteWitness(wanted, { tool: true }));
      assert.ok(!existsSync(`${target}-journal`));
    });
  }

  for (const [what, after] of Object.entries({
    shorter: `${changeAll}; INSERT INTO orders (note) SELECT note || 'more' FROM orders`,
    longer: `${changeAll}; DELETE FROM orders WHERE id % 10 > 0; VACUUM; INSERT INTO orders (note) VALUES (zeroblob(9000000))`,
  })) {
    it(`restores a file that becomes ${what}, and undoes that`, async () => {
      await changed({ after });
      const bytes = readFileSync(target);
      await restore({ dryRun: true });
      assert.ok(isStraight());
      assert.ok(bytes.equals(readFileSync(target)), 'other bytes after a rehearsal');
      await restore();
      assert.equal(Math.sign(statSync(target).size - bytes.length), what === 'longer' ? 1 : -1);
      assertSameSqlite(readSqliteWitness(target), readSqliteWitness(wanted));
    });
  }

  it('needs room to take the backup out where few pages differ', async () => {
    await changed({ after: 'UPDATE orders SET note = 1 WHERE id = 5' });
    const bytes = readFileSync(target);
    assert.match(describeError(await failure(restore(), 'file')), /are free there.*Nothing was changed\./s);
    assert.ok(!isStraight() && bytes.equals(readFileSync(target)));
  });

  for (const index of ['orders (note COLLATE NOCASE)', 'orders (id + 1)', 'orders (total) WHERE total > 5']) {
    it(`needs it with an index that only SQLite can prove: ${index}`, async () => {
      await changed({ after: `CREATE INDEX more ON ${index}` });
      temporary.makeRoom();
      await backUpFile(target, (backup = folder.file('b.dbbackup')), madeHere);
      runSqlite(target, changeAll);
      temporary.makeScant();
      const bytes = readFileSync(target);
      await failure(restore(), 'file');
      assert.ok(!isStraight() && bytes.equals(readFileSync(target)));
    });
  }

  it('has the old pages brought back where an index is not in step, and copies rows', async () => {
    const misled = (sql: string): string =>
      `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '${sql}' WHERE name = 'i'; PRAGMA writable_schema = RESET`;
    await changed({
      before: `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1, 2, 3);
        ${misled('CREATE INDEX i ON t (b)')}; INSERT INTO t VALUES (2, 7, 8); ${misled('CREATE INDEX i ON t (a)')}`,
    });
    let during: Buffer | undefined;
    const old = readFileSync(target);
    const makeRoom = once(isHalfWritten, () => {
      during = readFileSync(target);
      temporary.makeRoom();
    });
    await restore(makeRoom);
    assert.ok(isStraight() && during && !during.equals(old));
    assert.ok(said.includes('The index i of the backup is not in step with its table: it is made anew'));
    assert.equal(integrity(target), 'ok');
    assert.deepEqual(readSqliteWitness(target).checks, ['main.integrity_check(100000): ok']);
    assert.ok(!existsSync(`${target}-journal`));
  });

  it('writes nothing of a backup of which a part is damaged', async () => {
    await changed();
    const archive = await Archive.open(backup);
    const [last] = archive.manifest.payloads[0]!.chunks.slice(-1);
    await archive.close();
    const file = openSync(backup, 'r+');
    const place = statSync(backup).size - Math.floor(last!.storedBytes / 2) - 4_000;
    const byte = Buffer.alloc(1);
    readSync(file, byte, 0, 1, place);
    writeSync(file, Buffer.from([byte[0]! ^ 1]), 0, 1, place);
    closeSync(file);
    const bytes = readFileSync(target);
    const error = await failure(restore(), 'damaged-backup');
    assert.match(describeError(error), /Nothing was changed\./);
    assert.ok(!isStraight() && bytes.equals(readFileSync(target)));
    assert.ok(!existsSync(`${target}-journal`));
  });

  it('warns of rows that pointed at nothing', async () => {
    await changed({
      before: `CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p); INSERT INTO c VALUES (9)`,
    });
    await restore();
    assert.ok(isStraight());
    assert.ok(said.includes('Rows of c point at rows of p that the backup does not hold either'));
  });

  const moments: Readonly<Record<string, (event: ProgressEvent) => boolean>> = {
    comparing: ({ phase, bytes = 0 }) => phase === 'prepare' && bytes > 0,
    writing: isHalfWritten,
    counting: ({ phase }) => phase === 'load',
    verifying: ({ phase }) => phase === 'verify',
  };
  for (const [what, holds] of Object.entries(moments)) {
    it(`leaves every byte as it was when it is cancelled while ${what}`, async () => {
      await changed();
      const bytes = readFileSync(target);
      const controller = new AbortController();
      const cancel = once(holds, () => controller.abort());
      const error = await failure(restore({ signal: controller.signal, ...cancel }), 'cancelled');
      assert.match(describeError(error), /Nothing was changed\./);
      assert.ok(bytes.equals(readFileSync(target)));
      assert.ok(!existsSync(`${target}-journal`));
    });

    it(`leaves both files as they were when another one takes its place while ${what}`, async () => {
      await changed();
      const [other, old] = [folder.file('other.db'), folder.file('old.db')];
      copyFileSync(target, other);
      const bytes = readFileSync(target);
      const replace = once(holds, () => {
        renameSync(target, old);
        renameSync(other, target);
      });
      const error = await failure(restore(replace), 'refused');
      assert.match(describeError(error), /another file in the place of the database.*Nothing was changed\./s);
      assert.ok(bytes.equals(readFileSync(target)) && bytes.equals(readFileSync(old)));
      assert.ok(!existsSync(`${target}-journal`));
    });
  }
});
