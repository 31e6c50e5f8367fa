import assert from 'node:assert/strict';
import { open, type FileHandle } from 'node:fs/promises';
import { EarlySync } from '../../src/engines/sqlite/earlySync.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';

/** More than is left to the last sync. */
const much = 64 * 1024 * 1024;

describe('bringing a file to the disk by and by', () => {
  const folder = useTemporaryFolder();
  let file: FileHandle;
  afterEach(() => file.close());

  it('tells at the end what went wrong before, and not to whoever writes', async () => {
    // What is no file on a disk cannot be brought there.
    file = await open('/dev/null', 'r+');
    const early = new EarlySync(file);
    early.wrote(much);
    await early.settled();
    await assert.rejects(early.sync(), /fdatasync/);
  });

  it('leaves little to the last sync, and nothing under way', async () => {
    file = await open(folder.file('a'), 'w');
    const early = new EarlySync(file);
    await file.write(Buffer.alloc(1000));
    for (let part = 0; part < 4; part += 1) early.wrote(much / 2);
    await early.sync();
  });
});
