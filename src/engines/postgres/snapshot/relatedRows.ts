import { tableKey } from '../../../core/names.ts';
import type { TableLink } from '../../../core/related.ts';
import type { RelatedLinks, TableSelection } from '../../engine.ts';
import { compileQuery, tableModel } from '../../tableModel.ts';
import { othersAlias, type Refers, rowsAlias, TableRelations } from '../../tableRelations.ts';
import { quoteIdentifier, quoteLiteral, quoteName } from '../connect/identifiers.ts';
import { findCircles, needsFirst } from '../schema/dependencies.ts';
import type { Transaction } from '../connect/transaction.ts';

/** Rows that one statement reads by their places: its text is about 120 KB then. */
const batch = 10_000;

const cursor = 'restore_point_related';

interface Place {
  /** The position of the table in the selection. */
  readonly t: string;
  readonly id: string;
}

/**
 * The rows that belong to chosen ones, as the places (`ctid`) at which one snapshot has them. The server computes them
 * once, in one query over the whole selection, and gives them out through a cursor, table by table: conditions of the
 * user's may give another answer when they are asked again. It needs no temporary table, which a transaction that reads
 * may not make. A version of a row that the snapshot sees stays where it is until the snapshot ends.
 */
export class RelatedRows {
  readonly #transaction: Transaction;
  readonly #selection: readonly TableSelection[];
  #waiting: readonly Place[];
  #over = false;

  private constructor(
    transaction: Transaction,
    selection: readonly TableSelection[],
    first: readonly Place[],
  ) {
    this.#transaction = transaction;
    this.#selection = selection;
    this.#waiting = first;
  }

