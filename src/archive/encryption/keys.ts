import { createHash } from 'node:crypto';
import { Decrypter, identityToRecipient } from 'age-encryption';
import { RestorePointError } from '../../core/errors.ts';
import { PassphraseIdentity } from './passphrase.ts';

/** How a backup was encrypted, and so what opens it: a passphrase, or an identity of one of its recipients. */
export type Encryption = 'passphrase' | 'recipients';

/** How a new backup is encrypted. Recipients are public keys: `age1…`. */
export type Lock =
  | {
      readonly passphrase: string;
      /** The work factor of age, which sets the time to try a passphrase; about a second if it is left out. */
      readonly workFactor?: number;
    }
  | { readonly recipients: readonly string[] };

export function encryptionBy(lock: Lock): Encryption {
  return 'passphrase' in lock ? 'passphrase' : 'recipients';
}

export interface KeyTexts {
  readonly passphrase?: string;
  /** `AGE-SECRET-KEY-1…` */
  readonly identities?: readonly string[];
}

/** `Keys` as data: for another process, which then need not derive again what was. */
export interface KnownKeys {
  readonly texts: KeyTexts;
  /** The keys of opened files, by a fingerprint of their headers. */
  readonly fileKeys: readonly (readonly [header: string, fileKey: Uint8Array])[];
}

/** The file is at fault, not the keys. */
export class HeaderError extends Error {}

/** The keys to try on encrypted backups. Remembers the files that it has opened: a passphrase takes a second each time. */
export class Keys {
  readonly #texts: KeyTexts;
  readonly #fileKeys = new Map<string, Promise<Uint8Array | undefined>>();

  /** Throws `usage` for what is no identity. */
  constructor(texts: KeyTexts) {
    this.#texts = texts;
    texts.identities?.forEach((identity, index) => {
      try {
        new Decrypter().addIdentity(identity);
      } catch {
        // The library's message could hold a part of it.
        throw new RestorePointError('usage', `Identity ${index + 1} is not a valid age identity`, {
          next: 'An identity is a line that starts with AGE-SECRET-KEY-1. SSH and plugin identities are not supported.',
        });
      }
    });
  }

  /** Throws `usage` for what is no identity. */
  static from({ texts, fileKeys }: KnownKeys): Keys {
    const keys = new Keys(texts);
    for (const [header, fileKey] of fileKeys) keys.#fileKeys.set(header, Promise.resolve(fileKey));
    return keys;
  }

  async known(): Promise<KnownKeys> {
    const found = await Promise.all(
      [...this.#fileKeys].map(
        async ([header, opening]) => [header, await opening.catch(() => undefined)] as const,
      ),
    );
    const fileKeys = found.flatMap(([header, key]) => (key ? [[header, key] as const] : []));
    return { texts: this.#texts, fileKeys };
  }

  /** Whether there is something to try on a file that is encrypted like this. */
  has(encryption: Encryption): boolean {
    const { passphrase, identities = [] } = this.#texts;
    return encryption === 'passphrase' ? passphrase !== undefined : identities.length > 0;
  }

  /** The key of the file with this header; undefined when none of these opens it. Throws `HeaderError`. */
  fileKey(header: Uint8Array): Promise<Uint8Array | undefined> {
    const known = createHash('sha256').update(header).digest('hex');
    const opening = this.#fileKeys.get(known) ?? this.#open(header);
    this.#fileKeys.set(known, opening);
    opening.catch(() => this.#fileKeys.delete(known));
    return opening;
  }

  /** How to encrypt a file so that these keys open it as they opened another one encrypted like this. */
  async lockLike(encryption: Encryption): Promise<Lock> {
    const { passphrase, identities = [] } = this.#texts;
    if (encryption === 'recipients') {
      return { recipients: await Promise.all(identities.map((identity) => identityToRecipient(identity))) };
    }
    if (passphrase === undefined) throw new Error('no passphrase has opened a file');
    return { passphrase };
  }

  async #open(header: Uint8Array): Promise<Uint8Array | undefined> {
    const { passphrase, identities = [] } = this.#texts;
    const decrypter = new Decrypter();
    if (passphrase !== undefined) decrypter.addIdentity(new PassphraseIdentity(passphrase));
    for (const identity of identities) decrypter.addIdentity(identity);
    let unmatched = false;
    // Asked last, and only when no other had an answer.
    decrypter.addIdentity({
      unwrapFileKey() {
        unmatched = true;
        return null;
      },
    });
    try {
      return await decrypter.decryptHeader(header);
    } catch (error) {
      if (unmatched) return undefined;
      if (RestorePointError.is(error)) throw error;
      throw new HeaderError('its header was changed', { cause: error });
    }
  }
}

/** The keys of a file as `age-keygen` writes it. Throws `usage`; `where` names the file. */
export function parseIdentities(text: string, where: string): string[] {
  if (/^(-----BEGIN AGE|age-encryption\.org)/.test(text)) {
    throw new RestorePointError('usage', 'This identity file is encrypted', {
      place: { file: where },
      next: 'Decrypt it first, with age -d.',
    });
  }
  const identities = linesOf(text);
  if (identities.length > 0 && identities.every((line) => line.startsWith('AGE-SECRET-KEY-')))
    return identities;
  throw new RestorePointError('usage', 'This file contains no age identities', {
    place: { file: where },
    next: 'An identity is a line that starts with AGE-SECRET-KEY-1, as age-keygen writes it.',
  });
}

/** The recipients of a file, one a line. Throws `usage`. */
export function parseRecipients(text: string, where: string): string[] {
  const recipients = linesOf(text);
  if (recipients.length > 0) return recipients;
  throw new RestorePointError('usage', 'There are no recipients in this file', { place: { file: where } });
}

function linesOf(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}
