import type * as vscode from 'vscode';
import type { Keys } from '../../archive/encryption/keys.ts';
import type { Manifest } from '../../core/manifest.ts';
import type { TableName } from '../../core/names.ts';
import type { RestoreMode } from '../../core/plan.ts';
import type { KeyOptions } from '../backups/backupKeys.ts';
import type { Connection } from '../connections/connection.ts';

export interface RestoreRequest {
  readonly file: string;
  /** Its contents. */
  readonly manifest: Manifest;
  /** For an encrypted file. */
  readonly keys?: Keys;
  readonly keyOptions: KeyOptions;
  readonly connection: Connection;
  /** Defaults to all of the backup. */
  readonly tables?: readonly TableName[];
  readonly mode: RestoreMode;
  /** Undoes an earlier restore: the file is its safety backup. */
  readonly undo?: boolean;
  /** Shows no message at the end. */
  readonly quiet: boolean;
  /** The summary is already confirmed. */
  readonly confirmed: boolean;
  /** May run statements of a backup that this machine did not make. */
  readonly trusted: boolean;
  readonly token?: vscode.CancellationToken;
}
