import { givenParts } from '../source.ts';
import { textIn, type ProfileReader } from './profiles.ts';

/** A connection of Microsoft's PostgreSQL extension, or of the one before it (`host`, `dbname`). */
export const postgresExtensionDatabase: ProfileReader = (profile) => {
  const host = textIn(profile, 'server', 'host');
  if (host === undefined) return undefined;
  const name = textIn(profile, 'profileName', 'displayName');
  const parts = givenParts({
    host,
    port: textIn(profile, 'port'),
    database: textIn(profile, 'database', 'dbname'),
    user: textIn(profile, 'user'),
    password: textIn(profile, 'password'),
    sslmode: textIn(profile, 'sslmode'),
    sslrootcert: textIn(profile, 'sslrootcert'),
  });
  const target = { kind: 'server', driver: 'postgres', parts } as const;
  return { target, ...(name === undefined ? {} : { name }) };
};
