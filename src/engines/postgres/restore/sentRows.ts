import type { Logger } from '../../../core/logger.ts';
import { formatTableName, tableKey } from '../../../core/names.ts';
import type { TablePlan } from '../../../core/plan.ts';
import { HashedRows, type HashSum } from '../rows/hashedRows.ts';
import { RowDigest } from '../rows/rowDigest.ts';
import { sumInServer } from './sumInServer.ts';
import type { Transaction } from '../connect/transaction.ts';

/** Bytes of rows from which on it takes less time to have them hashed than to read them back. */
const worthwhileBytes = 8 * 1024 * 1024;

/** The rows of a table that were sent. */
interface Sent extends HashSum {
  readonly digest: string;
}

/** Takes the bytes of a table's rows in their order, and then that it had all of them. */
export interface WatchedRows {
  add(piece: Uint8Array): void;
  end(): void;
}

/**
 * The rows of large tables that were sent, to compare them with those in the server: rows are hashed here as they are
 * sent, and there from what it has stored, which takes less than half the time of reading them back.
 */
export class SentRows {
  readonly #transaction: Transaction;
  readonly #logger: Logger;
  #hashed: HashedRows | undefined;
  readonly #tables = new Map<string, Sent>();

  constructor(transaction: Transaction, logger: Logger) {
    this.#transaction = transaction;
    this.#logger = logger;
  }

  /**
   * Watches the rows of a table as they are sent, one table at a time; undefined where that does not pay, or the server
   * has texts in other bytes than those that are sent to it.
   */
  watch(table: TablePlan, totalBytes: number): WatchedRows | undefined {
    const { encoding } = this.#transaction.database.server;
    if (totalBytes < worthwhileBytes || encoding !== 'UTF8') return undefined;
    const hashed = (this.#hashed ??= new HashedRows());
    const digest = new RowDigest();
    hashed.begin(table.columns.length);
    return {
      add(piece) {
        if (hashed.add(piece)) digest.add(piece);
      },
      end: () => {
        const { result } = hashed;
        const key = tableKey(table.backup.table.name);
        if (result) this.#tables.set(key, { ...result, digest: digest.digest });
      },
    };
  }

  /**
   * Whether it is sure that the server has the rows of the backup: those that were sent are the backup's, and those
   * that it has are the same. When it is not, only reading them tells.
   */
  async agree({ backup, target, columns }: TablePlan): Promise<boolean> {
    const sent = this.#tables.get(tableKey(backup.table.name));
    if (!sent || !this.#hashed) return false;
    const found =
      sent.rows === backup.rows && sent.digest === backup.digest
        ? await sumInServer(this.#transaction, target, columns, this.#hashed)
        : 'it was not sent as it is in the backup';
    const agreed = typeof found === 'object' && found.rows === sent.rows && found.sum === sent.sum;
    const reason = typeof found === 'string' ? found : 'it has other hashes than what was sent';
    this.#logger.debug(
      `${formatTableName(target)} ${agreed ? 'has the hashes of what was sent' : `is read back: ${reason}`}`,
    );
    return agreed;
  }
}
