import { readFile, stat } from 'node:fs/promises';
import * as path from 'node:path';
import { parse, printParseErrorCode, type ParseError } from 'jsonc-parser';
import {
  isConnectionId,
  parseConnectionSettings,
  type ConnectionSettings,
} from '../core/connectionSettings.ts';
import type { TrustOptions } from './trustedSettings.ts';
import { requireTrust } from './trustedSettings.ts';
import { RestorePointError } from '../core/errors.ts';
import type { DatabaseAddress } from '../core/connections.ts';
import type { Engine, Session, WorkOptions } from '../engines/engine.ts';
import { useSession } from '../engines/useSession.ts';
import type { KeyArguments } from './arguments.ts';
import { engineById, engines, exampleUrls, parseDatabaseUrl } from '../engines/registry.ts';

export interface ResolvedConnection {
  readonly engine: Engine;
  readonly address: DatabaseAddress;
  readonly password?: string;
  /** The id in the settings, when it came from there. */
  readonly id?: string;
  readonly encrypt?: ConnectionSettings['encrypt'];
  readonly identityFile?: string;
}

/** Resolves a `<connection>` of the command line. Throws `usage`, and `refused` for settings that the user does not trust. */
export async function resolveConnection(
  text: string,
  trust: TrustOptions,
  folder = process.cwd(),
): Promise<ResolvedConnection> {
  const parsed = parseDatabaseUrl(text);
  if (parsed) return { engine: engineById(parsed.address.engine), ...parsed };
  return await connectionFromSettings(text, trust, folder);
}

/** A connection in the settings of a folder, as it is written there. Throws `usage` if there is none with this id. */
export async function connectionItem(id: string, folder: string): Promise<Readonly<Record<string, unknown>>> {
  const file = path.join(folder, '.vscode', 'settings.json');
  const items = await readConnections(file);
  const item = items.find((candidate) => isRecord(candidate) && candidate['id'] === id);
  if (item === undefined) throw unknownConnection(id, file, items);
  return item as Record<string, unknown>;
}

async function connectionFromSettings(
  id: string,
  trust: TrustOptions,
  folder: string,
): Promise<ResolvedConnection> {
  const file = path.join(folder, '.vscode', 'settings.json');
  const item = await connectionItem(id, folder);
  const settings = parseConnectionSettings(item, {
    env: process.env,
    workspaceFolder: folder,
    ofWorkspace: true,
    engines,
    parseUrl: parseDatabaseUrl,
  });
  const engine = engineById(settings.address.engine);
  await requireTrust({ engine, settings, item, folder, file }, trust);
  const fromEnv = settings.passwordEnv === undefined ? undefined : process.env[settings.passwordEnv];
  const password = fromEnv ?? settings.password;
  if (settings.passwordEnv !== undefined && fromEnv === undefined) {
    // By mistake, users write the password itself there.
    const variable = /^\w+$/.test(settings.passwordEnv) ? ` ${settings.passwordEnv}` : ' of this name';
    throw new RestorePointError('usage', `The environment has no variable${variable}`, {
      place: { setting: `the connection ${id} in ${file}` },
      next: 'Set it to the password.',
    });
  }
  return {
    engine,
    address: settings.address,
    id,
    ...(settings.encrypt ? { encrypt: settings.encrypt } : {}),
    ...(settings.identityFile === undefined ? {} : { identityFile: settings.identityFile }),
    ...(password === undefined ? {} : { password }),
  };
}

/** Longer than any settings are. */
const maxSettingsBytes = 16 * 1024 * 1024;

/** A repository can link its settings to a device without an end. */
async function readSettings(file: string): Promise<string> {
  const found = await stat(file);
  if (!found.isFile() || found.size > maxSettingsBytes) throw new Error('it is not a regular file');
  return readFile(file, 'utf8');
}

async function readConnections(file: string): Promise<readonly unknown[]> {
  const text = await readSettings(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}';
    throw new RestorePointError('usage', 'The settings cannot be read', { place: { file }, cause: error });
  });
  const errors: ParseError[] = [];
  let settings: unknown;
  try {
    settings = parse(text, errors, { allowTrailingComma: true });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RestorePointError('usage', 'The settings are nested too deeply', { place: { file } });
  }
  const [first] = errors;
  if (first) {
    throw new RestorePointError(
      'usage',
      `The settings are not valid JSON: ${printParseErrorCode(first.error)}`,
      {
        place: { file },
      },
    );
  }
  const list = isRecord(settings) ? settings['restorePoint.connections'] : undefined;
  return Array.isArray(list) ? (list as unknown[]) : [];
}

function unknownConnection(id: string, file: string, items: readonly unknown[]): RestorePointError {
  const ids = items.flatMap((item) => (isRecord(item) && typeof item['id'] === 'string' ? [item['id']] : []));
  const known = ids.length > 0 ? `It has: ${ids.join(', ')}.` : 'It has no connections.';
  // A mistyped URL may hold a password.
  const shown = isConnectionId(id) ? `"${id}"` : 'This';
  return new RestorePointError('usage', `${shown} is neither a URL nor a connection in ${file}`, {
    next: `${known} Write a URL like ${exampleUrls()}.`,
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The identity file that the connection names, where the arguments name none. */
export function identityOf(
  { identityFiles }: KeyArguments,
  { identityFile }: ResolvedConnection,
): { identityFiles?: readonly string[] } {
  if (identityFiles) return { identityFiles };
  return identityFile === undefined ? {} : { identityFiles: [identityFile] };
}

/** Opens a session of the connection, and closes it after `work`. */
export function withSession<Result>(
  { engine, address, password }: ResolvedConnection,
  options: WorkOptions & { readOnly: boolean; create?: boolean; unchanged?: string },
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  const open = { ...options, ...(password === undefined ? {} : { password }) };
  return useSession(engine, address, open, work);
}
