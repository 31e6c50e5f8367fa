import * as vscode from 'vscode';
import type { ConnectionSettings } from '../../core/connectionSettings.ts';
import { RestorePointError } from '../../core/errors.ts';
import type { Engine } from '../../engines/engine.ts';

/** The settings file that contains an item. */
export interface SettingsScope {
  readonly target: vscode.ConfigurationTarget;
  /** The folder that relative paths start from: the folder of these settings, or else the first. */
  readonly folder?: vscode.WorkspaceFolder;
  /** Identifies this scope on this machine. */
  readonly key: string;
}

/** An item of `restorePoint.connections`, usable or not. */
export interface Connection {
  /** Identifies it on this machine: scope and id. */
  readonly key: string;
  readonly id: string;
  readonly name: string;
  readonly scope: SettingsScope;
  /** The item as written in the settings. */
  readonly item: unknown;
  readonly usable?: UsableConnection;
  /** Why it cannot be used. */
  readonly problem?: RestorePointError;
}

export interface UsableConnection {
  readonly settings: ConnectionSettings;
  readonly engine: Engine;
}

/** Throws `usage`, saying what is wrong with its settings. */
export function usableOf(connection: Connection): UsableConnection {
  if (connection.usable) return connection.usable;
  throw (
    connection.problem ?? new RestorePointError('usage', `The connection ${connection.name} is not usable`)
  );
}

/** `app (PostgreSQL)`, or the name alone if the engine is in it already. */
export function nameWithEngine({ name, usable }: Connection): string {
  const label = usable?.engine.label;
  return label === undefined || name.includes(label) ? name : `${name} (${label})`;
}

/** Its address without secrets, for people. A file in the workspace is shown relative to it. */
export function describeTarget({ usable }: Connection): string {
  if (!usable) return '';
  const { engine, settings } = usable;
  const target = engine.describe(settings.address);
  return engine.features.isFile ? vscode.workspace.asRelativePath(target) : target;
}
