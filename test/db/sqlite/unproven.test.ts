import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { MadeHere } from '../../../src/backup/madeHere.ts';
import { verifyBackup, type VerifyReport } from '../../../src/backup/verifyBackup.ts';
import { describeError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { describeUnproven } from '../../../src/core/unproven.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { Connection } from '../../../src/engines/sqlite/connect/connection.ts';
import type { RestoreOptions, RestoreReport } from '../../../src/restore/restoreBackup.ts';
import { failure } from '../../support/errors.ts';
import { itInAll, sampleItems } from '../../support/sample.ts';
import { holdSqlite, runSqlite, useSystemTemporaryFolder } from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { plain, registered, shapes } from '../../support/unprovenShapes.ts';
import { backUpFile, restoreFile } from '../everything/sqliteRoundTrip.ts';

type CopyArguments = Parameters<Connection['copyPages']>;

const numbers = (rows: number): string =>
  `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= ${rows - 1})`;

describe('SQLite: databases that need what only their application registers', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();
  let file: string;
  let backup: string;
  let madeHere: MadeHere;
  beforeEach(() => {
    file = folder.file('app.db');
    backup = folder.file('app.dbbackup');
    madeHere = new MadeHere(folder.file('state'), silentLogger);
  });

  const restore = (target: string, options: Partial<RestoreOptions> = {}): Promise<RestoreReport> =>
    restoreFile(backup, target, { madeHere, safetyFolder: folder.file('safety'), ...options });

  const verify = (): Promise<VerifyReport> => verifyBackup(backup, engineById, { logger: silentLogger });

  /** What another program reads of it. */
  function content(path: string): string[] {
    const args = ['-readonly', path, '.dump --preserve-rowids', 'PRAGMA user_version'];
    const { stdout, stderr } = spawnSync('sqlite3', args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
    assert.equal(stderr, '');
    const short = (line: string): string =>
      line.length < 400 ? line : createHash('sha256').update(line).digest('hex');
    return stdout.split('\n').map(short).sort();
  }

  for (const [name, { sql, unproven, table }] of sampleItems(Object.entries(shapes), 5)) {
    it(`comes back into a new file, over itself and beside others: ${name}`, async () => {
      runSqlite(file, `${plain} PRAGMA user_version = 7; ${sql}`);
      const before = content(file);
      const report = await backUpFile(file, backup, madeHere);
      const told = report.notes.join('\n');
      for (const one of unproven) assert.ok(told.includes(`Not checked: ${one}`), told);
      assert.deepEqual((await verify()).unproven.map(describeUnproven), unproven);
      await restore(folder.file('new.db'));
      assert.deepEqual(content(folder.file('new.db')), before);
      runSqlite(file, 'DELETE FROM plain; UPDATE plain SET a = 1; PRAGMA user_version = 7');
      await restore(file);
      assert.deepEqual(content(file), before);
      // Rows of others do not need any of it.
      runSqlite(file, 'DELETE FROM plain');
      await restore(file, { tables: [{ name: 'plain' }] });
      assert.deepEqual(content(file), before);
      if (table !== undefined) {
        const error = await failure(restore(file, { tables: [{ name: 't' }] }), 'database');
        assert.ok(describeError(error).includes(table), describeError(error));
        assert.deepEqual(content(file), before);
      }
      const other = folder.file('other.db');
      runSqlite(
        other,
        `CREATE TABLE other (a PRIMARY KEY, b); CREATE INDEX other_b ON other (b); INSERT INTO other VALUES (1, 2);
        CREATE VIEW other_view AS SELECT a FROM other; PRAGMA user_version = 7`,
      );
      const others = content(other);
      await restore(other);
      // The tool ends a dump with another word where it cannot read a table in its order.
      const lines = (all: string[]): Set<string> =>
        new Set(all.filter((line) => !/^(COMMIT|ROLLBACK);/.test(line)));
      assert.deepEqual(lines(content(other)), lines([...before, ...others]));
    });
  }

  const indexed = `${plain} ${shapes['a collation in an index']!.sql}`;

  it('writes values that no such index holds, and names it for all others', async () => {
    runSqlite(file, indexed);
    const before = content(file);
    await backUpFile(file, backup, madeHere);
    for (const mode of ['replace', 'merge'] as const) {
      runSqlite(file, 'UPDATE t SET b = 99');
      await restore(file, { tables: [{ name: 't' }], mode });
      assert.deepEqual(content(file), before);
    }
    runSqlite(
      file,
      `${registered('t_a', { unicase: 'NOCASE' })} DELETE FROM t WHERE id = 1; ${registered('t_a', { NOCASE: 'unicase' })}`,
    );
    const damaged = content(file);
    for (const options of [
      { tables: [{ name: 't' }] },
      { dryRun: true },
      { safetyFolder: undefined as never },
    ]) {
      const error = await failure(restore(file, options), 'database');
      assert.match(
        describeError(error),
        /The index t_a of t needs the collation unicase.*Nothing was changed/,
      );
      assert.deepEqual(content(file), damaged);
    }
    await restore(file);
    assert.deepEqual(content(file), before);
  });

  it('writes values that are in no key over a column with such a collation', async () => {
    runSqlite(file, shapes['a collation in a column, and a key over it']!.sql);
    const before = content(file);
    await backUpFile(file, backup, madeHere);
    runSqlite(file, 'UPDATE t SET b = 99');
    await restore(file, { tables: [{ name: 't' }] });
    assert.deepEqual(content(file), before);
  });

  describe('that are copied beside what the live database has', () => {
    const others = `CREATE TABLE w (a TEXT PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO w VALUES ('x', 1), ('y', 2);
      CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, a); INSERT INTO counted (a) VALUES (1), (2);
      DELETE FROM counted WHERE id = 2; CREATE TABLE log (a); CREATE INDEX w_b ON w (b) WHERE b > 1;
      CREATE VIRTUAL TABLE words USING fts5 (a); INSERT INTO words VALUES ('some words');
      CREATE TRIGGER counting AFTER INSERT ON counted BEGIN INSERT INTO log VALUES (new.id); END;
      CREATE INDEX plain_a ON plain (a); CREATE TRIGGER noted AFTER UPDATE ON plain BEGIN INSERT INTO log VALUES (own(1)); END;
      PRAGMA user_version = 9;`;

    it('keep it all, with counters, statistics and numbers', async () => {
      runSqlite(file, `${indexed} PRAGMA user_version = 7`);
      await backUpFile(file, backup, madeHere);
      const [other, expected] = [folder.file('other.db'), folder.file('expected.db')];
      runSqlite(other, `${plain} DELETE FROM plain; ${others} ANALYZE`);
      runSqlite(expected, `${indexed} ${others}`);
      await restore(other);
      const lines = (path: string): string[] =>
        content(path).filter((line) => !/sqlite_stat1|^ANALYZE/.test(line));
      assert.deepEqual(lines(other), lines(expected));
      assert.ok(content(other).some((line) => /sqlite_stat1.*'w_b'/.test(line)));
    });

    it('are refused where something else there needs what is missing, or has the same name', async () => {
      runSqlite(file, indexed);
      await backUpFile(file, backup, madeHere);
      const target = folder.file('other.db');
      for (const sql of [
        `CREATE TABLE o (a TEXT COLLATE NOCASE); INSERT INTO o VALUES ('x'); ${registered('o', { NOCASE: 'unicase' })}`,
        'CREATE TABLE o (a); CREATE INDEX plain_a ON o (a); CREATE INDEX t_a ON o (a)',
      ]) {
        runSqlite(target, sql);
        const before = content(target);
        const error = await failure(restore(target), 'database');
        assert.match(describeError(error), /Nothing was changed/);
        assert.deepEqual(content(target), before);
        rmSync(target);
      }
    });
  });

  it('says that freed pages are in it only where they are', async () => {
    const secret = 'a secret that was deleted';
    runSqlite(
      file,
      `PRAGMA secure_delete = OFF; ${indexed} CREATE TABLE u (a); INSERT INTO u VALUES ('${secret}'); DROP TABLE u`,
    );
    const { notes } = await backUpFile(file, backup, madeHere);
    assert.match(notes[0]!, /free pages: the backup may contain deleted rows/);
    runSqlite(folder.file('plain.db'), plain);
    assert.deepEqual((await backUpFile(folder.file('plain.db'), folder.file('plain.dbbackup'))).notes, []);
  });

  for (const journal of sampleItems(['WAL', 'DELETE'], 2)) {
    describe(`that are copied over a live one (${journal})`, () => {
      let before: string[];
      let damaged: string[];
      beforeEach(async () => {
        runSqlite(
          file,
          `${indexed} CREATE TABLE much (a); ${numbers(9_000)} INSERT INTO much SELECT randomblob(1000) FROM n;
          PRAGMA journal_mode = ${journal}`,
        );
        before = content(file);
        await backUpFile(file, backup, madeHere);
        runSqlite(file, 'UPDATE much SET a = zeroblob(1100); DELETE FROM plain');
        damaged = content(file);
      });

      it('keep their journal, and are seen by a program that has them open', async () => {
        const reader = new DatabaseSync(file);
        assert.equal(reader.prepare('SELECT count(*) AS n FROM plain').get()!['n'], 0);
        reader.close();
        await restore(file);
        assert.deepEqual(content(file), before);
        const database = new DatabaseSync(file);
        assert.equal(database.prepare('PRAGMA journal_mode').get()!['journal_mode'], journal.toLowerCase());
        database.close();
      });

      it('are as they were when it is cancelled half-way', async () => {
        const abort = new AbortController();
        let steps = 0;
        await failure(
          restore(file, {
            signal: abort.signal,
            report: ({ phase, fraction }) => {
              if (phase === 'commit' && (fraction ?? 0) > 0.4 && ++steps === 1) abort.abort();
            },
          }),
          'cancelled',
        );
        assert.equal(steps, 1);
        assert.deepEqual(content(file), damaged);
        await restore(file);
        assert.deepEqual(content(file), before);
      });

      it('keep others from writing from the first page to the last', async () => {
        let tried = '';
        await restore(file, {
          report: ({ phase, fraction }) => {
            if (phase !== 'commit' || (fraction ?? 0) < 0.4 || tried !== '') return;
            tried = spawnSync('sqlite3', [file, 'DELETE FROM plain'], { encoding: 'utf8' }).stderr;
          },
        });
        assert.match(tried, /database is locked/);
        assert.deepEqual(content(file), before);
      });

      itInAll('are as they were where another program holds the lock', async () => {
        const holder = await holdSqlite(file, 'BEGIN IMMEDIATE; UPDATE plain SET a = 3');
        const error = await failure(restore(file), 'database');
        assert.match(describeError(error), /locked.*Nothing was changed/);
        await holder.end();
        assert.deepEqual(content(file), damaged);
      });

      it('are as they were where another program wrote meanwhile', async () => {
        let written = false;
        const error = await failure(
          restore(file, {
            report: ({ phase }) => {
              if (phase !== 'commit' || written) return;
              written = true;
              assert.equal(spawnSync('sqlite3', [file, `INSERT INTO plain VALUES (9, 'new')`]).status, 0);
            },
          }),
          'refused',
        );
        assert.match(describeError(error), /Another program wrote.*Start the restore again/);
        assert.ok(content(file).some((line) => /INSERT INTO plain.*\(9,'new'\)/.test(line)));
      });

      it('get the safety copy back where they are not what was meant', async () => {
        const { copyPages } = Connection.prototype as {
          copyPages: (this: Connection, ...args: CopyArguments) => Promise<void>;
        };
        const other = folder.file('other.db');
        copyFileSync(file, other);
        runSqlite(other, 'PRAGMA journal_mode = DELETE; DELETE FROM much WHERE rowid % 2');
        let calls = 0;
        Connection.prototype.copyPages = function (direction, path, options) {
          return copyPages.call(
            this,
            direction,
            direction === 'from' && calls++ === 0 ? other : path,
            options,
          );
        };
        try {
          const error = await failure(restore(file), 'verification');
          assert.match(describeError(error), /The safety copy was put back/);
        } finally {
          Connection.prototype.copyPages = copyPages;
        }
        assert.equal(calls, 2);
        assert.deepEqual(content(file), damaged);
      });

      for (const { what, putBack } of [
        { what: 'get the safety copy back', putBack: true },
        { what: 'are told as changed where the safety copy does not come back', putBack: false },
      ]) {
        it(`${what}, where the result cannot be compared`, async () => {
          const { copyPages } = Connection.prototype as {
            copyPages: (this: Connection, ...args: CopyArguments) => Promise<void>;
          };
          let calls = 0;
          Connection.prototype.copyPages = async function (direction, path, options) {
            if (direction === 'to' && path.endsWith('after.sqlite')) throw new Error('a fault');
            if (direction === 'from' && calls++ > 0 && !putBack) throw new Error('another fault');
            await copyPages.call(this, direction, path, options);
          };
          try {
            const words = describeError(await failure(restore(file), 'database'));
            assert.match(words, /a fault/);
            if (putBack) assert.match(words, /The safety copy was put back: the database is as it was/);
            else assert.match(words, /The database was restored, and the safety copy could not be put back/);
            assert.doesNotMatch(words, /Nothing was changed/);
          } finally {
            Connection.prototype.copyPages = copyPages;
          }
          assert.equal(calls, 2);
          assert.deepEqual(content(file), putBack ? damaged : before);
        });
      }

      it('are as they were after a kill half-way', async () => {
        const script = `
          import { MadeHere } from ${JSON.stringify(new URL('../../../src/backup/madeHere.ts', import.meta.url).href)};
          import { silentLogger } from ${JSON.stringify(new URL('../../../src/core/logger.ts', import.meta.url).href)};
          import { restoreFile } from ${JSON.stringify(new URL('../everything/sqliteRoundTrip.ts', import.meta.url).href)};
          const madeHere = new MadeHere(${JSON.stringify(folder.file('state'))}, silentLogger);
          await restoreFile(${JSON.stringify(backup)}, ${JSON.stringify(file)}, { madeHere,
            safetyFolder: ${JSON.stringify(folder.file('safety'))},
            report: ({ phase, fraction }) => { if (phase === 'commit' && fraction > 0.5) process.kill(process.pid, 'SIGKILL'); } });`;
        const temporary = folder.file('tmp');
        runSqlite(folder.file('unused.db'), 'SELECT 1');
        const child = spawn(
          process.execPath,
          ['--no-warnings', '--input-type=module-typescript', '-e', script],
          {
            env: { ...process.env, TMPDIR: folder.path },
            stdio: 'inherit',
          },
        );
        const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
        assert.equal(signal, 'SIGKILL', temporary);
        assert.ok(readdirSync(folder.path).length > 0 && readFileSync(file).length > 0);
        runSqlite(file, 'SELECT 1');
        assert.deepEqual(content(file), damaged);
      });
    });
  }
});
