import { createCipheriv, randomBytes } from 'node:crypto';
import { open, statfs, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RestorePointError, throwIfCancelled } from '../../../core/errors.ts';
import { formatBytes } from '../../../core/format.ts';
import { freeBytes } from '../../../core/memory.ts';
import { chunkBytes, type Payload, type PayloadSink, type PayloadSource } from '../../../core/payload.ts';
import type { WorkOptions } from '../../engine.ts';

/** Cuts a database file that nobody writes into the chunks of one payload. */
export async function writePayload(file: string, sink: PayloadSink, options: WorkOptions): Promise<Payload> {
  const input = await open(file, 'r');
  try {
    const writer = sink.open('database', 'sqlite');
    const { size } = await input.stat();
    const released: Buffer[] = [];
    for (let position = 0; position < size;) {
      throwIfCancelled(options.signal);
      // The sink keeps what it is given until it releases it.
      const buffer = released.pop() ?? Buffer.allocUnsafeSlow(Math.min(chunkBytes, size));
      const chunk = buffer.subarray(0, size - position);
      await readFully(input, chunk, position);
      await writer.writeChunk(chunk, 0, () => released.push(buffer));
      position += chunk.length;
      options.report?.({ phase: 'read', bytes: position, totalBytes: size });
    }
    throwIfCancelled(options.signal);
    return await writer.finish();
  } finally {
    await input.close();
  }
}

async function readFully(input: FileHandle, buffer: Buffer, position: number): Promise<void> {
  for (let filled = 0; filled < buffer.length;) {
    const { bytesRead } = await input.read(buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) throw new Error('The file became shorter while it was read');
    filled += bytesRead;
  }
}

/** Where a payload goes. */
export interface Destination {
  /** It is there, and empty. */
  readonly file: string;
  /** For people: whose room it takes. */
  readonly folder: string;
  /** For people: what to do where there is too little. */
  readonly remedy: string;
}

/** Puts a payload together in a file. Resolves to its digest. Throws `damaged-backup` when it is no database. */
export async function extractPayload(
  payload: Payload,
  source: PayloadSource,
  destination: Destination,
  { signal, report }: WorkOptions,
): Promise<string> {
  const totalBytes = payload.chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
  await refuseWithoutRoom(destination, totalBytes, payload);
  const output = await open(destination.file, 'r+');
  const digest = new Digest();
  let bytes = 0;
  // The next chunk is decompressed while this one is written.
  let writing = Promise.resolve();
  try {
    for await (const chunk of source.read(payload, signal)) {
      throwIfCancelled(signal);
      if (bytes === 0) checkMagic(chunk, payload);
      digest.add(chunk);
      await writing;
      bytes += chunk.length;
      writing = output.appendFile(chunk).then(() => freeBytes(chunk));
      // It is reported when the promise is awaited.
      writing.catch(() => undefined);
      report?.({ phase: 'prepare', bytes, totalBytes });
    }
    await writing;
    return digest.end();
  } finally {
    await writing.catch(() => 'already reported, or caused by an earlier error');
    await output.close();
  }
}

/**
 * A running GMAC, which takes a twelfth of the time of SHA-256. No digest leaves this process, and the key is chosen by
 * chance: so one nonce serves them all, and two files have one digest with a probability below 2^-90.
 */
class Digest {
  static readonly #key = randomBytes(16);
  readonly #cipher = createCipheriv('aes-128-gcm', Digest.#key, Buffer.alloc(12));

  add(bytes: Uint8Array): void {
    this.#cipher.setAAD(bytes);
  }

  end(): string {
    this.#cipher.final();
    return this.#cipher.getAuthTag().toString('hex');
  }
}

/** What `extractPayload` resolves to for a payload that makes this file. */
export async function digestOf(file: string, signal?: AbortSignal): Promise<string> {
  const input = await open(file, 'r');
  const digest = new Digest();
  try {
    const buffer = Buffer.allocUnsafeSlow(1 << 20);
    for (;;) {
      throwIfCancelled(signal);
      const { bytesRead } = await input.read(buffer, 0, buffer.length);
      if (bytesRead === 0) break;
      digest.add(buffer.subarray(0, bytesRead));
    }
    return digest.end();
  } finally {
    await input.close();
  }
}

/** A small file can become a very large one: refuses before it fills the disk. */
async function refuseWithoutRoom(
  { file, folder, remedy }: Destination,
  bytes: number,
  payload: Payload,
): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(file));
  const free = bavail * bsize;
  if (bytes <= free) return;
  throw new RestorePointError(
    'file',
    `The rows of the backup need ${formatBytes(bytes)} in ${folder}, but only ${formatBytes(free)} are free`,
    { place: { entry: payload.name }, next: `Free some space there, or ${remedy}.` },
  );
}

const magic = 'SQLite format 3\0';

function checkMagic(bytes: Uint8Array, payload: Payload): void {
  if (Buffer.from(bytes.subarray(0, magic.length)).toString('latin1') === magic) return;
  throw new RestorePointError('damaged-backup', 'The rows in the backup are not a SQLite database', {
    place: { entry: payload.chunks[0]?.entry ?? payload.name },
  });
}
