import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { writeArchive } from '../../src/archive/writeArchive.ts';
import type { Logger } from '../../src/core/logger.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';

const day = 24 * 60 * 60;

describe('what killed processes left', () => {
  const folder = useTemporaryFolder();
  const said: string[] = [];
  const note = (message: string): void => void said.push(message);
  const logger: Logger = { debug: note, info: note, warn: note, error: note };
  beforeEach(() => said.splice(0));

  async function leave(name: string, age: number): Promise<string> {
    await writeFile(folder.file(name), 'rows of somebody');
    const then = Date.now() / 1000 - age;
    await utimes(folder.file(name), then, then);
    return name;
  }

  async function writeAndGiveUp(): Promise<void> {
    const failed = writeArchive(folder.file('new.dbbackup'), { compression: 'none', logger }, () =>
      Promise.reject(new Error('as planned')),
    );
    await assert.rejects(failed, /^Error: as planned$/);
  }

  /** The number of a process that has ended. */
  function gone(): number {
    return spawnSync(process.execPath, ['--version']).pid;
  }

  it('is removed by the next backup into the folder, when its process is gone and it is a day old', async () => {
    const dead = gone();
    await leave(`.shop.${dead}-0123456789ab.dbbackup-part`, day + 60);
    await leave('.older-version.0123456789ab.dbbackup-part', day + 60);
    await leave(`.restore-point.${dead}-0123456789ab.database-part`, day + 60);
    const kept = [
      await leave(`.fresh.${dead}-0123456789ab.dbbackup-part`, day - 60),
      await leave(`.running.${process.pid}-0123456789ab.dbbackup-part`, 2 * day),
      await leave('shop.dbbackup', 100 * day),
      await leave('visible.dbbackup-part', 100 * day),
      await leave('.other-part', 100 * day),
      await leave('.somebody.database-part', 100 * day),
    ];
    await mkdir(folder.file('.folder.0123456789ab.dbbackup-part'));
    await writeAndGiveUp();
    const left = await readdir(folder.path);
    assert.deepEqual(left.toSorted(), [...kept, '.folder.0123456789ab.dbbackup-part'].toSorted());
    assert.equal(said.filter((message) => message.includes('a leftover of a killed process')).length, 3);
  });
});
