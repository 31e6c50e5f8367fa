import { Archive } from '../archive/archiveReader.ts';
import { cancelled, messageOf, RestorePointError, throwIfCancelled } from '../core/errors.ts';
import type { BackupPart, EngineId, Manifest } from '../core/manifest.ts';
import { foldCase, formatTableName, tableKey, type TableName } from '../core/names.ts';
import { unchanged, withOutcome } from '../core/outcome.ts';
import { requireTables } from '../core/needsTables.ts';
import type { Phase, ProgressEvent, ReportProgress } from '../core/progress.ts';
import type { OpaquePlan, RestoreMode, RestorePlan, TableChange, TablePlan } from '../core/plan.ts';
import type { Engine, OpenedRestore, Session, WorkOptions } from '../engines/engine.ts';
import { allowedPart } from './allowedPart.ts';
import { choosePart } from './choosePart.ts';
import { type CodeToRun, codeToRun } from './codeToRun.ts';
import { countChanges } from './countChanges.ts';
import { planIntoSchema } from './intoSchema.ts';
import { planRestore, type PlanOptions } from './planRestore.ts';
import { planScope } from './planScope.ts';
import {
  type Planned,
  refuseUnsafe,
  type SafetyOptions,
  safetySelection,
  takeSafetyBackup,
  wantsSafetyBackup,
} from './safetyBackup.ts';

export interface RestoreOptions extends SafetyOptions, PlanOptions {
  /**
   * Also counts the rows that change, table by table, for the plan and the report: by a comparison, which ends after so many
   * milliseconds where that is said.
   */
  readonly countChanges?: { readonly milliseconds?: number };
  /**
   * Whether statements of the file may run: they do what their author wanted, as the user, also in a rehearsal. Asked
   * where there are any; `fingerprint` is the backup's (see `Archive`). False ends it as cancelled.
   */
  mayRun(code: CodeToRun, fingerprint: string): Promise<boolean>;
  /** Asked once, before anything is written; false ends it as cancelled. Not asked for a rehearsal. */
  confirm(plan: RestorePlan, manifest: Manifest): Promise<boolean>;
}

/** The result of a restore or a rehearsal. */
export interface RestoreReport {
  readonly file: string;
  readonly mode: RestoreMode;
  /** The schema was made without rows, or rows were written and nothing made. */
  readonly only?: BackupPart;
  readonly dryRun: boolean;
  readonly tables: readonly TableChange[];
  readonly created: readonly TableName[];
  /** Tables that were made or replaced as a whole, without counting rows. */
  readonly opaque: readonly OpaquePlan[];
  readonly warnings: readonly string[];
  /** See `RestorePlan`. */
  readonly otherSource?: string;
  /** The file that brings the state before back; none when there was nothing to keep. */
  readonly safetyBackup?: string;
  readonly milliseconds: number;
  /** The part of these that verification took. */
  readonly verifyMilliseconds: number;
}

/**
 * Restores a backup in one transaction, which is verified before it is committed.
 * Throws `damaged-backup`, `locked`, `usage`, `refused`, `database`, `verification`, `cancelled`; what was left unchanged is
 * in the error.
 */
export async function restoreBackup(
  file: string,
  session: Session,
  engines: (id: EngineId) => Engine,
  options: RestoreOptions,
): Promise<RestoreReport> {
  const started = performance.now();
  const { logger } = options;
  const archive = await Archive.open(file, engines, options.keys).catch((error: unknown) => {
    throw withOutcome(error, unchanged);
  });
  try {
    const { manifest } = archive;
    refuseOtherEngine(manifest, session);
    requireTables(manifest, file, 'Nothing was restored');
    logger.info(
      `Restoring ${file} into ${session.target} (${options.mode}${options.dryRun ? ', rehearsal' : ''})`,
    );
    if (!(await options.madeHere?.has(archive.fingerprint))) await session.checkManifest?.(manifest, options);
    const planned = await checkAndPlan(archive, session, options);
    const plan = await counted(planned, archive, session, engines(manifest.source.engine), options);
    if (wantsSafetyBackup(options)) refuseUnsafe(planned);
    const asked = performance.now();
    const code = codeToRun(plan);
    if (code && !(await options.mayRun(code, archive.fingerprint))) throw cancelled();
    if (!options.dryRun && !(await options.confirm(plan, manifest))) throw cancelled();
    // A person's time to think is no part of the work.
    const thinking = performance.now() - asked;
    throwIfCancelled(options.signal);
    const safetyBackup = await takeSafetyBackup(session, { ...planned, plan }, archive, options);
    const kept = safetyBackup === undefined ? {} : { safetyBackup };
    const { tables, verifyMilliseconds, notes } = await runTransaction(session, plan, archive, options).catch(
      (error: unknown) => {
        logger.error(`The restore failed: ${messageOf(error)}`, error);
        throw error;
      },
    );
    const created = plan.tables.filter((table) => table.create).map((table) => table.target);
    const milliseconds = Math.round(performance.now() - started - thinking);
    logger.info(
      `${options.dryRun ? 'Rehearsed' : 'Restored'} ${tables.length} tables in ${milliseconds} ms (${verifyMilliseconds} ms to verify)`,
    );
    const { mode, dryRun = false } = options;
    const { opaque = [] } = plan;
    const warnings = [...plan.warnings, ...notes];
    const only = {
      ...(plan.only ? { only: plan.only } : {}),
      ...(plan.otherSource === undefined ? {} : { otherSource: plan.otherSource }),
    };
    const times = { milliseconds, verifyMilliseconds };
    return { file, mode, ...only, dryRun, tables, created, opaque, warnings, ...kept, ...times };
  } catch (error) {
    // An error in the transaction already says what is unchanged.
    throw withOutcome(error, unchanged);
  } finally {
    // Everything was checked and committed: this must not look like a failed restore.
    await archive.close().catch((error: unknown) => logger.warn(`${file}: ${messageOf(error)}`));
  }
}

