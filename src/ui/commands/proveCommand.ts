import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Keys } from '../../archive/encryption/keys.ts';
import { backupNameOf } from '../../backup/backupFiles.ts';
import { RestorePointError } from '../../core/errors.ts';
import { formatDuration } from '../../core/format.ts';
import type { Manifest } from '../../core/manifest.ts';
import { visible, visibleLines } from '../../core/visible.ts';
import type { ProofReport } from '../../restore/proveBackup.ts';
import type { DatabaseAccess, ProveTask } from '../../worker/protocol.ts';
import { takenFrom } from '../backups/backupOrigin.ts';
import type { Connection } from '../connections/connection.ts';
import { refuseInRestrictedMode } from '../connections/connector.ts';
import { proveEnds } from '../progress.ts';
import { alone, answered, askConnection } from '../prompts/choices.ts';
import { rowsText, tablesText } from '../quantities.ts';
import type { Services } from '../services.ts';
import { proofServer } from '../settings.ts';
import { someConnections } from './chooseConnection.ts';
import { connectionArgument, flagArgument, keyArguments, tokenArgument } from './commandArguments.ts';
import { isQuiet, type CommandTable } from './commandTable.ts';
import { askToRun } from './confirmRestore.ts';
import { chooseFiles } from './fileCommands.ts';
import { openBackup } from './openBackup.ts';

/**
 * Restores a backup into a scratch database, compares it and drops that database. Resolves with the `ProofReport`. Can be
 * called with the URI of a backup, and a `connection` whose server gets the scratch database.
 */
export function proveCommand(services: Services): Pick<CommandTable, 'restorePoint.proveBackup'> {
  return {
    'restorePoint.proveBackup': {
      operation: vscode.l10n.t('Proving the backup'),
      async run(first, second) {
        refuseInRestrictedMode();
        const title = vscode.l10n.t('Prove Backup');
        const [file = ''] = await chooseFiles(services, title, first, second);
        const opened = await openBackup(services, file, keyArguments(first));
        const server = await chooseServer(services, title, { file, ...opened }, first);
        const report = await prove(services, { file, ...opened, ...(server ? { server } : {}) }, first);
        if (!isQuiet(first)) showProof(services, report);
        return report;
      },
    },
  };
}

interface Opened {
  readonly file: string;
  readonly manifest: Manifest;
  readonly keys?: Keys;
}

/** The server on which the scratch database is created; undefined for files. */
async function chooseServer(
  services: Services,
  title: string,
  { file, manifest }: Opened,
  argument: unknown,
): Promise<DatabaseAccess | undefined> {
  const engine = services.engineById(manifest.source.engine);
  if (engine.features.isFile) return undefined;
  const same = (one: Connection | undefined): boolean => one?.usable?.engine.id === engine.id;
  const known =
    connectionArgument(argument, services.store) ??
    knownServer(services) ??
    takenFrom(services, file, manifest);
  const connection = same(known)
    ? known!
    : answered(
        await askConnection(alone(title), someConnections(services), {
          placeholder: vscode.l10n.t('Choose the server for the scratch database'),
          refuse: (one) => (same(one) ? undefined : vscode.l10n.t('It is not a {0} server.', engine.label)),
        }),
      );
  return await services.connector.access(connection, { ask: !isQuiet(argument) });
}

/** The connection that the setting `proofServer` names, if it does. Throws `usage` if there is no such connection. */
export function knownServer({ store }: Services): Connection | undefined {
  const id = proofServer();
  if (id === undefined) return undefined;
  const found = store.list().find((connection) => connection.id === id);
  if (found) return found;
  throw new RestorePointError('usage', `There is no connection with the id "${id}"`, {
    place: { setting: 'restorePoint.proofServer' },
    next: 'Correct it in the settings.',
  });
}

/** See `ProveOptions`. */
export const otherServer = 'Or name a connection to another server in the setting restorePoint.proofServer.';

/** Proves a backup in a process of its own, which also remembers the result. */
async function prove(
  services: Services,
  { file, keys, server }: Omit<Opened, 'manifest'> & { readonly server?: DatabaseAccess },
  argument: unknown,
): Promise<ProofReport> {
  const display = {
    title: vscode.l10n.t('Proving {0}', path.basename(file)),
    views: ['restorePoint.backups'] as const,
    ends: proveEnds,
    ...tokenArgument(argument),
  };
  const task: ProveTask = {
    file,
    ...(keys ? { keys: await keys.known() } : {}),
    ...(server ? { server } : {}),
    otherServer,
  };
  const trusted = flagArgument(argument, 'trusted');
  const target = vscode.l10n.t('a scratch database');
  const questions = {
    mayRun: async (code: Parameters<typeof askToRun>[2]) =>
      trusted || (await askToRun(services, { file, target }, code)),
  };
  try {
    return await services.backups.noting(
      services.work.run(display, (options) => services.workers.prove(task, questions, options)),
    );
  } finally {
    services.backupsTree.showAges();
  }
}

/** Tells the result of a proof. */
export function showProof(services: Services, report: ProofReport): void {
  const { log, boundary } = services;
  const name = backupNameOf(report.file);
  for (const note of report.notes) log.info(`${name}: ${visibleLines(note)}`);
  const run = (id: string) => () => vscode.commands.executeCommand(id, vscode.Uri.file(report.file));
  if (report.proved) {
    const text = vscode.l10n.t(
      'Proved: {0} was restored into a scratch database and compared in {1}. Everything matches: {2}, {3}.',
      name,
      formatDuration(report.milliseconds),
      tablesText(report.tables),
      rowsText(report.rows),
    );
    log.info(text);
    boundary.inform(text, [{ title: vscode.l10n.t('Show Contents'), run: run('restorePoint.showContents') }]);
    return;
  }
  for (const problem of report.problems) log.error(`${name}: ${visibleLines(problem)}`);
  const text =
    report.code === undefined
      ? vscode.l10n.t('Not proved: {0} was restored, but the result differs from the backup.', name)
      : vscode.l10n.t('Not proved: {0} could not be restored.', name);
  boundary.warn(`${text} ${visible(report.problems[0] ?? '')}`, [
    { title: vscode.l10n.t('Show Details'), run: () => showDetails(text, report) },
    { title: vscode.l10n.t('Verify'), run: run('restorePoint.verifyBackup') },
    { title: vscode.l10n.t('Show Log'), run: () => log.show() },
  ]);
}

/** A dialog must fit on a screen; the log has all of it. */
const mostProblems = 12;

async function showDetails(text: string, { problems, next, notes }: ProofReport): Promise<void> {
  const shown = problems.slice(0, mostProblems).map(visible);
  const more = problems.length - shown.length;
  const detail = [
    ...shown,
    ...(more > 0 ? [vscode.l10n.t('{0} more: see the log.', more)] : []),
    ...(next === undefined ? [] : ['', next]),
    ...(notes.length === 0 ? [] : ['', ...notes.slice(0, mostProblems).map(visible)]),
  ].join('\n');
  await vscode.window.showWarningMessage(text, { modal: true, detail });
}
