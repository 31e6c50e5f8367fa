import { RestorePointError } from '../../../core/errors.ts';
import { holdsAllRows } from '../../../core/manifest.ts';
import { formatTableName } from '../../../core/names.ts';
import type { RestoreOutcome } from '../../../core/outcome.ts';
import type { TableChange, TablePlan } from '../../../core/plan.ts';
import type { RestoreSource, WorkOptions } from '../../engine.ts';
import type { RestoreWork } from '../../restoreSteps.ts';
import { type CatalogTable, findTable, readCatalog, virtualTableKind } from '../schema/catalog.ts';
import { Connection } from '../connect/connection.ts';
import { countStoredRows } from '../rows/counts.ts';
import { inWords } from '../connect/errors.ts';
import { referencesOf } from '../rows/foreignKeys.ts';
import { warnOfDangling } from '../payload/danglingReferences.ts';
import { foldName, quoteTable } from '../connect/identifiers.ts';
import { SoundTables } from '../rows/soundTables.ts';
import { hasKeyword } from '../schema/sqlText.ts';
import { distrust, openUntrusted } from '../payload/untrusted.ts';
import { sorting, useCache } from './restoreSettings.ts';
import { failedVerification } from './verify.ts';

/** Where the database of a backup goes as it is. */
export interface FilePlace {
  /** The file that becomes the database. */
  readonly path: string;
  /** How many rows a table has, where there are tables already. */
  rowsBefore?(table: TablePlan): Promise<number>;
  /** Whether the file is that of the backup, where it is not changed yet. Throws `verification`. */
  verify?(): Promise<void>;
  /** To be called when the file is as it is to be. Where it throws, `outcome` says what became of the database. */
  commit(): Promise<void>;
  /** Closes everything that is open, and removes unwanted files. Never throws. */
  release(): Promise<void>;
  readonly outcome: RestoreOutcome;
}

/**
 * A restore of a whole database as it is: no row is copied. See `RestoreWork`. Before the file takes its place it is checked:
 * pages fit together, rows are in order and as many as the manifest says. SQLite rebuilds its indexes.
 */
export class WholeFileRestore implements RestoreWork {
  readonly #place: FilePlace;
  readonly #restore: RestoreSource;
  readonly #options: WorkOptions;
  readonly #connection: Connection;
  readonly #tables: readonly CatalogTable[];
  readonly #counts = new Map<TablePlan, number>();
  closed = false;

  private constructor(
    place: FilePlace,
    restore: RestoreSource,
    connection: Connection,
    tables: readonly CatalogTable[],
    options: WorkOptions,
  ) {
    this.#place = place;
    this.#restore = restore;
    this.#connection = connection;
    this.#tables = tables;
    this.#options = options;
  }

  /**
   * Whether all of a backup is restored, and the database in it may be taken as it is. That of a backup which came from
   * elsewhere may hold more than its manifest says: of that one, rows alone are taken. A table without rowids is the index
   * of its rows, in whatever order it was, and what modules keep is theirs to make: it is taken as it is only where rows
   * cannot be copied, for want of something that the application alone registers.
   */
  static suits(restore: RestoreSource): boolean {
    const { plan, manifest, madeHere = false } = restore;
    const { tables, objects, complete } = manifest;
    return (
      madeHere &&
      complete &&
      plan.whole &&
      plan.only === undefined &&
      plan.tables.length > 0 &&
      plan.tables.length === tables.length &&
      plan.tables.every(({ backup }) => holdsAllRows(backup)) &&
      (cannotCopyRows(restore) ||
        objects.every(({ kind, sql }) => kind !== virtualTableKind && !hasKeyword(sql, 'WITHOUT')))
    );
  }

