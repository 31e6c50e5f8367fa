import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { projectRoot } from './paths.ts';

/** Two users of this machine who are not root. They need no account. */
export const victim = 64_001;
export const attacker = 64_002;

/**
 * Runs JavaScript as another user; `source` imports modules of the project by `${url('src/…')}`. Only root can do that:
 * others are told so. Returns what it wrote.
 */
export function runAs(uid: number, source: string, env: NodeJS.ProcessEnv = {}): string {
  if (process.getuid?.() !== 0) {
    throw new Error(
      'This test needs a second user of the system, and only root can become one: run it as root',
    );
  }
  const { status, stdout, stderr, error } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', source],
    { uid, gid: uid, cwd: '/', env: { PATH: process.env.PATH, ...env }, encoding: 'utf8' },
  );
  if (status === 0) return stdout;
  throw new Error(`The process of user ${uid} failed: ${error?.message ?? stderr}`, { cause: error });
}

export function url(module: string): string {
  return pathToFileURL(join(projectRoot, module)).href;
}
