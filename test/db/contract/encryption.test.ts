import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { Keys } from '../../../src/archive/encryption/keys.ts';
import { takeBackup } from '../../../src/backup/takeBackup.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { TemporaryFolder } from '../../../src/engines/sqlite/files/temporaryFolder.ts';
import { age, ageKeygen, ensureAge, runInTerminal } from '../../support/age.ts';
import { cliCommand, runCli, type CliRun } from '../../support/cli.ts';
import { sampleParts } from '../../support/sample.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { textRows } from '../../support/typedRows.ts';

const passphrase = 'korrekt Pferd 7';
const wrongPassphrase = 'falsches Pferd 8';

for (const testEngine of testEngines) {
  const { id } = testEngine;
  describe(`${id}: encrypted backups on the command line`, function () {
    sampleParts(this, id === 'sqlite' ? 1 : 3);
    const folder = useTemporaryFolder();
    let database: TestDatabase;
    before(ensureAge);
    beforeEach(async () => {
      database = await testEngine.create();
      await database.run(`
        CREATE TABLE orders (id integer primary key, note text);
        INSERT INTO orders VALUES (1, 'one'), (2, 'the secret of row two'), (3, NULL)`);
    });
    afterEach(() => database.remove());

    const safetyFolder = (): string => folder.file('state/restore-point/safety');

    /** No run may tell a passphrase, whatever is asked of it. */
    async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliRun> {
      const done = await runCli([...args, '--verbose'], {
        cwd: folder.path,
        env: { XDG_STATE_HOME: folder.file('state'), ...env },
      });
      assert.doesNotMatch(done.stdout + done.stderr, /Pferd|AGE-SECRET-KEY-1\w/);
      return done;
    }

    async function succeed(
      args: readonly string[],
      env: Readonly<Record<string, string>> = {},
    ): Promise<CliRun> {
      const done = await run(args, env);
      assert.equal(done.code, 0, done.stderr);
      return done;
    }

    async function notes(): Promise<unknown> {
      return (await database.rows('SELECT note FROM orders ORDER BY id')).flat();
    }

    /** The encryption of every safety backup that there is. */
    async function safetyBackups(): Promise<unknown[]> {
      const names = await readdir(safetyFolder()).catch(() => []);
      assert.ok(
        names.every((name) => /\.dbbackup(\.age)?$/.test(name)),
        names.join(),
      );
      return await Promise.all(names.map((name) => Archive.encryptionOf(path.join(safetyFolder(), name))));
    }

    async function writeSettings(connection: Readonly<Record<string, unknown>>): Promise<void> {
      await mkdir(folder.file('.vscode'), { recursive: true });
      const item = { id: 'shop', url: '${env:SHOP_URL}', ...connection };
      const settings = JSON.stringify({ 'restorePoint.connections': [item] });
      await writeFile(folder.file('.vscode/settings.json'), settings);
    }

    it('back up, inspect, verify and restore with a passphrase, and so does the safety backup', async () => {
      const env = { RESTORE_POINT_PASSPHRASE: passphrase };
      const backup = await succeed(['backup', database.url, '--out', folder.path, '--encrypt'], env);
      const [name] = (await readdir(folder.path)).filter((entry) => entry.endsWith('.dbbackup.age'));
      assert.match(backup.stdout, /encrypted with a passphrase in .*\.dbbackup\.age\n/);
      const file = folder.file(name!);
      assert.equal((await readFile(file)).indexOf('secret of row'), -1);
      const passphraseFile = folder.file('passphrase');
      await writeFile(passphraseFile, `${passphrase}\r\nnot this\n`);
      const inspect = await succeed(['inspect', file, '--passphrase-file', passphraseFile]);
      assert.match(inspect.stdout, /encrypted with a passphrase\n +(public\.)?orders +3 rows/);
      const verify = await succeed(['verify', file, '--json'], env);
      assert.equal((JSON.parse(verify.stdout) as { encryption: string }).encryption, 'passphrase');
      await database.run("UPDATE orders SET note = 'lost'");
      const restored = await succeed(['restore', file, database.url, '--yes'], env);
      assert.deepEqual(await notes(), ['one', 'the secret of row two', null]);
      assert.deepEqual(await safetyBackups(), ['passphrase']);
      const safety = /The state before the restore is in (.*\.dbbackup\.age)/.exec(restored.stdout)?.[1];
      await succeed(['restore', safety!, database.url, '--yes'], env);
      assert.deepEqual(await notes(), ['lost', 'lost', 'lost']);
    });

    it('say that the key is wrong before anything else happens, and leave the database as it is', async () => {
      const file = folder.file('a.dbbackup.age');
      await succeed(['backup', database.url, '--out', file, '--encrypt'], {
        RESTORE_POINT_PASSPHRASE: passphrase,
      });
      await database.run("UPDATE orders SET note = 'kept'");
      const env = { RESTORE_POINT_PASSPHRASE: wrongPassphrase };
      for (const args of [
        ['verify', file],
        ['inspect', file],
        ['restore', file, database.url, '--yes'],
      ]) {
        const wrong = await run(args, env);
        assert.equal(wrong.code, 4, wrong.stderr);
        assert.match(
          wrong.stderr,
          /restore-point: .*a\.dbbackup\.age: The passphrase does not open this backup\. /,
        );
        assert.equal(wrong.stdout, '');
      }
      // Not even the server is asked: it could not be reached.
      const nowhere =
        id === 'sqlite' ? `sqlite:${folder.file('new.db')}` : 'postgres://nobody@127.0.0.1:1/none';
      assert.equal((await run(['restore', file, nowhere, '--yes'], env)).code, 4);
      assert.ok(!(await readdir(folder.path)).includes('new.db'));
      const none = await run(['restore', file, database.url, '--yes', '--json']);
      assert.equal(none.code, 4);
      const { error } = JSON.parse(none.stdout) as { error: { code: string; next: string } };
      assert.equal(error.code, 'locked');
      assert.match(error.next, /RESTORE_POINT_PASSPHRASE.*--passphrase-file/);
      assert.deepEqual(await notes(), ['kept', 'kept', 'kept']);
      assert.deepEqual(await safetyBackups(), []);
    });

    it('use recipients and identities, and are files of age', async () => {
      const [mine, other] = [folder.file('mine.txt'), folder.file('other.txt')];
      const [first, second] = [mine, other].map((one) => ageKeygen(one).recipient);
      await writeFile(folder.file('recipients'), `# the team\n${second}\n`);
      const file = folder.file('a.dbbackup.age');
      const recipients = ['--recipient', first!, '--recipients-file', folder.file('recipients')];
      await succeed(['backup', database.url, '--out', file, ...recipients]);
      for (const identity of [mine, other]) await succeed(['verify', file, '--identity', identity]);
      const plain = folder.file('plain.dbbackup');
      age(['--decrypt', '--identity', other, '--output', plain, file]);
      await succeed(['verify', plain]);
      const again = folder.file('again.dbbackup.age');
      age(['--recipient', first!, '--output', again, plain]);
      await database.run('DELETE FROM orders');
      await succeed(['restore', again, database.url, '--yes', '-i', mine]);
      assert.deepEqual(await notes(), ['one', 'the secret of row two', null]);
      assert.deepEqual(await safetyBackups(), ['recipients']);
      const none = await run(['inspect', file]);
      assert.deepEqual([none.code, /--identity/.test(none.stderr)], [4, true]);
      ageKeygen(folder.file('third.txt'));
      const wrong = await run(['restore', file, database.url, '--yes', '-i', folder.file('third.txt')]);
      assert.equal(wrong.code, 4);
      assert.match(wrong.stderr, /None of the given keys opens this backup/);
    });

    it('are what a connection has in the settings, its safety backups too', async () => {
      const env = { SHOP_URL: database.url };
      const { recipient } = ageKeygen(folder.file('identity.txt'));
      const plain = folder.file('plain.dbbackup');
      await succeed(['backup', database.url, '--out', plain]);
      await writeSettings({ encrypt: [recipient], identityFile: 'identity.txt' });
      await succeed(['backup', 'shop', '--trust-settings'], env);
      const [name, ...others] = await readdir(folder.file('backups'));
      assert.deepEqual(others, []);
      assert.match(name!, /\.dbbackup\.age$/);
      assert.deepEqual(await safetyBackups(), []);
      await succeed(['restore', plain, 'shop', '--yes', '--trust-settings'], env);
      assert.deepEqual(await safetyBackups(), ['recipients']);
      await succeed(
        ['restore', folder.file(`backups/${name}`), 'shop', '--yes', '--trust-settings', '--mode', 'merge'],
        env,
      );
      assert.deepEqual(await safetyBackups(), ['recipients', 'recipients']);
      const sides = [folder.file(`backups/${name}`), 'shop', '--trust-settings'];
      await succeed(['compare', ...sides], env);
      const exported = ['export', sides[0]!, '--differing-from', ...sides.slice(1), '--format', 'csv'];
      await succeed([...exported, '--table', 'orders'], env);
      await writeSettings({ encrypt: 'passphrase' });
      const unasked = await run(['backup', 'shop', '--trust-settings'], env);
      assert.equal(unasked.code, 2);
      assert.match(unasked.stderr, /A passphrase is needed, and there is no terminal/);
      await succeed(['restore', plain, 'shop', '--yes', '--trust-settings'], {
        ...env,
        RESTORE_POINT_PASSPHRASE: passphrase,
      });
      assert.equal((await safetyBackups()).filter((one) => one === 'passphrase').length, 1);
      await writeSettings({ encrypt: 'AGE-SECRET-KEY-1QQ' });
      const secret = await run(['backup', 'shop', '--trust-settings'], env);
      assert.equal(secret.code, 2);
      assert.match(secret.stderr, /"encrypt" must be "passphrase" or a list of recipients/);
    });

    it('refuse a name that says else, and changed files', async () => {
      const env = { RESTORE_POINT_PASSPHRASE: passphrase };
      const locked = await run(
        ['backup', database.url, '--out', folder.file('a.dbbackup'), '--encrypt'],
        env,
      );
      assert.deepEqual([locked.code, /ends in \.dbbackup\.age/.test(locked.stderr)], [2, true]);
      const open = await run(['backup', database.url, '--out', folder.file('a.dbbackup.age')], env);
      assert.deepEqual([open.code, /is not encrypted.*ends in \.dbbackup\./.test(open.stderr)], [2, true]);
      const file = folder.file('b.dbbackup.age');
      const { recipient } = ageKeygen(folder.file('identity.txt'));
      await succeed(['backup', database.url, '--out', file, '-r', recipient]);
      const bytes = await readFile(file);
      bytes[bytes.length - 40]! ^= 1;
      await writeFile(file, bytes);
      for (const args of [
        ['verify', file],
        ['restore', file, database.url, '--yes'],
      ]) {
        const damaged = await run([...args, '-i', folder.file('identity.txt')]);
        assert.equal(damaged.code, 3, damaged.stderr);
        assert.match(damaged.stderr, /The backup is damaged: its end is missing or damaged/);
      }
    });

    it('ask for the passphrase on the terminal, and show nothing of it', async () => {
      const file = folder.file('a.dbbackup.age');
      const answers = (...typed: string[]) =>
        typed.map((answer) => ({ prompt: /(Passphrase.*|again): /, answer }));
      const backup = [...cliCommand, 'backup', database.url, '--out', file, '--encrypt'];
      const differing = await runInTerminal(backup, answers(passphrase, wrongPassphrase));
      assert.equal(differing.code, 2, differing.screen);
      assert.match(differing.screen, /The passphrases do not match/);
      const same = await runInTerminal(backup, answers(passphrase, passphrase));
      assert.equal(same.code, 0, same.screen);
      const verify = await runInTerminal([...cliCommand, 'verify', file], answers(passphrase));
      assert.equal(verify.code, 0, verify.screen);
      assert.match(verify.screen, /The backup is sound/);
      await database.run("UPDATE orders SET note = 'lost'");
      const restore = await runInTerminal(
        [...cliCommand, 'restore', file, database.url],
        [...answers(passphrase), { prompt: /Go on\? \[y\/N\] /, answer: 'y' }],
        { XDG_STATE_HOME: folder.file('state') },
      );
      assert.equal(restore.code, 0, restore.screen);
      assert.deepEqual(await notes(), ['one', 'the secret of row two', null]);
      const stopped = await runInTerminal([...cliCommand, 'verify', file], answers('Pferd\x03'));
      assert.equal(stopped.code, 130, stopped.screen);
      assert.doesNotMatch(
        [differing, same, verify, restore, stopped].map(({ screen }) => screen).join(),
        /Pferd/,
      );
    });
  });
}

