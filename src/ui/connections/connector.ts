import * as vscode from 'vscode';
import type { DatabaseAddress } from '../../core/connections.ts';
import { messageOf, RestorePointError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { ConnectOptions, Session } from '../../engines/engine.ts';
import { alone, answered } from '../prompts/choices.ts';
import { askText } from '../prompts/inputs.ts';
import { askKeep } from '../prompts/passphrase.ts';
import { usableOf, type Connection } from './connection.ts';
import type { Passwords } from './passwords.ts';

/** With `ask`, the user is asked for a missing password. */
export type OpenOptions = ConnectOptions & { readonly ask?: boolean };

/** Address and password of a database. */
export interface Access {
  readonly address: DatabaseAddress;
  readonly password?: string;
}

/** Opens sessions of connections. */
export class Connector {
  readonly #passwords: Passwords;
  readonly #logger: Logger;

  constructor(passwords: Passwords, logger: Logger) {
    this.#passwords = passwords;
    this.#logger = logger;
  }

  /**
   * The database's address, with the password if it is known. Throws `refused` in Restricted Mode; with `ask`, also what
   * `Engine.connect` throws, and `vscode.CancellationError` when the question for a password is dismissed.
   */
  async access(connection: Connection, { ask }: { readonly ask: boolean }): Promise<Access> {
    const known = await this.#known(connection);
    if (!ask || known.password !== undefined || usableOf(connection).engine.features.isFile) return known;
    // Only connecting shows whether the server needs a password: it may trust this user, or a pgpass file has it.
    const missing = await this.#missing(connection, known);
    return missing ? { ...known, password: await this.#askPassword(connection, known, missing) } : known;
  }

  /** Throws `refused` in Restricted Mode, else as `Engine.connect`; with `ask`, as `access`. */
  async open(connection: Connection, { ask = false, ...options }: OpenOptions): Promise<Session> {
    const { address, ...known } =
      options.password === undefined ? await this.access(connection, { ask }) : await this.#known(connection);
    return await usableOf(connection).engine.connect(address, { ...known, ...options });
  }

  /** Opens a session for one piece of work and closes it afterwards. */
  async use<Result>(
    connection: Connection,
    options: OpenOptions,
    work: (session: Session) => Promise<Result>,
  ): Promise<Result> {
    const session = await this.open(connection, options);
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  }

  async #known(connection: Connection): Promise<Access> {
    refuseInRestrictedMode();
    const { address } = usableOf(connection).settings;
    const password = await this.#passwords.find(connection);
    return { address, ...(password === undefined ? {} : { password }) };
  }

  /** The error if the server requires a password. Throws any other error. */
  async #missing(connection: Connection, access: Access): Promise<RestorePointError | undefined> {
    try {
      await this.#tryOut(connection, access);
      return undefined;
    } catch (error) {
      if (RestorePointError.is(error) && error.details.needs === 'password') return error;
      throw error;
    }
  }

  async #askPassword(connection: Connection, access: Access, reason: Error): Promise<string> {
    const password = answered(
      await askText(alone(connection.name), {
        prompt: `${reason.message}.`,
        password: true,
        validate: (text) =>
          this.#tryOut(connection, { ...access, password: text }).then(() => undefined, messageOf),
      }),
    );
    const keep = answered(
      await askKeep(alone(connection.name), {
        placeholder: vscode.l10n.t('Remember the password?'),
        remember: vscode.l10n.t('VS Code keeps it in its secret store and uses it for this connection.'),
        forget: vscode.l10n.t('You are asked for it each time.'),
      }),
    );
    if (keep) await this.#passwords.save(connection, password);
    return password;
  }

  async #tryOut(connection: Connection, { address, ...password }: Access): Promise<void> {
    const options = { ...password, readOnly: true, logger: this.#logger };
    await (await usableOf(connection).engine.connect(address, options)).close();
  }
}

/** Throws `refused` unless the workspace is trusted. */
export function refuseInRestrictedMode(): void {
  if (vscode.workspace.isTrusted) return;
  throw new RestorePointError(
    'refused',
    'This workspace is in Restricted Mode, and its settings could point to any database',
    {
      unchanged: 'No connection was made.',
      next: 'Trust the workspace ("Workspaces: Manage Workspace Trust") to connect.',
    },
  );
}
