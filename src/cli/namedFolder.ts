import { stat } from 'node:fs/promises';
import * as path from 'node:path';
import { fileError } from '../archive/publish.ts';
import { RestorePointError } from '../core/errors.ts';

/** A folder that the user names and that does not exist is a slip, not an empty folder. Throws `file` or `usage`. */
export async function checkNamedFolder(folder: string): Promise<void> {
  const file = path.resolve(folder);
  const info = await stat(file).catch((error: unknown) => {
    throw fileError('The folder cannot be read', file, error);
  });
  if (!info.isDirectory()) {
    throw new RestorePointError('usage', 'This is a file, not a folder', { place: { file } });
  }
}
