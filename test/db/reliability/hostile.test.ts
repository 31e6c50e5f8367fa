import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { verifyBackup } from '../../../src/backup/verifyBackup.ts';
import { describeError, RestorePointError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { restoreBackup } from '../../../src/restore/restoreBackup.ts';
import { runCli, startCli } from '../../support/cli.ts';
import {
  chunksOf,
  fileWith,
  forge,
  type Forgery,
  type JsonObject,
  objectsAt,
  soundBackup,
} from '../../support/hostileFiles.ts';
import { partsOf } from '../../support/damage.ts';
import { itInAll } from '../../support/sample.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { countTried } from '../../support/triedCounts.ts';
import { shopRows, shopSchema } from '../shop.ts';

const logger = silentLogger;
const escaped = '/tmp/restore-point-escaped';

/** A file made by hand, and what the refusal has to say. */
interface Hostile {
  readonly title: string;
  readonly file: (sound: Buffer) => Buffer;
  readonly says?: RegExp;
}

const made = (title: string, change: (forgery: Forgery) => void, says?: RegExp): Hostile => ({
  title,
  file: (sound) => forge(sound, change),
  ...(says ? { says } : {}),
});

const json = (title: string, change: (manifest: string) => string, says?: RegExp): Hostile => ({
  title,
  file: (sound) => fileWith(sound, change(partsOf(sound).at(-1)!.data.toString())),
  ...(says ? { says } : {}),
});

const tableOf = ({ manifest }: Forgery, name: string): JsonObject =>
  objectsAt(manifest['tables']).find(({ table }) => JSON.stringify(table).includes(`"name":"${name}"`))!;

const objectOf = ({ manifest }: Forgery, kind: string): JsonObject =>
  objectsAt(manifest['objects']).find((object) => object['kind'] === kind)!;

/** A chunk under another name, in the manifest and in the file. */
function rename({ manifest, chunks }: Forgery, entry: string): void {
  const [chunk] = chunksOf(manifest);
  const before = chunk!['entry'] as string;
  const all = [...chunks].map(([name, data]) => [name === before ? entry : name, data] as const);
  chunks.clear();
  for (const [name, data] of all) chunks.set(name, data);
  chunk!['entry'] = entry;
}

const names = [
  '../../etc/passwd',
  '/etc/passwd',
  'data/../../x',
  'data/1-a/../../../x',
  'C:\\x',
  'data/1-a\\..\\x',
  '',
];

const manifests: readonly Hostile[] = [
  ...names.map((name) => made(`a chunk ${name}`, (forgery) => rename(forgery, name), /gives chunk 1 of/)),
  ...['../x', '/x', 'data/..', 'data/1-../x', `data/1-${'x'.repeat(61)}`].map((name) =>
    made(
      `a payload ${name.slice(0, 20)}`,
      ({ manifest }) => (objectsAt(manifest['payloads'])[0]!['name'] = name),
      /\/payloads\/0\/name/,
    ),
  ),
  made(
    'an entry for two chunks',
    ({ manifest }) => {
      const { chunks } = objectsAt(manifest['payloads'])[0]!;
      (chunks as JsonObject[]).push(...Array.from({ length: 1000 }, () => ({ ...objectsAt(chunks)[0]! })));
    },
    /gives chunk 2 of/,
  ),
  made(
    'a payload twice',
    ({ manifest }) => (manifest['payloads'] as JsonObject[]).push(objectsAt(manifest['payloads'])[0]!),
    /payload .* twice/,
  ),
  made(
    'a table twice',
    (forgery) => (forgery.manifest['tables'] as JsonObject[]).push(tableOf(forgery, 'orders')),
    /twice/,
  ),
  made(
    'a column twice',
    (forgery) => {
      const { columns } = tableOf(forgery, 'orders')['table'] as JsonObject;
      (columns as JsonObject[]).push(objectsAt(columns)[0]!);
    },
    /column of .* twice/,
  ),
  ...[2 ** 53 - 1, 1024 ** 4].map((bytes) =>
    made(
      `a chunk of ${bytes} bytes`,
      ({ manifest }) => (chunksOf(manifest)[0]!['bytes'] = bytes),
      /more than a chunk can/,
    ),
  ),
  made(
    'a chunk larger than its bytes',
    ({ manifest }) => (chunksOf(manifest)[0]!['bytes'] = 1000 * 1000 * 1000),
    /impossible sizes/,
  ),
  ...[-1, 0.5, 2 ** 53, 1e308].map((rows) =>
    made(`${rows} rows`, (forgery) => (tableOf(forgery, 'orders')['rows'] = rows), /\/rows/),
  ),
  made('a row more', (forgery) => (tableOf(forgery, 'notes')['rows'] = 3), /row counts|rows/),
  made(
    'a time that never was',
    ({ manifest }) => (manifest['createdAt'] = '2026-99-99T99:99:99.999Z'),
    /invalid time/,
  ),
  made(
    'a name with NUL',
    (forgery) => ((tableOf(forgery, 'orders')['table'] as JsonObject)['name'] = { name: 'a\0b' }),
    /cannot contain a NUL/,
  ),
  json('NaN', (text) => text.replace(/"rows": \d+/, '"rows": NaN'), /not valid JSON/),
  json('1e999', (text) => text.replace(/"rows": \d+/, '"rows": 1e999'), /\/rows/),
  json(
    '__proto__',
    (text) => text.replace('{', '{"__proto__": {"complete": true},'),
    /additional properties/,
  ),
  json(
    'constructor',
    (text) => text.replace('{', '{"constructor": {"prototype": {}},'),
    /additional properties/,
  ),
  json('a hundred thousand brackets', () => '['.repeat(100_000) + ']'.repeat(100_000), /nested more than/),
  json(
    'a hundred thousand braces',
    () => '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000),
    /nested more than/,
  ),
  json('eleven million numbers', () => `[0${',0'.repeat(11_000_000)}]`, /more than 10000000 values/),
  json('no manifest', () => '', /not valid JSON/),
  json('half a manifest', (text) => text.slice(0, text.length / 2), /not valid JSON/),
];

/** Statements in place of those that make an object. */
const statements: readonly string[] = [
  'COMMIT',
  'ROLLBACK',
  'DROP TABLE secret',
  'DELETE FROM secret',
  `INSERT INTO secret VALUES (2, 'x')`,
  `UPDATE secret SET word = 'x'`,
  'CREATE TABLE orders AS SELECT * FROM secret',
  `ATTACH '${escaped}' AS escaped`,
  `VACUUM INTO '${escaped}'`,
  'PRAGMA writable_schema = ON',
  `SELECT load_extension('x')`,
  `COPY secret TO PROGRAM 'touch ${escaped}'`,
  `COPY secret TO '${escaped}'`,
  `DO $$ BEGIN DROP TABLE public.secret; END $$`,
  `\\! touch ${escaped}`,
  `SET ROLE postgres`,
  'ALTER TABLE public.secret DROP COLUMN word',
  'ALTER TABLE public.secret ADD CONSTRAINT c CHECK (true), DROP COLUMN word',
  'ALTER TABLE public.secret RENAME TO open',
  'ALTER TABLE public.secret ADD COLUMN x int',
  'GRANT postgres TO PUBLIC',
  'CREATE ROLE escaped SUPERUSER',
  'CREATE TEMP TABLE orders (id int)',
  'CREATE TABLE IF NOT EXISTS orders (id int)',
  '',
  'x'.repeat(1_000_000),
];

const appended: readonly string[] = [
  '; COMMIT',
  '; COMMIT; DROP TABLE secret',
  '; DROP TABLE secret',
  ';; DROP TABLE secret; --',
  '\n;\nROLLBACK',
  '\0; DROP TABLE secret',
];

const schemas = (kind: string): readonly Hostile[] => [
  ...statements.map((sql) =>
    made(`${kind}: ${sql.slice(0, 60)}`, (forgery) => (objectOf(forgery, kind)['sql'] = sql)),
  ),
  ...appended.map((more) =>
    made(`${kind} and ${JSON.stringify(more)}`, (forgery) => {
      const object = objectOf(forgery, kind);
      object['sql'] = `${object['sql'] as string}${more}`;
    }),
  ),
];

for (const testEngine of testEngines) {
  const { id } = testEngine;
  describe(`${id}: hostile files`, function () {
    this.timeout(180_000);
    const folder = useTemporaryFolder();
    let source: TestDatabase;
    let target: TestDatabase;

    beforeEach(async () => {
      [source, target] = [await testEngine.create(), await testEngine.create()];
      await source.run(`${shopSchema(id)}; CREATE VIEW shown AS SELECT id FROM notes`);
      await source.run(shopRows);
      await target.run(
        `CREATE TABLE secret (id integer primary key, word text); INSERT INTO secret VALUES (1, 'sesame')`,
      );
    });
    afterEach(async () => {
      await source.remove();
      await target.remove();
      assert.ok(!existsSync(escaped), 'a file was written outside');
    });

    // Made before the rows, and after them.
    const kinds = id === 'sqlite' ? ['table', 'view', 'index', 'trigger'] : ['table', 'foreign key'];
    const groups: readonly (readonly [string, readonly Hostile[]])[] = [
      ['manifests', manifests],
      ['statements', kinds.flatMap(schemas)],
    ];
    for (const [kind, files] of groups) {
      it(`are refused, and change nothing: ${kind}`, async () => {
        const sound = await soundBackup(source, folder.file('sound.dbbackup'), 'none');
        const before = await target.dump();
        let lost = files.length;
        try {
          for (const { title, file, says } of files) {
            const error = await refusal(file(sound), title);
            if (says) assert.match(describeError(error), says, title);
            assert.equal(await target.dump(), before, `the database was changed: ${title}`);
            lost--;
          }
        } finally {
          countTried('hostile files', `${kind} made by hand (${id})`, files.length, lost);
        }
        assert.deepEqual(await readdir(folder.path), ['hostile.dbbackup']);
      });
    }

    it('restore whole or not at all, whatever things are called', async () => {
      const odd = [
        '__proto__',
        'constructor',
        'toString',
        `x"'; DROP TABLE secret; --`,
        '\u202eevil',
        '\u001b[2J',
        '名',
      ];
      const quoted = odd.map((name) => `"${name.replaceAll('"', '""')}"`);
      for (const name of quoted) {
        const columns = quoted.map((column) => `${column} text`).join(', ');
        await source.run(`CREATE TABLE ${name} (id integer primary key, ${columns})`);
        await source.run(`INSERT INTO ${name} VALUES (1, ${quoted.map(() => `'v'`).join(', ')})`);
      }
      const file = folder.file('hostile.dbbackup');
      await writeFile(file, await soundBackup(source, folder.file('sound.dbbackup'), 'zstd'));
      await verifyBackup(file, engineById, { logger });
      await restore(file);
      for (const name of quoted)
        assert.deepEqual(await target.rows(`SELECT * FROM ${name}`), [['1', ...quoted.map(() => 'v')]], name);
      assert.deepEqual(await target.rows('SELECT * FROM secret'), [['1', 'sesame']]);
      const inspect = await runCli(['inspect', file]);
      for (const character of '\u001b\u202e')
        assert.ok(!inspect.stdout.includes(character), 'a name reached the terminal as it is');
      assert.match(inspect.stdout, /⟨001B⟩\[2J/);
      assert.match(inspect.stdout, /⟨202E⟩evil/);
    });

    itInAll('take no more memory than others when they unpack to very much', async () => {
      const gigabyte = Buffer.alloc(1024 ** 3);
      for (const compression of ['zstd', 'gzip'] as const) {
        const sound = await soundBackup(source, folder.file('sound.dbbackup'), compression);
        const bomb = compression === 'zstd' ? zstdCompressSync(gigabyte) : gzipSync(gigabyte, { level: 9 });
        const told = forge(sound, ({ manifest, chunks }) => {
          const [chunk] = chunksOf(manifest);
          chunks.set(chunk!['entry'] as string, bomb);
          chunk!['bytes'] = gigabyte.length;
        });
        const untold = forge(sound, ({ manifest, chunks }) => {
          chunks.set(chunksOf(manifest)[0]!['entry'] as string, bomb);
        });
        for (const [title, bytes] of [
          ['told', told],
          ['untold', untold],
        ] as const) {
          const file = folder.file('bomb.dbbackup');
          await writeFile(file, bytes);
          const run = await startCli(['verify', file]);
          assert.equal(run.code, 3, `${title}: ${run.stderr}`);
          assert.ok(run.peakMemory < 300 * 1024 * 1024, `${compression}, ${title}: ${run.peakMemory} bytes`);
        }
        countTried('hostile files', `bombs (${id})`, 2, 0);
      }
    });

    async function refusal(bytes: Buffer, title: string): Promise<RestorePointError> {
      const file = folder.file('hostile.dbbackup');
      await writeFile(file, bytes);
      const outcome: unknown = await restore(file).catch((error: unknown) => error);
      assert.ok(outcome !== undefined, `it was restored: ${title}`);
      if (!RestorePointError.is(outcome)) throw new Error(title, { cause: outcome });
      assert.equal(outcome.details.unchanged, 'Nothing was changed.', title);
      return outcome;
    }

    async function restore(file: string): Promise<void> {
      const session = await target.connect();
      try {
        await restoreBackup(file, session, engineById, {
          mode: 'replace',
          logger,
          mayRun: () => Promise.resolve(true),
          confirm: () => Promise.resolve(true),
        });
      } finally {
        await session.close();
      }
    }
  });
}
