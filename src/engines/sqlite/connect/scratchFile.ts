import { join } from 'node:path';
import type { DatabaseAddress } from '../../../core/connections.ts';
import type { CreatedDatabase, ScratchOptions } from '../../engine.ts';
import { TemporaryFolder } from '../files/temporaryFolder.ts';
import { describeFailure } from './errors.ts';

/** See `Engine.createScratch`. The file is in a temporary folder, which only this user can read. */
export async function createScratch(
  _address: DatabaseAddress | undefined,
  { logger, secretBytes }: ScratchOptions,
): Promise<CreatedDatabase> {
  const folder = await TemporaryFolder.create(logger, secretBytes).catch((error: unknown) => {
    throw describeFailure(error, 'file');
  });
  return {
    address: { engine: 'sqlite', file: join(folder.path, 'proof.db') },
    warnings: [],
    drop: () => folder.remove(logger),
  };
}
