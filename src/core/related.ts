import { formatTableName, tableKey, type TableName } from './names.ts';
import type { ForeignKey, Table } from './schema.ts';

/** A foreign key between two tables that hold rows: those of `child` refer to those of `parent`. */
export interface TableLink {
  readonly child: Table;
  readonly parent: Table;
  readonly foreignKey: ForeignKey;
}

/** Why rows of a table were taken though they were not asked for. */
export interface RelatedReason {
  /** They reference rows of that table that were taken, or rows of that table reference them. */
  readonly relation: 'references' | 'referenced by';
  /** The table at the other end. */
  readonly table: TableName;
  /** The foreign key's, of the table that references. */
  readonly columns: readonly string[];
}

/** A table whose rows come, all or some of them. */
export interface RelatedTable {
  readonly table: Table;
  readonly chosen: boolean;
  /** The foreign keys that lead to it; empty if it was only chosen. */
  readonly reasons: readonly RelatedReason[];
}

/** The foreign keys that lead from chosen tables to all that has to come with them. */
export interface RelatedTables {
  /** In the schema's order. */
  readonly tables: readonly RelatedTable[];
  /** With rows of its parent come the child's that refer to them: only from what was chosen, and from what came so. */
  readonly down: readonly TableLink[];
  /** With rows of its child, whatever brought them, come the parent's that they refer to. */
  readonly up: readonly TableLink[];
}

/**
 * Follows foreign keys both ways. What references chosen rows belongs to them, and what references that, and so on.
 * Rows that any of these reference must come too, or the references would dangle; but rows that come only because
 * they are referenced do not bring what references them: one order's product would else bring all other orders of it,
 * their customers, and soon the whole database.
 */
export function followForeignKeys(
  tables: readonly Table[],
  chosen: ReadonlySet<string>,
  excluded: ReadonlySet<string> = new Set(),
): RelatedTables {
  const links = linksOf(tables);
  const down = grow(
    chosen,
    links,
    ({ parent }) => parent,
    ({ child }) => child,
    excluded,
  );
  const all = grow(
    down.reached,
    links,
    ({ child }) => child,
    ({ parent }) => parent,
  );
  const taken = tables.filter(({ name }) => all.reached.has(tableKey(name)));
  return {
    tables: taken.map((table) => ({
      table,
      chosen: chosen.has(tableKey(table.name)),
      reasons: reasonsFor(table, down.links, all.links),
    })),
    down: down.links,
    up: all.links,
  };
}

/** For people: `referenced by orders.customer_id`, `references customers (customer_id)`. */
export function describeReason({ relation, table, columns }: RelatedReason): string {
  const name = formatTableName(table);
  const [column = ''] = columns;
  if (relation === 'references') return `references ${name} (${columns.join(', ')})`;
  return columns.length === 1
    ? `referenced by ${name}.${column}`
    : `referenced by ${name} (${columns.join(', ')})`;
}

/** Why a table's rows came, as one text: `references customers (customer_id), referenced by lines.order_id`. */
export function describeReasons(reasons: readonly RelatedReason[]): string {
  return reasons.map(describeReason).join(', ');
}

/** The columns that a foreign key refers to; the primary key's where it names none. */
export function referencedColumns({ parent, foreignKey }: TableLink): readonly string[] {
  const { referencedColumns: named } = foreignKey;
  return named.length > 0 ? named : (parent.primaryKey?.columns ?? []);
}

function linksOf(tables: readonly Table[]): TableLink[] {
  const find = new Map(
    tables.filter(({ holdsRows }) => holdsRows).map((table) => [tableKey(table.name), table]),
  );
  return [...find.values()].flatMap((child) =>
    child.foreignKeys.flatMap((foreignKey) => {
      const parent = find.get(tableKey(foreignKey.references));
      if (!parent) return [];
      const link = { child, parent, foreignKey };
      // SQLite takes declarations that fit nothing.
      const columns = referencedColumns(link);
      const fits =
        columns.length === foreignKey.columns.length &&
        columns.every((name) => parent.columns.some((column) => column.name === name));
      return fits ? [link] : [];
    }),
  );
}

/** All that is reached from a start by links, and the links that lead out of it. */
function grow(
  start: ReadonlySet<string>,
  links: readonly TableLink[],
  from: (link: TableLink) => Table,
  to: (link: TableLink) => Table,
  closed: ReadonlySet<string> = new Set(),
): { reached: ReadonlySet<string>; links: TableLink[] } {
  const open = links.filter((link) => !closed.has(tableKey(to(link).name)));
  const outOf = Map.groupBy(open, (link) => tableKey(from(link).name));
  const reached = new Set(start);
  for (const key of reached) for (const link of outOf.get(key) ?? []) reached.add(tableKey(to(link).name));
  return { reached, links: open.filter((link) => reached.has(tableKey(from(link).name))) };
}

function reasonsFor(table: Table, down: readonly TableLink[], up: readonly TableLink[]): RelatedReason[] {
  return [
    ...down
      .filter(({ child }) => child === table)
      .map(({ parent, foreignKey: { columns } }) => ({
        relation: 'references' as const,
        table: parent.name,
        columns,
      })),
    ...up
      .filter(({ parent }) => parent === table)
      .map(({ child, foreignKey: { columns } }) => ({
        relation: 'referenced by' as const,
        table: child.name,
        columns,
      })),
  ];
}
