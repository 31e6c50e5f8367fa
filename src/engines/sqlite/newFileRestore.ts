import { open } from 'node:fs/promises';
import { RestorePointError } from '../../core/errors.ts';
import { formatTableName } from '../../core/names.ts';
import type { RestorePlan, TableChange, TablePlan } from '../../core/plan.ts';
import type { RestoreSource, RestoreTransaction, WorkOptions } from '../engine.ts';
import { databaseName } from './address.ts';
import { type CatalogTable, findTable, readCatalog } from './catalog.ts';
import type { Connection } from './connection.ts';
import { countStoredRows } from './counts.ts';
import { describeFailure, inWords } from './errors.ts';
import { reservedAt } from './fileFormat/databaseHeader.ts';
import { FileProof } from './fileProof.ts';
import type { NewFile } from './newFile.ts';
import { onlyPayload } from './payloadDatabase.ts';
import { openUntrusted } from './untrusted.ts';
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
  readonly #proof: FileProof;
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
      readonly proof: FileProof;
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
    this.#proof = opened.proof;
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
      const { unproven = [] } = manifest;
      const proof = new FileProof({ path: file.path, connection, tables, unproven }, options);
      return new NewFileRestore(file, plan, written, { connection, tables, proof, placed }, options);
    } catch (error) {
      await connection?.closeQuietly(logger);
      await file.remove();
      throw describeFailure(error, 'damaged-backup', { file: databaseName(file.place) });
    }
  }

  prepare(): Promise<void> {
    return this.#inWords(undefined, () => {
      this.#file.writeBack();
      this.#proof.begin();
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
    return this.#inWords(undefined, () => this.#proof.finish());
  }

  verify(table: TablePlan): Promise<void> {
    return this.#inWords(table, async () => {
      const { report } = this.#options;
      const { rows } = table.backup;
      const found = this.#counts.get(table);
      if (found !== rows) throw differs(table, `it has ${found} rows, and the backup ${rows}`);
      await (this.#verifying ??= this.#compareBytes());
      if (table === this.#plan.tables.at(-1)) await this.#proof.remakeIndexes();
      report?.({ phase: 'verify', table: table.target, rows, totalRows: rows });
    });
  }

  async commit(): Promise<void> {
    await this.#proof.close();
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
    await this.#proof.close();
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
