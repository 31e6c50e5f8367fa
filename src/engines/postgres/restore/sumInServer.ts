import { messageOf, RestorePointError } from '../../../core/errors.ts';
import type { TableName } from '../../../core/names.ts';
import type { HashedRows, HashSum } from '../rows/hashedRows.ts';
import { quoteIdentifier, quoteLiteral, quoteName } from '../connect/identifiers.ts';
import type { Transaction } from '../connect/transaction.ts';

/** More calls within one another may be more than the server's `max_stack_depth` allows. */
const maxColumns = 200;

/** For the query alone. */
const settings = [
  // Several processes share the work even if most of a table is out of line, in large values.
  'SET LOCAL min_parallel_table_scan_size = 0',
  'SET LOCAL parallel_setup_cost = 0',
  // The table is to be read, and not an index that has the same values.
  'SET LOCAL enable_indexonlyscan = off',
].join('; ');

/**
 * The rows of a table and the sum of their hashes, which the server computes, on several processors where it may. The
 * values are hashed in the text that COPY would send, with the seed of `hashed`: see there. A string says why the server
 * cannot tell; the transaction goes on then as well. Throws `cancelled` and `connection`.
 */
export async function sumInServer(
  transaction: Transaction,
  table: TableName,
  columns: readonly string[],
  hashed: HashedRows,
): Promise<HashSum | string> {
  if (columns.length > maxColumns) return 'it has many columns';
  const texts = await textsOf(transaction, table, columns);
  if (!texts) return 'the text of a column is not known';
  const seed = `${quoteLiteral(hashed.seed)}::pg_catalog.int8`;
  const hash = texts.reduce((before, text) => {
    const value = `coalesce(${text}, ${quoteLiteral(hashed.nullText)}) COLLATE pg_catalog."C"`;
    return `pg_catalog.hashtextextended(${value}, ${before})`;
  }, seed);
  const sql = `SELECT pg_catalog.count(*) AS rows, coalesce(pg_catalog.sum(${hash}), 0)::pg_catalog.text AS sum
                 FROM ONLY ${quoteName(table)}`;
  const answer = await sum(transaction, sql).catch((error: unknown) => ({ error }));
  if (!('error' in answer)) return answer;
  if (RestorePointError.is(answer.error, 'cancelled') || RestorePointError.is(answer.error, 'connection')) {
    throw answer.error;
  }
  return messageOf(answer.error);
}

async function sum(transaction: Transaction, sql: string): Promise<HashSum> {
  const ask = async (): Promise<{ rows: number; sum: string }[]> => {
    await transaction.run(settings);
    return transaction.underOwnPath(() => transaction.rows(sql));
  };
  // Nothing is written: undoing it puts the settings back.
  const [row] = await transaction.attempt(ask, { undo: true });
  return { rows: row!.rows, sum: BigInt.asUintN(64, BigInt(row!.sum)) };
}

/**
 * The columns as the texts that COPY sends, by the same functions: a cast gives others of some types. Undefined where
 * a function is not sure to be found by its name.
 */
async function textsOf(
  transaction: Transaction,
  table: TableName,
  columns: readonly string[],
): Promise<string[] | undefined> {
  const found = await transaction.rows<Output>(outputQuery, [quoteName(table)]);
  const outputs = new Map(found.map((output) => [output.column, output]));
  const texts: string[] = [];
  for (const name of columns) {
    const output = outputs.get(name);
    if (!output) return undefined;
    const column = quoteIdentifier(name);
    texts.push(
      output.text
        ? `${column}::pg_catalog.text`
        : `pg_catalog.textin(${quoteName({ schema: output.schema, name: output.function })}(${column}))`,
    );
  }
  return texts;
}

interface Output {
  readonly column: string;
  /** A cast gives it, without a copy; for XML it is what COPY sends. */
  readonly text: boolean;
  readonly schema: string;
  readonly function: string;
}

/** Users make no functions in `pg_catalog`, and elsewhere no other that takes exactly the column's type. */
const outputQuery = `
  SELECT a.attname AS column, n.nspname AS schema, p.proname AS function,
         t.typoutput IN ('pg_catalog.textout'::regproc, 'pg_catalog.varcharout'::regproc)
           OR a.atttypid = 'pg_catalog.xml'::regtype AS text
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    JOIN pg_proc p ON p.oid = t.typoutput
    JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
     AND (n.nspname = 'pg_catalog' OR p.proargtypes[0] = a.atttypid)`;
