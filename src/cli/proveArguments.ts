import {
  common,
  connectionOptions,
  everyCommand,
  exactly,
  keyArguments,
  keyOptions,
  parse,
  type Common,
  type KeyArguments,
  type OptionsConfig,
} from './words.ts';

export interface ProveArguments extends Common, KeyArguments {
  readonly command: 'prove';
  readonly file: string;
  /** The connection that the backup was taken from. */
  readonly connection?: string;
  /** The connection whose server gets the scratch database; by default the other one. */
  readonly server?: string;
  /** Statements of a backup from elsewhere may run. */
  readonly trust: boolean;
  /** The settings of the folder are used without a question. */
  readonly trustSettings: boolean;
}

const options = {
  ...everyCommand,
  ...connectionOptions,
  ...keyOptions,
  server: { type: 'string' },
  trust: { type: 'boolean' },
} as const satisfies OptionsConfig;

/** Reads the words after `prove`. Throws `usage`. */
export function proveArguments(words: readonly string[]): ProveArguments {
  const { values, positionals } = parse(words, options, ['server']);
  const names = positionals.length > 1 ? ['<file>', '[connection]'] : ['<file>'];
  const [file, connection] = exactly(positionals, names);
  return {
    command: 'prove',
    file: file!,
    ...(connection === undefined ? {} : { connection }),
    ...(values.server === undefined ? {} : { server: values.server }),
    trust: values.trust ?? false,
    trustSettings: values['trust-settings'] ?? false,
    ...common(values),
    ...keyArguments(values),
  };
}