/** Computes what a restore of this file would do, for a summary; writes nothing. Throws as `planRestore`. */
export async function makePlan(
  manifest: Manifest,
  session: Session,
  options: WorkOptions & PlanOptions,
): Promise<RestorePlan> {
  return (await planWithSchema(manifest, session, options)).plan;
}

async function planWithSchema(
  manifest: Manifest,
  session: Session,
  options: WorkOptions & PlanOptions,
): Promise<Planned> {
  options.report?.({ phase: 'plan' });
  const { features, extras, statements } = session;
  const scope = planScope(manifest, options);
  const schema = await session.introspect({ ...options, ...(scope ? { scope } : {}) });
  const fold = (name: TableName): string => {
    const key = tableKey(name);
    return features.caseInsensitiveNames ? foldCase(key) : key;
  };
  const chosen = new Set(choosePart(manifest, options).tables.map(({ table }) => fold(table.name)));
  // The reasons are reported with everything else that this user may not do.
  const closed = new Set(schema.unreadable?.flatMap(({ table, owned }) => (owned ? [] : [tableKey(table)])));
  const counted = schema.tables
    .filter(({ name, holdsRows }) => holdsRows && chosen.has(fold(name)) && !closed.has(tableKey(name)))
    .map(({ name }) => name);
  const counts = await session.countRows(counted, options);
  const rows = new Map(counted.map((name, index) => [tableKey(name), counts[index]!]));
  const rowCount = (table: TableName): number => rows.get(tableKey(table)) ?? 0;
  const target = { schema, features, extras, statements, rowCount };
  const plan =
    options.intoSchema === undefined
      ? planRestore(manifest, target, options)
      : planIntoSchema(manifest, target, options, options.intoSchema);
  const rights = await session.checkRights?.(plan, options);
  const other = otherSource(manifest, session);
  const noted = other === undefined ? plan : { ...plan, otherSource: other };
  return { plan: rights ? allowedPart(noted, rights) : noted, schema };
}

/** The plan with the numbers of rows that change, where they were asked for. */
async function counted(
  { plan, schema }: Planned,
  archive: Archive,
  session: Session,
  engine: Engine,
  { countChanges: asked, madeHere, report, ...options }: RestoreOptions,
): Promise<RestorePlan> {
  if (!asked) return plan;
  report?.({ phase: 'plan' });
  const known = (await madeHere?.has(archive.fingerprint)) ?? false;
  return await countChanges(plan, schema, archive, session, engine, {
    ...options,
    ...asked,
    madeHere: known,
  });
}

/** The database that a backup was taken from, where that is known to be another one. */
export function otherSource({ source }: Manifest, { info }: Session): string | undefined {
  const isKnown = source.identity !== undefined && info.identity !== undefined;
  return isKnown && source.identity !== info.identity ? source.database : undefined;
}

/**
 * The file is read while the database is asked. What fails first ends the other. Rows that the engine reads before it
 * changes anything are not read twice, but where a safety backup comes first: a damaged file is reported before that.
 */
async function checkAndPlan(
  archive: Archive,
  session: Session,
  { report, signal, ...options }: RestoreOptions,
): Promise<Planned> {
  let failure: { readonly error: unknown } | undefined;
  const failed = new AbortController();
  const either = AbortSignal.any(signal ? [signal, failed.signal] : [failed.signal]);
  const orEnd = (error: unknown): undefined => {
    failure ??= { error };
    failed.abort();
  };
  const rowsLater = new AbortController();
  const mayBeLater = session.features.readsBackupFirst === true;
  if (mayBeLater && !wantsSafetyBackup(options)) rowsLater.abort();
  let checked = false;
  const check = async (): Promise<void> => {
    const rowsNow = AbortSignal.any([either, rowsLater.signal]);
    await archive.checkRows({ signal: rowsNow, ...(report ? { report } : {}) }).catch((error: unknown) => {
      if (!rowsLater.signal.aborted) throw error;
    });
    await archive.checkSchema();
    checked = true;
    report?.({ phase: 'plan' });
  };
  const whenChecked: ReportProgress = (event) => {
    if (checked) report?.(event);
  };
  const plan = async (): Promise<Planned> => {
    const planOptions = { ...options, signal: either, report: whenChecked };
    const made = await planWithSchema(archive.manifest, session, planOptions);
    if (mayBeLater && !safetySelection(made)) rowsLater.abort();
    return made;
  };
  const [planned] = await Promise.all([plan().catch(orEnd), check().catch(orEnd)]);
  if (failure) throw failure.error;
  return planned!;
}

