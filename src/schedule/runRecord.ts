import { createHash, randomBytes } from 'node:crypto';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { messageOf } from '../core/errors.ts';
import { isWrittenByOwner, makePrivateFolder, removeFile } from '../core/ownFiles.ts';
import type { Logger } from '../core/logger.ts';

/** What is known of the scheduled backups of one database in one backup folder. Times in milliseconds since 1970. */
export interface RunRecord {
  /** The schedule that the times below belong to. */
  readonly schedule: string;
  /** See `RunTimes`. */
  readonly since: number;
  /** The start of the last run that did not fail. */
  readonly lastRun?: number;
  readonly lastBackup?: LastBackup;
  /** Nothing had changed since the last backup, when this was looked at last. */
  readonly unchangedAt?: number;
  /** The runs since the last good one have failed. */
  readonly failure?: Failure;
}

export interface LastBackup {
  readonly at: number;
  readonly file: string;
  /** See `Session.changeSign`. Absent if it is not known whether the database has changed since. */
  readonly sign?: string;
  /** How it is encrypted, as the settings write it. */
  readonly encrypt?: string;
}

export interface Failure {
  /** The first of the failures, the last one, and how many there were. */
  readonly since: number;
  readonly at: number;
  readonly attempts: number;
  /** Why the last one failed, for people. */
  readonly reason: string;
  readonly needs?: 'password' | 'passphrase';
}

/** Identifies a database together with the folder for its backups, so that several windows share lock and record. */
export function runKey(parts: {
  readonly folder: string;
  readonly connection: string;
  readonly target: string;
}): string {
  const text = JSON.stringify([parts.folder, parts.connection, parts.target]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** The records of all schedules of this user, each in a file that only this user can read and write. */
export class RunRecords {
  readonly folder: string;
  readonly #logger: Logger;

  constructor(stateFolder: string, logger: Logger) {
    this.folder = path.join(stateFolder, 'schedules');
    this.#logger = logger;
  }

  /** Undefined if there is none. One that cannot be used counts as none, and the log says so. */
  async read(key: string): Promise<RunRecord | undefined> {
    const file = this.#fileOf(key);
    try {
      if (!isWrittenByOwner(await stat(file))) throw new Error('other users can write to it');
      const found: unknown = JSON.parse(await readFile(file, 'utf8'));
      if (!isRecord(found)) throw new Error('it is not a record of scheduled backups');
      return found;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#logger.warn(`${file} is ignored: ${messageOf(error)}`);
      }
      return undefined;
    }
  }

  /** Throws errors of the file system. */
  async write(key: string, record: RunRecord): Promise<void> {
    await makePrivateFolder(this.folder);
    const part = `${this.#fileOf(key)}.${randomBytes(6).toString('hex')}`;
    try {
      await writeFile(part, JSON.stringify(record), { mode: 0o600 });
      await rename(part, this.#fileOf(key));
    } catch (error) {
      await removeFile(part);
      throw error;
    }
  }

  #fileOf(key: string): string {
    return path.join(this.folder, `${key}.json`);
  }
}

function isRecord(value: unknown): value is RunRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { schedule, since, lastRun, unchangedAt, lastBackup, failure } = value as Record<string, unknown>;
  return (
    typeof schedule === 'string' &&
    typeof since === 'number' &&
    [lastRun, unchangedAt].every((time) => time === undefined || typeof time === 'number') &&
    hasTypes(lastBackup, { at: 'number', file: 'string' }) &&
    hasTypes(failure, { since: 'number', at: 'number', attempts: 'number', reason: 'string' })
  );
}

function hasTypes(value: unknown, types: Readonly<Record<string, string>>): boolean {
  if (value === undefined) return true;
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(types).every(
    ([name, type]) => typeof (value as Record<string, unknown>)[name] === type,
  );
}
