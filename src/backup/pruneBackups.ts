import { describeError, RestorePointError } from '../core/errors.ts';
import { formatQuantity } from '../core/format.ts';
import type { RetentionPolicy } from '../schedule/retention.ts';
import { isPinned, removeBackup } from './pins.ts';
import {
  planPrune,
  removalsOf,
  stampOf,
  type PlanPruneOptions,
  type PrunePlan,
  type Removal,
} from './planPrune.ts';

export interface PruneOptions extends PlanPruneOptions {
  /** Which of the backups that may go do go; default: all. Throws to stop. */
  readonly choose?: (plan: PrunePlan) => Promise<readonly Removal[]>;
  /** Removes a backup and its pin; default: for ever. */
  readonly remove?: (file: string) => Promise<void>;
}

/** A backup that was to go, and is still there, or was removed by somebody else. */
export interface LeftBackup {
  readonly file: string;
  readonly reason: 'gone' | 'changed' | 'pinned' | 'successorChanged' | 'failed';
  /** For `failed`: why it was not deleted. */
  readonly problem?: string;
}

export interface PruneReport {
  readonly plan: PrunePlan;
  readonly removed: readonly Removal[];
  /** Of the removed files. */
  readonly bytes: number;
  readonly left: readonly LeftBackup[];
}

/**
 * Removes backups of a folder that a policy does not keep (see `planPrune`), the oldest first. A backup stays if it, or the
 * backup that is kept instead, has changed since it was verified. With an empty policy nothing is removed.
 * Throws `file`, `cancelled`.
 */
export async function pruneBackups(
  folder: string,
  policy: RetentionPolicy,
  options: PruneOptions,
): Promise<PruneReport> {
  const plan = await planPrune(folder, policy, options);
  const removals = removalsOf(plan);
  const chosen = options.choose && removals.length > 0 ? await options.choose(plan) : removals;
  const removed: Removal[] = [];
  const left: LeftBackup[] = [];
  for (const removal of chosen.toSorted((a, b) => a.backup.time.getTime() - b.backup.time.getTime())) {
    throwIfStopped(options.signal, removed.length);
    const kept = await removeUnchanged(removal, options);
    if (kept) left.push(kept);
    else removed.push(removal);
  }
  return { plan, removed, left, bytes: removed.reduce((sum, { backup }) => sum + backup.backup.size, 0) };
}

/** Undefined if it was removed. */
async function removeUnchanged(
  { backup, successor }: Removal,
  { remove = removeBackup, logger }: PruneOptions,
): Promise<LeftBackup | undefined> {
  const { file } = backup;
  try {
    if ((await stampOf(successor.file)) !== successor.stamp) return { file, reason: 'successorChanged' };
    if (!backup.pinned && (await isPinned(file))) return { file, reason: 'pinned' };
    const stamp = await stampOf(file);
    if (stamp !== backup.stamp) return { file, reason: stamp === undefined ? 'gone' : 'changed' };
    await remove(file);
    logger.info(`Removed ${file}; ${successor.file} is kept`);
    return undefined;
  } catch (error) {
    return { file, reason: 'failed', problem: describeError(error) };
  }
}

function throwIfStopped(signal: AbortSignal | undefined, removed: number): void {
  if (!signal?.aborted) return;
  const unchanged =
    removed === 0
      ? 'No backup was deleted.'
      : `${formatQuantity(removed, 'backup')} had been deleted; all others are unchanged.`;
  throw new RestorePointError('cancelled', 'Cancelled', { unchanged });
}
