import * as path from 'node:path';
import { Evaluation } from '../text/evaluate.ts';
import { hole } from '../text/holes.ts';
import { tokensOf } from '../text/tokens.ts';
import { entriesOf, textOf, type Entries, type Value } from '../text/values.ts';
import { urlScheme } from '../urls.ts';
import { givenParts, type NamedDatabase, type NamedTarget, type Source } from '../source.ts';

/** Configurations of Knex: objects with `client` and `connection`, by themselves or for each environment. */
export const knexfile: Source = {
  globs: ['**/knexfile.{js,cjs,mjs,ts,cts,mts}'],
  matches: (file) => /^knexfile\.[cm]?[jt]s$/.test(path.basename(file)),
  *read(file, context) {
    if (!file.text.includes('connection')) return;
    const tokens = tokensOf(file.text, 'javascript');
    const evaluation = new Evaluation(tokens, 'javascript', {
      file: file.path,
      variable: (name) => context.variable(name, file),
    });
    const starts = new Set<number>();
    for (const [at, { text, kind }] of tokens.entries()) {
      const isKey = (kind === 'name' || kind === 'text') && (text === 'client' || text === 'connection');
      const start = isKey ? evaluation.objectAround(at) : undefined;
      if (start !== undefined) starts.add(start);
    }
    for (const start of starts) {
      const found = databaseOf(entriesOf(evaluation.at(start)));
      if (found) yield found;
    }
  },
};

function databaseOf(settings: Entries | undefined): NamedDatabase | undefined {
  const connection = settings?.get('connection');
  const client = textOf(settings?.get('client')?.value) ?? textOf(settings?.get('dialect')?.value);
  if (!connection) return undefined;
  const target = targetOf(client, connection.value);
  return target && { line: connection.line, target };
}

function targetOf(client: string | undefined, connection: Value): NamedTarget | undefined {
  const entries = entriesOf(connection);
  const read = (name: string): string | undefined => textOf(entries?.get(name)?.value);
  const url = entries ? (read('connectionString') ?? read('uri')) : textOf(connection);
  if (url !== undefined && url !== '') {
    const isFile = client !== undefined && /sqlite/i.test(client) && urlScheme(url) === undefined;
    if (isFile) return { kind: 'file', driver: client, file: url };
    return { kind: 'url', url, ...(client === undefined ? {} : { driver: client }) };
  }
  if (!entries || client === undefined) return undefined;
  const file = read('filename');
  if (file !== undefined) return { kind: 'file', driver: client, file };
  const parts = givenParts({
    host: read('host') ?? read('socketPath'),
    port: read('port'),
    database: read('database'),
    user: read('user') ?? read('username'),
    password: read('password'),
    sslmode: sslMode(entries.get('ssl')?.value),
  });
  return Object.keys(parts).length === 0 ? undefined : { kind: 'server', driver: client, parts };
}

/** As the driver `pg` understands it: it checks certificates unless it is told not to. */
export function sslMode(ssl: Value | undefined): string | undefined {
  if (ssl?.kind === 'truth') return ssl.truth ? 'verify-full' : 'disable';
  const checks = entriesOf(ssl)?.get('rejectUnauthorized')?.value;
  if (ssl?.kind !== 'object') return ssl?.kind === 'text' && ssl.text === hole() ? undefined : textOf(ssl);
  return checks?.kind === 'truth' && !checks.truth ? 'require' : 'verify-full';
}
