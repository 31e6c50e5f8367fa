import { execFileSync, spawn } from 'node:child_process';
import { ensureDebianPackages } from './debianPackages.ts';

/** The tool `age` itself, as Debian has it: it judges what we encrypt, and encrypts what we have to read. */
export function ensureAge(): void {
  ensureDebianPackages(['age', 'bsdutils']);
}

export function age(args: readonly string[]): void {
  execFileSync('age', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** A new identity and its recipient, by `age-keygen`. `file` is made, as people have it, with comments. */
export function ageKeygen(file: string): { recipient: string } {
  execFileSync('age-keygen', ['-o', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  const recipient = execFileSync('age-keygen', ['-y', file], { encoding: 'utf8' }).trim();
  return { recipient };
}

/** What a terminal showed while a command ran in it, and how it ended. */
export interface TerminalRun {
  readonly code: number | null;
  readonly screen: string;
}

/** Runs a command in a terminal of its own, and types an answer at each prompt that `answers` knows. */
export async function runInTerminal(
  command: readonly string[],
  answers: readonly { prompt: RegExp; answer: string }[],
  env: Readonly<Record<string, string>> = {},
): Promise<TerminalRun> {
  const line = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let [screen, seen, next] = ['', 0, 0];
  child.stdout.on('data', (bytes: Buffer) => {
    screen += bytes.toString();
    const found = answers[next]?.prompt.exec(screen.slice(seen));
    if (!found) return;
    seen += found.index + found[0].length;
    child.stdin.write(`${answers[next++]!.answer}\n`);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  return { code, screen };
}
