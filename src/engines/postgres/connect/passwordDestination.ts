import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { DatabaseAddress } from '../../../core/connections.ts';
import { resolveAddress } from './address.ts';
import { authoritiesFile } from './tls.ts';

/** See `Engine.passwordDestination`. */
export async function passwordDestination(address: DatabaseAddress): Promise<string> {
  const resolved = resolveAddress(address);
  const { host, port, database, user, ssl, sslRootCert = '', maySendPasswordsOpenly } = resolved;
  const trusted = ssl === 'disable' || ssl === 'prefer' ? '' : await digestOf(authoritiesFile(resolved));
  return JSON.stringify([
    ...['postgres', host, port, database, user],
    ...[ssl, sslRootCert, trusted, maySendPasswordsOpenly],
  ]);
}

/** Empty for a file that cannot be read: then none of it is trusted. */
async function digestOf(file: string): Promise<string> {
  const text = await readFile(file).catch(() => undefined);
  return text === undefined ? '' : createHash('sha256').update(text).digest('hex');
}
