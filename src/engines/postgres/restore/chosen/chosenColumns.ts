import type { ChosenTable } from '../../../../core/chosenRows.ts';
import { RestorePointError } from '../../../../core/errors.ts';
import { formatTableName } from '../../../../core/names.ts';
import type { SchemaObject } from '../../../../core/schema.ts';
import { quoteIdentifier, quoteName } from '../../connect/identifiers.ts';
import type { Transaction } from '../../connect/transaction.ts';
import { type ReadValue, ValueTypes } from '../../rows/typedValues.ts';

/** A column of a table with chosen rows. */
export interface ChosenColumn {
  readonly name: string;
  /** Its type as SQL, without a length and without a domain: it takes any value of the column, and rounds none. */
  readonly type: string;
  /** SQL: a cast of the table's own value to that type, where it needs one. */
  readonly base: string;
  /** SQL: the column's collation, where it has one. */
  readonly collate: string;
  readonly xml: boolean;
  /** SQL over columns, where the value is generated. */
  readonly expression: string | null;
}

export interface ChosenColumns {
  /** Those of `ChosenTable.columns`, then its `otherColumns`. */
  readonly data: readonly ChosenColumn[];
  readonly generated: readonly ChosenColumn[];
  /** Read values of `data`. */
  readonly readers: readonly ReadValue[];
}

/** Throws `usage` for a table or a column that is not there (any more). */
export async function loadColumns(
  transaction: Transaction,
  { table, columns, otherColumns }: ChosenTable,
  types: ValueTypes,
): Promise<ChosenColumns> {
  const found = await transaction.rows<ChosenColumn & { declared: string }>(columnQuery, [
    quoteName(table.name),
  ]);
  const place = { table: formatTableName(table.name) };
  if (!table.holdsRows) {
    throw new RestorePointError('usage', 'It is partitioned: its rows are those of its partitions', {
      place,
    });
  }
  const known = new Map(found.map((column) => [column.name, column]));
  const data = [...columns, ...otherColumns].map((name) => {
    const column = known.get(name);
    if (column && column.expression === null) return column;
    const what = column ? `The column ${name} is generated` : `There is no column ${name}`;
    throw new RestorePointError('usage', what, { place });
  });
  return {
    data,
    generated: found.filter(({ expression }) => expression !== null),
    readers: types.readers(data.map(({ declared }) => declared)),
  };
}

/** What the domains and enums of the database are made of. */
export async function loadValueTypes(transaction: Transaction): Promise<ValueTypes> {
  const found = await transaction.rows<{ kind: string; name: string; sql: string }>(
    `SELECT CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END AS kind,
            format('%I.%I', n.nspname, t.typname) AS name,
            CASE t.typtype
              WHEN 'd' THEN format('CREATE DOMAIN %I.%I AS %s', n.nspname, t.typname, format_type(t.typbasetype, t.typtypmod))
              ELSE format('CREATE TYPE %I.%I AS ENUM ()', n.nspname, t.typname) END AS sql
       FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
      WHERE t.typtype IN ('d', 'e')`,
  );
  return new ValueTypes(found.map((object): SchemaObject => ({ ...object, section: 'pre-data' })));
}

/** SQL: values as one text that tells any two of them apart which differ in a byte. */
export function imageOf(columns: readonly ChosenColumn[], valueOf: (index: number) => string): string {
  const values = columns.map(({ xml }, index) => exact(valueOf(index), xml));
  return `(ROW(${values.join(', ')})::pg_catalog.text COLLATE pg_catalog."C")`;
}

/** SQL: a value as a text with every byte: of an XML value the server would otherwise leave out its declaration. */
export function exact(value: string, xml: boolean): string {
  return xml ? `${value}::pg_catalog.text` : value;
}

/** SQL: the table's own value, in the type in which it is staged. */
export function ownValue({ name, base }: ChosenColumn, alias: string): string {
  return `${alias}.${quoteIdentifier(name)}${base}`;
}

const columnQuery = `
  WITH RECURSIVE bases AS (
    SELECT a.attnum, a.atttypid AS type
      FROM pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT b.attnum, t.typbasetype FROM bases b JOIN pg_type t ON t.oid = b.type AND t.typtype = 'd')
  SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS declared, format_type(b.type, -1) AS type,
         CASE WHEN b.type = a.atttypid THEN '' ELSE '::' || format_type(b.type, -1) END AS base,
         coalesce((SELECT format(' COLLATE %I.%I', n.nspname, c.collname)
                     FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
                    WHERE c.oid = a.attcollation), '') AS "collate",
         b.type = 'xml'::regtype AS xml,
         CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END AS expression
    FROM bases b
    JOIN pg_type t ON t.oid = b.type AND t.typtype <> 'd'
    JOIN pg_attribute a ON a.attrelid = to_regclass($1) AND a.attnum = b.attnum
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   ORDER BY a.attnum`;