  /** Changes nothing. Releases the place where it throws. */
  static async begin(
    place: FilePlace,
    restore: RestoreSource,
    options: WorkOptions,
  ): Promise<WholeFileRestore> {
    let connection: Connection | undefined;
    try {
      connection = await openUntrusted(place.path);
      const tables = await readCatalog(connection, 'main', options.signal);
      return new WholeFileRestore(place, restore, connection, tables, options);
    } catch (error) {
      await connection?.closeQuietly(options.logger);
      await place.release();
      throw error;
    }
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  load(table: TablePlan): Promise<TableChange> {
    return this.#inWords(table, async () => {
      const { signal, report } = this.#options;
      const found = findTable(this.#tables, table.backup.table.name.name);
      if (!found)
        throw new RestorePointError('damaged-backup', 'The database in the backup has no such table');
      const rows = await countStoredRows(this.#connection, 'main', found.name, signal);
      const rowsBefore = table.create ? 0 : ((await this.#place.rowsBefore?.(table)) ?? 0);
      this.#counts.set(table, rows);
      report?.({ phase: 'load', table: table.target, rows, totalRows: table.backup.rows });
      return { table: table.target, rowsBefore, rowsAfter: rows, inserted: rows, updated: 0 };
    });
  }

  finish(): Promise<void> {
    return this.#inWords(undefined, async () => {
      const names = new Set(this.#tables.map(({ name }) => foldName(name)));
      const all = await Promise.allSettled([
        this.#place.verify?.(),
        this.#checkTables(),
        warnOfDangling(this.#place.path, referencesOf(this.#tables, names), this.#options),
      ]);
      for (const one of all) if (one.status === 'rejected') throw one.reason;
    });
  }

  async #checkTables(): Promise<void> {
    const sound = new SoundTables(this.#connection);
    for (const { name, type } of this.#tables) {
      if (type === 'virtual') continue;
      await sound.check(name, this.#options.signal).catch((error: unknown) => refuse(error, name));
    }
  }

  verify(table: TablePlan): Promise<void> {
    return this.#inWords(table, async () => {
      const { rows } = table.backup;
      const found = this.#counts.get(table);
      if (found !== rows)
        throw failedVerification(`it has ${found} rows, but the backup has ${rows}`, table.target);
      if (table === this.#restore.plan.tables.at(-1)) await this.#rebuildIndexes();
      this.#options.report?.({ phase: 'verify', table: table.target, rows, totalRows: rows });
    });
  }

  async commit(): Promise<void> {
    await this.#connection.closeQuietly(this.#options.logger);
    await this.#inWords(undefined, () => this.#place.commit());
    await this.close();
  }

  async rollback(): Promise<RestoreOutcome> {
    await this.close();
    return this.#place.outcome;
  }

  /** Ends what is open. Never throws. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.#connection.closeQuietly(this.#options.logger);
    await this.#place.release();
  }

  /** The indexes of the database that was backed up may not have matched its rows. */
  async #rebuildIndexes(): Promise<void> {
    const { signal, logger } = this.#options;
    const { unproven = [] } = this.#restore.manifest;
    const connection = await Connection.open(this.#place.path, 'write');
    try {
      await distrust(connection);
      await useCache(connection);
      await connection.all('PRAGMA journal_mode = OFF');
      await connection.all('PRAGMA synchronous = OFF');
      for (const { name: table, withoutRowid, indexes } of this.#tables) {
        for (const { name, primary } of indexes) {
          const isTable = withoutRowid && primary;
          if (isTable || unproven.some((one) => one.table.name === table && one.index === name)) continue;
          const sql = `REINDEX ${quoteTable('main', name)}`;
          await inWords('database', { table }, () =>
            sorting(connection, () => connection.run(sql, [], signal)),
          );
        }
      }
    } finally {
      await connection.closeQuietly(logger);
    }
  }

  #inWords<Result>(table: TablePlan | undefined, work: () => Promise<Result>): Promise<Result> {
    return inWords('database', table ? { table: formatTableName(table.target) } : {}, work);
  }
}

/** Something that only the application registers is missing here. */
export function cannotCopyRows({ manifest }: RestoreSource): boolean {
  return manifest.unproven !== undefined || manifest.asItIs === true;
}

function refuse(error: unknown, table: string): never {
  if (!RestorePointError.is(error)) throw error;
  const next =
    'Restore into an existing empty file: then the rows are copied, as far as SQLite accepts them.';
  throw error.with({ place: { table }, next });
}
