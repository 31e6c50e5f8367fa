import type { Archive } from '../../archive/archiveReader.ts';
import type { ChosenRow, ConflictAnswer } from '../../core/chosenRows.ts';
import { RestorePointError, throwIfCancelled } from '../../core/errors.ts';
import { withOutcome } from '../../core/outcome.ts';
import { removeFile } from '../../core/ownFiles.ts';
import type { Session } from '../../engines/engine.ts';
import type { CheckedRows, OpenedRows, WrittenRows } from '../../engines/rowRestore.ts';
import { type SafetyOptions, safetyFailure, wantsSafetyBackup } from '../safetyBackup.ts';
import type { ChosenRows, RowsOfTable } from './chosenRows.ts';
import { conflictError, countConflicts, describeConflicts } from './describeConflicts.ts';
import { type RowsReport, WrittenReport } from './rowsReport.ts';
import { type AddRow, writeSafetyRows } from './safetyRows.ts';

/** What a transaction that wrote rows did. */
export type RowsOutcome = Pick<
  RowsReport,
  'tables' | 'conflicts' | 'skipped' | 'overwritten' | 'notes' | 'safetyBackup'
>;

type WriteOptions = SafetyOptions & { readonly onConflict: ConflictAnswer; readonly withRelated: boolean };

/** Writes chosen rows in one transaction, and commits it or, in a rehearsal, rolls it back. */
export async function writeRows(
  session: Session,
  archive: Archive,
  chosen: ChosenRows,
  options: WriteOptions,
): Promise<RowsOutcome> {
  const { tables, chosen: forEngine } = chosen.forEngine();
  const others = chosen.tables.filter(({ rows }) => rows === 0);
  if (tables.length === 0) return { ...nothing, tables: new WrittenReport(others).report([]) };
  const opened = await begin(session, forEngine, options);
  const transaction = new RowsTransaction(session, archive, tables, options);
  try {
    const outcome = await transaction.run(await opened.check(), opened);
    return { ...outcome, tables: [...outcome.tables, ...new WrittenReport(others).report([])] };
  } catch (error) {
    throw await rolledBack(opened, error, transaction, options);
  }
}

const nothing = { conflicts: [], skipped: 0, overwritten: 0, notes: [] } as const;

/** The chosen rows for which conditions hold. Changes nothing. */
export async function* matchingRows(
  session: Session,
  chosen: ChosenRows,
  options: WriteOptions,
): AsyncGenerator<{ readonly table: RowsOfTable; readonly row: ChosenRow }> {
  const { tables, chosen: forEngine } = chosen.forEngine();
  if (tables.length === 0) return;
  const opened = await begin(session, forEngine, options);
  try {
    const checked = await opened.check();
    for await (const { table, rows } of checked.matching()) {
      for (const row of rows) yield { table: tables[table]!, row };
    }
  } finally {
    await opened.rollback();
  }
}

function begin(
  session: Session,
  chosen: ReturnType<ChosenRows['forEngine']>['chosen'],
  { signal, report, logger }: WriteOptions,
): Promise<OpenedRows> {
  return session.beginRows(chosen, { ...(signal ? { signal } : {}), ...(report ? { report } : {}), logger });
}

/** The steps between the beginning of a transaction and its end. */
class RowsTransaction {
  readonly #session: Session;
  readonly #archive: Archive;
  readonly #tables: readonly RowsOfTable[];
  readonly #options: WriteOptions;
  /** The safety backup, from when it is there. */
  safetyBackup: string | undefined;
  #fingerprint: string | undefined;

  constructor(session: Session, archive: Archive, tables: readonly RowsOfTable[], options: WriteOptions) {
    this.#session = session;
    this.#archive = archive;
    this.#tables = tables;
    this.#options = options;
  }

