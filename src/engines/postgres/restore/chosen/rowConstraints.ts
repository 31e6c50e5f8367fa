import { RestorePointError } from '../../../../core/errors.ts';
import { isServerError, type ServerError } from '../../connect/errors.ts';
import { quoteIdentifier, quoteList } from '../../connect/identifiers.ts';
import type { Transaction } from '../../connect/transaction.ts';
import { type ChosenStaging, is, placeName } from './chosenStaging.ts';
import type { Cause } from './rowForeignKeys.ts';

/** Whether the server refused a value or a row: of classes 22 (data) and 23 (constraints). */
export function refusedRow(error: unknown): ServerError | undefined {
  const cause = RestorePointError.is(error, 'database') ? error.details.cause : undefined;
  return isServerError(cause) && /^2[23]/.test(cause.code) ? cause : undefined;
}

/**
 * Finds, after the server has refused them all together, the rows that it refuses: each for itself, in an empty table like
 * theirs, and those that another row keeps out, by the indexes.
 */
export async function markRefused(
  transaction: Transaction,
  staging: ChosenStaging,
  causes: Cause[],
): Promise<number> {
  const work = { transaction, staging, causes };
  return (await markUnfit(work)) + (await markOutside(work)) + (await markTaken(work));
}

interface Work {
  readonly transaction: Transaction;
  readonly staging: ChosenStaging;
  readonly causes: Cause[];
}

/** Rows that break a CHECK, a NOT NULL, a length. */
async function markUnfit({ transaction, staging, causes }: Work): Promise<number> {
  const { probe, found, target } = staging;
  const [range] = await transaction.rows<{ first: number | null; last: number | null }>(
    `SELECT min(place) AS first, max(place) AS last FROM ${found} WHERE action IN ('i', 'u')`,
  );
  if (range!.first === null || range!.last === null) return 0;
  await transaction.run(`DROP TABLE IF EXISTS ${probe}`);
  await transaction.underOwnPath(() =>
    transaction.run(
      `CREATE TEMPORARY TABLE ${probe} (LIKE ${target} INCLUDING CONSTRAINTS INCLUDING GENERATED
         INCLUDING DEFAULTS INCLUDING IDENTITY) ON COMMIT DROP`,
    ),
  );
  let marked = 0;
  const search = async (first: number, last: number): Promise<void> => {
    const refusal = await tryRows(transaction, staging, first, last);
    if (!refusal) return;
    if (first === last) {
      const query = `SELECT ${first}::pg_catalog.int8 AS place`;
      marked += await mark(staging, transaction, query, causes, reasonOf(refusal));
      return;
    }
    const middle = Math.floor((first + last) / 2);
    await search(first, middle);
    await search(middle + 1, last);
  };
  await search(range!.first, range!.last);
  return marked;
}

/** Puts rows into the empty table and takes them out again. Resolves to why the server refuses one of them. */
async function tryRows(
  transaction: Transaction,
  staging: ChosenStaging,
  first: number,
  last: number,
): Promise<ServerError | undefined> {
  const { probe, found, rows, before, chosen, width } = staging;
  const insert = (columns: readonly string[], action: string): Promise<number> => {
    const values = columns.map((_, index) => `${index < width ? 'w' : 'b'}.c${index}`);
    return transaction.run(
      `INSERT INTO ${probe} ${columns.length > 0 ? `(${quoteList(columns)}) OVERRIDING SYSTEM VALUE` : ''}
       SELECT ${values.join(', ')} FROM ${found} f
         JOIN ${rows} w ON w.place ${is} f.place AND w.wanted
         LEFT JOIN ${before} b ON b.place ${is} f.place
        WHERE f.action ${is} '${action}' AND f.place OPERATOR(pg_catalog.>=) ${first} AND f.place OPERATOR(pg_catalog.<=) ${last}`,
    );
  };
  const all = staging.columns.data.map(({ name }) => name);
  const insertBoth = async (): Promise<void> => {
    await insert(chosen.columns, 'i');
    await insert(all, 'u');
  };
  try {
    await transaction.attempt(() => transaction.underOwnPath(insertBoth), { undo: true });
    return undefined;
  } catch (error) {
    const refusal = refusedRow(error);
    if (!refusal) throw error;
    return refusal;
  }
}

