import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/**
 * Makes sure that Debian packages are installed.
 *
 * On Debian (and its relatives) as root it installs what is missing with apt-get and says so.
 * As another user there it throws an Error that names the missing packages and the command that installs them.
 * On a system without dpkg it cannot know; it throws an Error that names them all.
 */
export function ensureDebianPackages(packages: readonly string[]): void {
  if (!isDebian()) {
    throw new Error(
      `This needs what Debian calls ${packages.join(', ')}; ` +
        'this system has no apt-get, so install the like of them with its own package manager.',
    );
  }
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) {
    throw new Error(
      `Missing Debian packages: ${missing.join(', ')}. ` +
        `Install them with: sudo apt-get install --no-install-recommends ${missing.join(' ')}`,
    );
  }
  console.log(`Installing Debian packages: ${missing.join(', ')}`);
  aptGet('update');
  aptGet('install', '--yes', '--no-install-recommends', ...missing);
}

/** Whether packages come from dpkg here: Debian, Ubuntu and others made from them. */
export function isDebian(): boolean {
  return process.platform === 'linux' && existsSync('/usr/bin/apt-get') && existsSync('/usr/bin/dpkg-query');
}

function isInstalled(name: string): boolean {
  const query = spawnSync('dpkg-query', ['--show', '--showformat=${db:Status-Status}', name], {
    encoding: 'utf8',
  });
  return query.status === 0 && query.stdout.trim() === 'installed';
}

function aptGet(...args: string[]): void {
  // Another apt-get may be at work, on a new machine most of all: wait for its lock instead of failing.
  const all = ['--quiet', '--option', 'DPkg::Lock::Timeout=600', ...args];
  const run = spawnSync('apt-get', all, {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (run.error) throw new Error('apt-get could not be started', { cause: run.error });
  if (run.status !== 0) {
    throw new Error(`apt-get ${args.join(' ')} failed (code ${run.status}):\n${run.stdout}${run.stderr}`);
  }
}
