import { type ErrorDetails, RestorePointError } from '../core/errors.ts';
import { manifestEntry } from './writeArchive.ts';

const another = 'Do not restore from it. Use another backup file.';

const salvage = 'If you have no other, salvage this one: that saves everything still intact to a new backup.';

/** `what` is a clause: "its checksum does not match". */
export function damaged(
  file: string,
  entry: string | undefined,
  what: string,
  details: ErrorDetails = {},
): RestorePointError {
  const { next = another, salvageable = holdsManifest(entry) } = details;
  return new RestorePointError('damaged-backup', `The backup is damaged: ${what}`, {
    ...details,
    place: { file, ...(entry === undefined ? {} : { entry }) },
    ...(salvageable ? { next: `${next} ${salvage}`, salvageable } : { next }),
  });
}

/** If rows are damaged, others may be intact; without the manifest, nothing can be identified. */
function holdsManifest(entry: string | undefined): boolean {
  return entry !== undefined && entry !== manifestEntry;
}
