import { stat, statfs } from 'node:fs/promises';
import { notUndone, RestorePointError } from '../../core/errors.ts';
import { formatTableName } from '../../core/names.ts';
import type { TableChange, TablePlan } from '../../core/plan.ts';
import type { RestoreSource, RestoreTransaction, WorkOptions } from '../engine.ts';
import { databaseName } from './address.ts';
import { canReplace, composeFile } from './composeFile.ts';
import { Connection } from './connection.ts';
import { countRows, countStoredRows } from './counts.ts';
import { inWords } from './errors.ts';
import { firstDifferentPage } from './fileFormat/samePages.ts';
import type { FileOnDisk } from './fileOnDisk.ts';
import { FileProof } from './fileProof.ts';
import type { PayloadDatabase } from './payloadDatabase.ts';
import { openUntrusted } from './untrusted.ts';
import { differs, isWholeDatabase } from './wholeDatabase.ts';

/** The live database. */
export interface LiveTarget {
  readonly file: string;
  readonly onDisk: Pick<FileOnDisk, 'header'>;
}

/**
 * A restore of a whole database over a live one whose rows cannot be copied, because they need something that only the
 * application registers: see `RestoreTransaction`. The backup's database is proven as far as it can be, then SQLite's online
 * backup API copies it over the live one in one transaction. That commits by itself: the result is compared after it, and a
 * safety copy is put back should it differ.
 */
export class LiveFileRestore implements RestoreTransaction {
  readonly #target: LiveTarget;
  readonly #restore: RestoreSource;
  readonly #payload: PayloadDatabase;
  readonly #options: WorkOptions;
  readonly #live: Connection;
  readonly #file: Connection;
  readonly #proof: FileProof;
  readonly #counts = new Map<TablePlan, number>();
  #stateBefore = '';
  #safetyCopy = '';
  closed = false;

  private constructor(
    target: LiveTarget,
    restore: RestoreSource,
    payload: PayloadDatabase,
    connections: { readonly live: Connection; readonly file: Connection },
    options: WorkOptions,
  ) {
    this.#target = target;
    this.#restore = restore;
    this.#payload = payload;
    this.#live = connections.live;
    this.#file = connections.file;
    this.#options = options;
    const { unproven = [] } = restore.manifest;
    const { file: path, tables } = payload;
    this.#proof = new FileProof({ path, connection: this.#file, tables, unproven }, options);
  }

  /** Whether a restore may be of this kind; `begin` looks at the databases. */
  static suits(restore: RestoreSource): boolean {
    const { plan, manifest, safe = false } = restore;
    const cannotCopyRows = manifest.unproven !== undefined || manifest.asItIs === true;
    return safe && cannotCopyRows && plan.mode === 'replace' && isWholeDatabase(restore);
  }

  /** Changes nothing. Undefined, with the payload as it was, where rows have to be copied. */
  static async begin(
    target: LiveTarget,
    restore: RestoreSource,
    payload: PayloadDatabase,
    options: WorkOptions,
  ): Promise<LiveFileRestore | undefined> {
    const { logger } = options;
    return inWords('database', { file: databaseName(target.file) }, async () => {
      const live = await Connection.open(target.file, 'write');
      const file = await openUntrusted(payload.file);
      if (await canReplace(file, live)) {
        logger.debug(`The database in the backup is copied over ${target.file} as it is`);
        return new LiveFileRestore(target, restore, payload, { live, file }, options);
      }
      await file.closeQuietly(logger);
      await live.closeQuietly(logger);
      return undefined;
    });
  }

