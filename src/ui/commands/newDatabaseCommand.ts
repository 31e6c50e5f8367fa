import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Keys } from '../../archive/encryption/keys.ts';
import { RestorePointError } from '../../core/errors.ts';
import type { DatabaseAddress } from '../../core/connections.ts';
import { formatDuration } from '../../core/format.ts';
import type { Manifest } from '../../core/manifest.ts';
import type { DatabaseAccess, NewDatabaseReport, NewDatabaseTask } from '../../worker/protocol.ts';
import { takenFrom } from '../backups/backupOrigin.ts';
import type { Connection } from '../connections/connection.ts';
import { refuseInRestrictedMode } from '../connections/connector.ts';
import { restoreEnds } from '../progress.ts';
import { alone, answered, askConnection } from '../prompts/choices.ts';
import { askText } from '../prompts/inputs.ts';
import { tablesText } from '../quantities.ts';
import type { Services } from '../services.ts';
import { someConnections } from './chooseConnection.ts';
import {
  connectionArgument,
  flagArgument,
  keyArguments,
  pathOf,
  textArgument,
  tokenArgument,
} from './commandArguments.ts';
import { isQuiet, type CommandTable } from './commandTable.ts';
import { askToRun } from './confirmRestore.ts';
import { connectionOfFile } from './connectionOfFile.ts';
import { chooseFiles } from './fileCommands.ts';
import { openBackup } from './openBackup.ts';
import { connectionOf } from './saveConnection.ts';

interface Opened {
  readonly file: string;
  readonly manifest: Manifest;
  readonly keys?: Keys;
}

/** Where the new database goes. */
interface Place {
  readonly database: DatabaseAccess;
  readonly name?: string;
  /** The connection to the same server. */
  readonly connection?: Connection;
}

/**
 * Restores all of a backup into a new database, and leaves the present one alone. Can be called with the URI of a backup, a
 * `connection` and a `name` (of a file: its path).
 */
export function newDatabaseCommand(services: Services): Pick<CommandTable, 'restorePoint.restoreIntoNew'> {
  return {
    'restorePoint.restoreIntoNew': {
      operation: vscode.l10n.t('Restore'),
      async run(first, second) {
        refuseInRestrictedMode();
        const title = vscode.l10n.t('Restore into New Database');
        const [file] = await chooseFiles(services, title, first, second);
        const options = keyArguments(first);
        const opened = { file: file!, ...(await openBackup(services, file!, options)) };
        return await restoreIntoNew(
          services,
          opened,
          await choosePlace(services, title, opened, first),
          first,
        );
      },
    },
  };
}

async function choosePlace(
  services: Services,
  title: string,
  { file, manifest: { source } }: Opened,
  argument: unknown,
): Promise<Place> {
  const engine = services.engineById(source.engine);
  const given = textArgument(argument, 'name');
  if (engine.features.isFile) {
    const path = given ?? (await askFile(title, source.database));
    return { database: { address: { engine: engine.id, file: path } } };
  }
  const same = (one: Connection): boolean => one.usable?.engine.id === engine.id;
  const connections = someConnections(services);
  const matching = takenFrom(services, file, { source }) ?? connections.filter(same)[0];
  const connection =
    connectionArgument(argument, services.store) ??
    (connections.filter(same).length === 1
      ? matching!
      : answered(
          await askConnection(alone(title), connections, {
            placeholder: vscode.l10n.t('Choose the server for the new database'),
            ...(matching ? { preferred: matching.key } : {}),
            refuse: (one) => (same(one) ? undefined : vscode.l10n.t('It is not a {0} server.', engine.label)),
          }),
        ));
  const database = await services.connector.access(connection, { ask: !isQuiet(argument) });
  const name = given ?? (await askName(title, connection, `${source.database}_restored`));
  return { database, name, connection };
}

async function askName(title: string, connection: Connection, value: string): Promise<string> {
  return answered(
    await askText(alone(title), {
      prompt: vscode.l10n.t('Enter the name of the new database on the server of {0}', connection.name),
      value,
    }),
  );
}

async function askFile(title: string, database: string): Promise<string> {
  const { name, ext } = path.parse(path.basename(database));
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';
  const uri = await vscode.window.showSaveDialog({
    title,
    defaultUri: vscode.Uri.file(path.resolve(folder, `${name}-restored${ext || '.db'}`)),
  });
  if (!uri) throw new vscode.CancellationError();
  return pathOf(uri);
}

async function restoreIntoNew(
  services: Services,
  { file, keys }: Opened,
  { database, name, connection }: Place,
  argument: unknown,
): Promise<NewDatabaseReport> {
  const shown = name ?? path.basename(database.address.file ?? '');
  const display = {
    title: vscode.l10n.t('Restoring into the new database {0}', shown),
    views: [],
    ends: restoreEnds,
    ...tokenArgument(argument),
  };
  const task: NewDatabaseTask = {
    ...{ database, file },
    ...(name === undefined ? {} : { name }),
    ...(keys ? { keys: await keys.known() } : {}),
  };
  const trusted = flagArgument(argument, 'trusted');
  const questions = {
    mayRun: async (code: Parameters<typeof askToRun>[2]) =>
      trusted || (await askToRun(services, { file, target: shown }, code)),
    // Nothing that is there is written.
    confirm: () => Promise.resolve(true),
  };
  const done = await services.work.run(display, (options) =>
    services.workers.restoreIntoNew(task, questions, options),
  );
  for (const warning of done.report.warnings) services.log.warn(warning);
  if (!isQuiet(argument)) showResult(services, done, connection);
  return done;
}

function showResult(
  services: Services,
  { report, address, target }: NewDatabaseReport,
  connection: Connection | undefined,
): void {
  const text = vscode.l10n.t(
    'Restored and verified {0} into the new database {1} in {2}.',
    tablesText(report.tables.length + report.opaque.length),
    vscode.workspace.asRelativePath(target),
    formatDuration(report.milliseconds),
  );
  const seeLog = report.warnings.length > 0 ? [vscode.l10n.t('See the log for warnings.')] : [];
  services.boundary.inform([text, ...seeLog].join(' '), [
    { title: vscode.l10n.t('Add Connection'), run: () => addConnection(services, address, connection) },
    { title: vscode.l10n.t('Show Log'), run: () => services.log.show() },
  ]);
}

/** A connection to the new database: with the server, the user and the password of the one beside it. */
async function addConnection(
  services: Services,
  address: DatabaseAddress,
  beside: Connection | undefined,
): Promise<void> {
  if (address.file !== undefined) {
    await connectionOfFile(services, vscode.Uri.file(address.file));
    return;
  }
  if (!beside) throw new RestorePointError('usage', 'The connection to copy is gone');
  const { ofWorkspace: _, ...rest } = address;
  const { passwordEnv } = beside.item as { readonly passwordEnv?: string };
  const draft = {
    ...rest,
    name: `${beside.name}: ${address.database ?? ''}`,
    ...(passwordEnv === undefined
      ? {}
      : { password: { kind: 'environment' as const, variable: passwordEnv } }),
  };
  const made = connectionOf(services, { draft, byUrl: false, scope: beside.scope });
  const password = await services.passwords.find(beside);
  if (password !== undefined && passwordEnv === undefined) await services.passwords.save(made, password);
  await services.store.save(made.item as { id: string }, made.scope);
  services.boundary.inform(vscode.l10n.t('Added the connection {0} to the settings.', made.name));
}
