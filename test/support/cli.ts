import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The process's largest resident size, in bytes. */
  readonly peakMemory: number;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly onStart?: (processId: number) => void;
  /** Called with everything the process writes to stderr, and a way to send it a signal. */
  readonly onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

const source = path.join(import.meta.dirname, '../../src/cli.ts');
/** The same for other ways to run it. */
export const cliCommand: readonly string[] = [process.execPath, source];

const probe = path.join(import.meta.dirname, 'peakMemory.ts');

let stateHome: string | undefined;

/** What the programs of one test run remember, as those of one machine do. */
async function machine(): Promise<string> {
  if (stateHome === undefined) {
    const made = await mkdtemp(path.join(tmpdir(), 'restore-point-test-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    stateHome ??= made;
  }
  return stateHome;
}

/** Runs the command line from its source, in a process of its own and without a terminal. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const folder = await mkdtemp(path.join(tmpdir(), 'restore-point-test-'));
  try {
    const peakFile = path.join(folder, 'peak');
    const child = spawn(process.execPath, ['--import', probe, source, ...args], {
      cwd: options.cwd ?? folder,
      env: { ...process.env, XDG_STATE_HOME: await machine(), ...options.env, PEAK_MEMORY_FILE: peakFile },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (child.pid !== undefined) options.onStart?.(child.pid);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
    child.stderr.on('data', (text: Buffer) => {
      stderr += text.toString();
      options.onStderr?.(text.toString(), (signal) => child.kill(signal));
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject).on('close', resolve);
    });
    const peakMemory = Number(await readFile(peakFile, 'utf8').catch(() => 'NaN'));
    return { code, stdout, stderr, peakMemory };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
