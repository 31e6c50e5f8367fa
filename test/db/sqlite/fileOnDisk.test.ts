import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { silentLogger } from '../../../src/core/logger.ts';
import { Connection } from '../../../src/engines/sqlite/connect/connection.ts';
import { FileOnDisk } from '../../../src/engines/sqlite/files/fileOnDisk.ts';
import { runSqlite } from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

/** What another process hears that wants to write. */
function otherWriter(file: string): string {
  const script = `const { DatabaseSync } = require('node:sqlite');
    const database = new DatabaseSync(process.argv[1]);
    try { database.exec('BEGIN IMMEDIATE; ROLLBACK'); console.log('may write'); } catch (error) { console.log(error.message); }`;
  return spawnSync(process.execPath, ['-e', script, file], { encoding: 'utf8' }).stdout.trim();
}

describe('SQLite: a database file whose bytes are read', () => {
  const folder = useTemporaryFolder();

  for (const journal of ['delete', 'wal']) {
    it(`stays locked, in the journal mode ${journal}`, async () => {
      const file = folder.file('a.db');
      runSqlite(file, `PRAGMA journal_mode = ${journal}; CREATE TABLE t (a)`);
      const connection = await Connection.open(file, 'write');
      await connection.run('BEGIN IMMEDIATE');
      const onDisk = new FileOnDisk(file);
      for (let time = 0; time < 2; time += 1) {
        const handle = await onDisk.handle();
        await handle.read(Buffer.alloc(100), 0, 100, 0);
        assert.match(otherWriter(file), /locked/);
      }
      await connection.close();
      await onDisk.close(silentLogger);
      assert.equal(otherWriter(file), 'may write');
    });
  }

  it('may be gone', async () => {
    const gone = new FileOnDisk(folder.file('gone.db'));
    await assert.rejects(gone.handle(), /ENOENT/);
    await gone.close(silentLogger);
  });
});
