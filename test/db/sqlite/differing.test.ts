import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import type { TableChange } from '../../../src/core/plan.ts';
import { runCli } from '../../support/cli.ts';
import { failure } from '../../support/errors.ts';
import { sqliteDump } from '../../support/sqliteDump.ts';
import {
  backUpSqlite,
  holdSqlite,
  integrity,
  restoreSqlite,
  runSqlite,
  useSystemTemporaryFolder,
} from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

const count = 6000;
const numbers = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})`;

/** Enough rows to be compared before they are written. */
const table = `CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT NOT NULL UNIQUE, a, b); CREATE INDEX i ON t (a);
  ${numbers} INSERT INTO t SELECT i, 'u' || i, i % 100, 'text ' || i FROM n;`;

const fewChanges = `DELETE FROM t WHERE id BETWEEN 100 AND 119; UPDATE t SET a = -1, b = 'lost ' || id WHERE id IN (7, 3000, 6000);
  INSERT INTO t VALUES (9000, 'new', 1, NULL)`;

describe('SQLite: restoring what differs', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();
  let file: string;
  beforeEach(() => {
    file = folder.file('target.db');
  });

  /** Restores after some damage, and expects all of the state before. */
  async function restoreAfter(
    damage: (backedUp: string) => unknown,
    { setUp = table, check = 'ok' }: { readonly setUp?: string; readonly check?: string } = {},
  ): Promise<TableChange> {
    runSqlite(file, setUp);
    const before = sqliteDump(file);
    const backup = await backUpSqlite(file);
    await damage(file);
    const [change, ...others] = await restoreSqlite(file, backup);
    assert.deepEqual(others, []);
    assert.deepEqual(sqliteDump(file), before);
    assert.equal(integrity(file), check);
    return change!;
  }

  it('writes that and nothing else', async () => {
    const kept = folder.file('before.db');
    const change = await restoreAfter(() => {
      copyFileSync(file, kept);
      runSqlite(file, fewChanges);
    });
    const { table: _, ...counts } = change;
    const rows = { rowsBefore: count - 19, rowsAfter: count, inserted: count, updated: 0 };
    assert.deepEqual(counts, { ...rows, kept: count - 23, removed: 1 });
    const pages = readFileSync(kept).length / 4096;
    assert.ok(changedPages(kept, file) < pages / 3, `${changedPages(kept, file)} of ${pages} pages differ`);
  });

  it('writes nothing where nothing differs', async () => {
    const kept = folder.file('before.db');
    const { kept: rows } = await restoreAfter(() => copyFileSync(file, kept));
    assert.equal(rows, count);
    // The page with the counter of changes.
    assert.ok(changedPages(kept, file) <= 1);
  });

  it('writes all where much differs', async () => {
    for (const damage of [
      'UPDATE t SET b = id',
      'DELETE FROM t WHERE id > 5900',
      'DELETE FROM t',
      `${numbers} INSERT INTO t SELECT i + ${count}, 'new' || i, i, i FROM n LIMIT 100`,
      'UPDATE t SET id = id + 400 WHERE id > 5930',
    ]) {
      const { kept, inserted } = await restoreAfter(() => runSqlite(file, damage), {
        setUp: `DROP TABLE IF EXISTS t; ${table}`,
      });
      assert.deepEqual([kept, inserted], [undefined, count], damage);
    }
  });

  it('sees every difference of type, of case and of affinity', async () => {
    const values = ["'1'", '1.0', "x'31'", 'NULL', "'text 1 '", "'TEXT 1'", '-0.0', '9007199254740993'];
    const setUp = `${table} UPDATE t SET a = 1 WHERE id <= 8; UPDATE t SET a = 0.0 WHERE id = 7;
      UPDATE t SET a = 9007199254740992.0 WHERE id = 8`;
    const damage = values
      .map((value, index) => `UPDATE t SET a = ${value} WHERE id = ${index + 1};`)
      .join('');
    const { kept } = await restoreAfter(() => runSqlite(file, damage), { setUp });
    assert.equal(kept, count - values.length);
  });

  it('takes unique values from one row to another', async () => {
    const swap = `UPDATE t SET u = 'between' WHERE id = 1; UPDATE t SET u = 'u1' WHERE id = 2;
      UPDATE t SET u = 'u2' WHERE id = 1`;
    assert.equal((await restoreAfter(() => runSqlite(file, swap))).kept, count - 2);
  });

  it('finds rows by their rowids where no column is the rowid, and puts these back', async () => {
    const setUp = `CREATE TABLE t (k TEXT PRIMARY KEY, a); CREATE INDEX i ON t (a);
      ${numbers} INSERT INTO t (rowid, k, a) SELECT i * 2, 'k' || i, i FROM n`;
    const moved = `UPDATE t SET rowid = rowid + 1 WHERE k IN ('k1', 'k2'); DELETE FROM t WHERE k = 'k3'`;
    assert.equal((await restoreAfter(() => runSqlite(file, moved), { setUp })).kept, count - 3);
  });

  it('fires no trigger', async () => {
    const setUp = `${table} CREATE TABLE log (what); CREATE TRIGGER d AFTER DELETE ON t BEGIN INSERT INTO log VALUES (old.id); END;
      CREATE TRIGGER n AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.id); END;`;
    runSqlite(file, setUp);
    const before = sqliteDump(file);
    const backup = await backUpSqlite(file);
    runSqlite(file, `${fewChanges}; DELETE FROM log`);
    const changes = await restoreSqlite(file, backup);
    assert.deepEqual(sqliteDump(file), before);
    assert.deepEqual(
      changes.map(({ kept }) => kept),
      [count - 23, undefined],
    );
  });

  describe('writes all of a table with an index', () => {
    const index = 'CREATE INDEX i ON t (a)';
    const misled = `PRAGMA writable_schema = ON;
      UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t (b)' WHERE name = 'i';
      PRAGMA writable_schema = RESET; REINDEX i;
      PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '${index}' WHERE name = 'i'`;

    for (const [what, rows] of Object.entries({
      'where rows are the same': '',
      'where some differ': fewChanges,
    })) {
      it(`that is not in step, ${what}`, async () => {
        const { kept } = await restoreAfter(() => {
          runSqlite(file, `${rows}; ${misled}`);
          assert.notEqual(integrity(file), 'ok');
        });
        assert.equal(kept, undefined);
      });

      it(`over expressions that is not in step, ${what}`, async () => {
        const { kept } = await restoreAfter(
          () => {
            runSqlite(file, `${rows}; ${misled.replaceAll(index, 'CREATE INDEX i ON t (a + 0)')}`);
            assert.notEqual(integrity(file), 'ok');
          },
          { setUp: table.replace(index, 'CREATE INDEX i ON t (a + 0)') },
        );
        assert.equal(kept, undefined);
      });
    }
  });

  describe('writes all of a table', () => {
    it('that SQLite would not store as it stands in the backup', async () => {
      const setUp = `${table} UPDATE t SET a = '5' WHERE id = 5; PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = replace(sql, 'a, b)', 'a INTEGER, b)') WHERE name = 't'`;
      const damage = 'DELETE FROM t WHERE id BETWEEN 5 AND 9';
      const { kept, rowsBefore } = await restoreAfter(() => runSqlite(file, damage), {
        setUp,
        check: 'TEXT value in t.a',
      });
      assert.deepEqual([kept, rowsBefore], [undefined, count - 5]);
    });

    it('without rowids', async () => {
      const setUp = `CREATE TABLE t (k PRIMARY KEY, a) WITHOUT ROWID; ${numbers} INSERT INTO t SELECT i, i FROM n`;
      const { kept } = await restoreAfter(() => runSqlite(file, 'DELETE FROM t WHERE k = 5'), { setUp });
      assert.equal(kept, undefined);
    });

    it('that stores generated columns, which may hold what they would not hold now', async () => {
      const setUp = `CREATE TABLE t (id INTEGER PRIMARY KEY, a, g AS (a * 2) STORED); ${numbers} INSERT INTO t SELECT i, i FROM n`;
      const definition = (from: string, to: string): string => `PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = replace(sql, '${from}', '${to}') WHERE name = 't'; PRAGMA writable_schema = RESET;`;
      const damage = `${definition('a * 2', 'a * 3')} UPDATE t SET a = a WHERE id < 9; ${definition('a * 3', 'a * 2')}`;
      const { kept } = await restoreAfter(() => runSqlite(file, damage), { setUp });
      assert.equal(kept, undefined);
    });

    it('when it is restored alone', async () => {
      runSqlite(file, `${table} CREATE TABLE other (a)`);
      const before = sqliteDump(file);
      const backup = await backUpSqlite(file);
      runSqlite(file, fewChanges);
      const [change] = await restoreSqlite(file, backup, { tables: ['t'] });
      assert.equal(change!.kept, undefined);
      assert.deepEqual(sqliteDump(file), before);
    });
  });

  it('keeps rows that an index over expressions covers, a partial one or one in another collation', async () => {
    const setUp = `${table} CREATE INDEX e ON t (a + 1); CREATE INDEX p ON t (b) WHERE a > 50;
      CREATE UNIQUE INDEX c ON t (b COLLATE NOCASE)`;
    assert.equal((await restoreAfter(() => runSqlite(file, fewChanges), { setUp })).kept, count - 23);
  });

  for (const [what, reader] of Object.entries({
    'that nobody else reads': '',
    'that a reader keeps from being put into the file': 'BEGIN; SELECT count(*) FROM t',
  })) {
    it(`reads a write-ahead log ${what}`, async () => {
      let other: Awaited<ReturnType<typeof holdSqlite>> | undefined;
      let writer: Awaited<ReturnType<typeof holdSqlite>> | undefined;
      try {
        const { kept } = await restoreAfter(
          async () => {
            other = reader ? await holdSqlite(file, reader) : undefined;
            // Whoever closes the file last puts the log into it.
            writer = await holdSqlite(file, `PRAGMA wal_autocheckpoint = 0; ${fewChanges}`);
          },
          { setUp: `PRAGMA journal_mode = WAL; ${table}` },
        );
        assert.equal(kept, count - 23);
      } finally {
        await writer?.end();
        await other?.end();
      }
    });
  }

  for (const step of ['load t', 'finish', 'verify t', 'commit']) {
    it(`leaves everything as it was when it ends before "${step}"`, async () => {
      runSqlite(file, table);
      const backup = await backUpSqlite(file);
      runSqlite(file, fewChanges);
      const before = readFileSync(file);
      const end = (name: string): void => {
        if (name === step) throw new Error('a fault');
      };
      await assert.rejects(restoreSqlite(file, backup, { before: end }), /a fault/);
      assert.ok(readFileSync(file).equals(before));
    });
  }

  it('is verified: a backup with fewer rows than it says is not committed', async () => {
    runSqlite(file, table);
    const { manifest, source } = await backUpSqlite(file);
    const [described] = manifest.tables;
    const tables = [{ ...described!, rows: count + 1 }];
    runSqlite(file, `INSERT INTO t VALUES (9000, 'not in the backup', 1, 1)`);
    const before = sqliteDump(file);
    const error = await failure(
      restoreSqlite(file, { manifest: { ...manifest, tables }, source }),
      'verification',
    );
    assert.match(error.message, new RegExp(`it has ${count} rows, but the backup has ${count + 1}`));
    assert.deepEqual(sqliteDump(file), before);
  });

  it('is exact where the backup holds fewer rows than an index in it', async () => {
    const index = 'CREATE INDEX i ON t (a)';
    const lost = `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); ${index};
      ${numbers} INSERT INTO t SELECT i, i % 100, 'text ' || i FROM n;
      PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '${index} WHERE a < 0' WHERE name = 'i';
      PRAGMA writable_schema = RESET; DELETE FROM t WHERE id = 77;
      PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '${index}' WHERE name = 'i'`;
    const repaired = `REINDEX i; INSERT INTO t VALUES (9000, 1, 'not in the backup')`;
    runSqlite(file, lost);
    const rows = (): string[] => sqliteDump(file).filter((line) => !line.startsWith('main.integrity_check'));
    const before = rows();
    const backup = await backUpSqlite(file);
    runSqlite(file, repaired);
    const [change] = await restoreSqlite(file, backup);
    assert.deepEqual([change!.kept, change!.rowsAfter], [count - 1, count - 1]);
    assert.deepEqual(rows(), before);
    assert.equal(integrity(file), 'ok');
  });

  it('ends when it is cancelled', async () => {
    const wide = table.replace(`'text ' || i`, 'zeroblob(20000)');
    runSqlite(file, wide);
    const backup = await backUpSqlite(file);
    runSqlite(file, fewChanges);
    const before = sqliteDump(file);
    const end = new AbortController();
    const cancel = (name: string): void => {
      if (name === 'prepare') setTimeout(() => end.abort(), 10);
    };
    await failure(restoreSqlite(file, backup, { signal: end.signal, before: cancel }), 'cancelled');
    assert.deepEqual(sqliteDump(file), before);
  });
});

describe('SQLite: rows that were written', () => {
  const folder = useTemporaryFolder();

  it('are told by the command line', async () => {
    const file = folder.file('a.db');
    runSqlite(file, `${table} CREATE TABLE small (a); INSERT INTO small VALUES (1)`);
    const backup = folder.file('a.dbbackup');
    assert.equal((await runCli(['backup', `sqlite:${file}`, '--out', backup])).code, 0);
    for (const [damage, words] of [
      [fewChanges, 't +5,981 rows before +6,000 rows after +23 written, 1 removed, the rest were unchanged'],
      ['', 't +6,000 rows before +6,000 rows after +all unchanged, nothing to write'],
      [
        'UPDATE t SET b = 1 WHERE id < 4',
        't +6,000 rows before +6,000 rows after +3 written, the rest were unchanged',
      ],
      [
        `INSERT INTO t VALUES (9000, 'new', 1, 1)`,
        't +6,001 rows before +6,000 rows after +1 removed, the rest were unchanged',
      ],
      ['DELETE FROM t', 't +0 rows before +6,000 rows after\\n'],
    ] as const) {
      runSqlite(file, damage);
      const { stdout } = await runCli(['restore', backup, `sqlite:${file}`, '--yes', '--no-safety-backup']);
      assert.match(stdout, new RegExp(words));
      assert.match(stdout, /small +1 row before +1 row after\n/);
    }
  });
});

function changedPages(first: string, second: string): number {
  const [a, b] = [readFileSync(first), readFileSync(second)];
  let changed = 0;
  for (let at = 0; at < Math.max(a.length, b.length); at += 4096) {
    if (!a.subarray(at, at + 4096).equals(b.subarray(at, at + 4096))) changed += 1;
  }
  return changed;
}
