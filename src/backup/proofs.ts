import * as path from 'node:path';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { PrivateList } from '../core/privateList.ts';
import { version } from '../core/version.ts';

/** The last attempt on this machine to restore a backup into a scratch database. */
export interface Proof {
  readonly proved: boolean;
  readonly time: Date;
  /** The version of Restore Point that did it. */
  readonly by: string;
}

/**
 * Which backups this machine has proved, by their fingerprints (`Archive.fingerprint`): a list in a folder that only this
 * user can write. Nothing that a file says of itself counts.
 */
export class Proofs {
  readonly #list: PrivateList;
  readonly #logger: Logger;

  /** `folder`: the state folder; it need not be there. */
  constructor(folder: string, logger: Logger) {
    this.#list = new PrivateList(path.join(folder, 'proofs'));
    this.#logger = logger;
  }

  /** Under all fingerprints by which the file is found. Never throws. */
  async add(fingerprints: readonly string[], proved: boolean, time = new Date()): Promise<void> {
    const result = proved ? 'proved' : 'failed';
    try {
      for (const one of fingerprints)
        await this.#list.add(`${one} ${time.toISOString()} ${version} ${result}`);
    } catch (error) {
      this.#logger.warn(`The result of the proof could not be recorded: ${messageOf(error)}`);
    }
  }

  /** The last proofs, by fingerprint. Never throws: what cannot be read says nothing. */
  async all(): Promise<ReadonlyMap<string, Proof>> {
    try {
      return new Map((await this.#list.lines()).flatMap(parseLine));
    } catch (error) {
      this.#logger.warn(`The list of proofs cannot be used: ${messageOf(error)}`);
      return new Map();
    }
  }
}

/** A line of a later version may have more to say. */
function parseLine(line: string): [string, Proof][] {
  const [fingerprint = '', at = '', by = '', result] = line.split(' ');
  const time = new Date(at);
  if (Number.isNaN(time.getTime()) || (result !== 'proved' && result !== 'failed')) return [];
  return [[fingerprint, { proved: result === 'proved', time, by }]];
}

/** The names of the databases that proofs create on servers, so that a later one can drop what a killed one left. */
export class ProofDatabases {
  readonly #list: PrivateList;
  readonly #logger: Logger;

  /** `folder`: the state folder; it need not be there. */
  constructor(folder: string, logger: Logger) {
    this.#list = new PrivateList(path.join(folder, 'proof-databases'));
    this.#logger = logger;
  }

  /** Never throws. */
  async add(name: string): Promise<void> {
    try {
      await this.#list.add(name);
    } catch (error) {
      this.#logger.warn(
        `The name of the database ${name} could not be recorded. If this process is killed, drop it yourself: ${messageOf(error)}`,
      );
    }
  }

  /** Never throws. */
  async has(name: string): Promise<boolean> {
    try {
      return await this.#list.has(name);
    } catch (error) {
      this.#logger.warn(`The list of databases for proofs cannot be used: ${messageOf(error)}`);
      return false;
    }
  }
}
