import type { ChosenRow, ChosenTable, NeededRow, WrittenRow } from '../../../core/chosenRows.ts';
import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName } from '../../../core/names.ts';
import type { Row } from '../../../core/values.ts';
import { type CatalogTable, hiddenRowid, uniqueKeyOver } from '../schema/catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { quoteList } from '../rows/copyRows.ts';
import { inWords, isSqliteError } from '../connect/errors.ts';
import { quote, quoteTable, sameName } from '../connect/identifiers.ts';
import { keyPlace, type RowPlace, rowidPlace } from '../rows/comparedTables.ts';
import { balanced, groupingOf, matchColumns, sameRow, targetAlias } from '../rows/rowComparison.ts';
import { checkCondition, wrongCondition } from '../schema/sqlText.ts';
import { createStaged, type StagedRows, type StagedTable } from './stagedRows.ts';
import { selectTypedRows } from '../rows/typedRows.ts';

/** What the temporary tables are called in statements; that with all chosen rows is `chosen`. */
export const [seenAlias, wantedAlias, nowAlias] = ['seen_row', 'wanted_row', 'now_row'];

/** How many rows a page has at most, and about how many bytes. */
const [pageRows, pageBytes] = [100, 1 << 20];

/** How many refused rows of a table keep their reason. */
export const mostReasons = 1000;

type Side = 'seen' | 'wanted' | 'now' | 'after';

/** A chosen row by its place, and what was found in its place. */
export interface ChosenPlace {
  readonly place: number;
  readonly has_seen: number;
  readonly has_wanted: number;
  readonly found: number;
  readonly state: string;
}

interface ChosenPage {
  readonly places: readonly ChosenPlace[];
  /** The values of one side; NULLs where it is not there. */
  readonly values: (side: Side) => Promise<readonly Row[]>;
}

/** Rows that cannot be written, and why, as far as it is remembered. */
export interface Refused {
  readonly places: number[];
  readonly reasons: Map<number, { readonly reason: string; readonly needs?: NeededRow }>;
}

/** The chosen rows of one table, in the transaction that writes them. */
export class ChosenInTable {
  readonly chosen: ChosenTable;
  readonly target: CatalogTable;
  readonly connection: Connection;
  readonly #staged: StagedRows;
  readonly signal: AbortSignal | undefined;
  /** One row for each place that is restored: `live` is its rowid, `found` whether it is there now. */
  readonly name: string;
  #now: StagedTable | undefined;
  /** The columns of the key with their collations; undefined if all values identify a row. */
  readonly key:
    { readonly columns: readonly string[]; readonly collations: ReadonlyMap<string, string> } | undefined;
  /** How rows of the table are found again. */
  readonly place: RowPlace;
  /** Some rows have a NULL in their key, which SQLite lets into primary keys: their values tell these apart. */
  #hasNullKeys = false;

  constructor(
    connection: Connection,
    chosen: ChosenTable,
    target: CatalogTable,
    staged: StagedRows,
    signal?: AbortSignal,
  ) {
    this.chosen = chosen;
    this.target = target;
    this.connection = connection;
    this.#staged = staged;
    this.signal = signal;
    this.name = staged.sides.name.replace('sides', 'chosen');
    const columns = chosen.key?.map((place) => chosen.columns[place]!) ?? [];
    const collations = columns.length === 0 ? undefined : uniqueKeyOver(target, columns);
    this.key = collations && { columns, collations };
    const place = rowidPlace({ table: target }) ?? (collations && keyPlace(collations));
    if (!place) {
      throw new RestorePointError('usage', 'Rows of this table cannot be chosen: nothing tells them apart', {
        place: { table: formatTableName(chosen.table.name) },
      });
    }
    this.place = place;
  }

