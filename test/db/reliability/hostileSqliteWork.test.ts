import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { describeError, RestorePointError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { openUntrusted } from '../../../src/engines/sqlite/payload/untrusted.ts';
import { restoreBackup } from '../../../src/restore/restoreBackup.ts';
import { startCli } from '../../support/cli.ts';
import { type JsonObject, objectsAt, soundBackup } from '../../support/hostileFiles.ts';
import { withCircularSchema, withEndlessTree } from '../../support/hostilePages.ts';
import { forgePayload } from '../../support/hostileSqlite.ts';
import { measureProcessor } from '../../support/processorTime.ts';
import { sampleParts } from '../../support/sample.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { type TestDatabase, testEngines } from '../../support/testDatabases.ts';
import { countingTried } from '../../support/triedCounts.ts';

const sqlite = testEngines.find(({ id }) => id === 'sqlite')!;
const mebibyte = 1024 * 1024;
const mostMemory = 300 * mebibyte;
const mostMilliseconds = 20_000;

/** Each takes minutes, or gigabytes. */
const heavy = [
  `instr(hex(zeroblob(40000000)), hex(zeroblob(20000000)) || '1')`,
  'length(hex(zeroblob(450000000)))',
  `length(printf('%.*c', 900000000, 'x'))`,
  `replace(hex(zeroblob(50000)), '0', hex(zeroblob(8000))) IS NULL`,
  `hex(zeroblob(200000)) LIKE '%0%0%0%0%0%0%0%0%0%1'`,
];

/** Places for an expression in a schema. */
const places = ['11', '12', '13', '14', '15', '16'];
const schemaSql = `
  CREATE TABLE notes (id integer primary key, t text CHECK (11), g int GENERATED ALWAYS AS (12) NOT NULL,
    h int NOT NULL AS (13) STORED, d DEFAULT (16));
  CREATE INDEX some ON notes (t) WHERE 14;
  CREATE INDEX computed ON notes (abs(15));
  CREATE INDEX generated ON notes (g)`;

describe('sqlite: hostile databases that compute and hold', function () {
  sampleParts(this, 4);
  this.timeout(300_000);
  const folder = useTemporaryFolder();
  let [source, target]: TestDatabase[] = [];
  let sound: Buffer;

  beforeEach(async () => {
    [source, target] = [await sqlite.create(), await sqlite.create()];
    await source.run(
      `${schemaSql}; INSERT INTO notes (id, t, d) VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)`,
    );
    sound = await soundBackup(source, folder.file('sound.dbbackup'), 'none');
  });
  afterEach(async () => {
    await source!.remove();
    await target!.remove();
  });

  /** A file whose schema, in the manifest and in the database, has an expression in place of a number. */
  async function withExpression(place: string, expression: string): Promise<string> {
    const file = folder.file('hostile.dbbackup');
    const change = (sql: string): string => sql.replace(place, expression);
    const sql = `UPDATE sqlite_schema SET sql = replace(sql, '${place}', '${expression.replaceAll("'", "''")}')`;
    const manifest = (json: JsonObject): void => {
      for (const object of objectsAt(json['objects'])) object['sql'] = change(object['sql'] as string);
    };
    await writeFile(file, forgePayload(sound, { sql, manifest }));
    return file;
  }

  it('are verified in a moment and in little memory, whatever their schema would compute', async () => {
    await countingTried('hostile files', 'expressions in schemas (sqlite)', async (count) => {
      for (const [index, place] of places.entries()) {
        const expression = heavy[index % heavy.length]!;
        const file = await withExpression(place, expression);
        const started = performance.now();
        const run = await startCli(['verify', file]);
        assert.equal(run.code, 0, `${place}: ${expression}: ${run.stderr}`);
        assert.ok(performance.now() - started < mostMilliseconds, `${place}: ${expression}: took too long`);
        assert.ok(run.peakMemory < mostMemory, `${place}: ${expression}: ${run.peakMemory} bytes`);
        count();
      }
    });
  });

  for (const encoding of ['UTF-8', 'UTF-16le']) {
    it(`give their rows to tables that compute something else (${encoding})`, async () => {
      const values = `SELECT id, t, g, h, d FROM notes ORDER BY id`;
      const rows = await source!.rows(values);
      await countingTried('hostile files', `rows beside such expressions (sqlite)`, async (count) => {
        for (const [index, place] of places.entries()) {
          await target!.remove();
          target = await sqlite.create();
          await target.run(`PRAGMA encoding = '${encoding}'; ${schemaSql}`);
          const file = await withExpression(place, heavy[index % heavy.length]!);
          const spent = measureProcessor();
          await restore(file);
          assert.ok(spent() < mostMilliseconds, place);
          assert.deepEqual(await target.rows(values), rows, place);
          assert.deepEqual(await target.rows('PRAGMA integrity_check'), [['ok']], place);
          count();
        }
      });
    });
  }

  it('are refused in a moment, whatever their pages lead to', async () => {
    const [[root]] = (await source!.rows(`SELECT rootpage FROM sqlite_schema WHERE name = 'notes'`)) as [
      [string],
    ];
    const views = (many: number, text: string): string =>
      `WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${many}) INSERT INTO sqlite_schema
       SELECT 'view', 'v' || i, 'v' || i, 0, 'CREATE VIEW v' || i || ' AS SELECT ' || ${text} FROM n`;
    const files: readonly (readonly [title: string, file: Buffer, says: RegExp])[] = [
      [
        'rows',
        forgePayload(sound, { bytes: (database) => withEndlessTree(database, Number(root)) }),
        /damaged/,
      ],
      [
        'a schema in itself',
        forgePayload(sound, { sql: views(200, '1'), bytes: withCircularSchema }),
        /its schema has no valid pages/,
      ],
      ['objects', forgePayload(sound, { sql: views(100_000, '1') }), /has more than \d+ objects/],
      [
        'a schema',
        forgePayload(sound, { sql: views(3, `replace(hex(zeroblob(4000000)), '0', '1,') || '1'`) }),
        /takes more/,
      ],
    ];
    await target!.run(schemaSql);
    const before = await target!.dump();
    await countingTried('hostile files', 'pages and schemas without end (sqlite)', async (count) => {
      for (const [title, bytes, says] of files) {
        const file = folder.file('hostile.dbbackup');
        await writeFile(file, bytes);
        const started = performance.now();
        const run = await startCli(['verify', file]);
        assert.equal(run.code, 3, `${title}: ${run.stderr}`);
        assert.match(run.stderr, says, title);
        assert.ok(run.peakMemory < mostMemory, `${title}: ${run.peakMemory} bytes`);
        const error: unknown = await restore(file).catch((thrown: unknown) => thrown);
        assert.ok(RestorePointError.is(error, 'damaged-backup'), `${title}: ${String(error)}`);
        assert.match(describeError(error), says, title);
        assert.ok(performance.now() - started < 2 * mostMilliseconds, `${title}: took too long`);
        assert.equal(await target!.dump(), before, title);
        count();
      }
    });
  });

  it('are shown without reading very large values', async () => {
    const bytes = 300_000_000;
    await source!.run(`CREATE TABLE large (id integer primary key, t text, b blob, c text);
      INSERT INTO large VALUES (1, CAST(zeroblob(${bytes}) AS TEXT), zeroblob(${bytes}), printf('%.*c', 1000000, 'x'))`);
    const file = folder.file('large.dbbackup');
    await source!.run('DROP TABLE notes');
    await writeFile(file, await soundBackup(source!, file, 'zstd'));
    const { output, peak } = await readPage(file);
    assert.deepEqual(JSON.parse(output), [
      [
        { end: '1' },
        { end: '', cutFrom: bytes },
        { end: `x''`, cutFrom: bytes },
        { end: 'x'.repeat(10), cutFrom: 1_000_000 },
      ],
    ]);
    assert.ok(peak < mostMemory, `${peak} bytes`);
  });

  it('are left after a while, and at once when it is cancelled', async () => {
    const file = folder.file('any.db');
    await writeFile(file, '');
    const connection = await openUntrusted(file);
    const endless =
      'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS n FROM n';
    try {
      const cancel = AbortSignal.timeout(300);
      await assert.rejects(connection.all(endless, [], cancel), (error) =>
        RestorePointError.is(error, 'cancelled'),
      );
      connection.bound({ valueBytes: 1000, milliseconds: 300 });
      await assert.rejects(connection.all(endless), /SQLite worked on the database in the backup for/);
      await assert.rejects(connection.all('SELECT zeroblob(1001) AS b'), /too big/);
      await assert.rejects(connection.run(`ATTACH ':memory:' AS other`), /too many attached/);
    } finally {
      await connection.close();
    }
  });

  async function readPage(file: string): Promise<{ output: string; peak: number }> {
    const support = path.join(import.meta.dirname, '../../support');
    const peakFile = folder.file('peak');
    const child = spawn(
      process.execPath,
      ['--import', path.join(support, 'peakMemory.ts'), path.join(support, 'readPageChild.ts'), file],
      { env: { ...process.env, PEAK_MEMORY_FILE: peakFile }, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    child.stdout.on('data', (text: Buffer) => (output += text.toString()));
    await new Promise((resolve) => child.on('close', resolve));
    return { output, peak: Number(await readFile(peakFile, 'utf8')) };
  }

  async function restore(file: string): Promise<void> {
    const session = await target!.connect();
    try {
      await restoreBackup(file, session, engineById, {
        mode: 'replace',
        logger: silentLogger,
        mayRun: () => Promise.reject(new Error('it would run statements')),
        confirm: () => Promise.resolve(true),
      });
    } finally {
      await session.close();
    }
  }
});
