import * as path from 'node:path';
import { serverParts, type ConnectionForm } from '../../core/connectionForm.ts';
import { holesIn } from '../text/holes.ts';
import { parseVariables, type Variable } from '../text/variables.ts';
import { urlScheme } from '../urls.ts';
import {
  givenParts,
  type EngineNames,
  type NamedDatabase,
  type Source,
  type SourceContext,
  type SourceFile,
} from '../source.ts';

/** Their values are examples. */
const isExample = /(?:^|[.-])(?:example|sample|template|tmpl|dist|defaults?|vault|keys|schema)(?:\.|$)/i;

/** `.env`, `.env.local`, `.env.production`, `dev.env`: URLs of databases, and the variables of database tools. */
export const dotenv: Source = {
  globs: ['**/.env', '**/.env.*', '**/*.env'],
  matches(file) {
    const name = path.basename(file);
    return (/^\.env(?:\.|$)/.test(name) || name.endsWith('.env')) && !isExample.test(name);
  },
  *read(file, context) {
    const variables = parseVariables(file.text, (name) => context.variable(name, file));
    for (const [name, { value, line }] of variables) {
      if (isUrl(name, value, context.engines))
        yield { line, target: { kind: 'url', url: value }, ...basesOf(file) };
    }
    for (const { form } of context.engines.known) yield* fromParts(form, variables, file, context);
    yield* fromLaravel(variables, file);
  },
};

/** Prisma writes paths into `.env` that start from its schema. */
function basesOf({ path: file }: SourceFile): Pick<NamedDatabase, 'bases'> {
  const folder = path.dirname(file);
  return { bases: [folder, path.join(folder, 'prisma')] };
}

function isUrl(name: string, value: string, engines: EngineNames): boolean {
  const scheme = urlScheme(value);
  if (scheme === undefined) return false;
  if (scheme === 'file') return /(?:^|_)(?:DATABASE|DB|SQLITE|PRISMA)(?:_|$)/i.test(name);
  const known = engines.known.some(({ form }) => form.elsewhere.names.includes(scheme));
  return known || engines.otherEngine(scheme) !== undefined;
}

/** The variables that the engine's own tools read. */
function* fromParts(
  { elsewhere }: ConnectionForm,
  variables: ReadonlyMap<string, Variable>,
  file: SourceFile,
  context: SourceContext,
): Iterable<NamedDatabase> {
  const names = elsewhere.variables;
  if (!names) return;
  const firstOf = (part: readonly string[] = []): Variable | undefined =>
    part.flatMap((name) => variables.get(name) ?? []).find(({ value }) => value !== '');
  const place = firstOf(names.host) ?? firstOf(names.database);
  if (!place) return;
  const parts = serverParts.map((part): [string, string | undefined] => {
    const own = names[part] ?? [];
    const others = own.map((name) => context.variable(name, file)).find((value) => value !== undefined);
    return [part, firstOf(own)?.value ?? others];
  });
  const driver = elsewhere.names[0]!;
  yield {
    line: place.line,
    target: { kind: 'server', driver, parts: givenParts(Object.fromEntries(parts)) },
  };
}

/** Laravel names the driver and the parts. */
function* fromLaravel(
  variables: ReadonlyMap<string, Variable>,
  { path: file }: SourceFile,
): Iterable<NamedDatabase> {
  const driver = variables.get('DB_CONNECTION');
  if (!driver || driver.value === '' || holesIn(driver.value).length > 0) return;
  const value = (name: string): string | undefined => variables.get(name)?.value;
  const database = value('DB_DATABASE');
  if (/^sqlite/i.test(driver.value)) {
    const folder = path.dirname(file);
    const target = {
      kind: 'file',
      driver: driver.value,
      file: database ?? 'database/database.sqlite',
    } as const;
    yield { line: driver.line, target, bases: [folder, path.join(folder, 'database')] };
    return;
  }
  if (database === undefined && value('DB_HOST') === undefined) return;
  const parts = givenParts({
    host: value('DB_HOST'),
    port: value('DB_PORT'),
    database,
    user: value('DB_USERNAME'),
    password: value('DB_PASSWORD'),
    sslmode: value('DB_SSLMODE'),
  });
  yield { line: driver.line, target: { kind: 'server', driver: driver.value, parts } };
}
