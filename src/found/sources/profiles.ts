import { localizable, type Message } from '../../core/localizable.ts';
import type { NamedDatabase } from '../source.ts';

/** A connection of another extension. */
export type Profile = Readonly<Record<string, unknown>>;

/** Reads one; undefined for what names no database. */
export type ProfileReader = (
  profile: Profile,
  folder: string | undefined,
) => Omit<NamedDatabase, 'line'> | undefined;

/** A text or number of a profile. */
export function textIn(profile: Profile, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = profile[name];
    if (typeof value === 'string' && value.trim() !== '') return value;
    if (typeof value === 'number') return String(value);
  }
  return undefined;
}

/** Names of a workspace folder in settings, as its path. */
export function withFolder(text: string, folder: string | undefined): string {
  return folder === undefined ? text : text.replace(/\$\{workspaceFolder(?::[^}]*)?\}/g, () => folder);
}

export const throughTunnel: Message = {
  text: localizable('It needs an SSH tunnel, which Restore Point does not support'),
  values: [],
};
