import { readFile } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { Archive } from '../../archive/archiveReader.ts';
import { checkLock } from '../../archive/encryption/header.ts';
import { Keys, parseIdentities, type Lock } from '../../archive/encryption/keys.ts';
import { messageOf, RestorePointError } from '../../core/errors.ts';
import type { ConnectionSettings } from '../../core/connectionSettings.ts';
import type { Logger } from '../../core/logger.ts';
import type { Connection } from '../connections/connection.ts';
import type { ConnectionStore } from '../connections/connectionStore.ts';
import type { Passphrases } from '../connections/passphrases.ts';
import {
  askIdentityFile,
  askNewPassphrase,
  askPassphrase,
  type NewPassphrase,
} from '../prompts/passphrase.ts';

export interface KeyOptions {
  /** Whether to ask the user. If not, a missing key is an error. */
  readonly ask: boolean;
  /** The connection whose keys are tried first. */
  readonly connection?: Connection;
  readonly passphrase?: string;
}

/**
 * Finds the keys of encrypted backups: passphrases in the secret store, identity files in the settings, and identity
 * files chosen since VS Code started. Asks for what is missing.
 */
export class BackupKeys {
  readonly #store: ConnectionStore;
  readonly #passphrases: Passphrases;
  readonly #logger: Logger;
  /** Keys by passphrase, so that each is derived only once. */
  readonly #known = new Map<string, Keys>();
  #identities: readonly string[] = [];

  constructor(store: ConnectionStore, passphrases: Passphrases, logger: Logger) {
    this.#store = store;
    this.#passphrases = passphrases;
    this.#logger = logger;
  }

  /** Undefined when the file is not encrypted. Throws `locked`, `file`, `damaged-backup`, `vscode.CancellationError`. */
  async keysFor(file: string, options: KeyOptions): Promise<Keys | undefined> {
    const encryption = await Archive.encryptionOf(file);
    switch (encryption) {
      case undefined:
        return undefined;
      case 'passphrase':
        return await this.#byPassphrase(file, options);
      case 'recipients':
        return await this.#byIdentity(file, options);
    }
  }