  prepare(): Promise<void> {
    return this.#inWords(undefined, async () => {
      await this.#refuseWithoutRoom();
      this.#proof.begin();
    });
  }

  load(table: TablePlan): Promise<TableChange> {
    return this.#inWords(table, async () => {
      const { signal, report } = this.#options;
      const { name } = this.#payload.table(table.backup);
      const rows = await countStoredRows(this.#file, 'main', name, signal);
      const rowsBefore = table.create ? 0 : await countRows(this.#live, 'main', table.target.name, signal);
      this.#counts.set(table, rows);
      report?.({ phase: 'load', table: table.target, rows, totalRows: table.backup.rows });
      return { table: table.target, rowsBefore, rowsAfter: rows, inserted: rows, updated: 0 };
    });
  }

  finish(): Promise<void> {
    return this.#inWords(undefined, () => this.#proof.finish());
  }

  verify(table: TablePlan): Promise<void> {
    return this.#inWords(table, async () => {
      const { rows } = table.backup;
      const found = this.#counts.get(table);
      if (found !== rows) throw differs(table, `it has ${found} rows, and the backup ${rows}`);
      if (table === this.#restore.plan.tables.at(-1)) await this.#makeReady();
      this.#options.report?.({ phase: 'verify', table: table.target, rows, totalRows: rows });
    });
  }

  async commit(): Promise<void> {
    const { signal, report, logger } = this.#options;
    await this.#inWords(undefined, async () => {
      const version = await this.#dataVersion();
      await this.#live.copyPages('from', this.#payload.file, {
        signal,
        locked: () => this.#refuseOtherState(),
        copied: (pages, of) => report?.({ phase: 'commit', fraction: pages / of }),
      });
      const after = await this.#payload.newFile('after.sqlite');
      await this.#live.copyPages('to', after, {});
      const page = await firstDifferentPage(this.#payload.file, after);
      if (page === undefined) return;
      if ((await this.#dataVersion()) !== version)
        logger.warn('Another program wrote to the database right after the restore, which was not compared');
      else await this.#putBack(page);
    });
    await this.#release();
  }

  async rollback(): Promise<void> {
    await this.#release();
  }

  /** Ends what is open. Never throws. */
  async close(): Promise<void> {
    await this.#release();
  }

  /** What the file is to be when it takes its place, and a copy of what is there. */
  async #makeReady(): Promise<void> {
    await this.#proof.remakeIndexes();
    this.#stateBefore = await this.#state();
    await composeFile(this.#payload.file, this.#target.file, this.#options);
    this.#safetyCopy = await this.#payload.newFile('before.sqlite');
    await this.#live.copyPages('to', this.#safetyCopy, { signal: this.#options.signal });
  }

  async #putBack(page: number): Promise<void> {
    const error = new RestorePointError(
      'verification',
      `After the restore page ${page} of the database was not what the backup holds. The safety copy was put back`,
    );
    try {
      await this.#live.copyPages('from', this.#safetyCopy, {});
    } catch (second) {
      throw notUndone(error, second);
    }
    throw error;
  }

  /** Tells one state of the database from another. */
  async #state(): Promise<string> {
    const header = await this.#target.onDisk.header();
    const log = await stat(`${this.#target.file}-wal`, { bigint: true }).catch(() => undefined);
    return `${header.toString('hex')} ${log?.size ?? 0} ${log?.mtimeNs ?? 0}`;
  }

  /** Called when nobody else can write any more, and nothing is written yet. */
  async #refuseOtherState(): Promise<void> {
    if ((await this.#state()) === this.#stateBefore) return;
    throw new RestorePointError(
      'refused',
      'Another program wrote to the database while the restore was prepared',
      {
        next: 'Start the restore again.',
      },
    );
  }

  async #dataVersion(): Promise<number | undefined> {
    return (await this.#live.get<{ n: number }>('SELECT data_version AS n FROM temp.pragma_data_version'))?.n;
  }

  async #refuseWithoutRoom(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#payload.file);
    const [{ size: now }, { size: then }] = [await stat(this.#target.file), await stat(this.#payload.file)];
    if (bavail * bsize > now + then) return;
    throw new RestorePointError(
      'file',
      'The temporary folder has no room for the safety copy of the database',
      {
        next: 'Free some space there, or let TMPDIR name another folder.',
      },
    );
  }

  async #release(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    const { logger } = this.#options;
    await this.#proof.close();
    await this.#file.closeQuietly(logger);
    await this.#live.closeQuietly(logger);
    await this.#payload.remove(this.#options);
  }

  #inWords<Result>(table: TablePlan | undefined, work: () => Promise<Result>): Promise<Result> {
    return inWords('database', table ? { table: formatTableName(table.target) } : {}, work);
  }
}
