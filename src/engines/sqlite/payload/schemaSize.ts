import { open } from 'node:fs/promises';
import { RestorePointError } from '../../../core/errors.ts';
import { walkBtree } from '../fileFormat/btree.ts';
import { PageFile, UnclearFile } from '../fileFormat/pages.ts';

/** The limits for the schema of a database in a backup. */
export interface SchemaBounds {
  readonly objects: number;
  readonly bytes: number;
}

/**
 * Measures the schema of a database file that came from anywhere, before SQLite reads it: SQLite needs about fifty times the
 * schema's size of memory, and follows pages that lead to each other in circles. Throws `damaged-backup`.
 */
export async function checkSchemaSize(file: string, bounds: SchemaBounds): Promise<void> {
  const handle = await open(file, 'r');
  let [objects, bytes] = [0, 0];
  try {
    await walkBtree(await PageFile.over(handle), 1, 'table', (_page, _at, _end, _high, _low, size) => {
      objects += 1;
      bytes += size;
      if (objects > bounds.objects) throw tooLarge(`has more than ${bounds.objects} objects`);
      if (bytes > bounds.bytes) throw tooLarge(`takes more than ${bounds.bytes} bytes`);
    });
  } catch (error) {
    if (!(error instanceof UnclearFile)) throw error;
    const message = 'The database in the backup is damaged: its schema has no valid pages';
    throw new RestorePointError('damaged-backup', message);
  } finally {
    await handle.close();
  }
}

function tooLarge(reason: string): RestorePointError {
  return new RestorePointError(
    'damaged-backup',
    `The schema of the database in the backup ${reason}, far beyond what its manifest describes`,
  );
}
