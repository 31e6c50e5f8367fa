import type {
  ChosenRow,
  ChosenTable,
  ConflictKind,
  RowConflict,
  WriteAnswer,
  WrittenRow,
} from '../../../../core/chosenRows.ts';
import { RestorePointError } from '../../../../core/errors.ts';
import type { RestoreOutcome } from '../../../../core/outcome.ts';
import type { WorkOptions } from '../../../engine.ts';
import type { RowWork } from '../../../restoreSteps.ts';
import { type FoundConflicts, listedConflicts } from '../../../rowRestore.ts';
import { isServerError } from '../../connect/errors.ts';
import type { Transaction } from '../../connect/transaction.ts';
import { loadColumns, loadValueTypes } from './chosenColumns.ts';
import { ChosenStaging } from './chosenStaging.ts';
import { readInserted, readStaged, type StagedRow } from './readStaged.ts';
import { markRefused, refusedRow } from './rowConstraints.ts';
import { type Cause, RowForeignKeys } from './rowForeignKeys.ts';
import { RowRights } from './rowRights.ts';
import { raiseSequences } from './rowSequences.ts';
import { verifyRows } from './verifyRows.ts';
import { writeExchanged, writeRows } from './writeRows.ts';

/** SQL over `f`: what kind of conflict a row has, of those that the check found and of those that were found later. */
const checked = `CASE WHEN NOT f.late THEN coalesce(f.conflict, f.refused) ELSE f.conflict END`;
const late = `CASE WHEN f.late THEN f.refused END`;

/** See `RowWork`. */
export class ChosenRestore implements RowWork {
  readonly #transaction: Transaction;
  readonly #chosen: readonly ChosenTable[];
  readonly #options: WorkOptions;
  readonly #rights: RowRights;
  readonly #causes: Cause[] = [];
  #stagings: readonly ChosenStaging[] = [];
  #foreignKeys: RowForeignKeys | undefined;

  constructor(transaction: Transaction, chosen: readonly ChosenTable[], options: WorkOptions) {
    this.#transaction = transaction;
    this.#chosen = chosen;
    this.#options = options;
    this.#rights = new RowRights(transaction);
  }

