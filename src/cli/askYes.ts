import { createInterface } from 'node:readline/promises';
import type { Terminal } from './terminal.ts';

/** Asks on the terminal; anything but a yes is a no. */
export async function askYes(
  question: string,
  { stdin, stderr }: Terminal,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const terminal = createInterface({ input: stdin, output: stderr });
  // A terminal that asks takes Ctrl+C as a key.
  terminal.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    // Ctrl+D, or the end of the input, answers nothing.
    const ended = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
    const answer = await Promise.race([terminal.question(question, signal ? { signal } : {}), ended]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
