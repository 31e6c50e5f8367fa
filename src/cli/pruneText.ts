import * as path from 'node:path';
import type { PrunableBackup, PruneDecision, PrunePlan } from '../backup/planPrune.ts';
import { formatBytes, formatQuantity as count } from '../core/format.ts';
import { visible } from '../core/visible.ts';
import type { Exemption, KeepReason } from '../schedule/retention.ts';
import { extentText, localTime, withoutFile } from './listCommand.ts';
import { aligned } from './summary.ts';

/** What goes and what stays with the reasons, by database and part of it, newest first. */
export function prunePlanText({ decisions }: PrunePlan, { trust }: { readonly trust: boolean }): string {
  const groups = [...Map.groupBy(decisions, ({ backup }) => backup.series).values()];
  const exempt = (kind: Exemption['kind']): number =>
    decisions.filter((one) => 'reasons' in one && one.reasons.some((reason) => reason.kind === kind)).length;
  const [foreign, locked] = [exempt('foreign'), exempt('locked')];
  return [
    ...groups.flatMap((group) => [titleOf(group[0]!.backup), ...aligned(group.map(cellsOf))]),
    ...(foreign > 0 && !trust
      ? [
          `Not made on this machine: ${count(foreign, 'backup')}. They are kept and not counted. With --trust they are treated like the others.`,
        ]
      : []),
    ...(locked > 0
      ? [
          `Encrypted, and no key opens them: ${count(locked, 'backup')}. They are kept and not counted. Give the key with --identity or --passphrase-file.`,
        ]
      : []),
  ].join('\n');
}

function titleOf({ backup: { manifest } }: PrunableBackup): string {
  if (!manifest) return 'Encrypted or damaged';
  const { database, serverVersion } = manifest.source;
  return visible(`${database} (${serverVersion}), ${extentText(manifest)}`);
}

function cellsOf(decision: PruneDecision): string[] {
  const { file, time, backup } = decision.backup;
  return [
    'successor' in decision ? 'delete' : 'keep',
    localTime(time),
    formatBytes(backup.size),
    path.basename(file),
    'successor' in decision
      ? `${path.basename(decision.successor.file)} is kept instead`
      : reasonsOf(decision.backup, decision.reasons).join(', '),
  ];
}

function reasonsOf({ file, backup }: PrunableBackup, reasons: readonly KeepReason[]): string[] {
  const database = backup.manifest?.source.database ?? '';
  return reasons.map((reason) => {
    switch (reason.kind) {
      case 'last':
        return 'last';
      case 'hourly':
      case 'daily':
      case 'weekly':
      case 'monthly':
        return `${reason.oldest ? 'oldest ' : ''}${reason.kind} ${reason.bucket}`;
      case 'pinned':
        return 'pinned';
      case 'lastGood':
        return `last good backup of ${database}`;
      case 'safety':
        return 'safety backup';
      case 'foreign':
        return 'not made on this machine';
      case 'damaged':
        return `damaged: ${withoutFile(reason.problem, file)}`;
      case 'locked':
        return 'encrypted, and no key opens it';
      case 'link':
        return 'a symbolic link';
      case 'future':
        return 'dated in the future';
      case 'otherDatabase':
        return 'from another database';
      case 'noPolicy':
        return 'no rule says which backups to keep';
    }
  });
}

export function planAsJson({ decisions }: PrunePlan): unknown {
  return decisions.map((decision) => {
    const { backup } = decision;
    const common = { file: backup.file, time: backup.time.toISOString(), bytes: backup.backup.size };
    return 'successor' in decision
      ? { ...common, action: 'delete', successor: decision.successor.file }
      : { ...common, action: 'keep', reasons: reasonsOf(backup, decision.reasons) };
  });
}
