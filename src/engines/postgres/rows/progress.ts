import type { TableName } from '../../../core/names.ts';
import type { Phase, ReportProgress } from '../../../core/progress.ts';

/** Often enough to look alive, seldom enough to cost nothing. */
const intervalMilliseconds = 100;

/** One table as progress sees it. */
export interface TableWork {
  readonly table: TableName;
  /** How much of the phase's work it is, in any unit. */
  readonly weight: number;
  readonly totalRows?: number;
  readonly totalBytes?: number;
}

/** Tells how far a phase is that goes through tables, one after the other. */
export class TableProgress {
  readonly #phase: Phase;
  readonly #tables: readonly TableWork[];
  readonly #report: ReportProgress | undefined;
  /** The sum of the weights before each table, and finally of all tables. */
  readonly #weights: readonly number[];
  #index = 0;
  #rows = 0;
  #bytes = 0;
  #reportedAt = 0;

  constructor(phase: Phase, tables: readonly TableWork[], report: ReportProgress | undefined) {
    this.#phase = phase;
    this.#tables = tables;
    this.#report = report;
    const weights = [0];
    for (const [index, { weight }] of tables.entries()) weights.push(weights[index]! + weight);
    this.#weights = weights;
  }

  /** The work on a table begins. */
  enter(index: number): void {
    this.#index = index;
    this.#rows = this.#bytes = 0;
    this.#send();
    // The first rows are reported immediately.
    this.#reportedAt = -Infinity;
  }

  add(rows: number, bytes: number): void {
    this.#rows += rows;
    this.#bytes += bytes;
    if (performance.now() - this.#reportedAt >= intervalMilliseconds) this.#send();
  }

  #send(): void {
    const current = this.#tables[this.#index];
    if (!this.#report || !current) return;
    this.#reportedAt = performance.now();
    const { table, weight, ...totals } = current;
    const [before, all] = [this.#weights[this.#index]!, this.#weights.at(-1)!];
    this.#report({
      phase: this.#phase,
      table,
      tableNumber: this.#index + 1,
      tableCount: this.#tables.length,
      rows: this.#rows,
      bytes: this.#bytes,
      ...totals,
      ...(all > 0 ? { fraction: (before + weight * this.#share(current)) / all } : {}),
    });
  }

  #share({ totalRows, totalBytes }: TableWork): number {
    if (totalBytes) return Math.min(1, this.#bytes / totalBytes);
    return totalRows ? Math.min(1, this.#rows / totalRows) : 0;
  }
}

/** Reports the progress of work that is only measured in bytes. */
export class ByteProgress {
  readonly #phase: Phase;
  readonly #totalBytes: number | undefined;
  readonly #report: ReportProgress | undefined;
  #bytes = 0;
  #reportedAt = -Infinity;

  constructor(phase: Phase, totalBytes: number | undefined, report: ReportProgress | undefined) {
    this.#phase = phase;
    this.#totalBytes = totalBytes;
    this.#report = report;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    if (!this.#report || performance.now() - this.#reportedAt < intervalMilliseconds) return;
    this.#reportedAt = performance.now();
    const total = this.#totalBytes === undefined ? {} : { totalBytes: this.#totalBytes };
    this.#report({ phase: this.#phase, bytes: this.#bytes, ...total });
  }
}
