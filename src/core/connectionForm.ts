import type { DatabaseAddress } from './connections.ts';
import type { LocalizableText } from './localizable.ts';

/** The parts of an address, as the settings name them. An engine uses some of them. */
export const addressProperties = [
  'file',
  'host',
  'port',
  'database',
  'user',
  'ssl',
  'sslRootCert',
] as const satisfies readonly (keyof DatabaseAddress)[];

export type AddressProperty = (typeof addressProperties)[number];

/** How the user of an engine says where a database is: in settings, in a form, as a URL. */
export interface ConnectionForm {
  /** The parts of its addresses. */
  readonly properties: readonly AddressProperty[];
  readonly required: readonly AddressProperty[];
  /** The things to have at hand; shown after the name of the engine. */
  readonly summary: LocalizableText;
  /** The questions of the form, in this order. */
  readonly questions: readonly AddressQuestion[];
  readonly exampleUrl: string;
  /** The other sources of a password, which no connection names; the subject of a sentence. */
  readonly otherPasswords?: string;
  readonly elsewhere: NamesElsewhere;
}

/** How other tools name such databases in their files. */
export interface NamesElsewhere {
  /** The engine, its drivers and the schemes of its URLs, in lower case. The first one is the scheme of our own URLs. */
  readonly names: readonly string[];
  /** Environment variables that its own tools read. */
  readonly variables?: VariablesOfParts;
  readonly container?: ContainerNames;
}

/** The parts of the address of a server, as texts. */
export const serverParts = [
  'host',
  'port',
  'database',
  'user',
  'password',
  'sslmode',
  'sslrootcert',
] as const;

export type ServerPart = (typeof serverParts)[number];

/** For each part the names of environment variables, the usual one first. */
export type VariablesOfParts = Readonly<Partial<Record<ServerPart, readonly string[]>>>;

/** The container images of a server. */
export interface ContainerNames {
  /** The last part of their names, without the tag. */
  readonly images: readonly string[];
  /** The port inside the container. */
  readonly port: number;
  /** Environment variables that set up the server. */
  readonly variables: VariablesOfParts;
  /** The user if no variable names one. A database that no variable names has the user's name. */
  readonly user: string;
}

export type AddressQuestion =
  | FileQuestion
  /** Host and port. */
  | { readonly kind: 'host'; readonly prompt: LocalizableText; readonly placeholder: string }
  | { readonly kind: 'text'; readonly property: 'database' | 'user'; readonly prompt: LocalizableText }
  /** How the connection is encrypted. */
  | { readonly kind: 'ssl' };

export interface FileQuestion {
  readonly kind: 'file';
  readonly prompt: LocalizableText;
  /** The name of such files in the dialog that opens them. */
  readonly type: LocalizableText;
  /** The usual ends of their names, without the dot. */
  readonly extensions: readonly string[];
  /** The first bytes of every such file, one character each. */
  readonly signature: string;
}

/** The files of an engine whose databases are files. */
export function filesOf({ questions }: ConnectionForm): FileQuestion | undefined {
  return questions.find((question) => question.kind === 'file');
}
