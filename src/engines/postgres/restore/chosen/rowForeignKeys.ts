import { RestorePointError } from '../../../../core/errors.ts';
import { formatTableName, type TableName } from '../../../../core/names.ts';
import { quoteIdentifier, quoteName } from '../../connect/identifiers.ts';
import type { Transaction } from '../../connect/transaction.ts';
import { type ChosenStaging, is, placeName } from './chosenStaging.ts';

/** One end of a foreign key. */
interface End {
  readonly table: TableName;
  readonly partitioned: boolean;
  /** The user may read all of its rows. */
  readonly readable: boolean;
  /** The chosen tables that are it, or partitions of it: their numbers and oids. */
  readonly chosen: readonly { readonly number: number; readonly oid: string }[];
}

interface KeyColumn {
  readonly child: string;
  readonly parent: string;
  /** SQL: casts of domains, the collation, and the operators between both and between two of the parent. */
  readonly childBase: string;
  readonly parentBase: string;
  readonly collate: string;
  readonly operator: string;
  readonly sameOperator: string;
}

interface ForeignKey {
  readonly name: string;
  readonly child: End;
  readonly parent: End;
  readonly columns: readonly KeyColumn[];
  /** All columns are NULL, or none. */
  readonly full: boolean;
  /** A delete, or an update, does something to the rows that reference the row, or is refused for them at once. */
  readonly onDelete: boolean;
  readonly onUpdate: boolean;
  /** It would change these rows. */
  readonly changes: boolean;
}

/** Why a row cannot be written. */
export interface Cause {
  readonly reason: string;
  /** The row that is missing: values of the chosen row by the names of their columns. */
  readonly needs?: {
    readonly table: TableName;
    readonly columns: readonly string[];
    readonly from: readonly string[];
  };
}

/**
 * Finds the rows that foreign keys do not let be written: the row that they reference would be missing, or other rows
 * reference them, which must not be lost or changed. It looks at the state in which all rows would be written.
 */
export class RowForeignKeys {
  readonly #transaction: Transaction;
  readonly #stagings: readonly ChosenStaging[];
  readonly #causes: Cause[];
  #keys: readonly ForeignKey[] = [];

  /** Adds the reasons that it finds to `causes`. */
  constructor(transaction: Transaction, stagings: readonly ChosenStaging[], causes: Cause[]) {
    this.#transaction = transaction;
    this.#stagings = stagings;
    this.#causes = causes;
  }

  /** Throws `refused` where it could not be seen that other rows would change. */
  async load(): Promise<void> {
    const names = this.#stagings.map(({ target }) => target);
    this.#keys = await this.#transaction.rows<ForeignKey>(
      foreignKeyQuery(this.#transaction.database.server.version),
      [JSON.stringify(names)],
    );
    for (const key of this.#keys) {
      if (!key.changes || key.child.readable || !(await this.#removes(key))) continue;
      throw new RestorePointError(
        'refused',
        `its rows may change with those of ${formatTableName(key.parent.table)} (foreign key ${key.name}), and this user may not read all of them`,
        { place: { table: formatTableName(key.child.table) }, next: 'Restore as its owner.' },
      );
    }
  }

  /** Whether a row that others may reference goes, or gets other values. */
  async #removes(key: ForeignKey): Promise<boolean> {
    for (const { number } of key.parent.chosen) {
      const staging = this.#stagings[number]!;
      if (!this.#mayRemove(key, staging)) continue;
      const { removed } = removedRows(key, staging);
      const [row] = await this.#transaction.underOwnPath(() =>
        this.#transaction.rows<{ found: boolean }>(
          `SELECT EXISTS (${removed.map((sql) => `SELECT ${sql}`).join(' UNION ALL ')}) AS found`,
        ),
      );
      if (row!.found) return true;
    }
    return false;
  }

