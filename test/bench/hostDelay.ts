import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runTests } from '@vscode/test-electron';
import { build } from 'esbuild';
import { packageExtension, unpackExtension } from '../support/packageExtension.ts';
import { quietSettings } from '../support/quietSettings.ts';
import { findVscodeHost } from '../support/vscodeHost.ts';
import type { HostDelay, HostTask } from './hostDelaySuite.ts';

/** Backs databases up and restores them in a real extension host, and tells how long its event loop was held up. */
export async function measureHost(
  { connections, damage }: Pick<HostTask, 'connections' | 'damage'>,
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<HostDelay[]> {
  const suite = join(folder, 'hostDelaySuite.cjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'hostDelaySuite.ts')],
    outfile: suite,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    packages: 'external',
    logLevel: 'warning',
  });
  const [workspace, userData] = [join(folder, 'workspace'), join(folder, 'user-data')];
  mkdirSync(workspace, { recursive: true });
  mkdirSync(join(userData, 'User'), { recursive: true });
  writeFileSync(join(userData, 'User', 'settings.json'), JSON.stringify(quietSettings));
  const result = join(folder, 'delays.json');
  const task: HostTask = { connections, result, ...(damage ? { damage } : {}) };
  const host = await findVscodeHost({ unseen: true });
  try {
    await runTests({
      vscodeExecutablePath: host.executable,
      extensionDevelopmentPath: await unpackExtension(await packageExtension(), join(folder, 'vsix')),
      extensionTestsPath: suite,
      extensionTestsEnv: {
        ...host.env,
        ...env,
        PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
        RESTORE_POINT_BENCH: JSON.stringify(task),
      },
      launchArgs: [
        workspace,
        `--user-data-dir=${userData}`,
        `--extensions-dir=${join(folder, 'extensions')}`,
      ],
    });
  } finally {
    await host.stop();
  }
  return JSON.parse(readFileSync(task.result, 'utf8')) as HostDelay[];
}
