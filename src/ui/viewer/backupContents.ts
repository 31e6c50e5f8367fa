import { isDeepStrictEqual } from 'node:util';
import { Archive } from '../../archive/archiveReader.ts';
import type { Keys } from '../../archive/encryption/keys.ts';
import { RestorePointError, throwIfCancelled } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { EngineId, Manifest } from '../../core/manifest.ts';
import type { Row } from '../../core/values.ts';
import type { Engine, PayloadRows } from '../../engines/engine.ts';
import type { OpenRowsTask } from '../../worker/protocol.ts';

/** Some rows of one table, in the order of the columns. */
export interface RowPage {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

interface OpenRows {
  readonly archive: Archive;
  readonly rows: PayloadRows;
}

/**
 * A backup file as it was when it was opened. The manifest is read at once, rows on demand.
 * The file is open only from the first page of rows until `close`.
 */
export class BackupContents {
  readonly file: string;
  readonly manifest: Manifest;
  /** The size of the file, in bytes. */
  readonly size: number;
  readonly engine: Engine;
  readonly #logger: Logger;
  readonly keys: Keys | undefined;
  readonly #closing = new AbortController();
  #open: OpenRows | undefined;
  /** The payload handles one call at a time. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(archive: Archive, engine: Engine, logger: Logger, keys: Keys | undefined) {
    this.file = archive.file;
    this.manifest = archive.manifest;
    this.size = archive.size;
    this.engine = engine;
    this.#logger = logger;
    this.keys = keys;
  }

  /** Throws `file` when it cannot be read, `locked` when the keys do not open it, `damaged-backup` when it is not a backup or its frame is damaged. */
  static async open(
    file: string,
    engineById: (id: EngineId) => Engine,
    logger: Logger,
    keys?: Keys,
  ): Promise<BackupContents> {
    const archive = await Archive.open(file, engineById, keys);
    await archive.close();
    return new BackupContents(archive, engineById(archive.manifest.source.engine), logger, keys);
  }

  /**
   * A page of the rows of one table of the manifest. `after` is how many rows are before it; longer values are cut to
   * `longest` characters or bytes.
   * Throws `cancelled` when the signal was aborted before its turn, or the contents were closed;
   * `file` when the file has changed since it was opened; `damaged-backup`.
   */
  readRows(
    table: number,
    query: { readonly after: number; readonly limit: number; readonly longest?: number },
    signal?: AbortSignal,
  ): Promise<RowPage> {
    const page = this.#last.then(async () => {
      throwIfCancelled(signal);
      throwIfCancelled(this.#closing.signal);
      const wanted = this.manifest.tables[table];
      if (!wanted) throw new RestorePointError('usage', `The backup has no table number ${table + 1}`);
      this.#open ??= await this.#openRows();
      const rows: Row[] = [];
      for await (const page of this.#open.rows.rows(wanted, query)) rows.push(...page);
      const promised = Math.max(0, Math.min(query.limit, wanted.rows - query.after));
      if (rows.length !== promised) {
        throw new RestorePointError(
          'damaged-backup',
          'The backup does not contain as many rows as its manifest says',
          {
            place: { file: this.file, entry: wanted.payload },
            next: 'Do not restore from it. Use another backup.',
          },
        );
      }
      return { columns: wanted.columns, rows };
    });
    this.#last = page.catch(() => 'reported to the caller of this page');
    return page;
  }

  /** What another process needs to open the same file. */
  async task(): Promise<OpenRowsTask> {
    const keys = await this.keys?.known();
    return { file: this.file, size: this.size, ...(keys ? { keys } : {}) };
  }

  /** Stops reading and closes the file. Never throws. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#last;
    const open = this.#open;
    this.#open = undefined;
    if (open) await this.#closeRows(open);
  }

  async #openRows(): Promise<OpenRows> {
    const archive = await Archive.open(this.file, () => this.engine, this.keys);
    try {
      if (archive.size !== this.size || !isDeepStrictEqual(archive.manifest, this.manifest)) {
        throw new RestorePointError('file', 'The file has changed since it was opened', {
          place: { file: this.file },
          next: 'Close it and open it again.',
        });
      }
      const options = { signal: this.#closing.signal, logger: this.#logger };
      return { archive, rows: await this.engine.openPayload(archive, archive.manifest, options) };
    } catch (error) {
      await archive.close();
      throw error;
    }
  }

  async #closeRows({ archive, rows }: OpenRows): Promise<void> {
    await rows.close();
    await archive.close().catch((error: unknown) => {
      this.#logger.warn(`${this.file} could not be closed: ${String(error)}`);
    });
  }
}