describe('sqlite: the database of an encrypted backup', () => {
  const folder = useTemporaryFolder();

  /** Folders of this process. */
  async function temporaryFolders(parent: string): Promise<string[]> {
    const names = await readdir(parent);
    return names.filter((name) => name.startsWith(`restore-point-${process.pid}-`));
  }

  it('is unpacked in memory, not on a disk, and removed after that', async function () {
    if (process.platform !== 'linux') return;
    const engine = engineById('sqlite');
    const shop = new DatabaseSync(folder.file('shop.db'));
    shop.exec("CREATE TABLE orders (note text); INSERT INTO orders VALUES ('one')");
    shop.close();
    const url = `sqlite:${folder.file('shop.db')}`;
    const session = await engine.connect(engine.parseUrl(url)!.address, {
      ...{ logger: silentLogger, readOnly: true },
    });
    const file = folder.file('a.dbbackup.age');
    const identity = await generateX25519Identity();
    const recipients = [await identityToRecipient(identity)];
    await takeBackup(session, { file, lock: { recipients }, logger: silentLogger });
    await session.close();
    const archive = await Archive.open(file, engineById, new Keys({ identities: [identity] }));
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (text: string) => void warnings.push(text) };
    const rows = await engine.openPayload(archive, archive.manifest, { logger });
    assert.deepEqual(await textRows(rows.rows(archive.manifest.tables[0]!)), [['one']]);
    assert.equal((await temporaryFolders('/dev/shm')).length, 1);
    assert.deepEqual([await temporaryFolders(tmpdir()), warnings], [[], []]);
    await rows.close();
    assert.deepEqual(await temporaryFolders('/dev/shm'), []);
    // What does not fit is on the disk, and that is told.
    const large = await TemporaryFolder.create(logger, 2 ** 50);
    assert.equal(path.dirname(large.path), tmpdir());
    assert.equal(warnings.length, 1);
    await large.remove(logger);
    await archive.close();
  });
});
