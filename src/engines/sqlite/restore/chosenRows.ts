import type {
  ChosenTable,
  ConflictKind,
  NeededRow,
  RowConflict,
  WriteAnswer,
} from '../../../core/chosenRows.ts';
import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName } from '../../../core/names.ts';
import type { RestoreOutcome } from '../../../core/outcome.ts';
import type { Phase } from '../../../core/progress.ts';
import type { WorkOptions } from '../../engine.ts';
import type { RowWork } from '../../restoreSteps.ts';
import { type CheckedRows, type FoundConflicts, listedConflicts } from '../../rowRestore.ts';
import { type CatalogTable, findTable, readCatalog } from '../schema/catalog.ts';
import { chosenRows, ChosenInTable, type Refused, written, writtenRows } from './chosenTable.ts';
import { leftByChildren, withoutParent } from './chosenReferences.ts';
import { databaseName } from '../connect/address.ts';
import { Connection } from '../connect/connection.ts';
import { inWords } from '../connect/errors.ts';
import { readSettings } from '../payload/payloadDatabase.ts';
import { referencesOf } from '../rows/foreignKeys.ts';
import { foldName, sameName } from '../connect/identifiers.ts';
import { configure } from './restoreSettings.ts';
import { RestoreTransaction } from './restoreTransaction.ts';
import { rebuildSearchIndexes } from '../schema/searchIndexes.ts';
import { stageRows, type StagedRows } from './stagedRows.ts';
import { changedSince } from '../schema/takenNames.ts';
import { removeTriggers } from '../schema/triggers.ts';
import { putIn, takeOut, verify } from './writeChosen.ts';

const seenConflicts: readonly ConflictKind[] = ['changed', 'gone', 'there'];
const refusedConflicts: readonly ConflictKind[] = ['constraint', 'foreign-key'];

type Reason = Pick<RowConflict, 'reason'> & { readonly needs?: NeededRow };

/** Rows of one table that a try to write could not write. */
interface RefusedRows extends Refused {
  readonly table: number;
  readonly kind: ConflictKind;
}

/** The restore of chosen rows into one database file. See `RowWork`. */
export class ChosenRowsRestore implements RowWork {
  readonly #connection: Connection;
  readonly #transaction: RestoreTransaction;
  readonly #chosen: readonly ChosenTable[];
  readonly #options: WorkOptions;
  #catalog: readonly CatalogTable[] = [];
  #tables: readonly ChosenInTable[] = [];
  /** By table and place: why a row was refused. */
  readonly #reasons = new Map<string, Reason>();

  private constructor(connection: Connection, chosen: readonly ChosenTable[], options: WorkOptions) {
    this.#connection = connection;
    this.#transaction = new RestoreTransaction(connection, options);
    this.#chosen = chosen;
    this.#options = options;
  }

  static begin(
    file: string,
    chosen: readonly ChosenTable[],
    options: WorkOptions,
  ): Promise<ChosenRowsRestore> {
    return inWords('database', { file: databaseName(file) }, async () => {
      const connection = await Connection.open(file, 'write');
      try {
        await configure(connection, {});
        return new ChosenRowsRestore(connection, chosen, options);
      } catch (error) {
        await connection.closeQuietly(options.logger);
        throw error;
      }
    });
  }

