import { RestorePointError } from './errors.ts';
import type { Manifest } from './manifest.ts';

/** Throws `usage` for a file of rows that a restore wrote. `what` cannot be done with it: `The backup cannot be compared`. */
export function requireTables({ writtenRows }: Manifest, file: string, what: string): void {
  if (!writtenRows) return;
  throw new RestorePointError(
    'usage',
    `${what}: this file holds no tables, only the rows that a restore wrote`,
    {
      place: { file },
      next: 'To take these rows back, use: restore-point restore FILE CONNECTION',
    },
  );
}
