import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { verifyBackup } from '../../../src/backup/verifyBackup.ts';
import { describeError, RestorePointError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { restoreBackup } from '../../../src/restore/restoreBackup.ts';
import { forge, mutate, mutateBytes, soundBackup } from '../../support/hostileFiles.ts';
import { type RandomSource, randomSource } from '../../support/randomSource.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { countTried } from '../../support/triedCounts.ts';
import { shopRows, shopSchema } from '../shop.ts';
import { casesOf, sampleParts } from '../../support/sample.ts';

const logger = silentLogger;
const secret = `CREATE TABLE secret (id integer primary key, word text); INSERT INTO secret VALUES (1, 'sesame')`;
const restorableShare = 0.02;

/** Kinds of files that were changed by somebody who can make every checksum anew. */
const kinds: readonly {
  readonly kind: string;
  readonly compression: 'none' | 'zstd' | 'gzip';
  readonly change: (sound: Buffer, random: RandomSource) => { file: Buffer; what: string };
}[] = [
  { kind: 'manifests', compression: 'none', change: changeManifest },
  { kind: 'rows', compression: 'none', change: changeChunk },
  { kind: 'zstd frames', compression: 'zstd', change: changeChunk },
  { kind: 'gzip frames', compression: 'gzip', change: changeChunk },
];

function changeManifest(sound: Buffer, random: RandomSource): { file: Buffer; what: string } {
  const changes: string[] = [];
  const file = forge(sound, ({ manifest }) => {
    for (let left = 1 + random.below(2); left > 0; left--) changes.push(mutate(manifest, random));
  });
  return { file, what: changes.join('; ') };
}

function changeChunk(sound: Buffer, random: RandomSource): { file: Buffer; what: string } {
  let what = '';
  const file = forge(sound, ({ chunks, manifest }) => {
    const [entry, data] = random.pick([...chunks]);
    const changed = mutateBytes(data, random);
    chunks.set(entry, changed);
    what = `${entry}: ${data.length} bytes became ${changed.length}`;
    if (manifest['compression'] === 'none') tellLength(manifest, entry, changed.length);
  });
  return { file, what };
}

function tellLength(manifest: object, entry: string, bytes: number): void {
  const { payloads } = manifest as { payloads: { chunks: { entry: string; bytes: number }[] }[] };
  for (const chunk of payloads.flatMap(({ chunks }) => chunks))
    if (chunk.entry === entry) chunk.bytes = bytes;
}

for (const testEngine of testEngines) {
  const { id } = testEngine;
  const cases = id === 'sqlite' ? casesOf(150, 20) : casesOf(60, 15);
  describe(`${id}: files that somebody made up`, function () {
    sampleParts(this, id === 'sqlite' ? 1 : 2);
    this.timeout(cases * 4000);
    const folder = useTemporaryFolder();
    let source: TestDatabase;
    let target: TestDatabase;

    beforeEach(async () => {
      [source, target] = [await testEngine.create(), await testEngine.create()];
      await source.run(shopSchema(id));
      await source.run(shopRows);
      await target.run(secret);
    });
    afterEach(async () => {
      await source.remove();
      await target.remove();
    });

    for (const { kind, compression, change } of kinds) {
      it(`are refused, or restored inside one transaction: ${kind}`, async () => {
        const random = randomSource(`${kind} of ${id}`);
        const sound = await soundBackup(source, folder.file('sound.dbbackup'), compression);
        const [tried, empty] = [Math.ceil(cases / (kind === 'manifests' ? 1 : 3)), await target.dump()];
        let [lost, restored] = [tried, 0];
        try {
          for (let round = 0; round < tried; round++) {
            const { file, what } = change(sound, random);
            const title = `${what} (round ${round}, seed ${random.seed})`;
            if (await restores(file, title)) {
              restored++;
              assert.deepEqual(await target.rows('SELECT * FROM secret'), [['1', 'sesame']], title);
              await target.remove();
              target = await testEngine.create();
              await target.run(secret);
            } else assert.equal(await target.dump(), empty, `the database was changed: ${title}`);
            lost--;
          }
        } finally {
          countTried('hostile files', `${kind} changed at random (${id})`, tried, lost);
        }
        if (kind === 'manifests')
          assert.ok(restored >= tried * restorableShare, `only ${restored} were restored`);
        assert.deepEqual(await readdir(folder.path), ['hostile.dbbackup']);
        assert.ok(!existsSync('/tmp/restore-point-escaped'), 'a file was written outside');
      });
    }

    /** Whether it was restored. What is thrown otherwise must be an error of ours that names the place. */
    async function restores(bytes: Buffer, title: string): Promise<boolean> {
      const file = folder.file('hostile.dbbackup');
      await writeFile(file, bytes);
      const check = (error: unknown): false => {
        assert.ok(
          RestorePointError.is(error),
          `${title}: ${error instanceof Error ? error.stack : String(error)}`,
        );
        const text = describeError(error);
        assert.ok(
          text.length < 400_000 && !/TypeError|RangeError|undefined|\[object/.test(text),
          `${title}: ${text}`,
        );
        return false;
      };
      await verifyBackup(file, engineById, { logger }).catch(check);
      const session = await target.connect();
      try {
        await restoreBackup(file, session, engineById, {
          mode: 'replace',
          logger,
          mayRun: () => Promise.resolve(true),
          confirm: () => Promise.resolve(true),
        });
        return true;
      } catch (error) {
        return check(error);
      } finally {
        await session.close();
      }
    }
  });
}