  /** Compares each row with what is there now. Throws `usage` for the condition. */
  async check(): Promise<void> {
    const { place } = this.#staged.sides;
    const sides = `sides.${place}`;
    await this.run(
      `CREATE TABLE ${this.name} (place INTEGER PRIMARY KEY, has_seen, has_wanted, bytes, live, found, state)`,
    );
    this.#hasNullKeys = await this.#findNullKeys();
    const [target, meets] = [quoteTable('main', this.target.name), await this.#meets(sides)];
    const from = `${this.#staged.sides.name} AS sides ${this.join('seen', sides)} ${this.join('wanted', sides)}`;
    const key = this.key && matchColumns(this.key.columns, this.key.collations, targetAlias, seenAlias);
    const isThere = key ? `${key.found} IS NOT NULL` : 'FALSE';
    const isWhole = this.#isWhole(seenAlias);
    await this.run(
      `INSERT INTO ${this.name}
       SELECT ${sides}, sides.has_seen, sides.has_wanted, sides.bytes, iif(${isThere}, ${this.#rowid}, ${this.#freshRowid(sides)}),
         ${isThere}, ${this.#state(isThere)}
       FROM ${from} LEFT JOIN ${target} AS ${targetAlias} ON ${key?.condition ?? 'FALSE'}
       WHERE NOT (${isWhole} AND sides.has_seen) AND ${meets}`,
    );
    if (isWhole !== 'FALSE') await this.#findWhole(from, sides, meets);
    await this.#keepNow(sides);
  }

  #state(isThere: string): string {
    const same = (alias: string): string => sameRow(this.pair, targetAlias, alias);
    return `CASE WHEN sides.has_wanted AND ${isThere} AND ${same(wantedAlias)} THEN 'same'
      WHEN NOT sides.has_seen THEN iif(${isThere}, 'there', 'write')
      WHEN NOT ${isThere} THEN iif(sides.has_wanted, 'gone', 'same')
      WHEN ${same(seenAlias)} THEN 'write' ELSE 'changed' END`;
  }

