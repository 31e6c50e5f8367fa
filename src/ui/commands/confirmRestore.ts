import * as vscode from 'vscode';
import { backupNameOf } from '../../backup/backupFiles.ts';
import { RestorePointError } from '../../core/errors.ts';
import { formatCount } from '../../core/format.ts';
import type { RestorePlan } from '../../core/plan.ts';
import type { CodeToRun } from '../../restore/codeToRun.ts';
import type { RestoreReport } from '../../restore/restoreBackup.ts';
import type { RestoreTask } from '../../worker/protocol.ts';
import { describeTarget, usableOf } from '../connections/connection.ts';
import { failureText } from '../errorBoundary.ts';
import { restoreEnds } from '../progress.ts';
import { ageText, tableNamesText, tablesText } from '../quantities.ts';
import { previewDetail } from '../restoreReportText.ts';
import { atMost, restoreSummary } from '../restoreSummary.ts';
import type { Services } from '../services.ts';
import { changedSince } from './changedSince.ts';
import type { RestoreRequest } from './restoreRequest.ts';

/** A dialog must fit on a screen. */
const mostKinds = 12;
const mostCharacters = 300;

/** Statements of a file from elsewhere would run as the user, so they can be viewed and run only after consent. */
export async function askToRun(
  { statements }: Services,
  { file, target }: { readonly file: string; readonly target: string },
  code: CodeToRun,
): Promise<boolean> {
  const question = vscode.l10n.t('Run statements from a backup that was not made on this machine?');
  const detail = [
    vscode.l10n.t(
      '{0} contains statements ({1}) that would run on {2} with your permissions. Continue only if you trust the person who made it.',
      backupNameOf(file),
      formatCount(code.statements.length),
      target,
    ),
    atMost(code.kinds, mostKinds).map(shortened).join('\n'),
    vscode.l10n.t('To restore only rows, create the tables first.'),
  ].join('\n\n');
  const show = vscode.l10n.t('Show Statements');
  const yes = vscode.l10n.t('Run Statements');
  // The first one is what Enter chooses.
  const answer = await vscode.window.showWarningMessage(question, { modal: true, detail }, show, yes);
  if (answer !== show) return answer === yes;
  await statements.show(backupNameOf(file), code.statements);
  // A notification, because a dialog would cover the text.
  return (await vscode.window.showWarningMessage(question, yes, vscode.l10n.t('Cancel'))) === yes;
}

/** The statements that can be shown have all names; here each must fit on a line. */
function shortened(line: string): string {
  return line.length > mostCharacters ? `${line.slice(0, mostCharacters)}…` : line;
}

interface Planned {
  readonly plan: RestorePlan;
  /** When the backup was taken. */
  readonly createdAt: string;
}

/** Shows what the restore will change, and rehearses it if that is asked for. Resolves to whether it may run. */
export async function confirmRestore(
  services: Services,
  request: RestoreRequest,
  task: RestoreTask,
  planned: Planned,
): Promise<boolean> {
  const yes = request.undo ? vscode.l10n.t('Undo Restore') : vscode.l10n.t('Restore');
  const preview = vscode.l10n.t('Preview Changes');
  const question = questionFor(request, planned.plan);
  const written = planned.plan.tables.map(({ backup }) => backup.table.name);
  const since = request.undo ? { since: await changedSince(services, request, written) } : {};
  const detail = restoreSummary(planned.plan, {
    ...since,
    backup: backupNameOf(request.file),
    age: ageText(new Date(planned.createdAt)),
    target: describeTarget(request.connection),
    manifest: request.manifest,
    engine: usableOf(request.connection).engine,
    tablesChosen: request.tables !== undefined,
    undoable: task.safetyFolder !== undefined,
  });
  for (;;) {
    const answer = await vscode.window.showWarningMessage(question, { modal: true, detail }, yes, preview);
    if (answer !== preview) return answer === yes;
    const report = await rehearse(services, request, task);
    if (report === 'failed') return false;
    if (report === 'cancelled') continue;
    const shown = { modal: true, detail: previewDetail(report) };
    return (await vscode.window.showInformationMessage(previewTitle(request), shown, yes)) === yes;
  }
}

function questionFor({ connection, undo }: RestoreRequest, plan: RestorePlan): string {
  const names = [...plan.tables, ...(plan.opaque ?? [])].map(({ target }) => target);
  return undo
    ? vscode.l10n.t('Undo the restore of {0} in {1}?', tableNamesText(names), connection.name)
    : vscode.l10n.t('Restore {0} into {1}?', tablesText(names.length), connection.name);
}

function previewTitle({ connection }: RestoreRequest): string {
  return vscode.l10n.t('The restore into {0} works. Nothing is changed yet.', connection.name);
}

/** The same restore in a process of its own, rolled back. It may run statements that the user has let run already. */
async function rehearse(
  { work, workers }: Services,
  { connection, token }: RestoreRequest,
  task: RestoreTask,
): Promise<RestoreReport | 'failed' | 'cancelled'> {
  const title = vscode.l10n.t('Previewing the restore into {0}', connection.name);
  const display = { title, views: [], ends: restoreEnds, ...(token ? { token } : {}) };
  const yes = (): Promise<boolean> => Promise.resolve(true);
  try {
    return await work.run(display, (options) =>
      workers.restore({ ...task, dryRun: true, countChanges: {} }, { mayRun: yes, confirm: yes }, options),
    );
  } catch (error) {
    if (RestorePointError.is(error, 'cancelled')) return 'cancelled';
    const detail = failureText(vscode.l10n.t('Preview'), error);
    const failed = vscode.l10n.t('The restore into {0} would fail.', connection.name);
    await vscode.window.showWarningMessage(failed, { modal: true, detail });
    return 'failed';
  }
}
