import { type ErrorPlace, RestorePointError } from '../../core/errors.ts';
import { formatTableName, type TableName } from '../../core/names.ts';
import { hasState, state } from './errors.ts';
import { quoteName } from './identifiers.ts';
import { lockTimeoutSeconds } from './settings.ts';
import type { Transaction } from './transaction.ts';

export type LockMode = 'ACCESS SHARE' | 'ACCESS EXCLUSIVE';

/** Tables that one statement locks. */
const batch = 100;

/**
 * Locks tables in this order, or says who keeps one from being locked. A partitioned table brings its partitions.
 */
export async function lockTables(
  transaction: Transaction,
  tables: readonly TableName[],
  mode: LockMode,
): Promise<void> {
  for (let start = 0; start < tables.length; start += batch) {
    const part = tables.slice(start, start + batch);
    const lock = (): Promise<unknown> =>
      transaction.run(`LOCK TABLE ${part.map(quoteName).join(', ')} IN ${mode} MODE`);
    await sayingWhoBlocks(transaction, part, lock, mode);
  }
}

/**
 * Runs a statement that has to lock tables (or sequences); when it waits for too long, says for which and for whom. Without
 * tables it is any: catalogs are read by functions that wait for whoever holds a table for itself.
 */
export async function sayingWhoBlocks<Result>(
  transaction: Transaction,
  tables: readonly TableName[] | undefined,
  statement: () => Promise<Result>,
  mode: LockMode = 'ACCESS EXCLUSIVE',
): Promise<Result> {
  try {
    return await statement();
  } catch (error) {
    if (!RestorePointError.is(error)) throw error;
    const named = tables?.length === 1 ? tables[0] : nameIn(error.message, tables ?? []);
    if (!hasState(error.cause, state.lockTimeout)) throw error.with(named ? { place: placeOf(named) } : {});
    const holders = await lockHolders(transaction, tables, mode);
    const held = named ?? tables?.[Number(holders[0]?.place)];
    const ofIt = holders.filter(({ place }) => place === holders[0]?.place).map(describeHolder);
    const who = ofIt.length > 0 ? `: ${[...new Set(ofIt)].join('; ')}` : '';
    throw new RestorePointError(
      'database',
      `${held ? 'It' : 'A table'} could not be locked within ${lockTimeoutSeconds} seconds, because others use it${who}`,
      {
        ...(held ? { place: placeOf(held) } : {}),
        next: 'Let them finish, or end their sessions, and try again.',
        cause: error.cause,
      },
    );
  }
}

function placeOf(table: TableName): ErrorPlace {
  return { table: formatTableName(table) };
}

/** The server says of which it speaks in its message alone. */
function nameIn(message: string, tables: readonly TableName[]): TableName | undefined {
  const quoted = tables.filter(({ schema, name }) => message.includes(`"${schema}.${name}"`));
  const short = tables.filter(({ name }) => message.includes(`"${name}"`) || message.endsWith(` ${name}`));
  const found = quoted.length > 0 ? quoted : short;
  return found.length === 1 ? found[0] : undefined;
}

interface Holder {
  /** Which of the tables, from 0; null where any is meant. */
  place: string | null;
  pid: number;
  user: string | null;
  application: string | null;
  state: string | null;
  minutes: string | null;
}

/** Asked on another connection: the transaction that waited has failed. */
async function lockHolders(
  transaction: Transaction,
  tables: readonly TableName[] | undefined,
  mode: LockMode,
): Promise<Holder[]> {
  const { database, processId } = transaction;
  // Any other lets a reader read.
  const one = tables && mode === 'ACCESS EXCLUSIVE' ? '' : `AND l.mode = 'AccessExclusiveLock'`;
  try {
    return await database.once<Holder>(
      `SELECT DISTINCT t.place - 1 AS place, l.pid, a.usename AS user, a.application_name AS application, a.state,
              (extract(epoch FROM now() - a.xact_start) / 60)::int::text AS minutes
         FROM pg_catalog.pg_locks l
         LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
         LEFT JOIN pg_catalog.json_array_elements_text($1::text::json) WITH ORDINALITY t (name, place)
                ON pg_catalog.to_regclass(t.name) = l.relation
        WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM $2
          AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
          AND ($1::text IS NULL OR t.place IS NOT NULL) ${one}
        ORDER BY place, l.pid`,
      [tables ? JSON.stringify(tables.map(quoteName)) : null, processId],
    );
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
