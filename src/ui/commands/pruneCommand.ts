import * as path from 'node:path';
import * as vscode from 'vscode';
import { MadeHere } from '../../backup/madeHere.ts';
import { planPrune, removalsOf, type PrunePlan } from '../../backup/planPrune.ts';
import { bytesOf, removePlanned, type RemoveReport } from '../../backup/pruneBackups.ts';
import { stateFolder } from '../../backup/stateFolder.ts';
import { RestorePointError } from '../../core/errors.ts';
import { formatBytes } from '../../core/format.ts';
import type { RetentionPolicy } from '../../schedule/retention.ts';
import { confirmDeletion, deleter } from '../backups/deleteBackups.ts';
import { alone, answered } from '../prompts/choices.ts';
import { askOne } from '../prompts/inputs.ts';
import { askPolicy, askRemovals } from '../prompts/retention.ts';
import type { Services } from '../services.ts';
import { backupFolder, retention } from '../settings.ts';
import { flagArgument, policyArgument, textArgument, tokenArgument } from './commandArguments.ts';
import { isQuiet } from './commandTable.ts';

/** What other extensions get. */
export interface PrunedBackups {
  /** The files that were deleted. */
  readonly removed: readonly string[];
  readonly bytes: number;
  readonly left: RemoveReport['left'];
}

/** Asks for rules, shows which backups go, and deletes them. */
export async function prune(services: Services, argument: unknown): Promise<PrunedBackups> {
  const title = vscode.l10n.t('Prune Backups');
  const place = await placeOf(title, argument);
  const confirmed = flagArgument(argument, 'confirmed');
  const policy = policyArgument(argument) ?? (await askPolicy(title, retention(place.workspaceFolder)));
  const plan = await verifiedPlan(services, place.folder, policy, argument);
  const going = removalsOf(plan);
  if (going.length === 0) {
    if (!isQuiet(argument)) {
      services.boundary.inform(
        vscode.l10n.t('Nothing to delete: all {0} backups stay.', plan.decisions.length),
      );
    }
    return { removed: [], bytes: 0, left: [] };
  }
  const chosen = confirmed ? going : await askRemovals(title, plan);
  if (!confirmed) {
    await confirmDeletion(
      chosen.map(({ backup }) => backup.file),
      formatBytes(bytesOf(chosen)),
    );
  }
  const remove = deleter({ count: chosen.length, confirmed });
  const report = await removePlanned(chosen, { logger: services.log, remove }).finally(() =>
    services.backups.refresh(),
  );
  if (!isQuiet(argument)) showResult(services, report);
  const { bytes, left } = report;
  return { removed: report.removed.map(({ backup }) => backup.file), bytes, left };
}

interface Place {
  readonly folder: string;
  readonly workspaceFolder?: vscode.WorkspaceFolder;
}

/** The folder to prune: of several, the user chooses one. */
async function placeOf(title: string, argument: unknown): Promise<Place> {
  const given = textArgument(argument, 'folder');
  if (given !== undefined) return { folder: path.resolve(given) };
  const folders = new Map(
    (vscode.workspace.workspaceFolders ?? []).map((one) => [backupFolder(one), one] as const),
  );
  const places = [...folders].map(([folder, workspaceFolder]) => ({ folder, workspaceFolder }));
  const [first, ...others] = places;
  if (!first) throw new RestorePointError('usage', vscode.l10n.t('Open a folder first'));
  if (others.length === 0) return first;
  return answered(
    await askOne(alone(title), {
      placeholder: vscode.l10n.t('Choose the folder with the backups'),
      choices: places.map((place) => ({
        label: place.workspaceFolder.name,
        description: place.folder,
        value: place,
      })),
    }),
  );
}

async function verifiedPlan(
  { work, workers, keys, backups, engineById, log }: Services,
  folder: string,
  policy: RetentionPolicy,
  argument: unknown,
): Promise<PrunePlan> {
  const display = {
    title: vscode.l10n.t('Verifying the backups to keep'),
    views: ['restorePoint.backups'] as const,
    // Nobody knows how many backups there are to verify.
    ends: {},
    ...tokenArgument(argument),
  };
  return await work.run(display, (options) =>
    planPrune(folder, policy, {
      ...options,
      engines: engineById,
      madeHere: new MadeHere(stateFolder(), log),
      findKeys: (file) => keys.keysFor(file, { ask: false }),
      verify: async (file, own) => {
        const task = { file, ...(own ? { keys: await own.known() } : {}) };
        return await backups.noting(workers.verify(task, options));
      },
    }),
  );
}

function showResult({ boundary, log }: Services, { removed, bytes, left }: RemoveReport): void {
  for (const { file, reason, problem } of left) log.warn(`Not deleted: ${file}: ${problem ?? reason}`);
  const size = formatBytes(bytes);
  const text =
    removed.length === 1
      ? vscode.l10n.t('Deleted 1 backup ({0}).', size)
      : vscode.l10n.t('Deleted {0} backups ({1}).', removed.length, size);
  const rest = vscode.l10n.t('{0} were not deleted. The log says why.', left.length);
  const showLog = { title: vscode.l10n.t('Show Log'), run: () => log.show() };
  boundary.inform(left.length > 0 ? `${text} ${rest}` : text, left.length > 0 ? [showLog] : []);
}
