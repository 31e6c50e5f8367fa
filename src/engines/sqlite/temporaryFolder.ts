import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../../core/logger.ts';

/** A fresh folder that only this user can read; the name tells whose it is, should a killed process leave it. */
export class TemporaryFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<TemporaryFolder> {
    return new TemporaryFolder(await mkdtemp(join(tmpdir(), 'restore-point-')));
  }

  /** Makes an empty file that only this user can read. Resolves to its path. */
  async createFile(name: string): Promise<string> {
    const path = join(this.path, name);
    const file = await open(path, 'wx', 0o600);
    await file.close();
    return path;
  }

  /** Never throws: what cannot be removed is logged. */
  async remove(logger: Logger): Promise<void> {
    try {
      await rm(this.path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    } catch (error) {
      logger.error(`The temporary folder ${this.path} could not be removed`, error);
    }
  }
}
