import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type BackupReport, type BackupSelection, takeBackup } from '../../../src/backup/takeBackup.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { parseTableNames } from '../../../src/core/names.ts';
import type { RestorePlan } from '../../../src/core/plan.ts';
import { failure } from '../../support/errors.ts';
import { connectSqlite, runSqlite, useSystemTemporaryFolder } from '../../support/sqliteFiles.ts';
import { sqliteDump } from '../../support/sqliteWitness.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { restoreFile } from '../everything/sqliteRoundTrip.ts';

const numbers = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)';

const everyKind = `
  CREATE TABLE plain (id INTEGER PRIMARY KEY, v); INSERT INTO plain VALUES (1, 'one'), (2, 'two');
  CREATE VIRTUAL TABLE words USING fts5(a, b); INSERT INTO words ${numbers} SELECT 'word ' || i, 'common' FROM n;
  DELETE FROM words WHERE rowid % 7 = 0;
  CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, +name); INSERT INTO boxes ${numbers} SELECT i, i, i + 1, 'box ' || i FROM n;
  CREATE TABLE docs (id INTEGER PRIMARY KEY, t);
  CREATE VIRTUAL TABLE docs_index USING fts5(t, content = docs, content_rowid = id);
  CREATE VIEW shown AS SELECT id, t FROM docs;
  CREATE VIRTUAL TABLE shown_index USING fts5(t, content = shown, content_rowid = id);
  INSERT INTO docs VALUES (1, 'first'), (2, 'second');
  INSERT INTO docs_index (rowid, t) VALUES (1, 'first'), (2, 'second');
  INSERT INTO shown_index (rowid, t) VALUES (1, 'first'), (2, 'somebody put this here');`;

/** By which nothing is what it was. */
const changes = `
  UPDATE plain SET v = 'changed'; INSERT INTO words VALUES ('later', 'later'); DELETE FROM words WHERE rowid < 50;
  DELETE FROM boxes WHERE id > 20; INSERT INTO docs VALUES (3, 'third'); INSERT INTO docs_index (rowid, t) VALUES (3, 'third');
  INSERT INTO shown_index (shown_index) VALUES ('delete-all');`;

describe('SQLite: full-text search and R-Tree as tables that can be chosen', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();
  let file: string;
  beforeEach(() => {
    file = folder.file('source.db');
    runSqlite(file, everyKind);
  });

  async function backUp(name: string, selection: BackupSelection): Promise<BackupReport> {
    const session = await connectSqlite(file, { readOnly: true });
    try {
      return await takeBackup(session, { file: folder.file(name), selection, logger: silentLogger });
    } finally {
      await session.close();
    }
  }

  const about = (database: string, ...names: string[]): string[] =>
    sqliteDump(database).filter((line) =>
      names.some((name) => new RegExp(`\\b${name}(_\\w+)?\\b`).test(line)),
    );

  it('a backup of a part carries those that are named, byte for byte, and no others', async () => {
    for (const [index, text] of ['words', 'wor*, boxes', 'plain,boxes'].entries()) {
      const report = await backUp(`${index}.dbbackup`, { tables: parseTableNames(text) });
      assert.deepEqual(report.leftOut, []);
      const target = folder.file(`${index}.db`);
      await restoreFile(report.file, target);
      for (const name of ['plain', 'words', 'boxes', 'docs_index']) {
        const chosen = text.includes(name.slice(0, 3));
        assert.deepEqual(about(target, name), chosen ? about(file, name) : [], `${text}: ${name}`);
      }
      runSqlite(
        target,
        text.includes('box')
          ? 'INSERT INTO boxes VALUES (NULL, 1, 2, 3)'
          : `INSERT INTO words VALUES ('x', 'y')`,
      );
    }
  });

  it('comes over a live one, when the restore names it, and nothing else is touched', async () => {
    const { file: backup } = await backUp('all.dbbackup', {});
    const before = about(file, 'words');
    runSqlite(file, changes);
    const others = about(file, 'plain', 'boxes', 'docs');
    const report = await restoreFile(backup, file, { tables: [{ name: 'words' }] });
    assert.deepEqual(report.opaque, [{ target: { name: 'words' }, create: false }]);
    assert.deepEqual(about(file, 'words'), before);
    assert.deepEqual(about(file, 'plain', 'boxes', 'docs'), others);
  });

  for (const [title, names] of [
    ['of everything', undefined],
    ['of everything, beside a table that stays', undefined],
    ['of full-text indexes and an R-Tree', 'words,boxes,docs_index'],
    ['of a table that full-text indexes have the rows of', 'docs'],
    ['of a plain table', 'plain'],
  ] as const) {
    it(`a restore ${title} can be undone exactly`, async () => {
      const { file: backup } = await backUp('all.dbbackup', {});
      runSqlite(file, changes);
      if (title.includes('stays')) runSqlite(file, 'CREATE TABLE later (a); INSERT INTO later VALUES (1)');
      const before = sqliteDump(file);
      const { safetyBackup } = await restoreFile(backup, file, {
        safetyFolder: folder.file('safety'),
        ...(names ? { tables: parseTableNames(names) } : {}),
      });
      assert.notDeepEqual(sqliteDump(file), before);
      await restoreFile(safetyBackup!, file);
      assert.deepEqual(sqliteDump(file), before);
    });
  }

  it('a restore of a damaged backup over live ones alone takes no safety backup', async () => {
    // What is damaged is met long after the restore is planned.
    runSqlite(file, 'INSERT INTO plain VALUES (3, randomblob(150000000))');
    const { file: backup } = await backUp('all.dbbackup', {});
    runSqlite(file, changes);
    const before = sqliteDump(file);
    const bytes = readFileSync(backup);
    bytes[145_000_000]! ^= 1;
    writeFileSync(backup, bytes);
    const safetyFolder = folder.file('safety');
    await failure(
      restoreFile(backup, file, { safetyFolder, tables: parseTableNames('words,boxes,docs_index') }),
      'damaged-backup',
    );
    assert.ok(!existsSync(safetyFolder));
    assert.deepEqual(sqliteDump(file), before);
  });

  it('modes that add rows leave them alone, and the plan says so before', async () => {
    runSqlite(file, 'DROP TABLE boxes');
    const { file: backup } = await backUp('all.dbbackup', {});
    runSqlite(file, `${changes.replace(/DELETE FROM boxes[^;]*;/, '')} DROP TABLE docs_index`);
    const kept = about(file, 'words', 'shown_index');
    for (const mode of ['merge', 'insert-missing'] as const) {
      let plan: RestorePlan | undefined;
      const confirm = (shown: RestorePlan): Promise<boolean> => {
        plan = shown;
        return Promise.resolve(true);
      };
      await restoreFile(backup, file, { mode, confirm });
      assert.match(plan?.warnings.join('; ') ?? '', /words.* keep their rows: only the mode replace/);
      assert.deepEqual(
        about(file, 'words'),
        kept.filter((line) => !line.includes('shown')),
      );
      const error = await failure(
        restoreFile(backup, file, { mode, tables: [{ name: 'words' }] }),
        'refused',
      );
      assert.match(error.message, /words: only the mode replace writes an existing virtual table/);
    }
    runSqlite(file, `INSERT INTO docs_index (docs_index, rank) VALUES ('integrity-check', 1)`);
  });

  it('refuses what cannot be chosen, by its name', async () => {
    const where = [{ table: { name: 'words' }, condition: 'TRUE' }];
    const condition = await failure(backUp('a.dbbackup', { tables: [{ name: 'words' }], where }), 'usage');
    assert.match(condition.message, /backed up as a whole/);
    runSqlite(
      file,
      `PRAGMA writable_schema = ON;
       INSERT INTO sqlite_schema VALUES ('table', 'odd', 'odd', 0, 'CREATE VIRTUAL TABLE odd USING no_such_module(x)')`,
    );
    const unknown = await failure(backUp('b.dbbackup', { tables: [{ name: 'odd' }] }), 'usage');
    assert.match(unknown.message, /odd has no rows of its own to back up/);
    const { opaque } = await backUp('c.dbbackup', { tables: parseTableNames('*') });
    assert.deepEqual(opaque.map(({ name }) => name).toSorted(), [
      'boxes',
      'docs_index',
      'shown_index',
      'words',
    ]);
  });
});

