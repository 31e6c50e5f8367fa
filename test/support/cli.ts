import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { Readable, Writable } from 'node:stream';
import { commandLine } from '../../src/cli/commandLine.ts';

export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartedRun extends CliRun {
  /** The process's largest resident size, in bytes. */
  readonly peakMemory: number;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with everything it writes to stderr, and a way to send it a signal. */
  readonly onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

export interface StartOptions extends CliOptions {
  readonly onStart?: (processId: number) => void;
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

/**
 * Runs the command line without a terminal, in this process: one run at a time, because it has the environment and the
 * working folder of the process to itself. `kill` asks it to stop, as a signal does.
 */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  return await oneByOne(async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'restore-point-test-'));
    const back = inPlaceOf({ XDG_STATE_HOME: await machine(), ...options.env }, options.cwd ?? folder);
    const abort = new AbortController();
    let [stdout, stderr] = ['', ''];
    const out = (tell: (text: string) => void): Writable =>
      new Writable({
        write: (text: Buffer, _encoding, done) => {
          tell(text.toString());
          done();
        },
      });
    try {
      const terminal = {
        stdin: Readable.from([]),
        stdout: out((text) => (stdout += text)),
        stderr: out((text) => {
          stderr += text;
          options.onStderr?.(text, () => abort.abort());
        }),
      };
      const code = await commandLine(args, terminal, abort.signal, { workFactor: 10 });
      return { code, stdout, stderr };
    } finally {
      back();
      await rm(folder, { recursive: true, force: true });
    }
  });
}

let last: Promise<unknown> = Promise.resolve();

function oneByOne<Result>(work: () => Promise<Result>): Promise<Result> {
  const run = last.then(work);
  last = run.catch(() => undefined);
  return run;
}

/** Gives the process another environment and working folder; what it resolves to puts the old ones back. */
function inPlaceOf(env: Readonly<Record<string, string>>, cwd: string): () => void {
  const before = {
    folder: process.cwd(),
    env: Object.keys(env).map((name) => [name, process.env[name]] as const),
  };
  Object.assign(process.env, env);
  process.chdir(cwd);
  return () => {
    process.chdir(before.folder);
    for (const [name, value] of before.env) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}

/** Runs the command line from its source, in a process of its own and without a terminal. */
export async function startCli(args: readonly string[], options: StartOptions = {}): Promise<StartedRun> {
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
