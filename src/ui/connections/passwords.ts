import type * as vscode from 'vscode';
import { RestorePointError } from '../../core/errors.ts';
import { usableOf, type Connection } from './connection.ts';

/** The part of `vscode.SecretStorage` that is used. */
export type SecretStore = Pick<vscode.SecretStorage, 'get' | 'store' | 'delete'>;

interface Stored {
  /**
   * The destination it was entered for (`Engine.passwordDestination`). Settings from a repository must not send it
   * elsewhere, or over a less secure connection.
   */
  readonly target: string;
  readonly password: string;
}

/** Passwords of connections, in VS Code's secret store or in the environment. */
export class Passwords {
  readonly #secrets: SecretStore;

  constructor(secrets: SecretStore) {
    this.#secrets = secrets;
  }

  /** The password to connect with; undefined if none is saved. Throws `usage` if its environment variable is not set. */
  async find(connection: Connection): Promise<string | undefined> {
    const { settings } = usableOf(connection);
    if (settings.password !== undefined) return settings.password;
    if (settings.passwordEnv === undefined) return await this.#stored(connection);
    const password = process.env[settings.passwordEnv];
    if (password !== undefined) return password;
    throw new RestorePointError('usage', `The environment variable ${settings.passwordEnv} is not set`, {
      next: 'Set it to the password before you start VS Code.',
    });
  }

  async save(connection: Connection, password: string): Promise<void> {
    const stored: Stored = { target: await targetOf(connection), password };
    await this.#secrets.store(keyOf(connection), JSON.stringify(stored));
  }

  async forget(connection: Connection): Promise<void> {
    await this.#secrets.delete(keyOf(connection));
  }

  async #stored(connection: Connection): Promise<string | undefined> {
    const text = await this.#secrets.get(keyOf(connection));
    if (text === undefined) return undefined;
    const { target, password } = JSON.parse(text) as Stored;
    return target === (await targetOf(connection)) ? password : undefined;
  }
}

function keyOf(connection: Connection): string {
  return `password ${connection.key}`;
}

function targetOf(connection: Connection): Promise<string> {
  const { engine, settings } = usableOf(connection);
  return engine.passwordDestination(settings.address);
}
