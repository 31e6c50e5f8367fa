import { formatTableName, type TableName } from '../../../core/names.ts';
import { quoteName } from '../connect/identifiers.ts';
import type { Transaction } from '../connect/transaction.ts';

/** As `pg_get_constraintdef` writes it; where a name holds a parenthesis nothing is found, which costs time only. */
const foreignKey = /FOREIGN KEY \((?<columns>[^()]*)\) REFERENCES (?<parent>[^()]+)\((?<keys>[^()]*)\)/;

/**
 * Runs what adds a foreign key to a table, such that the server reads both sides in order from their indexes where these
 * hold all that it has to know: rows that were loaded as frozen need no look into the tables. It would else build a hash
 * table of them, which takes three to six times as long, because it takes an index for something scattered on a disk.
 */
export async function alongIndexes(
  transaction: Transaction,
  table: TableName,
  statement: string,
  work: () => Promise<void>,
): Promise<void> {
  const { columns, parent, keys } = foreignKey.exec(statement)?.groups ?? {};
  const sides = [quoteName(table), columns, parent, keys];
  const [answer] = columns === undefined ? [] : await transaction.rows<Answer>(sidesQuery, sides);
  if (!answer?.ordered) return work();
  transaction.database.logger.debug(`A foreign key of ${formatTableName(table)} is checked with indexes`);
  await setHashJoin(transaction, 'off');
  await work();
  await setHashJoin(transaction, answer.hashjoin);
}

async function setHashJoin(transaction: Transaction, value: string): Promise<void> {
  await transaction.rows(`SELECT set_config('enable_hashjoin', $1, true) AS hashjoin`, [value]);
}

interface Answer {
  readonly ordered: boolean;
  readonly hashjoin: string;
}

/** From version 16 on the server adds this many pages at once, and up to this many stay empty. */
const emptyPages = 64;

/** Both sides have an index that begins with their columns, in the order of plain values, and pages that all can see. */
const sidesQuery = `
  SELECT count(*) = 2 AS ordered, current_setting('enable_hashjoin') AS hashjoin
    FROM (VALUES ($1::text, $2::text), ($3, $4)) side (relation, columns)
    JOIN pg_class t ON t.oid = to_regclass(side.relation)
   WHERE t.relkind = 'r' AND t.relallvisible > 0 AND t.relpages - t.relallvisible <= ${emptyPages}
     AND EXISTS (
       SELECT FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
        WHERE i.indrelid = t.oid AND m.amname = 'btree' AND i.indisvalid AND i.indpred IS NULL
          AND (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.place)
                 FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, place)
                 JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum AND a.attcollation = 0
                WHERE k.place <= cardinality(string_to_array(side.columns, ', '))) = side.columns)`;