  /**
   * The lock for a new file; undefined when it is not encrypted. `opened` are the keys of a file opened for the same
   * work. Throws `usage`, `vscode.CancellationError`.
   */
  async lockFor(
    encrypt: ConnectionSettings['encrypt'],
    connection: Connection,
    options: KeyOptions,
    opened?: Keys,
  ): Promise<Lock | undefined> {
    if (encrypt === undefined) return undefined;
    const lock =
      encrypt === 'passphrase'
        ? { passphrase: await this.#newPassphrase(connection, options, opened) }
        : { recipients: encrypt };
    checkLock(lock);
    return lock;
  }

  /** The identities of the settings of a connection; they open its backups that are encrypted to recipients. */
  async identitiesOf({ usable }: Connection): Promise<Keys | undefined> {
    const file = usable?.settings.identityFile;
    if (file === undefined) return undefined;
    try {
      return new Keys({ identities: parseIdentities(await readFile(file, 'utf8'), file) });
    } catch (error) {
      this.#logger.warn(`The identity file ${file} cannot be used: ${messageOf(error)}`);
      return undefined;
    }
  }

  async #byPassphrase(file: string, options: KeyOptions): Promise<Keys> {
    for (const passphrase of await this.#candidates(options)) {
      const keys = this.#keysOf(passphrase);
      if (await opens(file, keys)) return keys;
    }
    if (!options.ask) throw locked(file, 'The backup is encrypted, and no known passphrase opens it');
    const passphrase = await askPassphrase(path.basename(file), (text) => opens(file, this.#keysOf(text)));
    return this.#keysOf(passphrase);
  }

  async #byIdentity(file: string, { ask, connection }: KeyOptions): Promise<Keys> {
    const identities = [...this.#identities, ...(await this.#identitiesOfSettings(connection))];
    const keys = new Keys({ identities });
    if (identities.length > 0 && (await opens(file, keys))) return keys;
    if (!ask) throw locked(file, 'The backup is encrypted to recipients, and no known identity opens it');
    const chosen = await askIdentityFile(path.basename(file));
    const found = parseIdentities(await readFile(chosen, 'utf8'), chosen);
    const own = new Keys({ identities: found });
    if (!(await opens(file, own))) throw locked(file, 'No identity in the chosen file opens the backup');
    this.#identities = [...new Set([...this.#identities, ...found])];
    return own;
  }

  /** Passphrases to try, most likely first. */
  async #candidates({ connection, passphrase }: KeyOptions): Promise<Set<string>> {
    const stored: string[] = [];
    for (const one of [...(connection ? [connection] : []), ...this.#store.list()]) {
      const found = await this.#passphrases.find(one);
      if (found !== undefined) stored.push(found);
    }
    return new Set([...(passphrase === undefined ? [] : [passphrase]), ...stored]);
  }

  async #identitiesOfSettings(connection: Connection | undefined): Promise<string[]> {
    const connections = [...(connection ? [connection] : []), ...this.#store.list()];
    const files = new Set(connections.flatMap(({ usable }) => usable?.settings.identityFile ?? []));
    const identities: string[] = [];
    for (const file of files) {
      try {
        identities.push(...parseIdentities(await readFile(file, 'utf8'), file));
      } catch (error) {
        this.#logger.warn(`The identity file ${file} cannot be used: ${messageOf(error)}`);
      }
    }
    return identities;
  }

  async #newPassphrase(connection: Connection, options: KeyOptions, opened?: Keys): Promise<string> {
    const known = options.passphrase ?? (await this.#passphrases.find(connection));
    if (known !== undefined) return known;
    if (opened?.has('passphrase')) {
      const lock = await opened.lockLike('passphrase');
      if ('passphrase' in lock) return lock.passphrase;
    }
    if (!options.ask) {
      throw new RestorePointError('usage', `No passphrase is saved for backups of ${connection.name}`, {
        unchanged: 'Nothing was changed.',
        needs: 'passphrase',
        next: 'Save one with "Restore Point: Enter Passphrase…".',
      });
    }
    return await this.take(connection, await askNewPassphrase(connection.name));
  }

  /** Whether taking a backup with this encryption must ask for a passphrase. */
  async needsPassphrase(
    encrypt: ConnectionSettings['encrypt'],
    connection: Connection,
    { passphrase }: Pick<KeyOptions, 'passphrase'>,
  ): Promise<boolean> {
    if (encrypt !== 'passphrase' || passphrase !== undefined) return false;
    return (await this.#passphrases.find(connection)) === undefined;
  }

  /** Saves a new passphrase if the user chose that, and returns it. */
  async take(connection: Connection, { passphrase, keep }: NewPassphrase): Promise<string> {
    if (keep) await this.#passphrases.save(connection, passphrase);
    return passphrase;
  }

  #keysOf(passphrase: string): Keys {
    const keys = this.#known.get(passphrase) ?? new Keys({ passphrase });
    this.#known.set(passphrase, keys);
    return keys;
  }
}

/** Deriving the key from a passphrase takes about a second. */
async function opens(file: string, keys: Keys): Promise<boolean> {
  const display = {
    location: vscode.ProgressLocation.Window,
    title: vscode.l10n.t('Opening {0}', path.basename(file)),
  };
  return await vscode.window.withProgress(display, async () => {
    try {
      return await Archive.opensWith(file, keys);
    } catch (error) {
      // The keys opened it. The code that reads it reports the damage.
      if (RestorePointError.is(error, 'damaged-backup')) return true;
      throw error;
    }
  });
}

function locked(file: string, what: string): RestorePointError {
  return new RestorePointError('locked', what, {
    place: { file },
    next: 'You need its passphrase, or the identity file of one of its recipients.',
  });
}
