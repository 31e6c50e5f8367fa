import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describeError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { planRestore } from '../../../src/restore/planRestore.ts';
import { failure } from '../../support/errors.ts';
import { itInAll } from '../../support/sample.ts';
import { sqliteDump } from '../../support/sqliteDump.ts';
import {
  backUpSqlite,
  connectSqlite,
  holdSqlite,
  type MemoryBackup,
  restoreSqlite,
  runPlan,
  runSqlite,
  useSystemTemporaryFolder,
} from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

describe('SQLite: a restore that fails', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();
  let file: string;
  beforeEach(() => {
    file = folder.file('target.db');
  });

  const numbers = (rows: number): string =>
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})`;

  const schema = `
    CREATE TABLE parent (id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE);
    CREATE TABLE child (parent REFERENCES parent (id), b);
    CREATE INDEX by_parent ON child (parent);
    CREATE TRIGGER "first one" AFTER INSERT ON CHILD BEGIN UPDATE parent SET a = a || 'x' WHERE id = new.parent; END;
    CREATE TRIGGER second BEFORE DELETE ON parent BEGIN SELECT raise(ABORT, 'never'); END;
    CREATE TRIGGER elsewhere AFTER INSERT ON other BEGIN SELECT 1; END;`;

  async function prepared(): Promise<MemoryBackup> {
    runSqlite(
      file,
      `CREATE TABLE other (a); ${schema} INSERT INTO parent VALUES (1, 'a'), (20, 'b');
       INSERT INTO child VALUES (1, 'x'), (20, 'y')`,
    );
    const backup = await backUpSqlite(file);
    runSqlite(file, `UPDATE child SET b = 'changed'; INSERT INTO parent VALUES (30, 'c'); DROP TABLE other`);
    return backup;
  }

  const steps = [
    'prepare',
    'load parent',
    'load child',
    'load other',
    'finish',
    'verify parent',
    'verify child',
    'commit',
  ];
  for (const journal of ['DELETE', 'WAL']) {
    for (const step of steps) {
      it(`before "${step}" leaves everything as it was (${journal})`, async () => {
        const backup = await prepared();
        runSqlite(file, `PRAGMA journal_mode = ${journal}`);
        const before = sqliteDump(file);
        const hash = createHash('sha256')
          .update(await readFile(file))
          .digest('hex');
        const seen: string[] = [];
        await assert.rejects(
          restoreSqlite(file, backup, {
            before: (name) => {
              seen.push(name);
              if (name === step) throw new Error('a fault');
            },
          }),
          /a fault/,
        );
        assert.equal(seen.at(-1), step);
        assert.deepEqual(sqliteDump(file), before);
        assert.equal(
          createHash('sha256')
            .update(await readFile(file))
            .digest('hex'),
          hash,
          'the file has other bytes',
        );
        await restoreSqlite(file, backup);
      });
    }
  }

  it('because it is cancelled within one long statement leaves everything as it was', async () => {
    runSqlite(
      file,
      `CREATE TABLE t (id INTEGER PRIMARY KEY, a); ${numbers(100_000)} INSERT INTO t SELECT i, hex(randomblob(50)) FROM n`,
    );
    const backup = await backUpSqlite(file);
    runSqlite(file, `CREATE INDEX i ON t (a); DELETE FROM t WHERE id % 2`);
    const before = sqliteDump(file);
    const abort = new AbortController();
    const start = (step: string): void => {
      if (step === 'load t') setTimeout(() => abort.abort(), 100);
    };
    await failure(restoreSqlite(file, backup, { signal: abort.signal, before: start }), 'cancelled');
    assert.deepEqual(sqliteDump(file), before);
  });

  it('because its session is closed leaves everything as it was', async () => {
    const backup = await prepared();
    const before = sqliteDump(file);
    const session = await connectSqlite(file);
    const live = await session.introspect({ logger: silentLogger });
    const target = { schema: live, features: session.features, rowCount: () => 0 };
    const plan = planRestore(backup.manifest, target, { mode: 'replace' });
    await assert.rejects(
      runPlan(session, plan, backup, {
        before: async (step) => {
          if (step === 'finish') await session.close();
        },
      }),
    );
    assert.deepEqual(sqliteDump(file), before);
  });

  itInAll('tells of a lock of another process, and changes nothing', async () => {
    runSqlite(file, `CREATE TABLE t (a); INSERT INTO t VALUES (1)`);
    const backup = await backUpSqlite(file);
    runSqlite(file, 'DELETE FROM t');
    const before = sqliteDump(file);
    const other = await holdSqlite(file, 'BEGIN IMMEDIATE');
    const error = await failure(restoreSqlite(file, backup), 'database');
    await other.end();
    assert.match(describeError(error), /locked: another process holds a lock/);
    assert.deepEqual(sqliteDump(file), before);
  });

  itInAll('rolls back when COMMIT fails for a reader that does not end', async () => {
    runSqlite(file, `CREATE TABLE t (a); INSERT INTO t VALUES (1)`);
    const backup = await backUpSqlite(file);
    runSqlite(file, 'DELETE FROM t');
    const before = sqliteDump(file);
    let other: Awaited<ReturnType<typeof holdSqlite>> | undefined;
    const error = await failure(
      restoreSqlite(file, backup, {
        before: async (step) => {
          if (step === 'commit') other = await holdSqlite(file, 'BEGIN; SELECT * FROM t');
        },
      }),
      'database',
    );
    await other?.end();
    assert.match(error.message, /another process holds a lock/);
    assert.deepEqual(sqliteDump(file), before);
  });
});
