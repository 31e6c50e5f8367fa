import { randomBytes, scrypt, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';
import { scryptAsync } from '@noble/hashes/scrypt.js';
import { Stanza, type Identity, type Recipient } from 'age-encryption';
import { RestorePointError } from '../../core/errors.ts';
import { formatBytes } from '../../core/format.ts';
import { chunkCipher, nonceBytes } from './chunkCipher.ts';

/*
 * The library derives the key of a passphrase on the thread that calls it, which would stop the extension host for
 * seconds; here it is derived by Node, off the thread.
 */
const deriveKey = promisify<Uint8Array, Uint8Array, number, ScryptOptions, Buffer>(scrypt);

/** The work factor that `age` uses: about a second, and 256 MiB. */
const usualWorkFactor = 18;
/** A file must not be able to ask for more than 1 GiB. */
const highestWorkFactor = 20;

const label = Buffer.from('age-encryption.org/v1/scrypt');
const saltBytes = 16;
/** The key is used once. */
const nonce = new Uint8Array(nonceBytes);

export const passphraseStanza = 'scrypt';

export class PassphraseRecipient implements Recipient {
  readonly #passphrase: string;
  readonly #workFactor: number;

  constructor(passphrase: string, workFactor = usualWorkFactor) {
    this.#passphrase = passphrase;
    this.#workFactor = workFactor;
  }

  async wrapFileKey(fileKey: Uint8Array): Promise<Stanza[]> {
    const salt = randomBytes(saltBytes);
    const key = await keyOf(this.#passphrase, salt, this.#workFactor);
    const body = chunkCipher(key).seal(nonce, fileKey);
    return [
      new Stanza([passphraseStanza, withoutPadding(salt), String(this.#workFactor)], Uint8Array.from(body)),
    ];
  }
}

export class PassphraseIdentity implements Identity {
  readonly #passphrase: string;

  constructor(passphrase: string) {
    this.#passphrase = passphrase;
  }

  async unwrapFileKey(stanzas: Stanza[]): Promise<Uint8Array | null> {
    const stanza = stanzas.find(({ args }) => args[0] === passphraseStanza);
    if (!stanza) return null;
    const [, saltText = '', factorText = '', ...more] = stanza.args;
    const salt = Buffer.from(saltText, 'base64');
    const sound =
      stanzas.length === 1 &&
      more.length === 0 &&
      salt.length === saltBytes &&
      withoutPadding(salt) === saltText &&
      /^[1-9]\d?$/.test(factorText) &&
      stanza.body.length === 32;
    if (!sound) throw new Error('its passphrase header is invalid');
    const factor = Number(factorText);
    if (factor > highestWorkFactor)
      throw new Error(`its work factor is ${factor}, which is more than Restore Point accepts`);
    const key = await keyOf(this.#passphrase, salt, factor);
    return chunkCipher(key).open(nonce, stanza.body) ?? null;
  }
}

async function keyOf(passphrase: string, salt: Uint8Array, factor: number): Promise<Uint8Array> {
  const texts = [Buffer.from(passphrase, 'utf8'), Buffer.concat([label, salt])] as const;
  try {
    // Not every build of Node that VS Code comes with has to have it.
    return await nativeKey(...texts, factor).catch(() => portableKey(...texts, factor));
  } catch (cause) {
    const needed = formatBytes(2 ** (factor + 10));
    throw new RestorePointError(
      'file',
      `There is not enough memory to try the passphrase: it takes ${needed}`,
      {
        cause,
      },
    );
  }
}

export async function nativeKey(
  passphrase: Uint8Array,
  salt: Uint8Array,
  factor: number,
): Promise<Uint8Array> {
  const options = { N: 2 ** factor, r: 8, p: 1, maxmem: 2 ** (factor + 10) + 2 ** 26 };
  return await deriveKey(passphrase, salt, 32, options);
}

/** Lets others have their turn on this thread, and takes several times as long. */
export async function portableKey(
  passphrase: Uint8Array,
  salt: Uint8Array,
  factor: number,
): Promise<Uint8Array> {
  return await scryptAsync(passphrase, salt, { N: 2 ** factor, r: 8, p: 1, dkLen: 32 });
}

function withoutPadding(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '');
}
