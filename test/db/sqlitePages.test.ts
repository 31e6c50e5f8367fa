import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { chmod, mkdir, readdir, symlink } from 'node:fs/promises';
import { MadeHere } from '../../src/backup/madeHere.ts';
import { describeError, type RestorePointError } from '../../src/core/errors.ts';
import { type Logger, silentLogger } from '../../src/core/logger.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import type { RestoreOptions, RestoreReport } from '../../src/restore/restoreBackup.ts';
import { ensureDebianPackages } from '../support/debianPackages.ts';
import { failure } from '../support/errors.ts';
import { connectSqlite, runSqlite, useSystemTemporaryFolder } from '../support/sqliteFiles.ts';
import { assertSameSqlite, readSqliteWitness } from '../support/sqliteWitness.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';
import { backUpFile, during, restoreFile } from './everything/sqliteRoundTrip.ts';
import { changeMuch, largeShop } from './largeShop.ts';

describe('SQLite: pages over those of a whole database', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();
  let [target, wanted, backup] = ['', '', ''];
  let madeHere: MadeHere;
  let said: string[];
  let logger: Logger;

  beforeEach(async () => {
    await mkdir(folder.file('in'));
    [target, wanted, backup] = [folder.file('in/a.db'), folder.file('wanted.db'), folder.file('a.dbbackup')];
    madeHere = new MadeHere(folder.file('state'), silentLogger);
    said = [];
    const say = (message: string): void => void said.push(message);
    logger = { debug: say, info: say, warn: say, error: say };
  });

  /** A database, what became of it, and a backup from before. */
  async function changed({ before = '', after = changeMuch } = {}): Promise<void> {
    runSqlite(target, `${before}; ${largeShop}`);
    await backUpFile(target, backup, madeHere);
    copyFileSync(target, wanted);
    runSqlite(target, after);
  }

  const restore = (options: Partial<RestoreOptions> = {}): Promise<RestoreReport> =>
    restoreFile(backup, target, { madeHere, logger, ...options });

  const byPages = (): boolean =>
    said.includes('The pages of the backup are written over those of the database');

  const filesThere = async (): Promise<string[]> => (await readdir(folder.file('in'))).toSorted();

  it('makes it what the backup holds, and tells how many rows that are', async () => {
    await changed();
    const report = await restore();
    assert.ok(byPages());
    assertSameSqlite(readSqliteWitness(target, { tool: true }), readSqliteWitness(wanted, { tool: true }));
    assert.deepEqual(
      report.tables.map(({ table, ...counts }) => [table.name, counts]),
      [
        ['customers', { rowsBefore: 2001, rowsAfter: 2000, inserted: 2000, updated: 0 }],
        ['orders', { rowsBefore: 7000, rowsAfter: 8000, inserted: 8000, updated: 0 }],
      ],
    );
    assert.deepEqual(await filesThere(), ['a.db']);
  });

  it('tells how many rows were others where few were, and writes few pages over those of an earlier restore', async () => {
    const few = `UPDATE orders SET note = 1 WHERE id = 5; DELETE FROM orders WHERE id = 7;
      INSERT INTO orders VALUES (9000, NULL, 1, 2), (9001, NULL, 1, 2)`;
    await changed();
    await restore();
    runSqlite(target, few);
    said = [];
    const journals: number[] = [];
    const report = await restore(during('load', () => journals.push(statSync(`${target}-journal`).size)));
    assert.ok(byPages());
    assertSameSqlite(readSqliteWitness(target), readSqliteWitness(wanted));
    assert.deepEqual(
      report.tables.map(({ table, ...counts }) => [table.name, counts]),
      [
        [
          'customers',
          { rowsBefore: 2000, rowsAfter: 2000, inserted: 2000, updated: 0, kept: 2000, removed: 0 },
        ],
        ['orders', { rowsBefore: 8001, rowsAfter: 8000, inserted: 8000, updated: 0, kept: 7998, removed: 2 }],
      ],
    );
    assert.equal(journals.length, 1);
    assert.ok(journals[0]! < 100_000, `the journal has ${journals[0]} bytes`);
  });

  for (const [what, before] of Object.entries({
    'pages of 512 bytes': 'PRAGMA page_size = 512',
    'pages of 64 KiB': 'PRAGMA page_size = 65536',
    'text in UTF-16': `PRAGMA encoding = 'UTF-16le'`,
    'auto_vacuum = FULL': 'PRAGMA auto_vacuum = FULL',
    'auto_vacuum = INCREMENTAL': 'PRAGMA auto_vacuum = INCREMENTAL',
  })) {
    it(`restores a database with ${what}, and undoes that`, async () => {
      await changed({ before });
      const [bytes, rehearsed] = [readFileSync(target), await restore({ dryRun: true })];
      assert.equal(rehearsed.tables[1]?.rowsAfter, 8000);
      assert.ok(byPages());
      assert.ok(bytes.equals(readFileSync(target)), 'other bytes after a rehearsal');
      assert.deepEqual(await filesThere(), ['a.db']);
      said = [];
      await restore();
      assert.ok(byPages());
      assertSameSqlite(readSqliteWitness(target), readSqliteWitness(wanted));
    });
  }

  for (const [what, after] of Object.entries({
    shorter: `${changeMuch}; INSERT INTO orders (note) SELECT note || 'more' FROM orders`,
    longer: `${changeMuch}; DELETE FROM orders WHERE id % 10 > 0; VACUUM; INSERT INTO orders (note) VALUES (zeroblob(9000000))`,
  })) {
    it(`restores a file that becomes ${what}, and undoes that`, async () => {
      await changed({ after });
      const bytes = readFileSync(target);
      await restore({ dryRun: true });
      assert.ok(byPages());
      assert.ok(bytes.equals(readFileSync(target)), 'other bytes after a rehearsal');
      await restore();
      assert.equal(Math.sign(statSync(target).size - bytes.length), what === 'longer' ? 1 : -1);
      assertSameSqlite(readSqliteWitness(target), readSqliteWitness(wanted));
    });
  }

  it('keeps the numbers of programs, and has every connection read anew', async () => {
    await changed({
      after: `${changeMuch}; PRAGMA user_version = 8; PRAGMA application_id = 9; PRAGMA default_cache_size = 77`,
    });
    const old = readFileSync(target).subarray(0, 100);
    await restore();
    assert.ok(byPages());
    const header = readFileSync(target).subarray(0, 100);
    const number = (at: number): number => header.readUInt32BE(at);
    assert.deepEqual([number(60), number(68), number(48)], [8, 9, 77]);
    assert.deepEqual([number(24), number(92)], [old.readUInt32BE(24) + 1, old.readUInt32BE(24) + 1]);
    assert.equal(number(40), old.readUInt32BE(40) + 1);
  });

  it('is seen by a program that has it open', async () => {
    ensureDebianPackages(['sqlite3']);
    await changed();
    const program = spawn('sqlite3', [target], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(program, 'exit');
    const ask = async (): Promise<string> => {
      const answer = once(program.stdout, 'data') as Promise<[Buffer]>;
      program.stdin.write(`SELECT (SELECT count(*) FROM orders), (SELECT max(name) FROM customers);\n`);
      return (await answer)[0].toString().trim();
    };
    const before = await ask();
    await restore();
    assert.ok(byPages());
    assert.deepEqual([before, await ask()], ['7000|zz', '8000|name999']);
    program.stdin.end('PRAGMA integrity_check;\n');
    await ended;
  });

  it('shows the new rows in the session that restored them', async () => {
    await changed();
    const { restoreBackup } = await import('../../src/restore/restoreBackup.ts');
    const { engineById } = await import('../../src/engines/registry.ts');
    const session = await connectSqlite(target);
    const yes = (): Promise<boolean> => Promise.resolve(true);
    const options = { madeHere, logger, mode: 'replace', mayRun: yes, confirm: yes } as const;
    assert.deepEqual(await session.countRows([{ name: 'orders' }], { logger }), [7000]);
    await restoreBackup(backup, session, engineById('sqlite').features, options);
    assert.ok(byPages());
    assert.deepEqual(await session.countRows([{ name: 'orders' }], { logger }), [8000]);
    await session.close();
  });

  it('finds the file behind a symbolic link', async () => {
    await changed();
    const bytes = readFileSync(target);
    await symlink(target, folder.file('link.db'));
    await restoreFile(backup, folder.file('link.db'), { madeHere, logger, dryRun: true });
    assert.ok(byPages());
    assert.ok(bytes.equals(readFileSync(target)), 'other bytes after a rehearsal');
    assert.deepEqual(
      (await readdir(folder.path)).filter((name) => name.includes('journal')),
      [],
    );
  });

  it('lets those bring it back who may write it', async () => {
    await changed();
    await chmod(target, 0o660);
    const modes: number[] = [];
    await restore(during('load', () => modes.push(statSync(`${target}-journal`).mode & 0o777)));
    assert.deepEqual(modes, [0o660]);
  });

  for (const [what, change] of Object.entries({
    'there is a write-ahead log': `${changeMuch}; PRAGMA journal_mode = WAL`,
    'the database has one more index': `${changeMuch}; CREATE INDEX more ON orders (total)`,
    'the database has one more trigger': `${changeMuch}; CREATE TRIGGER more AFTER DELETE ON customers BEGIN SELECT 1; END`,
    'a statement has other letters': `${changeMuch}; DROP INDEX orders_customer; CREATE INDEX orders_customer ON orders(customer)`,
    'pages are of another size': `${changeMuch}; PRAGMA page_size = 8192; VACUUM`,
    'pages move by themselves': `${changeMuch}; PRAGMA auto_vacuum = FULL; VACUUM`,
    'the database is small': 'DELETE FROM orders WHERE id % 100 > 0; VACUUM',
  })) {
    it(`copies rows where ${what}`, async () => {
      await changed({ after: change });
      await restore();
      assert.ok(!byPages());
      assert.deepEqual(rowsOf(target), rowsOf(wanted));
      assert.ok((await filesThere()).every((name) => !name.endsWith('journal')));
    });
  }

  for (const [what, before] of Object.entries({
    'an index of some rows': 'CREATE TABLE t (a); CREATE INDEX i ON t (a) WHERE a > 1',
    'an index of expressions': 'CREATE TABLE t (a); CREATE INDEX i ON t (a + 1)',
    'a table without rowids': 'CREATE TABLE t (a PRIMARY KEY) WITHOUT ROWID',
    'a table of a module': 'CREATE VIRTUAL TABLE t USING fts5 (a)',
  })) {
    it(`copies rows where there is ${what}`, async () => {
      await changed({ before });
      await restore();
      assert.ok(!byPages());
      assert.deepEqual(rowsOf(target), rowsOf(wanted));
    });
  }

  it('copies rows of a backup that was made elsewhere', async () => {
    await changed();
    await restore({ madeHere: new MadeHere(folder.file('another'), silentLogger) });
    assert.ok(!byPages());
    assertSameSqlite(readSqliteWitness(target), readSqliteWitness(wanted));
  });

  it('copies rows where an index of the backup is not in step with its table, and makes it anew', async () => {
    const misled = (sql: string): string =>
      `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '${sql}' WHERE name = 'i'; PRAGMA writable_schema = RESET`;
    await changed({
      before: `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1, 2, 3);
        ${misled('CREATE INDEX i ON t (b)')}; INSERT INTO t VALUES (2, 7, 8); ${misled('CREATE INDEX i ON t (a)')}`,
    });
    await restore();
    assert.ok(!byPages());
    assert.ok(said.includes('The index i of the backup is not in step with its table: it is made anew'));
    assert.deepEqual(readSqliteWitness(target).checks, ['main.integrity_check(100000): ok']);
    assert.deepEqual(await filesThere(), ['a.db']);
  });

  it('copies rows where the journal of another program stands beside it', async () => {
    await changed();
    writeFileSync(`${target}-journal`, Buffer.alloc(512));
    await restore();
    assert.ok(!byPages());
    assertSameSqlite(readSqliteWitness(target), readSqliteWitness(wanted));
  });

  it('warns of rows that pointed at nothing', async () => {
    await changed({
      before: `CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p); INSERT INTO c VALUES (9)`,
    });
    await restore();
    assert.ok(byPages());
    assert.ok(said.includes('Rows of c point at rows of p that the backup does not hold either'));
  });

  for (const phase of ['prepare', 'load', 'constraints', 'verify', 'commit'] as const) {
    it(`leaves every byte as it was when it is cancelled: ${phase}`, async () => {
      await changed();
      const bytes = readFileSync(target);
      const controller = new AbortController();
      const cancel = during(phase, () => controller.abort());
      // What comes after the last question whether to go on is done.
      if (phase === 'commit') return void (await restore({ signal: controller.signal, ...cancel }));
      const error = await failure(restore({ signal: controller.signal, ...cancel }), 'cancelled');
      assert.match(describeError(error), /Nothing was changed\./);
      assert.ok(bytes.equals(readFileSync(target)));
      assert.deepEqual(await filesThere(), ['a.db']);
    });
  }

  it('leaves every byte as it was when it is cancelled while it counts what differs', async () => {
    await changed({ after: 'UPDATE orders SET note = 1 WHERE id = 5' });
    const bytes = readFileSync(target);
    const controller = new AbortController();
    const cancel = during('compare', () => controller.abort());
    await failure(restore({ signal: controller.signal, ...cancel }), 'cancelled');
    assert.ok(bytes.equals(readFileSync(target)));
    assert.deepEqual(await filesThere(), ['a.db']);
  });

  for (const phase of ['prepare', 'verify'] as const) {
    it(`writes nothing where another file takes the place of the database: ${phase}`, async () => {
      await changed();
      const [other, old] = [folder.file('other.db'), folder.file('old.db')];
      copyFileSync(target, other);
      const bytes = readFileSync(target);
      let replaced = false;
      const report = (event: ProgressEvent): void => {
        if (event.phase !== phase || replaced || !existsSync(`${target}-journal`)) return;
        replaced = true;
        renameSync(target, old);
        renameSync(other, target);
      };
      const error = await failure(restore({ report }), 'refused');
      assert.match(describeError(error), /another file in the place of the database.*Nothing was changed\./s);
      assert.ok(replaced && bytes.equals(readFileSync(target)) && bytes.equals(readFileSync(old)));
      assert.deepEqual(await filesThere(), ['a.db']);
    });
  }

  for (const dryRun of [true, false]) {
    it(`says that it is not sure where the old pages are gone, ${dryRun ? 'in' : 'not in'} a rehearsal`, async () => {
      await changed();
      const controller = new AbortController();
      const lose = during(dryRun ? 'rollback' : 'verify', () => {
        rmSync(`${target}-journal`);
        if (!dryRun) controller.abort();
      });
      const error = await restore({ dryRun, signal: controller.signal, ...lose }).catch(
        (caught: unknown) => caught,
      );
      assert.match(describeError(error), /The journal.*is gone.*Some pages.*safety backup/s);
      assert.doesNotMatch(describeError(error), /Nothing was changed/);
    });
  }

  it('refuses a file in which something else stands than was written, and brings all of it back', async () => {
    await changed();
    const bytes = readFileSync(target);
    // By another process: when this one closes the file, its locks are gone.
    const spoil = (): void => {
      const at = ['conv=notrunc', 'bs=1', 'seek=5000'];
      assert.equal(spawnSync('dd', [`of=${target}`, ...at], { input: 'x' }).status, 0);
    };
    const error: RestorePointError = await failure(restore(during('constraints', spoil)), 'verification');
    assert.ok(byPages());
    assert.match(error.message, /the file differs from byte 0 on/);
    assert.match(describeError(error), /Nothing was changed\./);
    assert.ok(bytes.equals(readFileSync(target)));
    assert.deepEqual(readdirSync(folder.file('in')), ['a.db']);
  });

  const rowsOf = (file: string): readonly string[] => {
    const { rows } = readSqliteWitness(file);
    return rows;
  };
});
