import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { failure } from '../../support/errors.ts';
import { holdSqlite, runSqlite } from '../../support/sqliteFiles.ts';
import { startTransfers, transferMistakes, transferSchema } from '../../support/sqliteTransfers.ts';
import {
  assertComesBack,
  assertSameSqlite,
  openSqlite,
  readSqliteWitness,
} from '../../support/sqliteWitness.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { makeSqlite, sqliteEntries } from './sqlite.ts';
import { damageSqlite, damages } from './sqliteDamage.ts';
import { backUpFile, restoreFile } from './sqliteRoundTrip.ts';
import { itInAll, sampleParts } from '../../support/sample.ts';

/** Enough of everything for a restore that writes tables, indexes, triggers and counters. */
const someEntries = sqliteEntries.filter(({ kind }) =>
  ['counters', 'foreign keys', 'triggers', 'full-text search', 'R-Tree', 'rowids'].includes(kind),
);

function ask(file: string, sql: string): string[] {
  const database = openSqlite(file);
  try {
    return database
      .prepare(sql)
      .all()
      .map((row) => Object.values(row).map(String).join('|'));
  } finally {
    database.close();
  }
}

/** Nothing but what was committed together: of the file itself, or of a backup that is restored into a new one. */
function assertNothingLost(file: string): number {
  assert.deepEqual(ask(file, transferMistakes), []);
  assert.deepEqual(ask(file, 'PRAGMA integrity_check'), ['ok']);
  return Number(ask(file, 'SELECT count(*) FROM transfers')[0]);
}

for (const journal of ['delete', 'truncate', 'persist', 'wal']) {
  describe(`sqlite: a database whose journal is ${journal}`, function () {
    sampleParts(this, 2);
    const folder = useTemporaryFolder();
    let [source, backup, restored] = ['', '', ''];

    beforeEach(() => {
      source = folder.file('source.db');
      backup = folder.file('a.dbbackup');
      restored = folder.file('restored.db');
    });

    /** Only WAL is the file's own; the others are the connection's, and leave what they leave beside the file. */
    function writeWithJournal(): void {
      runSqlite(source, `PRAGMA journal_mode = ${journal}; PRAGMA user_version = 7`);
      assert.equal(existsSync(`${source}-journal`), journal === 'truncate' || journal === 'persist');
    }

    it('comes back into a new file and over itself, and keeps its journal', async () => {
      makeSqlite(source, someEntries);
      writeWithJournal();
      const before = readSqliteWitness(source, { tool: true });
      await backUpFile(source, backup);
      await restoreFile(backup, restored);
      assertComesBack(readSqliteWitness(restored, { tool: true }), before);
      damageSqlite(source, damages);
      await restoreFile(backup, source);
      assertComesBack(readSqliteWitness(source, { tool: true }), before, { anyOrder: true });
      if (journal === 'wal') assert.deepEqual(ask(source, 'PRAGMA journal_mode'), ['wal']);
    });

    it('is backed up as it was at one moment, while another process writes it', async () => {
      runSqlite(source, transferSchema);
      writeWithJournal();
      const transfers = await startTransfers(source, journal);
      const found: number[] = [];
      try {
        for (let round = 0; round < 5; round += 1) {
          const [file, copy] = [folder.file(`${round}.dbbackup`), folder.file(`${round}.db`)];
          await backUpFile(source, file);
          // It was not kept from writing for longer than it waits for a lock.
          await transfers.committed(5);
          await restoreFile(file, copy);
          found.push(assertNothingLost(copy));
        }
      } finally {
        await transfers.stop();
      }
      assert.deepEqual(
        [...new Set(found)],
        found.toSorted((a, b) => a - b),
        'each is of a later moment',
      );
      assert.ok(assertNothingLost(source) > found.at(-1)!);
    });

    it('is restored in one step, while another process writes it', async () => {
      runSqlite(source, transferSchema);
      writeWithJournal();
      const transfers = await startTransfers(source, journal);
      try {
        await backUpFile(source, backup);
        for (let round = 0; round < 3; round += 1) {
          await transfers.committed(5);
          await restoreFile(backup, source);
          await transfers.committed(5);
        }
      } finally {
        await transfers.stop();
      }
      const rows = assertNothingLost(source);
      await restoreFile(backup, restored);
      assert.ok(rows > assertNothingLost(restored), 'what was written after the restore is there');
    });

    if (journal === 'wal') {
      it('is restored while another process reads what was there before', async () => {
        runSqlite(source, transferSchema);
        writeWithJournal();
        await backUpFile(source, backup);
        runSqlite(source, `UPDATE accounts SET balance = 0`);
        const other = await holdSqlite(source, 'BEGIN; SELECT count(*) FROM accounts');
        await restoreFile(backup, source);
        await other.end();
        assert.equal(assertNothingLost(source), 0);
      });
    }

    if (journal === 'wal' || journal === 'delete') {
      itInAll('is not touched by a restore while another process keeps it locked', async () => {
        runSqlite(source, transferSchema);
        writeWithJournal();
        await backUpFile(source, backup);
        runSqlite(source, `DELETE FROM accounts`);
        const before = readSqliteWitness(source);
        const other = await holdSqlite(source, 'BEGIN IMMEDIATE; DELETE FROM transfers');
        try {
          const error = await failure(restoreFile(backup, source), 'database');
          assert.match(error.message, /locked: another process holds a lock on it/);
          assert.equal(error.details.unchanged, 'Nothing was changed.');
        } finally {
          await other.end();
        }
        assertSameSqlite(readSqliteWitness(source), before);
      });
    }

    it('is backed up with what a killed process committed, and without what it did not', async () => {
      runSqlite(source, transferSchema);
      writeWithJournal();
      const other = await holdSqlite(
        source,
        `PRAGMA journal_mode = ${journal};
         UPDATE accounts SET balance = balance + CASE id WHEN 1 THEN 5 ELSE -5 END WHERE id < 3;
         INSERT INTO transfers (giver, taker, amount) VALUES (2, 1, 5);
         PRAGMA cache_size = 5; BEGIN; UPDATE accounts SET balance = 0;
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
           INSERT INTO transfers (giver, taker, amount) SELECT 1, 2, i FROM n`,
      );
      await other.kill();
      const left = await stat(journal === 'wal' ? `${source}-wal` : `${source}-journal`);
      assert.ok(left.size > 4096, 'nothing of what it did not commit was left');
      await backUpFile(source, backup);
      await restoreFile(backup, restored);
      assert.equal(assertNothingLost(restored), 1);
      assert.equal(assertNothingLost(source), 1);
    });
  });
}