  /** Keeps others from making references to rows that may go. */
  async lock(): Promise<void> {
    const numbers = new Set(
      this.#keys.flatMap((key) =>
        key.parent.chosen
          .map(({ number }) => number)
          .filter((number) => this.#mayRemove(key, this.#stagings[number]!)),
      ),
    );
    for (const number of numbers) {
      const { only, found } = this.#stagings[number]!;
      await this.#transaction.underOwnPath(() =>
        this.#transaction.run(
          `SELECT pg_catalog.count(*) FROM (
             SELECT FROM ${only} target JOIN ${found} f ON f.id ${is} target.ctid
              WHERE f.action ${is} ANY ('{u,d}') FOR UPDATE OF target) x`,
        ),
      );
    }
  }

  /**
   * Marks such rows; with `late` they are not written then, until those that are left go together. Rows whose parent is
   * missing come first: they reference nothing. Resolves to how many there were.
   */
  async mark(late: boolean): Promise<number> {
    let marked = 0;
    for (let before = -1; before !== marked;) {
      before = marked;
      for (const key of this.#keys) {
        for (const { number } of key.child.chosen) marked += await this.#markMissing(key, number, late);
      }
      if (late && before !== marked) continue;
      for (const key of this.#keys) {
        for (const { number } of key.parent.chosen) marked += await this.#markReferenced(key, number, late);
      }
      if (!late) break;
    }
    return marked;
  }

  #mayRemove({ columns }: ForeignKey, { came, chosen, columns: all }: ChosenStaging): boolean {
    if (came.deletes) return true;
    const generated = new Set(all.generated.map(({ name }) => name));
    return (
      (came.updates || came.inserts) &&
      columns.some(({ parent }) => chosen.columns.includes(parent) || generated.has(parent))
    );
  }

  /** Rows whose parent will not be there. */
  async #markMissing(key: ForeignKey, number: number, late: boolean): Promise<number> {
    const staging = this.#stagings[number]!;
    if (!key.parent.readable || (!staging.came.inserts && !staging.came.updates)) return 0;
    const values = key.columns.map(({ child }) => `c.${quoteIdentifier(child)}`);
    const places = key.columns.map(({ child }) => staging.all.findIndex(({ name }) => name === child));
    const changed = `(b.place IS NULL OR ROW(${values.join(', ')})::pg_catalog.text OPERATOR(pg_catalog.<>)
                       ROW(${places.map((place) => `b.c${place}`).join(', ')})::pg_catalog.text)`;
    const nulls = values.map((value) => `(${value} IS NOT DISTINCT FROM NULL)`);
    const parents = this.#parents(key, (parent) =>
      key.columns
        .map(
          (column, index) =>
            `${parent(column)}${column.collate} OPERATOR(${column.operator}) ${values[index]!}`,
        )
        .join(' AND '),
    );
    const parent = formatTableName(key.parent.table);
    const fresh = `SELECT c.${placeName} AS place FROM (${staging.final()}) c
                     LEFT JOIN ${staging.before} b ON b.place ${is} c.${placeName}
                    WHERE ${changed}`;
    const isNull = `(${nulls.join(' OR ')})`;
    const isMissing = parents.map((rows) => ` AND NOT EXISTS (${rows})`).join('');
    const isPartly = `${isNull} AND NOT (${nulls.join(' AND ')})`;
    const partly = key.full ? ` UNION ALL ${fresh} AND ${isPartly}` : '';
    return this.#mark(staging, late, {
      cause: {
        reason: `the row of ${parent} that it references is missing (foreign key ${key.name})`,
        needs: {
          table: key.parent.table,
          columns: key.columns.map((column) => column.parent),
          from: key.columns.map((column) => column.child),
        },
      },
      query: `${fresh} AND NOT ${isNull}${isMissing}${partly}`,
    });
  }

  /** Rows that others will still reference. */
  async #markReferenced(key: ForeignKey, number: number, late: boolean): Promise<number> {
    const staging = this.#stagings[number]!;
    if (!key.child.readable || !this.#mayRemove(key, staging)) return 0;
    const { old, removed } = removedRows(key, staging);
    const children = this.#children(key, (child) =>
      key.columns
        .map(
          (column, index) => `${old[index]!}${column.collate} OPERATOR(${column.operator}) ${child(column)}`,
        )
        .join(' AND '),
    );
    const others = this.#parents(key, (parent) =>
      key.columns
        .map(
          (column, index) =>
            `${parent(column)}${column.collate} OPERATOR(${column.sameOperator}) ${old[index]!}`,
        )
        .join(' AND '),
    );
    // Where it acts, another row with the same values does not help.
    const supplied = key.parent.readable ? others.map((rows) => ` AND NOT EXISTS (${rows})`).join('') : '';
    const queries = removed.flatMap((rows, isUpdate) => {
      const acts = isUpdate ? key.onUpdate : key.onDelete;
      return children.map((child) => `SELECT b.place ${rows} AND EXISTS (${child})${acts ? '' : supplied}`);
    });
    const child = formatTableName(key.child.table);
    const changes = key.changes ? ' and would be changed or deleted with it' : '';
    return this.#mark(staging, late, {
      cause: { reason: `rows of ${child} reference it${changes} (foreign key ${key.name})` },
      query: queries.join(' UNION ALL '),
    });
  }

  async #mark(
    { found }: ChosenStaging,
    late: boolean,
    { cause, query }: { readonly cause: Cause; readonly query: string },
  ): Promise<number> {
    const place = this.#causes.push(cause) - 1;
    const unwritten = late ? ', action = NULL' : '';
    return this.#transaction.underOwnPath(() =>
      this.#transaction.run(
        `UPDATE ${found} f SET refused = 'foreign-key', cause = ${place}, late = ${String(late)}${unwritten}
           FROM (${query}) x WHERE x.place ${is} f.place AND f.refused IS NULL`,
      ),
    );
  }

  /** SQL, as several queries: the rows that the parent will have for which this holds. */
  #parents(key: ForeignKey, match: (value: (column: KeyColumn) => string) => string): string[] {
    return this.#rowsOf(key.parent, 'p', (isOwn) =>
      match(({ parent, parentBase }) => `p.${quoteIdentifier(parent)}${isOwn ? parentBase : ''}`),
    );
  }

  #children(key: ForeignKey, match: (value: (column: KeyColumn) => string) => string): string[] {
    return this.#rowsOf(key.child, 'k', (isOwn) =>
      match(({ child, childBase }) => `k.${quoteIdentifier(child)}${isOwn ? childBase : ''}`),
    );
  }

  #rowsOf({ table, partitioned, chosen }: End, alias: string, match: (isOwn: boolean) => string): string[] {
    const gone = chosen.map(({ number, oid }) => {
      const written = `EXISTS (SELECT FROM ${this.#stagings[number]!.found} g
                                WHERE g.id ${is} ${alias}.ctid AND g.action ${is} ANY ('{u,d}'))`;
      return partitioned
        ? ` AND NOT (${alias}.tableoid ${is} ${oid}::pg_catalog.oid AND ${written})`
        : ` AND NOT ${written}`;
    });
    const own = `SELECT FROM ${partitioned ? '' : 'ONLY '}${quoteName(table)} ${alias} WHERE ${match(true)}${gone.join('')}`;
    const come = chosen.map(
      ({ number }) => `SELECT FROM (${this.#stagings[number]!.final()}) ${alias} WHERE ${match(false)}`,
    );
    return [own, ...come];
  }
}

