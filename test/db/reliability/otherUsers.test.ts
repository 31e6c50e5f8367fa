import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, link, mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { attacker, runAs, url, victim } from '../../support/otherUsers.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

/** What another user of the machine can do in a folder that both can write. */
describe('another user of this machine', () => {
  const folder = useTemporaryFolder();
  const shared = (): string => folder.file('shared');
  const home = (): string => folder.file('home');
  const gone = (): number => spawnSync(process.execPath, ['--version']).pid;
  const twoDaysAgo = (Date.now() - 2 * 24 * 60 * 60 * 1000) / 1000;

  beforeEach(async () => {
    await chmod(folder.path, 0o755);
    await mkdir(shared());
    await mkdir(path.join(home(), 'below'), { recursive: true, mode: 0o700 });
    for (const name of ['letter', 'below/letter', 'shop.db']) {
      await writeFile(path.join(home(), name), 'precious', { mode: 0o600 });
      await chown(path.join(home(), name), victim, victim);
    }
    for (const place of [home(), path.join(home(), 'below')]) {
      await chown(place, victim, victim);
      await utimes(place, twoDaysAgo, twoDaysAgo);
    }
  });

  /** As the attacker, in the shared folder: `make` is JavaScript with the functions of `node:fs`. */
  function attack(make: string): void {
    runAs(
      attacker,
      `import * as fs from 'node:fs';
       process.chdir(${JSON.stringify(shared())});
       process.umask(0);
       const home = ${JSON.stringify(home())};
       const old = (name) => fs.lutimesSync(name, ${twoDaysAgo}, ${twoDaysAgo});
       ${make}`,
    );
  }

  const logger = `{ debug() {}, info() {}, warn() {}, error() {} }`;

  /** As the victim: what is left over in the temporary folder, and in a folder of backups, is removed. */
  function cleanUp(): void {
    runAs(
      victim,
      `import { TemporaryFolder } from '${url('src/engines/sqlite/files/temporaryFolder.ts')}';
       import { removeLeftovers } from '${url('src/core/leftovers.ts')}';
       const logger = ${logger};
       const own = await TemporaryFolder.create(logger);
       await own.createFile('rows');
       await own.remove(logger);
       await removeLeftovers(${JSON.stringify(shared())}, logger);`,
      { TMPDIR: shared() },
    );
  }

  async function assertNothingLost(): Promise<void> {
    assert.deepEqual((await readdir(home(), { recursive: true })).sort(), [
      'below',
      'below/letter',
      'letter',
      'shop.db',
    ]);
  }

  for (const sticky of [true, false]) {
    describe(sticky ? 'in a folder such as /tmp' : 'in a folder where all may remove all', () => {
      beforeEach(() => chmod(shared(), sticky ? 0o1777 : 0o777));

      it('cannot have files removed by a link in the place of a left folder', async () => {
        const pid = gone();
        attack(`
          fs.symlinkSync(home, 'restore-point-${pid}-aaaaaa'); old('restore-point-${pid}-aaaaaa');
          fs.symlinkSync(home + '/below', 'restore-point-${pid}-bbbbbb');
          fs.symlinkSync('restore-point-${pid}-bbbbbb', 'restore-point-${pid}-cccccc');
          fs.symlinkSync(home + '/shop.db', 'restore-point-${pid}-dddddd');`);
        cleanUp();
        await assertNothingLost();
        assert.equal((await readdir(shared())).length, 4);
      });

      it('cannot have them removed by a folder of his own with links in it', async () => {
        const pid = gone();
        attack(`
          for (const mode of [0o700, 0o777]) {
            const name = 'restore-point-${pid}-' + mode.toString(8) + 'aaa';
            fs.mkdirSync(name, mode);
            fs.symlinkSync(home, name + '/folder');
            fs.symlinkSync(home + '/letter', name + '/file');
            old(name);
          }`);
        cleanUp();
        await assertNothingLost();
        assert.deepEqual((await readdir(shared())).sort(), [
          `restore-point-${pid}-700aaa`,
          `restore-point-${pid}-777aaa`,
        ]);
      });

      it('cannot have them removed by a link in the place of a file in the making', async () => {
        const pid = gone();
        attack(`
          const names = ['.shop.${pid}-0123456789ab.dbbackup-part', '.restore-point.${pid}-0123456789ab.database-part'];
          for (const name of names) { fs.symlinkSync(home, name); old(name); }
          for (const name of names) {
            const other = name.replace('0123', 'aaaa');
            fs.symlinkSync(home + '/letter', other); old(other);
            const own = name.replace('0123', 'bbbb');
            fs.writeFileSync(own, 'of the attacker'); old(own);
          }`);
        cleanUp();
        await assertNothingLost();
        assert.equal((await readdir(shared())).length, 6);
      });

      it('does not keep what this user left from being removed', async () => {
        const left = path.join(shared(), `restore-point-${gone()}-aaaaaa`);
        const open = path.join(shared(), `restore-point-${gone()}-bbbbbb`);
        for (const place of [left, open]) {
          await mkdir(place, { mode: 0o700 });
          await writeFile(path.join(place, 'database.sqlite'), 'rows');
          await symlink(home(), path.join(place, 'link'));
          await link(path.join(home(), 'letter'), path.join(place, 'second name'));
          await chown(place, victim, victim);
        }
        // Others could have put anything into it.
        await chmod(open, 0o770);
        for (const place of [left, open]) await utimes(place, twoDaysAgo, twoDaysAgo);
        cleanUp();
        assert.equal(existsSync(left), false);
        assert.equal(existsSync(open), true);
        await assertNothingLost();
      });
    });
  }
});
