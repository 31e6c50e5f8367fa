import { RestorePointError } from '../../../core/errors.ts';
import { hasSystemTable } from '../schema/catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { isSqliteError } from '../connect/errors.ts';
import { systemTableNames } from './systemTables.ts';
import { missingIn } from '../schema/unproven.ts';

/** Findings about values that violate a constraint, and about indexes. */
const harmless = [
  `quick_check = 'ok'`,
  ...['NULL', 'NUMERIC', 'TEXT', 'non-*'].map((what) => `quick_check GLOB '${what} value in *'`),
  `quick_check GLOB 'wrong # of entries in index *'`,
].join(' OR ');

/** Checks the tables of a database that is disarmed: no module is run, no expression is computed. */
export class SoundTables {
  readonly #connection: Connection;
  #allSound: boolean | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * That a table's pages fit together, none is in it twice, and every record can be read. Indexes are not compared with their
   * tables: a restore rebuilds them. Nor are constraints: rows that broke one in the database break it in its backup.
   * Objects that need something that only the application registers cannot be checked. Throws `damaged-backup`.
   */
  async check(table: string, signal?: AbortSignal): Promise<void> {
    // To check one of thousands, SQLite goes through its whole schema.
    this.#allSound ??= await isSound(this.#connection, signal);
    if (this.#allSound) return;
    // Damage in the tree of a table is checked first: continuing could take forever.
    const damage = await this.#connection
      .get<{ message: string }>(
        `SELECT quick_check AS message FROM temp.pragma_quick_check(?) WHERE NOT (${harmless}) LIMIT 1`,
        [table],
        signal,
      )
      .catch((error: unknown) => {
        if (missingIn(error) === undefined) throw error;
        return undefined;
      });
    if (damage) {
      throw new RestorePointError(
        'damaged-backup',
        `The database in the backup is damaged: ${damage.message}`,
      );
    }
  }

  /** The same of SQLite's own tables. */
  async checkSystemTables(signal?: AbortSignal): Promise<void> {
    for (const name of systemTableNames) {
      if (await hasSystemTable(this.#connection, 'main', name, signal)) await this.check(name, signal);
    }
  }
}

/** Whether no table of the database is damaged. */
async function isSound(connection: Connection, signal?: AbortSignal): Promise<boolean> {
  try {
    const damage = await connection.get<{ message: string }>(
      `SELECT quick_check AS message FROM temp.pragma_quick_check WHERE NOT (${harmless}) LIMIT 1`,
      [],
      signal,
    );
    return damage === undefined;
  } catch (error) {
    if (isSqliteError(error, 'SQLITE_CORRUPT') || missingIn(error) !== undefined) return false;
    throw error;
  }
}
