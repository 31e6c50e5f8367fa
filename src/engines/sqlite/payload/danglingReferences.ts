import type { WorkOptions } from '../../engine.ts';
import { quoteTable } from '../connect/identifiers.ts';
import { childAlias, danglingIn, inheritedWarning, type Reference } from '../rows/foreignKeys.ts';
import { missingIn } from '../schema/unproven.ts';
import { openUntrusted } from './untrusted.ts';

/** Warns of references that dangle in the database of a backup; others may read and attach it meanwhile. */
export async function warnOfDangling(
  file: string,
  references: readonly Reference[],
  { logger, signal }: WorkOptions,
): Promise<void> {
  if (references.length === 0) return;
  const connection = await openUntrusted(file);
  try {
    // They refer to rows all over their table.
    await connection.all(`PRAGMA cache_size = ${-24 * 1024}`);
    for (const reference of references) {
      const sql = `SELECT 1 AS found FROM ${quoteTable('main', reference.child.name)} AS ${childAlias}
        WHERE ${danglingIn('main', reference)} LIMIT 1`;
      try {
        if (await connection.get(sql, [], signal)) logger.warn(inheritedWarning(reference));
      } catch (error) {
        const missing = missingIn(error);
        if (missing === undefined) throw error;
        const { child, parentName } = reference;
        logger.warn(
          `The foreign key of ${child.name} to ${parentName} was not checked: that needs ${missing}`,
        );
      }
    }
  } finally {
    await connection.closeQuietly(logger);
  }
}
