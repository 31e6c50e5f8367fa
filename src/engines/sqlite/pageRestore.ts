import { open, type FileHandle } from 'node:fs/promises';
import { messageOf, notUndone, RestorePointError } from '../../core/errors.ts';
import { formatTableName } from '../../core/names.ts';
import type { TableChange, TablePlan } from '../../core/plan.ts';
import type { RestoreSource, RestoreTransaction, WorkOptions } from '../engine.ts';
import { databaseName, fileUri } from './address.ts';
import type { CatalogTable } from './catalog.ts';
import type { Connection } from './connection.ts';
import { countRows } from './counts.ts';
import { countKept } from './differingRows.ts';
import { describeFailure, inWords, isSqliteError } from './errors.ts';
import { storesAlike } from './fileFormat/databaseHeader.ts';
import { PageFile } from './fileFormat/pages.ts';
import { ForeignKeyGuard } from './foreignKeys.ts';
import { quote } from './identifiers.ts';
import { isPlain } from './liveDatabase.ts';
import { backupSchema } from './loadTable.ts';
import { LockedDatabase, type PageTarget } from './lockedDatabase.ts';
import {
  differsMuch,
  hasTemporaryRoom,
  haveSameSchema,
  isFasterByPages,
  isProvable,
  pairTables,
  schemaOf,
  type TablePair,
} from './pagesSuit.ts';
import { checkedIndexes, PayloadChecks } from './payloadChecks.ts';
import { onlyPayload, openUntrusted, type PayloadDatabase } from './payloadDatabase.ts';
import { PayloadPages, replacementOf } from './payloadPages.ts';
import { differs, differsFrom, isWholeDatabase } from './wholeDatabase.ts';
import { WrittenRuns } from './writtenRuns.ts';

/** Where the pages come from. */
export interface PageSource {
  /** Without `pages`, the whole database of the backup as a file; with them its schema alone. */
  readonly payload: PayloadDatabase;
  /** What was written into that file; with `pages` it is filled as they are read. */
  readonly written: WrittenRuns;
  /** They are read from the backup itself. */
  readonly pages?: PayloadPages;
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
  readonly #from: PageSource;
  readonly #options: WorkOptions;
  readonly #checks: PayloadChecks;
  readonly #counts = new Map<TablePlan, number>();
  #locked: LockedDatabase | undefined;
  /** To the database as it is to be: that of the backup or, once all is written, the one that was locked. */
  #backup: Connection | undefined;
  #replacement: FileHandle | undefined;
  #failure: { readonly error: unknown } | undefined;
  #before: ReadonlyMap<TablePlan, RowsBefore> = new Map();
  #verifying: Promise<void> | undefined;
  #loadedRows = 0;
  #ended = false;
  closed = false;

