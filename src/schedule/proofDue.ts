import type { BackupFile } from '../backup/backupFiles.ts';
import type { Proof } from '../backup/proofs.ts';

/** How often the newest backup of a connection is proved. */
export const proofIntervals = ['never', 'daily', 'weekly', 'monthly'] as const;

export type ProofInterval = (typeof proofIntervals)[number];

const day = 24 * 60 * 60_000;
const lengths: Readonly<Record<ProofInterval, number>> = {
  never: Infinity,
  daily: day,
  weekly: 7 * day,
  monthly: 30 * day,
};

/** Two clocks may differ by so much. A proof from a later time than that does not count. */
const clockTolerance = day;

/**
 * The backup of a connection to prove now: its newest good one, when the last proof of any of them is old enough. After a
 * proof that failed, a newer backup is proved at once. `backups` are those of the connection, in any order.
 */
export function dueProof(
  interval: ProofInterval,
  backups: readonly BackupFile[],
  proofOf: (backup: BackupFile) => Proof | undefined,
  now: number,
): BackupFile | undefined {
  if (interval === 'never') return undefined;
  const newest = newestProvable(backups);
  if (!newest) return undefined;
  const last = backups
    .map(proofOf)
    .filter((proof) => proof !== undefined)
    .filter(({ time }) => time.getTime() <= now + clockTolerance)
    .sort((a, b) => b.time.getTime() - a.time.getTime())[0];
  if (!last || now - last.time.getTime() >= lengths[interval]) return newest;
  const isNewer = proofOf(newest) === undefined && newest.time.getTime() > last.time.getTime();
  return !last.proved && isNewer ? newest : undefined;
}

/** The newest backup of the whole database; if there is none, the newest one with a schema. */
function newestProvable(backups: readonly BackupFile[]): BackupFile | undefined {
  const good = backups.filter(isProvable).sort((a, b) => b.time.getTime() - a.time.getTime());
  // An encrypted one without its key does not say what it holds.
  return good.find(({ manifest }) => manifest?.complete !== false) ?? good[0];
}

function isProvable({ problem, manifest, encryption }: BackupFile): boolean {
  if (problem !== undefined) return false;
  if (!manifest) return encryption !== undefined;
  return manifest.purpose === 'backup' && manifest.only !== 'data' && manifest.writtenRows === undefined;
}
