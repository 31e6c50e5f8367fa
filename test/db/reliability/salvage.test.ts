import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { Keys } from '../../../src/archive/encryption/keys.ts';
import { salvageBackup, type SalvageReport } from '../../../src/backup/salvageBackup.ts';
import { verifyBackup } from '../../../src/backup/verifyBackup.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { runCli } from '../../support/cli.ts';
import { partsOf } from '../../support/damage.ts';
import { failure } from '../../support/errors.ts';
import { backUp, restore } from '../../support/postgresRestores.ts';
import { itInAll } from '../../support/sample.ts';
import { countingTried } from '../../support/triedCounts.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';

const logger = silentLogger;

/** Three chunks of rows, and two small tables. */
function sample(id: string): string {
  const series =
    id === 'sqlite'
      ? `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i, hex(randomblob(5000)) FROM n`
      : `SELECT i, (SELECT string_agg(md5(i::text || j), '') FROM generate_series(1, 320) j) FROM generate_series(1, 1000) i`;
  return `
    CREATE TABLE orders (id integer primary key, note text);
    CREATE TABLE big (id integer primary key, note text);
    CREATE TABLE lines (id integer primary key, order_id integer REFERENCES orders (id));
    INSERT INTO orders VALUES (1, 'one'), (2, 'two'), (3, NULL);
    INSERT INTO big ${series};
    INSERT INTO lines VALUES (10, 1), (11, 3)`;
}

