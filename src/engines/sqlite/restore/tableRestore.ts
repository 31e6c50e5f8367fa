import type { RestoreMode, TableChange } from '../../../core/plan.ts';
import type { WorkOptions } from '../../engine.ts';
import type { DifferingRows } from './differingRows.ts';
import { loadTable } from './loadTable.ts';
import type { Connection } from '../connect/connection.ts';
import { loadInPlace } from './loadInPlace.ts';
import type { TablePair } from '../rows/rowComparison.ts';
import { findUnproven } from '../schema/unproven.ts';
import { countDiffering, verifyTable } from './verify.ts';

/** Everything needed to restore a table. */
interface Means {
  readonly connection: Connection;
  /** Where it suffices to write these. */
  readonly differing: DifferingRows | undefined;
}

/** The restore of one table, within the transaction of all. */
export class TableRestore {
  readonly pair: TablePair;
  readonly mode: RestoreMode;
  readonly #connection: Connection;
  #differing: DifferingRows | undefined;
  readonly #options: WorkOptions;
  /** The result of `countDiffering` before rows were inserted. */
  #differingBefore = 0;

  constructor(pair: TablePair, mode: RestoreMode, means: Means, options: WorkOptions) {
    this.pair = pair;
    this.mode = mode;
    this.#connection = means.connection;
    this.#differing = means.differing;
    this.#options = options;
  }

  /** Throws `database` with the row, `cancelled`. */
  async load(): Promise<TableChange> {
    const { pair, mode } = this;
    const [connection, { signal }] = [this.#connection, this.#options];
    const cannotWrite = await findUnproven(connection, [pair.target], signal);
    if (cannotWrite.length > 0) {
      this.#differing = undefined;
      if (mode === 'insert-missing') this.#differingBefore = await countDiffering(connection, pair, signal);
      const change = await loadInPlace(connection, pair, mode, signal);
      if (change) return change;
    }
    const differing = this.#differing;
    if (await differing?.bringOver(signal)) return differing!.change;
    this.#differing = undefined;
    if (mode === 'insert-missing') this.#differingBefore = await countDiffering(connection, pair, signal);
    const change = await loadTable(connection, pair, mode, signal);
    return differing ? { ...change, rowsBefore: differing.change.rowsBefore } : change;
  }

  /** Throws `verification` with the row, `database`, `cancelled`. */
  async verify(): Promise<void> {
    const { pair, mode } = this;
    const [connection, { signal }] = [this.#connection, this.#options];
    // It was compared when the last of it was written.
    if (this.#differing) return;
    await verifyTable(connection, pair, mode, this.#differingBefore, signal);
  }
}
