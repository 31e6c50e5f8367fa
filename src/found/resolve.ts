import * as path from 'node:path';
import { filesOf } from '../core/connectionForm.ts';
import type { DatabaseAddress } from '../core/connections.ts';
import { messageOf, RestorePointError } from '../core/errors.ts';
import { localizable, type Message } from '../core/localizable.ts';
import { filesOfUrl, serverUrl, urlScheme, behindScheme } from './urls.ts';
import type { EngineNames, KnownEngine, NamedDatabase, ServerParts, SourceFile } from './source.ts';
import { hasHole, holesIn } from './text/holes.ts';

/** What decides what a name of a database means. */
export interface Resolving {
  readonly engines: EngineNames;
  /** See `Engine.parseUrl`. */
  parseUrl(text: string): { address: DatabaseAddress; password?: string } | undefined;
  /** Whether a file of the workspace exists; undefined outside of it, where nobody looks. */
  exists(file: string): boolean | undefined;
}

/** A database that can be imported, or the reason why not. */
export interface Resolved {
  /** The kind of database, for people. */
  readonly label: string;
  readonly engine?: KnownEngine;
  readonly address?: DatabaseAddress;
  readonly password?: string;
  readonly problem?: Reason;
}

/** In the words of an engine it is one English text. */
export type Reason = Message | string;

/** Undefined if nothing useful is known, or it is no database that others can open. */
export function resolve(named: NamedDatabase, file: SourceFile, resolving: Resolving): Resolved | undefined {
  const { target } = named;
  const resolved =
    target.kind === 'url'
      ? ofUrl(target.url.trim(), target.driver, named, file, resolving)
      : target.kind === 'file'
        ? ofFile([target.file], engineOf(target.driver, resolving), named, file, resolving)
        : ofServer(target.driver, target.parts, resolving);
  return resolved && named.problem ? { ...resolved, problem: named.problem } : resolved;
}

function engineOf(driver: string | undefined, { engines }: Resolving): KnownEngine | undefined {
  const name = driverName(driver ?? '');
  return engines.known.find(({ form }) => form.elsewhere.names.includes(name));
}

/** `django.db.backends.postgresql` is `postgresql`. */
function driverName(driver: string): string {
  return driver.slice(driver.lastIndexOf('.') + 1).toLowerCase();
}

function ofUrl(
  url: string,
  driver: string | undefined,
  named: NamedDatabase,
  file: SourceFile,
  resolving: Resolving,
): Resolved | undefined {
  const byDriver = engineOf(driver, resolving);
  const scheme = urlScheme(url);
  if (scheme === undefined) {
    if (hasHole(url)) return byDriver && { ...labelled(byDriver), problem: missing(url) };
    return byDriver?.features.isFile ? ofFile([url], byDriver, named, file, resolving) : undefined;
  }
  const bySchemes = engineOf(scheme, resolving);
  const ofFiles = resolving.engines.known.find(({ form }) => filesOf(form) !== undefined);
  const engine = bySchemes ?? (scheme === 'file' ? (byDriver ?? ofFiles) : undefined);
  if (!engine) return unsupported(scheme, resolving);
  if (engine.features.isFile) return ofFile(filesOfUrl(url), engine, named, file, resolving);
  return parsed(`${engine.form.elsewhere.names[0]}:${behindScheme(url)}`, engine, resolving);
}

function ofServer(driver: string, parts: ServerParts, resolving: Resolving): Resolved | undefined {
  const engine = engineOf(driver, resolving);
  if (!engine) return unsupported(driverName(driver), resolving);
  if (engine.features.isFile) return undefined;
  const { password, ...others } = parts;
  const gap = Object.values(others).find(hasHole);
  if (gap !== undefined) return { ...labelled(engine), problem: missing(gap) };
  const known = password === undefined || hasHole(password) ? others : parts;
  return parsed(serverUrl(engine.form.elsewhere.names[0]!, known), engine, resolving);
}

/** Takes the first file that exists, or else the likeliest. */
function ofFile(
  names: readonly string[],
  engine: KnownEngine | undefined,
  named: NamedDatabase,
  { path: source }: SourceFile,
  resolving: Resolving,
): Resolved | undefined {
  if (!engine?.features.isFile) return undefined;
  const usable = names.filter((name) => name.trim() !== '' && !/^:memory:|mode=memory/i.test(name));
  const [first] = usable;
  if (first === undefined) return undefined;
  if (hasHole(first)) return { ...labelled(engine), problem: missing(first) };
  const bases = named.bases ?? [path.dirname(source)];
  const files = usable.flatMap((name) => bases.map((base) => path.resolve(base, name)));
  const found = files.find((file) => resolving.exists(file) === true);
  const chosen = found ?? files[0]!;
  const resolved = parsed(`${engine.form.elsewhere.names[0]}:${chosen}`, engine, resolving);
  if (found !== undefined || resolving.exists(chosen) === undefined) return resolved;
  return { ...resolved, problem: { text: localizable('The file does not exist yet'), values: [] } };
}

/** What the engine reads in a URL. */
function parsed(url: string, engine: KnownEngine, resolving: Resolving): Resolved {
  try {
    const { address, password } = resolving.parseUrl(url)!;
    const texts = Object.values(address).filter((value) => typeof value === 'string');
    const gap = texts.find(hasHole);
    if (gap !== undefined) return { ...labelled(engine), problem: missing(gap) };
    // Settings would put variables of the environment there, which is the file's wish and not the user's.
    if (texts.some((text) => text.includes('${'))) return { ...labelled(engine), problem: unreplaced };
    const known = password !== undefined && !hasHole(password) ? { password } : {};
    return { ...labelled(engine), engine, address, ...known };
  } catch (error) {
    if (!RestorePointError.is(error)) throw error;
    const problem = hasHole(url) ? missing(url) : messageOf(error);
    return { ...labelled(engine), problem };
  }
}

function labelled(engine: KnownEngine): Pick<Resolved, 'label' | 'engine'> {
  return { label: engine.label, engine };
}

/** An engine that this version does not have. Any other name is not a database. */
function unsupported(name: string, { engines }: Resolving): Resolved | undefined {
  const label = engines.otherEngine(name);
  if (label === undefined) return undefined;
  return { label, problem: { text: localizable('{0} is not supported yet'), values: [label] } };
}

const unreplaced: Message = {
  text: localizable('Its address contains "${", which cannot be resolved'),
  values: [],
};

function missing(text: string): Message {
  const variable = holesIn(text).find((name) => name !== '');
  if (variable === undefined) {
    return {
      text: localizable('Its program computes the address, and Restore Point does not run it'),
      values: [],
    };
  }
  return { text: localizable('Nothing in this workspace sets the variable {0}'), values: [variable] };
}
