import * as vscode from 'vscode';
import type { SecretStore } from '../../src/ui/connections/passwords.ts';

/** Connections in the user settings, for one test. */
export interface ConnectionsForTest {
  add(item: Readonly<Record<string, unknown>>): Promise<void>;
}

/** Inside a mocha `describe`: connections can be added, and are gone after each test. */
export function useConnections(): ConnectionsForTest {
  const settings = (): vscode.WorkspaceConfiguration => vscode.workspace.getConfiguration('restorePoint');
  const write = async (items: readonly unknown[] | undefined): Promise<void> => {
    await settings().update('connections', items, vscode.ConfigurationTarget.Global);
  };
  afterEach(async () => {
    await write(undefined);
  });
  return {
    async add(item) {
      const items = settings().inspect<unknown[]>('connections')?.globalValue ?? [];
      await write([...items, item]);
    },
  };
}

export function secretsInMemory(): SecretStore {
  const secrets = new Map<string, string>();
  return {
    get: (key) => Promise.resolve(secrets.get(key)),
    store: (key, value) => Promise.resolve(void secrets.set(key, value)),
    delete: (key) => Promise.resolve(void secrets.delete(key)),
  };
}
