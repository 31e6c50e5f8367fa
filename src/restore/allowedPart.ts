import { describeError, refusedTables, RestorePointError } from '../core/errors.ts';
import { formatTableName, tableKey, type TableName } from '../core/names.ts';
import type { RestorePlan } from '../core/plan.ts';
import { objectKey } from '../core/schema.ts';
import type { RightsCheck } from '../engines/engine.ts';

/** The part of a plan that the user may carry out. Throws `refused`, with every reason, where rows could not be restored. */
export function allowedPart(
  plan: RestorePlan,
  { refusals, impossible, leftAlone = [] }: RightsCheck,
): RestorePlan {
  const [first, ...others] = refusals;
  if (first && others.length === 0) throw first;
  if (first) {
    const reasons = refusals.map((refusal) => describeError(refusal).replace(/\.$/, ''));
    const tables = refusals.map(refusedTables);
    throw new RestorePointError('refused', reasons.join('; '), {
      // Without them something would still be refused that is about no table.
      ...(tables.every(({ length }) => length > 0) ? { tables: [...new Set(tables.flat())] } : {}),
    });
  }
  const passed = new Set(impossible.map(({ object }) => object));
  const alone = new Set(leftAlone.map(({ target }) => tableKey(target)));
  const stays = (table: TableName | undefined): boolean => table !== undefined && alone.has(tableKey(table));
  return {
    ...plan,
    tables: plan.tables.filter(({ target }) => !stays(target)),
    sequences: plan.sequences.filter(({ table }) => !stays(table)),
    create: plan.create.filter((object) => !passed.has(object)),
    warnings: [
      ...plan.warnings,
      ...leftAlone.map(({ target, reason }) => `not restored: rows of ${formatTableName(target)}: ${reason}`),
      ...impossible.map(
        ({ object, reason }) => `not restored: ${objectKey(object)}: ${reason}: ${object.sql}`,
      ),
    ],
  };
}
