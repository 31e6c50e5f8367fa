import { open } from 'node:fs/promises';
import { committed, type RestoreOutcome, unchanged } from '../../../core/outcome.ts';
import type { RestoreSource, WorkOptions } from '../../engine.ts';
import { databaseName } from '../connect/address.ts';
import { describeFailure, inWords } from '../connect/errors.ts';
import { headerBytes, reservedAt } from '../fileFormat/databaseHeader.ts';
import { onlyPayload } from '../payload/payloadDatabase.ts';
import { digestOf, extractPayload } from '../payload/payloadFile.ts';
import type { NewFile } from './newFile.ts';
import { failedVerification } from './verify.ts';
import { type FilePlace, WholeFileRestore } from './wholeFileRestore.ts';

/** A file that is not there yet: it is made beside its place, and takes it as the last step. */
export class NewFilePlace implements FilePlace {
  readonly path: string;
  readonly #file: NewFile;
  /** See `digestOf`. */
  readonly #written: string;
  readonly #placed: () => Promise<void>;
  readonly #options: WorkOptions;
  outcome: RestoreOutcome = unchanged;

  private constructor(file: NewFile, written: string, placed: () => Promise<void>, options: WorkOptions) {
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
    try {
      const written = await extractPayload(onlyPayload(manifest), source, file.room, options);
      if ((await reservedBytes(file.path)) === 0) {
        options.logger.debug(`The database in the backup becomes ${file.place} as it is`);
        return new NewFilePlace(file, written, placed, options);
      }
    } catch (error) {
      await file.remove();
      throw describeFailure(error, 'damaged-backup', { file: databaseName(file.place) });
    }
    await file.remove();
    return undefined;
  }

  async verify(): Promise<void> {
    if ((await digestOf(this.path, this.#options.signal)) === this.#written) return;
    throw failedVerification('the file is not what was written');
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

/** How many bytes of each page belong to an extension. */
async function reservedBytes(file: string): Promise<number> {
  const handle = await open(file, 'r');
  try {
    const { buffer } = await handle.read(Buffer.alloc(headerBytes), 0, headerBytes, 0);
    return buffer.readUInt8(reservedAt);
  } finally {
    await handle.close();
  }
}
