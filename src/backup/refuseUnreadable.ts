import { RestorePointError } from '../core/errors.ts';
import { formatTableName, tableKey } from '../core/names.ts';
import type { DatabaseSchema } from '../core/schema.ts';
import type { TableSelection } from '../engines/engine.ts';

/** Throws `refused`, naming all of them, when tables that were chosen hold rows that the user may not read. */
export function refuseUnreadable(
  { unreadable: all = [] }: DatabaseSchema,
  chosen: readonly TableSelection[],
): void {
  const wanted = new Set(chosen.map(({ table }) => tableKey(table.name)));
  const found = all.filter(({ table }) => wanted.has(tableKey(table)));
  const [only] = found;
  if (!only) return;
  const remedies = [...new Set(found.map(({ remedy }) => remedy))].join('; ');
  const next = `Leave out what this user cannot read, or ask its owner or a superuser to run: ${remedies}`;
  if (found.length === 1) {
    throw new RestorePointError('refused', only.reason, {
      place: { table: formatTableName(only.table) },
      next,
    });
  }
  const reasons = found.map(({ table, reason }) => `${formatTableName(table)}: ${reason}`);
  throw new RestorePointError(
    'refused',
    `This user does not have permission to read everything: ${reasons.join('; ')}`,
    {
      next,
      tables: found.map(({ table }) => formatTableName(table)),
    },
  );
}
