import * as vscode from 'vscode';
import type { Connection } from '../connections/connection.ts';
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
