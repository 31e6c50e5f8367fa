import * as path from 'node:path';
import type { DatabaseAddress } from '../../../core/connections.ts';
import { RestorePointError } from '../../../core/errors.ts';
import type { CreatedDatabase } from '../../engine.ts';
import { isThere } from '../files/isThere.ts';

/** Checks that the file does not exist. The restore creates it, and removes it if it fails. */
export async function createDatabase(address: DatabaseAddress, name?: string): Promise<CreatedDatabase> {
  const file = name === undefined ? address.file : path.resolve(name);
  if (file !== undefined && (await isThere(file))) {
    throw new RestorePointError('usage', 'A file with this name already exists', {
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
