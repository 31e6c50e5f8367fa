import type pg from 'pg';
import { type CopyStreamQuery, from as copyFrom, to as copyTo } from 'pg-copy-streams';

/** Bytes that are given to the socket at once: few enough to stop soon, enough to cost nothing. */
const sliceBytes = 256 * 1024;

/**
 * Runs `COPY … TO STDOUT` and gives `take` the bytes as they come, waiting for it where it waits (back-pressure).
 * When `take` throws, `abandon` has to make the server stop; what it still sends is drained before the error comes
 * out: a stream that is merely destroyed leaves the connection busy for good.
 */
export function copyOut(
  client: pg.Client,
  sql: string,
  take: (piece: Uint8Array) => void | Promise<void>,
  abandon: () => void,
): Promise<void> {
  const stream = client.query(copyTo(sql));
  return new Promise((resolve, reject) => {
    let failure: { readonly error: unknown } | undefined;
    const fail = (error: unknown): void => {
      failure = { error };
      stream.resume();
      abandon();
    };
    stream.on('data', (piece: Buffer) => {
      if (failure) return;
      try {
        const waiting = take(new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength));
        if (!waiting) return;
        stream.pause();
        waiting.then(() => stream.resume(), fail);
      } catch (error) {
        fail(error);
      }
    });
    stream.once('end', () => (failure ? reject(asError(failure.error)) : resolve()));
    stream.on('error', (error) => {
      // The driver only emits the error; a stream that goes on reading would take bytes of the next answer.
      stream.destroy();
      reject(asError(failure ? failure.error : error));
    });
  });
}

/**
 * Runs `COPY … FROM STDIN` with the bytes of `source` and resolves to the number of rows that the server took.
 * When the source throws, the server is told to fail the command before the error comes out.
 */
export async function copyIn(
  client: pg.Client,
  sql: string,
  source: AsyncIterable<Uint8Array>,
): Promise<number> {
  const stream = client.query(copyFrom(sql));
  let failure: { readonly error: unknown } | undefined;
  stream.on('error', (error) => (failure ??= { error }));
  try {
    for await (const bytes of source) {
      for (let start = 0; start < bytes.length; start += sliceBytes) {
        if (failure) throw failure.error;
        await settled(stream, (done) => stream.write(bytes.subarray(start, start + sliceBytes), done));
      }
    }
    if (failure) throw failure.error;
    await settled(stream, (done) => stream.end(done));
    return stream.rowCount;
  } catch (error) {
    // After an answer of the server the command is over already.
    if (!failure) await giveUp(stream);
    throw error;
  }
}

/** Waits for the callback of one call, or for an error that comes in its place. */
function settled(
  stream: CopyStreamQuery,
  call: (done: (error?: Error | null) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once('error', reject);
    call((error) => {
      stream.off('error', reject);
      if (error) reject(error);
      else resolve();
    });
  });
}

function giveUp(stream: CopyStreamQuery): Promise<void> {
  return new Promise((resolve) => {
    stream.once('close', () => resolve());
    stream.destroy(new Error('given up by the client'));
  });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
