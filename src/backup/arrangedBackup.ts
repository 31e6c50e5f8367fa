import { Archive } from '../archive/archiveReader.ts';
import type { Keys } from '../archive/encryption/keys.ts';
import type {
  ArrangedRows,
  Arrangement,
  ArrangeOptions,
  FoundRow,
  FoundRows,
  TextSearch,
} from '../core/arrangement.ts';
import { type Cell, cellLimit, cellOf } from '../core/cells.ts';
import { RestorePointError, throwIfCancelled } from '../core/errors.ts';
import type { EngineId } from '../core/manifest.ts';
import type { Engine, PayloadRows, WorkOptions } from '../engines/engine.ts';

/** Rows of an arrangement, as text for people. */
export interface ArrangedCells {
  /** The place of each row in the backup, from 0. */
  readonly numbers: readonly number[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface ArrangedBackupOptions extends WorkOptions {
  readonly keys?: Keys;
  /** The size of the file when it was shown: another one is another file. */
  readonly size: number;
}

/** An open backup, one of whose tables is sorted or searched. Calls wait for each other. */
export class ArrangedBackup {
  readonly #archive: Archive;
  readonly #payload: PayloadRows;
  #rows: ArrangedRows | undefined;
  #columns = 0;
  #found: FoundRows | undefined;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(archive: Archive, payload: PayloadRows) {
    this.#archive = archive;
    this.#payload = payload;
  }

  /** Throws `file`, `locked` and `damaged-backup`. */
  static async open(
    file: string,
    engines: (id: EngineId) => Engine,
    { keys, size, ...options }: ArrangedBackupOptions,
  ): Promise<ArrangedBackup> {
    const archive = await Archive.open(file, engines, keys);
    try {
      if (archive.size !== size) {
        throw new RestorePointError('file', 'The file has changed since it was opened', {
          place: { file },
          next: 'Close it and open it again.',
        });
      }
      const { manifest } = archive;
      const engine = engines(manifest.source.engine);
      // A cancel ends one question, not the reading of the file.
      const reading = { logger: options.logger };
      return new ArrangedBackup(archive, await engine.openPayload(archive, manifest, reading));
    } catch (error) {
      await archive.close();
      throw error;
    }
  }

  /** Resolves to how many rows there are. Throws as `PayloadRows.arrange`. */
  arrange(table: number, arrangement: Arrangement, options: ArrangeOptions): Promise<number> {
    return this.#inTurn(options, async () => {
      const wanted = this.#archive.manifest.tables[table];
      if (!wanted) throw new RestorePointError('usage', `The backup has no table number ${table + 1}`);
      await this.#rows?.close();
      this.#rows = this.#found = undefined;
      this.#rows = await this.#payload.arrange(wanted, arrangement, options);
      this.#columns = wanted.columns.length;
      return this.#rows.count;
    });
  }

  page(
    { after, limit }: { readonly after: number; readonly limit: number },
    options: ArrangeOptions,
  ): Promise<ArrangedCells> {
    return this.#inTurn(options, async () => {
      const longest = cellLimit(limit, this.#columns);
      const { numbers, rows } = await this.#arranged().page({ after, limit, longest }, options);
      return { numbers, rows: rows.map((row) => row.map((value) => cellOf(value, longest))) };
    });
  }

  /** Resolves to how many rows were found. */
  find(search: TextSearch, options: ArrangeOptions): Promise<number> {
    return this.#inTurn(options, async () => {
      this.#found = undefined;
      this.#found = await this.#arranged().find(search, options);
      return this.#found.count;
    });
  }

  /** Finds a match among the rows that were found: see `FoundRows`. */
  near(place: number, backwards: boolean, options: ArrangeOptions): Promise<FoundRow | undefined> {
    return this.#inTurn(options, async () => this.#found?.near(place, backwards));
  }

  /** Never throws. */
  async close(): Promise<void> {
    await this.#last;
    await this.#rows?.close().catch(() => 'its temporary tables end with the connection');
    await this.#payload.close();
    await this.#archive.close().catch(() => 'it was only read');
  }

  #arranged(): ArrangedRows {
    if (this.#rows) return this.#rows;
    throw new Error('no table is arranged');
  }

  #inTurn<Result>({ signal }: ArrangeOptions, work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(() => {
      throwIfCancelled(signal);
      return work();
    });
    this.#last = result.catch(() => 'reported to the caller');
    return result;
  }
}
