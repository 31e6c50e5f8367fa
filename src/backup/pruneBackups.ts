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

export interface RemoveOptions extends Pick<PlanPruneOptions, 'signal' | 'logger'> {
  /** Removes a backup and its pin; default: for ever. */
  readonly remove?: (file: string) => Promise<void>;
}

export interface PruneOptions extends PlanPruneOptions, RemoveOptions {
  /** Which of the backups that may go do go; default: all. Throws to stop. */
  readonly choose?: (plan: PrunePlan) => Promise<readonly Removal[]>;
}

/** A backup that was to go, and is still there, or was removed by somebody else. */
export interface LeftBackup {
  readonly file: string;
  readonly reason: 'gone' | 'changed' | 'pinned' | 'successorChanged' | 'failed';
  /** For `failed`: why it was not deleted. */
  readonly problem?: string;
}

export interface RemoveReport {
  readonly removed: readonly Removal[];
  /** The size of the removed files. */
  readonly bytes: number;
  readonly left: readonly LeftBackup[];
}

export interface PruneReport extends RemoveReport {
  readonly plan: PrunePlan;
}

/**
 * Removes backups of a folder that a policy does not keep (see `planPrune` and `removePlanned`), without a question unless
 * `choose` asks one. With an empty policy nothing is removed. Throws `file`, `cancelled`.
 */
export async function pruneBackups(
  folder: string,
  policy: RetentionPolicy,
  options: PruneOptions,
): Promise<PruneReport> {
  const plan = await planPrune(folder, policy, options);
  const removals = removalsOf(plan);
  const chosen = options.choose && removals.length > 0 ? await options.choose(plan) : removals;
  return { plan, ...(await removePlanned(chosen, options)) };
}

/**
 * Removes backups of a plan, the oldest first. A backup stays if it, or the backup that is kept instead, has changed since the
 * plan was made. Throws `cancelled`.
 */
export async function removePlanned(
  removals: readonly Removal[],
  options: RemoveOptions,
): Promise<RemoveReport> {
  const removed: Removal[] = [];
  const left: LeftBackup[] = [];
  for (const removal of removals.toSorted((a, b) => a.backup.time.getTime() - b.backup.time.getTime())) {
    throwIfStopped(options.signal, removed.length);
    const kept = await removeUnchanged(removal, options);
    if (kept) left.push(kept);
    else removed.push(removal);
  }
  return { removed, left, bytes: bytesOf(removed) };
}

/** The size of their files. */
export function bytesOf(removals: readonly Removal[]): number {
  return removals.reduce((sum, { backup }) => sum + backup.backup.size, 0);
}

/** Undefined if it was removed. */
async function removeUnchanged(
  { backup, successor }: Removal,
  { remove = removeBackup, logger }: RemoveOptions,
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
    // Whatever else `remove` throws stops it.
    const isFileError =
      RestorePointError.is(error) || typeof (error as NodeJS.ErrnoException).code === 'string';
    if (!isFileError) throw error;
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
