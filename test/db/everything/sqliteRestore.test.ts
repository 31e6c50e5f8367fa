import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { copyFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MadeHere } from '../../../src/backup/madeHere.ts';
import type { BackupReport } from '../../../src/backup/takeBackup.ts';
import { RestorePointError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { makeOwnedFolder, type OwnedFolder } from '../../support/childProcesses.ts';
import { nextSqliteRows } from '../../support/sqliteNextRows.ts';
import {
  openSqlite,
  readSqliteWitness,
  assertSameSqlite,
  assertComesBack,
  type SqliteWitness,
} from '../../support/sqliteWitness.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import {
  checkSqlite,
  makeSqlite,
  sharedSqliteEntries,
  sqliteEntries,
  toolReads,
  type SqliteEntry,
} from './sqlite.ts';
import { damages, damageSqlite, objectDamages, rowDamages, type Damage } from './sqliteDamage.ts';
import { backUpFile, restoreFile } from './sqliteRoundTrip.ts';
import { sampleItems, sampleParts } from '../../support/sample.ts';

const tool = { tool: true };

/** For each of these, what is done to the database before the backup comes back over it. */
const allDamages: readonly (readonly [string, readonly Damage[]])[] = [
  ...damages.map((damage) => [damage, [damage]] as const),
  ['rows deleted, changed and added, counters and statistics changed', rowDamages],
  ['all of its objects dropped', objectDamages],
  ['all of this', damages],
  ['nothing', []],
];

for (const encoding of ['UTF-8', 'UTF-16le', 'UTF-16be']) {
  describe(`sqlite: one of everything in one database, ${encoding}`, function () {
    sampleParts(this, encoding === 'UTF-8' ? 1 : Infinity);
    const folder = useTemporaryFolder();
    const entries = sharedSqliteEntries.filter((entry) => toolReads([entry]));
    let made: OwnedFolder;
    let [source, backup, restored] = ['', '', ''];
    let witness: SqliteWitness;
    let next: readonly string[];
    let report: BackupReport;

    before(async () => {
      made = makeOwnedFolder('restore-point-everything-');
      [source, backup] = [join(made.path, 'source.db'), join(made.path, 'a.dbbackup')];
      makeSqlite(
        source,
        entries,
        `PRAGMA encoding = '${encoding}'; PRAGMA page_size = 8192; PRAGMA auto_vacuum = 2`,
      );
      witness = readSqliteWitness(source, tool);
      next = nextSqliteRows(source);
      report = await backUpFile(source, backup);
    });
    after(() => made.remove());
    beforeEach(() => (restored = folder.file('restored.db')));

    it('is as it was after it was backed up, and nothing was left out', () => {
      assertSameSqlite(readSqliteWitness(source, tool), witness);
      assert.deepEqual(report.leftOut, []);
    });

    /** Texts that are invalid in UTF-8 are others in UTF-16, so that answers are known for UTF-8 alone. */
    function checkAnswers(): void {
      if (encoding === 'UTF-8') checkSqlite(restored, entries);
      assert.deepEqual(nextSqliteRows(restored), next);
    }

    it('comes back into a new file, the same to the last byte of the dump', async () => {
      await restoreFile(backup, restored);
      assertComesBack(readSqliteWitness(restored, tool), witness);
      checkAnswers();
    });

    it('comes back with the counter of a table that is gone, from a backup that this machine made', async () => {
      const madeHere = new MadeHere(folder.file('state'), silentLogger);
      const own = folder.file('own.dbbackup');
      await backUpFile(source, own, madeHere);
      await writeFile(restored, '');
      await restoreFile(own, restored, { madeHere });
      assertSameSqlite(readSqliteWitness(restored, tool), witness);
    });

    it('comes back into an empty file', async () => {
      await writeFile(restored, '');
      await restoreFile(backup, restored);
      assertComesBack(readSqliteWitness(restored, tool), witness);
    });

    it('comes back a second time over what came back', async () => {
      await restoreFile(backup, restored);
      await restoreFile(backup, restored);
      assertComesBack(readSqliteWitness(restored, tool), witness, { anyOrder: true });
    });

    for (const [title, kinds] of [
      ...(encoding === 'UTF-8' ? sampleItems(allDamages.slice(0, -2), 10) : []),
      ...allDamages.slice(-2),
    ]) {
      it(`comes back over the live database: ${title}`, async () => {
        await copyFile(source, restored);
        damageSqlite(restored, kinds);
        const damaged = readSqliteWitness(restored);
        const { dump: _, ...whole } = witness;
        if (kinds.length > 0)
          assert.throws(() => assertSameSqlite(damaged, whole, { anyOrder: true }), /differ/);
        await restoreFile(backup, restored);
        assertComesBack(readSqliteWitness(restored, tool), witness, { anyOrder: true });
        checkAnswers();
      });
    }

    it('leaves alone what the live database has besides', async () => {
      await copyFile(source, restored);
      const more = `
        CREATE TABLE later (id INTEGER PRIMARY KEY AUTOINCREMENT, v);
        INSERT INTO later VALUES (5, 'kept');
        CREATE VIEW later_view AS SELECT * FROM later;
        CREATE TRIGGER later_trigger AFTER INSERT ON later BEGIN DELETE FROM later WHERE id < new.id - 100; END;`;
      change(restored, more);
      const expected = readSqliteWitness(restored, tool);
      damageSqlite(restored, rowDamages, (name) => name !== 'later');
      change(restored, `UPDATE sqlite_sequence SET seq = 5 WHERE name = 'later'`);
      await restoreFile(backup, restored);
      assertComesBack(readSqliteWitness(restored, tool), expected, { anyOrder: true });
    });

    it('rehearses without changing anything', async () => {
      await copyFile(source, restored);
      damageSqlite(restored, damages, (name) => name.length % 2 === 0);
      const damaged = readSqliteWitness(restored, tool);
      await restoreFile(backup, restored, { dryRun: true });
      assertSameSqlite(readSqliteWitness(restored, tool), damaged);
    });
  });
}

