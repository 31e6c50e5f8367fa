import * as vscode from 'vscode';
import { parseConnectionSettings } from '../../core/connectionSettings.ts';
import { messageOf, RestorePointError } from '../../core/errors.ts';
import type { Engine } from '../../engines/engine.ts';
import type { Connection, SettingsScope } from './connection.ts';

const section = 'restorePoint';
const setting = 'connections';

/** An item as written to the settings. */
export type ConnectionItem = Readonly<Record<string, unknown>> & { readonly id: string };

/** The connections in the settings of the user, the workspace and its folders. */
export class ConnectionStore implements vscode.Disposable {
  readonly #engines: readonly Engine[];
  /** Parses a URL of any engine; undefined if no engine knows it. Throws `usage` if it is invalid. */
  readonly parseUrl: Engine['parseUrl'];
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #subscriptions: vscode.Disposable[];

  readonly onDidChange = this.#changed.event;

  constructor(engines: readonly Engine[], parseUrl: Engine['parseUrl']) {
    this.#engines = engines;
    this.parseUrl = parseUrl;
    this.#subscriptions = [
      this.#changed,
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration(`${section}.${setting}`)) this.#changed.fire();
      }),
      vscode.workspace.onDidChangeWorkspaceFolders(() => this.#changed.fire()),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#changed.fire()),
    ];
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  /**
   * All connections, sorted by name. A connection in the workspace settings hides one with the same id in the user
   * settings. Connections of folders hide nothing and are never hidden. Equal names get their place appended.
   */
  list(): Connection[] {
    const found = new Map<string, Connection>();
    for (const scope of this.scopes()) {
      const items = itemsOf(scope);
      for (const [index, item] of items.entries()) {
        const connection = this.#read(item, scope, index);
        const twice = items.slice(0, index).some((other) => idOf(other) === connection.id);
        if (twice) {
          const second = duplicate(connection, index);
          found.set(second.key, second);
        } else if (![...found.values()].some((other) => hides(other, connection))) {
          found.set(connection.key, connection);
        }
      }
    }
    const all = [...found.values()];
    return all.map((one) => withDistinctName(one, all)).sort((a, b) => a.name.localeCompare(b.name));
  }

  /** By its key, its id, or `place/id`. Throws `usage` when the settings have no such connection, or several. */
  find(reference: string): Connection {
    const connections = this.list();
    const byKey = connections.find(({ key }) => key === reference);
    if (byKey) return byKey;
    const found = connections.filter(
      ({ id, scope }) => id === reference || `${placeName(scope)}/${id}` === reference,
    );
    const [one, ...others] = found;
    if (one && others.length === 0) return one;
    if (one) {
      const places = found.map(({ id, scope }) => `${placeName(scope)}/${id}`).join(', ');
      throw new RestorePointError('usage', `Several connections in the settings have the id "${reference}"`, {
        next: `Use one of these instead: ${places}.`,
      });
    }
    const ids = connections.map(({ id }) => id).join(', ');
    throw new RestorePointError('usage', `No connection in the settings has the id "${reference}"`, {
      next: ids ? `The settings have: ${ids}.` : 'Add one with "Restore Point: Add Connection…".',
    });
  }

  /** The scopes that can contain connections, the closest first. */
  scopes(): SettingsScope[] {
    const folders = vscode.workspace.workspaceFolders ?? [];
    const [first] = folders;
    const base = first ? { folder: first } : {};
    const user = { target: vscode.ConfigurationTarget.Global, ...base, key: 'user' };
    if (!first) return [user];
    const file = vscode.workspace.workspaceFile;
    const workspace = {
      target: vscode.ConfigurationTarget.Workspace,
      ...base,
      key: `workspace ${(file ?? first.uri).toString()}`,
    };
    // With a single folder open, its settings are those of the workspace.
    const ofFolders = (file ? folders : []).map((folder) => ({
      target: vscode.ConfigurationTarget.WorkspaceFolder,
      folder,
      key: `folder ${folder.uri.toString()}`,
    }));
    return [...ofFolders, workspace, user];
  }

  /** Writes an item to its scope. Replaces the one with the same id, or else appends. */
  async save(item: ConnectionItem, scope: SettingsScope): Promise<void> {
    const items = itemsOf(scope);
    const index = items.findIndex((other) => idOf(other) === item.id);
    await write(scope, index < 0 ? [...items, item] : items.with(index, item));
  }

  async remove(connection: Connection): Promise<void> {
    const items = itemsOf(connection.scope);
    const index = items.findIndex((item) => JSON.stringify(item) === JSON.stringify(connection.item));
    if (index >= 0) await write(connection.scope, items.toSpliced(index, 1));
  }

  /** Parses and checks an item as if it were in this scope. Throws `usage`. */
  parse(item: unknown, { folder, target }: SettingsScope): NonNullable<Connection['usable']> {
    const settings = parseConnectionSettings(item, {
      env: process.env,
      ...(folder ? { workspaceFolder: folder.uri.fsPath } : {}),
      ofWorkspace: target !== vscode.ConfigurationTarget.Global,
      engines: this.#engines,
      parseUrl: this.parseUrl,
    });
    return { settings, engine: this.#engines.find(({ id }) => id === settings.address.engine)! };
  }

  #read(item: unknown, scope: SettingsScope, index: number): Connection {
    const id = idOf(item) ?? `#${index + 1}`;
    const common = { key: `${scope.key} ${id}`, id, scope, item };
    try {
      const usable = this.parse(item, scope);
      return { ...common, name: usable.settings.name, usable };
    } catch (error) {
      const problem = RestorePointError.is(error) ? error : new RestorePointError('usage', messageOf(error));
      return { ...common, name: nameOf(item) ?? id, problem };
    }
  }
}