  check(): Promise<Pick<CheckedRows, 'conflicts' | 'unchanged'>> {
    return this.#inWords(async () => {
      const { signal } = this.#options;
      const { encoding } = await readSettings(this.#connection);
      // Rows may take long to come: only the temporary database is locked until they are here.
      await this.#connection.run('BEGIN');
      const staged: StagedRows[] = [];
      for (const [number, table] of this.#chosen.entries()) {
        staged.push(await stageRows(this.#connection, table, { number, encoding }, signal));
      }
      await this.#connection.run('COMMIT');
      await this.#connection.run('BEGIN IMMEDIATE', [], signal);
      this.#catalog = await readCatalog(this.#connection, 'main', signal);
      this.#tables = this.#chosen.map((table, number) => {
        const target = this.#targetOf(table);
        return new ChosenInTable(this.#connection, table, target, staged[number]!, signal);
      });
      const unchangedRows: number[] = [];
      for (const table of this.#tables) {
        await this.#of('compare', table, () => table.check());
        unchangedRows.push((await table.counts()).get('same') ?? 0);
      }
      return { conflicts: await this.#conflicts(seenConflicts), unchanged: unchangedRows };
    });
  }

  async *matching(): ReturnType<CheckedRows['matching']> {
    for (const [number, table] of this.#tables.entries()) {
      if (table.chosen.where === undefined) continue;
      for await (const page of table.pages('TRUE')) yield { table: number, rows: await chosenRows(page) };
    }
  }

  write(answer: WriteAnswer): Promise<{ conflicts: FoundConflicts; warnings: readonly string[] }> {
    return this.#inWords(async () => {
      if (answer === 'overwrite') for (const table of this.#tables) await table.overwrite();
      const names = await this.#written();
      const replaceTriggers = await removeTriggers(this.#connection, names);
      while (!(await this.#writeAll())) continue;
      await replaceTriggers();
      return { conflicts: await this.#conflicts(refusedConflicts), warnings: await this.#rebuildIndexes() };
    });
  }

  /** Writes the rows that are not refused yet. False where some of them are, and nothing is written: what is left may go now. */
  async #writeAll(): Promise<boolean> {
    await this.#connection.run('SAVEPOINT restore_point_rows');
    const refused = await this.#try();
    if (refused.length > 0) await this.#connection.run('ROLLBACK TO restore_point_rows');
    await this.#connection.run('RELEASE restore_point_rows');
    for (const { table, kind, places, reasons } of refused) {
      await this.#tables[table]!.refuse(kind, places);
      for (const [place, reason] of reasons) this.#reasons.set(`${table} ${place}`, reason);
    }
    return refused.length === 0;
  }

  /** Resolves to the rows that are refused now. */
  async #try(): Promise<RefusedRows[]> {
    const refused: RefusedRows[] = [];
    const add = (table: number, kind: ConflictKind, rows: Refused): void => {
      if (rows.places.length > 0) refused.push({ ...rows, table, kind });
    };
    for (const table of this.#tables.toReversed()) await this.#of('load', table, () => takeOut(table));
    for (const [number, table] of this.#tables.entries()) {
      add(number, 'constraint', await this.#of('load', table, () => putIn(table)));
    }
    if (refused.length > 0) return refused;
    const references = referencesOf(
      this.#catalog,
      new Set(this.#tables.map(({ target }) => foldName(target.name))),
    );
    for (const reference of references) {
      const child = this.#tables.findIndex(({ target }) => target === reference.child);
      if (child >= 0) add(child, 'foreign-key', await withoutParent(this.#tables[child]!, reference));
    }
    // A row that stays because its child was refused would be refused itself: so these come one after the other.
    if (refused.length > 0) return refused;
    for (const reference of references) {
      const parent = this.#tables.findIndex(({ target }) => target === reference.parent);
      if (parent >= 0) add(parent, 'foreign-key', await leftByChildren(this.#tables[parent]!, reference));
    }
    return refused;
  }

  async #conflicts(kinds: readonly ConflictKind[]): Promise<FoundConflicts> {
    const counts: Partial<Record<ConflictKind, number>> = {};
    const listed: RowConflict[] = [];
    const where = `chosen.state IN (${kinds.map((kind) => `'${kind}'`).join(', ')})`;
    for (const [number, table] of this.#tables.entries()) {
      const found = await table.counts();
      for (const kind of kinds) {
        const count = (counts[kind] ?? 0) + (found.get(kind) ?? 0);
        if (count > 0) counts[kind] = count;
      }
      for await (const page of table.pages(where)) {
        if (listed.length >= listedConflicts) break;
        const [rows, now] = [await chosenRows(page), await page.values('now')];
        for (const [index, { place, found: isThere, state }] of page.places.entries()) {
          listed.push({
            kind: state as ConflictKind,
            table: number,
            row: rows[index]!,
            ...(isThere ? { now: now[index]!.slice(0, table.chosen.columns.length) } : {}),
            ...this.#reasons.get(`${number} ${place}`),
          });
        }
      }
    }
    return { counts, listed: listed.slice(0, listedConflicts) };
  }

  /** The names of the tables that have rows to write, or had some. */
  async #written(): Promise<string[]> {
    const names: string[] = [];
    for (const table of this.#tables) {
      if ((await table.counts()).has('write')) names.push(table.target.name);
    }
    return names;
  }

  async #rebuildIndexes(): Promise<string[]> {
    const { logger, signal } = this.#options;
    const warnings: string[] = [];
    const tables = await this.#written();
    const noted = { ...logger, warn: (message: string) => warnings.push(message) };
    const restored = { tables, replaced: [], virtual: [], exact: true };
    await rebuildSearchIndexes(this.#connection, this.#catalog, restored, noted, signal);
    return warnings;
  }

  async *rows(): AsyncGenerator<{ table: number; rows: Awaited<ReturnType<typeof writtenRows>> }> {
    for (const [number, table] of this.#tables.entries()) {
      for await (const page of table.pages(written)) yield { table: number, rows: await writtenRows(page) };
    }
  }

  verify(): Promise<void> {
    return this.#inWords(async () => {
      for (const table of this.#tables) await this.#of('verify', table, () => verify(table));
    });
  }

  commit(): Promise<void> {
    return this.#transaction.commit();
  }

  rollback(): Promise<RestoreOutcome> {
    return this.#transaction.rollback();
  }

  close(): Promise<void> {
    return this.#transaction.close();
  }

  /** Throws `usage` for a table without rows of its own, `refused` where it has changed. */
  #targetOf({ table, columns, otherColumns }: ChosenTable): CatalogTable {
    const target = findTable(this.#catalog, table.name.name);
    if (!target) throw changedSince(table.name, 'it is missing');
    if (target.type !== 'table') {
      throw new RestorePointError('usage', 'Rows of a virtual table cannot be chosen', {
        place: { table: formatTableName(table.name) },
        next: 'Restore the whole table.',
      });
    }
    for (const name of [...columns, ...otherColumns]) {
      const column = target.columns.find((candidate) => sameName(candidate.name, name));
      if (!column || column.generated)
        throw changedSince(table.name, `it has no column ${name} that can be written`);
    }
    return target;
  }

  #of<Result>(phase: Phase, { chosen }: ChosenInTable, work: () => Promise<Result>): Promise<Result> {
    const { name } = chosen.table;
    this.#options.report?.({ phase, table: name });
    return inWords('database', { table: formatTableName(name) }, work);
  }

  #inWords<Result>(work: () => Promise<Result>): Promise<Result> {
    return inWords('database', {}, work);
  }
}