  /** Rows that only all of their values tell apart: the n-th of those that are the same goes with the n-th there is. */
  async #findWhole(from: string, sides: string, meets: string): Promise<void> {
    const grouping = (alias: string): string[] =>
      groupingOf(this.chosen.columns.map((column) => `${alias}.${quote(column)}`));
    const names = grouping('').map((_, index) => `v${index}`);
    const named = (alias: string): string =>
      grouping(alias)
        .map((value, index) => `${value} AS ${names[index]}`)
        .join(', ');
    const nth = (order: string): string =>
      `row_number() OVER (PARTITION BY ${names.join(', ')} ORDER BY ${order}) AS nth`;
    const same = (a: string, b: string): string =>
      balanced(
        names.map((name) => `${a}.${name} IS ${b}.${name}`),
        'AND',
      );
    await this.run(
      `WITH going AS MATERIALIZED (SELECT *, ${nth('place')} FROM
          (SELECT ${sides} AS place, sides.has_seen, sides.has_wanted, sides.bytes, ${named(seenAlias)}
           FROM ${from} WHERE ${this.#isWhole(seenAlias)} AND sides.has_seen AND ${meets})),
        kinds AS MATERIALIZED (SELECT DISTINCT ${names.join(', ')} FROM going),
        there AS MATERIALIZED (SELECT *, ${nth('live')} FROM
          (SELECT found.* FROM (SELECT ${this.#rowid} AS live, ${named(targetAlias)}
             FROM ${quoteTable('main', this.target.name)} AS ${targetAlias}) AS found
           CROSS JOIN kinds ON ${same('kinds', 'found')}))
       INSERT INTO ${this.name}
       SELECT going.place, has_seen, has_wanted, bytes, there.live, there.live IS NOT NULL,
         iif(there.live IS NULL, iif(has_wanted, 'gone', 'same'), 'write')
       FROM going LEFT JOIN there ON there.nth = going.nth AND ${same('there', 'going')}`,
    );
  }

  /** Keeps all values of the rows that are there, also those of generated columns, to which foreign keys may point. */
  async #keepNow(sides: string): Promise<void> {
    const columns = this.target.columns.map(({ name }) => name);
    const now = await createStaged(this.connection, `now_${this.#staged.number}`, columns);
    this.#now = now;
    await this.run(
      `INSERT INTO ${now.name} (${quoteList(columns)})
       SELECT ${columns.map((column) => `+${targetAlias}.${quote(column)}`).join(', ')}
       FROM ${this.#staged.sides.name} AS sides ${this.join('seen', sides)}
       LEFT JOIN ${this.name} AS chosen ON chosen.place = ${sides}
       LEFT JOIN ${quoteTable('main', this.target.name)} AS ${targetAlias} ON chosen.found AND ${this.locate(seenAlias)}
       ORDER BY ${sides}`,
    );
  }

  /** A term that is true for the rows for which the condition holds, as it does for rows of the table itself. */
  async #meets(sides: string): Promise<string> {
    const { where, columns } = this.chosen;
    if (where === undefined) return 'TRUE';
    checkCondition(where);
    const [typed, met] = [this.name.replace('chosen', 'typed'), this.name.replace('chosen', 'met')];
    const [names, main] = [quoteList(columns), quoteTable('main', this.target.name)];
    const { name: wanted, place } = this.#staged.wanted;
    const numbered = `SELECT NULL AS restore_point_place, ${names} FROM ${main} WHERE FALSE`;
    // The copy has the types of the columns, and the selection of no row before it gives it their collations.
    await this.run(`CREATE TABLE ${typed} AS ${numbered}`);
    await this.run(`INSERT INTO ${typed} SELECT ${place}, ${names} FROM ${wanted}`);
    const all = `(${numbered} UNION ALL SELECT * FROM ${typed}) AS ${quote(this.target.name)}`;
    await this.run(
      `CREATE TABLE ${met} AS SELECT restore_point_place AS place FROM ${all} WHERE (${where}\n)`,
    ).catch((error: unknown) => {
      throw isSqliteError(error, 'SQLITE_ERROR') ? wrongCondition(where, error) : error;
    });
    await this.run(`DROP TABLE ${typed}`);
    return `${sides} IN (SELECT place FROM ${met})`;
  }

  /** How many rows are in each state. */
  async counts(): Promise<ReadonlyMap<string, number>> {
    const found = await this.connection.all<{ state: string; n: number }>(
      `SELECT state AS state, count(*) AS n FROM ${this.name} GROUP BY state`,
      [],
      this.signal,
    );
    return new Map(found.map(({ state, n }) => [state, n]));
  }

  /** Rows with conflicts that `overwrite` writes. */
  async overwrite(): Promise<void> {
    await this.run(`UPDATE ${this.name} SET state = 'write' WHERE state IN ('changed', 'gone', 'there')`);
  }

  async refuse(kind: string, places: readonly number[]): Promise<void> {
    const sql = `UPDATE ${this.name} SET state = ? WHERE place IN (SELECT value FROM temp.json_each(?))`;
    await this.connection.run(sql, [kind, JSON.stringify(places)], this.signal);
  }

  /** In their order. */
  async *pages(where: string): AsyncGenerator<ChosenPage> {
    const sizes = this.target.columns.map(({ name }) => `coalesce(octet_length(now_row.${quote(name)}), 0)`);
    for (let after = 0; ;) {
      const sql = `SELECT chosen.place AS place, chosen.has_seen AS has_seen, chosen.has_wanted AS has_wanted,
          chosen.found AS found, chosen.state AS state, chosen.bytes + 2 * ${balanced(sizes, '+')} AS bytes
        FROM ${this.name} AS chosen ${this.join('now')}
        WHERE (${where}) AND chosen.place > ? ORDER BY chosen.place LIMIT ${pageRows}`;
      const found = await this.#inWords(() =>
        this.connection.all<ChosenPlace & { bytes: number }>(sql, [after], this.signal),
      );
      if (found.length === 0) return;
      let sum = 0;
      const end = found.findIndex(({ bytes }) => (sum += bytes) > pageBytes);
      const places = end < 0 ? found : found.slice(0, Math.max(1, end));
      const range = [places[0]!.place, places.at(-1)!.place] as const;
      yield { places, values: (side) => this.#inWords(() => this.#values(side, where, range)) };
      after = range[1];
    }
  }

  async #values(side: Side, where: string, range: readonly [number, number]): Promise<readonly Row[]> {
    const { columns, otherColumns } = this.chosen;
    const asked = side === 'now' || side === 'after' ? [...columns, ...otherColumns] : columns;
    const alias = { seen: seenAlias, wanted: wantedAlias, now: nowAlias, after: targetAlias }[side];
    const target = quoteTable('main', this.target.name);
    const from =
      side === 'after'
        ? `${this.join('wanted')} LEFT JOIN ${target} AS ${targetAlias} ON ${this.locate(wantedAlias)}`
        : this.join(side);
    const select = {
      schema: 'main',
      values: asked.map((column) => `${alias}.${quote(column)}`),
      from: `${this.name} AS chosen ${from}
        WHERE (${where}) AND chosen.place BETWEEN ? AND ? ORDER BY chosen.place`,
      bindings: [...range],
    };
    return (await selectTypedRows(this.connection, select, this.signal)).rows;
  }

  get pair(): Parameters<typeof sameRow>[0] {
    // What is staged may be no integer where the table has its rowid.
    const { rowidColumn: _, ...staged } = this.target;
    return { plan: { columns: this.chosen.columns }, target: this.target, backup: staged };
  }

  /** An SQL condition for staged rows that only all of their values identify. */
  #isWhole(alias: string): string {
    if (!this.key) return 'TRUE';
    if (!this.#hasNullKeys) return 'FALSE';
    return `(${this.key.columns.map((column) => `${alias}.${quote(column)} IS NULL`).join(' OR ')})`;
  }

  async #findNullKeys(): Promise<boolean> {
    if (!this.key || this.target.rowidName === undefined) return false;
    const isNull = this.key.columns.map((column) => `${quote(column)} IS NULL`).join(' OR ');
    const sql = `SELECT 1 AS found FROM ${this.#staged.seen.name} WHERE ${isNull} LIMIT 1`;
    return (await this.connection.get(sql, [], this.signal)) !== undefined;
  }

  /** The row of the table for a staged one, which this alias has. */
  locate(alias: string): string {
    const byRowid = `${this.#rowid} = chosen.live`;
    if (!this.key) return byRowid;
    const byKey = matchColumns(this.key.columns, this.key.collations, targetAlias, alias).condition;
    if (!this.#hasNullKeys) return byKey;
    return `((${byKey}) OR (${this.#isWhole(alias)} AND ${byRowid}))`;
  }

  /** What a row that comes gets as its rowid, so that it can be found: greater than all others, where that is possible. */
  #freshRowid(place: string): string {
    const hidden = hiddenRowid(this.target);
    const { rowidColumn } = this.target;
    if (hidden === undefined) {
      const isChosen = this.chosen.columns.some((column) => sameName(column, rowidColumn ?? ''));
      return isChosen ? `wanted_row.${quote(rowidColumn ?? '')}` : 'NULL';
    }
    const [first, last] = [`coalesce(min(${quote(hidden)}), 0)`, `coalesce(max(${quote(hidden)}), 0)`];
    const before = `iif(${last} < ${2n ** 62n}, ${last}, ${first} - ${this.#staged.count} - 1)`;
    return `(SELECT ${before} FROM ${quoteTable('main', this.target.name)}) + ${place}`;
  }

  get #rowid(): string {
    const { rowidName } = this.target;
    return rowidName === undefined ? 'NULL' : `${targetAlias}.${quote(rowidName)}`;
  }

  /** Joins the rows of one side. `place`: what numbers the rows so far. */
  join(side: 'seen' | 'wanted' | 'now', place = `chosen.place`): string {
    const table = side === 'now' ? this.#now! : this.#staged[side];
    const alias = { seen: seenAlias, wanted: wantedAlias, now: nowAlias }[side];
    return `CROSS JOIN ${table.name} AS ${alias} ON ${alias}.${table.place} = ${place}`;
  }

  async places(sql: string): Promise<number[]> {
    // One text of all numbers takes less memory than a row for each.
    const found = await this.connection.get<{ places: string }>(
      `SELECT json_group_array(place) AS places FROM (${sql})`,
      [],
      this.signal,
    );
    return JSON.parse(found?.places ?? '[]') as number[];
  }

  #inWords<Result>(work: () => Promise<Result>): Promise<Result> {
    return inWords('database', { table: formatTableName(this.chosen.table.name) }, work);
  }

  run(sql: string): Promise<number> {
    return this.connection.run(sql, [], this.signal);
  }
}

/** Which rows are written, in a statement with all chosen ones. */
export const written = `chosen.state = 'write'`;

/** The chosen rows of a page as they were given. */
export async function chosenRows({ places, values }: ChosenPage): Promise<ChosenRow[]> {
  const [seen, wanted] = [await values('seen'), await values('wanted')];
  return places.map(({ has_seen, has_wanted }, index) => ({
    ...(has_seen ? { seen: seen[index]! } : {}),
    ...(has_wanted ? { wanted: wanted[index]! } : {}),
  }));
}

/** The rows of a page as they were, and as they are now that they are written. */
export async function writtenRows({ places, values }: ChosenPage): Promise<WrittenRow[]> {
  const [before, after] = [await values('now'), await values('after')];
  return places.map(({ found, has_wanted }, index) => ({
    ...(found ? { before: before[index]! } : {}),
    ...(has_wanted ? { after: after[index]! } : {}),
  }));
}