/** SQL: the values that rows had to which a foreign key refers, and these rows: those that go, and those that change. */
function removedRows(
  { columns }: ForeignKey,
  staging: ChosenStaging,
): { readonly old: readonly string[]; readonly removed: readonly [string, string] } {
  const old = columns.map(({ parent }) => `b.c${staging.all.findIndex(({ name }) => name === parent)}`);
  const fresh = columns.map(({ parent }) => `n.${quoteIdentifier(parent)}`);
  const rows = `FROM ${staging.before} b JOIN ${staging.found} f ON f.place ${is} b.place`;
  const differ = `ROW(${old.join(', ')})::pg_catalog.text
                    OPERATOR(pg_catalog.<>) ROW(${fresh.join(', ')})::pg_catalog.text`;
  return {
    old,
    removed: [
      `${rows} WHERE f.action ${is} 'd'`,
      `${rows} JOIN (${staging.final()}) n ON n.${placeName} ${is} b.place WHERE f.action ${is} 'u' AND ${differ}`,
    ],
  };
}

const nameOf = (oid: string): string =>
  `(SELECT json_build_object('schema', n.nspname, 'name', c.relname)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ${oid})`;

const endOf = (oid: string): string => `json_build_object(
  'table', ${nameOf(oid)},
  'partitioned', (SELECT c.relkind = 'p' FROM pg_class c WHERE c.oid = ${oid}),
  'readable', (SELECT has_schema_privilege(c.relnamespace, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
                      AND NOT row_security_active(c.oid) FROM pg_class c WHERE c.oid = ${oid}),
  'chosen', coalesce((SELECT json_agg(json_build_object('number', w.number, 'oid', w.oid::text) ORDER BY w.number)
                        FROM wanted w WHERE w.above = ${oid}), '[]'))`;

