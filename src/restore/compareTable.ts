import type { BackedUpTable } from '../core/manifest.ts';
import { foldCase } from '../core/names.ts';
import type { Column, Table } from '../core/schema.ts';
import type { SessionFeatures } from '../engines/engine.ts';

export interface TableComparison {
  /** Differences that the restore can live with, as sentences. */
  readonly drift: readonly string[];
  /** Differences with which values would be lost or could not be written. */
  readonly refusals: readonly string[];
}

/** Compares a table as it was backed up with the one there is now (undefined: it will be made). */
export function compareTable(
  backup: BackedUpTable,
  live: Table | undefined,
  features: SessionFeatures,
): TableComparison {
  const drift: string[] = [];
  const refusals: string[] = [];
  if (!live) return { drift, refusals };
  if (!live.holdsRows)
    return { drift, refusals: ['it has no rows of its own now (it is partitioned or virtual)'] };
  const fold = (name: string): string => (features.caseInsensitiveNames ? foldCase(name) : name);
  const now = new Map(live.columns.map((column) => [fold(column.name), column]));
  const then = new Map(backup.table.columns.map((column) => [fold(column.name), column]));
  for (const name of backup.columns) {
    const column = now.get(fold(name));
    const before = then.get(fold(name));
    if (!column) refusals.push(`the column ${name} of the backup no longer exists; its values would be lost`);
    else if (column.generated) refusals.push(`the column ${name} is now generated and cannot be written`);
    else if (before && !sameType(before, column, features)) {
      drift.push(`the column ${name} was ${before.type || 'untyped'} and is ${column.type || 'untyped'} now`);
    }
  }
  for (const column of live.columns) {
    if (then.has(fold(column.name)) || column.generated) continue;
    if (column.notNull && column.default === undefined && !column.identity) {
      refusals.push(`the column ${column.name} is new since the backup, is NOT NULL and has no default`);
    } else drift.push(`the column ${column.name} is new since the backup; restored rows get its default`);
  }
  return { drift, refusals };
}

function sameType(before: Column, now: Column, features: SessionFeatures): boolean {
  if (features.caseInsensitiveNames) return foldCase(before.type) === foldCase(now.type);
  return before.type === now.type;
}
