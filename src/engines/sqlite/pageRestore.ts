import { open, stat, type FileHandle } from 'node:fs/promises';
import { freemem } from 'node:os';
import { dirname } from 'node:path';
import { messageOf, RestorePointError } from '../../core/errors.ts';
import { formatTableName } from '../../core/names.ts';
import type { TableChange, TablePlan } from '../../core/plan.ts';
import { syncFolder } from '../../core/syncFolder.ts';
import type { RestoreSource, RestoreTransaction, WorkOptions } from '../engine.ts';
import { databaseName, fileUri } from './address.ts';
import type { CatalogTable } from './catalog.ts';
import { Connection } from './connection.ts';
import { countRows } from './counts.ts';
import { countKept } from './differingRows.ts';
import { inWords } from './errors.ts';
import { pageSizeOf, storesAlike } from './fileFormat/databaseHeader.ts';
import type { FileOnDisk } from './fileOnDisk.ts';
import { ForeignKeyGuard } from './foreignKeys.ts';
import { quote } from './identifiers.ts';
import { isThere } from './isThere.ts';
import { hasRoom, isAt, isPlain, pathOf } from './liveDatabase.ts';
import { backupSchema } from './loadTable.ts';
import { companions } from './newFile.ts';
import { PageOverwrite } from './pageOverwrite.ts';
import { differsMuch, haveSameSchema, pairTables } from './pagesSuit.ts';
import { checkedIndexes, PayloadChecks } from './payloadChecks.ts';
import { distrust, openUntrusted, type PayloadDatabase } from './payloadDatabase.ts';
import type { JournaledFile } from './rollbackJournal.ts';
import { differs, differsFrom, isWholeDatabase } from './wholeDatabase.ts';
import type { WrittenRuns } from './writtenRuns.ts';

/** Rows of a smaller database are copied in a moment, in bytes. */
const worthwhile = 8 * 1024 * 1024;

/** Up to this part of the memory that is free, all files of a restore stay in the system's cache as long as it takes. */
const memoryShare = 8;

export interface PageTarget {
  readonly file: string;
  readonly onDisk: Pick<FileOnDisk, 'writable'>;
}

/** The database of the backup, and what was written into its file. */
export interface WrittenPayload {
  readonly payload: PayloadDatabase;
  readonly written: WrittenRuns;
}

type RowsBefore = Pick<TableChange, 'rowsBefore' | 'kept' | 'removed'>;

/**
 * A restore of a whole database over one with the same tables: see `RestoreTransaction`. No row is copied: the pages of the
 * backup's database are written over those of the file, and read back before that lasts. A connection of SQLite's holds the
 * exclusive lock, and what was there stands in a rollback journal as SQLite writes one: should this process end,
 * SQLite brings it back.
 */
export class PageRestore implements RestoreTransaction {
  readonly #target: PageTarget;
  readonly #restore: RestoreSource;
  readonly #payload: PayloadDatabase;
  readonly #written: WrittenRuns;
  readonly #options: WorkOptions;
  readonly #checks: PayloadChecks;
  readonly #counts = new Map<TablePlan, number>();
  #lock: Connection | undefined;
  #backup: Connection | undefined;
  #replacement: FileHandle | undefined;
  #overwrite: PageOverwrite | undefined;
  #journaled: JournaledFile | undefined;
  #failure: { readonly error: unknown } | undefined;
  #before: ReadonlyMap<TablePlan, RowsBefore> = new Map();
  #verifying: Promise<void> | undefined;
  #loadedRows = 0;
  #ended = false;
  closed = false;

  private constructor(
    target: PageTarget,
    restore: RestoreSource,
    { payload, written }: WrittenPayload,
    options: WorkOptions,
  ) {
    this.#target = target;
    this.#restore = restore;
    this.#payload = payload;
    this.#written = written;
    this.#options = options;
    this.#checks = new PayloadChecks(payload.file, { asItIs: true }, options);
  }

  /** Whether a restore may be of this kind; `begin` looks at the databases. */
  static suits(restore: RestoreSource): boolean {
    const { plan } = restore;
    return (
      // There SQLite locks bytes of the file against everybody.
      process.platform !== 'win32' &&
      isWholeDatabase(restore) &&
      plan.mode === 'replace' &&
      plan.create.length === 0 &&
      (plan.opaque ?? []).length === 0 &&
      plan.tables.every(({ create }) => !create)
    );
  }

