import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { inspect } from 'node:util';
import { Archive } from '../../src/archive/archiveReader.ts';
import { Keys } from '../../src/archive/encryption/keys.ts';
import { takeBackup } from '../../src/backup/takeBackup.ts';
import { verifyBackup } from '../../src/backup/verifyBackup.ts';
import { describeError } from '../../src/core/errors.ts';
import type { Logger } from '../../src/core/logger.ts';
import { engineById } from '../../src/engines/registry.ts';
import { runCli } from '../support/cli.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';
import { type TestDatabase, testEngines } from '../support/testDatabases.ts';
import { failAll, makeSecret, Watched } from '../support/watchedRuns.ts';

describe('sqlite: passphrases in runs that fail', function () {
  this.timeout(180_000);
  const files = useTemporaryFolder();
  const passphrase = makeSecret();
  const wrong = makeSecret();
  let database: TestDatabase;

  beforeEach(async () => {
    database = await testEngines[0]!.create();
    await database.run(
      `CREATE TABLE t (id integer PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'one'), (2, 'two')`,
    );
  });
  afterEach(() => database.remove());

  it('are told nowhere', async () => {
    const home = files.file('watched');
    const [right, other] = ['right', 'other'].map((name) => path.join(home, name)) as [string, string];
    const watched = new Watched(home, { passphrase, wrong }, [right, other]);
    writeFileSync(right, `${passphrase}\n`);
    writeFileSync(other, `${wrong}\n`);
    const file = path.join(home, 'work', 'whole.dbbackup.age');
    const env = { RESTORE_POINT_PASSPHRASE: passphrase };
    const state = { TMPDIR: path.join(home, 'tmp'), XDG_STATE_HOME: path.join(home, 'state') };
    for (const args of [
      ['backup', database.url, '--encrypt', '--out', file],
      ['restore', file, database.url, '--yes'],
    ]) {
      const done = await runCli(args, { env: { ...env, ...state } });
      assert.equal(done.code, 0, done.stderr);
    }
    const damaged = path.join(home, 'work', 'damaged.dbbackup.age');
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(damaged, bytes);
    const blocked = `CREATE TRIGGER no BEFORE INSERT ON t BEGIN SELECT raise(ABORT, 'no'); END`;
    await database.run(`CREATE TABLE u (id integer REFERENCES t); INSERT INTO u VALUES (2), (7); ${blocked}`);
    await failAll(watched, 'SQLite, encrypted backups', [
      { args: ['verify', file], env: { RESTORE_POINT_PASSPHRASE: wrong }, code: 4, says: /passphrase/i },
      { args: ['inspect', file, '--passphrase-file', other], code: 4, says: /passphrase/i },
      {
        args: ['restore', file, database.url, '--yes'],
        env: { RESTORE_POINT_PASSPHRASE: wrong },
        code: 4,
        says: /passphrase/i,
      },
      { args: ['verify', damaged, '--passphrase-file', right], code: 3, says: /damaged\.dbbackup/ },
      { args: ['restore', damaged, database.url, '--yes'], env, code: 3, says: /damaged\.dbbackup/ },
      {
        args: ['backup', database.url, '--encrypt', '--tables', 'none'],
        env,
        code: 2,
        says: /no table named none/,
      },
      { args: ['backup', database.url, '--encrypt', '--out', file], env, code: 2, says: /never overwrites/ },
      { args: ['backup', `${database.url}.none`, '--encrypt'], env, code: 1, says: /./ },
      { args: ['restore', file, database.url, '--tables', 'none', '--yes'], env, code: 2, says: /none/ },
    ]);
    watched.search(4);
  });

  it('stand in no error of the core', async () => {
    const lines: string[] = [];
    const keep = (message: string, error?: unknown): void =>
      void lines.push(message, inspect(error, { depth: 12 }));
    const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep };
    const watched = new Watched(files.file('watched'), { passphrase, wrong }, []);
    const file = path.join(watched.home, 'work', 'a.dbbackup.age');
    const session = await database.connect({ readOnly: true });
    await takeBackup(session, { file, logger, lock: { passphrase } });
    await session.close();
    const work: (() => unknown)[] = [
      () => Archive.open(file, engineById, new Keys({ passphrase: wrong })),
      () => Archive.open(file, engineById),
      () => verifyBackup(file, engineById, { logger, keys: new Keys({ passphrase: wrong }) }),
      () => new Keys({ identities: [wrong] }),
      () => new Keys({ identities: [`AGE-SECRET-KEY-1${wrong}`] }),
    ];
    for (const each of work) {
      const error: unknown = await Promise.resolve()
        .then(each)
        .then(
          () => assert.fail('it did not fail'),
          (thrown: unknown) => thrown,
        );
      lines.push(describeError(error), inspect(error, { depth: 12, showHidden: true }));
    }
    assert.equal(lines.length > work.length, true);
    watched.findIn('the errors and logs', lines.join('\n'));
    watched.search(1);
  });
});
