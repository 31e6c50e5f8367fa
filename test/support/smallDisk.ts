import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

/** Not in a temporary folder that a test may have made for the product. */
const home = tmpdir();

/** A file system of its own that holds little. */
export interface SmallDisk {
  readonly path: string;
  /** From now on nothing can be written there, not even by root. */
  makeReadOnly(): void;
  remove(): void;
}

/** Whether this machine lets tests mount something: Linux, as root, in a container that may. */
export const canMount = ((): boolean => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const folder = mkdtempSync(path.join(home, 'small-disk-'));
  try {
    if (mount('-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder) !== undefined) return false;
    return spawnSync('umount', [folder]).status === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
})();

function mount(...args: string[]): string | undefined {
  const run = spawnSync('mount', args, { encoding: 'utf8' });
  return run.status === 0 ? undefined : `${run.stderr || String(run.error)}`;
}

export function mountSmallDisk(kibibytes: number): SmallDisk {
  const folder = mkdtempSync(path.join(home, 'small-disk-'));
  const problem = mount('-t', 'tmpfs', '-o', `size=${kibibytes}k,mode=777`, 'tmpfs', folder);
  if (problem) throw new Error(`A small disk could not be mounted: ${problem}`);
  return {
    path: folder,
    makeReadOnly() {
      const refused = mount('-o', 'remount,ro', folder);
      if (refused) throw new Error(`The small disk could not be made read-only: ${refused}`);
    },
    remove() {
      // Lazily: a server may still hold a file that was dropped.
      spawnSync('umount', ['--lazy', folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A folder that may only be read: of a mounted disk, or by its mode where this user is not root. */
export function makeReadOnlyFolder(): SmallDisk {
  if (canMount) return mountSmallDisk(1024);
  const folder = mkdtempSync(path.join(home, 'small-disk-'));
  return {
    path: folder,
    makeReadOnly: () => chmodSync(folder, 0o555),
    remove() {
      chmodSync(folder, 0o755);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
