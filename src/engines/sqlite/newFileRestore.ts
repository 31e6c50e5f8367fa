import { open } from 'node:fs/promises';
import { RestorePointError } from '../../core/errors.ts';
import { formatTableName } from '../../core/names.ts';
import type { RestorePlan, TableChange, TablePlan } from '../../core/plan.ts';
import type { RestoreSource, RestoreTransaction, WorkOptions } from '../engine.ts';
import { databaseName } from './address.ts';
import { type CatalogIndex, type CatalogTable, findTable, readCatalog } from './catalog.ts';
import { Connection } from './connection.ts';
import { countStoredRows } from './counts.ts';
import { describeFailure, inWords } from './errors.ts';
import { reservedAt } from './fileFormat/databaseHeader.ts';
import { ForeignKeyGuard } from './foreignKeys.ts';
import { quote } from './identifiers.ts';
import type { NewFile } from './newFile.ts';
import { PayloadChecks } from './payloadChecks.ts';
import { distrust, onlyPayload, openUntrusted } from './payloadDatabase.ts';
import { extractPayload } from './payloadFile.ts';
import { differs, differsFrom, isWholeDatabase } from './wholeDatabase.ts';
import { WrittenRuns } from './writtenRuns.ts';

/**
 * A restore of a whole database into a file that is not there yet: see `RestoreTransaction`. What the backup holds is a
 * database, and becomes the file as it is: no row is copied. That its bytes arrived is what is verified. It is made beside
 * its place, and takes it as the last step.
 */
export class NewFileRestore implements RestoreTransaction {
  readonly #file: NewFile;
  readonly #plan: RestorePlan;
  readonly #options: WorkOptions;
  readonly #written: WrittenRuns;
  readonly #connection: Connection;
  readonly #tables: readonly CatalogTable[];
  readonly #placed: () => Promise<void>;
  #checks: PayloadChecks | undefined;
  /** Indexes of which it is not known that they fit their tables. */
  readonly #unsure: { readonly table: string; readonly index: CatalogIndex }[] = [];
  readonly #counts = new Map<TablePlan, number>();
  #verifying: Promise<void> | undefined;
  closed = false;

  private constructor(
    file: NewFile,
    plan: RestorePlan,
    written: WrittenRuns,
    opened: {
      readonly connection: Connection;
      readonly tables: readonly CatalogTable[];
      readonly placed: () => Promise<void>;
    },
    options: WorkOptions,
  ) {
    this.#file = file;
    this.#placed = opened.placed;
    this.#plan = plan;
    this.#written = written;
    this.#connection = opened.connection;
    this.#tables = opened.tables;
    this.#options = options;
  }

  /** Whether a restore into an empty file is of this kind. */
  static suits(restore: RestoreSource): boolean {
    return (
      isWholeDatabase(restore) &&
      restore.plan.tables.every(({ create }) => create) &&
      restore.plan.create.length === restore.manifest.objects.length
    );
  }

  /**
   * Takes the database out of the backup. `placed` is called when it is where it belongs. Resolves to undefined, and leaves
   * nothing, where its pages keep bytes for an extension of SQLite, which copied rows do not need.
   */
  static async begin(
    file: NewFile,
    { plan, manifest, source, placed }: RestoreSource & { readonly placed: () => Promise<void> },
    options: WorkOptions,
  ): Promise<NewFileRestore | undefined> {
    const { logger, signal } = options;
    const written = new WrittenRuns();
    let connection: Connection | undefined;
    let reserved = 0;
    const note = (run: Uint8Array): void => {
      if (written.isEmpty) reserved = run[reservedAt] ?? 0;
      written.add(run);
    };
    try {
      await extractPayload(onlyPayload(manifest), source, { ...file.room, written: note }, options);
      if (reserved > 0) {
        await file.remove();
        return undefined;
      }
      logger.debug(`The database in the backup becomes ${file.place} as it is`);
      connection = await openUntrusted(file.path);
      const tables = await readCatalog(connection, 'main', signal);
      return new NewFileRestore(file, plan, written, { connection, tables, placed }, options);
    } catch (error) {
      await connection?.closeQuietly(logger);
      await file.remove();
      throw describeFailure(error, 'damaged-backup', { file: databaseName(file.place) });
    }
  }

