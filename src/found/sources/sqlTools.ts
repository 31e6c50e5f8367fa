import type { NamedTarget } from '../source.ts';
import { givenParts } from '../source.ts';
import { textIn, throughTunnel, withFolder, type Profile, type ProfileReader } from './profiles.ts';

/** A connection of SQLTools. */
export const sqlToolsDatabase: ProfileReader = (profile, folder) => {
  const driver = textIn(profile, 'driver', 'dialect');
  const target = driver === undefined ? undefined : targetOf(profile, driver, folder);
  const name = textIn(profile, 'name');
  if (!target) return undefined;
  return {
    target,
    ...(name === undefined ? {} : { name }),
    ...(folder === undefined ? {} : { bases: [folder] }),
    ...(textIn(profile, 'ssh') === 'Enabled' ? { problem: throughTunnel } : {}),
  };
};

function targetOf(profile: Profile, driver: string, folder: string | undefined): NamedTarget | undefined {
  const url = textIn(profile, 'connectString');
  if (url !== undefined) return { kind: 'url', url, driver };
  const database = textIn(profile, 'database');
  if (/sqlite/i.test(driver)) {
    return database === undefined ? undefined : { kind: 'file', driver, file: withFolder(database, folder) };
  }
  const options = profile['pgOptions'] as Profile | null | undefined;
  const parts = givenParts({
    host: textIn(profile, 'server', 'socketPath'),
    port: textIn(profile, 'port'),
    database,
    user: textIn(profile, 'username'),
    password: textIn(profile, 'password'),
    sslmode: sslMode(options?.['ssl']),
  });
  return { kind: 'server', driver, parts };
}

function sslMode(ssl: unknown): string | undefined {
  if (ssl === true || ssl === 'Enabled') return 'verify-full';
  if (typeof ssl !== 'object' || ssl === null) return undefined;
  return (ssl as Profile)['rejectUnauthorized'] === false ? 'require' : 'verify-full';
}
