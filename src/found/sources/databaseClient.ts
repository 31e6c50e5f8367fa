import { givenParts, type NamedTarget } from '../source.ts';
import { textIn, throughTunnel, withFolder, type Profile, type ProfileReader } from './profiles.ts';

/** A connection of Database Client. */
export const databaseClientDatabase: ProfileReader = (profile, folder) => {
  const driver = textIn(profile, 'dbType');
  const target = driver === undefined ? undefined : targetOf(profile, driver, folder);
  const name = textIn(profile, 'name');
  if (!target) return undefined;
  return {
    target,
    ...(name === undefined ? {} : { name }),
    ...(folder === undefined ? {} : { bases: [folder] }),
    ...(profile['usingSSH'] === true ? { problem: throughTunnel } : {}),
  };
};

function targetOf(profile: Profile, driver: string, folder: string | undefined): NamedTarget | undefined {
  if (/sqlite/i.test(driver)) {
    const file = textIn(profile, 'dbPath', 'database');
    return file === undefined ? undefined : { kind: 'file', driver, file: withFolder(file, folder) };
  }
  const url = profile['useConnectionString'] === true ? textIn(profile, 'connectionUrl') : undefined;
  if (url !== undefined) return { kind: 'url', url, driver };
  const password = textIn(profile, 'password');
  // It encrypts what it saves, with a key of its own.
  const isReadable = password !== undefined && !password.startsWith('dbclient_');
  const parts = givenParts({
    host: textIn(profile, 'host'),
    port: textIn(profile, 'port'),
    database: textIn(profile, 'database'),
    user: textIn(profile, 'user'),
    password: isReadable ? password : undefined,
    sslmode: profile['useSSL'] === true ? 'require' : undefined,
  });
  return { kind: 'server', driver, parts };
}
