import { RestorePointError } from '../../core/errors.ts';
import { formatTableName, type TableName } from '../../core/names.ts';
import { hasState, state } from './errors.ts';
import { quoteName } from './identifiers.ts';
import { lockTimeoutSeconds } from './settings.ts';
import type { Transaction } from './transaction.ts';

export type LockMode = 'ACCESS SHARE' | 'ACCESS EXCLUSIVE';

/** Locks tables in this order, or says who keeps one from being locked. A partitioned table brings its partitions. */
export async function lockTables(
  transaction: Transaction,
  tables: readonly TableName[],
  mode: LockMode,
): Promise<void> {
  let blocked: TableName | undefined;
  const statements = tables.map((table) => `LOCK TABLE ${quoteName(table)} IN ${mode} MODE`);
  try {
    await transaction.runEach(statements, (failure, index) => {
      blocked = tables[index];
      return failure;
    });
  } catch (error) {
    throw await withBlocker(transaction, blocked, error);
  }
}

/**
 * Runs a statement that has to lock a table (or a sequence); when it waits for too long, says for whom. Without a table
 * it is any: catalogs are read by functions that wait for whoever holds a table for itself.
 */
export async function sayingWhoBlocks<Result>(
  transaction: Transaction,
  table: TableName | undefined,
  statement: () => Promise<Result>,
): Promise<Result> {
  try {
    return await statement();
  } catch (error) {
    throw await withBlocker(transaction, table, error);
  }
}

async function withBlocker(
  transaction: Transaction,
  table: TableName | undefined,
  error: unknown,
): Promise<unknown> {
  const place = table ? { table: formatTableName(table) } : {};
  if (!RestorePointError.is(error)) return error;
  if (!hasState(error.cause, state.lockTimeout)) return error.with({ place });
  const holders = await lockHolders(transaction, table);
  const who = holders.length > 0 ? `: ${holders.join('; ')}` : '';
  return new RestorePointError(
    'database',
    `${table ? 'It' : 'A table'} could not be locked within ${lockTimeoutSeconds} seconds, because others use it${who}`,
    {
      place,
      next: 'Let them finish, or end their sessions, and try again.',
      cause: error.cause,
    },
  );
}

interface Holder {
  pid: number;
  user: string | null;
  application: string | null;
  state: string | null;
  minutes: string | null;
}

/** Asked on another connection: the transaction that waited has failed. */
async function lockHolders(transaction: Transaction, table: TableName | undefined): Promise<string[]> {
  const { database, processId } = transaction;
  try {
    const holders = await database.once<Holder>(
      `SELECT DISTINCT l.pid, a.usename AS user, a.application_name AS application, a.state,
              (extract(epoch FROM now() - a.xact_start) / 60)::int::text AS minutes
         FROM pg_catalog.pg_locks l
         LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
        WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM $2
          AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
          AND CASE WHEN $1::text IS NULL THEN l.mode = 'AccessExclusiveLock'
                   ELSE l.relation = pg_catalog.to_regclass($1::text) END`,
      [table ? quoteName(table) : null, processId],
    );
    return holders.map(describeHolder);
  } catch (error) {
    database.logger.debug(`Who holds a lock could not be asked: ${String(error)}`);
    return [];
  }
}

function describeHolder({ pid, user, application, state: activity, minutes }: Holder): string {
  const parts = [
    `process ${pid}`,
    user ? `user ${user}` : '',
    application ?? '',
    activity ?? '',
    minutes === null ? '' : `for ${minutes} min`,
  ];
  return parts.filter(Boolean).join(', ');
}
