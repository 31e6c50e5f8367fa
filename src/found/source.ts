import type { ServerPart } from '../core/connectionForm.ts';
import type { Message } from '../core/localizable.ts';
import type { Engine } from '../engines/engine.ts';

/** A file of a workspace, or of the user, that may name databases. Nothing in it is ever run. */
export interface SourceFile {
  /** An absolute path. */
  readonly path: string;
  readonly text: string;
  /** The workspace folder that it is in; undefined for a file of the user. */
  readonly folder?: string;
  /** The user's own environment says that it is one of these, whatever its name is. */
  readonly kind?: 'services';
}

/** What a source may know besides its file. */
export interface SourceContext {
  /** The value that a variable has in the `.env` files of the workspace beside a file or above it. */
  variable(name: string, from: SourceFile): string | undefined;
  /** Another file of the workspace, by its absolute path. */
  file(path: string): SourceFile | undefined;
  readonly engines: EngineNames;
}

/** Engines by what other tools call them. */
export interface EngineNames {
  readonly known: readonly KnownEngine[];
  /** The name for people of an engine that this version does not have. */
  otherEngine(name: string): string | undefined;
}

export type KnownEngine = Pick<Engine, 'id' | 'label' | 'features' | 'form' | 'describe'>;

/** A database as a file names it. Texts may have holes: see `text/holes.ts`. */
export interface NamedDatabase {
  /** Counts from 1. */
  readonly line: number;
  /** What the file calls it, if that is a name for people. */
  readonly name?: string;
  readonly target: NamedTarget;
  /** Relative files start from one of these folders, the likeliest first. Otherwise from the folder of the file. */
  readonly bases?: readonly string[];
  /** Why it cannot be imported, although its address is known. */
  readonly problem?: Message;
  /** A container that publishes the port: other files may call it by this name. */
  readonly container?: { readonly name: string; readonly port: number };
}

export type NamedTarget =
  | { readonly kind: 'url'; readonly url: string; readonly driver?: string }
  | { readonly kind: 'file'; readonly driver: string; readonly file: string }
  | { readonly kind: 'server'; readonly driver: string; readonly parts: ServerParts };

/** Empty texts count as missing. Further properties are parameters of the engine's URLs. */
export type ServerParts = Readonly<Partial<Record<ServerPart, string>>> & Readonly<Record<string, string>>;

/** A kind of file that names databases. */
export interface Source {
  /** Glob patterns that find its files in a workspace folder. */
  readonly globs: readonly string[];
  /** Whether a file is one of them; also for files that the globs of another source found. */
  matches(path: string): boolean;
  /** Throws `BrokenSource` for what cannot be read; what was yielded before it counts. */
  read(file: SourceFile, context: SourceContext): Iterable<NamedDatabase>;
}

/** A file that is not what its name says. `reason` never repeats a part of the file, which may be a secret. */
export class BrokenSource extends Error {
  override readonly name = 'BrokenSource';
  readonly line: number;

  constructor(line: number, reason: string) {
    super(reason);
    this.line = line;
  }
}

/** The parts that are not empty. */
export function givenParts(parts: Readonly<Record<string, string | undefined>>): ServerParts {
  const given = Object.entries(parts).filter(([, value]) => value !== undefined && value !== '');
  return Object.fromEntries(given) as ServerParts;
}
