import type { Knex } from 'knex';
import { Model, type AnyQueryBuilder } from 'objection';

/** The input for a table model. */
export interface TableModelSource {
  /** The table as the engine quotes it in a FROM clause, with ONLY or an alias where it needs one. */
  readonly from: string;
  /** The columns to read, as the engine quotes them, in order. */
  readonly columns: readonly string[];
}

/** A query of one table, as an Objection model puts it. */
export interface TableModel {
  /**
   * The rows for which `where` (the user's SQL; all rows when it is left out) holds, every column in order.
   * Row objects have the safe property names `c0`, `c1`, …: a column's own name may be `__proto__` or begin with `$`.
   */
  rows(where?: string): AnyQueryBuilder;
}

/**
 * Makes the model of a table for this Knex instance. Its class name is a constant and its table name no table's:
 * `bindKnex` puts the class name into `new Function` and caches bound classes by name and table, so every table
 * takes an unbound class of its own and passes Knex to each query instead.
 */
export function tableModel(knex: Knex, source: TableModelSource): TableModel {
  class Row extends Model {
    static override get tableName(): string {
      return 'row';
    }
  }
  const sql = rawSql(knex);
  // One text: an object for each column takes longer than reading a small table.
  const columns = source.columns.map((column, index) => `${column} as "c${index}"`).join(', ');
  return {
    rows(where) {
      const query = Row.query(knex).from(sql(source.from));
      // Without a list Knex writes `*`, which would name the generated columns too.
      void query.select(sql(columns || '/* no columns */'));
      // The line break ends a comment at the end of the condition before it can swallow the parenthesis.
      if (where !== undefined) void query.where(sql(`(${where}\n)`));
      return query;
    },
  };
}

/** The SQL text of a query and what is bound in it, for an engine that runs it inside COPY or INSERT … SELECT. */
export function compileQuery(query: AnyQueryBuilder): { sql: string; bindings: readonly unknown[] } {
  const compiled = query.toKnexQuery().toSQL();
  const { sql, bindings } = compiled.toNative();
  // Numbering would take a backslash of the user's before a question mark for one of `rawSql`.
  const unnumbered = sql !== compiled.sql && bindings.length === 0;
  return { sql: unnumbered ? compiled.sql.replaceAll(String.raw`\?`, '?') : sql, bindings };
}

/**
 * `knex.raw` for text that is to reach the database as it is: dialects that number their bindings would take
 * a question mark in a quoted name or in a jsonb operator for one, and turn `\?` back into it.
 */
export function rawSql(knex: Knex): (text: string) => Knex.Raw {
  const client = knex.client as { positionBindings(sql: string): string };
  const numbered = client.positionBindings(String.raw`\?`) === '?';
  return (text) => knex.raw(numbered ? text.replaceAll('?', String.raw`\?`) : text);
}
