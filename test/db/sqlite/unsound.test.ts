import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { ProgressEvent } from '../../../src/core/progress.ts';
import { describeError, RestorePointError } from '../../../src/core/errors.ts';
import { failure } from '../../support/restores.ts';
import { sqliteDump } from '../../support/sqliteDump.ts';
import {
  backUpSqlite,
  type MemoryBackup,
  restoreSqlite,
  runSqlite,
  useSystemTemporaryFolder,
} from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

const pageSize = 4096;
const numbers = (rows: number): string =>
  `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})`;

const tables = `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); CREATE INDEX i ON t (a);
  ${numbers(6000)} INSERT INTO t SELECT i, i % 100, 'some text ' || i FROM n;
  CREATE TABLE u (id INTEGER PRIMARY KEY, b);
  ${numbers(900)} INSERT INTO u SELECT i, 'some longer text that takes up more of the page ' || i FROM n;`;

/** Where the product keeps rows that are there, of a database whose pages are not as they should be. */
describe('SQLite: restoring into a damaged database', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();
  let file: string;
  let backup: MemoryBackup;
  let before: unknown;
  beforeEach(async () => {
    file = folder.file('target.db');
    runSqlite(file, tables);
    backup = await backUpSqlite(file);
    before = sqliteDump(file);
  });

  function change(work: (bytes: Buffer) => void): void {
    const bytes = readFileSync(file);
    work(bytes);
    writeFileSync(file, bytes);
  }

  async function isRestored(): Promise<void> {
    assert.notEqual(integrity(file), 'ok');
    await restoreSqlite(file, backup);
    assert.deepEqual(sqliteDump(file), before);
    assert.equal(integrity(file), 'ok');
  }

  /** What cannot be restored is left as it was, to the byte. */
  async function isRestoredOrRefused(): Promise<void> {
    assert.notEqual(integrity(file), 'ok');
    const damaged = readFileSync(file);
    try {
      await restoreSqlite(file, backup);
    } catch (error) {
      assert.ok(RestorePointError.is(error), String(error));
      assert.ok(readFileSync(file).equals(damaged));
      return;
    }
    assert.deepEqual(sqliteDump(file), before);
    assert.equal(integrity(file), 'ok');
  }

  it('of which rows of a page are lost', async () => {
    const leaf = childOf(file, 't', 10);
    change((bytes) => bytes.fill(0, placeOf(leaf) + 200, placeOf(leaf) + 4000));
    await isRestored();
  });

  it('of which a page is gone, says to restore into a new file, and does that', async () => {
    const leaf = childOf(file, 't', 10);
    change((bytes) => bytes.fill(0, placeOf(leaf), placeOf(leaf) + pageSize));
    const damaged = readFileSync(file);
    const error = await failure(restoreSqlite(file, backup));
    assert.match(
      describeError(error),
      /The database file is damaged.*\. Restore the last good backup into a new file\./,
    );
    assert.ok(readFileSync(file).equals(damaged));
    const fresh = folder.file('new.db');
    runSqlite(fresh, '');
    await restoreSqlite(fresh, backup);
    assert.deepEqual(sqliteDump(fresh), before);
  });

  it('of which a page that holds rows counts as free', async () => {
    runSqlite(file, 'DELETE FROM u');
    const leaf = childOf(file, 't', 10);
    change((bytes) => {
      const trunk = placeOf(bytes.readUInt32BE(32));
      const leaves = bytes.readUInt32BE(trunk + 4);
      assert.ok(leaves > 0);
      bytes.writeUInt32BE(leaf, trunk + 8 + 4 * (leaves - 1));
    });
    await isRestoredOrRefused();
  });

  it('of which two tables share a page', async () => {
    runSqlite(file, 'UPDATE u SET b = upper(b)');
    const leaf = childOf(file, 't', 10);
    change((bytes) => bytes.writeUInt32BE(leaf, cellOf(bytes, rootOf(file, 'u'), 3)));
    await isRestoredOrRefused();
  });

  for (const [what, id] of Object.entries({ 'rows are lost': 3000, 'no row is lost': undefined })) {
    it(`of which a page in which ${what} does not know where it has room`, async () => {
      if (id !== undefined) runSqlite(file, `DELETE FROM t WHERE id = ${id}`);
      const leaf = id === undefined ? childOf(file, 't', 20) : undefined;
      change((bytes) => {
        for (let page = 2; page <= bytes.length / pageSize; page += 1) {
          const at = placeOf(page);
          const isMeant =
            leaf === undefined ? bytes[at] === 13 && bytes.readUInt16BE(at + 1) > 0 : page === leaf;
          if (isMeant) bytes.writeUInt16BE(pageSize - 1, at + 1);
        }
      });
      await isRestored();
    });
  }

  for (const checkpoint of [false, true]) {
    const meanwhile = checkpoint ? ', which another program is about to put into the file' : '';
    it(`of which an index is out of step in the write-ahead log alone${meanwhile}`, async () => {
      runSqlite(file, 'PRAGMA journal_mode = WAL');
      const other = await logOnly(file, misled);
      let told = false;
      const report = ({ phase }: ProgressEvent): void => {
        if (told || phase !== 'compare' || !checkpoint) return;
        told = true;
        other.checkpoint();
      };
      await restoreSqlite(file, backup, { report });
      assert.equal(told, checkpoint);
      await other.end();
      assert.deepEqual(sqliteDump(file), before);
      assert.equal(integrity(file), 'ok');
    });
  }
});

const misled = `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t (b)' WHERE name = 'i';
  PRAGMA writable_schema = RESET; REINDEX i;
  PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t (a)' WHERE name = 'i'`;

const otherProgram = `
  const { DatabaseSync } = require('node:sqlite');
  const database = new DatabaseSync(process.argv[1], { defensive: false });
  database.exec('PRAGMA wal_autocheckpoint = 0; ' + process.argv[2]);
  database.exec('PRAGMA busy_timeout = 3000');
  console.log('ready');
  process.stdin.on('data', () => database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get());
  process.stdin.on('end', () => process.exit());
`;

/** Another program that has run statements of which nothing is in the file yet. */
async function logOnly(
  file: string,
  sql: string,
): Promise<{ checkpoint: () => void; end: () => Promise<void> }> {
  const child = spawn(process.execPath, ['--no-warnings', '-e', otherProgram, file, sql], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  return {
    checkpoint: () => {
      child.stdin.write('now');
      // It waits for the restore's transaction, and holds the lock of checkpoints meanwhile.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    },
    end: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

function query(file: string, sql: string): unknown {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return Object.values(database.prepare(sql).get()!)[0];
  } finally {
    database.close();
  }
}

const integrity = (file: string): unknown => query(file, 'PRAGMA integrity_check(1)');
const rootOf = (file: string, table: string): number =>
  Number(query(file, `SELECT rootpage FROM sqlite_schema WHERE name = '${table}'`));
const placeOf = (page: number): number => (page - 1) * pageSize;

/** The place of a cell of a b-tree's inner page, which begins with the number of a page below. */
function cellOf(bytes: Buffer, page: number, cell: number): number {
  assert.equal(bytes[placeOf(page)], 5);
  return placeOf(page) + bytes.readUInt16BE(placeOf(page) + 12 + 2 * cell);
}

/** The number of a page with rows of a table. */
function childOf(file: string, table: string, cell: number): number {
  const bytes = readFileSync(file);
  return bytes.readUInt32BE(cellOf(bytes, rootOf(file, table), cell));
}
