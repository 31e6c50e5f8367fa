import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { MadeHere } from '../../../src/backup/madeHere.ts';
import type { Logger } from '../../../src/core/logger.ts';
import { runCli } from '../../support/cli.ts';
import { runAs, url, victim } from '../../support/otherUsers.ts';
import { runSqlite } from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

const modeOf = async (file: string): Promise<number> => (await stat(file)).mode & 0o777;

describe('what is kept on this machine', () => {
  const folder = useTemporaryFolder();
  const state = (...names: string[]): string => folder.file(path.join('state/restore-point', ...names));
  const cli = (...args: string[]): ReturnType<typeof runCli> =>
    runCli(args, { cwd: folder.path, env: { XDG_STATE_HOME: folder.file('state') } });

  async function backUpAndRestore(): Promise<string> {
    runSqlite(folder.file('shop.db'), 'CREATE TABLE IF NOT EXISTS t (a); INSERT INTO t VALUES (1)');
    const backup = await cli('backup', 'sqlite:shop.db', '--out', 'shop.dbbackup');
    assert.equal(backup.code, 0, backup.stderr);
    runSqlite(folder.file('shop.db'), 'DELETE FROM t');
    const restore = await cli('restore', 'shop.dbbackup', 'sqlite:shop.db', '--yes', '--json');
    assert.equal(restore.code, 0, restore.stderr);
    return (JSON.parse(restore.stdout) as { safetyBackup: string }).safetyBackup;
  }

  async function assertPrivate(safetyBackup: string): Promise<void> {
    for (const place of [state(), state('safety')]) assert.equal(await modeOf(place), 0o700, place);
    for (const file of [state('made-here'), safetyBackup, folder.file('shop.dbbackup')])
      assert.equal(await modeOf(file), 0o600, file);
  }

  it('is for this user alone', async () => {
    await assertPrivate(await backUpAndRestore());
  });

  it('becomes so where an older version left it open', async () => {
    await mkdir(state('safety'), { recursive: true });
    await writeFile(state('made-here'), 'older\n');
    for (const place of [state(), state('safety')]) await chmod(place, 0o755);
    await chmod(state('made-here'), 0o644);
    await assertPrivate(await backUpAndRestore());
    assert.match(await readFile(state('made-here'), 'utf8'), /^older\n/);
  });

  it('does not count where others can have written it', async () => {
    const said: string[] = [];
    const note = (message: string): void => void said.push(message);
    const logger: Logger = { debug: note, info: note, warn: note, error: note };
    const madeHere = new MadeHere(state(), logger);
    await madeHere.add('good');
    assert.equal(await madeHere.has('good'), true);
    for (const [place, mode] of [
      [state('made-here'), 0o666],
      [state(), 0o777],
    ] as const) {
      const before = await modeOf(place);
      await chmod(place, mode);
      assert.equal(await madeHere.has('good'), false);
      assert.match(said.pop() ?? '', /other users can write/);
      await chmod(place, before);
      assert.equal(await madeHere.has('good'), true);
    }
    // What somebody put into it does not begin to count when the next backup is made.
    await chmod(state('made-here'), 0o666);
    await madeHere.add('later');
    assert.equal(await madeHere.has('later'), true);
    assert.equal(await madeHere.has('good'), false);
  });

  it("is not put into another user's folder", async () => {
    await chmod(folder.path, 0o755);
    await mkdir(state('safety'), { recursive: true });
    await chmod(state('safety'), 0o777);
    const error = runAs(
      victim,
      `import { makePrivateFolder } from '${url('src/core/ownFiles.ts')}';
       await makePrivateFolder(${JSON.stringify(state('safety'))}).catch((error) => console.log(error.code, error.message));`,
    );
    assert.match(error, /^file .*belongs to another user/);
    assert.deepEqual(await readdir(state('safety')), []);
  });
});
