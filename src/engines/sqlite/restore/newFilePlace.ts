import { open } from 'node:fs/promises';
import { RestorePointError } from '../../../core/errors.ts';
import { committed, type RestoreOutcome, unchanged } from '../../../core/outcome.ts';
import type { RestoreSource, WorkOptions } from '../../engine.ts';
import { databaseName } from '../connect/address.ts';
import { describeFailure, inWords } from '../connect/errors.ts';
import { reservedAt } from '../fileFormat/databaseHeader.ts';
import type { NewFile } from './newFile.ts';
import { onlyPayload } from '../payload/payloadDatabase.ts';
import { extractPayload } from '../payload/payloadFile.ts';
import { type FilePlace, WholeFileRestore } from './wholeFileRestore.ts';
import { WrittenRuns } from '../files/writtenRuns.ts';

/** A file that is not there yet: it is made beside its place, and takes it as the last step. */
export class NewFilePlace implements FilePlace {
  readonly path: string;
  readonly #file: NewFile;
  readonly #written: WrittenRuns;
  readonly #placed: () => Promise<void>;
  readonly #options: WorkOptions;
  outcome: RestoreOutcome = unchanged;

  private constructor(
    file: NewFile,
    written: WrittenRuns,
    placed: () => Promise<void>,
    options: WorkOptions,
  ) {
    this.path = file.path;
    this.#file = file;
    this.#written = written;
    this.#placed = placed;
    this.#options = options;
  }

  /** Whether a restore into an empty file is of this kind. */
  static suits(restore: RestoreSource): boolean {
    const { plan, manifest } = restore;
    return (
      WholeFileRestore.suits(restore) &&
      plan.tables.every(({ create }) => create) &&
      plan.create.length === manifest.objects.length
    );
  }

  /**
   * Takes the database out of the backup. `placed` is called when it is where it belongs. Resolves to undefined, and leaves
   * nothing, where its pages keep bytes for an extension of SQLite, which copied rows do not need.
   */
  static async extract(
    file: NewFile,
    { manifest, source }: RestoreSource,
    placed: () => Promise<void>,
    options: WorkOptions,
  ): Promise<NewFilePlace | undefined> {
    const written = new WrittenRuns();
    let reserved: number | undefined;
    const note = (run: Uint8Array): void => {
      reserved ??= run[reservedAt] ?? 0;
      written.add(run);
    };
    try {
      await extractPayload(onlyPayload(manifest), source, { ...file.room, written: note }, options);
    } catch (error) {
      await file.remove();
      throw describeFailure(error, 'damaged-backup', { file: databaseName(file.place) });
    }
    if (reserved === 0) {
      options.logger.debug(`The database in the backup becomes ${file.place} as it is`);
      return new NewFilePlace(file, written, placed, options);
    }
    await file.remove();
    return undefined;
  }

  rowsBefore(): Promise<number> {
    return Promise.resolve(0);
  }

  async verify(): Promise<void> {
    const file = await open(this.path, 'r');
    try {
      const position = await this.#written.firstDifference(file, this.#options.signal);
      if (position === undefined) return;
      throw new RestorePointError(
        'verification',
        `The restored database differs from the backup: the file differs at byte ${position}`,
      );
    } finally {
      await file.close();
    }
  }

  makeReady(): Promise<void> {
    return Promise.resolve();
  }

  async commit(): Promise<void> {
    await inWords('database', { file: databaseName(this.#file.place) }, () => this.#file.publish());
    this.outcome = committed;
    await this.#placed().catch((error: unknown) => {
      this.#options.logger.error(`${this.#file.place} exists, but could not be opened`, error);
    });
  }

  async release(): Promise<void> {
    if (this.outcome.state === 'unchanged') await this.#file.remove();
  }
}
