import * as vscode from 'vscode';
import type { DatabaseAddress } from '../../core/connections.ts';
import { RestorePointError } from '../../core/errors.ts';
import type { ConnectOptions, Session } from '../../engines/engine.ts';
import { usableOf, type Connection } from './connection.ts';
import type { Passwords } from './passwords.ts';

/** Opens sessions of connections. */
export class Connector {
  readonly #passwords: Passwords;

  constructor(passwords: Passwords) {
    this.#passwords = passwords;
  }

  /** What leads to the database: the password that is known, if none is given. Throws `refused` in Restricted Mode. */
  async access(
    connection: Connection,
    given?: string,
  ): Promise<{ readonly address: DatabaseAddress; readonly password?: string }> {
    refuseInRestrictedMode();
    const { address } = usableOf(connection).settings;
    const password = given ?? (await this.#passwords.find(connection));
    return { address, ...(password === undefined ? {} : { password }) };
  }

  /** Throws `refused` in Restricted Mode, else as `Engine.connect`. */
  async open(connection: Connection, options: ConnectOptions): Promise<Session> {
    const { address, ...password } = await this.access(connection, options.password);
    return await usableOf(connection).engine.connect(address, { ...options, ...password });
  }

  /** Opens a session for one piece of work and closes it after that. */
  async use<Result>(
    connection: Connection,
    options: ConnectOptions,
    work: (session: Session) => Promise<Result>,
  ): Promise<Result> {
    const session = await this.open(connection, options);
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  }
}

/** Throws `refused` unless the workspace is trusted. */
export function refuseInRestrictedMode(): void {
  if (vscode.workspace.isTrusted) return;
  throw new RestorePointError(
    'refused',
    'This workspace is in Restricted Mode, and its settings could lead to any database',
    {
      unchanged: 'No connection was made.',
      next: 'Trust the workspace ("Workspaces: Manage Workspace Trust") to connect.',
    },
  );
}
