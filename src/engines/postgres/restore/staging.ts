import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName, type TableName } from '../../../core/names.ts';
import type { TablePlan } from '../../../core/plan.ts';
import { quoteIdentifier, quoteList, quoteName } from '../connect/identifiers.ts';
import type { ExactColumns } from '../rows/selectRows.ts';
import type { Transaction } from '../connect/transaction.ts';

/**
 * A temporary table that holds a backup's rows until they are put into their table, and tells afterwards which rows
 * of that table they became. It ends with the transaction.
 */
export interface Staging {
  /** Quoted, for SQL. */
  readonly name: string;
  /** SQL: the rows `target` and `staged` have the same key. */
  readonly sameKey: string;
  /** The table that rows are put into, quoted, and SQL for its rows, or for those of all its partitions. */
  readonly into: string;
  readonly rows: string;
}

/** Makes it with the types that the table has now. `root`: the rows find their partitions through it. */
export async function createStaging(
  transaction: Transaction,
  plan: TablePlan,
  number: number,
  root?: TableName,
): Promise<Staging> {
  const local = quoteIdentifier(`restore_point_${number}`);
  const columns = quoteList(plan.columns);
  await transaction.run(
    `CREATE TEMPORARY TABLE ${local} ON COMMIT DROP AS
       SELECT ${columns} FROM ONLY ${quoteName(plan.target)} WITH NO DATA`,
  );
  const into = quoteName(root ?? plan.target);
  const rows = root ? into : `ONLY ${into}`;
  return { name: `pg_temp.${local}`, sameKey: await sameKey(transaction, plan), into, rows };
}

/** After its rows came: an index, which also finds a key that the backup holds twice, and statistics. */
export async function indexStaging(
  transaction: Transaction,
  { name }: Staging,
  plan: TablePlan,
): Promise<void> {
  await transaction.run(`CREATE UNIQUE INDEX ON ${name} (${quoteList(plan.key ?? [])})`);
  await transaction.run(`ANALYZE ${name}`);
}

export interface Merged {
  readonly updated: number;
  readonly inserted: number;
}

/** Inserts and updates in one statement: foreign keys within the table are looked at when it is over. */
export async function mergeStaged(
  transaction: Transaction,
  { name, sameKey: on, into, rows }: Staging,
  plan: TablePlan,
): Promise<Merged> {
  const columns = quoteList(plan.columns);
  const identities = await alwaysIdentities(transaction, plan);
  const settable = plan.columns.filter((column) => !identities.has(column));
  const assignments = settable
    .map((column) => `${quoteIdentifier(column)} = staged.${quoteIdentifier(column)}`)
    .join(', ');
  // Compares what is stored, so that it works for every type and tells 1.0 from 1.00.
  const image = (alias: string): string => `ROW(${quoteList(settable, alias)})::pg_catalog.record`;
  const differs = `${image('target')} OPERATOR(pg_catalog.*<>) ${image('staged')}`;
  const update =
    settable.length === 0
      ? 'SELECT 1 WHERE false'
      : `UPDATE ${rows} AS target SET ${assignments} FROM ${name} AS staged
          WHERE ${on} AND ${differs} RETURNING 1`;
  const merge = (): Promise<Merged[]> =>
    transaction.dataRows<Merged>(
      `WITH updated AS (${update}),
          inserted AS (
            INSERT INTO ${into} (${columns}) OVERRIDING SYSTEM VALUE
            SELECT ${columns} FROM ${name} AS staged
             WHERE NOT EXISTS (SELECT FROM ${rows} AS target WHERE ${on})
            RETURNING 1)`,
      `SELECT (SELECT pg_catalog.count(*) FROM updated) AS updated,
            (SELECT pg_catalog.count(*) FROM inserted) AS inserted`,
    );
  const [row] = await transaction.underOwnPath(merge);
  return row!;
}

/** Inserts the rows whose key is absent, and keeps only those staged. */
export async function insertMissing(
  transaction: Transaction,
  { name, sameKey: on, into, rows }: Staging,
  plan: TablePlan,
): Promise<number> {
  const columns = quoteList(plan.columns);
  return transaction.underOwnPath(async () => {
    await transaction.run(`DELETE FROM ${name} AS staged USING ${rows} AS target WHERE ${on}`);
    return transaction.run(
      `INSERT INTO ${into} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${columns} FROM ${name}`,
    );
  });
}

/** SQL: the staged rows as they are now in their table. */
export function stagedTargets(
  { name, sameKey: on, rows }: Staging,
  plan: TablePlan,
  exact: ExactColumns,
): string {
  const columns = exact.of(plan.target, plan.columns, 'target');
  return `SELECT ${columns.join(', ')} FROM ${rows} AS target
            JOIN ${name} AS staged ON ${on}`;
}

