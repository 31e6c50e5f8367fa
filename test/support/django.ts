import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import * as path from 'node:path';
import { projectRoot } from './paths.ts';

const packages = ['django~=5.2.0', 'psycopg[binary]~=3.3.0'];

const folder = path.join(projectRoot, '.vscode-test', 'django');
const python = path.join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');

const app = path.join(import.meta.dirname, 'django');

/** Makes sure that Django is there, in a folder of the project's own: Python installs it from its package index. */
export function ensureDjango(): void {
  if (existsSync(python) && spawnSync(python, ['-c', 'import django, psycopg']).status === 0) return;
  // What an earlier run has begun may be half of it.
  rmSync(folder, { recursive: true, force: true });
  const how = `It needs Python 3 with venv (Debian: python3-venv) and its package index: ${packages.join(', ')}.`;
  for (const command of [
    ['python3', '-m', 'venv', folder],
    [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages],
  ]) {
    const run = spawnSync(command[0]!, command.slice(1), { encoding: 'utf8' });
    if (run.status === 0) continue;
    throw new Error(
      `Django cannot be installed. ${how}\n${run.error?.message ?? ''}${run.stdout}${run.stderr}`,
    );
  }
}

/** Runs Python with Django and the models of `library`, on a database. Resolves to what it prints; throws when it fails. */
export function runDjango(url: string, args: readonly string[]): string {
  const run = spawnSync(python, args, {
    cwd: app,
    encoding: 'utf8',
    env: {
      ...process.env,
      DJANGO_DATABASE: url.replace(/^sqlite:/, ''),
      DJANGO_SETTINGS_MODULE: 'settings',
      PYTHONPATH: app,
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONWARNINGS: 'error::RuntimeWarning',
    },
  });
  if (run.status !== 0) throw new Error(`${args.join(' ')}: ${run.stdout}${run.stderr}`);
  return run.stdout;
}
