import { RestorePointError } from '../core/errors.ts';
import { formatTableName, type TableName } from '../core/names.ts';

/** Why a table of the backup cannot be restored. */
export interface Refusal {
  /** The table that cannot be restored; none where it is another object of the backup. */
  readonly table?: TableName;
  readonly reason: string;
}

export function refused(refusals: readonly Refusal[]): RestorePointError {
  const reasons = refusals.map(({ table, reason }) =>
    table ? `${formatTableName(table)}: ${reason}` : reason,
  );
  const tables = refusals.flatMap(({ table }) => (table ? [formatTableName(table)] : []));
  return new RestorePointError('refused', reasons.join('; '), {
    unchanged: 'Nothing was changed.',
    // Without these tables nothing else would be in the way.
    ...(refusals.every(({ table }) => table) ? { tables: [...new Set(tables)] } : {}),
  });
}
