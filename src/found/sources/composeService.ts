/** What is read of a service; every value may be anything. */
export interface Service {
  readonly image?: unknown;
  readonly environment?: unknown;
  readonly env_file?: unknown;
  readonly ports?: unknown;
}

/** A service with what an override adds, as Compose merges them. */
export function mergedService(service: Service, other: Service | undefined): Service {
  if (!other) return service;
  const list = (value: unknown): readonly unknown[] =>
    Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
  return {
    image: other.image ?? service.image,
    environment: [...pairsOf(service.environment), ...pairsOf(other.environment)],
    env_file: [...list(service.env_file), ...list(other.env_file)],
    // Ports of an override win over those before them.
    ports: [...list(other.ports), ...list(service.ports)],
  };
}

/** `environment` is a map, a list of `NAME=value`, or a list of names whose values are set elsewhere. */
export function environmentOf(
  { environment }: Service,
  text: (value: unknown) => string,
  set: (name: string) => string | undefined,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of pairsOf(environment)) {
    const given = value === undefined || value === null ? set(name) : text(value);
    if (given !== undefined) found[name] = given;
  }
  return found;
}

function pairsOf(environment: unknown): [name: string, value: unknown][] {
  if (typeof environment !== 'object' || environment === null) return [];
  if (!Array.isArray(environment)) return Object.entries(environment);
  return environment.flatMap((item: unknown): [string, unknown][] => {
    if (Array.isArray(item) && typeof item[0] === 'string') return [[item[0], item[1]]];
    if (typeof item !== 'string') return [];
    const equals = item.indexOf('=');
    return equals < 0 ? [[item, undefined]] : [[item.slice(0, equals), item.slice(equals + 1)]];
  });
}

/** Where this machine reaches a port of the container; undefined if it is not published, or with any free port. */
export function publishedPort(
  { ports }: Service,
  inside: number,
  text: (value: unknown) => string,
): { host: string; port: string } | undefined {
  if (!Array.isArray(ports)) return undefined;
  for (const item of ports as readonly unknown[]) {
    const found = typeof item === 'object' && item !== null ? longForm(item, text) : shortForm(text(item));
    if (found && Number(found.target) === inside && found.port !== '') {
      const { host, port } = found;
      return { host: host === '' || host === '0.0.0.0' || host === '::' ? 'localhost' : host, port };
    }
  }
  return undefined;
}

interface Port {
  readonly host: string;
  readonly port: string;
  readonly target: string;
}

function longForm(item: object, text: (value: unknown) => string): Port {
  const { published, target, host_ip: host } = item as Readonly<Record<string, unknown>>;
  return { host: text(host), port: text(published), target: text(target) };
}

/** `5432:5432`, `127.0.0.1:5433:5432/tcp`, `[::1]:5433:5432`; ranges map number by number. */
function shortForm(item: string): Port | undefined {
  const parts = /^(?:(\[[^\]]+\]|[^:[\]]+):)?(?:([^:]*):)?(\d+)(?:-\d+)?(?:\/\w+)?$/.exec(item.trim());
  if (!parts) return undefined;
  const [, first = '', second, target = ''] = parts;
  const port = second ?? first;
  const host = second === undefined ? '' : first.replace(/^\[|\]$/g, '');
  return { host, port: port.replace(/-\d+$/, ''), target };
}