describe('SQLite: counters and statistics', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();

  const tables = ['number', 'text', 'null', 'none', 'twice'];
  const odd = `${tables.map((name) => `CREATE TABLE "${name}" (id INTEGER PRIMARY KEY AUTOINCREMENT, v); INSERT INTO "${name}" VALUES (3, 1);`).join('')}
    CREATE INDEX i ON "number" (v); ANALYZE;
    UPDATE sqlite_sequence SET seq = 9007199254740993 WHERE name = 'number'; UPDATE sqlite_sequence SET seq = 'ten' WHERE name = 'text';
    UPDATE sqlite_sequence SET seq = NULL WHERE name = 'null'; DELETE FROM sqlite_sequence WHERE name = 'none';
    INSERT INTO sqlite_sequence VALUES ('twice', 7.5);
    PRAGMA writable_schema = ON; CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample); PRAGMA writable_schema = OFF;
    INSERT INTO sqlite_stat4 VALUES ('number', 'i', '1 1', '0 0', '0 0', x'0301011101'), ('text', 'gone', NULL, 1.5, '', 'odd');`;

  it('come back whatever they are, with all tables and with chosen ones', async () => {
    const file = folder.file('source.db');
    runSqlite(file, odd);
    const session = await connectSqlite(file, { readOnly: true });
    const take = (name: string, selection: BackupSelection): Promise<BackupReport> =>
      takeBackup(session, { file: folder.file(name), selection, logger: silentLogger });
    const all = await take('all.dbbackup', {});
    const part = await take('part.dbbackup', { tables: parseTableNames(tables.join()) });
    await session.close();
    assert.deepEqual([...all.leftOut, ...part.leftOut], []);
    const before = sqliteDump(file);
    for (const [index, { file: backup }] of [all, part].entries()) {
      const target = folder.file(`${index}.db`);
      await restoreFile(backup, target);
      assert.deepEqual(sqliteDump(target), before);
      runSqlite(
        target,
        `UPDATE sqlite_sequence SET seq = 1; DELETE FROM sqlite_stat4; UPDATE sqlite_stat1 SET stat = '1'`,
      );
      await restoreFile(backup, target);
      assert.deepEqual(sqliteDump(target), before);
      runSqlite(
        target,
        `DELETE FROM sqlite_sequence; DROP TABLE "text"; CREATE TABLE "Text" (id INTEGER PRIMARY KEY AUTOINCREMENT, v)`,
      );
      await restoreFile(backup, target, { tables: [{ name: 'text' }] });
      assert.ok(sqliteDump(target).includes('sqlite_sequence text:"Text" text:"ten"'));
    }
  });
});
