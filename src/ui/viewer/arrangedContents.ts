import { isDeepStrictEqual } from 'node:util';
import type { Arrangement, TextSearch } from '../../core/arrangement.ts';
import { RestorePointError, throwIfCancelled } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { ReportProgress } from '../../core/progress.ts';
import type { OpenRows, Workers } from '../../worker/workers.ts';
import type { BackupContents } from './backupContents.ts';
import { type FindView, type RowsView, rowsPerPage } from './viewModel.ts';

/** A table of the manifest, and what is shown of it. */
export interface ArrangedTable {
  readonly table: number;
  readonly arrangement: Arrangement;
}

export interface FindQuery extends ArrangedTable {
  readonly search: TextSearch;
  /** The place in the arrangement to begin at. */
  readonly from: number;
  readonly backwards: boolean;
}

/** Sorts and searches the tables of a backup for one editor, in a process that is started when it is first needed. */
export class ArrangedContents {
  readonly #contents: BackupContents;
  readonly #workers: Workers;
  readonly #logger: Logger;
  readonly #report: ReportProgress;
  #opened: Promise<OpenRows> | undefined;
  /** What the process has arranged, and what it has found in that. */
  #arranged: { readonly what: ArrangedTable; readonly total: number } | undefined;
  #found: { readonly search: TextSearch; readonly count: number } | undefined;
  #closed = false;

  constructor(contents: BackupContents, workers: Workers, logger: Logger, report: ReportProgress) {
    this.#contents = contents;
    this.#workers = workers;
    this.#logger = logger;
    this.#report = report;
  }

  /** A page of the arrangement. Throws as `ArrangedBackup`. */
  rows(what: ArrangedTable, page: number, signal: AbortSignal): Promise<RowsView> {
    return this.#asking(() => this.#rows(what, page, signal));
  }

  /** The nearest row that contains the text; after the last one comes the first. Throws as `ArrangedBackup`. */
  find(query: FindQuery, signal: AbortSignal): Promise<FindView> {
    return this.#asking(() => this.#find(query, signal));
  }

  /** Ends the process. */
  close(): void {
    this.#closed = true;
    this.#endProcess();
  }

  /** After a failure that is not about one question, as of a process that has ended, the next question starts another one. */
  async #asking<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await ask();
    } catch (error) {
      if (!RestorePointError.is(error, 'cancelled') && !RestorePointError.is(error, 'usage'))
        this.#endProcess();
      throw error;
    }
  }

  #endProcess(): void {
    void this.#opened?.then(
      (open) => open.close(),
      () => 'it was not opened',
    );
    this.#opened = this.#arranged = this.#found = undefined;
  }

  async #rows(what: ArrangedTable, page: number, signal: AbortSignal): Promise<RowsView> {
    const { open, total } = await this.#arrange(what, signal);
    const after = page * rowsPerPage;
    const { numbers, rows } = await open.page({ after, limit: rowsPerPage }, signal);
    const columns = this.#contents.manifest.tables[what.table]?.columns ?? [];
    return { offset: after, total, columns, numbers, rows };
  }

  async #find({ search, from, backwards, ...what }: FindQuery, signal: AbortSignal): Promise<FindView> {
    const { open, total } = await this.#arrange(what, signal);
    if (!isDeepStrictEqual(this.#found?.search, search)) {
      this.#found = undefined;
      const count = await open.find(search, signal);
      throwIfCancelled(signal);
      this.#found = { search, count };
    }
    const { count } = this.#found!;
    if (count === 0) return { count };
    const found =
      (await open.near({ place: from, backwards }, signal)) ??
      (await open.near({ place: backwards ? total : 0, backwards }, signal));
    return { count, ...found };
  }

  async #arrange(what: ArrangedTable, signal: AbortSignal): Promise<{ open: OpenRows; total: number }> {
    const open = await this.#open();
    throwIfCancelled(signal);
    if (!isDeepStrictEqual(this.#arranged?.what, what)) {
      this.#arranged = this.#found = undefined;
      const total = await open.arrange({ table: what.table, ...what.arrangement }, signal);
      // Another question may have arranged other rows meanwhile.
      throwIfCancelled(signal);
      this.#arranged = { what, total };
    }
    return { open, total: this.#arranged!.total };
  }

  #open(): Promise<OpenRows> {
    this.#opened ??= this.#contents.task().then(async (task) => {
      const open = await this.#workers.openRows(task, { logger: this.#logger, report: this.#report });
      if (this.#closed) open.close();
      return open;
    });
    return this.#opened;
  }
}
