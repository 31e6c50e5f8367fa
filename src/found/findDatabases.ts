import * as path from 'node:path';
import type { DatabaseAddress } from '../core/connections.ts';
import { resolve, type Reason, type Resolved, type Resolving } from './resolve.ts';
import {
  BrokenSource,
  type KnownEngine,
  type NamedDatabase,
  type Source,
  type SourceFile,
} from './source.ts';
import { readsFile, sources } from './sources.ts';
import { contextOf } from './surroundings.ts';
import { withoutHoles } from './text/holes.ts';

/** A database that files of the workspace or of the user name. */
export interface FoundDatabase {
  readonly name: string;
  /** The kind of database, for people. */
  readonly label: string;
  readonly engine?: KnownEngine;
  /** Absent if it is not known completely: then there is a problem. */
  readonly address?: DatabaseAddress;
  readonly password?: string;
  /** Where it is named, the file that named it first on top. */
  readonly places: readonly Place[];
  /** Why it cannot be imported. */
  readonly problem?: Reason;
}

export interface Place {
  readonly file: string;
  /** Counts from 1; undefined for the file of a database itself. */
  readonly line?: number;
  /** Undefined for a file of the user. */
  readonly folder?: string;
}

/** A file that could not be read. `reason` repeats nothing of it. */
export interface BrokenFile {
  readonly file: string;
  readonly line?: number;
  readonly reason: string;
}

export interface Found {
  readonly databases: readonly FoundDatabase[];
  readonly broken: readonly BrokenFile[];
}

/** What is searched. */
export interface Searched {
  readonly files: readonly SourceFile[];
  /** Files that are databases themselves. */
  readonly databaseFiles: readonly {
    readonly path: string;
    readonly folder: string;
    readonly engine: KnownEngine;
  }[];
  /** The names of containers mean this machine's published ports; not inside a container, where they mean themselves. */
  readonly outsideContainers: boolean;
}

/** Nobody chooses from a longer list. */
const mostFindings = 1000;

interface Finding extends Resolved {
  readonly named: NamedDatabase;
  readonly place: Place;
}

/**
 * Reads files as text and lists the databases that they name, each of them once. Runs nothing and writes nothing.
 * `pause` is awaited between files, for others to go on; it may throw.
 */
export async function findDatabases(
  searched: Searched,
  resolving: Resolving,
  pause: () => Promise<void> = () => Promise.resolve(),
): Promise<Found> {
  const files = searched.files.map((file) => ({ ...file, text: withoutHoles(file.text) }));
  const context = contextOf(files, resolving.engines);
  const broken: BrokenFile[] = [];
  const findings: Finding[] = [];
  for (const source of sources) {
    for (const file of files.filter((one) => readsFile(source, one))) {
      await pause();
      const { found, problem } = readSource(source, file, context);
      if (problem) broken.push(problem);
      for (const named of found) {
        const resolved = resolve(named, file, resolving);
        const folder = file.folder === undefined ? {} : { folder: file.folder };
        if (resolved)
          findings.push({ ...resolved, named, place: { file: file.path, line: named.line, ...folder } });
      }
    }
  }
  findings.splice(mostFindings);
  const all = searched.outsideContainers ? findings.map((one) => reachable(one, findings)) : findings;
  return { databases: merged([...all, ...ofFiles(searched, resolving)]), broken };
}

/** What a source reads in a file, up to where the file is broken. */
function readSource(
  source: Source,
  file: SourceFile,
  context: Parameters<Source['read']>[1],
): { found: NamedDatabase[]; problem?: BrokenFile } {
  const found: NamedDatabase[] = [];
  try {
    for (const named of source.read(file, context)) found.push(named);
    return { found };
  } catch (error) {
    if (error instanceof BrokenSource) {
      return { found, problem: { file: file.path, line: error.line, reason: error.message } };
    }
    // A file can be made to be too deep for its reader.
    return { found, problem: { file: file.path, reason: 'it cannot be read' } };
  }
}

