import { stat } from 'node:fs/promises';
import * as path from 'node:path';
import { isBackupName } from '../backup/backupFiles.ts';
import { parseDatabaseUrl } from '../engines/registry.ts';
import { resolveConnection, type ResolvedConnection } from './connection.ts';
import type { TrustOptions } from './trustedSettings.ts';

/** Resolves a `<file|connection>` of the command line. */
export type Side =
  | { readonly kind: 'backup'; readonly file: string }
  | { readonly kind: 'database'; readonly connection: ResolvedConnection };

/** A file that is there, or has the name of a backup, is a backup; anything else a connection. Throws as `resolveConnection`. */
export async function resolveSide(text: string, trust: TrustOptions): Promise<Side> {
  if (!parseDatabaseUrl(text)) {
    const file = path.resolve(text);
    const isFile = isBackupName(text) || ((await stat(file).catch(() => undefined))?.isFile() ?? false);
    if (isFile) return { kind: 'backup', file };
  }
  return { kind: 'database', connection: await resolveConnection(text, trust) };
}
