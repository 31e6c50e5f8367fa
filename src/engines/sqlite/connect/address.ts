import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DatabaseAddress } from '../../../core/connections.ts';
import { RestorePointError } from '../../../core/errors.ts';

/**
 * Reads `sqlite:path/to.db` (the path as it is) and `sqlite:///absolute/path.db` (percent-encoded, as in any URL).
 * See `Engine.parseUrl`.
 */
export function parseUrl(text: string): { address: DatabaseAddress } | undefined {
  const match = /^sqlite3?:(?<rest>.*)$/is.exec(text);
  if (!match) return undefined;
  const rest = match.groups?.['rest'] ?? '';
  const file = rest.startsWith('//') ? fileOfUrl(rest.slice(2)) : rest;
  if (file === '' || file.includes('\0')) throw wrongUrl('it names no file');
  if (/^:memory:/i.test(file)) {
    throw wrongUrl(
      'an in-memory database belongs to the program that created it, and no other program can read it',
    );
  }
  return { address: { engine: 'sqlite', file } };
}

function fileOfUrl(rest: string): string {
  if (!rest.startsWith('/')) throw wrongUrl('two slashes introduce a host, and a file has none');
  if (/[?#]/.test(rest)) throw wrongUrl('it must not contain ? or #');
  // Some programs write four slashes for an absolute path; on Windows the drive follows the third.
  const path = rest.replace(/^\/+/, '/').replace(/^\/(?=[A-Za-z]:)/, '');
  try {
    return decodeURIComponent(path);
  } catch {
    throw wrongUrl('a percent sign in it is not followed by two hexadecimal digits');
  }
}

function wrongUrl(reason: string): RestorePointError {
  return new RestorePointError('usage', `This is not the address of a SQLite database: ${reason}`, {
    next: 'Write sqlite:path/to.db.',
  });
}

/** For people. */
export function describe(address: DatabaseAddress): string {
  return address.file ?? 'SQLite';
}

/** The name of the database in the manifest. */
export function databaseName(file: string): string {
  return basename(file);
}

/** How a database file is opened: `immutable` is for a file that nobody else knows of. */
export type OpenMode = 'read' | 'write' | 'create' | 'immutable';

const modeParameters: Readonly<Record<OpenMode, string>> = {
  read: 'mode=ro',
  write: 'mode=rw',
  create: 'mode=rwc',
  immutable: 'mode=ro&immutable=1',
};

/** The URI by which SQLite opens a file; every character of the path that means something in it is encoded. */
export function fileUri(file: string, mode: OpenMode): string {
  const url = pathToFileURL(file);
  // SQLite takes no host: a file on a Windows share goes into the path.
  const path = url.host === '' ? url.pathname : `//${url.host}${url.pathname}`;
  return `file://${path}?${modeParameters[mode]}`;
}
