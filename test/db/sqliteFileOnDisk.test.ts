import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { silentLogger } from '../../src/core/logger.ts';
import { Connection } from '../../src/engines/sqlite/connection.ts';
import { FileOnDisk } from '../../src/engines/sqlite/fileOnDisk.ts';
import { runSqlite } from '../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';

/** What another process hears that wants to write. */
function otherWriter(file: string): string {
  const script = `const { DatabaseSync } = require('node:sqlite');
    const database = new DatabaseSync(process.argv[1]);
    try { database.exec('BEGIN IMMEDIATE; ROLLBACK'); console.log('may write'); } catch (error) { console.log(error.message); }`;
  return spawnSync(process.execPath, ['-e', script, file], { encoding: 'utf8' }).stdout.trim();
}

describe('SQLite: a file that is read ahead and written back', () => {
  const folder = useTemporaryFolder();

  for (const journal of ['delete', 'wal']) {
    it(`stays locked, in the journal mode ${journal}`, async () => {
      const file = folder.file('large.db');
      runSqlite(
        file,
        `PRAGMA journal_mode = ${journal}; CREATE TABLE t (filler blob);
         INSERT INTO t SELECT zeroblob(1000000) FROM json_each('[${Array.from({ length: 40 }).fill(1).join()}]');`,
      );
      const connection = await Connection.open(file, 'write');
      await connection.run('BEGIN IMMEDIATE');
      const ahead = new FileOnDisk(file, silentLogger);
      ahead.readAhead();
      ahead.writeBack();
      await delay(500);
      assert.equal(otherWriter(file), 'database is locked');
      ahead.readAhead();
      await delay(500);
      assert.equal(otherWriter(file), 'database is locked');
      const pages = await ahead.pages();
      await pages.page(2);
      await pages.close();
      assert.equal(otherWriter(file), 'database is locked');
      await connection.run('ROLLBACK');
      await connection.close();
      await ahead.close();
      assert.equal(otherWriter(file), 'may write');
    });
  }

  it('need not be there, nor be closed in time', async () => {
    const ahead = new FileOnDisk(folder.file('none.db'), silentLogger);
    ahead.readAhead();
    ahead.writeBack();
    await ahead.close();
    await new FileOnDisk(folder.file('never-begun.db'), silentLogger).close();
  });
});
