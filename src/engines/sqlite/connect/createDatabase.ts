import * as path from 'node:path';
import type { DatabaseAddress } from '../../../core/connections.ts';
import { RestorePointError } from '../../../core/errors.ts';
import type { CreatedDatabase } from '../../engine.ts';
import { isThere } from '../files/isThere.ts';

/** Sees to it that there is no such file. The restore makes it when it has something for it, and takes it away if it fails. */
export async function createDatabase(address: DatabaseAddress, name?: string): Promise<CreatedDatabase> {
  const file = name === undefined ? address.file : path.resolve(name);
  if (file !== undefined && (await isThere(file))) {
    throw new RestorePointError('usage', 'A file of this name is there already', {
      place: { file },
      unchanged: 'Nothing was changed.',
      next: 'Choose another name, or leave --create-database out to restore into that file.',
    });
  }
  return {
    address: file === undefined ? address : { ...address, file },
    warnings: [],
    drop: () => Promise.resolve(),
  };
}
