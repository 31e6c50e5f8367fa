import type { Logger } from '../../../core/logger.ts';
import { type CatalogTable, findTable } from './catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { isSqliteError } from '../connect/errors.ts';
import { quote, quoteTable, sameName } from '../connect/identifiers.ts';
import { contentOf } from './sqlText.ts';

/** The tables that a restore wrote, by name. */
export interface Restored {
  readonly tables: readonly string[];
  /** The tables that are now as in the backup, if it contains all of their rows. */
  readonly replaced: readonly string[];
  readonly virtual: readonly string[];
  /** The backup's virtual tables belong to what the database holds now, whatever they index. */
  readonly exact: boolean;
}

/**
 * Rebuilds full-text indexes over restored tables ("external content"), except those that were restored with them. Triggers
 * keep them in step, and these were silent: the next change of a row that such an index does not know would report a
 * malformed database.
 */
export async function rebuildSearchIndexes(
  connection: Connection,
  tables: readonly CatalogTable[],
  restored: Restored,
  logger: Logger,
  signal?: AbortSignal,
): Promise<void> {
  for (const { name, type, sql } of tables) {
    const content = type === 'virtual' ? contentOf(sql) : undefined;
    if (content === undefined || !isOutOfStep(name, content, tables, restored)) continue;
    try {
      const index = quoteTable('main', name);
      await connection.run(`INSERT INTO ${index} (${quote(name)}) VALUES ('rebuild')`, [], signal);
    } catch (error) {
      if (!isSqliteError(error, 'SQLITE_ERROR')) throw error;
      // A tokenizer of the program that owns the database, for one.
      logger.warn(
        `The full-text index ${name} could not be rebuilt (${error.message}); the program that uses it must do that`,
      );
    }
  }
}

function isOutOfStep(
  name: string,
  content: string,
  tables: readonly CatalogTable[],
  { tables: written, replaced, virtual, exact }: Restored,
): boolean {
  const holds = (names: readonly string[], wanted: string): boolean =>
    names.some((other) => sameName(other, wanted));
  if (holds(virtual, name)) return !exact && !holds(replaced, content);
  // Anything that is not a table is a view, and may read any table.
  return findTable(tables, content) ? holds(written, content) : written.length > 0;
}
