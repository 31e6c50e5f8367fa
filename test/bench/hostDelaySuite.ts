import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import * as vscode from 'vscode';
import type { Command } from './measure.ts';

/** What the bench asks for, as JSON in `RESTORE_POINT_BENCH`. */
export interface HostTask {
  readonly connections: readonly Readonly<Record<string, unknown>>[];
  readonly result: string;
  /** What is run between the backup and the restore, so that there is something to restore. */
  readonly damage?: Command;
}

/** How long the extension host's event loop was kept from other work, in milliseconds. */
export interface HostDelay {
  readonly title: string;
  readonly seconds: number;
  readonly p99: number;
  readonly max: number;
}

/** Runs in the extension host: backs each database up and restores it, through the commands. */
export async function run(): Promise<void> {
  const { connections, result, damage } = JSON.parse(process.env['RESTORE_POINT_BENCH'] ?? '') as HostTask;
  const settings = vscode.workspace.getConfiguration('restorePoint');
  await settings.update('connections', connections, vscode.ConfigurationTarget.Global);
  await settings.update('safetyBackups', false, vscode.ConfigurationTarget.Global);
  const delays = [await watch('activation', () => activate())];
  for (const { id } of connections) {
    let file = '';
    const backUp = async (): Promise<void> => {
      ({ file } = await call<{ file: string }>('backUpDatabase', { connection: id }));
    };
    const restore = (): Promise<unknown> =>
      call('restoreBackup', { uri: file, connection: id, tables: [], mode: 'replace', confirmed: true });
    delays.push(await watch(`${String(id)} backup`, backUp));
    if (damage) execFileSync(damage.program, damage.args);
    delays.push(await watch(`${String(id)} restore`, restore));
  }
  writeFileSync(result, JSON.stringify(delays));
}

async function activate(): Promise<void> {
  const extension = vscode.extensions.all.find(({ id }) => id.endsWith('.restore-point'));
  await extension?.activate();
}

async function watch(title: string, work: () => Promise<unknown>): Promise<HostDelay> {
  // What the start of the host left to do is not this work's.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  const started = performance.now();
  histogram.enable();
  await work();
  const seconds = (performance.now() - started) / 1000;
  // A delay is only known when it is over.
  await new Promise((resolve) => setTimeout(resolve, 20));
  histogram.disable();
  return { title, seconds, p99: histogram.percentile(99) / 1e6, max: histogram.max / 1e6 };
}

async function call<Report>(command: string, argument: Readonly<Record<string, unknown>>): Promise<Report> {
  return await vscode.commands.executeCommand<Report>(`restorePoint.${command}`, {
    ...argument,
    quiet: true,
  });
}
