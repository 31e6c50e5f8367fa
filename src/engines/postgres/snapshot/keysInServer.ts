import { randomBytes } from 'node:crypto';
import type { TableName } from '../../../core/names.ts';
import { quoteIdentifier, quoteLiteral, quoteName } from '../connect/identifiers.ts';
import type { Transaction } from '../connect/transaction.ts';

/** A column whose type or collation takes texts for equal by rules that only the server knows. */
interface RuledColumn {
  readonly name: string;
  /** To read a text as its type, as SQL; domains as what they are made of. */
  readonly type: string;
  /** SQL. */
  readonly collate: string;
}

/**
 * Makes one text of all keys that the server takes for equal (`citext`, collations that are not deterministic): hashes of
 * them by the server's own functions, of 128 bits.
 */
export class KeysInServer {
  readonly #transaction: Transaction;
  readonly #columns: readonly RuledColumn[];
  readonly #seeds = [0, 1].map(
    () => `${quoteLiteral(String(randomBytes(8).readBigInt64LE()))}::pg_catalog.int8`,
  );

  private constructor(transaction: Transaction, columns: readonly RuledColumn[]) {
    this.#transaction = transaction;
    this.#columns = columns;
  }

  /** Asks which of these columns are so. */
  static async find(
    transaction: Transaction,
    table: TableName,
    columns: readonly string[],
  ): Promise<KeysInServer | undefined> {
    if (columns.length === 0) return undefined;
    const found = await transaction.rows<RuledColumn>(ruledQuery, [
      quoteName(table),
      JSON.stringify(columns),
    ]);
    return found.length > 0 ? new KeysInServer(transaction, found) : undefined;
  }

  /** The columns that are meant. */
  get names(): readonly string[] {
    return this.#columns.map(({ name }) => name);
  }

  /** The key of a row of this server, as SQL. */
  get expression(): string {
    return this.#hashOf(this.#columns.map(({ name }) => quoteIdentifier(name)));
  }

  /** The keys of rows of another side: of each, the texts of these columns. */
  async of(keys: readonly (readonly (string | null)[])[]): Promise<string[]> {
    const values = this.#columns.map((_, column) => keys.map((key) => key[column] ?? null));
    const names = this.#columns.map((_, column) => `c${column}`);
    const read = this.#columns.map(({ type, collate }, column) => `u.c${column}::${type}${collate}`);
    const rows = await this.#transaction.rows<{ key: string }>(
      `SELECT ${this.#hashOf(read)} AS key
         FROM unnest(${names.map((_, index) => `$${index + 1}::text[]`).join(', ')})
              WITH ORDINALITY u (${names.join(', ')}, place)
        ORDER BY u.place`,
      values,
    );
    return rows.map(({ key }) => key);
  }

  #hashOf(values: readonly string[]): string {
    const hashes = this.#seeds.map(
      (seed) => `pg_catalog.hash_record_extended(ROW(${values.join(', ')}), ${seed})`,
    );
    return `pg_catalog.concat(${hashes.join(`, ' ', `)})`;
  }
}

/**
 * Types of extensions count only if they are texts: other types write equal values alike, and some hash with only 32 bits.
 */
const ruledQuery = `
  WITH RECURSIVE keys AS (
    SELECT a.attname AS name, a.attnum, a.atttypid AS type, a.attcollation AS rules
      FROM pg_attribute a
     WHERE a.attrelid = to_regclass($1) AND NOT a.attisdropped
       AND a.attname IN (SELECT json_array_elements_text($2::json))),
  used AS (
    SELECT name, type, rules FROM keys
    UNION
    SELECT u.name, x.type, x.rules
      FROM used u
      JOIN pg_type t ON t.oid = u.type
      LEFT JOIN pg_range r ON r.rngtypid = t.oid OR r.rngmultitypid = t.oid
      LEFT JOIN pg_attribute a ON a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
     CROSS JOIN LATERAL (VALUES (t.typelem, u.rules), (t.typbasetype, u.rules),
                                (r.rngsubtype, r.rngcollation), (a.atttypid, a.attcollation)) x (type, rules)
     WHERE x.type <> 0),
  bases AS (
    SELECT name, type FROM keys
    UNION ALL
    SELECT b.name, t.typbasetype FROM bases b JOIN pg_type t ON t.oid = b.type AND t.typtype = 'd')
  SELECT k.name, format_type(b.type, -1) AS type,
         coalesce((SELECT format(' COLLATE %I.%I', n.nspname, c.collname)
                     FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
                    WHERE c.oid = k.rules), '') AS "collate"
    FROM keys k
    JOIN bases b ON b.name = k.name
    JOIN pg_type t ON t.oid = b.type AND t.typtype <> 'd'
   WHERE EXISTS (
     SELECT FROM used u
       JOIN pg_type v ON v.oid = u.type
       LEFT JOIN pg_collation c ON c.oid = u.rules
      WHERE u.name = k.name
        AND (NOT c.collisdeterministic
          OR v.typtype = 'b' AND v.typcategory = 'S' AND v.typnamespace <> 'pg_catalog'::regnamespace
             AND EXISTS (SELECT FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod AND m.amname = 'hash'
                          WHERE o.opcintype = v.oid AND o.opcdefault)))
   ORDER BY k.attnum`;
