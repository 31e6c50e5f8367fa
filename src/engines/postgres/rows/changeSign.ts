import type { Transaction } from '../connect/transaction.ts';

/**
 * See `Session.changeSign`. Whatever writes gets a transaction number, and the snapshot names the next free one and those that
 * are not over. The numbers are those of the whole server, so work in its other databases changes the sign as well.
 * Statistics of one database would not: but they are counted late, and can be reset.
 *
 * Without a transaction number, only two things change: a sequence gives out numbers that it has reserved, and a server that
 * crashed empties unlogged tables. After a crash, or a start, one of the two times is another one.
 */
export async function changeSign(transaction: Transaction): Promise<string | undefined> {
  const [row] = await transaction.rows<Record<string, string | null>>(query);
  return row && `postgres 1 ${JSON.stringify(Object.values(row))}`;
}

const query = `
  SELECT pg_current_snapshot()::text AS snapshot,
         pg_postmaster_start_time()::text AS started,
         (SELECT stats_reset::text FROM pg_stat_bgwriter) AS counted_since,
         (SELECT md5(coalesce(string_agg(format('%I.%I %s', schemaname, sequencename, last_value), ','
                                         ORDER BY schemaname, sequencename), ''))
            FROM pg_sequences) AS sequences`;