/** SQL: the staged rows themselves. */
export function stagedRows({ name }: Staging, plan: TablePlan, exact: ExactColumns): string {
  const columns = exact.of(plan.target, plan.columns);
  return `SELECT ${columns.join(', ')} FROM ${name}`;
}

/** Such a column cannot be set in an UPDATE; as part of the key it need not be. */
export async function alwaysIdentities(
  transaction: Transaction,
  plan: Pick<TablePlan, 'target' | 'key'>,
): Promise<Set<string>> {
  const rows = await transaction.rows<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute
      WHERE attrelid = to_regclass($1) AND attidentity = 'a' AND NOT attisdropped`,
    [quoteName(plan.target)],
  );
  return new Set(rows.map(({ name }) => name).filter((name) => plan.key?.includes(name)));
}

/**
 * Keys are equal as the key's index has it. Its operators are named with their schema: with the pinned search path
 * `=` would not find those of an extension (citext), or find another type's.
 */
async function sameKey(transaction: Transaction, plan: TablePlan): Promise<string> {
  const operators = await loadKeyOperators(transaction, plan.target, plan.key ?? []);
  if (!operators) {
    throw new RestorePointError(
      'refused',
      'It has no unique index on its key, so its rows cannot be identified',
      {
        place: { table: formatTableName(plan.target) },
        next: 'Use the mode replace.',
      },
    );
  }
  return operators
    .map(({ column, operator, base }) => {
      const quoted = quoteIdentifier(column);
      return `target.${quoted}${base} OPERATOR(${operator}) staged.${quoted}${base}`;
    })
    .join(' AND ');
}

/** How the unique index of a key compares its columns. */
export interface KeyOperator {
  readonly column: string;
  /** As SQL, with their schemas. */
  readonly operator: string;
  readonly operatorClass: string;
  /** SQL: a cast of a domain to what it is made of. */
  readonly base: string;
}

/** Undefined where there is no unique index on these columns. */
export async function loadKeyOperators(
  transaction: Transaction,
  table: TableName,
  key: readonly string[],
): Promise<readonly KeyOperator[] | undefined> {
  const operators = await transaction.rows<KeyOperator>(operatorQuery, [
    quoteName(table),
    JSON.stringify([...key].sort()),
  ]);
  return key.length > 0 && operators.length === key.length ? operators : undefined;
}

const operatorQuery = `
  WITH key AS (
    SELECT i.indexrelid, i.indkey::int2[] AS attnums, i.indclass::oid[] AS classes, i.indrelid
      FROM pg_index i
      JOIN pg_class x ON x.oid = i.indexrelid
      JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree'
     WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indisvalid
       AND i.indpred IS NULL AND i.indexprs IS NULL
       AND (SELECT json_agg(a.attname ORDER BY a.attname COLLATE "C")::jsonb
              FROM generate_series(0, i.indnkeyatts - 1) n
              JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = (i.indkey::int2[])[n]) = $2::jsonb
     ORDER BY i.indisprimary DESC, i.indexrelid
     LIMIT 1)
  SELECT a.attname AS "column", format('%I.%s', n.nspname, o.oprname) AS operator,
         (SELECT format('%I.%I', cn.nspname, c.opcname) FROM pg_namespace cn WHERE cn.oid = c.opcnamespace)
           AS "operatorClass",
         -- Operators of all enums, arrays or ranges take no domain over one.
         coalesce((WITH RECURSIVE below AS (
                     SELECT t.typbasetype AS oid FROM pg_type t WHERE t.oid = a.atttypid AND t.typtype = 'd'
                     UNION ALL SELECT t.typbasetype FROM below b JOIN pg_type t ON t.oid = b.oid AND t.typtype = 'd')
                   SELECT format('::%I.%I', m.nspname, t.typname)
                     FROM below b JOIN pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
                     JOIN pg_namespace m ON m.oid = t.typnamespace), '') AS base
    FROM key
   CROSS JOIN LATERAL generate_series(0, array_length(classes, 1) - 1) place
    JOIN pg_attribute a ON a.attrelid = key.indrelid AND a.attnum = key.attnums[place]
    JOIN pg_opclass c ON c.oid = key.classes[place]
    JOIN pg_amop s ON s.amopfamily = c.opcfamily AND s.amoplefttype = c.opcintype
                  AND s.amoprighttype = c.opcintype AND s.amopstrategy = 3
    JOIN pg_operator o ON o.oid = s.amopopr
    JOIN pg_namespace n ON n.oid = o.oprnamespace
   ORDER BY place`;
