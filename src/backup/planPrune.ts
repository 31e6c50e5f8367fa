import { lstat } from 'node:fs/promises';
import type { Keys } from '../archive/encryption/keys.ts';
import { messageOf, RestorePointError, throwIfCancelled } from '../core/errors.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Engine, WorkOptions } from '../engines/engine.ts';
import {
  applyPolicy,
  type Decision,
  type Exemption,
  type Retainable,
  type RetentionPolicy,
} from '../schedule/retention.ts';
import { backupsIn, readBackupFile, type BackupFile, type FindKeys } from './backupFiles.ts';
import type { MadeHere } from './madeHere.ts';
import { seriesOf } from './series.ts';
import { verifyBackup } from './verifyBackup.ts';

/** A backup of the folder, as it was when it was read. */
export interface PrunableBackup extends Retainable {
  readonly backup: BackupFile;
  /** Identifies the state of the file. */
  readonly stamp: string;
}

export type PruneDecision = Decision<PrunableBackup>;
export type Removal = Extract<PruneDecision, { readonly successor: PrunableBackup }>;

export interface PrunePlan {
  readonly folder: string;
  /** By series, newest first. */
  readonly decisions: readonly PruneDecision[];
}

export interface PlanPruneOptions extends WorkOptions {
  readonly engines: (id: Manifest['source']['engine']) => Engine;
  readonly madeHere: Pick<MadeHere, 'has'>;
  /** Without a key, an encrypted backup stays and does not count. */
  readonly findKeys?: FindKeys;
  /** Backups that this machine did not make count and go like its own. */
  readonly trust?: boolean;
  /** Only these backups count and go. */
  readonly concerns?: (manifest: Manifest) => boolean;
  /** Files that the caller has verified just now. */
  readonly verified?: readonly string[];
  /** Throws where a backup is not as it was written; default: `verifyBackup` in this process. */
  readonly verify?: (file: string, keys: Keys | undefined) => Promise<unknown>;
  readonly now?: Date;
}

/**
 * Which backups of a folder stay and which go. Every backup that goes is intact, and so are the next newer one of its series,
 * which stays, and the newest: all of them are verified here, and one that is damaged stays and does not count. Only regular
 * files of the folder itself go. Throws `file`, `cancelled`.
 */
export async function planPrune(
  folder: string,
  policy: RetentionPolicy,
  options: PlanPruneOptions,
): Promise<PrunePlan> {
  const backups: PrunableBackup[] = [];
  for (const file of await backupsIn(folder)) {
    throwIfCancelled(options.signal);
    const backup = await readPrunable(file, options);
    if (backup) backups.push(backup);
  }
  return { folder, decisions: await verifiedDecisions(backups, policy, options) };
}

export function removalsOf({ decisions }: PrunePlan): Removal[] {
  return decisions.filter((one) => 'successor' in one);
}

/** Identifies a state of a file, or of a link; undefined where it is gone. */
export async function stampOf(file: string): Promise<string | undefined> {
  return (await look(file))?.stamp;
}

async function look(file: string): Promise<{ readonly stamp: string; readonly isLink: boolean } | undefined> {
  const info = await lstat(file, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!info) return undefined;
  const { dev, ino, size, mtimeNs, ctimeNs } = info;
  return { stamp: [dev, ino, size, mtimeNs, ctimeNs].join(' '), isLink: info.isSymbolicLink() };
}

async function readPrunable(file: string, options: PlanPruneOptions): Promise<PrunableBackup | undefined> {
  // Before the file is read: a change while it is read shows later.
  const found = await look(file);
  const backup = found && (await readBackupFile(file, options.engines, options.findKeys));
  if (!backup) return undefined;
  const { manifest, time, fingerprint = file, pinned = false } = backup;
  const exemption = found.isLink ? ({ kind: 'link' } as const) : await exemptionOf(backup, options);
  return {
    ...{ file, time, fingerprint, pinned, backup, stamp: found.stamp },
    series: manifest ? seriesOf(manifest) : '',
    ...(exemption ? { exemption } : {}),
  };
}

async function exemptionOf(
  { manifest, fingerprint, problem }: BackupFile,
  { madeHere, trust, concerns }: PlanPruneOptions,
): Promise<Exemption | undefined> {
  if (problem !== undefined) return { kind: 'damaged', problem };
  if (!manifest || fingerprint === undefined) return { kind: 'locked' };
  if (concerns && !concerns(manifest)) return { kind: 'otherDatabase' };
  if (manifest.purpose === 'safety') return { kind: 'safety' };
  return trust || (await madeHere.has(fingerprint)) ? undefined : { kind: 'foreign' };
}

/** Decides, verifies what the decision rests on, and decides again where some of that is damaged. */
async function verifiedDecisions(
  backups: readonly PrunableBackup[],
  policy: RetentionPolicy,
  options: PlanPruneOptions,
): Promise<readonly PruneDecision[]> {
  const now = options.now ?? new Date();
  const verified = new Set(options.verified);
  const problems = new Map<string, string>();
  for (;;) {
    const known = backups.map((backup): PrunableBackup => {
      const problem = problems.get(backup.file);
      return problem === undefined ? backup : { ...backup, exemption: { kind: 'damaged', problem } };
    });
    const decisions = applyPolicy(known, policy, now);
    const unverified = restingOn(decisions).filter((file) => !verified.has(file));
    if (unverified.length === 0) return decisions;
    for (const file of unverified) {
      const problem = await problemWith(file, options);
      if (problem === undefined) verified.add(file);
      else problems.set(file, problem);
      if (problem !== undefined) break;
    }
  }
}

/** The files that have to be intact: those that stay instead of others, the newest ones, and those that go. */
function restingOn(decisions: readonly PruneDecision[]): string[] {
  const removals = decisions.filter((one) => 'successor' in one);
  const pruned = new Set(removals.map(({ backup }) => backup.series));
  const newest = decisions.filter(
    (one) =>
      'reasons' in one &&
      pruned.has(one.backup.series) &&
      one.reasons.some(({ kind }) => kind === 'lastGood'),
  );
  const files = [
    ...newest.map(({ backup }) => backup.file),
    ...removals.map(({ successor }) => successor.file),
    ...removals.map(({ backup }) => backup.file),
  ];
  return [...new Set(files)];
}

/** Why a backup cannot be relied on; undefined where it is intact. Throws `cancelled`. */
async function problemWith(file: string, options: PlanPruneOptions): Promise<string | undefined> {
  throwIfCancelled(options.signal);
  const { engines, findKeys, verify = verifyHere } = options;
  function verifyHere(path: string, keys: Keys | undefined): Promise<unknown> {
    return verifyBackup(path, engines, { ...options, ...(keys ? { keys } : {}) });
  }
  try {
    await verify(file, await findKeys?.(file));
    options.logger.info(`Verified ${file}`);
    return undefined;
  } catch (error) {
    if (!RestorePointError.is(error) || error.code === 'cancelled') throw error;
    options.logger.warn(`${file} is not intact: ${messageOf(error)}`);
    return messageOf(error);
  }
}
