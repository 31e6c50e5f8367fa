import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { startOwned } from '../support/childProcesses.ts';

/** A program and its arguments, with files in place of what it reads and writes. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly output?: string;
  /** The code that it ends with when all is well: 0 where it is left out. */
  readonly endsWith?: number;
}

/** What one run of a side took; its processes are the command's own and those of the database server. */
export interface Measurement {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** The most that the command's processes had in memory at one moment (sampled). */
  readonly peakBytes: number;
  /** The most that the server's processes had of their own, without what they share. */
  readonly serverBytes: number;
}

const sampleMilliseconds = 40;
/** Of the clock in /proc, the same on every Linux. */
const ticksPerSecond = 100;

/** Runs commands one after another and measures them together. Throws with the end of stderr when one fails. */
export async function measure(commands: readonly Command[], server?: number): Promise<Measurement> {
  const cpuBefore = cpuTicks(server);
  const started = performance.now();
  let peakBytes = 0;
  let serverBytes = 0;
  for (const command of commands) {
    await runCommand(command, (pid) => {
      peakBytes = Math.max(peakBytes, memoryOf([pid, ...descendants(pid)], 'VmRSS'));
      if (server) serverBytes = Math.max(serverBytes, memoryOf(descendants(server), 'RssAnon'));
    });
  }
  const seconds = (performance.now() - started) / 1000;
  const cpuSeconds = (cpuTicks(server) - cpuBefore) / ticksPerSecond;
  return { seconds, cpuSeconds, peakBytes, serverBytes };
}

async function runCommand(command: Command, sample: (pid: number) => void): Promise<void> {
  const input = command.input === undefined ? 'ignore' : openSync(command.input, 'r');
  const output = command.output === undefined ? 'ignore' : openSync(command.output, 'w');
  let timer: NodeJS.Timeout | undefined;
  try {
    const run = await startOwned(command.program, command.args, {
      env: { ...process.env, ...command.env },
      stdio: [input, output, 'pipe'],
    });
    const pid = run.child.pid!;
    timer = setInterval(() => sample(pid), sampleMilliseconds);
    let errors = '';
    run.child.stderr!.on('data', (bytes: Buffer) => (errors = (errors + bytes.toString()).slice(-4000)));
    const end = await run.ended;
    if (end !== `code ${command.endsWith ?? 0}`)
      throw new Error(`${command.program} ended with ${end}:\n${errors}`);
  } finally {
    clearInterval(timer);
    for (const handle of [input, output]) if (typeof handle === 'number') closeSync(handle);
  }
}

/** Processor time of this process's ended children and of the server with all of its own. */
function cpuTicks(server: number | undefined): number {
  const [, , userOfChildren, systemOfChildren] = timesOf(process.pid);
  const own = userOfChildren + systemOfChildren;
  if (server === undefined) return own;
  const living = descendants(server).map((pid) => {
    const [user, system] = timesOf(pid);
    return user + system;
  });
  return living.reduce(
    (sum, ticks) => sum + ticks,
    own + timesOf(server).reduce((sum, ticks) => sum + ticks, 0),
  );
}

/** User and system time of a process, then those of its ended children; zeros when it is gone. */
function timesOf(pid: number): [number, number, number, number] {
  const text = read(`/proc/${pid}/stat`);
  // The name may hold anything, a parenthesis too.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const at = (index: number): number => Number(fields[index] ?? 0);
  return [at(11), at(12), at(13), at(14)];
}

function descendants(pid: number): number[] {
  const tasks = readdirOf(`/proc/${pid}/task`);
  const children = tasks.flatMap((task) =>
    read(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean).map(Number),
  );
  return [...children, ...children.flatMap(descendants)];
}

function memoryOf(pids: readonly number[], field: 'VmRSS' | 'RssAnon'): number {
  return pids.reduce((sum, pid) => {
    const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(read(`/proc/${pid}/status`))?.[1];
    return sum + Number(kilobytes ?? 0) * 1024;
  }, 0);
}

/** Processes end while they are looked at. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function readdirOf(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
