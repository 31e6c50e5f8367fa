import type { ServerParts } from './source.ts';

/** The scheme of a URL in lower case, without `jdbc:` before it and a driver behind it (`postgresql+psycopg2`). */
export function urlScheme(text: string): string | undefined {
  return /^(?:jdbc:)?([a-z][a-z\d-]*)(?:\+[\w.-]+)?:(?![\\\s])/i.exec(text.trim())?.[1]?.toLowerCase();
}

/** What follows the scheme and its colon. */
export function behindScheme(text: string): string {
  return text.trim().replace(/^(?:jdbc:)?[a-z][a-z\d-]*(?:\+[\w.-]+)?:/i, '');
}

/** The URL of a server, in which every part is as it is given. */
export function serverUrl(scheme: string, parts: ServerParts): string {
  const { host = '', port, user, password, database, ...parameters } = parts;
  const credentials = [user ?? '', ...(password === undefined ? [] : [password])].map(encodeURIComponent);
  const login = user === undefined && password === undefined ? '' : `${credentials.join(':')}@`;
  const isAddress = host.includes(':') && !host.startsWith('/');
  const place = isAddress ? `[${host.replace(/^\[|\]$/g, '')}]` : encodeURIComponent(host);
  const query = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return [
    `${scheme}://${login}${place}`,
    port === undefined ? '' : `:${encodeURIComponent(port)}`,
    database === undefined ? '' : `/${encodeURIComponent(database)}`,
    query.length === 0 ? '' : `?${query.join('&')}`,
  ].join('');
}

/**
 * The paths that a URL of a database file can mean, the likeliest first: after three slashes SQLAlchemy and others have a
 * relative path, some an absolute one. None for a database in memory.
 */
export function filesOfUrl(url: string): string[] {
  const whole = behindScheme(url);
  const end = whole.search(/[?#]/);
  const rest = (end < 0 ? whole : whole.slice(0, end)).replace(/^\/\/\/?file:/i, '');
  const slashes = /^\/*/.exec(rest)![0];
  const name = decoded(rest.slice(slashes.length));
  if (name === '' || /^:memory:/i.test(name)) return [];
  if (/^[a-z]:[\\/]/i.test(name)) return [name];
  switch (slashes.length) {
    case 0:
    case 2:
      return [name];
    case 3:
      return [name, `/${name}`];
    default:
      return [`/${name}`];
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
