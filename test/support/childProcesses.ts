import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type StopPlan, stopGroup } from './processGroup.ts';
import type { Order } from './reaper.ts';

/** A child process, its whole group with it, that does not outlive this process. */
export interface OwnedProcess {
  readonly child: ChildProcess;
  /** Resolves with a description of the end, such as `code 1`, once the child has ended. */
  readonly ended: Promise<string>;
  /** Ends the whole group; resolves when it is gone. May be called more than once. */
  readonly stop: () => Promise<void>;
}

/** Options of `startOwned`: those of spawn, and how to stop the child. */
export interface OwnedOptions extends SpawnOptions {
  /** Signals to try before SIGKILL; SIGTERM if not given. */
  readonly stopSignals?: readonly NodeJS.Signals[];
  /** Milliseconds that each signal has; 5000 if not given. */
  readonly stopPatience?: number;
}

/** A new folder under the system's temporary folder that does not outlive this process. */
export interface OwnedFolder {
  readonly path: string;
  /** Removes the folder and all in it. May be called more than once. */
  readonly remove: () => Promise<void>;
}

/**
 * Starts a child in a process group of its own.
 *
 * If this process ends without having stopped it, in whatever way, a helper process (reaper.ts) ends the group.
 * Rejects if the program cannot be started.
 */
export async function startOwned(
  command: string,
  args: readonly string[],
  { stopSignals = ['SIGTERM'], stopPatience = 5000, ...options }: OwnedOptions = {},
): Promise<OwnedProcess> {
  const child = spawn(command, args, { ...options, detached: process.platform !== 'win32' });
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ? `signal ${signal}` : `code ${code}`));
  });
  await new Promise<void>((started, failed) => {
    child.once('spawn', started);
    child.once('error', (cause) => failed(new Error(`${command} could not be started`, { cause })));
  });
  const plan: StopPlan = { pid: child.pid!, signals: stopSignals, patience: stopPatience };
  tellReaper({ own: plan });
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= stopGroup(plan).then(() => tellReaper({ disown: plan })));
  // What a leader leaves behind in its group goes with it.
  void ended.then(stop);
  return { child, ended, stop };
}

/**
 * Makes a temporary folder, its name beginning with `prefix`, that is removed at the end of this process at the latest.
 * `parent`: the system's temporary folder if not given.
 */
export function makeOwnedFolder(prefix: string, parent = tmpdir()): OwnedFolder {
  const path = mkdtempSync(join(parent, prefix));
  ownFolder(path);
  return { path, remove: () => removeOwned(path) };
}

/** Has a folder removed when this process ends, unless `removeOwned` came first. */
export function ownFolder(path: string): void {
  tellReaper({ ownFolder: path });
}

/** Removes a folder that this process owns. */
export async function removeOwned(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 5 });
  tellReaper({ disownFolder: path });
}

let reaper: ChildProcess | undefined;

function tellReaper(order: Order): void {
  reaper ??= startReaper();
  reaper.stdin!.write(`${JSON.stringify(order)}\n`);
}

function startReaper(): ChildProcess {
  const helper = spawn(process.execPath, [join(import.meta.dirname, 'reaper.ts')], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  helper.on('error', (cause) => {
    throw new Error('The helper that ends child processes could not be started', { cause });
  });
  helper.unref();
  (helper.stdin as unknown as { unref(): void }).unref();
  return helper;
}
