import type { RestoreMode, TableChange } from '../../../core/plan.ts';
import type { WorkOptions } from '../../engine.ts';
import { type DifferingRows, findRows } from './differingRows.ts';
import { loadTable } from './loadTable.ts';
import { writeDifferences } from './writeDifferences.ts';
import type { Connection } from '../connect/connection.ts';
import { isRowError } from '../connect/errors.ts';
import { type KeyedPair, matchByRowid, matchByTargetKey, matchReplaced } from '../rows/comparedTables.ts';
import { countStoredRows } from '../rows/counts.ts';
import { noteKeyed } from '../rows/noteDifferences.ts';
import { formatTableName } from '../../../core/names.ts';
import type { TablePair } from '../rows/rowComparison.ts';
import { findUnproven } from '../schema/unproven.ts';
import { verifyTable } from './verify.ts';

/** The restore of one table, within the transaction of all. */
export class TableRestore {
  readonly pair: TablePair;
  readonly mode: RestoreMode;
  readonly #connection: Connection;
  #differing: DifferingRows | undefined;
  readonly #options: WorkOptions;
  /** How many rows have the key of one of the backup, and other values, before rows are inserted. */
  #differingBefore = 0;

  /** `differing`: the rows that differ, where it suffices to write these. */
  constructor(
    connection: Connection,
    pair: TablePair,
    mode: RestoreMode,
    differing: DifferingRows | undefined,
    options: WorkOptions,
  ) {
    this.pair = pair;
    this.mode = mode;
    this.#connection = connection;
    this.#differing = differing;
    this.#options = options;
  }

  /** Throws `database` with the row, `cancelled`. */
  async load(): Promise<TableChange> {
    const { pair } = this;
    const [connection, { signal }] = [this.#connection, this.#options];
    const inPlace = (await findUnproven(connection, [pair.target], signal)).length > 0;
    if (inPlace) this.#differing = undefined;
    const match = this.#match(inPlace);
    const change = match && (await this.#loadDifferences(match, inPlace));
    if (change) return change;
    const table = pair.plan.target;
    const { before, after } = await loadTable(connection, pair, signal);
    const rowsBefore = this.#differing?.rowsBefore ?? before;
    this.#differing = undefined;
    return { table, rowsBefore, rowsAfter: after, inserted: after, updated: 0 };
  }

  /** How rows are found where only those are written that differ; undefined where all of them are. */
  #match(inPlace: boolean): KeyedPair | undefined {
    const { pair, mode } = this;
    if (this.#differing) return matchByRowid(pair);
    if (mode === 'replace') return inPlace ? matchReplaced(pair) : undefined;
    const match = matchByTargetKey(pair, pair.plan.key ?? []);
    if (!match)
      throw new Error(`${formatTableName(pair.plan.target)} has no key by which rows could be found`);
    return match;
  }

  /** Undefined where that did not make the table what the backup holds: writing all of it knows more ways. */
  async #loadDifferences(match: KeyedPair, inPlace: boolean): Promise<TableChange | undefined> {
    const { pair, mode } = this;
    const [connection, { signal }] = [this.#connection, this.#options];
    const differing = this.#differing;
    const count = (): Promise<number> => countStoredRows(connection, 'main', pair.target.name, signal);
    const rowsBefore = differing?.rowsBefore ?? (await count());
    const rows = { first: pair.plan.backup.rows, second: rowsBefore };
    const others = mode === 'replace' ? ('counted' as const) : ('passed over' as const);
    const found = differing ?? (await noteKeyed(connection, match, rows, { signal, others }));
    const { onlyInFirst, onlyInSecond, changed } = found.counts;
    this.#differingBefore = mode === 'insert-missing' ? changed : 0;
    try {
      await writeDifferences(connection, { pair, match, found, mode, inPlace }, signal);
    } catch (error) {
      if (differing && isRowError((error as Error).cause)) return undefined;
      throw error;
    }
    const isWritten = onlyInFirst + onlyInSecond + changed > 0;
    if (differing && isWritten && !(await findRows(connection, pair, 0, { signal }))) return undefined;
    await found.noted.forget();
    const table = pair.plan.target;
    const rowsAfter = await count();
    if (!differing) {
      const updated = mode === 'insert-missing' ? 0 : changed;
      return { table, rowsBefore, rowsAfter, inserted: onlyInFirst, updated };
    }
    const kept = rowsAfter - onlyInFirst - changed;
    return { table, rowsBefore, rowsAfter, inserted: rowsAfter, updated: 0, kept, removed: onlyInSecond };
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
