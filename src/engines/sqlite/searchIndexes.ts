import type { Logger } from '../../core/logger.ts';
import { type CatalogTable, findTable } from './catalog.ts';
import type { Connection } from './connection.ts';
import { isSqliteError } from './errors.ts';
import { foldName, quote, quoteTable } from './identifiers.ts';
import { moduleOption } from './sqlText.ts';

/**
 * Rebuilds full-text indexes over restored tables ("external content"). Triggers keep them in step, and these were
 * silent: the next change of a row that such an index does not know would report a malformed database.
 */
export async function rebuildSearchIndexes(
  connection: Connection,
  tables: readonly CatalogTable[],
  restored: readonly string[],
  logger: Logger,
  signal?: AbortSignal,
): Promise<void> {
  const written = new Set(restored.map(foldName));
  for (const { name, type, sql } of tables) {
    const content = type === 'virtual' ? moduleOption(sql, /^fts[45]$/i, 'content') : undefined;
    if (!content) continue;
    // What is no table is a view, and may read any.
    if (findTable(tables, content) && !written.has(foldName(content))) continue;
    try {
      const index = quoteTable('main', name);
      await connection.run(`INSERT INTO ${index} (${quote(name)}) VALUES ('rebuild')`, [], signal);
    } catch (error) {
      if (!isSqliteError(error, 'SQLITE_ERROR')) throw error;
      // A tokenizer of the program that owns the database, for one.
      logger.warn(
        `The full-text index ${name} could not be rebuilt (${error.message}); its program has to do it`,
      );
    }
  }
}
