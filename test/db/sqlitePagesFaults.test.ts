import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { MadeHere } from '../../src/backup/madeHere.ts';
import { describeError, RestorePointError } from '../../src/core/errors.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { ensureDebianPackages } from '../support/debianPackages.ts';
import { failure } from '../support/errors.ts';
import { watchBoundaries } from '../support/faults/boundaries.ts';
import { stepFaults, tryEveryStep } from '../support/faults/everyStep.ts';
import { FaultSet, withFaults } from '../support/faults/faultSet.ts';
import type { KillOrder } from '../support/faults/killedChild.ts';
import { work, type WorkOrder } from '../support/faults/scenarios.ts';
import { openFiles } from '../support/openFiles.ts';
import { useScantTemporaryFolder } from '../support/scantTemporaryFolder.ts';
import { canMount, mountSmallDisk } from '../support/smallDisk.ts';
import { runSqlite, useSystemTemporaryFolder } from '../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';
import { countTried } from '../support/triedCounts.ts';
import { backUpFile, restoreFile } from './everything/sqliteRoundTrip.ts';

/** Some 10 MB in few rows, which are soon looked through. */
const database = `
  CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE); CREATE TABLE large (bytes);
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) INSERT INTO t SELECT i, 'u' || i FROM n;
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10) INSERT INTO large SELECT randomblob(1000000) FROM n`;
const changes = `UPDATE t SET u = 'other' || id; INSERT INTO large SELECT randomblob(500000) FROM large;
  UPDATE large SET bytes = randomblob(length(bytes)) WHERE rowid % 2`;
/** Most pages are others then, and are written straight out of the backup where there is no room to take it out. */
const allChanges = `${changes}; UPDATE large SET bytes = randomblob(length(bytes))`;

const killedChild = path.join(import.meta.dirname, '../support/faults/killedChild.ts');

/** What is done to files from the first byte of the journal on. */
const writing = /file (write|sync|datasync|truncate|chmod)|fs (open|rm) \.db-journal|sqlite (ROLLBACK|close)/;

describe('SQLite: pages over those of a whole database, and faults', function () {
  this.timeout(300_000);
  tryFaults(changes, false);
});

(canMount ? describe : describe.skip)('SQLite: pages straight out of a backup, and faults', function () {
  this.timeout(300_000);
  tryFaults(allChanges, true);
});

