import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { messageOf, RestorePointError } from '../../../core/errors.ts';
import { isSocket, type ResolvedAddress } from './address.ts';

/** The driver's `ssl` option: false means no TLS. Throws `file` if the certificates cannot be read. */
export type TlsOptions = false | ConnectionOptions;

export async function tlsOptions(address: ResolvedAddress): Promise<TlsOptions> {
  if (isSocket(address.host)) return false;
  switch (address.ssl) {
    case 'disable':
      return false;
    case 'prefer':
      return { rejectUnauthorized: false };
    case 'require': {
      // As libpq: who has said which authorities to trust means them.
      const authorities = await trusted(address);
      if (authorities.ca === undefined) return { rejectUnauthorized: false };
      return { ...authorities, ...anyName };
    }
    case 'verify-ca':
      return { ...(await trusted(address)), ...anyName };
    case 'verify-full':
      return { ...(await trusted(address)), rejectUnauthorized: true };
  }
}

/** A certificate that is trusted, whatever host it was made for. */
const anyName: ConnectionOptions = { rejectUnauthorized: true, checkServerIdentity: () => undefined };

/** The authorities of the given file, else of libpq's usual place, else those that Node.js trusts. */
async function trusted(address: ResolvedAddress): Promise<ConnectionOptions> {
  const file = address.sslRootCert;
  if (file === 'system') return {};
  try {
    return { ca: await readFile(authoritiesFile(address), 'utf8') };
  } catch (error) {
    if (file === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new RestorePointError('file', `The certificates to trust cannot be read: ${messageOf(error)}`, {
      place: { file: authoritiesFile(address) },
      cause: error,
    });
  }
}

/** The file with the authorities to trust; undefined where none is named and Node.js's own may be trusted. */
export function authoritiesFile({ sslRootCert }: ResolvedAddress): string {
  return sslRootCert ?? usualFile();
}

function usualFile(): string {
  return process.platform === 'win32'
    ? join(process.env['APPDATA'] ?? '', 'postgresql', 'root.crt')
    : join(homedir(), '.postgresql', 'root.crt');
}
