import { type ErrorPlace, RestorePointError } from '../../../core/errors.ts';
import { formatTableName, type TableName } from '../../../core/names.ts';
import { hasState, state } from './errors.ts';
import { quoteName } from './identifiers.ts';
import { lockTimeoutSeconds } from './settings.ts';
import type { Transaction } from './transaction.ts';

export type LockMode = 'ACCESS SHARE' | 'SHARE ROW EXCLUSIVE' | 'ACCESS EXCLUSIVE';

/** Tables that one statement of a backup locks: where there are thousands, each statement costs. */
const tablesAtOnce = 100;

/** Locks tables in this order, or reports who holds a conflicting lock. A partitioned table includes its partitions. */
export async function lockTables(
  transaction: Transaction,
  tables: readonly TableName[],
  mode: LockMode,
): Promise<void> {
  // A session that waits for a lock of the restore gets it when the restore fails, so the failed table must be known.
  const count = mode === 'ACCESS SHARE' ? tablesAtOnce : 1;
  const groups = Array.from({ length: Math.ceil(tables.length / count) }, (_, index) =>
    tables.slice(index * count, (index + 1) * count),
  );
  let blocked: readonly TableName[] = [];
  try {
    await transaction.runEach(
      groups.map((group) => `LOCK TABLE ${group.map(quoteName).join(', ')} IN ${mode} MODE`),
      (failure, index) => {
        blocked = groups[index]!;
        return failure;
      },
    );
  } catch (error) {
    throw await withBlocker(transaction, blocked, error, mode);
  }
}

/**
 * Runs a statement that has to lock a table (or a sequence); when it waits for too long, says for whom. Without a table
 * it is any: catalogs are read by functions that wait for sessions with an exclusive lock on a table.
 */
export async function sayingWhoBlocks<Result>(
  transaction: Transaction,
  table: TableName | undefined,
  statement: () => Promise<Result>,
): Promise<Result> {
  try {
    return await statement();
  } catch (error) {
    throw await withBlocker(transaction, table ? [table] : [], error);
  }
}

/** `tables`: one of them could not be locked; in order, and empty if it can be any table. */
async function withBlocker(
  transaction: Transaction,
  tables: readonly TableName[],
  error: unknown,
  mode?: LockMode,
): Promise<unknown> {
  if (!RestorePointError.is(error)) return error;
  const placeOf = (table: TableName | undefined): ErrorPlace =>
    table ? { table: formatTableName(table) } : {};
  const [only] = tables.length === 1 ? tables : [];
  if (!hasState(error.cause, state.lockTimeout)) return error.with({ place: placeOf(only) });
  const holders = await lockHolders(transaction, tables, mode);
  // The statement went no further than the first one that is held.
  const first = Math.min(...holders.map(({ place }) => place));
  const table = only ?? tables[first];
  const held = holders.filter(({ place }) => place === first).map(describeHolder);
  const who = held.length > 0 ? `: ${held.join('; ')}` : '';
  return new RestorePointError(
    'database',
    `${table ? 'It' : 'A table'} could not be locked within ${lockTimeoutSeconds} seconds, because others are using it${who}`,
    {
      place: placeOf(table),
      next: 'Let them finish, or end their sessions, and try again.',
      mayPass: true,
      cause: error.cause,
    },
  );
}

const reading = ['AccessShareLock', 'RowShareLock'];

/** The locks of others that do not stop one. */
const besides: Readonly<Record<LockMode, readonly string[]>> = {
  'ACCESS EXCLUSIVE': [],
  'SHARE ROW EXCLUSIVE': reading,
  'ACCESS SHARE': [
    ...reading,
    'RowExclusiveLock',
    'ShareUpdateExclusiveLock',
    'ShareLock',
    'ShareRowExclusiveLock',
    'ExclusiveLock',
  ],
};

/** A migration can hold thousands. */
const heldShown = 5;

interface Holder {
  /** The position of the table in the list; 0 if there is no list. */
  place: number;
  pid: number;
  user: string | null;
  application: string | null;
  state: string | null;
  minutes: string | null;
  /** The tables that it locks exclusively; only if there is no list. */
  held: string | null;
}

/** Asked on another connection: the transaction that waited has failed. */
async function lockHolders(
  transaction: Transaction,
  tables: readonly TableName[],
  mode: LockMode | undefined,
): Promise<Holder[]> {
  const { database, processId } = transaction;
  try {
    const rows = await database.once<Omit<Holder, 'place'> & { place: string }>(
      `SELECT DISTINCT coalesce(t.place, 1) - 1 AS place, l.pid, a.usename AS user, a.application_name AS application,
              a.state, (extract(epoch FROM now() - a.xact_start) / 60)::int::text AS minutes,
              CASE WHEN pg_catalog.cardinality($1) = 0 THEN (SELECT pg_catalog.string_agg(x.name, ', ') FROM (
                SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
                  FROM pg_catalog.pg_locks h
                  JOIN pg_catalog.pg_class c ON c.oid = h.relation
                  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 WHERE h.pid = l.pid AND h.locktype = 'relation' AND h.granted AND h.mode = 'AccessExclusiveLock'
                   AND h.database = l.database AND c.relkind IN ('r', 'p', 'v', 'm')
                 ORDER BY 1 LIMIT ${heldShown}) x) END AS held
         FROM pg_catalog.pg_locks l
         LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
         LEFT JOIN pg_catalog.unnest($1::text[]) WITH ORDINALITY t (name, place)
                ON pg_catalog.to_regclass(t.name) = l.relation
        WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM $2
          AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
          AND CASE WHEN pg_catalog.cardinality($1) = 0 THEN l.mode = 'AccessExclusiveLock'
                   ELSE t.name IS NOT NULL AND NOT l.mode = ANY ($3) END
        ORDER BY 1, l.pid`,
      [tables.map(quoteName), processId, mode === undefined ? [] : besides[mode]],
    );
    return rows.map((row) => ({ ...row, place: Number(row.place) }));
  } catch (error) {
    database.logger.debug(`Could not find out who holds a lock: ${String(error)}`);
    return [];
  }
}

function describeHolder({ pid, user, application, state: activity, minutes, held }: Holder): string {
  const parts = [
    `process ${pid}`,
    user ? `user ${user}` : '',
    application ?? '',
    activity ?? '',
    minutes === null ? '' : `for ${minutes} min`,
    held === null ? '' : `which locks ${held}`,
  ];
  return parts.filter(Boolean).join(', ');
}
