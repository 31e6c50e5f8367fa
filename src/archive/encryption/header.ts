import { Encrypter } from 'age-encryption';
import { RestorePointError } from '../../core/errors.ts';
import type { ByteSource } from '../byteSource.ts';
import { tagBytes } from './chunkCipher.ts';
import type { Encryption, Lock } from './keys.ts';
import { PassphraseRecipient, passphraseStanza } from './passphrase.ts';
import { saltBytes } from './stream.ts';

const versionLine = 'age-encryption.org/v1\n';
const armorLine = '-----BEGIN AGE ENCRYPTED FILE-----';

/** A recipient takes about 100 bytes, 2 KB for the largest kind. */
const maxHeaderBytes = 1024 * 1024;
const firstRead = 4096;

/** The part of an encrypted file before its payload. */
export interface Header {
  readonly bytes: Buffer;
  readonly encryption: Encryption;
}

/** `none` when it is no age file, `damaged` when its header has no end or is for nobody. Throws `usage` for one in ASCII armor. */
export async function readHeader(source: ByteSource, file: string): Promise<Header | 'none' | 'damaged'> {
  let start = await source.read(0, firstRead);
  if (start.toString('latin1', 0, armorLine.length) === armorLine) {
    throw new RestorePointError('usage', 'This backup is ASCII-armored, which Restore Point cannot read', {
      place: { file },
      next: 'Decrypt it with age -d, or encrypt it again without --armor.',
    });
  }
  if (start.toString('latin1', 0, versionLine.length) !== versionLine) return 'none';
  let end = endOfHeader(start);
  if (end === undefined && start.length === firstRead) {
    start = await source.read(0, maxHeaderBytes);
    end = endOfHeader(start);
  }
  if (end === undefined) return 'damaged';
  const bytes = start.subarray(0, end);
  if (!bytes.includes('\n-> ')) return 'damaged';
  const byPassphrase = bytes.includes(`\n-> ${passphraseStanza} `);
  return { bytes, encryption: byPassphrase ? 'passphrase' : 'recipients' };
}

/** It ends with the one line that begins with three hyphens. */
function endOfHeader(start: Buffer): number | undefined {
  const last = start.indexOf('\n---');
  const end = last < 0 ? -1 : start.indexOf('\n', last + 1);
  return end < 0 ? undefined : end + 1;
}

/** A header with a new key of the file. Throws `usage` for what is no recipient. */
export async function makeHeader(lock: Lock): Promise<{ bytes: Buffer; fileKey: Uint8Array }> {
  let fileKey: Uint8Array | undefined;
  const encrypter = encrypterFor(lock);
  encrypter.addRecipient({
    wrapFileKey(key) {
      fileKey = Uint8Array.from(key);
      return [];
    },
  });
  // The library writes whole files. Of an empty one all but the payload is kept: that gets a salt of its own.
  const empty = await encrypter.encrypt(new Uint8Array());
  const bytes = Buffer.from(empty.subarray(0, empty.length - saltBytes - tagBytes));
  if (!fileKey) throw new Error('the library made a header without a key');
  return { bytes, fileKey };
}

/** Throws `usage` for what is no recipient. */
export function checkLock(lock: Lock): void {
  encrypterFor(lock);
}

function encrypterFor(lock: Lock): Encrypter {
  const encrypter = new Encrypter();
  if ('passphrase' in lock) {
    if (lock.passphrase === '') throw new RestorePointError('usage', 'The passphrase is empty');
    encrypter.addRecipient(new PassphraseRecipient(lock.passphrase, lock.workFactor));
    return encrypter;
  }
  if (lock.recipients.length === 0) throw new RestorePointError('usage', 'No recipients were given');
  for (const recipient of lock.recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch (cause) {
      // A text that is not a public key could be a secret one.
      const shown = /^age1[0-9a-z]*$/.test(recipient)
        ? `${recipient} is not a valid recipient`
        : 'This is not a valid recipient';
      throw new RestorePointError('usage', shown, {
        next: 'A recipient starts with age1, as age-keygen prints it. SSH and plugin recipients are not supported.',
        ...(shown.startsWith('age1') ? { cause } : {}),
      });
    }
  }
  return encrypter;
}
