import { stat, statfs } from 'node:fs/promises';
import { RestorePointError } from '../../../core/errors.ts';
import { committed, type RestoreOutcome, unchanged } from '../../../core/outcome.ts';
import type { TablePlan } from '../../../core/plan.ts';
import type { RestoreSource, WorkOptions } from '../../engine.ts';
import { databaseName } from '../connect/address.ts';
import { Connection } from '../connect/connection.ts';
import { countRows } from '../rows/counts.ts';
import { describeFailure, inWords } from '../connect/errors.ts';
import { firstDifferentPage } from '../fileFormat/samePages.ts';
import type { PayloadDatabase } from '../payload/payloadDatabase.ts';
import { keepOthers } from './otherObjects.ts';
import { cannotCopyRows, type FilePlace, WholeFileRestore } from './wholeFileRestore.ts';

/**
 * A live database whose rows cannot be copied, because they need something that only the application registers. SQLite's
 * online backup API copies the file over it in one transaction. That commits by itself: the result is compared after it, and
 * a safety copy is put back should it differ.
 */
export class LiveFilePlace implements FilePlace {
  readonly path: string;
  outcome: RestoreOutcome = unchanged;
  readonly #file: string;
  readonly #payload: PayloadDatabase;
  readonly #live: Connection;
  readonly #options: WorkOptions;
  #before: { readonly version: number | undefined; readonly files: string } | undefined;
  #safetyCopy = '';

  private constructor(file: string, payload: PayloadDatabase, live: Connection, options: WorkOptions) {
    this.path = payload.file;
    this.#file = file;
    this.#payload = payload;
    this.#live = live;
    this.#options = options;
  }

  /** Whether a restore may be of this kind; `open` looks at the databases. */
  static suits(restore: RestoreSource): boolean {
    const { plan, safe = false } = restore;
    return safe && cannotCopyRows(restore) && plan.mode === 'replace' && WholeFileRestore.suits(restore);
  }

  /** Changes nothing but the payload. Undefined where rows have to be copied. */
  static async open(
    target: string,
    payload: PayloadDatabase,
    options: WorkOptions,
  ): Promise<LiveFilePlace | undefined> {
    const { logger } = options;
    return inWords('database', { file: databaseName(target) }, async () => {
      const live = await Connection.open(target, 'write');
      try {
        const place = new LiveFilePlace(target, payload, live, options);
        place.#before = { files: await place.#files(), version: await place.#version() };
        if (await keepOthers(target, payload.file, options)) {
          logger.debug(`The database in the backup is copied over ${target} as it is`);
          return place;
        }
      } catch (error) {
        await live.closeQuietly(logger);
        throw error;
      }
      await live.closeQuietly(logger);
      return undefined;
    });
  }

  rowsBefore({ target }: TablePlan): Promise<number> {
    return countRows(this.#live, 'main', target.name, this.#options.signal);
  }

  async #makeSafetyCopy(): Promise<void> {
    const { bavail, bsize } = await statfs(this.path);
    const [{ size: now }, { size: then }] = [await stat(this.#file), await stat(this.path)];
    if (bavail * bsize <= now + then) {
      const next = 'Free some space there, or set TMPDIR to another folder.';
      const message = 'The temporary folder has no space for the safety copy of the database';
      throw new RestorePointError('file', message, { next });
    }
    this.#safetyCopy = await this.#payload.newFile('before.sqlite');
    await this.#live.copyPages('to', this.#safetyCopy, { signal: this.#options.signal });
  }

  async commit(): Promise<void> {
    const { signal, report } = this.#options;
    await this.#makeSafetyCopy();
    const version = await this.#version();
    if (version !== this.#before?.version) throw writtenMeanwhile();
    await this.#live.copyPages('from', this.path, {
      signal,
      // Nobody else can write any more, and nothing is written yet.
      locked: async () => {
        if ((await this.#files()) !== this.#before?.files) throw writtenMeanwhile();
      },
      copied: (pages, of) => report?.({ phase: 'commit', fraction: pages / of }),
    });
    this.outcome = { state: 'changed', what: 'The database was restored, but the result was not compared.' };
    try {
      await this.#compare(version);
      this.outcome = committed;
    } catch (error) {
      throw await this.#putBack(error, version);
    }
  }

  async release(): Promise<void> {
    await this.#live.closeQuietly(this.#options.logger);
    await this.#payload.remove(this.#options);
  }

  async #compare(version: number | undefined): Promise<void> {
    const after = await this.#payload.newFile('after.sqlite');
    await this.#live.copyPages('to', after, {});
    const page = await firstDifferentPage(this.path, after);
    if (page === undefined) return;
    if ((await this.#version()) === version) {
      const message = `After the restore page ${page} of the database differed from the backup`;
      throw new RestorePointError('verification', message);
    }
    this.#options.logger.warn(
      'Another program wrote to the database right after the restore, so the result was not compared with the backup',
    );
  }

  /** What another program wrote right after the restore stays. Gives the error back, with what became of the database. */
  async #putBack(error: unknown, version: number | undefined): Promise<unknown> {
    try {
      if ((await this.#version()) !== version) return error;
      await this.#live.copyPages('from', this.#safetyCopy, {});
    } catch (cause) {
      const what = 'The database was restored, and the safety copy could not be put back.';
      this.outcome = { state: 'changed', what, cause };
      return error;
    }
    this.outcome = unchanged;
    return describeFailure(error, 'database').with({
      unchanged: 'The safety copy was put back: the database is as it was.',
    });
  }

  /** Changes with each commit of another connection. */
  async #version(): Promise<number | undefined> {
    return (await this.#live.get<{ n: number }>('SELECT data_version AS n FROM temp.pragma_data_version'))?.n;
  }

  /** When they were written last. Asking SQLite would wait for the lock. */
  async #files(): Promise<string> {
    const written = async (file: string): Promise<string> => {
      const found = await stat(file, { bigint: true }).catch(() => undefined);
      return found ? `${found.size} ${found.mtimeNs}` : 'none';
    };
    return `${await written(this.#file)}, ${await written(`${this.#file}-wal`)}`;
  }
}

function writtenMeanwhile(): RestorePointError {
  const next = 'Start the restore again.';
  return new RestorePointError(
    'refused',
    'Another program wrote to the database while the restore was prepared',
    { next },
  );
}
