import { messageOf } from '../../../core/errors.ts';
import type { WorkOptions } from '../../engine.ts';
import { Connection } from '../connect/connection.ts';
import { isSqliteError } from '../connect/errors.ts';
import { distrust } from '../payload/untrusted.ts';
import { useCache } from './restoreSettings.ts';
import { missingIn } from '../schema/unproven.ts';

/** SQLite looks each row up in each index. */
const checkingKibibytes = 48 * 1024;

/**
 * Whether a live database is sound, so that a restore may change it only in part: every page is in order and belongs to one
 * table or index, and indexes are in step with their tables. A connection of its own finds out: SQLite lets no transaction
 * write any more that has met damaged pages. Throws `cancelled`.
 */
export async function isSoundFile(file: string, { signal, logger }: WorkOptions): Promise<boolean> {
  const reader = await Connection.open(file, 'write');
  try {
    await distrust(reader);
    await useCache(reader, checkingKibibytes);
    const sql = 'PRAGMA main.integrity_check(1)';
    return (await reader.get<{ integrity_check: string }>(sql, [], signal))?.integrity_check === 'ok';
  } catch (error) {
    if (signal?.aborted) throw error;
    logger.debug(`The database could not be checked: ${messageOf(error)}`);
    return false;
  } finally {
    await reader.closeQuietly(logger);
  }
}

/** Whether every page of the database belongs to one table or index, and is in order. Of values nothing is said. */
export async function pagesFit(connection: Connection, signal?: AbortSignal): Promise<boolean> {
  try {
    // What is wrong with pages comes before all else.
    const first = await connection.get<{ quick_check: string }>('PRAGMA main.quick_check(1)', [], signal);
    return !first?.quick_check.startsWith('*** in database ');
  } catch (error) {
    if (missingIn(error) !== undefined) return true;
    if (isSqliteError(error, 'SQLITE_CORRUPT')) return false;
    throw error;
  }
}
