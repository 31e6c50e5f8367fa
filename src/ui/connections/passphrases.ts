import type { Connection } from './connection.ts';
import type { SecretStore } from './passwords.ts';

/** Passphrases of the encrypted backups of connections, in VS Code's secret store. */
export class Passphrases {
  readonly #secrets: SecretStore;

  constructor(secrets: SecretStore) {
    this.#secrets = secrets;
  }

  async find(connection: Connection): Promise<string | undefined> {
    return await this.#secrets.get(keyOf(connection));
  }

  async save(connection: Connection, passphrase: string): Promise<void> {
    await this.#secrets.store(keyOf(connection), passphrase);
  }

  async forget(connection: Connection): Promise<void> {
    await this.#secrets.delete(keyOf(connection));
  }
}

function keyOf(connection: Connection): string {
  return `passphrase ${connection.key}`;
}
