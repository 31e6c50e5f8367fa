import { Archive } from '../../archive/archiveReader.ts';
import type { ConflictAnswer } from '../../core/chosenRows.ts';
import { cancelled, messageOf, RestorePointError, throwIfCancelled } from '../../core/errors.ts';
import type { EngineId } from '../../core/manifest.ts';
import { tableKey, type TableName } from '../../core/names.ts';
import { nothingChanged, unchanged, withOutcome } from '../../core/outcome.ts';
import type { DatabaseSchema } from '../../core/schema.ts';
import type { Engine, Session } from '../../engines/engine.ts';
import { otherSource, refuseOtherEngine } from '../restoreBackup.ts';
import type { SafetyOptions } from '../safetyBackup.ts';
import { type FindRowsTable, type RowsTable, tablesOfBackup, tablesOfWritten } from './chosenTables.ts';
import { ChosenRows } from './chosenRows.ts';
import {
  chooseLines,
  chooseWhere,
  chooseWritten,
  type ReadingOptions,
  type RowCondition,
} from './readRows.ts';
import { chooseRelated, type RelatedRow } from './relatedRows.ts';
import { keyOf, type RowsReport } from './rowsReport.ts';
import { matchingRows, writeRows } from './writeRows.ts';

/** Where the rows come from; without it, the file itself holds rows that a restore wrote, and they are taken back. */
export type RowsSource =
  /** Lines of `compare --rows all --json`, with the backup as the first side and the database as the second. */
  | { readonly kind: 'lines'; readonly lines: AsyncIterable<Uint8Array> }
  /** What differs and fulfills a condition. */
  | { readonly kind: 'where'; readonly conditions: readonly RowCondition[] };

export interface RestoreRowsOptions extends SafetyOptions {
  readonly source?: RowsSource;
  readonly onConflict: ConflictAnswer;
  /** Also deletes chosen rows that only the database has. */
  readonly deleteAdded: boolean;
  /** Also brings back rows that belong to chosen ones by foreign keys, and are gone too. */
  readonly withRelated: boolean;
  /**
   * Asked once, before anything is written, with what a rehearsal has shown; false ends it as cancelled. Not asked for a
   * rehearsal. Where it is left out, there is no rehearsal before.
   */
  readonly confirm?: (rehearsed: RowsReport) => Promise<boolean>;
}

/**
 * Brings chosen rows of a backup back, in one transaction that is verified before it is committed; no other row changes, and
 * no statement of the file runs. Throws `damaged-backup`, `locked`, `usage`, `refused`, `database`, `verification`,
 * `cancelled`; what was left unchanged is in the error.
 */
export async function restoreRows(
  file: string,
  session: Session,
  engines: (id: EngineId) => Engine,
  options: RestoreRowsOptions,
): Promise<RowsReport> {
  const archive = await Archive.open(file, engines, options.keys).catch((error: unknown) => {
    throw withOutcome(error, unchanged);
  });
  try {
    refuseOtherEngine(archive.manifest, session);
    return await new RowsRestore(archive, session, engines, options).run();
  } catch (error) {
    options.logger.error(`The restore failed: ${messageOf(error)}`, error);
    // What began to write has said already what was left unchanged.
    const says = RestorePointError.is(error) && error.details.unchanged !== undefined;
    throw RestorePointError.is(error) && !says ? error.with({ unchanged: nothingChanged }) : error;
  } finally {
    await archive.close();
  }
}

/** How many rows come along with the chosen ones. */
export interface RelatedCounts {
  /** Rows that come because others reference them. */
  readonly parents: number;
  /** Rows that come because they reference others. */
  readonly children: number;
}

/** Counts the rows that `restoreRows` would bring along. Writes nothing. Throws as it does. */
export async function countRelated(
  file: string,
  session: Session,
  engines: (id: EngineId) => Engine,
  options: Omit<RestoreRowsOptions, 'onConflict' | 'withRelated'>,
): Promise<RelatedCounts> {
  const archive = await Archive.open(file, engines, options.keys);
  try {
    refuseOtherEngine(archive.manifest, session);
    const asked = { ...options, onConflict: 'skip', withRelated: true } as const;
    return await new RowsRestore(archive, session, engines, asked).countRelated();
  } finally {
    await archive.close();
  }
}

/** One restore of chosen rows. */
class RowsRestore {
  readonly #archive: Archive;
  readonly #session: Session;
  readonly #engine: Engine;
  readonly #options: RestoreRowsOptions;
  readonly #reading: ReadingOptions;
  readonly #started = performance.now();

  constructor(
    archive: Archive,
    session: Session,
    engines: (id: EngineId) => Engine,
    options: RestoreRowsOptions,
  ) {
    this.#archive = archive;
    this.#session = session;
    this.#engine = engines(archive.manifest.source.engine);
    this.#options = options;
    this.#reading = { ...options, engines };
  }

