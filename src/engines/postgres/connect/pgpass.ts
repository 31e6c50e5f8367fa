import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../../../core/logger.ts';
import { isSocket, type ResolvedAddress } from './address.ts';

/**
 * The password that libpq's password file has for an address, if it has one. A file that others can read is passed
 * over with a warning, as libpq does.
 */
export async function passwordFromFile(
  address: Pick<ResolvedAddress, 'host' | 'port' | 'database' | 'user'>,
  logger: Logger,
  file: string = passwordFile(),
): Promise<string | undefined> {
  let text: string;
  try {
    const { mode } = await stat(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      logger.warn(`The password file ${file} is ignored: others can read it (run chmod 600)`);
      return undefined;
    }
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      logger.warn(`The password file ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
    }
    return undefined;
  }
  const wanted = [
    isSocket(address.host) ? 'localhost' : address.host,
    String(address.port),
    address.database,
    address.user,
  ];
  for (const line of text.split(/\r?\n/)) {
    const entry = line.startsWith('#') ? undefined : parseLine(line);
    if (entry && wanted.every((value, index) => matches(entry.fields[index]!, value))) return entry.password;
  }
  return undefined;
}

function passwordFile(): string {
  if (process.env['PGPASSFILE']) return process.env['PGPASSFILE'];
  if (process.platform === 'win32') return join(process.env['APPDATA'] ?? '', 'postgresql', 'pgpass.conf');
  return join(homedir(), '.pgpass');
}

/** `host:port:database:user:password`; in the first four, a colon is written as `\:` and a backslash as `\\`. */
function parseLine(line: string): { fields: string[]; password: string } | undefined {
  const parts = /^((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):(.+)$/.exec(line);
  if (!parts) return undefined;
  return { fields: parts.slice(1, 5), password: unescape(parts[5]!) };
}

function matches(field: string, value: string): boolean {
  return field === '*' || unescape(field) === value;
}

function unescape(text: string): string {
  return text.replace(/\\(.)/g, '$1');
}
