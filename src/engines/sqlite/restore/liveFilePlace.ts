import { stat, statfs } from 'node:fs/promises';
import { RestorePointError } from '../../../core/errors.ts';
import { committed, type RestoreOutcome, unchanged } from '../../../core/outcome.ts';
import type { TablePlan } from '../../../core/plan.ts';
import type { RestoreSource, WorkOptions } from '../../engine.ts';
import { databaseName } from '../connect/address.ts';
import { Connection } from '../connect/connection.ts';
import { countRows } from '../rows/counts.ts';
import { describeFailure, inWords } from '../connect/errors.ts';
import { headerBytes } from '../fileFormat/databaseHeader.ts';
import { firstDifferentPage } from '../fileFormat/samePages.ts';
import type { FileOnDisk } from '../files/fileOnDisk.ts';
import { foldName } from '../connect/identifiers.ts';
import { type PayloadDatabase, readSettings } from '../payload/payloadDatabase.ts';
import { openUntrusted } from '../payload/untrusted.ts';
import { cannotCopyRows, type FilePlace, WholeFileRestore } from './wholeFileRestore.ts';

/** The live database. */
export interface LiveTarget {
  readonly file: string;
  readonly onDisk: FileOnDisk;
}

/**
 * A live database whose rows cannot be copied, because they need something that only the application registers. SQLite's
 * online backup API copies the file over it in one transaction. That commits by itself: the result is compared after it, and
 * a safety copy is put back should it differ.
 */
export class LiveFilePlace implements FilePlace {
  readonly path: string;
  outcome: RestoreOutcome = unchanged;
  readonly #target: LiveTarget;
  readonly #payload: PayloadDatabase;
  readonly #live: Connection;
  readonly #options: WorkOptions;
  #stateBefore = '';
  #safetyCopy = '';

  private constructor(target: LiveTarget, payload: PayloadDatabase, live: Connection, options: WorkOptions) {
    this.path = payload.file;
    this.#target = target;
    this.#payload = payload;
    this.#live = live;
    this.#options = options;
  }

  /** Whether a restore may be of this kind; `open` looks at the databases. */
  static suits(restore: RestoreSource): boolean {
    const { plan, safe = false } = restore;
    return safe && cannotCopyRows(restore) && plan.mode === 'replace' && WholeFileRestore.suits(restore);
  }

  /** Changes nothing. Undefined, with the payload as it was, where rows have to be copied. */
  static async open(
    target: LiveTarget,
    payload: PayloadDatabase,
    options: WorkOptions,
  ): Promise<LiveFilePlace | undefined> {
    const { logger } = options;
    return inWords('database', { file: databaseName(target.file) }, async () => {
      const live = await Connection.open(target.file, 'write');
      const file = await openUntrusted(payload.file);
      const suits = await canReplace(file, live);
      await file.closeQuietly(logger);
      if (suits) {
        logger.debug(`The database in the backup is copied over ${target.file} as it is`);
        return new LiveFilePlace(target, payload, live, options);
      }
      await live.closeQuietly(logger);
      return undefined;
    });
  }