function hides(other: Connection, { id, scope }: Connection): boolean {
  const isFolder = ({ target }: SettingsScope): boolean =>
    target === vscode.ConfigurationTarget.WorkspaceFolder;
  return other.id === id && !isFolder(other.scope) && !isFolder(scope);
}

/** Appends the place of its settings to the name if another place has a connection with the same id or name. */
function withDistinctName(connection: Connection, all: readonly Connection[]): Connection {
  const { id, name, scope } = connection;
  const same = all.some((other) => other.scope.key !== scope.key && (other.id === id || other.name === name));
  return same ? { ...connection, name: `${name} (${placeName(scope)})` } : connection;
}

/** The display name of a settings scope. Folders with the same name are shown by their paths. */
export function placeName({ target, folder }: SettingsScope): string {
  switch (target) {
    case vscode.ConfigurationTarget.Global:
      return vscode.l10n.t('user settings');
    case vscode.ConfigurationTarget.Workspace:
      return vscode.l10n.t('workspace');
    case vscode.ConfigurationTarget.WorkspaceFolder: {
      const twins = vscode.workspace.workspaceFolders?.filter(({ name }) => name === folder?.name) ?? [];
      return (twins.length > 1 ? folder?.uri.fsPath : folder?.name) ?? '';
    }
  }
}

function duplicate({ usable: _, ...connection }: Connection, index: number): Connection {
  const problem = new RestorePointError(
    'usage',
    `The id "${connection.id}" is used twice in these settings`,
    {
      place: { setting: `${section}.${setting}` },
      next: 'Give one of them another id.',
    },
  );
  return { ...connection, key: `${connection.key} ${index}`, problem };
}

function itemsOf({ target, folder }: SettingsScope): readonly unknown[] {
  const values = vscode.workspace.getConfiguration(section, folder).inspect<unknown>(setting);
  const value = {
    [vscode.ConfigurationTarget.Global]: values?.globalValue,
    [vscode.ConfigurationTarget.Workspace]: values?.workspaceValue,
    [vscode.ConfigurationTarget.WorkspaceFolder]: values?.workspaceFolderValue,
  }[target];
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

async function write({ target, folder }: SettingsScope, items: readonly unknown[]): Promise<void> {
  const value = items.length > 0 ? items : undefined;
  await vscode.workspace.getConfiguration(section, folder).update(setting, value, target);
}

function textOf(item: unknown, name: string): string | undefined {
  const value = (item as Readonly<Record<string, unknown>> | null | undefined)?.[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function idOf(item: unknown): string | undefined {
  return textOf(item, 'id');
}

function nameOf(item: unknown): string | undefined {
  return textOf(item, 'name');
}
