import * as path from 'node:path';
import { MadeHere } from '../backup/madeHere.ts';
import { removalsOf, type PrunePlan } from '../backup/planPrune.ts';
import { bytesOf, pruneBackups, type LeftBackup, type PruneReport } from '../backup/pruneBackups.ts';
import { stateFolder } from '../backup/stateFolder.ts';
import { RestorePointError } from '../core/errors.ts';
import { formatBytes, formatQuantity as count } from '../core/format.ts';
import { visible } from '../core/visible.ts';
import { engineById } from '../engines/registry.ts';
import { askYes } from './askYes.ts';
import type { PruneArguments } from './folderArguments.ts';
import { givenKeys } from './keys.ts';
import { checkNamedFolder } from './namedFolder.ts';
import type { Output } from './output.ts';
import { planAsJson, prunePlanText } from './pruneText.ts';
import type { Work } from './terminal.ts';

/** Shows which backups go and which stay, asks, and deletes. Resolves to the exit code. */
export async function prune(args: PruneArguments, output: Output, work: Work): Promise<number> {
  const { dryRun, yes, trust, policy } = args;
  if (!yes && !dryRun && !work.terminal.stdin.isTTY) {
    throw new RestorePointError('usage', 'There is no terminal to ask for confirmation', {
      unchanged: 'Nothing was deleted.',
      next: 'Add --yes to delete without asking, or --dry-run to see what would go.',
    });
  }
  await checkNamedFolder(args.folder);
  const keys = await givenKeys(args);
  const report = await pruneBackups(path.resolve(args.folder), policy, {
    ...work,
    engines: engineById,
    madeHere: new MadeHere(stateFolder(), work.logger),
    findKeys: () => Promise.resolve(keys),
    trust,
    async choose(plan) {
      if (dryRun) return [];
      output.message(prunePlanText(plan, args));
      const question = `Delete ${goingText(plan)}? [y/N] `;
      if (yes || (await askYes(question, work.terminal, work.signal))) return removalsOf(plan);
      throw new RestorePointError('cancelled', 'Cancelled', { unchanged: 'No backup was deleted.' });
    },
  });
  output.result(resultText(report, args), resultAsJson(report, args));
  return report.left.some(({ reason }) => reason === 'failed') ? 1 : 0;
}

function goingText(plan: PrunePlan): string {
  const going = removalsOf(plan);
  return `${count(going.length, 'backup')} (${formatBytes(bytesOf(going))})`;
}

function resultText(report: PruneReport, args: PruneArguments): string {
  const { plan, removed, bytes, left } = report;
  const going = removalsOf(plan).length;
  if (going === 0) return `${prunePlanText(plan, args)}\nNothing to delete: all backups stay.`;
  if (args.dryRun)
    return `${prunePlanText(plan, args)}\nThis would delete ${goingText(plan)}. Nothing was deleted.`;
  return [
    `Deleted ${count(removed.length, 'backup')}, ${formatBytes(bytes)}.`,
    ...left.map((one) => visible(`not deleted: ${one.file}: ${leftText(one)}`)),
  ].join('\n');
}

function leftText({ reason, problem = '' }: LeftBackup): string {
  const texts: Readonly<Record<LeftBackup['reason'], string>> = {
    gone: 'it no longer exists',
    changed: 'it has changed since it was verified',
    pinned: 'it has been pinned since',
    successorChanged:
      'the newer backup that is kept instead has changed since it was verified, or no longer exists',
    failed: problem,
  };
  return texts[reason];
}

function resultAsJson({ plan, removed, bytes, left }: PruneReport, { dryRun }: PruneArguments): unknown {
  return {
    folder: plan.folder,
    dryRun,
    backups: planAsJson(plan),
    removed: removed.map(({ backup }) => backup.file),
    removedBytes: bytes,
    left: left.map((one) => ({ ...one, text: leftText(one) })),
  };
}