  prepare(): Promise<void> {
    return this.#inWords(undefined, () => {
      this.#file.writeBack();
      const guard = new ForeignKeyGuard(
        this.#connection,
        this.#tables.map(({ name }) => name),
        () => true,
      );
      const references = guard.inherited(this.#tables, { absentParents: true });
      this.#checks = new PayloadChecks(this.#file.path, { asItIs: true }, this.#options);
      this.#checks.checkReferences(references);
      for (const table of this.#tables) this.#checks.checkIndexes(table);
      return Promise.resolve();
    });
  }

  load(table: TablePlan): Promise<TableChange> {
    return this.#inWords(table, async () => {
      const { signal, report } = this.#options;
      const { name } = this.#tableOf(table);
      const rows = await countStoredRows(this.#connection, 'main', name, signal);
      this.#counts.set(table, rows);
      report?.({ phase: 'load', table: table.target, rows, totalRows: table.backup.rows });
      return { table: table.target, rowsBefore: 0, rowsAfter: rows, inserted: rows, updated: 0 };
    });
  }

  finish(): Promise<void> {
    return this.#inWords(undefined, async () => {
      for (const { name, indexes } of this.#tables) {
        const { stale, proven, disordered } = await this.#checks!.findings(name);
        if (disordered) throw inNoOrder(name);
        if (stale !== undefined) {
          this.#options.logger.warn(
            `The index ${stale} of the backup is not in step with its table: it is made anew`,
          );
        }
        for (const index of indexes) {
          if (!proven.has(index.name)) this.#unsure.push({ table: name, index });
        }
      }
      await this.#checks!.done();
    });
  }

  verify(table: TablePlan): Promise<void> {
    return this.#inWords(table, async () => {
      const { report } = this.#options;
      const { rows } = table.backup;
      const found = this.#counts.get(table);
      if (found !== rows) throw differs(table, `it has ${found} rows, and the backup ${rows}`);
      await (this.#verifying ??= this.#compareBytes());
      if (table === this.#plan.tables.at(-1)) await this.#remakeIndexes();
      report?.({ phase: 'verify', table: table.target, rows, totalRows: rows });
    });
  }

  async commit(): Promise<void> {
    await this.#checks?.close();
    await this.#connection.closeQuietly(this.#options.logger);
    await inWords('database', { file: databaseName(this.#file.place) }, () => this.#file.publish());
    this.closed = true;
    await this.#placed().catch((error: unknown) => {
      this.#options.logger.error(`${this.#file.place} is there, but could not be opened`, error);
    });
  }

  async rollback(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.#checks?.close();
    await this.#connection.closeQuietly(this.#options.logger);
    await this.#file.remove();
  }

  /** Ends what is open. Never throws. */
  async close(): Promise<void> {
    await this.rollback();
  }

  async #compareBytes(): Promise<void> {
    const { signal } = this.#options;
    const file = await open(this.#file.path, 'r');
    try {
      const position = await this.#written.firstDifference(file, signal);
      if (position !== undefined) throw differsFrom(position);
    } finally {
      await file.close();
    }
  }

  /** By SQLite, from the rows, which are verified. */
  async #remakeIndexes(): Promise<void> {
    if (this.#unsure.length === 0) return;
    const { signal, logger } = this.#options;
    const connection = await Connection.open(this.#file.path, 'write');
    try {
      await distrust(connection);
      await connection.all('PRAGMA journal_mode = OFF');
      await connection.all('PRAGMA synchronous = OFF');
      for (const { table, index } of this.#unsure) {
        logger.debug(`The index ${index.name} is made anew`);
        await inWords('database', { table }, () =>
          connection.run(`REINDEX main.${quote(index.name)}`, [], signal),
        );
      }
    } finally {
      await connection.closeQuietly(logger);
    }
  }

  #tableOf(table: TablePlan): CatalogTable {
    const found = findTable(this.#tables, table.target.name);
    if (found) return found;
    const place = { table: formatTableName(table.target) };
    throw new RestorePointError('damaged-backup', 'The database in the backup has no such table', { place });
  }

  #inWords<Result>(table: TablePlan | undefined, work: () => Promise<Result>): Promise<Result> {
    return inWords('database', table ? { table: formatTableName(table.target) } : {}, work);
  }
}

function inNoOrder(table: string): RestorePointError {
  return new RestorePointError(
    'damaged-backup',
    'The rows of the table are not in the order of their rowids',
    {
      place: { table },
      next: 'Restore into an empty file that is there already: then rows are copied, where SQLite takes them.',
    },
  );
}
