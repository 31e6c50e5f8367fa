import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { copyFile, readdir, writeFile } from 'node:fs/promises';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { verifyBackup } from '../../../src/backup/verifyBackup.ts';
import { describeError, RestorePointError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { restoreModes } from '../../../src/core/plan.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { restoreBackup } from '../../../src/restore/restoreBackup.ts';
import { soundBackup } from '../../support/hostileFiles.ts';
import { forgePayload } from '../../support/hostileSqlite.ts';
import { randomForgery } from '../../support/hostileSqliteRandom.ts';
import { type RandomSource, randomSource } from '../../support/randomSource.ts';
import { casesOf } from '../../support/sample.ts';
import { sqliteDump } from '../../support/sqliteWitness.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines } from '../../support/testDatabases.ts';
import { countingTried } from '../../support/triedCounts.ts';
import { fold, type Named, tableNames, unnamedContent } from '../../support/unnamedContent.ts';

const logger = silentLogger;
const engine = engineById('sqlite');
const sqlite = testEngines.find(({ id }) => id === 'sqlite')!;
const cases = casesOf(300, 30);

const shared = `
  CREATE TABLE notes (id integer primary key autoincrement, t text);
  CREATE TABLE items (id integer primary key, note integer REFERENCES notes (id));
  CREATE INDEX by_text ON notes (t);`;

const sourceSql = `${shared}
  INSERT INTO notes VALUES (1, 'one'), (2, 'two'), (7, 'seven');
  INSERT INTO items VALUES (1, 1);
  CREATE VIEW shown AS SELECT id FROM notes;
  CREATE TRIGGER noted AFTER DELETE ON notes BEGIN SELECT 1; END;
  CREATE VIRTUAL TABLE found USING fts5(t);
  INSERT INTO found VALUES ('a word')`;

const targetSql = `${shared}
  INSERT INTO notes VALUES (3, 'mine'), (40, 'mine');
  CREATE TABLE payments (id integer primary key autoincrement, a, b);
  INSERT INTO payments VALUES (50, 'secret', 1);
  CREATE INDEX by_amount ON payments (a);
  CREATE TABLE "main.notes" (id integer primary key, t text);
  INSERT INTO "main.notes" VALUES (1, 'mine');
  CREATE VIRTUAL TABLE docs USING fts5(a, b);
  INSERT INTO docs VALUES ('mine', 'mine');
  PRAGMA user_version = 3;
  ANALYZE`;

describe('sqlite: databases and manifests that somebody made up', function () {
  this.timeout(cases * 4000 + 60_000);
  const folder = useTemporaryFolder();

  it('change nothing that is not named', async () => {
    const random = randomSource('databases and manifests');
    const [backup, template, file] = ['hostile.dbbackup', 'template.db', 'target.db'].map((name) =>
      folder.file(name),
    );
    const source = await sqlite.create();
    await source.run(sourceSql);
    const sound = await soundBackup(source, backup!, 'none');
    const target = await sqlite.create();
    await target.run(targetSql);
    await copyFile(target.url.slice('sqlite:'.length), template!);
    const [whole, known] = [sqliteDump(template!).join('\n'), tableNames(template!)];
    await Promise.all([source.remove(), target.remove()]);
    let restored = 0;
    await countingTried(
      'hostile files',
      'databases and manifests changed at random (sqlite)',
      async (count) => {
        for (let round = 0; round < cases; round++) {
          const { forgery, what } = randomForgery(random);
          const bytes = forgePayload(sound, forgery);
          const title = `${what.join('; ')} (round ${round}, seed ${random.seed})`;
          await writeFile(backup!, bytes);
          await copyFile(template!, file!);
          await verifyBackup(backup!, engineById, { logger }).catch((error: unknown) => isOurs(error, title));
          const named = await restore(random, title);
          if (named) {
            restored++;
            const [before, after] = [template!, file!].map((database) =>
              unnamedContent(database, named, known),
            );
            assert.equal(after, before, title);
          } else assert.equal(sqliteDump(file!).join('\n'), whole, `the database was changed: ${title}`);
          count();
        }
      },
    );
    console.log(`      ${restored} of ${cases} were restored`);
    assert.ok(restored >= cases * 0.05, `only ${restored} were restored`);
    assert.deepEqual((await readdir(folder.path)).sort(), ['hostile.dbbackup', 'target.db', 'template.db']);
    assert.ok(!existsSync('/tmp/restore-point-escaped'), 'a file was written outside');

    /** What was named, where it was restored. */
    async function restore(source: RandomSource, title: string): Promise<Named | undefined> {
      const mode = source.pick(restoreModes);
      const tables = source.below(3) === 0 ? [{ name: source.pick(['notes', 'items']) }] : undefined;
      const mayRun = source.below(4) > 0;
      const session = await engine.connect({ engine: 'sqlite', file: file! }, { readOnly: false, logger });
      try {
        await restoreBackup(backup!, session, engineById, {
          mode,
          logger,
          ...(tables ? { tables } : {}),
          mayRun: () => Promise.resolve(mayRun),
          confirm: () => Promise.resolve(true),
        });
      } catch (error) {
        isOurs(error, title);
        return undefined;
      } finally {
        await session.close();
      }
      return namedIn(backup!, tables?.[0]?.name, mayRun);
    }
  });
});

/** What a manifest names, of one table or of all. Without statements nothing but rows is. */
async function namedIn(file: string, table: string | undefined, mayRun: boolean): Promise<Named> {
  const archive = await Archive.open(file, engineById);
  await archive.close();
  const { tables, objects } = archive.manifest;
  const isMeant = (name: string | undefined): boolean => table === undefined || fold(name ?? '') === table;
  const chosen = tables.map((backup) => backup.table.name.name).filter(isMeant);
  const made = mayRun ? objects.filter((object) => isMeant(object.table?.name)) : [];
  return { tables: new Set(chosen.map(fold)), objects: new Set(made.map(({ name }) => fold(name))) };
}

function isOurs(error: unknown, title: string): void {
  const shown = error instanceof Error ? error.stack : String(error);
  assert.ok(RestorePointError.is(error), `${title}: ${shown}`);
  const text = describeError(error);
  assert.ok(
    text.length < 400_000 && !/TypeError|RangeError|undefined|\[object/.test(text),
    `${title}: ${text}`,
  );
}
