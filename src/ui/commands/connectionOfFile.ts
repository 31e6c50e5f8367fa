import { realpath } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { filesOf } from '../../core/connectionForm.ts';
import type { EngineId } from '../../core/manifest.ts';
import type { Engine } from '../../engines/engine.ts';
import type { Connection, SettingsScope } from '../connections/connection.ts';
import { suggestedName } from '../connections/connectionDraft.ts';
import { refuseInRestrictedMode } from '../connections/connector.ts';
import type { ConnectionStore } from '../connections/connectionStore.ts';
import type { Services } from '../services.ts';
import { pathOf } from './commandArguments.ts';
import { connectionOf } from './saveConnection.ts';

/**
 * The connection to a database file: the existing one, or a new one, which is saved if it works. Throws `refused` in
 * Restricted Mode, `connection` if the file is not a database.
 */
export async function connectionOfFile(services: Services, uri: vscode.Uri): Promise<Connection> {
  refuseInRestrictedMode();
  const { store, engines, connector, boundary, log } = services;
  const file = pathOf(uri);
  const known = await findConnection(store, file);
  if (known) return known;
  const engine = engineOfFile(engines, file).id;
  const scope = scopeOf(store, uri);
  const draft = { engine, file, name: freeName(store, engine, file) };
  const connection = connectionOf(services, { draft, byUrl: false, scope });
  // Shows no notification here: VS Code drops those that come too fast, and the last one matters.
  await connector.use(connection, { readOnly: true, logger: log }, (session) => session.listTables());
  await store.save(connection.item as { id: string }, scope);
  boundary.inform(vscode.l10n.t('Added the connection {0} to the settings.', connection.name));
  return connection;
}

/** The one whose files have names like this, or else the first whose databases are files. */
function engineOfFile(engines: readonly Engine[], file: string): Engine {
  const extension = path.extname(file).slice(1).toLowerCase();
  const ofFiles = engines.filter(({ form }) => filesOf(form));
  return ofFiles.find(({ form }) => filesOf(form)?.extensions.includes(extension)) ?? ofFiles[0]!;
}

async function findConnection(store: ConnectionStore, file: string): Promise<Connection | undefined> {
  const wanted = await realPath(file);
  for (const connection of store.list()) {
    const other = connection.usable?.settings.address.file;
    if (other !== undefined && (await realPath(other)) === wanted) return connection;
  }
  return undefined;
}

/** The same for all paths of one file, through links or in another case. */
async function realPath(file: string): Promise<string> {
  return await realpath(file).catch(() => path.resolve(file));
}

/** The settings of the file's workspace folder, or of the workspace if they are the same. */
function scopeOf(store: ConnectionStore, uri: vscode.Uri): SettingsScope {
  const scopes = store.scopes();
  const folder = vscode.workspace.getWorkspaceFolder(uri);
  const own = scopes.find(
    ({ target, folder: other }) =>
      target === vscode.ConfigurationTarget.WorkspaceFolder &&
      other?.uri.toString() === folder?.uri.toString(),
  );
  return own ?? scopes[0]!;
}

/** The file name without its extension, or its path if that name is taken. */
function freeName(store: ConnectionStore, engine: EngineId, file: string): string {
  const name = suggestedName({ engine, file });
  const taken = store.list().some((connection) => connection.name === name);
  return taken ? vscode.workspace.asRelativePath(file) : name;
}
