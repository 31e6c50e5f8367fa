import * as path from 'node:path';
import type { ConnectionSettings } from '../../core/connectionSettings.ts';
import type { DatabaseAddress } from '../../core/connections.ts';

/** An unfinished connection: the answers so far, as texts. */
export interface ConnectionDraft {
  readonly engine: DatabaseAddress['engine'];
  /** A URL that contains variables, kept as it is. */
  readonly url?: string;
  readonly file?: string;
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
  readonly user?: string;
  readonly ssl?: DatabaseAddress['ssl'];
  readonly sslRootCert?: string;
  readonly name?: string;
  readonly id?: string;
  readonly password?: DraftPassword;
  readonly encrypt?: ConnectionSettings['encrypt'];
  readonly identityFile?: string;
  /** Not asked for; see `ConnectionSettings`. */
  readonly schedule?: unknown;
}

export type DraftPassword =
  | { readonly kind: 'none' }
  /** In the secret store. Without `text`, the saved password stays. */
  | { readonly kind: 'stored'; readonly text?: string }
  | { readonly kind: 'environment'; readonly variable: string };

/** The item of `restorePoint.connections` for a draft. `folder` is what `${workspaceFolder}` means there, if anything. */
export function itemOf(
  draft: ConnectionDraft & { id: string },
  folder?: string,
): { id: string } & Record<string, unknown> {
  const { password, file, engine, url, ...rest } = draft;
  const item = {
    id: draft.id,
    name: draft.name,
    engine,
    url,
    file: file === undefined ? undefined : portablePath(file, folder),
    host: rest.host,
    port: rest.port,
    database: rest.database,
    user: rest.user,
    ssl: rest.ssl,
    sslRootCert: rest.sslRootCert,
    passwordEnv: password?.kind === 'environment' ? password.variable : undefined,
    encrypt: rest.encrypt,
    identityFile: rest.identityFile,
    schedule: rest.schedule,
  };
  const given = Object.entries(item).filter(([, value]) => value !== undefined && value !== '');
  return Object.fromEntries(given) as { id: string };
}

/** The path of a file, relative to the folder if it is inside, so that the settings work on other machines. */
export function portablePath(file: string, folder: string | undefined): string {
  if (folder === undefined || !path.isAbsolute(file)) return file;
  const relative = path.relative(folder, file);
  const inside = relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
  return inside ? `\${workspaceFolder}/${relative.split(path.sep).join('/')}` : file;
}

/** The draft of an item in the settings. Values of the wrong type are asked for again. */
export function draftOf(
  item: Readonly<Record<string, unknown>>,
  engine: DatabaseAddress['engine'],
): ConnectionDraft {
  const texts = [
    'url',
    'file',
    'host',
    'database',
    'user',
    'ssl',
    'sslRootCert',
    'name',
    'id',
    'identityFile',
  ] as const;
  const given = texts.flatMap((name) => (typeof item[name] === 'string' ? [[name, item[name]]] : []));
  const variable = item['passwordEnv'];
  const port = Number(item['port']);
  const encrypt = item['encrypt'] as ConnectionSettings['encrypt'];
  return {
    ...(Object.fromEntries(given) as Partial<ConnectionDraft>),
    engine,
    ...(Number.isInteger(port) ? { port } : {}),
    ...(encrypt === undefined ? {} : { encrypt }),
    ...(item['schedule'] === undefined ? {} : { schedule: item['schedule'] }),
    password: typeof variable === 'string' ? { kind: 'environment', variable } : { kind: 'stored' },
  };
}

function withoutMarksAtEnd(text: string): string {
  let end = text.length;
  while (end > 0 && '._-'.includes(text[end - 1]!)) end -= 1;
  return text.slice(0, end);
}

/** Makes an id for the settings from a display name: `Shop (SQLite)` gives `shop-sqlite`. */
export function newConnectionId(name: string, taken: readonly string[]): string {
  const plain = name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}._-]+/gu, '-');
  const base = withoutMarksAtEnd(plain.replace(/^[^\p{L}\p{N}]+/u, '')) || 'database';
  let id = base;
  for (let number = 2; taken.includes(id); number++) id = `${base}-${number}`;
  return id;
}

/** The suggested name of a draft: its database's. */
export function suggestedName({ file, database, host }: ConnectionDraft): string {
  if (file !== undefined) return path.basename(file).replace(/\.(db|db3|sqlite|sqlite3)$/i, '');
  return database ?? host ?? '';
}

/** Whether the host is this machine, so that encryption need not be asked about. */
export function isLocalHost(host: string | undefined): boolean {
  return host === undefined || /^(localhost|127(\.\d+){3}|::1|\/.*)$/i.test(host);
}

/** Parses `host`, `host:port`, `[::1]:5432`, `/run/postgresql`; undefined for anything else. */
export function parseHost(text: string): { host: string; port?: number } | undefined {
  if (text.startsWith('/')) return { host: text };
  const parts = /^(?:\[([^\]\s]+)\]|([^\s:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const host = parts?.[1] ?? parts?.[2];
  if (host === undefined)
    return /^[\da-f:]+$/i.test(text) && text.includes('::') ? { host: text } : undefined;
  if (parts?.[3] === undefined) return { host };
  const port = Number(parts[3]);
  return port > 0 && port < 65536 ? { host, port } : undefined;
}

export function formatHost({ host, port }: ConnectionDraft): string {
  if (host === undefined) return '';
  const shown = host.includes(':') ? `[${host}]` : host;
  return port === undefined ? shown : `${shown}:${port}`;
}
