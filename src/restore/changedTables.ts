import type { TablePlan } from '../core/plan.ts';

/** Whether the restore is known to write no row of a table. */
export function isUnchanged({ changes, create }: TablePlan): boolean {
  if (!changes || changes.atLeast || create) return false;
  return changes.inserted + changes.updated + changes.deleted === 0;
}

/** The tables that may change, those that change most first; and those that are known to stay as they are. */
export function splitByChange(tables: readonly TablePlan[]): {
  readonly changed: readonly TablePlan[];
  readonly unchanged: readonly TablePlan[];
} {
  const sum = ({ changes }: TablePlan): number =>
    changes ? changes.inserted + changes.updated + changes.deleted : 0;
  return {
    changed: tables.filter((table) => !isUnchanged(table)).toSorted((a, b) => sum(b) - sum(a)),
    unchanged: tables.filter(isUnchanged),
  };
}