  rowsBefore({ target }: TablePlan): Promise<number> {
    return countRows(this.#live, 'main', target.name, this.#options.signal);
  }

  /** Its bytes were compared with their checksums as they were taken out of the backup. */
  verify(): Promise<void> {
    return Promise.resolve();
  }

  async makeReady(): Promise<void> {
    const { bavail, bsize } = await statfs(this.path);
    const [{ size: now }, { size: then }] = [await stat(this.#target.file), await stat(this.path)];
    if (bavail * bsize <= now + then) {
      const next = 'Free some space there, or set TMPDIR to another folder.';
      const message = 'The temporary folder has no space for the safety copy of the database';
      throw new RestorePointError('file', message, { next });
    }
    this.#stateBefore = await this.#state();
    this.#safetyCopy = await this.#payload.newFile('before.sqlite');
    await this.#live.copyPages('to', this.#safetyCopy, { signal: this.#options.signal });
  }

  async commit(): Promise<void> {
    const { signal, report } = this.#options;
    const version = await this.#dataVersion();
    await this.#live.copyPages('from', this.path, {
      signal,
      locked: () => this.#refuseOtherState(),
      copied: (pages, of) => report?.({ phase: 'commit', fraction: pages / of }),
    });
    this.outcome = { state: 'changed', what: 'The database was restored, but the result was not compared.' };
    try {
      await this.#compare(version);
      this.outcome = committed;
    } catch (error) {
      throw await this.#putBack(error, version);
    }
  }

  async release(): Promise<void> {
    await this.#live.closeQuietly(this.#options.logger);
    await this.#payload.remove(this.#options);
  }

  async #compare(version: number | undefined): Promise<void> {
    const after = await this.#payload.newFile('after.sqlite');
    await this.#live.copyPages('to', after, {});
    const page = await firstDifferentPage(this.path, after);
    if (page === undefined) return;
    if ((await this.#dataVersion()) === version) {
      const message = `After the restore page ${page} of the database was not what the backup holds`;
      throw new RestorePointError('verification', message);
    }
    this.#options.logger.warn(
      'Another program wrote to the database right after the restore, so the result was not compared with the backup',
    );
  }

  /** What another program wrote right after the restore stays. Gives the error back, with what became of the database. */
  async #putBack(error: unknown, version: number | undefined): Promise<unknown> {
    try {
      if ((await this.#dataVersion()) !== version) return error;
      await this.#live.copyPages('from', this.#safetyCopy, {});
    } catch (cause) {
      const what = 'The database was restored, and the safety copy could not be put back.';
      this.outcome = { state: 'changed', what, cause };
      return error;
    }
    this.outcome = unchanged;
    return describeFailure(error, 'database').with({
      unchanged: 'The safety copy was put back: the database is as it was.',
    });
  }

  /** Tells one state of the database from another. */
  async #state(): Promise<string> {
    const header = Buffer.alloc(headerBytes);
    await (await this.#target.onDisk.handle()).read(header, 0, headerBytes, 0);
    const log = await stat(`${this.#target.file}-wal`, { bigint: true }).catch(() => undefined);
    return `${header.toString('hex')} ${log?.size ?? 0} ${log?.mtimeNs ?? 0}`;
  }

  /** Called when nobody else can write any more, and nothing is written yet. */
  async #refuseOtherState(): Promise<void> {
    if ((await this.#state()) === this.#stateBefore) return;
    const next = 'Start the restore again.';
    const message = 'Another program wrote to the database while the restore was prepared';
    throw new RestorePointError('refused', message, { next });
  }

  async #dataVersion(): Promise<number | undefined> {
    return (await this.#live.get<{ n: number }>('SELECT data_version AS n FROM temp.pragma_data_version'))?.n;
  }
}

/**
 * Whether a database file can take the place of a live one: text is stored alike, pages are of one size, and it has all that
 * the live one has.
 */
async function canReplace(file: Connection, live: Connection): Promise<boolean> {
  const [one, other] = [await readSettings(file), await readSettings(live)];
  const alike =
    one.encoding === other.encoding && one.pageSize === other.pageSize && one.autoVacuum === other.autoVacuum;
  if (!alike) return false;
  const known = await readStatements(file);
  return [...(await readStatements(live))].every(([object, sql]) => known.get(object) === sql);
}

/** By kind and folded name. Automatic indexes and SQLite's own tables have no statement, or are nobody's. */
async function readStatements(connection: Connection): Promise<Map<string, string>> {
  const rows = await connection.all<{ type: string; name: string; text: string }>(
    `SELECT type AS type, name AS name, sql AS text FROM main.sqlite_schema
     WHERE sql IS NOT NULL AND substr(name, 1, 7) <> 'sqlite_'`,
  );
  return new Map(rows.map(({ type, name, text }) => [`${type} ${foldName(name)}`, text]));
}
