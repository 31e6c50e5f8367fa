import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { MadeHere } from '../../../src/backup/madeHere.ts';
import { type RestorePointError, describeError } from '../../../src/core/errors.ts';
import { type Logger, silentLogger } from '../../../src/core/logger.ts';
import { engineById } from '../../../src/engines/registry.ts';
import type { RestoreOptions, RestoreReport } from '../../../src/restore/restoreBackup.ts';
import { stepFaults, tryEveryStep } from '../../support/faults/everyStep.ts';
import type { FaultSet } from '../../support/faults/faultSet.ts';
import { ensureDebianPackages } from '../../support/debianPackages.ts';
import { openFiles } from '../../support/openFiles.ts';
import { connectSqlite, runSqlite, useSystemTemporaryFolder } from '../../support/sqliteFiles.ts';
import { assertSameSqlite, readSqliteWitness } from '../../support/sqliteWitness.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { countTried } from '../../support/triedCounts.ts';
import { backUpFile, during, restoreFile } from '../everything/sqliteRoundTrip.ts';

const shop = `
  PRAGMA user_version = 7; PRAGMA application_id = 77;
  CREATE TABLE customers (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE);
  CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers, total REAL);
  CREATE INDEX orders_customer ON orders (customer); CREATE INDEX large ON orders (total) WHERE total > 50;
  CREATE VIEW named AS SELECT name, total FROM orders JOIN customers ON customers.id = customer;
  CREATE TRIGGER counted AFTER INSERT ON orders BEGIN UPDATE customers SET name = name || '+' WHERE id = new.customer; END;
  INSERT INTO customers (name) VALUES ('Ada'), ('Grace'), ('Edsger');
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
    INSERT INTO orders SELECT i, NULL, i / 30.0 FROM n;
  UPDATE orders SET customer = id % 3 + 1; ANALYZE;`;

