import * as vscode from 'vscode';
import type { Manifest } from '../../core/manifest.ts';
import { takenFrom } from '../backups/backupOrigin.ts';
import { nameWithEngine, type Connection } from '../connections/connection.ts';
import { refuseInRestrictedMode } from '../connections/connector.ts';
import { alone, answered, askConnection, type ConnectionChoiceOptions } from '../prompts/choices.ts';
import type { Services } from '../services.ts';

/**
 * Asks for a connection, unless there is only one. If there are none, offers to add one and throws
 * `vscode.CancellationError`; throws `refused` in Restricted Mode.
 */
export async function chooseConnection(
  services: Services,
  title: string,
  options: ConnectionChoiceOptions,
): Promise<Connection> {
  const connections = someConnections(services);
  return (
    onlyConnection(connections, options) ?? answered(await askConnection(alone(title), connections, options))
  );
}

/** The connection that needs no question: there is no other, and nothing speaks against it. */
export function onlyConnection(
  connections: readonly Connection[],
  { refuse }: Pick<ConnectionChoiceOptions, 'refuse'> = {},
): Connection | undefined {
  const [only, another] = connections;
  return another || !only?.usable || refuse?.(only) !== undefined ? undefined : only;
}

export interface DatabaseQuestion {
  readonly title: string;
  readonly placeholder: string;
  /** Why a database of another engine cannot be chosen; `label` is the engine of the backup. */
  readonly refusal: (label: string, connection: string) => string;
}

/** The connection that the backup was taken from, else the only one of its kind, else the one that the user chooses. */
export async function databaseOf(
  services: Services,
  connections: readonly Connection[],
  { file, manifest }: { readonly file: string; readonly manifest: Manifest },
  { title, placeholder, refusal }: DatabaseQuestion,
): Promise<Connection> {
  const { engine } = manifest.source;
  const origin = takenFrom(services, file, manifest);
  const possible = connections.filter(({ usable }) => usable?.engine.id === engine);
  if (origin && possible.includes(origin)) return origin;
  if (possible.length === 1) return possible[0]!;
  const { label } = services.engineById(engine);
  return answered(
    await askConnection(alone(title), connections, {
      placeholder,
      refuse: (connection) =>
        connection.usable && connection.usable.engine.id !== engine
          ? refusal(label, nameWithEngine(connection))
          : undefined,
    }),
  );
}

/** All connections. If there are none, offers to add one and throws `vscode.CancellationError`. */
export function someConnections({ store, boundary }: Services): Connection[] {
  refuseInRestrictedMode();
  const connections = store.list();
  if (connections.length > 0) return connections;
  boundary.inform(vscode.l10n.t('There are no database connections yet.'), [
    {
      title: vscode.l10n.t('Add Connection…'),
      run: () => vscode.commands.executeCommand('restorePoint.addConnection'),
    },
  ]);
  throw new vscode.CancellationError();
}
