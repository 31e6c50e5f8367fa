import { type ErrorDetails, RestorePointError } from '../core/errors.ts';

const another = 'Do not restore from it; take another backup file.';

/** Of damaged rows others may be whole; without its manifest nothing of a backup can be told apart. */
const salvage = 'If there is none, `restore-point salvage` makes a sound one of what still holds.';

/** `what` is a clause: "its checksum does not match". */
export function damaged(
  file: string,
  entry: string | undefined,
  what: string,
  details: ErrorDetails = {},
): RestorePointError {
  return new RestorePointError('damaged-backup', `The backup is damaged: ${what}`, {
    place: { file, ...(entry === undefined ? {} : { entry }) },
    next: entry?.startsWith('data/') ? `${another} ${salvage}` : another,
    ...details,
  });
}
