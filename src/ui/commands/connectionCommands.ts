import * as path from 'node:path';
import * as vscode from 'vscode';
import { describeTarget, usableOf, type Connection } from '../connections/connection.ts';
import { draftOf } from '../connections/connectionDraft.ts';
import { refuseInRestrictedMode } from '../connections/connector.ts';
import { alone, answered } from '../prompts/choices.ts';
import { askText } from '../prompts/inputs.ts';
import type { Services } from '../services.ts';
import { chooseConnection } from './chooseConnection.ts';
import { connectionArgument, flagArgument, textArgument } from './commandArguments.ts';
import { isQuiet, type Command, type CommandTable } from './commandTable.ts';
import { askTestAndSave, testConnection } from './saveConnection.ts';

type ConnectionCommandId =
  | 'restorePoint.addConnection'
  | 'restorePoint.editConnection'
  | 'restorePoint.removeConnection'
  | 'restorePoint.testConnection'
  | 'restorePoint.enterPassword'
  | 'restorePoint.enterPassphrase'
  | 'restorePoint.retryConnection'
  | 'restorePoint.disconnect';

/** Commands on connections. All except Add can be called with `{ connection: 'id' }`. */
export function connectionCommands(services: Services): Pick<CommandTable, ConnectionCommandId> {
  const onConnection = (
    operation: string,
    title: string,
    work: (connection: Connection, argument: unknown) => Promise<unknown>,
  ): Command => ({
    operation,
    run: async (first) => await work(await connectionFor(services, title, first), first),
  });
  return {
    'restorePoint.addConnection': {
      operation: vscode.l10n.t('Adding the connection'),
      run: () => add(services),
    },
    'restorePoint.editConnection': onConnection(
      vscode.l10n.t('Editing the connection'),
      vscode.l10n.t('Edit Connection'),
      (connection) => edit(services, connection),
    ),
    'restorePoint.removeConnection': onConnection(
      vscode.l10n.t('Removing the connection'),
      vscode.l10n.t('Remove Connection'),
      (connection, argument) => remove(services, connection, flagArgument(argument, 'confirmed')),
    ),
    'restorePoint.testConnection': onConnection(
      vscode.l10n.t('The connection test'),
      vscode.l10n.t('Test Connection'),
      (connection, argument) => test(services, connection, isQuiet(argument)),
    ),
    'restorePoint.enterPassword': onConnection(
      vscode.l10n.t('Saving the password'),
      vscode.l10n.t('Enter Password'),
      (connection) => enterPassword(services, connection),
    ),
    'restorePoint.enterPassphrase': onConnection(
      vscode.l10n.t('Saving the passphrase'),
      vscode.l10n.t('Enter Passphrase'),
      (connection, argument) => enterPassphrase(services, connection, textArgument(argument, 'passphrase')),
    ),
    'restorePoint.retryConnection': onConnection(
      vscode.l10n.t('Connecting'),
      vscode.l10n.t('Retry'),
      (connection) => reconnect(services, connection),
    ),
    'restorePoint.disconnect': onConnection(
      vscode.l10n.t('Disconnecting'),
      vscode.l10n.t('Disconnect'),
      (connection) => services.connectionsTree.disconnect(connection),
    ),
  };
}

async function connectionFor(services: Services, title: string, argument: unknown): Promise<Connection> {
  const given = connectionArgument(argument, services.store);
  const placeholder = vscode.l10n.t('Choose a connection');
  return given ?? (await chooseConnection(services, title, { placeholder }));
}

async function add(services: Services): Promise<void> {
  refuseInRestrictedMode();
  // If the place is not asked for, there is only one.
  const scope = services.store.scopes()[0]!;
  await askTestAndSave(services, vscode.l10n.t('Add Connection'), { byUrl: false, scope });
}

/** Opens the settings for a connection that is not usable. */
async function edit(services: Services, connection: Connection): Promise<void> {
  const { usable, item, scope, name } = connection;
  if (!usable) return await openSettings(connection);
  const draft = draftOf(item as Readonly<Record<string, unknown>>, usable.engine.id);
  const title = vscode.l10n.t('Edit {0}', name);
  await askTestAndSave(services, title, { draft, byUrl: draft.url !== undefined, scope }, connection);
}

async function openSettings({ scope: { target, folder } }: Connection): Promise<void> {
  const reveal = { revealSetting: { key: 'restorePoint.connections' } };
  switch (target) {
    case vscode.ConfigurationTarget.Global:
      await vscode.commands.executeCommand('workbench.action.openSettingsJson', reveal);
      return;
    case vscode.ConfigurationTarget.Workspace:
      await vscode.commands.executeCommand('workbench.action.openWorkspaceSettingsFile', reveal);
      return;
    case vscode.ConfigurationTarget.WorkspaceFolder: {
      const file = path.join(folder?.uri.fsPath ?? '', '.vscode', 'settings.json');
      await vscode.window.showTextDocument(vscode.Uri.file(file));
      return;
    }
  }
}

async function remove(services: Services, connection: Connection, confirmed: boolean): Promise<void> {
  if (!confirmed) {
    const question = vscode.l10n.t('Remove the connection {0}?', connection.name);
    const detail = vscode.l10n.t(
      'Removes it from the settings, and its password and passphrase from the secret store. The database itself ({0}) is not changed.',
      describeTarget(connection),
    );
    const yes = vscode.l10n.t('Remove');
    const chosen = await vscode.window.showWarningMessage(question, { modal: true, detail }, yes);
    if (chosen !== yes) throw new vscode.CancellationError();
  }
  await services.sessions.close(connection);
  await services.passwords.forget(connection);
  await services.passphrases.forget(connection);
  await services.store.remove(connection);
}

async function test(services: Services, connection: Connection, quiet: boolean): Promise<string> {
  const text = await testConnection(services, connection, { ask: !quiet });
  services.log.info(text);
  if (!quiet) services.boundary.inform(text);
  return text;
}

async function enterPassword(services: Services, connection: Connection): Promise<void> {
  usableOf(connection);
  const password = answered(
    await askText(alone(connection.name), {
      prompt: vscode.l10n.t('Enter the password. It is kept in the secret store, never in settings.'),
      password: true,
    }),
  );
  await services.passwords.save(connection, password);
  await reconnect(services, connection);
}

/** An empty passphrase deletes the saved one. With a passphrase in the argument nothing is asked. */
async function enterPassphrase(
  { passphrases }: Services,
  connection: Connection,
  given: string | undefined,
): Promise<void> {
  usableOf(connection);
  const passphrase =
    given ??
    answered(
      await askText(alone(connection.name), {
        prompt: vscode.l10n.t(
          'Enter the passphrase for encrypted backups. It is kept in the secret store. Leave it empty to delete the saved one.',
        ),
        password: true,
        optional: true,
      }),
    );
  if (passphrase === '') await passphrases.forget(connection);
  else await passphrases.save(connection, passphrase);
}

async function reconnect({ sessions, connectionsTree }: Services, connection: Connection): Promise<void> {
  await sessions.close(connection);
  connectionsTree.refresh(connection);
}