describe('sqlite: one of everything, each alone', function () {
  sampleParts(this, 20);
  const folder = useTemporaryFolder();
  for (const entry of sqliteEntries) {
    describe(`${entry.kind}: ${entry.name}`, () => testEntry(entry, folder));
  }
});

function testEntry(entry: SqliteEntry, folder: { file(name: string): string }): void {
  const options = { tool: toolReads([entry]) };
  let [source, backup, restored] = ['', '', ''];
  let witness: SqliteWitness;
  let next: readonly string[];
  let leftOut: BackupReport['leftOut'];

  beforeEach(async () => {
    source = folder.file('source.db');
    backup = folder.file('a.dbbackup');
    restored = folder.file('restored.db');
    makeSqlite(source, [entry]);
    witness = readSqliteWitness(source, options);
    next = nextSqliteRows(source);
    leftOut = (await backUpFile(source, backup)).leftOut;
  });

  it('comes back into a new file', async () => {
    await restoreFile(backup, restored);
    assertComesBack(readSqliteWitness(restored, options), witness);
    checkSqlite(restored, [entry]);
    assert.deepEqual(nextSqliteRows(restored), next);
    assert.deepEqual(leftOut, []);
  });

  const holdsRows = /\b(?:INSERT|CREATE TABLE \w+ AS)\b/.test(entry.sql);
  for (const kinds of [...(holdsRows ? [rowDamages] : []), objectDamages]) {
    it(`comes back over the live database: ${kinds.join(', ')}`, async () => {
      await copyFile(source, restored);
      damageSqlite(restored, kinds);
      const damaged = readSqliteWitness(restored);
      const { dump: _, ...whole } = witness;
      assert.throws(() => assertSameSqlite(damaged, whole, { anyOrder: true }), /differ/);
      await restoreFile(backup, restored);
      assertComesBack(readSqliteWitness(restored, options), witness, { anyOrder: true });
      checkSqlite(restored, [entry]);
      assert.deepEqual(nextSqliteRows(restored), next);
    });
  }
}

describe('sqlite: a restore that is undone', () => {
  const folder = useTemporaryFolder();
  const entries = sharedSqliteEntries.filter((entry) => toolReads([entry]));

  it('gives back what was there before, whatever it was', async () => {
    const [file, backup] = [folder.file('source.db'), folder.file('a.dbbackup')];
    makeSqlite(file, entries);
    await backUpFile(file, backup);
    damageSqlite(file, rowDamages);
    const damaged = readSqliteWitness(file, tool);
    const { safetyBackup } = await restoreFile(backup, file, { safetyFolder: folder.file('safety') });
    assert.throws(() => assertSameSqlite(readSqliteWitness(file, tool), damaged), /differ/);
    await restoreFile(safetyBackup!, file);
    assertSameSqlite(readSqliteWitness(file, tool), damaged, { anyOrder: true });
  });
});

describe('sqlite: a restore that fails', () => {
  const folder = useTemporaryFolder();

  it('changes nothing at all of one of everything', async () => {
    const [source, backup] = [folder.file('source.db'), folder.file('a.dbbackup')];
    const last = `CREATE TABLE zzz_last (n INTEGER); INSERT INTO zzz_last VALUES (-1);`;
    makeSqlite(source, sharedSqliteEntries);
    change(source, last);
    await backUpFile(source, backup);
    damageSqlite(source, damages, (name) => name.length % 3 > 0);
    change(
      source,
      `DROP TABLE IF EXISTS zzz_last; CREATE TABLE zzz_last (n INTEGER CONSTRAINT n_positive CHECK (n > 0))`,
    );
    const damaged = readSqliteWitness(source, tool);
    const error = await failureOf(restoreFile(backup, source));
    assert.match(`${error.details.place?.table} ${error.message}`, /zzz_last.*n_positive/);
    assert.equal(error.details.unchanged, 'Nothing was changed.');
    assertSameSqlite(readSqliteWitness(source, tool), damaged);
    const left = await readdir(folder.path);
    assert.deepEqual(left.toSorted(), ['a.dbbackup', 'source.db']);
  });

  it('into a new file leaves no half of a database', async () => {
    const source = folder.file('source.db');
    const backup = folder.file('a.dbbackup');
    const restored = folder.file('restored.db');
    makeSqlite(source, sharedSqliteEntries);
    await backUpFile(source, backup);
    const abort = new AbortController();
    const report = ({ phase }: { phase: string }): void => {
      if (phase === 'verify') abort.abort();
    };
    const error = await failureOf(restoreFile(backup, restored, { signal: abort.signal, report }));
    assert.equal(error.code, 'cancelled');
    if (existsSync(restored)) assert.deepEqual(readSqliteWitness(restored).schema, []);
  });
});

function change(file: string, script: string): void {
  const database = openSqlite(file);
  try {
    database.exec(script);
  } finally {
    database.close();
  }
}

async function failureOf(work: Promise<unknown>): Promise<RestorePointError> {
  const error: unknown = await work.then(
    () => new assert.AssertionError({ message: 'it did not fail' }),
    (thrown: unknown) => thrown,
  );
  if (!RestorePointError.is(error)) throw error;
  return error;
}
