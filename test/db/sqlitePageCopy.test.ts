import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { MadeHere } from '../../src/backup/madeHere.ts';
import { type Logger, silentLogger } from '../../src/core/logger.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import type { WorkOptions } from '../../src/engines/engine.ts';
import { failure } from '../support/errors.ts';
import { sqliteDump } from '../support/sqliteDump.ts';
import {
  backUpSqlite,
  holdSqlite,
  integrity,
  type MemoryBackup,
  restoreSqlite,
  runSqlite,
  useSystemTemporaryFolder,
} from '../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';
import { backUpFile, restoreFile } from './everything/sqliteRoundTrip.ts';

const numbers = (rows: number): string =>
  `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= ${rows - 1})`;

const payloadOf = ({ source }: MemoryBackup): Buffer => Buffer.concat([...source.chunks.values()]);

describe('SQLite: databases that are backed up page by page', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();
  let file: string;
  beforeEach(() => {
    file = folder.file('source.db');
  });

  /** With why SQLite made the copy, if it did. */
  async function backUp(
    work: Partial<WorkOptions> = {},
  ): Promise<{ readonly backup: MemoryBackup; readonly reason: string | undefined }> {
    let reason: string | undefined;
    const debug = (line: string): void => {
      if (line.startsWith('SQLite copies the database')) reason = line;
    };
    const logger: Logger = { ...silentLogger, debug };
    return { backup: await backUpSqlite(file, undefined, { logger, ...work }), reason };
  }

  /** The database of a backup, as a file. */
  function extract(backup: MemoryBackup): string {
    const extracted = folder.file('extracted.db');
    writeFileSync(extracted, payloadOf(backup));
    return extracted;
  }

  /** Backs it up, which has to go page by page, and looks at all that is in the backup. */
  async function check(): Promise<Buffer> {
    const { backup, reason } = await backUp();
    assert.equal(reason, undefined);
    const [payload, original] = [payloadOf(backup), readFileSync(file)];
    assert.equal(payload.length, original.length);
    const other = payload.findIndex((byte, index) => byte !== 0 && byte !== original[index]);
    assert.equal(other, -1, 'a byte is neither what the file has there nor zero');
    const extracted = extract(backup);
    assert.equal(integrity(extracted), 'ok');
    assert.deepEqual(sqliteDump(extracted), sqliteDump(file));
    const database = new DatabaseSync(file);
    for (const { table, rows } of backup.manifest.tables) {
      const sql = `SELECT count(*) AS n FROM "${table.name.name}" NOT INDEXED`;
      assert.equal(rows, database.prepare(sql).get()!['n'], table.name.name);
    }
    database.close();
    return payload;
  }

  const shapes: Readonly<Record<string, string>> = {
    'nothing but a table': 'CREATE TABLE t (a)',
    'rows and indexes': `CREATE TABLE t (a, b); CREATE INDEX i ON t (a); CREATE UNIQUE INDEX u ON t (b, a);
      ${numbers(20_000)} INSERT INTO t SELECT i % 97, 'text ' || i FROM n`,
    'a table without rowids': `CREATE TABLE k (a, b, PRIMARY KEY (b, a)) WITHOUT ROWID;
      ${numbers(20_000)} INSERT INTO k SELECT i, hex(i) FROM n`,
    'long rows, in tables and in indexes': `CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE INDEX i ON t (a);
      ${numbers(400)} INSERT INTO t SELECT i, hex(randomblob(i * 37 % 9000)) FROM n`,
    'one huge value': 'CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(20000000))',
    'negative and huge rowids': `CREATE TABLE t (a); ${numbers(2_000)}
      INSERT INTO t (rowid, a) SELECT (i - 1000) * 9000000000000000, i FROM n`,
    'a module with tables of its own': `CREATE VIRTUAL TABLE f USING fts5 (a); ${numbers(2_000)}
      INSERT INTO f SELECT 'word' || (i % 100) || ' and ' || i FROM n; DELETE FROM f WHERE rowid % 3 = 0`,
    'views, triggers, statistics and counters': `CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a);
      CREATE INDEX i ON t (a); CREATE VIEW v AS SELECT a FROM t; CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END;
      ${numbers(3_000)} INSERT INTO t (a) SELECT i FROM n; ANALYZE`,
    'rows and pages that were deleted': `CREATE TABLE t (a, b); CREATE INDEX i ON t (a); CREATE TABLE u (a);
      ${numbers(20_000)} INSERT INTO t SELECT i, randomblob(i % 200) FROM n; INSERT INTO u SELECT b FROM t LIMIT 2000;
      DROP TABLE u; DELETE FROM t WHERE a % 17 = 0; UPDATE t SET b = substr(b, 5) WHERE a % 3 = 0`,
    'a long row behind pages that were freed': `CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE TABLE u (a);
      INSERT INTO u VALUES (zeroblob(300000)); ${numbers(60_000)} INSERT INTO t SELECT i, 'text ' || i FROM n;
      DROP TABLE u; UPDATE t SET a = hex(randomblob(30000)) WHERE id IN (10, 59990)`,
  };
  for (const pageSize of [512, 4096, 65_536]) {
    for (const [name, sql] of Object.entries(shapes)) {
      it(`are exact: ${name}, with pages of ${pageSize} bytes`, async () => {
        runSqlite(file, `PRAGMA page_size = ${pageSize}; ${sql}`);
        await check();
      });
    }
  }

  it('hold nothing that was deleted, in whichever way', async () => {
    const secret = 'a secret that was deleted ';
    const long = `replace(hex(zeroblob(3000)), '00', '${secret}')`;
    runSqlite(
      file,
      `PRAGMA secure_delete = OFF; CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE INDEX i ON t (a);
       CREATE TABLE k (a PRIMARY KEY, b) WITHOUT ROWID; CREATE TABLE u (a); INSERT INTO u SELECT ${long};
       ${numbers(3_000)} INSERT INTO t SELECT i, 'kept ' || i || CASE WHEN i % 2 THEN '${secret}' ELSE '' END FROM n;
       INSERT INTO k SELECT a, a FROM t; ${numbers(40)} INSERT INTO t SELECT 10000 + i, ${long} FROM n;
       UPDATE t SET a = 'short now' WHERE id > 10020; UPDATE t SET a = 'kept ' || id WHERE id % 4 = 1;
       DELETE FROM t WHERE a GLOB '*secret*'; DELETE FROM k WHERE a GLOB '*secret*'; DROP TABLE u;
       ${numbers(300)} INSERT INTO t SELECT 20000 + i, hex(randomblob(1000 + i * 15)) FROM n`,
    );
    assert.ok(readFileSync(file).includes(secret));
    assert.ok(!(await check()).includes('secret'));
  });

  it('are made by SQLite where pages are not all, or much of them is empty', async () => {
    const rows = `CREATE TABLE t (a); ${numbers(3_000)} INSERT INTO t SELECT randomblob(1000) FROM n;`;
    for (const [index, sql] of [
      `PRAGMA journal_mode = WAL; ${rows}`,
      `PRAGMA auto_vacuum = FULL; ${rows}`,
      `PRAGMA auto_vacuum = INCREMENTAL; ${rows}`,
      `${rows} DELETE FROM t WHERE rowid < 2000`,
      `${rows} DELETE FROM t WHERE rowid % 3 > 0`,
    ].entries()) {
      file = folder.file(`${index}.db`);
      runSqlite(file, sql);
      const { backup, reason } = await backUp();
      assert.match(reason ?? '', /not one of pages alone, or much of it is empty/, sql);
      assert.deepEqual(sqliteDump(extract(backup)), sqliteDump(file));
    }
  });

  it('are made by SQLite where a page is not as SQLite leaves it', async () => {
    runSqlite(
      file,
      `CREATE TABLE t (id INTEGER PRIMARY KEY, a); ${numbers(3_000)} INSERT INTO t SELECT i, 'text ' || i FROM n;
       INSERT INTO t VALUES (5001, zeroblob(9000)); CREATE TABLE u (a); INSERT INTO u VALUES (zeroblob(9000)); DROP TABLE u;
       DELETE FROM t WHERE id % 5 = 0`,
    );
    const database = new DatabaseSync(file);
    const pageOf = (path: string): number =>
      Number(
        database.prepare(`SELECT pageno FROM dbstat WHERE name = 't' AND path GLOB ?`).get(path)!['pageno'],
      );
    const [leaf, overflow] = [pageOf('/001/'), pageOf('*+000000')];
    database.close();
    const sound = readFileSync(file);
    const trunk = sound.readUInt32BE(32);
    const at = (page: number, place: number): number => (page - 1) * 4096 + place;
    const damage: Readonly<Record<string, (bytes: Buffer) => unknown>> = {
      'a count of free pages': (bytes) => bytes.writeUInt32BE(1, 36),
      'a chain of free pages that ends nowhere': (bytes) => bytes.writeUInt32BE(9_999, at(trunk, 0)),
      'a free page that is in a tree': (bytes) => bytes.writeUInt32BE(leaf, at(trunk, 8)),
      'more free pages than a page can list': (bytes) => bytes.writeUInt32BE(5_000, at(trunk, 4)),
      'the kind of a page': (bytes) => bytes.writeUInt8(0, at(leaf, 0)),
      'a page with rows that leads to others': (bytes) => bytes.writeUInt8(5, at(leaf, 0)),
      'fragments that are not there': (bytes) => bytes.writeUInt8(50, at(leaf, 7)),
      'free room over a row': (bytes) => bytes.writeUInt16BE(4_000, at(leaf, 1)),
      'more rows than there is room for': (bytes) => bytes.writeUInt16BE(4_000, at(leaf, 3)),
      'a row over another one': (bytes) => bytes.copy(bytes, at(leaf, 8), at(leaf, 10), at(leaf, 12)),
      'a row that goes on too long': (bytes) => bytes.writeUInt32BE(trunk, at(overflow, 0)),
    };
    for (const [name, spoil] of Object.entries(damage)) {
      const bytes = Buffer.from(sound);
      spoil(bytes);
      writeFileSync(file, bytes);
      // What SQLite makes of it is another matter.
      const reasons: string[] = [];
      const logger: Logger = { ...silentLogger, debug: (line) => reasons.push(line) };
      await backUpSqlite(file, undefined, { logger }).catch(() => undefined);
      assert.match(reasons.join('\n'), /SQLite copies the database: its pages are not as/, name);
    }
  });

  it('can be restored where an index lacks entries, and it is made anew', async () => {
    const misled = (sql: string): string =>
      `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '${sql}' WHERE name = 'i'; PRAGMA writable_schema = RESET;`;
    // SQLite counts such a table by its index, which is smaller.
    runSqlite(
      file,
      `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b TEXT); CREATE INDEX i ON t (a);
       ${numbers(1_000)} INSERT INTO t SELECT i, i % 7, 'text ' || i FROM n;
       ${misled('CREATE INDEX i ON t (a) WHERE id < 0')} INSERT INTO t VALUES (5000, 1, 'x'), (5001, 2, 'y');
       ${misled('CREATE INDEX i ON t (a)')}`,
    );
    assert.notEqual(integrity(file), 'ok');
    const madeHere = new MadeHere(folder.file('state'), silentLogger);
    const backup = folder.file('a.dbbackup');
    await backUpFile(file, backup, madeHere);
    for (const target of [folder.file('new.db'), file]) {
      const [report] = (await restoreFile(backup, target, { madeHere })).tables;
      assert.equal(report!.rowsAfter, 1_002);
      assert.equal(integrity(target), 'ok');
      const database = new DatabaseSync(target, { readOnly: true });
      assert.equal(database.prepare('SELECT count(*) AS n FROM t NOT INDEXED').get()!['n'], 1_002);
      database.close();
    }
  });

  it('keep others from writing as long as they take, and not from reading', async () => {
    runSqlite(file, `CREATE TABLE t (a); ${numbers(3_000)} INSERT INTO t SELECT randomblob(1000) FROM n`);
    const before = readFileSync(file);
    const tried: string[] = [];
    // In this process another connection would let go of all its locks on the file.
    const tryTo = (sql: string): void => {
      const program = `new (require('node:sqlite').DatabaseSync)(${JSON.stringify(file)}).exec(${JSON.stringify(sql)})`;
      const { stderr } = spawnSync(process.execPath, ['--no-warnings', '-e', program], { encoding: 'utf8' });
      tried.push(/Error: (.*)/.exec(stderr)?.[1] ?? 'done');
    };
    let tries = 0;
    const report = ({ phase }: ProgressEvent): void => {
      if (phase !== 'read' || tries++ > 0) return;
      tryTo('SELECT count(*) FROM t');
      tryTo('DELETE FROM t');
    };
    const { backup, reason } = await backUp({ report });
    assert.equal(reason, undefined);
    assert.deepEqual(tried, ['done', 'database is locked']);
    assert.ok(readFileSync(file).equals(before));
    assert.deepEqual(sqliteDump(extract(backup)), sqliteDump(file));
    tryTo('DELETE FROM t');
    assert.equal(tried.at(-1), 'done');
  });

  it('wait for another program that is about to write, and have what it wrote', async () => {
    runSqlite(file, `CREATE TABLE t (a); INSERT INTO t VALUES (1)`);
    const writer = await holdSqlite(file, 'BEGIN EXCLUSIVE; INSERT INTO t VALUES (2); COMMIT');
    const { backup } = await backUp();
    await writer.end();
    assert.equal(backup.manifest.tables[0]!.rows, 2);
  });

  it('are none where a program wrote the file without a lock meanwhile', async () => {
    runSqlite(file, `CREATE TABLE t (a); ${numbers(3_000)} INSERT INTO t SELECT randomblob(1000) FROM n`);
    const report = ({ phase }: ProgressEvent): void => {
      if (phase === 'read') utimesSync(file, new Date(), new Date());
    };
    const error = await failure(backUp({ report }), 'database');
    assert.match(error.message, /was written while it was backed up/);
    assert.match(error.details.next ?? '', /Back it up again/);
  });

  it('end when they are cancelled, at each phase, and leave no lock', async () => {
    runSqlite(file, `CREATE TABLE t (a); ${numbers(9_000)} INSERT INTO t SELECT randomblob(1000) FROM n`);
    for (const phase of ['snapshot', 'read']) {
      const abort = new AbortController();
      const report = (event: ProgressEvent): void => {
        if (event.phase === phase && (event.bytes ?? 0) > 0) abort.abort();
      };
      await failure(backUp({ report, signal: abort.signal }), 'cancelled');
      runSqlite(file, 'BEGIN EXCLUSIVE; COMMIT');
    }
  });

  it('have few pages to bring back where few rows were lost', async () => {
    runSqlite(
      file,
      `CREATE TABLE t (id INTEGER PRIMARY KEY, a); ${numbers(20_000)} INSERT INTO t SELECT i, 'text ' || i FROM n`,
    );
    const { backup } = await backUp();
    const before = sqliteDump(file);
    runSqlite(file, 'DELETE FROM t WHERE id = 77; UPDATE t SET a = 1 WHERE id = 15000');
    const [damaged, payload] = [readFileSync(file), payloadOf(backup)];
    let differing = 0;
    for (let at = 4096; at < payload.length; at += 4096)
      if (payload.compare(damaged, at, at + 4096, at, at + 4096) !== 0) differing += 1;
    // Besides the two with these rows, those that SQLite had left something in which was no row any more.
    assert.ok(differing >= 2 && differing <= 5, `${differing} pages`);
    await restoreSqlite(file, backup);
    assert.deepEqual(sqliteDump(file), before);
  });
});