  async run(checked: CheckedRows, opened: OpenedRows): Promise<RowsOutcome> {
    const { onConflict, dryRun, report, signal, madeHere, logger } = this.#options;
    const overwrite = onConflict === 'overwrite';
    this.#refuse(checked.conflicts, onConflict === 'stop');
    throwIfCancelled(signal);
    report?.({ phase: 'load' });
    // What else is in the way is found by writing: with `stop`, all of it is to be listed.
    const written = await checked.write(overwrite ? 'overwrite' : 'skip');
    this.#refuse(written.conflicts, onConflict !== 'skip');
    const found = new WrittenReport(this.#tables);
    await this.#keep(written, found);
    throwIfCancelled(signal);
    report?.({ phase: dryRun ? 'rollback' : 'commit' });
    if (dryRun) await rehearsed(opened);
    else await written.commit();
    if (this.#fingerprint !== undefined) await madeHere?.add(this.#fingerprint);
    for (const warning of written.warnings) logger.warn(warning);
    return {
      tables: found.report(checked.unchanged),
      conflicts: [
        ...describeConflicts(checked.conflicts, this.#tables, overwrite ? 'overwritten' : 'skipped'),
        ...describeConflicts(written.conflicts, this.#tables, 'skipped'),
      ],
      skipped: (overwrite ? 0 : countConflicts(checked.conflicts)) + countConflicts(written.conflicts),
      overwritten: overwrite ? countConflicts(checked.conflicts) : 0,
      notes: written.warnings,
      ...(this.safetyBackup === undefined ? {} : { safetyBackup: this.safetyBackup }),
    };
  }

  #refuse(found: CheckedRows['conflicts'], stops: boolean): void {
    if (!stops || countConflicts(found) === 0) return;
    const undo = this.#archive.manifest.writtenRows !== undefined;
    throw conflictError(found, this.#tables, {
      overwrite: this.#options.onConflict === 'overwrite',
      related: !undo && !this.#options.withRelated,
      since: undo ? 'the restore' : 'the comparison',
    });
  }

  /** Lists and verifies what was written, and keeps it in a safety backup, which is there when this resolves. */
  async #keep(written: WrittenRows, found: WrittenReport): Promise<void> {
    const pages = written.rows()[Symbol.asyncIterator]();
    const first = await pages.next();
    const list = async (add?: AddRow): Promise<ReturnType<WrittenReport['written']>> => {
      for (let page = first; !page.done; page = await pages.next()) {
        throwIfCancelled(this.#options.signal);
        for (const row of page.value.rows) {
          found.add(page.value.table, row);
          await add?.(this.#tables[page.value.table]!, row);
        }
      }
      this.#options.report?.({ phase: 'verify' });
      await written.verify();
      return found.written();
    };
    if (first.done || !wantsSafetyBackup(this.#options)) return void (await list());
    let failure: unknown;
    const kept = await writeSafetyRows(this.#session, this.#archive.encryption, this.#options, (add) =>
      list(add).catch((error: unknown) => {
        failure = error;
        throw error;
      }),
    ).catch((error: unknown) => {
      throw error === failure ? error : safetyFailure(error);
    });
    this.safetyBackup = kept.file;
    this.#fingerprint = kept.fingerprint;
  }
}

/** A rehearsal that may have changed something has failed. */
async function rehearsed(opened: OpenedRows): Promise<void> {
  const outcome = await opened.rollback();
  if (outcome.state === 'unchanged') return;
  const cause = outcome.cause === undefined ? {} : { cause: outcome.cause };
  throw new RestorePointError('database', 'The rehearsal could not be undone', cause);
}

/**
 * Rolls back, and gives the error back with what became of the database. A safety backup says that rows were written: it is
 * only left where that may be.
 */
async function rolledBack(
  opened: OpenedRows,
  error: unknown,
  { safetyBackup }: RowsTransaction,
  { report, logger }: WriteOptions,
): Promise<unknown> {
  report?.({ phase: 'rollback' });
  const outcome = await opened.rollback();
  if (outcome.state !== 'unchanged') logger.error('The restore was not undone for sure', outcome.cause);
  const failure = withOutcome(error, outcome);
  if (safetyBackup === undefined) return failure;
  if (outcome.state === 'unchanged') {
    await removeFile(safetyBackup).catch((second: unknown) =>
      logger.error(
        `The safety backup could not be removed, though nothing was written: ${safetyBackup}`,
        second,
      ),
    );
    return failure;
  }
  const next = `If rows were written, this file takes them back: ${safetyBackup}`;
  return RestorePointError.is(failure) ? failure.with({ next }) : failure;
}
