import assert from 'node:assert/strict';
import { failure } from '../../support/errors.ts';
import {
  backUpSqlite,
  restoreSqlite,
  runSqlite,
  useSystemTemporaryFolder,
} from '../../support/sqliteFiles.ts';
import { sqliteDump } from '../../support/sqliteWitness.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

const words = `
  CREATE TABLE t (a); INSERT INTO t VALUES (1);
  CREATE VIRTUAL TABLE words USING fts5(a);
  INSERT INTO words VALUES ('one'), ('two');`;

describe('SQLite: virtual tables', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();
  let file: string;

  beforeEach(() => {
    file = folder.file('source.db');
    runSqlite(file, words);
  });

  it('are refused where the database has another one by the name, before anything is written', async () => {
    const backup = await backUpSqlite(file);
    for (const other of [
      `CREATE VIRTUAL TABLE words USING fts5(a, b)`,
      `CREATE TABLE words (a)`,
      `CREATE TABLE words_data (a)`,
    ]) {
      runSqlite(file, `DELETE FROM t; DROP TABLE IF EXISTS words; ${other}`);
      const before = sqliteDump(file);
      const error = await failure(restoreSqlite(file, backup), 'refused');
      assert.match(
        `${error.details.place?.table} ${error.message}`,
        /\bwords\b.*\b(another|differently|different)\b/,
      );
      assert.deepEqual(sqliteDump(file), before);
    }
  });

  it('are only made, and never written, where rows are added', async () => {
    const backup = await backUpSqlite(file);
    const before = sqliteDump(file);
    runSqlite(file, 'DROP TABLE words');
    await restoreSqlite(file, backup, { mode: 'replace', tables: ['t'] });
    assert.ok(!sqliteDump(file).some((line) => line.includes('words')));
    runSqlite(file, 'DROP TABLE t; CREATE TABLE t (a); CREATE TABLE other (b)');
    await restoreSqlite(file, backup, { mode: 'replace' });
    runSqlite(file, 'DROP TABLE other');
    assert.deepEqual(sqliteDump(file), before);

    runSqlite(
      file,
      `DROP TABLE t; CREATE TABLE t (a PRIMARY KEY NOT NULL); DELETE FROM words WHERE a = 'one'`,
    );
    const changed = sqliteDump(file).filter((line) => line.startsWith('words'));
    await restoreSqlite(file, backup, { mode: 'merge' });
    assert.deepEqual(
      sqliteDump(file).filter((line) => line.startsWith('words')),
      changed,
    );
    runSqlite(file, 'DROP TABLE words');
    await restoreSqlite(file, backup, { mode: 'merge' });
    assert.deepEqual(
      sqliteDump(file).filter((line) => line.startsWith('words')),
      before.filter((line) => line.startsWith('words')),
    );
  });

  it('come from the database in the backup alone', async () => {
    const { manifest, source } = await backUpSqlite(file);
    const target = folder.file('target.db');
    for (const [name, sql] of [
      ['words', `CREATE VIRTUAL TABLE words USING fts5(b)`],
      ['odd', `CREATE VIRTUAL TABLE odd USING fts5(a)`],
    ] as const) {
      const objects = [{ kind: 'virtual table', name, section: 'post-data' as const, sql }];
      const complete = { manifest: { ...manifest, objects: [...manifest.objects, ...objects] }, source };
      runSqlite(target, 'DROP TABLE IF EXISTS t; CREATE TABLE t (a PRIMARY KEY NOT NULL)');
      await failure(restoreSqlite(target, complete, { mode: 'merge' }), 'damaged-backup');
    }
  });
});
