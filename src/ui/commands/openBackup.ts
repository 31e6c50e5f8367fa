import { Archive } from '../../archive/archiveReader.ts';
import type { Keys } from '../../archive/encryption/keys.ts';
import type { Manifest } from '../../core/manifest.ts';
import type { KeyOptions } from '../backups/backupKeys.ts';
import type { Services } from '../services.ts';

/** The manifest of a backup file, and its keys if it is encrypted. */
export async function openBackup(
  { keys: known, engineById }: Pick<Services, 'keys' | 'engineById'>,
  file: string,
  options: KeyOptions,
): Promise<{ manifest: Manifest; keys?: Keys }> {
  const keys = await known.keysFor(file, options);
  const archive = await Archive.open(file, engineById, keys);
  await archive.close();
  return { manifest: archive.manifest, ...(keys ? { keys } : {}) };
}
