import * as vscode from 'vscode';
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

  /** Takes the password that is known, if none is given. Throws `refused` in Restricted Mode, else as `Engine.connect`. */
  async open(connection: Connection, options: ConnectOptions): Promise<Session> {
    refuseInRestrictedMode();
    const { engine, settings } = usableOf(connection);
    const password = options.password ?? (await this.#passwords.find(connection));
    options.report?.({ phase: 'connect' });
    return await engine.connect(settings.address, {
      ...options,
      ...(password === undefined ? {} : { password }),
    });
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
