import type { FileHandle } from 'node:fs/promises';
import { freeBytes } from '../../core/memory.ts';
import { throwIfCancelled } from '../../core/errors.ts';

/** What stands in a file from a position on: its bytes stay the same until the next run is asked for. */
export interface ReadRun {
  readonly position: number;
  /** Fewer than were asked for where the file ends. */
  readonly bytes: Buffer;
}

/**
 * Reads runs of these lengths, one after the other, and each of them while whoever asks is at work with the one before.
 * Throws errors of the file system, and `cancelled`.
 */
export async function* readRuns(
  handle: FileHandle,
  lengths: readonly number[],
  signal?: AbortSignal,
): AsyncGenerator<ReadRun, void, undefined> {
  const largest = lengths.reduce((most, length) => Math.max(most, length), 0);
  const buffers = [Buffer.allocUnsafeSlow(largest), Buffer.allocUnsafeSlow(largest)];
  const read = (index: number, position: number): Promise<Buffer> => {
    const reading = fill(handle, buffers[index % 2]!.subarray(0, lengths[index] ?? 0), position);
    // Whoever waits for it is told; when this is ended, nobody does.
    reading.catch(() => undefined);
    return reading;
  };
  let next = read(0, 0);
  try {
    let position = 0;
    for (const [index, length] of lengths.entries()) {
      throwIfCancelled(signal);
      const bytes = await next;
      next = read(index + 1, position + length);
      yield { position, bytes };
      position += length;
    }
  } finally {
    await next.catch(() => 'nobody waits for it');
    for (const buffer of buffers) freeBytes(buffer);
  }
}

async function fill(handle: FileHandle, buffer: Buffer, position: number): Promise<Buffer> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
