import { spawn } from 'node:child_process';

/** Runs a command in a terminal of its own, and types a line whenever it asks a question with yes and no; Ctrl+D when there is no line left. `script` of util-linux makes it. */
export async function runInTerminal(
  command: readonly string[],
  { typed, cwd, env }: { typed: readonly string[]; cwd: string; env: NodeJS.ProcessEnv },
): Promise<{ readonly code: number | null; readonly shown: string }> {
  const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', quoted, '/dev/null'], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const left = [...typed];
  let shown = '';
  let looked = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    if (!/\? \[y\/N\] /.test(shown.slice(looked))) return;
    looked = shown.length;
    const line = left.shift();
    if (line === undefined) child.stdin.write('\u0004');
    else child.stdin.write(`${line}\n`);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  return { code, shown };
}
