import type { Knex } from 'knex';
import {
  Model,
  type AnyQueryBuilder,
  type Relation,
  type RelationMapping,
  type RelationMappings,
} from 'objection';
import { tableKey, type TableName } from '../core/names.ts';
import { referencedColumns, type TableLink } from '../core/related.ts';
import { compileQuery, rawSql } from './tableModel.ts';

/** A table as the models of related tables see it. */
export interface RelatedModelSource {
  readonly table: TableName;
  /** The table as the engine quotes it in a FROM clause. */
  readonly from: string;
  /** The SQL that identifies its rows: their positions, their rowids, or a key. */
  readonly row: readonly string[];
  /** How the engine quotes a column. */
  readonly quote: (column: string) => string;
}

/** Says as SQL that the values of a foreign key's column refer to those of the column that it names. */
export type Refers = (parent: string, child: string, link: TableLink, place: number) => string;

/** The ends of a link: `rows` are asked for, `others` are given. */
export const rowsAlias = '"rows"';
export const othersAlias = '"others"';

/** From which end of a link the rows are asked for. */
export type LinkEnd = 'child' | 'parent';

/**
 * The models of related tables, with a relation at both ends of every foreign key: BelongsToOne at the table
 * that has it, HasMany at the one that it names. Columns have safe names, as those of `tableModel`: the rows of a model
 * are those of a derived table with `row0`, … (which identify rows) and `c0`, … (the columns that keys use).
 */
export class TableRelations {
  readonly #knex: Knex;
  readonly #sources = new Map<string, RelatedModelSource>();
  readonly #columns = new Map<string, readonly string[]>();
  readonly #models = new Map<string, typeof Model>();
  readonly #numbers = new Map<TableLink, number>();

  constructor(knex: Knex, sources: readonly RelatedModelSource[], links: readonly TableLink[]) {
    this.#knex = knex;
    const unique = [...new Map(links.map((link) => [linkKey(link), link])).values()];
    const numbers = new Map(unique.map((link, number) => [linkKey(link), number]));
    for (const link of links) this.#numbers.set(link, numbers.get(linkKey(link))!);
    for (const source of sources) {
      const key = tableKey(source.table);
      this.#sources.set(key, source);
      this.#columns.set(key, keyColumns(source.table, unique));
      this.#models.set(key, this.#modelOf(key, unique));
    }
  }

  /** The names of the columns of the derived table that identify a row. */
  rowNames(table: TableName): string[] {
    return this.#sources.get(tableKey(table))!.row.map((_, place) => `"row${place}"`);
  }

  /** A table's rows as a derived table, without an alias. */
  derived(table: TableName): string {
    const { from, row, quote } = this.#sources.get(tableKey(table))!;
    const columns = this.#columns.get(tableKey(table))!.map(quote);
    const list = [
      ...row.map((sql, place) => `${sql} AS "row${place}"`),
      ...columns.map((column, place) => `${column} AS "c${place}"`),
    ];
    return `(SELECT ${list.join(', ')} FROM ${from})`;
  }

  /**
   * The rows of one end of a link for which there is a row at its other end, among `others` (a FROM item, of the same
   * names as the derived table): what Objection would call the related rows, with the engine's own equality.
   */
  related(link: TableLink, end: LinkEnd, others: string, refers: Refers): string {
    const sql = rawSql(this.#knex);
    const relation = this.#relation(link, end);
    const rows = relation.relatedModelClass
      .query(this.#knex)
      .from(sql(`${this.derived(link[end].name)} AS ${rowsAlias}`));
    const given = relation.ownerModelClass.query(this.#knex).from(sql(`${others} AS ${othersAlias}`));
    void given.select(sql('1')).where(sql(this.on(link, end, refers)));
    void rows
      .select(this.rowNames(link[end].name).map((name) => sql(`${rowsAlias}.${name}`)))
      .whereExists(given);
    return textOf(rows);
  }

  /** The condition of a link's relation, between the aliases `rows` and `others`. */
  on(link: TableLink, end: LinkEnd, refers: Refers): string {
    const { ownerProp, relatedProp } = this.#relation(link, end);
    const [rows, others] = [relatedProp.cols, ownerProp.cols].map((columns, index) =>
      columns.map((column) => `${index === 0 ? rowsAlias : othersAlias}."${column}"`),
    ) as [string[], string[]];
    const [parents, children] = end === 'parent' ? [rows, others] : [others, rows];
    return parents.map((parent, place) => refers(parent, children[place]!, link, place)).join(' AND ');
  }

  /** From the other end of a link to this one. */
  #relation(link: TableLink, end: LinkEnd): Relation {
    const owner = end === 'child' ? link.parent : link.child;
    const name = relationName(end, this.#numbers.get(link)!);
    return this.#models.get(tableKey(owner.name))!.getRelation(name);
  }

  #modelOf(key: string, links: readonly TableLink[]): typeof Model {
    const ends = (): RelationMappings =>
      Object.fromEntries(
        links.flatMap((link, number) => [
          ...(tableKey(link.child.name) === key
            ? [
                [
                  relationName('parent', number),
                  this.#mapping(Model.BelongsToOneRelation, link, 'parent'),
                ] as const,
              ]
            : []),
          ...(tableKey(link.parent.name) === key
            ? [[relationName('child', number), this.#mapping(Model.HasManyRelation, link, 'child')] as const]
            : []),
        ]),
      );
    const tableName = `t${this.#models.size}`;
    return class Row extends Model {
      static override get tableName(): string {
        return tableName;
      }
      static override get relationMappings(): RelationMappings {
        return ends();
      }
    };
  }

  #mapping(
    relation: RelationMapping<Model>['relation'],
    link: TableLink,
    end: LinkEnd,
  ): RelationMappings[string] {
    const child = this.#ends(link.child.name, link.foreignKey.columns);
    const parent = this.#ends(link.parent.name, referencedColumns(link));
    const modelClass = this.#models.get(tableKey(link[end].name))!;
    return {
      relation,
      modelClass,
      join: end === 'parent' ? { from: child, to: parent } : { from: parent, to: child },
    };
  }

  /** A key's columns as Objection names them. */
  #ends(table: TableName, columns: readonly string[]): string[] {
    const key = tableKey(table);
    const model = this.#models.get(key)!.tableName;
    return columns.map((column) => `${model}.c${this.#columns.get(key)!.indexOf(column)}`);
  }
}

function keyColumns(table: TableName, links: readonly TableLink[]): readonly string[] {
  const key = tableKey(table);
  const used = links.flatMap((link) => [
    ...(tableKey(link.child.name) === key ? link.foreignKey.columns : []),
    ...(tableKey(link.parent.name) === key ? referencedColumns(link) : []),
  ]);
  return [...new Set(used)];
}

function linkKey({ child, foreignKey }: TableLink): string {
  return JSON.stringify([tableKey(child.name), foreignKey.name, tableKey(foreignKey.references)]);
}

function relationName(end: LinkEnd, number: number): string {
  return end === 'parent' ? `parent${number}` : `children${number}`;
}

function textOf(query: AnyQueryBuilder): string {
  return compileQuery(query).sql;
}
