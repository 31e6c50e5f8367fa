import assert from 'node:assert/strict';
import { backUp } from '../../support/restores.ts';
import { linesOf, restoreChosen } from '../../support/rowRestores.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { type TestDatabase, testEngines } from '../../support/testDatabases.ts';

describe('SQLite: lines of rows with a NULL in their primary key', () => {
  const folder = useTemporaryFolder();
  let database: TestDatabase;
  let file: string;
  beforeEach(async () => {
    database = await testEngines.find(({ id }) => id === 'sqlite')!.create();
    file = folder.file('before.dbbackup');
    await database.run(`CREATE TABLE t (a int, b int, c, PRIMARY KEY (a, b));
      INSERT INTO t VALUES (NULL, 1, 'x'), (NULL, 1, 'x'), (NULL, 1, 'y'), (2, 2, 'z')`);
    await backUp(database, file);
  });
  afterEach(() => database.remove());

  const rows = async (): Promise<string[]> =>
    (await database.rows('SELECT * FROM t')).map((row) => JSON.stringify(row)).sort();

  it('are as many rows, and come back', async () => {
    const before = await rows();
    await database.run('DELETE FROM t');
    const lines = await linesOf(file, database);
    assert.equal(lines.length, 4);
    const safetyFolder = folder.file('safety');
    const { safetyBackup } = await restoreChosen(file, database, { lines, safetyFolder });
    assert.deepEqual(await rows(), before);
    await restoreChosen(safetyBackup!, database);
    assert.deepEqual(await rows(), []);
  });

  it('that only the database has are told apart from those of the backup', async () => {
    const before = await rows();
    await database.run(`INSERT INTO t VALUES (NULL, 1, 'x'), (NULL, 1, 'new')`);
    const lines = await linesOf(file, database);
    assert.equal(lines.length, 2);
    await restoreChosen(file, database, { lines, deleteAdded: true });
    assert.deepEqual(await rows(), before);
  });
});