function ofFiles({ databaseFiles }: Searched, resolving: Resolving): Finding[] {
  return databaseFiles.flatMap(({ path: file, folder, engine }) => {
    const target = { kind: 'file', driver: engine.form.elsewhere.names[0]!, file } as const;
    const named: NamedDatabase = { line: 0, target };
    const resolved = resolve(named, { path: file, text: '', folder }, resolving);
    return resolved ? [{ ...resolved, named, place: { file, folder } }] : [];
  });
}

/** A database whose host is the name of a container, with the address that this machine reaches it at. */
function reachable(finding: Finding, all: readonly Finding[]): Finding {
  const { address, place } = finding;
  if (address?.host === undefined) return finding;
  const service = all.find(
    ({ named: { container }, place: other, engine }) =>
      container?.name === address.host &&
      container?.port === (address.port ?? container?.port) &&
      engine?.id === address.engine &&
      other.folder === place.folder,
  );
  if (service?.address === undefined) return finding;
  const { host, port } = service.address;
  return {
    ...finding,
    address: { ...address, ...(host === undefined ? {} : { host }), ...(port === undefined ? {} : { port }) },
  };
}

/** One entry for each database, with all places that name it. One that can be imported wins over one that cannot. */
function merged(findings: readonly Finding[]): FoundDatabase[] {
  const ordered = [...findings].sort(
    (a, b) => Number(a.problem !== undefined) - Number(b.problem !== undefined),
  );
  const groups = [...Map.groupBy(ordered, keyOf).values()].flatMap(byUser);
  return groups.map(entryOf);
}

function keyOf({ engine, address, label, problem, place }: Finding): string {
  const database =
    engine && address ? [engine.id, identity(engine, address)] : [label, problem, place.folder];
  return JSON.stringify(database);
}

/** Findings of one database, those together that can be of one user. */
function byUser(findings: readonly Finding[]): Finding[][] {
  const groups: Finding[][] = [];
  for (const finding of findings) {
    const fits = (one: Finding): boolean => fitsUser(one.address ?? {}, finding.address ?? {});
    const group = groups.find((one) => one.every(fits));
    if (group) group.push(finding);
    else groups.push([finding]);
  }
  return groups;
}

/** Whether two addresses are of one database. */
export function isSameDatabase(engine: KnownEngine, a: DatabaseAddress, b: DatabaseAddress): boolean {
  return identity(engine, a) === identity(engine, b);
}

/** Whether both log in as one user, as far as they say. */
export function fitsUser(a: Pick<DatabaseAddress, 'user'>, b: Pick<DatabaseAddress, 'user'>): boolean {
  return a.user === undefined || b.user === undefined || a.user === b.user;
}

function identity(engine: KnownEngine, address: DatabaseAddress): string {
  const { file, host } = address;
  if (file !== undefined) return path.normalize(file);
  const isLocal = host === undefined || /^(?:localhost|127\.0\.0\.1|::1)$/i.test(host);
  return engine
    .describe(isLocal ? address : { ...address, host: host.toLowerCase() })
    .replace(/^(?:127\.0\.0\.1|\[::1\]|localhost)(?=:)/i, 'localhost');
}

function entryOf(group: readonly Finding[]): FoundDatabase {
  const [first] = group;
  const best = group.find(({ address }) => address?.user !== undefined) ?? first!;
  const password = group.find((one) => one.problem === undefined && one.password !== undefined)?.password;
  const { label, engine, problem, address } = best;
  return {
    name: nameOf(group, best),
    label,
    ...(engine === undefined ? {} : { engine }),
    ...(address === undefined ? {} : { address }),
    ...(password === undefined ? {} : { password }),
    ...(first!.problem === undefined || problem === undefined ? {} : { problem }),
    places: distinct(group.map(({ place }) => place)),
  };
}

function nameOf(group: readonly Finding[], { address, label }: Finding): string {
  const given = group.find(({ named }) => named.name !== undefined)?.named.name;
  const { file, database, host } = address ?? {};
  if (file !== undefined) return given ?? path.basename(file, path.extname(file));
  return given ?? database ?? host ?? label;
}

function distinct(places: readonly Place[]): Place[] {
  const known = new Map(places.map((place) => [`${place.file}\n${place.line}`, place]));
  return [...known.values()];
}
