import { type ErrorDetails, RestorePointError } from '../core/errors.ts';

/** `what` is a clause: "its checksum does not match". */
export function damaged(
  file: string,
  entry: string | undefined,
  what: string,
  details: ErrorDetails = {},
): RestorePointError {
  return new RestorePointError('damaged-backup', `The backup is damaged: ${what}`, {
    place: { file, ...(entry === undefined ? {} : { entry }) },
    next: 'Do not restore from it; take another backup file.',
    ...details,
  });
}