  private constructor(target: PageTarget, restore: RestoreSource, from: PageSource, options: WorkOptions) {
    this.#target = target;
    this.#restore = restore;
    this.#from = from;
    this.#options = options;
    this.#checks = from.pages
      ? new PayloadChecks(target.file, { asItIs: true, pages: () => this.#lockedPages() }, options)
      : new PayloadChecks(from.payload.file, { asItIs: true }, options);
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
   * Writes the pages straight out of the backup, which is read twice: nothing is written before all of it was checked. Where
   * the indexes that stand in the database then are not proven, SQLite brings the old pages back. Resolves to undefined,
   * with the database as it was, where the backup's has to be taken out, and to `busy` where the lock was not given. Throws
   * `cancelled`, `damaged-backup`, `refused` where another file has taken its place, and where it is not sure that all is as it was.
   */
  static async beginStraight(
    target: PageTarget,
    restore: RestoreSource,
    options: WorkOptions,
  ): Promise<PageRestore | 'busy' | undefined> {
    const pages = new PayloadPages(onlyPayload(restore.manifest), restore.source);
    const payload = await schemaOf(pages, target, restore, options);
    if (!payload) return undefined;
    return PageRestore.#begin(target, restore, { payload, written: new WrittenRuns(), pages }, options);
  }

  /**
   * Locks the database, and makes the journal; changes nothing. Resolves to undefined, and leaves the payload as it was,
   * where rows have to be copied, or take no longer. Throws `cancelled`: then the payload is gone.
   */
  static async begin(
    target: PageTarget,
    restore: RestoreSource,
    from: PageSource,
    options: WorkOptions,
  ): Promise<PageRestore | undefined> {
    const begun = await PageRestore.#begin(target, restore, from, options);
    return begun === 'busy' ? undefined : begun;
  }

  static async #begin(
    target: PageTarget,
    restore: RestoreSource,
    from: PageSource,
    options: WorkOptions,
  ): Promise<PageRestore | 'busy' | undefined> {
    const { signal, logger } = options;
    const begun = new PageRestore(target, restore, from, options);
    let busy = false;
    try {
      if (await begun.#open()) {
        logger.debug('The pages of the backup are written over those of the database');
        return begun;
      }
      await begun.#takeBack();
    } catch (error) {
      await begun.#takeBack(error);
      busy = isSqliteError(error, 'SQLITE_BUSY');
      // Who waits for a lock is not to be told of the room that rows would need.
      const hasRoom = !busy || !from.pages || (await hasTemporaryRoom(from.pages.size).catch(() => true));
      if (signal?.aborted || isFinal(error) || !hasRoom) {
        await begun.#release();
        throw describeFailure(error, 'database', { file: databaseName(target.file) });
      }
      logger.debug(`Pages cannot be written over those of the database: ${messageOf(error)}`);
    }
    await begun.#letGo();
    if (from.pages) await from.payload.remove(options);
    return busy ? 'busy' : undefined;
  }

  prepare(): Promise<void> {
    return this.#inWords(undefined, async () => {
      if (!this.#from.pages) await this.#database.seal();
    });
  }

  load(table: TablePlan): Promise<TableChange> {
    return this.#inWords(table, async () => {
      const { signal, report } = this.#options;
      const { tables } = this.#restore.plan;
      const all = tables.reduce((sum, { backup }) => sum + backup.rows, 0);
      this.#loadedRows += table.backup.rows;
      // The pages of a table are nowhere told: as many are written as it has of all rows.
      const share = table === tables.at(-1) ? 1 : this.#loadedRows / Math.max(all, 1);
      if (!this.#from.pages) await this.#database.pages.writeUpTo(share, { signal });
      // Of proven indexes each counts what its table does.
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
    await this.#inWords(undefined, () => this.#database.commit());
    this.#ended = true;
    await this.#release();
  }

  async rollback(): Promise<void> {
    // Who asks again has to hear again that it is not sure.
    if (this.#failure) throw this.#failure.error;
    if (this.closed) return;
    try {
      if (!this.#ended) await this.#inWords(undefined, () => this.#database.undo());
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

  /** Through the very file that is written. */
  async #lockedPages(): Promise<PageFile> {
    return PageFile.over(this.#database.handle);
  }

  get #database(): LockedDatabase {
    if (!this.#locked) throw new Error('The restore has not begun');
    return this.#locked;
  }

  /** False where it does not suit. Throws whatever happens. */
  async #open(): Promise<boolean> {
    if (!this.#isCheckable()) return false;
    const locked = (this.#locked = await LockedDatabase.lock(this.#target, this.#options));
    if (!locked) return false;
    const { pages, payload } = this.#from;
    const { signal } = this.#options;
    const backup = (this.#backup = await openUntrusted(payload.file));
    const file = (this.#replacement = await open(payload.file, 'r'));
    const becomes = await isPlain(file);
    if (!becomes || !storesAlike(locked.header, becomes.header)) return false;
    const pairs = pairTables(this.#restore.plan.tables, payload.tables);
    if (!pairs || !(await haveSameSchema(locked.connection, backup, signal))) return false;
    const much = pages !== undefined || (await differsMuch(locked.connection, backup, pairs, signal));
    if (!much && !(await isFasterByPages(locked, file))) return false;
    if (!pages) {
      this.#beginChecks(backup);
      // SQLite gives its lock up with a statement that is ended: that must not happen while the journal is there.
      this.#before = await this.#count(locked.connection, pairs, much);
    }
    if (!(await this.#compare(becomes.header))) return false;
    if (pages) await this.#writeStraight(pairs);
    return this.#isSound();
  }

  /** See `LockedDatabase.compare`. */
  async #compare(header: Buffer): Promise<boolean> {
    const { pages, written } = this.#from;
    const { signal } = this.#options;
    if (!pages) return this.#database.compare(await replacementOf(this.#replacement!), header, { signal });
    const compared = (bytes: Buffer, position: number): void => {
      if (bytes.length > 0) written.add(bytes);
      this.#reportPages(position + bytes.length, 0);
    };
    return this.#database.compare(pages, header, { signal, compared });
  }

  /** All of the backup was read, and is sound. */
  async #writeStraight(pairs: readonly TablePair[]): Promise<void> {
    const { signal, logger } = this.#options;
    // On a connection without a lock that it could give up. Its pages were read just now, and not one by one.
    const reader = await openUntrusted(this.#target.file);
    this.#before = await this.#count(reader, pairs, true).finally(() => reader.closeQuietly(logger));
    await this.#database.seal();
    const wrote = (bytes: number): void => this.#reportPages(bytes, 1);
    await this.#database.pages.writeUpTo(1, { signal, wrote });
    logger.debug('The pages were written straight out of the backup');
    await this.#backup?.closeQuietly(logger);
    this.#backup = await openUntrusted(this.#target.file);
    await this.#database.refuseOthers();
    this.#beginChecks(this.#backup);
  }

  /** Of the bytes of the backup half stands for their comparing, and half for their writing. */
  #reportPages(bytes: number, halves: 0 | 1): void {
    const totalBytes = this.#from.pages?.size ?? 0;
    this.#options.report?.({
      phase: 'prepare',
      bytes: (halves * totalBytes + Math.min(bytes, totalBytes)) / 2,
      totalBytes,
    });
  }

  /** How many rows there are and, where few of them differ, how many stay. */
  async #count(
    database: Connection,
    pairs: readonly TablePair[],
    much: boolean,
  ): Promise<Map<TablePlan, RowsBefore>> {
    const { signal, report } = this.#options;
    const before = new Map<TablePlan, RowsBefore>();
    for (const { plan, table } of pairs)
      before.set(plan, { rowsBefore: await countRows(database, 'main', table.name, signal) });
    if (much) return before;
    report?.({ phase: 'compare' });
    await database.run(`ATTACH ? AS ${quote(backupSchema)}`, [fileUri(this.#from.payload.file, 'immutable')]);
    // Of the same statements, so that both sides have the same columns.
    const alike = pairs.map(({ plan, table }) => ({ plan, target: table, backup: table }));
    for (const [plan, kept] of await countKept(database, alike, signal))
      before.set(plan, { ...before.get(plan)!, ...kept });
    return before;
  }

  /** Whether the file alone can tell of every index that it is in step with its table. */
  #isCheckable(): boolean {
    const { payload, pages } = this.#from;
    const isKnown = (table: CatalogTable): boolean =>
      table.type === 'table' &&
      !table.withoutRowid &&
      checkedIndexes(table).length === table.indexes.length &&
      // Once pages are written, what is not proven costs all the time again.
      (pages === undefined || isProvable(table));
    return payload.virtualTables.length === 0 && payload.tables.every(isKnown);
  }

  #beginChecks(backup: Connection): void {
    const { tables } = this.#from.payload;
    const names = tables.map(({ name }) => name);
    const guard = new ForeignKeyGuard(backup, names, () => true);
    this.#checks.checkReferences(guard.inherited(tables, { absentParents: true }));
    for (const table of tables) this.#checks.checkIndexes(table);
  }

  async #isSound(): Promise<boolean> {
    for (const { name, indexes } of this.#from.payload.tables) {
      const { stale, proven, disordered } = await this.#checks.findings(name);
      if (disordered || stale !== undefined || proven.size < indexes.length) return false;
    }
    await this.#checks.done();
    return true;
  }

  async #compareBytes(): Promise<void> {
    const position = await this.#database.pages.firstDifference(this.#from.written, this.#options.signal);
    if (position !== undefined) throw differsFrom(position);
  }

  /** Makes all as it was, after an error. Throws where it is not sure of that; then nothing is open any more. */
  async #takeBack(failure?: unknown): Promise<void> {
    try {
      // What reads the database meanwhile would read some of both.
      await this.#checks.close();
      await this.#locked?.undo();
    } catch (error) {
      await this.#release();
      throw notUndone(failure ?? new Error('Not all that was written is proven'), error);
    }
  }

  /** Of all but the payload. Never throws. */
  async #letGo(): Promise<void> {
    const { logger } = this.#options;
    await this.#checks.close();
    await this.#backup?.closeQuietly(logger);
    await this.#replacement?.close().catch((error: unknown) => {
      logger.error('A temporary file could not be closed', error);
    });
    await this.#locked?.unlock();
  }

  /** Never throws. */
  async #release(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.#letGo();
    await this.#from.payload.remove(this.#options);
  }

  #inWords<Result>(table: TablePlan | undefined, work: () => Promise<Result>): Promise<Result> {
    return inWords('database', table ? { table: formatTableName(table.target) } : {}, work);
  }
}

/** Another file in the place of the database, and a backup that is damaged: nobody is to go on with these. */
function isFinal(error: unknown): boolean {
  return RestorePointError.is(error) && (error.code === 'refused' || error.code === 'damaged-backup');
}
