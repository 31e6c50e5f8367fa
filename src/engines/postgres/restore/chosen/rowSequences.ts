import type { Logger } from '../../../../core/logger.ts';
import { formatTableName, type TableName } from '../../../../core/names.ts';
import type { Sequence } from '../../../../core/schema.ts';
import type { Transaction } from '../../connect/transaction.ts';
import { lockSequences, setSequences } from '../sequenceValues.ts';
import { type ChosenStaging, is } from './chosenStaging.ts';

interface OwnSequence {
  readonly name: TableName;
  readonly column: string;
  readonly increment: string;
  readonly least: string;
  readonly most: string;
  /** The user may set it. */
  readonly owned: boolean;
  /** What it gave out last, where the user may know that. */
  readonly last: string | null;
}

/** A sequence can also belong to a column of another type, whose values are made of its numbers. */
const numbers: ReadonlySet<string> = new Set(['smallint', 'integer', 'bigint', 'numeric']);

/** Raises the sequences of columns past the values that were written. Resolves to warnings about those it may not set. */
export async function raiseSequences(
  transaction: Transaction,
  staging: ChosenStaging,
  logger: Logger,
): Promise<string[]> {
  const { chosen, rows, found, target } = staging;
  const own = await transaction.rows<OwnSequence>(sequenceQuery, [target]);
  const warnings: string[] = [];
  for (const { name, column, increment, least, most, owned, last } of own) {
    const place = chosen.columns.indexOf(column);
    if (place < 0 || !numbers.has(staging.columns.data[place]!.type)) continue;
    const isFalling = increment.startsWith('-');
    const [row] = await transaction.rows<{ value: string | null }>(
      `SELECT ${isFalling ? 'min' : 'max'}(w.c${place}::numeric)::text AS value
         FROM ${found} f JOIN ${rows} w ON w.place ${is} f.place AND w.wanted
        WHERE f.action = ANY ('{i,u}') AND w.c${place}::numeric BETWEEN ${least} AND ${most}`,
    );
    const value = row?.value ?? null;
    if (value === null || (last !== null && isPast(last, value, isFalling))) continue;
    if (!owned) {
      warnings.push(
        `The sequence ${formatTableName(name)} may give out values that the written rows of ${formatTableName(chosen.table.name)} have: only its owner may set it.`,
      );
      continue;
    }
    const wanted: Sequence = { name, table: chosen.table.name, lastValue: value, isCalled: true, increment };
    await setSequences(transaction, await lockSequences(transaction, [wanted], logger), true);
  }
  return warnings;
}

function isPast(last: string, value: string, isFalling: boolean): boolean {
  return isFalling ? BigInt(last) <= BigInt(value) : BigInt(last) >= BigInt(value);
}

const sequenceQuery = `
  SELECT json_build_object('schema', n.nspname, 'name', c.relname) AS name, a.attname AS column,
         s.seqincrement::text AS increment, s.seqmin::text AS least, s.seqmax::text AS most,
         pg_has_role(c.relowner, 'USAGE') AS owned,
         CASE WHEN has_sequence_privilege(c.oid, 'SELECT, USAGE') THEN pg_sequence_last_value(c.oid)::text END AS last
    FROM pg_depend d
    JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_sequence s ON s.seqrelid = c.oid
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
   WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
     AND d.refobjid IN (SELECT to_regclass($1) UNION ALL SELECT relid FROM pg_partition_ancestors(to_regclass($1)))
   ORDER BY c.oid`;