  /**
   * Locks the database, and makes the journal; changes nothing. Resolves to undefined, and leaves the payload as it was,
   * where rows have to be copied, or take no longer. Throws `cancelled`: then the payload is gone.
   */
  static async begin(
    target: PageTarget,
    restore: RestoreSource,
    payload: WrittenPayload,
    options: WorkOptions,
  ): Promise<PageRestore | undefined> {
    const { signal, logger } = options;
    const begun = new PageRestore(target, restore, payload, options);
    try {
      if (await begun.#open()) {
        logger.debug('The pages of the backup are written over those of the database');
        return begun;
      }
      await begun.#overwrite?.abandon();
    } catch (error) {
      await begun.#overwrite?.abandon().catch((second: unknown) => {
        logger.error('A journal that is none yet could not be removed', second);
      });
      if (signal?.aborted) {
        await begun.#release();
        throw error;
      }
      logger.debug(`Pages cannot be written over those of the database: ${messageOf(error)}`);
    }
    await begun.#letGo();
    return undefined;
  }

  prepare(): Promise<void> {
    return this.#inWords(undefined, async () => {
      const { path, stats } = this.#journaled!;
      // SQLite would put the old pages into whatever has the name of the database.
      if (!(await isAt(path, stats))) throw replaced(this.#target.file);
      await this.#begun.seal();
    });
  }

  load(table: TablePlan): Promise<TableChange> {
    return this.#inWords(table, async () => {
      const { signal, report } = this.#options;
      const { tables } = this.#restore.plan;
      const all = tables.reduce((sum, { backup }) => sum + backup.rows, 0);
      this.#loadedRows += table.backup.rows;
      // The pages of a table are nowhere told: as many are written as it has of all rows.
      await this.#begun.writeUpTo(table === tables.at(-1) ? 1 : this.#loadedRows / Math.max(all, 1), signal);
      const rows = await countRows(this.#backup!, 'main', table.target.name, signal);
      this.#counts.set(table, rows);
      report?.({ phase: 'load', table: table.target, rows, totalRows: table.backup.rows });
      const before = this.#before.get(table) ?? { rowsBefore: 0 };
      return { table: table.target, ...before, rowsAfter: rows, inserted: rows, updated: 0 };
    });
  }

  /** Nothing is left to do: what has to fit was found to fit before. */
  finish(): Promise<void> {
    return Promise.resolve();
  }

  verify(table: TablePlan): Promise<void> {
    return this.#inWords(table, async () => {
      const { rows } = table.backup;
      const found = this.#counts.get(table);
      if (found !== rows) throw differs(table, `it has ${found} rows, and the backup ${rows}`);
      await (this.#verifying ??= this.#compareBytes());
      this.#options.report?.({ phase: 'verify', table: table.target, rows, totalRows: rows });
    });
  }

  async commit(): Promise<void> {
    const { logger } = this.#options;
    await this.#inWords(undefined, async () => {
      await this.#begun.sync();
      await this.#begun.commit();
    });
    this.#ended = true;
    // Without its journal it is done: nothing that fails here must look like a failed restore.
    await syncFolder(dirname(this.#journaled!.path)).catch((error: unknown) => {
      logger.error(`The folder of ${this.#target.file} could not be brought to the disk`, error);
    });
    await this.#release();
  }

  async rollback(): Promise<void> {
    // Who asks again has to hear again that it is not sure.
    if (this.#failure) throw this.#failure.error;
    if (this.closed) return;
    try {
      if (!this.#ended) await this.#inWords(undefined, () => this.#undo());
      this.#ended = true;
    } catch (error) {
      this.#failure = { error };
      throw error;
    } finally {
      await this.#release();
    }
  }

  /** Ends what is open. Never throws. */
  async close(): Promise<void> {
    try {
      await this.rollback();
    } catch (error) {
      this.#options.logger.error('A restore could not be rolled back as its connection was closed', error);
    }
  }

  get #begun(): PageOverwrite {
    if (!this.#overwrite) throw new Error('The restore has not begun');
    return this.#overwrite;
  }

  /** False where it does not suit. Throws whatever happens. */
  async #open(): Promise<boolean> {
    const { file, onDisk } = this.#target;
    const { signal } = this.#options;
    if ((await stat(file)).size < worthwhile || !this.#isCheckable()) return false;
    const database = await onDisk.writable();
    if (!(await isPlain(database))) return false;
    const lock = (this.#lock = await Connection.open(file, 'write'));
    await distrust(lock);
    await lock.run('BEGIN EXCLUSIVE', [], signal);
    const path = await pathOf(lock);
    for (const suffix of companions) if (await isThere(path + suffix)) return false;
    const backup = (this.#backup = await openUntrusted(this.#payload.file));
    const replacement = (this.#replacement = await open(this.#payload.file, 'r'));
    const [was, becomes] = [await isPlain(database), await isPlain(replacement)];
    if (!was || !becomes || !storesAlike(was.header, becomes.header)) return false;
    const pairs = pairTables(this.#restore.plan.tables, this.#payload.tables);
    if (!pairs || !(await haveSameSchema(lock, backup, signal))) return false;
    const much = await differsMuch(lock, backup, pairs, signal);
    // Of few rows less is written, which takes longer as long as the memory holds all that is written here.
    if (!much && was.size > freemem() / memoryShare) return false;
    if (!(await hasRoom(path, was.size, becomes.size))) return false;
    const stats = await database.stat();
    if (!(await isAt(path, stats))) return false;
    this.#beginChecks(backup);
    // SQLite gives its lock up with a statement that is ended: that must not happen while the journal is there.
    this.#before = await this.#count(lock, pairs, much);
    const pageSize = pageSizeOf(was.header);
    const journaled = { path, pageSize, pageCount: was.size / pageSize, stats };
    this.#overwrite = await PageOverwrite.begin({ database, replacement }, journaled, signal);
    if (!this.#overwrite) return false;
    this.#journaled = journaled;
    return this.#isSound();
  }

  /** How many rows there are and, where few of them differ, how many stay. */
  async #count(
    lock: Connection,
    pairs: readonly { readonly plan: TablePlan; readonly table: CatalogTable }[],
    much: boolean,
  ): Promise<Map<TablePlan, RowsBefore>> {
    const { signal, report } = this.#options;
    const before = new Map<TablePlan, RowsBefore>();
    for (const { plan, table } of pairs)
      before.set(plan, { rowsBefore: await countRows(lock, 'main', table.name, signal) });
    if (much) return before;
    report?.({ phase: 'compare' });
    await lock.run(`ATTACH ? AS ${quote(backupSchema)}`, [fileUri(this.#payload.file, 'immutable')]);
    // Of the same statements, so that both sides have the same columns.
    const alike = pairs.map(({ plan, table }) => ({ plan, target: table, backup: table }));
    for (const [plan, kept] of await countKept(lock, alike, signal))
      before.set(plan, { ...before.get(plan)!, ...kept });
    return before;
  }

  /** Whether the file alone can tell of every index that it is in step with its table. */
  #isCheckable(): boolean {
    const { tables, virtualTables } = this.#payload;
    const known = ({ type, withoutRowid }: CatalogTable): boolean => type === 'table' && !withoutRowid;
    return (
      virtualTables.length === 0 &&
      tables.every((table) => known(table) && checkedIndexes(table).length === table.indexes.length)
    );
  }

  #beginChecks(backup: Connection): void {
    const { tables } = this.#payload;
    const names = tables.map(({ name }) => name);
    const guard = new ForeignKeyGuard(backup, names, () => true);
    this.#checks.checkReferences(guard.inherited(tables, { absentParents: true }));
    for (const table of tables) this.#checks.checkIndexes(table);
  }

  async #isSound(): Promise<boolean> {
    for (const { name, indexes } of this.#payload.tables) {
      const { stale, proven, disordered } = await this.#checks.findings(name);
      if (disordered || stale !== undefined || proven.size < indexes.length) return false;
    }
    await this.#checks.done();
    return true;
  }

  async #compareBytes(): Promise<void> {
    const position = await this.#begun.firstDifference(this.#written, this.#options.signal);
    if (position !== undefined) throw differsFrom(position);
  }

  /** Throws where it is not sure that all is as it was. */
  async #undo(): Promise<void> {
    const overwrite = this.#begun;
    await overwrite.settled();
    if (!overwrite.begun) return overwrite.abandon();
    const place = { file: databaseName(this.#target.file) };
    if (!(await overwrite.isKept())) throw journalGone(place.file);
    await this.#unlock();
    const connection = await Connection.open(this.#target.file, 'write');
    try {
      await connection.get('SELECT count(*) AS n FROM main.sqlite_schema');
    } finally {
      await connection.closeQuietly(this.#options.logger);
    }
    if (!(await overwrite.isKept())) return;
    throw new RestorePointError('database', 'SQLite has not brought the pages back that were there', {
      place,
      next: 'Leave the file whose name ends in -journal beside the database: SQLite needs it when it is opened next.',
    });
  }

  async #unlock(): Promise<void> {
    const { logger } = this.#options;
    await this.#lock?.rollBack().catch((error: unknown) => {
      logger.error('The lock on the database was not given up before its connection was closed', error);
    });
    await this.#lock?.closeQuietly(logger);
    this.#lock = undefined;
  }

  /** Of all but the payload. Never throws. */
  async #letGo(): Promise<void> {
    const { logger } = this.#options;
    await this.#checks.close();
    await this.#backup?.closeQuietly(logger);
    await this.#replacement?.close().catch((error: unknown) => {
      logger.error('A temporary file could not be closed', error);
    });
    await this.#unlock();
  }

  /** Never throws. */
  async #release(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.#overwrite?.settled();
    await this.#letGo();
    await this.#payload.remove(this.#options);
  }

  #inWords<Result>(table: TablePlan | undefined, work: () => Promise<Result>): Promise<Result> {
    return inWords('database', table ? { table: formatTableName(table.target) } : {}, work);
  }
}

function replaced(file: string): RestorePointError {
  return new RestorePointError(
    'refused',
    'Another program has put another file in the place of the database',
    {
      place: { file: databaseName(file) },
      next: 'Start the restore again.',
    },
  );
}

function journalGone(file: string): RestorePointError {
  return new RestorePointError('database', 'The journal with the pages that were there is gone', {
    place: { file },
    unchanged: 'Some pages of the database may be those of the backup.',
    next: 'Restore the backup again, or the safety backup.',
  });
}