function tryFaults(toChange: string, straight: boolean): void {
  const title = straight ? 'SQLite restore straight out of a backup' : 'SQLite restore by pages';
  const folder = useTemporaryFolder();
  const scant = straight ? useScantTemporaryFolder() : undefined;
  if (!straight) useSystemTemporaryFolder();
  let [changed, file, backup] = ['', '', ''];
  let madeHere: MadeHere;
  let wanted = '';

  before(() => ensureDebianPackages(['sqlite3']));
  beforeEach(async () => {
    [changed, file, backup] = [folder.file('changed.db'), folder.file('a.db'), folder.file('a.dbbackup')];
    madeHere = new MadeHere(folder.file('state'), silentLogger);
    runSqlite(changed, database);
    await backUpFile(changed, backup, madeHere);
    wanted = digest(changed);
    runSqlite(changed, toChange);
    scant?.makeScant();
  });

  /** As Debian's tool has it, which brings back what has to be. */
  function digest(of: string): string {
    const tool = spawnSync('sqlite3', [of, 'PRAGMA integrity_check', '.sha3sum --schema'], {
      encoding: 'utf8',
    });
    assert.equal(tool.status, 0, tool.stderr);
    assert.match(tool.stdout, /^ok\n/);
    return tool.stdout;
  }

  function state(): 'old' | 'new' {
    const found = digest(file);
    if (found === wanted) return 'new';
    assert.ok(readFileSync(file).equals(readFileSync(changed)), 'it is neither as it was nor as it is to be');
    return 'old';
  }

  const prepare = (): void => copyFileSync(changed, file);

  function cleanUp(): void {
    for (const name of readdirSync(tmpdir())) rmSync(path.join(tmpdir(), name), { recursive: true });
  }

  // A restore straight out of a backup is cancelled in a test of its own.
  for (const kind of stepFaults.filter((each) => !straight || each === 'that fails')) {
    it(`leaves all as it was or as it is to be after a step ${kind}`, async () => {
      const judge = (faults: FaultSet, error: unknown): void => {
        assert.deepEqual(openFiles(folder.path), [], 'a file is still open');
        if (!faults.failedToRemove) assert.deepEqual(readdirSync(tmpdir()), [], 'a temporary file is left');
        const found = state();
        assert.ok(!existsSync(`${file}-journal`), 'a journal is left');
        if (error === undefined) return assert.equal(found, 'new', 'it was told as done');
        assert.ok(RestorePointError.is(error), 'somebody else’s error came out');
        if (found === 'new') assert.doesNotMatch(describeError(error), /Nothing was changed/);
      };
      const run = (options: { readonly signal?: AbortSignal }): Promise<unknown> =>
        restoreFile(backup, file, { ...options, madeHere });
      const { steps, lost } = await tryEveryStep(kind, { prepare, run, judge, cleanUp });
      assert.ok(steps.some((step) => step.startsWith('fs rm .db-journal')));
      countTried('faults', `${title}: a step ${kind}`, steps.length, lost.length);
      assert.deepEqual(lost, []);
    });
  }

  it('leaves the old state or the new one when its process is killed, which any SQLite brings back', async () => {
    const order: WorkOrder = {
      engine: 'sqlite',
      kind: 'restore',
      url: `sqlite:${file}`,
      file: backup,
      stateFolder: folder.file('state'),
    };
    prepare();
    const faults = new FaultSet();
    const unwatch = await watchBoundaries();
    const { error } = await withFaults(faults, () => work(order)).finally(unwatch);
    assert.equal(error, undefined);
    const steps = faults.steps.filter((step) => writing.test(step));
    const commit = steps.indexOf('fs rm .db-journal #1');
    assert.ok(commit > 10, steps.join(', '));
    const lost: string[] = [];
    let [tried, broughtBack] = [0, 0];
    for (const [index, at] of steps.entries()) {
      // What takes a while is ended in the middle of it, or right after it.
      const late = /write|truncate|fs rm/.test(at);
      prepare();
      const sent: KillOrder = { order, at, late };
      const killed = spawn(process.execPath, ['--no-warnings', killedChild, JSON.stringify(sent)], {
        stdio: 'ignore',
      });
      await once(killed, 'close');
      // A temporary file is written a varying number of times.
      if (killed.signalCode !== 'SIGKILL') continue;
      tried += 1;
      const written = !readFileSync(file).equals(readFileSync(changed));
      try {
        if (state() === 'old' && written) broughtBack += 1;
        if (index < commit)
          assert.ok(readFileSync(file).equals(readFileSync(changed)), 'it is done too early');
        if (index > commit) assert.equal(digest(file), wanted, 'it was done');
      } catch (wrong) {
        lost.push(`${at}${late ? ', late' : ''}: ${String(wrong)}`);
      }
      rmSync(`${file}-journal`, { force: true });
      cleanUp();
    }
    assert.ok(tried > 15, `it was killed ${tried} times`);
    assert.ok(broughtBack >= 3, `pages were brought back ${broughtBack} times`);
    countTried('faults', `${title}: kill -9`, tried, lost.length);
    assert.deepEqual(lost, []);
  });

  if (canMount && !straight) {
    it('says that the disk is full where it has no room for the journal, and leaves all as it was', async () => {
      const disk = mountSmallDisk(20 * 1024);
      try {
        file = path.join(disk.path, 'a.db');
        prepare();
        const error = await failure(restoreFile(backup, file, { madeHere }), 'database');
        assert.match(describeError(error), /The disk is full.*Nothing was changed\./s);
        assert.equal(state(), 'old');
      } finally {
        disk.remove();
      }
    });
  }
}
