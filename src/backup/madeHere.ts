import * as path from 'node:path';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { PrivateList } from '../core/privateList.ts';

/**
 * Which backups this machine made, by the fingerprints of their manifests (`Archive.fingerprint`): a list in a folder
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
        `Could not record that this machine made the backup. Restoring it will ask whether its statements may run: ${messageOf(error)}`,
      );
    }
  }

  /** Never throws: what cannot be read knows nothing. */
  async has(fingerprint: string): Promise<boolean> {
    try {
      return await this.#list.has(fingerprint);
    } catch (error) {
      this.#logger.warn(`The list of backups made on this machine cannot be used: ${messageOf(error)}`);
      return false;
    }
  }
}
