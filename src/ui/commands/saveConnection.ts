import * as vscode from 'vscode';
import { describeError, RestorePointError } from '../../core/errors.ts';
import type { Connection, SettingsScope } from '../connections/connection.ts';
import { itemOf, newConnectionId, type ConnectionDraft } from '../connections/connectionDraft.ts';
import { connectionSteps, type ConnectionAnswers } from '../prompts/connectionSteps.ts';
import { askInSteps } from '../prompts/steps.ts';
import type { Services } from '../services.ts';
import { tablesText } from '../quantities.ts';

/** Asks, tests and saves. If the test fails, the user can go back, save anyway, or cancel. */
export async function askTestAndSave(
  services: Services,
  title: string,
  begin: ConnectionAnswers,
  edited?: Connection,
): Promise<void> {
  const { engines, store } = services;
  const steps = connectionSteps(engines, store, edited === undefined);
  let answers = await askInSteps(title, begin, steps);
  for (;;) {
    const connection = connectionOf(services, answers, edited);
    const failure = await test(services, connection, answers.draft?.password).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined || (await askAfterFailure(connection, failure)) === 'save') {
      await save(services, connection, answers.draft?.password);
      return;
    }
    answers = await askInSteps(title, answers, steps, 'last');
  }
}

/** The connection that the answers describe, as if read from the settings. */
export function connectionOf(
  services: Services,
  answers: ConnectionAnswers,
  edited?: Connection,
): Connection {
  const { draft, scope } = answers;
  if (!draft) throw new vscode.CancellationError();
  const taken = services.store.list().map(({ id }) => id);
  const id = edited?.id ?? newConnectionId(draft.name ?? '', taken);
  const item = itemOf({ ...draft, id }, portableFolder(scope));
  const usable = services.store.parse(item, scope);
  return { key: `${scope.key} ${id}`, id, name: usable.settings.name, scope, item, usable };
}

/** User settings apply to other workspaces too, so paths in them are not relative to a folder. */
export function portableFolder({ target, folder }: SettingsScope): string | undefined {
  return target === vscode.ConfigurationTarget.Global ? undefined : folder?.uri.fsPath;
}

async function test(
  services: Services,
  connection: Connection,
  password: ConnectionDraft['password'],
): Promise<void> {
  const typed = password?.kind === 'stored' ? password.text : undefined;
  const text = await testConnection(services, connection, typed === undefined ? {} : { password: typed });
  services.log.info(text);
}

/** Opens a session of its own and returns a one-line summary. */
export async function testConnection(
  services: Services,
  connection: Connection,
  { password, ask = false }: { readonly password?: string; readonly ask?: boolean } = {},
): Promise<string> {
  const display = {
    title: vscode.l10n.t('Testing {0}', connection.name),
    views: ['restorePoint.connections'] as const,
    ends: {},
  };
  return await services.work.run(display, (options) => {
    const open = { ...options, readOnly: true, ask, ...(password === undefined ? {} : { password }) };
    return services.connector.use(connection, open, async (session) => {
      const tables = await session.listTables();
      return vscode.l10n.t(
        'Connected to {0}: {1}, {2} in {3}.',
        connection.name,
        session.info.serverVersion,
        tablesText(tables.length),
        session.target,
      );
    });
  });
}

/** Throws `vscode.CancellationError` when the user cancels. */
async function askAfterFailure({ name }: Connection, error: unknown): Promise<'save' | 'edit'> {
  if (RestorePointError.is(error, 'cancelled')) throw error;
  const edit = vscode.l10n.t('Edit');
  const save = vscode.l10n.t('Save Anyway');
  const chosen = await vscode.window.showWarningMessage(
    vscode.l10n.t('Could not connect to {0}.', name),
    { modal: true, detail: describeError(error) },
    edit,
    save,
  );
  if (chosen === undefined) throw new vscode.CancellationError();
  return chosen === save ? 'save' : 'edit';
}

async function save(
  { store, passwords, connectionsTree, connectionsView }: Services,
  connection: Connection,
  password: ConnectionDraft['password'],
): Promise<void> {
  if (password?.kind !== 'stored') await passwords.forget(connection);
  else if (password.text !== undefined) await passwords.save(connection, password.text);
  await store.save(connection.item as { id: string }, connection.scope);
  const node = connectionsTree.nodeOf(connection);
  if (node) await connectionsView.reveal(node, { select: true, focus: true, expand: true });
}
