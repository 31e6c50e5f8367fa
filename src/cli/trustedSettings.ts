import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import * as path from 'node:path';
import { stateFolder } from '../backup/stateFolder.ts';
import type { ConnectionSettings } from '../core/connectionSettings.ts';
import { messageOf, RestorePointError } from '../core/errors.ts';
import { PrivateList } from '../core/privateList.ts';
import { visible } from '../core/visible.ts';
import type { Engine, WorkOptions } from '../engines/engine.ts';
import { askYes } from './askYes.ts';
import { lines } from './output.ts';
import type { Terminal } from './terminal.ts';

export interface TrustOptions extends Pick<WorkOptions, 'signal' | 'logger'> {
  /** The user trusts the settings for this run. */
  readonly trustSettings: boolean;
  readonly terminal: Terminal;
}

/** A connection in the settings of a folder, which may be a cloned repository. */
export interface FolderConnection {
  readonly engine: Engine;
  readonly settings: ConnectionSettings;
  /** The connection in the settings, with the names of variables instead of their values. */
  readonly item: Readonly<Record<string, unknown>>;
  readonly folder: string;
  readonly file: string;
}

/**
 * Asks once, for each folder and address, whether the user trusts settings that send passwords and environment variables
 * somewhere; the answer is kept in the state folder. Throws `refused` after a no, and where nobody can be asked.
 */
export async function requireTrust(connection: FolderConnection, options: TrustOptions): Promise<void> {
  if (options.trustSettings || (await isHarmless(connection))) return;
  const list = new PrivateList(path.join(stateFolder(), 'trusted-settings'));
  const fingerprint = await fingerprintOf(connection);
  const known = await list.has(fingerprint).catch((error: unknown) => {
    options.logger.warn(`The list of trusted settings cannot be used: ${messageOf(error)}`);
    return false;
  });
  if (known) return;
  const { terminal, signal } = options;
  if (!terminal.stdin.isTTY) {
    throw refusal(connection, 'you have not trusted them yet, and there is no terminal to ask');
  }
  terminal.stderr.write(`${lines(questionText(connection))}\n`);
  if (!(await askYes('Trust these settings? [y/N] ', terminal, signal))) {
    throw refusal(connection, 'you do not trust them');
  }
  await list.add(fingerprint).catch((error: unknown) => {
    options.logger.warn(`Your answer could not be saved, so you will be asked again: ${messageOf(error)}`);
  });
}

/** A database file inside the folder, named without an environment variable: nothing leaves the folder. */
async function isHarmless({ engine, settings, folder }: FolderConnection): Promise<boolean> {
  const { file } = settings.address;
  if (!engine.features.isFile || file === undefined || settings.variables.length > 0) return false;
  const inside = path.relative(await realpath(folder), await placeOf(file));
  return inside !== '' && inside.split(path.sep)[0] !== '..' && !path.isAbsolute(inside);
}

/** The path of an existing or future file after following all links. */
async function placeOf(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    const folder = path.dirname(file);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || folder === file) throw error;
    return path.join(await placeOf(folder), path.basename(file));
  }
}

/** A hash of everything that decides where data and passwords go: it includes the values of variables. */
async function fingerprintOf({ engine, settings, item, folder }: FolderConnection): Promise<string> {
  const { name: _, schedule: __, ...written } = item;
  const whole = [
    await realpath(folder),
    await engine.passwordDestination(settings.address),
    settings.variables,
    Object.entries(written).sort(([a], [b]) => (a < b ? -1 : 1)),
  ];
  return createHash('sha256').update(JSON.stringify(whole)).digest('hex');
}

function questionText({ engine, settings, item, file }: FolderConnection): string {
  const properties = Object.entries(item).filter(([name]) => !['id', 'name', 'schedule'].includes(name));
  const { variables } = settings;
  const fromUrl = typeof item['url'] === 'string' && !settings.address.ofWorkspace;
  return [
    `The connection "${settings.id}" comes from ${file}:`,
    ...properties.map(
      ([name, value]) => `  ${name}: ${visible(typeof value === 'string' ? value : JSON.stringify(value))}`,
    ),
    ...(fromUrl ? [`It connects to ${engine.describe(settings.address)}.`] : []),
    variables.length === 0
      ? 'It reads no environment variables of its own.'
      : `It reads these environment variables, and may send their values there: ${variables.map(visible).join(', ')}.`,
    ...(engine.form.otherPasswords === undefined
      ? []
      : [`It also sends ${engine.form.otherPasswords}, if there is one.`]),
  ].join('\n');
}

function refusal({ settings, file }: FolderConnection, reason: string): RestorePointError {
  return new RestorePointError(
    'refused',
    `The settings for the connection "${settings.id}" are not used: ${reason}`,
    {
      place: { file },
      unchanged: 'No connection was made.',
      next:
        'Read them: they decide which server gets your password and environment variables. Then run this command in a ' +
        'terminal and answer yes, add --trust-settings, or use the URL of the database instead of the id.',
    },
  );
}
