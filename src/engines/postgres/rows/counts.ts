import { tableKey, type TableName } from '../../../core/names.ts';
import { quoteName } from '../connect/identifiers.ts';
import { loadUsersRows } from '../schema/extensionTables.ts';
import type { Transaction } from '../connect/transaction.ts';

/** Tables that one statement counts: with each the time to plan it grows. */
const batch = 100;

/** How many rows of users tables have (not those that inherit from them), by the tables' keys. */
export async function countRows(
  transaction: Transaction,
  names: readonly TableName[],
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const usersRows = await loadUsersRows(transaction);
  const where = (name: TableName): string => {
    const condition = usersRows.get(tableKey(name));
    return condition === undefined ? '' : ` WHERE ${condition}`;
  };
  for (let start = 0; start < names.length; start += batch) {
    const part = names.slice(start, start + batch);
    const query = part.map(
      (name, place) =>
        `SELECT ${place} AS place, pg_catalog.count(*) AS count FROM ONLY ${quoteName(name)}${where(name)}`,
    );
    const rows = await transaction.underOwnPath(() =>
      transaction.rows<{ place: number; count: number }>(query.join(' UNION ALL ')),
    );
    for (const { place, count } of rows) counts.set(tableKey(part[place]!), count);
  }
  return counts;
}
