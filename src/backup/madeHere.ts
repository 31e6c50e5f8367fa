import { appendFile, mkdir, readFile } from 'node:fs/promises';
import * as path from 'node:path';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';

/**
 * Which backups this machine made, told by the fingerprints of their manifests (`Archive.fingerprint`): a list in a folder
 * that only this user can write. A backup is known wherever its file goes, and nothing that a file says of itself counts.
 */
export class MadeHere {
  readonly #file: string;
  readonly #logger: Logger;

  /** `folder`: the state folder; it need not be there. */
  constructor(folder: string, logger: Logger) {
    this.#file = path.join(folder, 'made-here');
    this.#logger = logger;
  }

  /** Never throws: a backup that could not be listed is asked about when it is restored. */
  async add(fingerprint: string): Promise<void> {
    try {
      await mkdir(path.dirname(this.#file), { recursive: true, mode: 0o700 });
      await appendFile(this.#file, `${fingerprint}\n`, { mode: 0o600 });
    } catch (error) {
      this.#logger.warn(
        `It could not be noted that this machine made the backup; a restore of it will ask: ${messageOf(error)}`,
      );
    }
  }

  /** Never throws: what cannot be read knows nothing. */
  async has(fingerprint: string): Promise<boolean> {
    try {
      return (await readFile(this.#file, 'utf8')).split('\n').includes(fingerprint);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#logger.warn(`The list of backups that this machine made cannot be read: ${messageOf(error)}`);
      return false;
    }
  }
}
