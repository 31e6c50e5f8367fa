import type { Readable } from 'node:stream';
import { startOwned } from './childProcesses.ts';

/** An X server that shows its windows to nobody. */
export interface VirtualDisplay {
  /** The value for the environment variable `DISPLAY`. */
  readonly name: string;
  readonly stop: () => Promise<void>;
}

/** Starts Xvfb (Debian: the package xvfb); rejects if it is missing or does not start. */
export async function startVirtualDisplay(): Promise<VirtualDisplay> {
  // It picks a free number and writes it to file descriptor 3 when it is ready.
  const server = await startOwned(
    'Xvfb',
    ['-displayfd', '3', '-screen', '0', '1440x900x24', '-nolisten', 'tcp'],
    {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    },
  ).catch((cause: unknown) => {
    throw new Error('no display, and no Xvfb to make one', { cause });
  });
  const pipe = server.child.stdio[3] as Readable;
  const number = await Promise.race([
    new Promise<string>((resolve) => pipe.once('data', (bytes: Buffer) => resolve(bytes.toString().trim()))),
    server.ended.then((end) => Promise.reject(new Error(`no display: Xvfb ended (${end})`))),
  ]);
  return { name: `:${number}`, stop: server.stop };
}