export function refuseOtherEngine(manifest: Manifest, session: Session): void {
  if (manifest.source.engine === session.info.engine) return;
  throw new RestorePointError(
    'refused',
    `The backup was taken from ${manifest.source.serverVersion}, but this connection is ${session.info.serverVersion}: ` +
      'a backup can only be restored into the same kind of database',
    { next: 'Choose another connection.' },
  );
}

async function runTransaction(
  session: Session,
  plan: RestorePlan,
  archive: Archive,
  options: RestoreOptions,
): Promise<{ tables: TableChange[]; verifyMilliseconds: number; notes: readonly string[] }> {
  const { signal, logger } = options;
  const progress = tableProgress(plan, options.report);
  const work: WorkOptions = { ...(signal ? { signal } : {}), logger, report: progress.report };
  const madeHere = (await options.madeHere?.has(archive.fingerprint)) ?? false;
  const { manifest } = archive;
  const opened = await session.beginRestore(
    { plan, manifest, source: archive, madeHere, safe: wantsSafetyBackup(options) },
    work,
  );
  try {
    progress.report({ phase: 'prepare' });
    const prepared = await opened.prepare();
    const changes: TableChange[] = [];
    const written = plan.only === 'schema' ? [] : plan.tables;
    if (plan.only === 'schema') changes.push(...plan.tables.map(untouched));
    for (const table of written) {
      throwIfCancelled(signal);
      progress.enter('load', table);
      const change = await atTable(table, prepared.load(table));
      changes.push(table.changes ? { ...change, changes: table.changes } : change);
    }
    progress.leave({ phase: 'constraints' });
    const finished = await prepared.finish();
    const started = performance.now();
    for (const table of written) {
      throwIfCancelled(signal);
      progress.enter('verify', table);
      await atTable(table, finished.verify(table));
    }
    const verifyMilliseconds = Math.round(performance.now() - started);
    throwIfCancelled(signal);
    progress.leave({ phase: options.dryRun ? 'rollback' : 'commit' });
    await (options.dryRun ? rehearsed(opened) : finished.commit());
    const notes = finished.warnings;
    for (const note of notes) logger.warn(note);
    return { tables: changes, verifyMilliseconds, notes };
  } catch (error) {
    throw await rolledBack(opened, error, options);
  }
}

/** A rehearsal that may have changed something has failed. */
async function rehearsed(opened: OpenedRestore): Promise<void> {
  const outcome = await opened.rollback();
  if (outcome.state === 'unchanged') return;
  const cause = outcome.cause === undefined ? {} : { cause: outcome.cause };
  throw new RestorePointError('database', 'The rehearsal could not be undone', cause);
}

function untouched({ target: table }: TablePlan): TableChange {
  return { table, rowsBefore: 0, rowsAfter: 0, inserted: 0, updated: 0 };
}

async function atTable<Result>(table: TablePlan, work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    if (!RestorePointError.is(error)) throw error;
    throw error.with({ place: { table: formatTableName(table.target) } });
  }
}

/** Adds to the engine's events which table of how many it is, and how much of all rows is done. */
function tableProgress(plan: RestorePlan, report: ReportProgress = () => undefined) {
  let totalRows = 0;
  const places = new Map<TablePlan, { readonly tableNumber: number; readonly rowsBefore: number }>();
  for (const [index, table] of plan.tables.entries()) {
    places.set(table, { tableNumber: index + 1, rowsBefore: totalRows });
    totalRows += table.backup.rows;
  }
  let current: TablePlan | undefined;
  const enriched: ReportProgress = (event) => {
    if (!current) return report(event);
    const { rows } = current.backup;
    const { tableNumber, rowsBefore } = places.get(current)!;
    const done = rowsBefore + Math.min(event.rows ?? 0, rows);
    report({
      table: current.target,
      tableNumber,
      tableCount: plan.tables.length,
      totalRows: rows,
      ...event,
      ...(totalRows > 0 ? { fraction: done / totalRows } : {}),
    });
  };
  return {
    report: enriched,
    enter(phase: Phase, table: TablePlan): void {
      current = table;
      enriched({ phase });
    },
    leave(event: ProgressEvent): void {
      current = undefined;
      report(event);
    },
  };
}

/** Rolls back, and gives the error back with what became of the database; a second one is kept with it. */
async function rolledBack(
  opened: OpenedRestore,
  error: unknown,
  { report, logger }: WorkOptions,
): Promise<unknown> {
  report?.({ phase: 'rollback' });
  const outcome = await opened.rollback();
  if (outcome.state !== 'unchanged')
    logger.error('It is not certain that the restore was undone', outcome.cause);
  return withOutcome(error, outcome);
}
