import { cancelled } from '../../../core/errors.ts';
import type { WorkOptions } from '../../engine.ts';
import { type InheritedReference, inheritedWarning } from '../rows/foreignKeys.ts';
import { missingIn } from '../schema/unproven.ts';
import { openUntrusted } from './untrusted.ts';

/** Looks foreign keys up in the database of a backup, while another connection copies its rows. */
export class ReferenceLookup {
  readonly #end = new AbortController();
  readonly #work: Promise<void>;

  /** Begins. What dangles is logged as a warning. */
  constructor(file: string, references: readonly InheritedReference[], options: WorkOptions) {
    const signals = options.signal ? [options.signal, this.#end.signal] : [this.#end.signal];
    this.#work = lookUp(file, references, { ...options, signal: AbortSignal.any(signals) });
    this.#work.catch(() => 'reported by done()');
  }

  /** Resolves when all are looked up, and nothing holds the file any more. Throws SQLite's errors, `cancelled`. */
  done(): Promise<void> {
    return this.#work;
  }

  /** Resolves when nothing holds the file any more. Never throws. */
  async close(): Promise<void> {
    this.#end.abort(cancelled());
    await this.#work.catch(() => 'reported by done()');
  }
}

async function lookUp(
  file: string,
  references: readonly InheritedReference[],
  { signal, logger }: WorkOptions,
): Promise<void> {
  if (references.length === 0) return;
  const connection = await openUntrusted(file);
  try {
    // They refer to rows all over their table.
    await connection.all(`PRAGMA cache_size = ${-24 * 1024}`);
    for (const reference of references) {
      const dangling = await connection.get(reference.sql, [], signal).catch((error: unknown) => {
        const missing = missingIn(error);
        if (missing === undefined) throw error;
        const { child, parent } = reference;
        logger.warn(`The foreign key of ${child} to ${parent} was not checked: that needs ${missing}`);
        return undefined;
      });
      if (dangling !== undefined) logger.warn(inheritedWarning(reference));
    }
  } finally {
    await connection.closeQuietly(logger);
  }
}