  /** The tables are locked already, and their conditions checked. */
  static async find(
    transaction: Transaction,
    selection: readonly TableSelection[],
    links: RelatedLinks,
  ): Promise<RelatedRows> {
    const query = await relatedQuery(transaction, selection, links);
    // Functions in conditions may name things as the user does. All is computed when the first row is asked for.
    const first = await transaction.underOwnPath(async () => {
      await transaction.run(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${query}`);
      return transaction.fetch<Place>(cursor, batch);
    });
    return new RelatedRows(transaction, selection, first);
  }

  /** Whether a table's rows are chosen by these, and not all of them. */
  holds(selected: TableSelection): boolean {
    return !isWhole(selected);
  }

  /** Conditions that, one after the other, find a table's rows. Throws where a table is left out of the selection's order. */
  async *conditions(selected: TableSelection): AsyncGenerator<string> {
    const number = String(this.#selection.indexOf(selected));
    for (;;) {
      if (Number(this.#waiting[0]?.t) < Number(number)) throw new Error('rows of a table before are left');
      const own = this.#waiting.filter(({ t }) => t === number);
      if (own.length > 0)
        yield `ctid OPERATOR(pg_catalog.=) ANY (${quoteLiteral(`{${own.map(({ id }) => `"${id}"`).join(',')}}`)}::pg_catalog.tid[])`;
      this.#waiting = this.#waiting.slice(own.length);
      if (this.#waiting.length > 0 || this.#over) return;
      this.#waiting = await this.#transaction.fetch<Place>(cursor, batch);
      this.#over = this.#waiting.length === 0;
    }
  }
}

/** All of its rows are read, so that nothing has to be found. */
function isWhole({ where, related }: TableSelection): boolean {
  return where === undefined && related !== true;
}

async function relatedQuery(
  transaction: Transaction,
  selection: readonly TableSelection[],
  links: RelatedLinks,
): Promise<string> {
  const { knex } = transaction.database;
  const sources = selection.map(({ table }) => ({
    table: table.name,
    from: `ONLY ${quoteName(table.name)}`,
    row: ['ctid'],
    quote: quoteIdentifier,
  }));
  const all = [...links.down, ...links.up];
  const relations = new TableRelations(knex, sources, all);
  const starts = selection.map(({ table, where }) => {
    if (where === undefined) return undefined;
    const model = tableModel(knex, { from: `ONLY ${quoteName(table.name)}`, columns: ['ctid'] });
    return compileQuery(model.rows(where)).sql;
  });
  const builder = new QueryBuilder(selection, relations, await loadEqualities(transaction, all));
  const down = builder.phase('d', links.down, 'child', starts, new Map());
  const sets = builder.phase(
    'a',
    links.up,
    'parent',
    starts.map(() => undefined),
    down,
  );
  const parts = selection.flatMap((selected, number) => {
    const set = sets.get(number);
    return set === undefined || isWhole(selected)
      ? []
      : [`SELECT ${number} AS t, "row0" AS id FROM ${set} s`];
  });
  const places =
    parts.length > 0 ? parts.join(' UNION ALL ') : 'SELECT 0 AS t, NULL::pg_catalog.tid AS id WHERE false';
  return `${builder.with}
    SELECT p.t::pg_catalog.text AS t, p.id::pg_catalog.text AS id FROM (${places}) p ORDER BY p.t, p.id`;
}

/** Builds a WITH clause whose parts are the rows taken of each table: from table to table, and around in circles. */
class QueryBuilder {
  readonly #selection: readonly TableSelection[];
  readonly #relations: TableRelations;
  readonly #refers: Refers;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #parts: string[] = [];

  constructor(selection: readonly TableSelection[], relations: TableRelations, refers: Refers) {
    this.#selection = selection;
    this.#relations = relations;
    this.#refers = refers;
    this.#numbers = new Map(selection.map(({ table }, number) => [tableKey(table.name), number]));
  }

  get with(): string {
    return this.#parts.length > 0 ? `WITH RECURSIVE ${this.#parts.join(',\n')}` : '';
  }

  /**
   * Follows links to their end `to`, from the rows that there are and those that `starts` select. Resolves to what holds
   * a table's rows by its number, as a FROM item.
   */
  phase(
    prefix: string,
    links: readonly TableLink[],
    to: 'child' | 'parent',
    starts: readonly (string | undefined)[],
    before: ReadonlyMap<number, string>,
  ): Map<number, string> {
    const from = to === 'child' ? 'parent' : 'child';
    const sets = new Map(before);
    for (const [number, selected] of this.#selection.entries()) {
      if (isWhole(selected)) sets.set(number, this.#relations.derived(selected.table.name));
    }
    const open = links.filter((link) => !isWhole(this.#selection[this.#number(link, to)]!));
    for (const group of inTurn(
      this.#selection.length,
      open.map((link) => [this.#number(link, to), this.#number(link, from)]),
    )) {
      const into = open.filter((link) => group.has(this.#number(link, to)));
      const inside = into.filter((link) => group.has(this.#number(link, from)));
      const outside = into.filter((link) => !inside.includes(link));
      const branches = new Map(
        [...group].map((number) => {
          const known = sets.get(number);
          const rows = [
            ...(starts[number] === undefined ? [] : [starts[number]]),
            ...(known === undefined ? [] : [`SELECT "row0" FROM ${known} s`]),
            ...outside
              .filter((link) => this.#number(link, to) === number)
              .flatMap((link) => {
                const others = sets.get(this.#number(link, from));
                return others === undefined ? [] : [this.#relations.related(link, to, others, this.#refers)];
              }),
          ];
          return [number, rows] as const;
        }),
      );
      if (inside.length > 0) this.#circle(prefix, branches, inside, to, sets);
      else this.#single(prefix, branches, sets, into.length > 0);
    }
    return sets;
  }

  #number(link: TableLink, end: 'child' | 'parent'): number {
    return this.#numbers.get(tableKey(link[end].name))!;
  }

  #single(
    prefix: string,
    branches: ReadonlyMap<number, readonly string[]>,
    sets: Map<number, string>,
    linked: boolean,
  ): void {
    for (const [number, rows] of branches) {
      if (rows.length === 0 || (sets.has(number) && !linked)) continue;
      this.#define(`${prefix}${number}`, number, rows, sets);
    }
  }

  /** Tables that reference each other, or themselves: one part that goes on until it finds no row that is new. */
  #circle(
    prefix: string,
    branches: ReadonlyMap<number, readonly string[]>,
    inside: readonly TableLink[],
    to: 'child' | 'parent',
    sets: Map<number, string>,
  ): void {
    const from = to === 'child' ? 'parent' : 'child';
    const base = [...branches].flatMap(([number, rows]) =>
      rows.map((sql) => `SELECT ${number} AS t, b.id FROM (${sql}) b (id)`),
    );
    if (base.length === 0) return;
    const steps = inside.map((link) => {
      const [rows, others] = [this.#derived(link, to), this.#derived(link, from)];
      return `SELECT ${this.#number(link, from)} AS "from", ${othersAlias}."row0" AS known,
                     ${this.#number(link, to)} AS t, ${rowsAlias}."row0" AS id
                FROM ${others} AS ${othersAlias} JOIN ${rows} AS ${rowsAlias}
                  ON ${this.#relations.on(link, to, this.#refers)}`;
    });
    const circle = `${prefix}c${[...branches.keys()].join('_')}`;
    this.#parts.push(
      `${circle} (t, id) AS (SELECT x.t, x.id FROM (${base.join(' UNION ALL ')}) x
         UNION SELECT s.t, s.id FROM ${circle} c JOIN (${steps.join(' UNION ALL ')}) s
           ON s."from" OPERATOR(pg_catalog.=) c.t AND s.known OPERATOR(pg_catalog.=) c.id)`,
    );
    for (const number of branches.keys()) {
      const rows = [`SELECT c.id FROM ${circle} c WHERE c.t OPERATOR(pg_catalog.=) ${number}`];
      this.#define(`${prefix}${number}`, number, rows, sets);
    }
  }

  #derived(link: TableLink, end: 'child' | 'parent'): string {
    return this.#relations.derived(link[end].name);
  }

  #define(name: string, number: number, rows: readonly string[], sets: Map<number, string>): void {
    const { table } = this.#selection[number]!;
    this.#parts.push(
      `${name} AS MATERIALIZED (SELECT * FROM ${this.#relations.derived(table.name)} r
         WHERE r."row0" OPERATOR(pg_catalog.=) ANY (${rows.join(' UNION ALL ')}))`,
    );
    sets.set(number, name);
  }
}

/** Numbers in groups: those in a cycle form one group, and each group comes after those that it depends on. */
function inTurn(count: number, pairs: readonly (readonly [number, number])[]): Set<number>[] {
  const graph = new Map(Array.from({ length: count }, (_, number) => [String(number), new Set<string>()]));
  for (const [of, on] of pairs) graph.get(String(of))!.add(String(on));
  const groupOf = new Map([...graph.keys()].map((id) => [id, new Set([id])]));
  for (const circle of findCircles(graph)) for (const id of circle) groupOf.set(id, circle);
  const leader = (id: string): string => [...groupOf.get(id)!][0]!;
  const groups = new Map<string, Set<string>>();
  for (const [id, needs] of graph) {
    const group = groups.get(leader(id)) ?? new Set();
    for (const need of needs) if (leader(need) !== leader(id)) group.add(leader(need));
    groups.set(leader(id), group);
  }
  return needsFirst([...groups.keys()], groups).map((id) => new Set([...groupOf.get(id)!].map(Number)));
}

interface Equality {
  readonly operator: string;
  readonly collate: string;
}

/**
 * How the server compares the two ends of each foreign key: with the operators of the constraint, which need not be in
 * reach of any search path, and with the collation of the column that is referenced.
 */
async function loadEqualities(transaction: Transaction, links: readonly TableLink[]): Promise<Refers> {
  const wanted = links.map(({ child, parent, foreignKey }) => ({
    child: quoteName(child.name),
    parent: quoteName(parent.name),
    name: foreignKey.name,
  }));
  const rows = await transaction.rows<{ place: number; equalities: Equality[] }>(equalityQuery, [
    JSON.stringify(wanted),
  ]);
  const find = new Map(rows.map(({ place, equalities }) => [links[place - 1]!, equalities]));
  return (parent, child, link, place) => {
    const { operator, collate } = find.get(link)![place]!;
    return `${parent} ${operator} ${child}${collate}`;
  };
}

const equalityQuery = `
  SELECT w.place, (
    SELECT json_agg(json_build_object(
             'operator', format('OPERATOR(%I.%s)', n.nspname, o.oprname),
             'collate', coalesce((SELECT format(' COLLATE %I.%I', cn.nspname, c.collname)
                                    FROM pg_collation c JOIN pg_namespace cn ON cn.oid = c.collnamespace
                                   WHERE c.oid = p.attcollation AND p.attcollation <> f.attcollation), ''))
             ORDER BY x.place)
      FROM unnest(k.conkey, k.confkey, k.conpfeqop) WITH ORDINALITY x (child, parent, operator, place)
      JOIN pg_operator o ON o.oid = x.operator
      JOIN pg_namespace n ON n.oid = o.oprnamespace
      JOIN pg_attribute f ON f.attrelid = k.conrelid AND f.attnum = x.child
      JOIN pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = x.parent) AS equalities
    FROM json_array_elements($1::json) WITH ORDINALITY w (link, place)
    JOIN pg_constraint k ON k.contype = 'f' AND k.conname = w.link ->> 'name'
     AND k.conrelid = to_regclass(w.link ->> 'child')
     AND (k.confrelid = to_regclass(w.link ->> 'parent')
       OR k.confrelid IN (SELECT relid FROM pg_partition_ancestors(to_regclass(w.link ->> 'parent'))))`;
