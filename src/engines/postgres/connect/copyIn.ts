import type { Socket } from 'node:net';
import type pg from 'pg';
import { throwIfCancelled } from '../../../core/errors.ts';

/** Bytes that are given to the socket at once: few enough to stop soon, enough to cost nothing. */
const sliceBytes = 256 * 1024;

const message = { copyData: 0x64, copyDone: 0x63, copyFail: 0x66 };

/**
 * Runs `COPY … FROM STDIN` with the bytes of `source` and resolves to the number of rows that the server took. What
 * `source` gave is its own again when it is asked for more: none of it is kept.
 * When the source throws, or the signal is aborted, the client makes the server fail the command before the error comes out.
 */
export async function copyIn(
  client: pg.Client,
  sql: string,
  source: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<number> {
  const copy = new CopyIn(sql);
  client.query(copy);
  // The first bytes are made while the server is asked.
  const iterator = source[Symbol.asyncIterator]();
  const first = iterator.next();
  // Told below.
  first.catch(() => undefined);
  try {
    return await feed(copy, first, iterator, signal);
  } finally {
    await first.catch(() => undefined);
    // It was read to its end, or there is something worse to tell.
    await iterator.return?.().catch(() => undefined);
  }
}

async function feed(
  copy: CopyIn,
  first: Promise<IteratorResult<Uint8Array>>,
  source: AsyncIterator<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const stream = await copy.begun;
  try {
    for (let piece = await first; !piece.done; piece = await source.next()) {
      throwIfCancelled(signal);
      const bytes = piece.value;
      for (let start = 0; start < bytes.length; start += sliceBytes) {
        if (copy.failed) return await copy.ended;
        await send(stream, message.copyData, bytes.subarray(start, start + sliceBytes));
      }
    }
    if (!copy.failed) await send(stream, message.copyDone);
  } catch (error) {
    if (!copy.failed && (await giveUp(stream, copy))) throw error;
  }
  return await copy.ended;
}

/** Resolves when the server has answered, to whether the request was sent: if the connection is lost, the driver says why. */
async function giveUp(stream: Socket, copy: CopyIn): Promise<boolean> {
  const sent = await send(stream, message.copyFail, Buffer.from('cancelled by the client\0')).then(
    () => true,
    () => false,
  );
  await copy.ended.catch(() => 'it was cancelled, or the connection is lost');
  return sent;
}

/** Resolves when the system has taken all of it, and nothing refers to these bytes any more. */
function send(stream: Socket, code: number, bytes: Uint8Array = Buffer.alloc(0)): Promise<void> {
  const header = Buffer.alloc(5);
  header[0] = code;
  header.writeUInt32BE(4 + bytes.length, 1);
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null): void => (error ? reject(error) : resolve());
    stream.cork();
    stream.write(header);
    stream.write(bytes, done);
    stream.uncork();
  });
}

/** A query in the driver's sense, for the time between the server's readiness and its last word. */
class CopyIn implements pg.Submittable {
  readonly #sql: string;
  readonly #begun = Promise.withResolvers<Socket>();
  readonly #ended = Promise.withResolvers<number>();
  #rows = 0;
  /** The server has ended it with an error, or the connection is lost. */
  failed = false;

  constructor(sql: string) {
    this.#sql = sql;
    // Errors are reported to the callers that await these promises.
    this.begun.catch(() => undefined);
    this.ended.catch(() => undefined);
  }

  /** Resolves when the server waits for bytes, to where they go. */
  get begun(): Promise<Socket> {
    return this.#begun.promise;
  }

  /** Resolves to the number of rows that the server took. */
  get ended(): Promise<number> {
    return this.#ended.promise;
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#sql);
  }

  handleCopyInResponse(connection: pg.Connection): void {
    this.#begun.resolve(connection.stream as Socket);
  }

  handleError(error: Error): void {
    this.failed = true;
    this.#begun.reject(error);
    this.#ended.reject(error);
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#rows = Number(/^COPY (\d+)$/.exec(text)?.[1]);
  }

  handleReadyForQuery(): void {
    this.#begun.reject(new Error(`It is no COPY: ${this.#sql}`));
    this.#ended.resolve(this.#rows);
  }
}