function reasonOf({ code, constraint, column, message }: ServerError): string {
  if (code === '23502') return `its column ${column ?? ''} may not be NULL`;
  if (constraint !== undefined) return `the check constraint ${constraint} refuses it`;
  return message;
}

/** Rows that do not belong into their partition. */
async function markOutside({ transaction, staging, causes }: Work): Promise<number> {
  const [row] = await transaction.rows<{ definition: string | null }>(
    `SELECT pg_get_partition_constraintdef(to_regclass($1)) AS definition`,
    [staging.target],
  );
  const definition = row?.definition ?? null;
  if (definition === null) return 0;
  const query = `SELECT x.${placeName} AS place FROM (${staging.final()}) x WHERE (${definition}) IS FALSE`;
  return mark(staging, transaction, query, causes, 'it belongs into another partition');
}

interface UniqueIndex {
  readonly name: string;
  readonly kind: 'unique' | 'exclusion';
  readonly predicate: string | null;
  readonly nullsAreSame: boolean;
  readonly columns: readonly {
    /** SQL over the table's columns, in the type that the operator takes. */
    readonly expression: string;
    readonly collate: string;
    readonly operator: string;
  }[];
}

/**
 * Rows whose values another row has: one that stays as it is, or one before them that is written. A row that is left out
 * may be one that stays then, or let others in.
 */
async function markTaken({ transaction, staging, causes }: Work): Promise<number> {
  const indexes = await transaction.rows<UniqueIndex>(indexQuery, [staging.target]);
  const marking = indexes.map((index) => ({ index, cause: causes.push({ reason: taken(index) }) - 1 }));
  let marked = 0;
  for (let before = -1; before !== marked;) {
    before = marked;
    for (const { index, cause } of marking) {
      const query = `WITH ${valuesOf(staging, index)}
        SELECT n.place, ${cause} AS cause FROM fresh n JOIN others o ON ${areEqual(index, 'o', 'n')}`;
      marked += await markAll(staging, transaction, query);
    }
    if (before !== marked || indexes.length === 0) continue;
    const pairs = marking.map(
      ({ index, cause }) => `(WITH ${valuesOf(staging, index)}
        SELECT o.place AS first, n.place, ${cause} AS cause
          FROM fresh n JOIN fresh o ON o.place OPERATOR(pg_catalog.<) n.place AND ${areEqual(index, 'o', 'n')})`,
    );
    marked += await markAll(
      staging,
      transaction,
      `WITH pairs AS MATERIALIZED (${pairs.join(' UNION ALL ')})
       SELECT p.place, p.cause FROM pairs p
        WHERE NOT EXISTS (SELECT FROM pairs q WHERE q.place ${is} p.first)`,
    );
  }
  return marked;
}

function taken({ kind, name }: UniqueIndex): string {
  return kind === 'unique'
    ? `another row has its value of ${name}, which is unique`
    : `another row conflicts with it by the exclusion constraint ${name}`;
}

/** SQL: the values of an index, of the rows that are written (`fresh`) and of those that stay (`others`). */
function valuesOf(staging: ChosenStaging, { columns, predicate }: UniqueIndex): string {
  const keys = columns.map(({ expression, collate }, place) => `(${expression})${collate} AS k${place}`);
  const where = predicate === null ? '' : ` WHERE ${predicate}`;
  const own = staging.all.map(({ name }) => `target.${quoteIdentifier(name)}`);
  return `fresh AS MATERIALIZED (
            SELECT x.${placeName} AS place, ${keys.join(', ')} FROM (${staging.final()}) x${where}),
          others AS (
            SELECT ${keys.join(', ')} FROM (
              SELECT ${own.join(', ')} FROM ${staging.only} target
               WHERE NOT EXISTS (SELECT FROM ${staging.found} f
                                  WHERE f.id ${is} target.ctid AND f.action ${is} ANY ('{u,d}'))) x${where})`;
}

