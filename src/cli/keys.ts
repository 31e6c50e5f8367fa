import { readFile } from 'node:fs/promises';
import * as path from 'node:path';
import { Archive } from '../archive/archiveReader.ts';
import { checkLock } from '../archive/encryption/header.ts';
import { Keys, parseIdentities, parseRecipients, type Lock } from '../archive/encryption/keys.ts';
import { messageOf, RestorePointError } from '../core/errors.ts';
import type { KeyArguments, LockArguments } from './arguments.ts';
import { askSecret } from './askSecret.ts';
import type { ResolvedConnection } from './connection.ts';
import type { Terminal } from './terminal.ts';

/** The terminal that asks for missing keys, and the signal that cancels the question. */
interface Asking {
  readonly terminal: Terminal;
  readonly signal?: AbortSignal | undefined;
  /** See `Lock`. */
  readonly workFactor?: number | undefined;
}

const variable = 'RESTORE_POINT_PASSPHRASE';

/**
 * The keys that open this backup file: given, or asked for on the terminal; undefined if it is not encrypted. A passphrase is
 * never taken from the arguments, which every process can see. Throws `usage`, `locked`, `file`, `damaged-backup`.
 */
export async function keysFor(
  args: KeyArguments & { readonly file: string },
  asking: Asking,
): Promise<Keys | undefined> {
  const file = path.resolve(args.file);
  const encryption = await Archive.encryptionOf(file);
  if (!encryption) return undefined;
  if (encryption === 'passphrase') {
    const given = await givenPassphrase(args);
    return new Keys({ passphrase: given ?? (await askPassphrase('Passphrase: ', asking, file)) });
  }
  const identities = await linesOf(args.identityFiles ?? [], parseIdentities);
  if (identities.length > 0) return new Keys({ identities });
  throw new RestorePointError('locked', 'The backup is encrypted to recipients', {
    place: { file },
    next: 'Use --identity with the identity file of one of its recipients.',
  });
}

/** The keys that the arguments and the environment give, for many files; nothing is asked. Throws `usage`. */
export async function givenKeys(args: KeyArguments): Promise<Keys | undefined> {
  const passphrase = await givenPassphrase(args);
  const identities = await linesOf(args.identityFiles ?? [], parseIdentities);
  if (passphrase === undefined && identities.length === 0) return undefined;
  return new Keys({ identities, ...(passphrase === undefined ? {} : { passphrase }) });
}

/** How to encrypt a new file: as the arguments say, else as the connection says; undefined if it is not encrypted. */
export async function lockFor(
  args: LockArguments,
  { encrypt }: ResolvedConnection,
  asking: Asking,
  opened?: Keys,
): Promise<Lock | undefined> {
  const given = [...(args.recipients ?? []), ...(await linesOf(args.recipientFiles ?? [], parseRecipients))];
  if (given.length === 0 && !args.encrypt && encrypt === undefined) return undefined;
  const cost = asking.workFactor === undefined ? {} : { workFactor: asking.workFactor };
  const recipients = given.length > 0 ? given : encrypt === 'passphrase' ? undefined : encrypt;
  // A user who has just typed a passphrase is not asked for another.
  if (!recipients && opened?.has('passphrase')) {
    return { ...(await opened.lockLike('passphrase')), ...cost };
  }
  const lock = recipients ? { recipients } : { passphrase: await newPassphrase(args, asking), ...cost };
  checkLock(lock);
  return lock;
}

async function newPassphrase(args: LockArguments, asking: Asking): Promise<string> {
  const given = await givenPassphrase(args);
  if (given !== undefined) return given;
  const passphrase = await askPassphrase('Passphrase for the new backup: ', asking);
  if ((await askPassphrase('The passphrase again: ', asking)) === passphrase) return passphrase;
  throw new RestorePointError('usage', 'The passphrases do not match', {
    unchanged: 'Nothing was done.',
  });
}

async function givenPassphrase({ passphraseFile }: KeyArguments): Promise<string | undefined> {
  if (passphraseFile === undefined) return process.env[variable] || undefined;
  const [line = ''] = (await readText(passphraseFile, 'The passphrase file')).split(/\r?\n/, 1);
  if (line !== '') return line;
  throw new RestorePointError('usage', 'The first line of this file should be the passphrase, but is empty', {
    place: { file: passphraseFile },
  });
}

async function askPassphrase(question: string, asking: Asking, file?: string): Promise<string> {
  const { terminal, signal } = asking;
  if (terminal.stdin.isTTY) return await askSecret(question, terminal, signal);
  const what = file === undefined ? 'A passphrase is needed' : 'The backup is encrypted with a passphrase';
  throw new RestorePointError(
    file === undefined ? 'usage' : 'locked',
    `${what}, and there is no terminal to ask for it`,
    {
      ...(file === undefined ? {} : { place: { file } }),
      next: `Set ${variable}, or use --passphrase-file with a file that contains it.`,
    },
  );
}

async function linesOf(
  files: readonly string[],
  parse: (text: string, where: string) => string[],
): Promise<string[]> {
  const lists = await Promise.all(
    files.map(async (file) => parse(await readText(file, 'The key file'), file)),
  );
  return lists.flat();
}

/** Does not repeat the name of a missing file: it may be the secret itself, given in the wrong place. */
async function readText(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code = messageOf(error) } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENAMETOOLONG') {
      throw new RestorePointError('usage', `${what} does not exist`, {
        next: 'Give a file, never the secret itself: every process can see the arguments.',
      });
    }
    throw new RestorePointError('usage', `${what} cannot be read: ${code}`, {
      place: { file },
      cause: error,
    });
  }
}
