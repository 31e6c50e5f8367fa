import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName, type TableName } from '../../../core/names.ts';
import type { RestorePlan } from '../../../core/plan.ts';
import type { Connection } from '../connect/connection.ts';

/** Creates only what was planned: an object that has the name by now is not written. Throws `refused`. */
export async function refuseTaken(
  connection: Connection,
  { tables }: RestorePlan,
  signal?: AbortSignal,
): Promise<void> {
  const made = tables.filter(({ create }) => create).map(({ target }) => target.name);
  const taken = await connection.get<{ type: string; name: string }>(
    `SELECT type AS type, name AS name FROM main.sqlite_schema
     WHERE type <> 'trigger' AND name COLLATE NOCASE IN (SELECT value FROM temp.json_each(?)) LIMIT 1`,
    [JSON.stringify(made)],
    signal,
  );
  if (taken) throw changedSince({ name: taken.name }, `a ${taken.type} with its name exists`);
}

export function changedSince(table: TableName, reason: string): RestorePointError {
  return new RestorePointError('refused', `The table has changed since the restore was planned: ${reason}`, {
    place: { table: formatTableName(table) },
    next: 'Start the restore again.',
  });
}
