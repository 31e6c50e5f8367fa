import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mountSmallDisk, type SmallDisk } from './smallDisk.ts';

/** More than a schema of a few chunks takes, and less than a database of some 10 MB. */
const kibibytes = 9 * 1024;

/** Inside a mocha `describe`, where `canMount`: the folder for what the product keeps for a while can have little room. */
export function useScantTemporaryFolder(): { readonly path: string; makeScant(): void; makeRoom(): void } {
  let disk: SmallDisk;
  let before: string | undefined;
  let roomy = '';
  const use = (folder: string): void => void (process.env['TMPDIR'] = folder);
  beforeEach(() => {
    before = process.env['TMPDIR'];
    roomy = mkdtempSync(join(tmpdir(), 'restore-point-test-'));
    disk = mountSmallDisk(kibibytes);
    use(roomy);
  });
  afterEach(() => {
    const left = [...readdirSync(disk.path), ...readdirSync(roomy)];
    if (before === undefined) delete process.env['TMPDIR'];
    else use(before);
    disk.remove();
    rmSync(roomy, { recursive: true });
    assert.deepEqual(left, [], 'something was left in the temporary folder');
  });
  return {
    get path() {
      return disk.path;
    },
    makeScant: () => use(disk.path),
    /** As much as usual, as there is at the beginning. */
    makeRoom: () => use(roomy),
  };
}