function areEqual({ columns, nullsAreSame }: UniqueIndex, one: string, other: string): string {
  const terms = columns.map(({ operator }, place) => {
    const [a, b] = [`${one}.k${place}`, `${other}.k${place}`];
    const same = `${a} OPERATOR(${operator}) ${b}`;
    const nulls = `${a} IS NOT DISTINCT FROM NULL AND ${b} IS NOT DISTINCT FROM NULL`;
    return nullsAreSame ? `(${same} OR ${nulls})` : same;
  });
  return terms.join(' AND ');
}

function mark(
  staging: ChosenStaging,
  transaction: Transaction,
  query: string,
  causes: Cause[],
  reason: string,
): Promise<number> {
  const cause = causes.push({ reason }) - 1;
  return markAll(staging, transaction, `SELECT y.place, ${cause} AS cause FROM (${query}) y`);
}

/** `query`: gives the places of rows and of their causes. */
function markAll({ found }: ChosenStaging, transaction: Transaction, query: string): Promise<number> {
  return transaction.underOwnPath(() =>
    transaction.run(
      `UPDATE ${found} f SET refused = 'constraint', cause = x.cause, late = true, action = NULL
         FROM (${query}) x WHERE x.place ${is} f.place AND f.refused IS NULL`,
    ),
  );
}

const indexQuery = `
  SELECT coalesce(k.conname, c.relname) AS name, CASE WHEN i.indisexclusion THEN 'exclusion' ELSE 'unique' END AS kind,
         pg_get_expr(i.indpred, i.indrelid) AS predicate,
         coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false) AS "nullsAreSame",
         (SELECT json_agg(json_build_object(
                   'expression', format('(%s)%s', pg_get_indexdef(i.indexrelid, n, false),
                     coalesce((WITH RECURSIVE below AS (
                        SELECT t.typbasetype AS oid FROM pg_type t WHERE t.oid = a.atttypid AND t.typtype = 'd'
                        UNION ALL SELECT t.typbasetype FROM below b JOIN pg_type t ON t.oid = b.oid AND t.typtype = 'd')
                      SELECT '::' || format_type(b.oid, -1) FROM below b JOIN pg_type t ON t.oid = b.oid AND t.typtype <> 'd'), '')),
                   'collate', coalesce((SELECT format(' COLLATE %I.%I', cn.nspname, l.collname)
                                          FROM pg_collation l JOIN pg_namespace cn ON cn.oid = l.collnamespace
                                         WHERE l.oid = (i.indcollation::oid[])[n - 1]), ''),
                   'operator', (SELECT format('%I.%s', s.nspname, o.oprname)
                                  FROM pg_operator o JOIN pg_namespace s ON s.oid = o.oprnamespace
                                 WHERE o.oid = coalesce(k.conexclop[n], (
                                   SELECT m.amopopr FROM pg_opclass y
                                     JOIN pg_amop m ON m.amopfamily = y.opcfamily AND m.amoplefttype = y.opcintype
                                                   AND m.amoprighttype = y.opcintype AND m.amopstrategy = 3
                                    WHERE y.oid = (i.indclass::oid[])[n - 1])))) ORDER BY n)
            FROM generate_series(1, i.indnkeyatts) n
            JOIN pg_attribute a ON a.attrelid = i.indexrelid AND a.attnum = n) AS columns
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')
   WHERE i.indrelid = to_regclass($1) AND (i.indisunique OR i.indisexclusion) AND i.indisvalid
   ORDER BY i.indexrelid`;