describe('SQLite: a whole database into a new file', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();
  let source: string;
  let backup: string;
  let target: string;
  let madeHere: MadeHere;
  let said: string[];
  let logger: Logger;

  beforeEach(async () => {
    await mkdir(folder.file('in'));
    [source, backup, target] = [
      folder.file('source.db'),
      folder.file('a.dbbackup'),
      folder.file('in/new.db'),
    ];
    madeHere = new MadeHere(folder.file('state'), silentLogger);
    said = [];
    const say = (message: string): void => void said.push(message);
    logger = { debug: say, info: say, warn: say, error: say };
  });

  async function backUp(sql = shop): Promise<void> {
    runSqlite(source, sql);
    await backUpFile(source, backup, madeHere);
  }

  const restore = (options: Partial<RestoreOptions> = {}): Promise<RestoreReport> =>
    restoreFile(backup, target, { madeHere, logger, ...options });

  const asItIs = (): boolean => said.some((message) => message.endsWith('as it is'));

  const filesThere = async (): Promise<string[]> => (await readdir(folder.file('in'))).toSorted();

  async function fails(
    code: RestorePointError['code'],
    options: Partial<RestoreOptions> = {},
  ): Promise<RestorePointError> {
    const error = await restore(options).then(
      () => assert.fail('it was restored'),
      (caught: unknown) => caught as RestorePointError,
    );
    assert.equal(error.code, code, describeError(error));
    assert.match(describeError(error), /Nothing was changed\./);
    return error;
  }

  it('takes the database as it is, with all that belongs to no table', async () => {
    await backUp();
    const report = await restore();
    assert.ok(asItIs());
    assertSameSqlite(readSqliteWitness(target, { tool: true }), readSqliteWitness(source, { tool: true }));
    assert.deepEqual(
      report.tables.map(({ table, rowsBefore, rowsAfter, inserted }) => [
        table.name,
        rowsBefore,
        rowsAfter,
        inserted,
      ]),
      [
        ['customers', 0, 3, 3],
        ['orders', 0, 3000, 3000],
      ],
    );
    assert.equal(report.created.length, 2);
    assert.deepEqual(await filesThere(), ['new.db']);
  });

  it('copies rows of a backup that was made elsewhere', async () => {
    await backUp();
    await restore({ madeHere: new MadeHere(folder.file('another'), silentLogger) });
    assert.ok(!asItIs());
    assertSameSqlite(readSqliteWitness(target, { tool: true }), readSqliteWitness(source, { tool: true }));
  });

  for (const [what, sql] of Object.entries({
    'a table without rowids': 'CREATE TABLE t (a PRIMARY KEY) WITHOUT ROWID; INSERT INTO t VALUES (2), (1)',
    'a table of a module': `CREATE VIRTUAL TABLE t USING fts5 (a); INSERT INTO t VALUES ('word'); CREATE TABLE u (a)`,
  })) {
    it(`copies rows where there is ${what}`, async () => {
      await backUp(sql);
      await restore();
      assert.ok(!asItIs());
      assertSameSqlite(readSqliteWitness(target, { tool: true }), readSqliteWitness(source, { tool: true }));
    });
  }

  for (const beside of ['', '-journal', '-wal']) {
    it(`copies rows where an empty file stands already: new.db${beside}`, async () => {
      await backUp();
      await writeFile(target + beside, '');
      await restore();
      assert.ok(!asItIs());
      assertSameSqlite(readSqliteWitness(target, { tool: true }), readSqliteWitness(source, { tool: true }));
    });
  }

  it('copies rows where pages keep bytes for an extension', async () => {
    ensureDebianPackages(['sqlite3']);
    const statements = `.filectrl reserve_bytes 8\nCREATE TABLE t (a);\nVACUUM;\nINSERT INTO t VALUES (1);\n`;
    const tool = spawnSync('sqlite3', [source], { input: statements, encoding: 'utf8' });
    assert.equal(tool.status, 0, tool.stderr);
    await backUpFile(source, backup, madeHere);
    await restore();
    assert.equal((await readFile(source))[20], 8);
    assert.ok(!asItIs());
    assert.deepEqual(readSqliteWitness(target).rows, readSqliteWitness(source).rows);
    assert.deepEqual(await filesThere(), ['new.db']);
  });

  it('gives a database that is in no mode of its source, with the rights of a new file', async () => {
    const before = process.umask(0o027);
    try {
      await backUp(`PRAGMA journal_mode = WAL; ${shop}`);
      await restore();
    } finally {
      process.umask(before);
    }
    assert.ok(asItIs());
    assert.deepEqual([...(await readFile(target)).subarray(18, 20)], [1, 1]);
    assert.equal((await stat(target)).mode & 0o777, 0o640);
  });

  it('copies rows through a symbolic link to nothing, which stays one', async () => {
    await backUp();
    await symlink(folder.file('in/real.db'), folder.file('link.db'));
    await restoreFile(backup, folder.file('link.db'), { madeHere, logger });
    assert.ok(!asItIs());
    assert.deepEqual(await filesThere(), ['real.db']);
    assertSameSqlite(readSqliteWitness(folder.file('link.db')), readSqliteWitness(source));
  });

  it('can be read in the session that made it', async () => {
    await backUp();
    const { restoreBackup } = await import('../../../src/restore/restoreBackup.ts');
    const session = await connectSqlite(target, { create: true });
    const yes = (): Promise<boolean> => Promise.resolve(true);
    await restoreBackup(backup, session, engineById, {
      madeHere,
      logger,
      mode: 'replace',
      mayRun: yes,
      confirm: yes,
    });
    assert.ok(asItIs());
    assert.deepEqual(await session.countRows([{ name: 'orders' }], { logger }), [3000]);
    await session.close();
  });

  it('is there when it is complete, and until then nobody can read what is made', async () => {
    await backUp();
    let seen: unknown;
    await restore(
      during('verify', () => {
        const names = readdirSync(folder.file('in'));
        seen = names.map((name) => [
          name.replace(/\d+-\w+/, 'N'),
          statSync(folder.file(`in/${name}`)).mode & 0o777,
        ]);
      }),
    );
    assert.deepEqual(seen, [['.restore-point.N.database-part', 0o600]]);
    assertSameSqlite(readSqliteWitness(target), readSqliteWitness(source));
  });

  it('is made once where two restores begin at the same time', async () => {
    await backUp();
    const both = await Promise.allSettled([restore(), restore()]);
    const failed = both.flatMap((one) =>
      one.status === 'rejected' ? [one.reason as RestorePointError] : [],
    );
    assert.equal(failed.length, 1);
    assert.match(
      describeError(failed[0]!),
      /Another program has created a file with this name.*Nothing was changed/s,
    );
    assertSameSqlite(readSqliteWitness(target), readSqliteWitness(source));
    assert.deepEqual(await filesThere(), ['new.db']);
  });

  it('leaves nothing after a rehearsal', async () => {
    await backUp();
    await restore({ dryRun: true });
    assert.ok(asItIs());
    assert.deepEqual(await filesThere(), []);
  });

  for (const phase of ['prepare', 'load', 'constraints', 'verify'] as const) {
    it(`leaves nothing when it is cancelled: ${phase}`, async () => {
      await backUp();
      const controller = new AbortController();
      await fails('cancelled', { signal: controller.signal, ...during(phase, () => controller.abort()) });
      assert.deepEqual(await filesThere(), []);
    });
  }

  it('refuses a file that is not what was written', async () => {
    await backUp();
    const spoil = (): void => {
      const part = readdirSync(folder.file('in')).find((name) => name.endsWith('.database-part'));
      const file = openSync(folder.file(`in/${part}`), 'r+');
      writeSync(file, 'x', 5000);
      closeSync(file);
    };
    const error = await fails('verification', during('load', spoil));
    assert.match(error.message, /the file is not what was written/);
    assert.deepEqual(await filesThere(), []);
  });

  it('takes the place of no file that another program has made meanwhile', async () => {
    await backUp();
    const error = await fails(
      'database',
      during('load', () => writeFileSync(target, 'mine')),
    );
    assert.match(error.message, /Another program has created a file with this name/);
    assert.deepEqual(await filesThere(), ['new.db']);
    assert.equal(await readFile(target, 'utf8'), 'mine');
  });

  /** What the witness has of a database in which nothing is wrong. */
  const sound = 'main.integrity_check(100000): ok';

  /** Statements after which the index `i` of `t` is of another state than the table. */
  const misled = (index: string, work: string): string => `
    CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); ${index};
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO t SELECT i, i, 1 FROM n;
    PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t (b)' WHERE name = 'i';
    PRAGMA writable_schema = RESET; ${work};
    PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '${index}' WHERE name = 'i'`;

  it('makes an index anew that is not in step with its table', async () => {
    await backUp(misled('CREATE INDEX i ON t (a)', 'INSERT INTO t VALUES (501, 7, 8)'));
    await restore();
    assert.ok(asItIs());
    assert.deepEqual(readSqliteWitness(target).checks, [sound]);
  });

  it('makes an index anew whose entries are not in order', async () => {
    await backUp(
      `CREATE TABLE t (a TEXT); CREATE INDEX i ON t (a); INSERT INTO t VALUES ('b'), ('A'), ('c');
       PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t (a COLLATE NOCASE)' WHERE name = 'i'`,
    );
    await restore();
    assert.ok(asItIs());
    assert.deepEqual(readSqliteWitness(target).checks, [sound]);
  });

  it('refuses rows that a unique index does not take, and leaves nothing', async () => {
    await backUp(misled('CREATE UNIQUE INDEX i ON t (a)', 'INSERT INTO t VALUES (501, 300, 1)'));
    const error = await fails('database');
    assert.match(describeError(error), /UNIQUE constraint failed: t\.a/);
    assert.equal(error.details.place?.table, 't');
    assert.deepEqual(await filesThere(), []);
  });

  for (const parent of ['CREATE TABLE p (id INTEGER PRIMARY KEY);', '']) {
    it(`warns of rows that pointed at nothing${parent ? '' : ', not even at a table'}`, async () => {
      await backUp(`${parent} CREATE TABLE c (p REFERENCES p); INSERT INTO c VALUES (9)`);
      await restore();
      assert.ok(asItIs());
      assert.ok(said.includes('Rows of c reference rows of p that are not in the backup either'));
    });
  }

  for (const [what, more] of Object.entries({
    'an index': '; CREATE INDEX i ON t (a)',
    'no index': '',
    'values that take pages of their own': '; UPDATE t SET a = zeroblob(9000); CREATE INDEX i ON t (a)',
  })) {
    it(`refuses rows in no order, of a table with ${what}`, async () => {
      runSqlite(
        source,
        `CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 1), (2, 2)${more}`,
      );
      const bytes = await readFile(source);
      const cells = 4096 + 8;
      const [first, second] = [bytes.readUInt16BE(cells), bytes.readUInt16BE(cells + 2)];
      bytes.writeUInt16BE(second, cells);
      bytes.writeUInt16BE(first, cells + 2);
      await writeFile(source, bytes);
      await backUpFile(source, backup, madeHere);
      const error = await fails('damaged-backup');
      assert.match(error.message, /Rowid 2 out of order/);
      assert.deepEqual(await filesThere(), []);
    });
  }

  it('removes what a process that was killed has left there', async () => {
    await backUp();
    const { pid } = spawnSync(process.execPath, ['--version']);
    const left = folder.file(`in/.restore-point.${pid}-0123456789ab.database-part`);
    await writeFile(left, 'rows of somebody');
    const longAgo = Date.now() / 1000 - 2 * 24 * 60 * 60;
    await utimes(left, longAgo, longAgo);
    await restore();
    assert.deepEqual(await filesThere(), ['new.db']);
  });

  for (const kind of stepFaults) {
    it(`is complete or not there after a step ${kind}`, async function () {
      this.timeout(120_000);
      await backUp();
      const { tried, lost } = await tryEveryStep(kind, { run: restore, judge, cleanUp });
      countTried('faults', `SQLite restore into a new file: a step ${kind}`, tried.length, lost.length);
      assert.deepEqual(lost, []);
    });
  }

  async function cleanUp(): Promise<void> {
    for (const name of await filesThere()) await rm(folder.file(`in/${name}`));
    const temporary = process.env['TMPDIR']!;
    for (const name of await readdir(temporary)) await rm(path.join(temporary, name), { recursive: true });
  }

  async function judge(faults: FaultSet, error: unknown): Promise<void> {
    assert.deepEqual(openFiles(folder.path), [], 'a file is still open');
    const there = await filesThere();
    const parts = there.filter((name) => name !== 'new.db');
    if (!faults.failedToRemove) assert.deepEqual(parts, [], 'a file in the making was left');
    if (error === undefined) {
      assertSameSqlite(readSqliteWitness(target), readSqliteWitness(source));
      return;
    }
    assert.match(describeError(error), /Nothing was changed\.|folder|permission|EIO|I\/O/i);
    const { size } = await stat(target).catch(() => ({ size: 0 }));
    assert.equal(size, 0, 'it was told as failed');
  }
});