  async run(): Promise<RowsReport> {
    const { dryRun = false, logger, confirm, signal } = this.#options;
    logger.info(
      `Restoring rows of ${this.#archive.file} in ${this.#session.target}${dryRun ? ' (rehearsal)' : ''}`,
    );
    return await this.#withChosen(async (chosen, related) => {
      let thinking = 0;
      if (confirm && !dryRun) {
        const rehearsed = await this.#write(chosen, related, true);
        const asked = performance.now();
        if (!(await confirm(rehearsed))) throw cancelled();
        thinking = performance.now() - asked;
      }
      throwIfCancelled(signal);
      const report = await this.#write(chosen, related, dryRun);
      const milliseconds = Math.round(performance.now() - this.#started - thinking);
      logger.info(`${dryRun ? 'Rehearsed' : 'Restored'} chosen rows in ${milliseconds} ms`);
      return { ...report, milliseconds };
    });
  }

  async countRelated(): Promise<RelatedCounts> {
    return await this.#withChosen(async (_, related) => {
      const parents = related.filter(({ reason }) => reason.relation === 'referenced by').length;
      return Promise.resolve({ parents, children: related.length - parents });
    });
  }

  /** Chooses the rows, and those that belong to them. */
  async #withChosen<Result>(
    work: (chosen: ChosenRows, related: readonly RelatedRow[]) => Promise<Result>,
  ): Promise<Result> {
    refuseWrongSource(this.#archive, this.#options);
    const schema = await this.#introspect();
    const find = this.#tables(schema);
    const chosen = new ChosenRows(find, this.#options);
    const later: ChosenRows[] = [];
    try {
      await this.#choose(chosen);
      const resolved = this.#options.withRelated ? await this.#resolve(chosen, find) : chosen;
      later.push(resolved);
      const related = this.#options.withRelated ? await this.#relate(resolved, schema, find) : [];
      for (const one of new Set([chosen, resolved])) one.complete();
      return await work(resolved, related);
    } finally {
      for (const one of new Set([chosen, ...later])) await one.close();
    }
  }

  async #introspect(): Promise<DatabaseSchema> {
    const { manifest } = this.#archive;
    this.#options.report?.({ phase: 'plan' });
    if (this.#options.withRelated) return await this.#session.introspect(this.#options);
    const fold = (name: TableName): string => this.#engine.manifestRules.foldName(tableKey(name));
    const names = manifest.writtenRows?.tables ?? manifest.tables.map(({ table }) => table);
    const wanted = new Set(names.map(({ name }) => fold(name)));
    const scope = { tables: (name: TableName) => wanted.has(fold(name)), names: [] };
    return await this.#session.introspect({ ...this.#options, scope });
  }

  #tables(schema: DatabaseSchema): FindRowsTable {
    const { manifest } = this.#archive;
    const { manifestRules } = this.#engine;
    return manifest.writtenRows
      ? tablesOfWritten(manifest.writtenRows.tables, schema, manifestRules)
      : tablesOfBackup(manifest, schema, manifestRules);
  }

  async #choose(chosen: ChosenRows): Promise<void> {
    const { source, report } = this.#options;
    report?.({ phase: 'compare' });
    if (!source) await chooseWritten(chosen, this.#archive, this.#reading);
    else if (source.kind === 'lines') await chooseLines(chosen, source.lines, this.#archive, this.#reading);
    else await chooseWhere(chosen, source.conditions, this.#archive, this.#session, this.#reading);
  }

  /** The rows for which conditions hold, without the conditions: what belongs to them is still to be found. */
  async #resolve(chosen: ChosenRows, find: FindRowsTable): Promise<ChosenRows> {
    if (chosen.tables.every(({ where }) => where === undefined)) return chosen;
    const resolved = new ChosenRows(find, this.#options);
    try {
      for await (const { table, row } of matchingRows(this.#session, chosen, this.#options))
        await resolved.choose(resolved.table(table.name), row);
      return resolved;
    } catch (error) {
      await resolved.close();
      throw error;
    }
  }

  #relate(chosen: ChosenRows, schema: DatabaseSchema, find: FindRowsTable): Promise<readonly RelatedRow[]> {
    const known = new Map<string, RowsTable | undefined>();
    const tableOf = (name: TableName): RowsTable | undefined => {
      const key = tableKey(name);
      if (!known.has(key)) known.set(key, findOrNone(find, name));
      return known.get(key);
    };
    return chooseRelated(chosen, this.#archive, schema, this.#session, tableOf, this.#reading);
  }

  async #write(chosen: ChosenRows, related: readonly RelatedRow[], dryRun: boolean): Promise<RowsReport> {
    const outcome = await writeRows(this.#session, this.#archive, chosen, { ...this.#options, dryRun });
    const other = otherSource(this.#archive.manifest, this.#session);
    const { notes, ...rest } = outcome;
    return {
      file: this.#archive.file,
      undo: this.#archive.manifest.writtenRows !== undefined,
      dryRun,
      ...rest,
      related: related.map(({ table, row, reason }) => ({
        table: table.target,
        key: keyOf(table, row),
        reason,
      })),
      notes: [...chosen.tables.flatMap((table) => table.notes), ...notes],
      ...(other === undefined ? {} : { otherSource: other }),
      milliseconds: Math.round(performance.now() - this.#started),
    };
  }
}

/** A table that only one side has brings no related rows. */
function findOrNone(find: FindRowsTable, name: TableName): RowsTable | undefined {
  try {
    return find(name);
  } catch (error) {
    if (RestorePointError.is(error, 'usage')) return undefined;
    throw error;
  }
}

/** A file of written rows chooses its rows itself, and a backup of tables needs somebody to choose. */
function refuseWrongSource(
  { manifest }: Archive,
  { source, withRelated, deleteAdded }: RestoreRowsOptions,
): void {
  if (!manifest.writtenRows) {
    if (source) return;
    throw new RestorePointError('usage', 'No rows of the backup are chosen', {
      next: 'Add --rows-file or --where, or leave the other options of chosen rows out to restore the whole backup.',
    });
  }
  const option =
    source?.kind === 'where'
      ? '--where'
      : source
        ? '--rows-file'
        : withRelated
          ? '--with-related'
          : undefined;
  if (option === undefined && deleteAdded) return;
  throw new RestorePointError(
    'usage',
    `This file holds the rows that a restore wrote: ${option ?? 'a part of them'} cannot be used with it`,
    { next: 'Leave it out, and all of these rows are taken back.' },
  );
}
