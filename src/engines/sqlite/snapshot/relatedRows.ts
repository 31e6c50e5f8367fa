import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName, tableKey } from '../../../core/names.ts';
import type { TableLink } from '../../../core/related.ts';
import type { RelatedLinks, TableSelection } from '../../engine.ts';
import { type LinkEnd, othersAlias, type Refers, rowsAlias, TableRelations } from '../../tableRelations.ts';
import { compileQuery, tableModel } from '../../tableModel.ts';
import { type CatalogTable, findTable } from '../schema/catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { isSqliteError } from '../connect/errors.ts';
import { quote, quoteTable } from '../connect/identifiers.ts';
import { wrongCondition } from '../schema/sqlText.ts';

/**
 * As SQLite compares the two ends of a foreign key: with the collation and the affinity of the parent's column, which
 * the plus sign takes from the child's. The parent's key has an index, so the parent is always the one looked up.
 */
const refers: Refers = (parent, child) => `${parent} = +${child}`;

/** A table some of whose rows are chosen, with the temporary table that tells which. */
interface Chosen {
  readonly table: CatalogTable;
  readonly row: readonly string[];
  readonly temporary: string;
}

/**
 * The rows related to the chosen ones, in temporary tables of their rowids (or keys), which SQLite keeps in a file when
 * they grow. They are found in rounds: each follows the foreign keys from the rows that the last one found, until there
 * are no new ones.
 */
export class RelatedRows {
  readonly #connection: Connection;
  readonly #relations: TableRelations;
  readonly #chosen: ReadonlyMap<string, Chosen>;
  readonly #signal: AbortSignal | undefined;
  #round = 0;

  private constructor(
    connection: Connection,
    relations: TableRelations,
    chosen: ReadonlyMap<string, Chosen>,
    signal: AbortSignal | undefined,
  ) {
    this.#connection = connection;
    this.#relations = relations;
    this.#chosen = chosen;
    this.#signal = signal;
  }

  /** To be called inside a transaction, with conditions that are checked. Throws `usage` for one that SQLite refuses. */
  static async find(
    connection: Connection,
    catalog: readonly CatalogTable[],
    selection: readonly TableSelection[],
    links: RelatedLinks,
    signal?: AbortSignal,
  ): Promise<RelatedRows> {
    const chosen = new Map<string, Chosen>();
    const sources = selection.map(({ table: { name }, where, related }) => {
      const table = findTable(catalog, name.name);
      if (!table) throw new Error(`The snapshot has no table ${formatTableName(name)}`);
      const whole = where === undefined && related !== true;
      const row = rowOf(table, whole);
      const temporary = `temp.${quote(`restore_point_related_${chosen.size}`)}`;
      if (!whole) chosen.set(tableKey(name), { table, row, temporary });
      return { table: name, from: quoteTable('main', table.name), row, quote };
    });
    const relations = new TableRelations(connection.knex, sources, [...links.down, ...links.up]);
    const rows = new RelatedRows(connection, relations, chosen, signal);
    for (const one of chosen.values()) await rows.#create(one);
    for (const { table, where } of selection) if (where !== undefined) await rows.#start(table.name, where);
    await rows.#follow(links.down, 'child');
    await rows.#follow(links.up, 'parent');
    return rows;
  }

  /** The condition that finds a table's rows; undefined where all are taken. */
  condition({ table }: TableSelection): string | undefined {
    const chosen = this.#chosen.get(tableKey(table.name));
    if (!chosen) return undefined;
    const own = chosen.row.map((column) => `${quote(chosen.table.name)}.${column}`).join(', ');
    const names = chosen.row.map((_, place) => `row${place}`).join(', ');
    return `(${own}) IN (SELECT ${names} FROM ${chosen.temporary})`;
  }

  async #create({ row, temporary }: Chosen): Promise<void> {
    const names = row.map((_, place) => `row${place}`).join(', ');
    const sql = `CREATE TABLE ${temporary} (${names}, round INTEGER, PRIMARY KEY (${names})) WITHOUT ROWID`;
    await this.#connection.run(sql, [], this.#signal);
  }

  async #start(name: TableSelection['table']['name'], where: string): Promise<void> {
    const { table, row, temporary } = this.#chosen.get(tableKey(name))!;
    const model = tableModel(this.#connection.knex, {
      from: quoteTable('main', table.name),
      columns: [...row.map((column) => `${quote(table.name)}.${column}`), '0'],
    });
    const { sql } = compileQuery(model.rows(where));
    try {
      await this.#connection.run(`INSERT OR IGNORE INTO ${temporary} ${sql}`, [], this.#signal);
    } catch (error) {
      throw isSqliteError(error, 'SQLITE_ERROR') ? wrongCondition(where, error) : error;
    }
  }

  /** Follows links to their end `to`: first from all rows that there are, then from those that were new. */
  async #follow(links: readonly TableLink[], to: LinkEnd): Promise<void> {
    const from = to === 'child' ? 'parent' : 'child';
    const open = links.filter((link) => this.#chosen.has(tableKey(link[to].name)));
    let grown: ReadonlySet<string> | undefined;
    do {
      this.#round += 1;
      const next = new Set<string>();
      for (const link of open) {
        if (grown && !grown.has(tableKey(link[from].name))) continue;
        if (await this.#take(link, to, grown !== undefined)) next.add(tableKey(link[to].name));
      }
      grown = next;
    } while (grown.size > 0);
  }

  /** Resolves to whether there was a row that is new. */
  async #take(link: TableLink, to: LinkEnd, lastRoundOnly: boolean): Promise<boolean> {
    const from = to === 'child' ? 'parent' : 'child';
    const target = this.#chosen.get(tableKey(link[to].name))!;
    const source = this.#chosen.get(tableKey(link[from].name));
    const rows = `${this.#relations.derived(link[to].name)} AS ${rowsAlias}`;
    const others = `${this.#relations.derived(link[from].name)} AS ${othersAlias}`;
    const known = source ? [`${source.temporary} AS known`] : [];
    // The parent's key has an index; what a condition on the child's would find in one is not exact.
    const order = to === 'child' ? [rows, others, ...known] : [...known, others, rows];
    const same = (source?.row ?? []).map((_, place) => `known.row${place} = ${othersAlias}."row${place}"`);
    const round = lastRoundOnly ? `= ${this.#round - 1}` : `< ${this.#round}`;
    const conditions = [
      this.#relations.on(link, to, refers),
      ...same,
      ...(source ? [`known.round ${round}`] : []),
    ];
    const names = this.#relations.rowNames(link[to].name).map((name) => `${rowsAlias}.${name}`);
    const found = await this.#connection.run(
      `INSERT OR IGNORE INTO ${target.temporary}
       SELECT ${names.join(', ')}, ${this.#round} FROM ${order.join(' CROSS JOIN ')} WHERE ${conditions.join(' AND ')}`,
      [],
      this.#signal,
    );
    return found > 0;
  }
}

/** The columns that identify a table's rows, quoted. Throws `refused` if there are none. */
function rowOf(table: CatalogTable, whole: boolean): string[] {
  if (table.rowidName !== undefined) return [quote(table.rowidName)];
  if (table.withoutRowid) return table.primaryKey.map(quote);
  if (whole) return [];
  throw new RestorePointError('refused', 'Its columns hide the rowid, so its rows cannot be identified', {
    place: { table: table.name },
    next: 'Back up all of its rows: choose the table without a condition.',
  });
}
