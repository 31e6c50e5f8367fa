import * as path from 'node:path';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { PrivateList } from '../core/privateList.ts';

/**
 * Which backups this machine made, told by the fingerprints of their manifests (`Archive.fingerprint`): a list in a folder
 * that only this user can write. A backup is known wherever its file goes, and nothing that a file says of itself counts.
 */
export class MadeHere {
  readonly #list: PrivateList;
  readonly #logger: Logger;

  /** `folder`: the state folder; it need not be there. */
  constructor(folder: string, logger: Logger) {
    this.#list = new PrivateList(path.join(folder, 'made-here'));
    this.#logger = logger;
  }

  /** Never throws: a backup that could not be listed is asked about when it is restored. */
  async add(fingerprint: string): Promise<void> {
    try {
      await this.#list.add(fingerprint);
    } catch (error) {
      this.#logger.warn(
        `It could not be noted that this machine made the backup; a restore of it will ask: ${messageOf(error)}`,
      );
    }
  }

  /** Never throws: what cannot be read knows nothing. */
  async has(fingerprint: string): Promise<boolean> {
    try {
      return await this.#list.has(fingerprint);
    } catch (error) {
      this.#logger.warn(`The list of backups that this machine made cannot be used: ${messageOf(error)}`);
      return false;
    }
  }
}