for (const testEngine of testEngines) {
  const { id } = testEngine;
  describe(`${id}: salvage`, function () {
    this.timeout(120_000);
    const folder = useTemporaryFolder();
    let source: TestDatabase;
    let file: string;
    let sound: Buffer;

    beforeEach(async () => {
      source = await testEngine.create();
      await source.run(sample(id));
      file = folder.file('a.dbbackup');
      await backUp(source, file, undefined, { compression: 'none' });
      sound = await readFile(file);
    });
    afterEach(() => source.remove());

    async function salvage(bytes: Buffer, name: string): Promise<{ report: SalvageReport; out: string }> {
      const [damaged, out] = [folder.file(`${name}.dbbackup`), folder.file(`${name}-salvaged.dbbackup`)];
      await writeFile(damaged, bytes);
      await failure(verifyBackup(damaged, engineById, { logger }), 'damaged-backup');
      const report = await salvageBackup(damaged, engineById, { logger, out });
      await verifyBackup(out, engineById, { logger });
      return { report, out };
    }

    /** The same on the command line. */
    async function salvageByCli(damaged: string, ...options: string[]): Promise<SalvageReport> {
      assert.equal((await runCli(['verify', damaged, ...options])).code, 3, 'it is not damaged');
      const run = await runCli(['salvage', damaged, ...options, '--json']);
      assert.equal(run.code, 0, run.stderr);
      return JSON.parse(run.stdout) as SalvageReport;
    }

    /** The bytes, with some in the middle of an entry overwritten. */
    function spoil(entry: RegExp, share = 0.5): Buffer {
      const part = partsOf(sound).find(({ name }) => entry.test(name))!;
      const at = part.data.byteOffset - sound.byteOffset + Math.floor(part.data.length * share);
      const bytes = Buffer.from(sound);
      bytes.fill(0xaa, at, at + 16);
      return bytes;
    }

    const lost = ({ tables }: SalvageReport): string[] =>
      tables.filter(({ lostRows }) => lostRows > 0).map(({ table }) => table.name);

    it('keeps everything where only the frame is damaged', async () => {
      await countingTried('damages', `salvaged, frames (${id})`, async (tried) => {
        const directory = sound.lastIndexOf(partsOf(sound).at(-1)!.data) + partsOf(sound).at(-1)!.data.length;
        const header = sound.indexOf('PK', 100);
        const damages: [string, Buffer][] = [
          ['cut', sound.subarray(0, directory + 10)],
          ['schema', spoil(/schema\.sql/)],
          ['header', Buffer.concat([sound.subarray(0, header), Buffer.alloc(8), sound.subarray(header + 8)])],
          ['inserted', Buffer.concat([Buffer.from('garbage'), sound])],
        ];
        for (const [name, bytes] of damages) {
          tried();
          const { report, out } = await salvage(bytes, name);
          assert.deepEqual([lost(report), report.lostChunks], [[], []], name);
          const target = await testEngine.create();
          try {
            await restore(out, target);
            const all = 'SELECT * FROM big ORDER BY id';
            assert.deepEqual(await target.rows(all), await source.rows(all));
          } finally {
            await target.remove();
          }
        }
      });
    });

    it('keeps the tables and chunks that hold, and says what is lost', async () => {
      // What is salvaged of a backup that this machine made is known too: nothing is asked.
      const own = folder.file('own.dbbackup');
      const backup = await runCli(['backup', source.url, '--out', own, '--compression', 'none']);
      assert.equal(backup.code, 0, backup.stderr);
      sound = await readFile(own);
      const chunk = id === 'sqlite' ? /database\/2\.sqlite/ : /big\/2\.copy/;
      await writeFile(folder.file('part.dbbackup'), spoil(chunk));
      const report = await salvageByCli(folder.file('part.dbbackup'));
      const out = folder.file('part-salvaged.dbbackup');
      await verifyBackup(out, engineById, { logger });
      assert.deepEqual(lost(report), ['big']);
      assert.equal(report.lostChunks.length, 1);
      const inspect = await runCli(['inspect', out]);
      assert.match(inspect.stdout, /, part of the database/);
      assert.match(inspect.stdout, /the backup that this was salvaged from is damaged/);
      const target = await testEngine.create();
      try {
        const run = await runCli(['restore', out, target.url, '--yes']);
        assert.equal(run.code, 0, run.stderr);
        assert.match(run.stderr, /warning: not in the backup: (table|rows) .*damaged/);
        for (const table of ['orders', 'lines']) {
          const all = `SELECT * FROM ${table} ORDER BY id`;
          assert.deepEqual(await target.rows(all), await source.rows(all), table);
        }
        const big = report.tables.find(({ table }) => table.name === 'big')!;
        assert.equal(big.rows + big.lostRows, 1000);
        if (id === 'sqlite') assert.equal(big.rows, 0);
        else {
          assert.ok(big.rows > 0);
          assert.deepEqual(await target.rows('SELECT count(*) FROM big'), [[String(big.rows)]]);
        }
        const replace = await runCli(['restore', out, source.url, '--yes', '--dry-run', '--verbose']);
        assert.equal(replace.code, 0, replace.stderr);
        if (id === 'postgres') {
          const asked = await runCli(['restore', out, source.url, '--yes']);
          assert.match(
            asked.stderr,
            /contains only what could be salvaged \(\d+ rows are lost\); replace removes all other rows/,
          );
        }
      } finally {
        await target.remove();
      }
    });

    itInAll('keeps what holds of an encrypted backup, encrypted to the same key', async () => {
      const identity = await generateX25519Identity();
      const [identityFile, damaged] = [folder.file('key.txt'), folder.file('secret.dbbackup.age')];
      await writeFile(identityFile, `${identity}\n`);
      const lock = { recipients: [await identityToRecipient(identity)] };
      await backUp(source, damaged, undefined, { compression: 'none', lock });
      const bytes = await readFile(damaged);
      bytes[Math.floor(bytes.length / 2)]! ^= 1;
      await writeFile(damaged, bytes);
      const out = folder.file('secret-salvaged.dbbackup.age');
      await failure(salvageBackup(damaged, engineById, { logger, out }), 'locked');
      const report = await salvageByCli(damaged, '--identity', identityFile);
      assert.deepEqual([lost(report), report.file], [['big'], out]);
      assert.equal(await Archive.encryptionOf(out), 'recipients');
      const keys = new Keys({ identities: [identity] });
      await verifyBackup(out, engineById, { logger, keys });
      const target = await testEngine.create();
      try {
        await restore(out, target, { keys });
        for (const table of ['orders', 'lines']) {
          const all = `SELECT * FROM ${table} ORDER BY id`;
          assert.deepEqual(await target.rows(all), await source.rows(all), table);
        }
      } finally {
        await target.remove();
      }
    });

    if (id === 'sqlite')
      it('says that nothing can be salvaged without the first chunk, and leaves no file', async () => {
        await writeFile(folder.file('b.dbbackup'), spoil(/database\/1\.sqlite/));
        const run = await runCli(['salvage', folder.file('b.dbbackup')]);
        assert.equal(run.code, 3, run.stderr);
        assert.match(
          run.stderr,
          /b\.dbbackup: Nothing can be salvaged: every table is damaged\. Use another backup/,
        );
        await assert.rejects(readFile(folder.file('b-salvaged.dbbackup')));
      });

    it('says that nothing can be salvaged without the manifest, and leaves no file', async () => {
      for (const bytes of [spoil(/manifest\.json/), sound.subarray(0, sound.lastIndexOf('PK\u0003\u0004'))]) {
        await writeFile(folder.file('b.dbbackup'), bytes);
        const run = await runCli(['salvage', folder.file('b.dbbackup')]);
        assert.equal(run.code, 3, run.stderr);
        assert.match(
          run.stderr,
          /manifest\.json.*Nothing can be salvaged: the manifest is (damaged|missing)/,
        );
        await assert.rejects(readFile(folder.file('b-salvaged.dbbackup')));
      }
    });
  });
}
