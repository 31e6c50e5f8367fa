import * as path from 'node:path';
import { isAlias, isMap, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import { localizable } from '../../core/localizable.ts';
import { expand, parseVariables } from '../text/variables.ts';
import {
  BrokenSource,
  givenParts,
  type KnownEngine,
  type NamedDatabase,
  type Source,
  type SourceContext,
  type SourceFile,
} from '../source.ts';
import { environmentOf, mergedService, publishedPort, type Service } from './composeService.ts';

const names = /^(?:docker-)?compose(?:\.([\w.-]+))?\.ya?ml$/;

/** Services of Docker Compose that run a database server and publish its port. */
export const compose: Source = {
  globs: ['**/{compose,docker-compose}.{yml,yaml}', '**/{compose,docker-compose}.*.{yml,yaml}'],
  matches: (file) => names.test(path.basename(file)),
  *read(file, context) {
    const override = isOverride(file.path) && mainFile(file, context) !== undefined;
    // Compose reads an override together with its main file.
    if (override) return;
    const services = servicesOf(file);
    const others = overrides(file, context).map(servicesOf);
    for (const [name, { service, line }] of services) {
      const whole = others.reduce(
        (merged, other) => mergedService(merged, other.get(name)?.service),
        service,
      );
      const found = databaseOf(name, whole, line, file, context);
      if (found) yield found;
    }
  },
};

function isOverride(file: string): boolean {
  return names.exec(path.basename(file))?.[1] === 'override';
}

const stems = ['compose', 'docker-compose'];

function mainFile({ path: file }: SourceFile, context: SourceContext): SourceFile | undefined {
  return besides(file, ['yaml', 'yml'], context)[0];
}

function overrides({ path: file }: SourceFile, context: SourceContext): SourceFile[] {
  if (names.exec(path.basename(file))?.[1] !== undefined) return [];
  return besides(file, ['override.yaml', 'override.yml'], context);
}

function besides(file: string, ends: readonly string[], context: SourceContext): SourceFile[] {
  const all = stems.flatMap((stem) => ends.map((end) => path.join(path.dirname(file), `${stem}.${end}`)));
  return all.flatMap((one) => context.file(one) ?? []);
}

interface PlacedService {
  readonly service: Service;
  readonly line: number;
}

function servicesOf({ text }: SourceFile): Map<string, PlacedService> {
  const lines = new LineCounter();
  // Without the lines of the file in its errors, which may hold a secret.
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
    uniqueKeys: false,
  });
  const [error] = document.errors;
  if (error) throw new BrokenSource(lines.linePos(error.pos[0]).line, 'it is not valid YAML');
  const services = document.get('services');
  if (!isMap(services)) return new Map();
  const found = new Map<string, PlacedService>();
  for (const { key, value: given } of services.items) {
    const value = isAlias(given) ? given.resolve(document) : given;
    if (!isScalar(key) || !isMap(value)) continue;
    const line = lines.linePos(key.range?.[0] ?? 0).line;
    found.set(String(key.value), { service: plainOf(document, value, line), line });
  }
  return found;
}

/** Aliases that multiply each other are refused by the library. */
function plainOf(document: Document, value: { toJS(document: Document): unknown }, line: number): Service {
  try {
    return value.toJS(document) as Service;
  } catch {
    throw new BrokenSource(line, 'it has too many aliases, or one that names nothing');
  }
}

function databaseOf(
  name: string,
  service: Service,
  line: number,
  file: SourceFile,
  context: SourceContext,
): NamedDatabase | undefined {
  const set = (variable: string): string | undefined => context.variable(variable, file);
  const text = (value: unknown): string => expand(textOf(value), set);
  const environment = {
    ...Object.assign({}, ...envFilesOf(service, file, context)),
    ...environmentOf(service, text, set),
  } as Readonly<Record<string, string>>;
  const engine = engineOf(text(service.image), environment, context);
  if (engine === undefined) return undefined;
  if (typeof engine === 'string') {
    return { line, name, target: { kind: 'server', driver: engine, parts: { host: 'localhost' } } };
  }
  const { container, names: drivers } = engine.form.elsewhere;
  const read = (part: 'user' | 'database' | 'password'): string | undefined =>
    container!.variables[part]?.map((variable) => environment[variable]).find(Boolean);
  const user = read('user') ?? container!.user;
  const published = publishedPort(service, container!.port, text);
  const parts = givenParts({
    host: published?.host ?? 'localhost',
    port: published?.port,
    database: read('database') ?? user,
    user,
    password: read('password'),
  });
  const target = { kind: 'server', driver: drivers[0]!, parts } as const;
  if (published) return { line, target, container: { name, port: container!.port } };
  const problem = {
    text: localizable('The service {0} publishes no fixed port on this machine'),
    values: [name],
  };
  return { line, target, problem };
}

/** The engine whose server the image has; the image's name for an engine that is not supported. */
function engineOf(
  image: string,
  environment: Readonly<Record<string, string>>,
  { engines }: SourceContext,
): KnownEngine | string | undefined {
  const name = (image.split('@')[0]!.split('/').at(-1) ?? '').split(':')[0]!.toLowerCase();
  const byImage = engines.known.find(({ form }) => form.elsewhere.container?.images.includes(name));
  if (byImage) return byImage;
  if (engines.otherEngine(name) !== undefined) return name;
  // A server that is built here is known by its variables.
  if (image !== '') return undefined;
  return engines.known.find(({ form }) => {
    const variables = form.elsewhere.container?.variables;
    return [...(variables?.password ?? []), ...(variables?.database ?? [])].some((one) => one in environment);
  });
}

/** Files of variables inside the workspace. */
function envFilesOf(
  { env_file: given }: Service,
  file: SourceFile,
  context: SourceContext,
): Record<string, string>[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  return list.flatMap((one) => {
    const name = typeof one === 'string' ? one : (one as { path?: unknown } | null | undefined)?.path;
    const found =
      typeof name === 'string' ? context.file(path.resolve(path.dirname(file.path), name)) : undefined;
    if (!found) return [];
    return [Object.fromEntries([...parseVariables(found.text)].map(([key, { value }]) => [key, value]))];
  });
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : '';
}
