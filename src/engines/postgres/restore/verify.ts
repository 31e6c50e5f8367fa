import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName } from '../../../core/names.ts';
import type { TablePlan } from '../../../core/plan.ts';
import type { TableProgress } from '../rows/progress.ts';
import { RowDigest } from '../rows/rowDigest.ts';

/** Identifies a set of rows. */
export interface Rows {
  readonly rows: number;
  readonly digest: string | undefined;
}

/** Gives rows, piece by piece, through the same stream as a backup does. */
export type ReadRows = (take: (piece: Uint8Array) => void) => Promise<void>;

export async function digestRows(read: ReadRows, progress?: TableProgress): Promise<Rows> {
  const digest = new RowDigest();
  await read((piece) => {
    const before = digest.rows;
    digest.add(piece);
    progress?.add(digest.rows - before, piece.length);
  });
  return { rows: digest.rows, digest: digest.digest };
}

/** Throws `verification` when the rows of a table are not what the backup holds. */
export function compareRows(table: TablePlan, expected: Rows, found: Rows): void {
  const place = { table: formatTableName(table.target) };
  if (found.rows !== expected.rows) {
    throw new RestorePointError(
      'verification',
      `${found.rows} rows were read back, but the backup has ${expected.rows}`,
      { place },
    );
  }
  if (expected.digest === undefined || found.digest === expected.digest) return;
  throw new RestorePointError(
    'verification',
    `Some values in the ${found.rows} rows that were read back differ from the backup`,
    {
      place,
      ...(table.drift.length > 0
        ? { next: `The table has changed since the backup: ${table.drift.join('; ')}.` }
        : {}),
    },
  );
}
