import { RestorePointError } from '../../core/errors.ts';
import { holdsAllRows } from '../../core/manifest.ts';
import { formatTableName } from '../../core/names.ts';
import type { TablePlan } from '../../core/plan.ts';
import type { RestoreSource } from '../engine.ts';
import { virtualTableKind } from './catalog.ts';
import { hasKeyword } from './sqlText.ts';

/**
 * Whether all of a backup is restored, and the database in it may be taken as it is. That of a backup which came from
 * elsewhere may hold more than its manifest says: of that one, rows alone are taken. A table without rowids is the index
 * of its rows, in whatever order it was, and what modules keep is theirs to make: it is taken as it is only where rows
 * cannot be copied, for want of something that the application alone registers.
 */
export function isWholeDatabase({ plan, manifest, madeHere = false }: RestoreSource): boolean {
  const { tables, objects, complete, unproven, asItIs } = manifest;
  return (
    madeHere &&
    complete &&
    plan.whole &&
    plan.only === undefined &&
    plan.tables.length > 0 &&
    plan.tables.length === tables.length &&
    plan.tables.every(({ backup }) => holdsAllRows(backup)) &&
    (unproven !== undefined ||
      asItIs === true ||
      objects.every(({ kind, sql }) => kind !== virtualTableKind && !hasKeyword(sql, 'WITHOUT')))
  );
}

/** Of a file that is to be what the backup holds, byte by byte. */
export function differsFrom(position: number): RestorePointError {
  return new RestorePointError(
    'verification',
    `What was restored is not what the backup holds: the file differs from byte ${position} on`,
  );
}

export function differs({ target }: TablePlan, reason: string): RestorePointError {
  return new RestorePointError('verification', `What was restored is not what the backup holds: ${reason}`, {
    place: { table: formatTableName(target) },
  });
}
