import type pg from 'pg';
import { type CopyStreamQuery, from as copyFrom } from 'pg-copy-streams';

/** Bytes that are given to the socket at once: few enough to stop soon, enough to cost nothing. */
const sliceBytes = 256 * 1024;

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
