import type { Logger } from '../core/logger.ts';
import { type ByteSink, FileSink } from './byteSink.ts';
import { type AnotherPath, createTemporary, discard, publish } from './publish.ts';

export interface NewFileOptions {
  readonly logger: Logger;
  /** Its name in messages: `The backup`. */
  readonly what?: string;
  /** Without it, it is an error if the path has been taken in the meantime. */
  readonly another?: AnotherPath;
  /** Puts an encryption before the file. */
  readonly seal?: (file: ByteSink) => ByteSink;
}

/**
 * Writes a new file that only this user can read: `fill` writes its bytes, and then it gets its name. If anything fails, no
 * file is left; one that cannot be removed is logged. Never overwrites a file. Throws `file`, and what `fill` throws.
 */
export async function writeNewFile<Result>(
  path: string,
  { logger, what = 'The backup', another, seal }: NewFileOptions,
  fill: (sink: Pick<ByteSink, 'write'>) => Promise<Result>,
): Promise<{ readonly file: string; readonly bytes: number; readonly result: Result }> {
  const temporary = await createTemporary(path, logger, what);
  try {
    const file = new FileSink(temporary.handle, path, what);
    const sink = seal?.(file) ?? file;
    const result = await fill(sink);
    const bytes = await sink.finish();
    return { file: await publish(temporary, path, another), bytes, result };
  } catch (error) {
    await discard(temporary).catch((second: unknown) =>
      logger.error(`An unfinished file could not be removed: ${temporary.path}`, second),
    );
    throw error;
  }
}