  check(): Promise<{ conflicts: FoundConflicts; unchanged: readonly number[] }> {
    return this.#transaction.step(async () => {
      await this.#take();
      await this.#rights.prepare(this.#stagings);
      for (const [index, staging] of this.#stagings.entries()) {
        this.#report('compare', index);
        await staging.match();
      }
      this.#foreignKeys = new RowForeignKeys(this.#transaction, this.#stagings, this.#causes);
      await this.#foreignKeys.load();
      await this.#foreignKeys.lock();
      await this.#foreignKeys.mark(false);
      return { conflicts: await this.#conflicts(checked), unchanged: await this.#unchanged() };
    });
  }

  /** Reads all rows before anything is locked. */
  async #take(): Promise<void> {
    await this.#rights.disarmEvents();
    const types = await loadValueTypes(this.#transaction);
    const anyBytes = this.#transaction.database.server.encoding === 'SQL_ASCII';
    const stagings: ChosenStaging[] = [];
    for (const [index, chosen] of this.#chosen.entries()) {
      this.#report('prepare', index);
      const columns = await loadColumns(this.#transaction, chosen, types);
      const staging = new ChosenStaging(this.#transaction, chosen, index, columns);
      await staging.take(anyBytes);
      stagings.push(staging);
    }
    this.#stagings = stagings;
  }

  async *matching(): AsyncGenerator<{ readonly table: number; readonly rows: readonly ChosenRow[] }> {
    for (const [table, staging] of this.#stagings.entries()) {
      if (staging.chosen.where === undefined) continue;
      const query = { sides: ['seen', 'wanted'], where: 'true', columns: 'chosen' } as const;
      for await (const rows of readStaged(this.#transaction, staging, query))
        yield { table, rows: rows.map(chosenRow) };
    }
  }

  write(answer: WriteAnswer): Promise<{ conflicts: FoundConflicts; warnings: readonly string[] }> {
    return this.#transaction.step(async () => {
      await this.#settle(answer);
      for (const index of this.#stagings.keys()) this.#report('load', index);
      await this.#rights.disarm();
      await this.#transaction.run('SET CONSTRAINTS ALL IMMEDIATE');
      await this.#writeAll();
      const warnings: string[] = [];
      for (const staging of this.#stagings) {
        warnings.push(...(await raiseSequences(this.#transaction, staging, this.#options.logger)));
      }
      return { conflicts: await this.#conflicts(late), warnings };
    });
  }

  /** Leaves out the rows with conflicts, as the answer says. */
  async #settle(answer: WriteAnswer): Promise<void> {
    const skipped = answer === 'skip' ? 'conflict IS NOT NULL OR refused IS NOT NULL' : 'refused IS NOT NULL';
    // What the check said of such a row is settled by the answer; that it is refused all the same comes to light now.
    const late = answer === 'overwrite' ? ', late = conflict IS NOT NULL' : '';
    for (const { found } of this.#stagings) {
      await this.#transaction.run(`UPDATE ${found} SET action = NULL${late} WHERE ${skipped}`);
    }
    // A row that is skipped may be one that others need.
    await this.#foreignKeys!.mark(true);
  }

  async #writeAll(): Promise<void> {
    const transaction = this.#transaction;
    for (;;) {
      try {
        return await writeRows(transaction, this.#stagings);
      } catch (error) {
        const refusal = refusedRow(error);
        if (!refusal) throw error;
        let marked = 0;
        for (const staging of this.#stagings) marked += await markRefused(transaction, staging, this.#causes);
        // Others may have removed a parent meanwhile.
        marked += await this.#foreignKeys!.mark(true);
        if (marked === 0) return await writeExchanged(transaction, this.#stagings, withoutValues(error));
        await this.#foreignKeys!.mark(true);
      }
    }
  }

  async *rows(): AsyncGenerator<{ readonly table: number; readonly rows: readonly WrittenRow[] }> {
    for (const [table, staging] of this.#stagings.entries()) {
      const query = {
        sides: ['before', 'after'],
        where: `f.action IN ('u', 'd')`,
        columns: 'all',
      } as const;
      for await (const rows of readStaged(this.#transaction, staging, query)) {
        yield {
          table,
          rows: rows.map(({ before, after }) => ({ ...(before && { before }), ...(after && { after }) })),
        };
      }
      for await (const rows of readInserted(this.#transaction, staging))
        yield { table, rows: rows.map((after) => ({ after })) };
    }
  }

  verify(): Promise<void> {
    return this.#transaction.step(async () => {
      for (const [index, staging] of this.#stagings.entries()) {
        this.#report('verify', index);
        await verifyRows(this.#transaction, staging);
      }
    });
  }

  commit(): Promise<void> {
    return this.#transaction.step(async () => {
      await this.#rights.rearm();
      await this.#transaction.commit();
    });
  }

  rollback(): Promise<RestoreOutcome> {
    return this.#transaction.rollback();
  }

  async #unchanged(): Promise<number[]> {
    const counts: number[] = [];
    for (const { found } of this.#stagings) {
      const [row] = await this.#transaction.rows<{ count: number }>(
        `SELECT count(*) FROM ${found} WHERE action IS NULL`,
      );
      counts.push(row!.count);
    }
    return counts;
  }

  /** `kind`: SQL over `f`, NULL where there is none. */
  async #conflicts(kind: string): Promise<FoundConflicts> {
    const counts: Partial<Record<ConflictKind, number>> = {};
    const listed: RowConflict[] = [];
    for (const [table, staging] of this.#stagings.entries()) {
      const found = await this.#transaction.rows<{ kind: ConflictKind; count: number }>(
        `SELECT ${kind} AS kind, count(*) FROM ${staging.found} f WHERE ${kind} IS NOT NULL GROUP BY 1`,
      );
      for (const one of found) counts[one.kind] = (counts[one.kind] ?? 0) + one.count;
      if (found.length === 0 || listed.length >= listedConflicts) continue;
      const query = {
        sides: ['seen', 'wanted', 'before'],
        where: `${kind} IS NOT NULL`,
        conflict: kind,
        columns: 'chosen',
      } as const;
      for await (const rows of readStaged(this.#transaction, staging, query)) {
        listed.push(
          ...rows.map((row) => this.#conflict(table, row)).slice(0, listedConflicts - listed.length),
        );
        if (listed.length >= listedConflicts) break;
      }
    }
    return { counts, listed };
  }

  #conflict(table: number, row: StagedRow): RowConflict {
    const { columns } = this.#stagings[table]!.chosen;
    const kind = row.conflict as ConflictKind;
    const now = row.before ? { now: row.before } : {};
    const cause = kind === 'constraint' || kind === 'foreign-key' ? this.#causes[row.cause!] : undefined;
    if (!cause) return { kind, table, row: chosenRow(row), ...now };
    const { reason, needs } = cause;
    const places = needs?.from.map((name) => columns.indexOf(name)) ?? [-1];
    const isKnown = row.wanted && places.every((place) => place >= 0);
    const needed =
      needs && isKnown
        ? {
            needs: {
              table: needs.table,
              columns: needs.columns,
              values: places.map((place) => row.wanted![place]!),
            },
          }
        : {};
    return { kind, table, row: chosenRow(row), ...now, reason, ...needed };
  }

  #report(phase: 'prepare' | 'compare' | 'load' | 'verify', index: number): void {
    this.#options.report?.({
      phase,
      table: this.#chosen[index]!.table.name,
      tableNumber: index + 1,
      tableCount: this.#chosen.length,
    });
  }
}

function chosenRow({ seen, wanted }: StagedRow): ChosenRow {
  return { ...(seen && { seen }), ...(wanted && { wanted }) };
}

/** The server's detail may have values of other rows. */
function withoutValues(error: unknown): unknown {
  if (!RestorePointError.is(error)) return error;
  const { cause } = error.details;
  return isServerError(cause) ? new RestorePointError(error.code, cause.message, error.details) : error;
}
