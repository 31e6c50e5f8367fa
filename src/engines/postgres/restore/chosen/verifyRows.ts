import { RestorePointError } from '../../../../core/errors.ts';
import { formatTableName } from '../../../../core/names.ts';
import type { Transaction } from '../../connect/transaction.ts';
import { type ChosenStaging, is } from './chosenStaging.ts';

/** Reads every written row back, and compares its values with the wanted ones. Throws `verification`. */
export async function verifyRows(transaction: Transaction, staging: ChosenStaging): Promise<void> {
  const { found, rows, after, only, chosen } = staging;
  const inserted = `
    SELECT ${staging.ownImage('target')} AS image, 1 AS n
      FROM ${after} a JOIN ${only} target ON target.ctid ${is} a.id WHERE a.place IS NULL
    UNION ALL
    SELECT ${staging.image('w')}, -1
      FROM ${found} f JOIN ${rows} w ON w.place ${is} f.place AND w.wanted WHERE f.action ${is} 'i'`;
  const updated = `
    SELECT f.place FROM ${found} f
      JOIN ${rows} w ON w.place ${is} f.place AND w.wanted
      LEFT JOIN ${after} a ON a.place ${is} f.place
      LEFT JOIN ${only} target ON target.ctid ${is} a.id
     WHERE f.action ${is} 'u' AND (target.ctid IS NULL OR NOT (${staging.ownImage('target')} ${is} ${staging.image('w')}))`;
  const deleted = `
    SELECT f.place FROM ${found} f JOIN ${only} target ON target.ctid ${is} f.id
     WHERE f.action ${is} 'd'${
       chosen.key
         ? `
    UNION ALL
    SELECT f.place FROM ${found} f
      JOIN ${rows} s ON s.place ${is} f.place AND s.base
      JOIN ${only} target ON ${staging.keyMatches('s')}
     WHERE f.action ${is} 'd'`
         : ''
     }`;
  const [wrong] = await transaction.underOwnPath(() =>
    transaction.rows<{ count: number }>(
      `SELECT (SELECT pg_catalog.count(*) FROM (
                 SELECT FROM (${inserted}) x GROUP BY x.image
                 HAVING NOT (pg_catalog.sum(x.n) ${is} 0)) y)
              OPERATOR(pg_catalog.+) (SELECT pg_catalog.count(*) FROM (${updated}) x)
              OPERATOR(pg_catalog.+) (SELECT pg_catalog.count(*) FROM (${deleted}) x) AS count`,
    ),
  );
  if (wrong!.count === 0) return;
  throw new RestorePointError(
    'verification',
    `${wrong!.count} of the written rows were not read back with the chosen values`,
    { place: { table: formatTableName(chosen.table.name) } },
  );
}