const baseOf = (type: string): string => `
  coalesce((WITH RECURSIVE below AS (
     SELECT t.typbasetype AS oid FROM pg_type t WHERE t.oid = ${type} AND t.typtype = 'd'
     UNION ALL SELECT t.typbasetype FROM below b JOIN pg_type t ON t.oid = b.oid AND t.typtype = 'd')
   SELECT '::' || format_type(b.oid, -1) FROM below b JOIN pg_type t ON t.oid = b.oid AND t.typtype <> 'd'), '')`;

const operatorOf = (oid: string): string =>
  `(SELECT format('%I.%s', n.nspname, o.oprname) FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
     WHERE o.oid = ${oid})`;

/**
 * The foreign keys that begin or end at chosen tables, once for a tree of partitions. Those of periods (PostgreSQL 18) and
 * those that are not upheld are left to the server.
 */
const foreignKeyQuery = (version: number): string => `
  WITH wanted AS (
    SELECT x.place::int - 1 AS number, c.oid, coalesce(a.relid, c.oid)::oid AS above
      FROM json_array_elements_text($1::json) WITH ORDINALITY x (name, place)
      JOIN pg_class c ON c.oid = to_regclass(x.name)
      LEFT JOIN LATERAL pg_partition_ancestors(c.oid) a (relid) ON true)
  SELECT k.conname AS name, ${endOf('k.conrelid')} AS child, ${endOf('k.confrelid')} AS parent,
         k.confmatchtype = 'f' AS "full", k.confdeltype <> 'a' AS "onDelete", k.confupdtype <> 'a' AS "onUpdate",
         k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd') AS changes,
         (SELECT json_agg(json_build_object(
                   'child', f.attname, 'parent', p.attname,
                   'childBase', ${baseOf('f.atttypid')}, 'parentBase', ${baseOf('p.atttypid')},
                   'collate', coalesce((SELECT format(' COLLATE %I.%I', cn.nspname, c.collname)
                                          FROM pg_collation c JOIN pg_namespace cn ON cn.oid = c.collnamespace
                                         WHERE c.oid = p.attcollation), ''),
                   'operator', ${operatorOf('x.operator')}, 'sameOperator', ${operatorOf('x.same')}) ORDER BY x.place)
            FROM unnest(k.conkey, k.confkey, k.conpfeqop, k.conppeqop) WITH ORDINALITY x (child, parent, operator, same, place)
            JOIN pg_attribute f ON f.attrelid = k.conrelid AND f.attnum = x.child
            JOIN pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = x.parent) AS columns
    FROM pg_constraint k
   WHERE k.contype = 'f' AND k.conparentid = 0
     AND (k.conrelid IN (SELECT above FROM wanted) OR k.confrelid IN (SELECT above FROM wanted))
     AND EXISTS (SELECT FROM pg_trigger g WHERE g.tgconstraint = k.oid AND g.tgenabled IN ('O', 'A'))
     ${version >= 180_000 ? 'AND k.conenforced AND NOT k.conperiod' : ''}
   ORDER BY k.oid`;
