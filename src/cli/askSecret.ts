import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { Terminal } from './terminal.ts';
import { cancelled } from '../core/errors.ts';

/** Asks for a line on the terminal; what is typed is not shown. */
export async function askSecret(
  question: string,
  { stdin, stderr }: Terminal,
  signal: AbortSignal | undefined,
): Promise<string> {
  // The line editor writes what is typed to its output.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: true });
  stderr.write(question);
  try {
    return await new Promise<string>((resolve, reject) => {
      const stop = (): void => reject(cancelled());
      // In this mode of the terminal Ctrl+C is a key as others are; Ctrl+D closes.
      lines.on('SIGINT', stop).on('close', stop);
      signal?.addEventListener('abort', stop, { once: true });
      lines.question('').then(resolve, reject);
    });
  } finally {
    lines.close();
    stderr.write('\n');
  }
}
