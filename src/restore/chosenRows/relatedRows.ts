import { createHash } from 'node:crypto';
import type { Archive } from '../../archive/archiveReader.ts';
import type { ChosenRow } from '../../core/chosenRows.ts';
import type { Manifest } from '../../core/manifest.ts';
import { tableKey, type TableName } from '../../core/names.ts';
import {
  followForeignKeys,
  referencedColumns,
  type RelatedReason,
  type TableLink,
} from '../../core/related.ts';
import { valueAsJson } from '../../core/rowLines.ts';
import type { DatabaseSchema } from '../../core/schema.ts';
import type { Row, Value } from '../../core/values.ts';
import type { Session } from '../../engines/engine.ts';
import type { ChosenRows } from './chosenRows.ts';
import type { RowsTable } from './chosenTables.ts';
import { differences, type ReadingOptions } from './readRows.ts';
import { RowSpool } from './rowSpool.ts';

/** A row that came with others. */
export interface RelatedRow {
  readonly table: RowsTable;
  readonly row: Row;
  readonly reason: RelatedReason;
}

/** A foreign key by which rows bring others, with the places of its columns in the rows that travel. */
interface Link {
  readonly from: RowsTable;
  readonly to: RowsTable;
  readonly fromPlaces: readonly number[];
  readonly toPlaces: readonly number[];
  readonly reason: RelatedReason;
}

/** A row that only the backup has: the values of foreign keys alone, in their places. */
interface Candidate {
  readonly table: RowsTable;
  readonly row: Row;
  /** Why it comes. */
  reason?: RelatedReason;
}

type FindTable = (name: TableName) => RowsTable | undefined;

/**
 * Chooses what belongs to chosen rows that come back, and is gone from the database too: the rows that they reference, the
 * rows that reference them, and so on, by the foreign keys of the database. As with a backup, rows that come only because
 * they are referenced bring no others that reference them.
 */
export async function chooseRelated(
  chosen: ChosenRows,
  archive: Archive,
  schema: DatabaseSchema,
  session: Session,
  tableOf: FindTable,
  options: ReadingOptions,
): Promise<readonly RelatedRow[]> {
  const starts = new Set(chosen.tables.map(({ target }) => tableKey(target)));
  const { down, up } = linksFrom(archive.manifest, schema, starts, tableOf);
  const links = [...down, ...up];
  if (links.length === 0) return [];
  const candidates = new Candidates(links);
  try {
    for await (const { table, row } of differences(candidates.tables, archive, session, options)) {
      const of = tableOf(table);
      if (of && row.kind === 'onlyInFirst') await candidates.add(of, row.first);
    }
    const found: Candidate[] = [];
    for await (const start of rowsOf(chosen, tableOf, ({ seen }) => !seen))
      candidates.follow(start, down, found);
    const referencing = found.slice();
    for await (const start of rowsOf(chosen, tableOf)) candidates.follow(start, up, found);
    for (const start of referencing) candidates.follow(start, up, found);
    const related: RelatedRow[] = [];
    for await (const { table, row, reason } of candidates.chosen()) {
      if (await chosen.chooseToo(chosen.table(table.name), { wanted: row }))
        related.push({ table, row, reason });
    }
    return related;
  } finally {
    await candidates.close();
  }
}

async function* rowsOf(
  chosen: ChosenRows,
  tableOf: FindTable,
  isStart: (row: ChosenRow) => boolean = () => true,
): AsyncGenerator<Candidate> {
  for (const table of chosen.tables) {
    const of = tableOf(table.name);
    if (!of) continue;
    for await (const page of chosen.rowsOf(table))
      for (const row of page) if (row.wanted && isStart(row)) yield { table: of, row: row.wanted };
  }
}

function linksFrom(
  { tables }: Manifest,
  schema: DatabaseSchema,
  starts: ReadonlySet<string>,
  tableOf: FindTable,
): { readonly down: readonly Link[]; readonly up: readonly Link[] } {
  const { down, up } = followForeignKeys(schema.tables, starts);
  const byTarget = new Map(
    tables.flatMap(({ table }) => {
      const found = tableOf(table.name);
      return found ? [[tableKey(found.target), found] as const] : [];
    }),
  );
  const link = (of: TableLink, from: 'parent' | 'child'): Link[] => {
    const child = byTarget.get(tableKey(of.child.name));
    const parent = byTarget.get(tableKey(of.parent.name));
    if (!child || !parent) return [];
    const [childPlaces, parentPlaces] = [
      places(child, of.foreignKey.columns),
      places(parent, referencedColumns(of)),
    ];
    if (!childPlaces || !parentPlaces) return [];
    const { columns } = of.foreignKey;
    return from === 'parent'
      ? [
          {
            from: parent,
            to: child,
            fromPlaces: parentPlaces,
            toPlaces: childPlaces,
            reason: { relation: 'references', table: parent.target, columns },
          },
        ]
      : [
          {
            from: child,
            to: parent,
            fromPlaces: childPlaces,
            toPlaces: parentPlaces,
            reason: { relation: 'referenced by', table: child.target, columns },
          },
        ];
  };
  return {
    down: down.flatMap((of) => link(of, 'parent')),
    up: up.flatMap((of) => link(of, 'child')),
  };
}

function places({ columns }: RowsTable, names: readonly string[]): readonly number[] | undefined {
  const found = names.map((name) => columns.findIndex(({ second }) => second === name));
  return found.includes(-1) ? undefined : found;
}

/** The rows that only the backup has, in a spool, and in memory by the values with which foreign keys find them. */
class Candidates {
  readonly tables: readonly RowsTable[];
  readonly #places = new Map<
    RowsTable,
    { readonly keys: Map<string, readonly number[]>; readonly needed: Set<number> }
  >();
  readonly #byKey = new Map<string, Candidate[]>();
  readonly #all: ReadonlyMap<RowsTable, Candidate[]>;
  readonly #spool = new RowSpool();

  constructor(links: readonly Link[]) {
    this.tables = [...new Set(links.map(({ to }) => to))];
    this.#all = new Map(this.tables.map((table) => [table, []]));
    for (const table of this.tables) this.#places.set(table, { keys: new Map(), needed: new Set() });
    for (const { from, to, fromPlaces, toPlaces } of links) {
      const { keys, needed } = this.#places.get(to)!;
      keys.set(toPlaces.join(), toPlaces);
      for (const place of toPlaces) needed.add(place);
      for (const place of fromPlaces) this.#places.get(from)?.needed.add(place);
    }
  }

  async add(table: RowsTable, row: Row): Promise<void> {
    const { keys, needed } = this.#places.get(table)!;
    const candidate = { table, row: row.map((value, place) => (needed.has(place) ? value : null)) };
    this.#all.get(table)!.push(candidate);
    for (const places of keys.values()) {
      const key = this.#key(table, places, row, places);
      const others = key === undefined ? undefined : this.#byKey.get(key);
      if (others) others.push(candidate);
      else if (key !== undefined) this.#byKey.set(key, [candidate]);
    }
    await this.#spool.add(this.tables.indexOf(table), { wanted: row });
  }

  /** Adds to `found` what links lead to from here, each row once. */
  follow(start: Candidate, links: readonly Link[], found: Candidate[]): void {
    const open = [start];
    for (let next = open.pop(); next; next = open.pop()) {
      for (const link of links) {
        if (link.from !== next.table) continue;
        const key = this.#key(link.to, link.toPlaces, next.row, link.fromPlaces);
        for (const candidate of (key === undefined ? undefined : this.#byKey.get(key)) ?? []) {
          if (candidate.reason) continue;
          candidate.reason = link.reason;
          found.push(candidate);
          open.push(candidate);
        }
      }
    }
  }

  /** The rows that were found, with all of their values. */
  async *chosen(): AsyncGenerator<RelatedRow> {
    for (const [number, table] of this.tables.entries()) {
      const candidates = this.#all.get(table)!;
      let index = 0;
      for await (const page of this.#spool.rows(number)) {
        for (const { wanted: row } of page) {
          const { reason } = candidates[index++]!;
          if (reason) yield { table, row: row!, reason };
        }
      }
    }
  }

  async close(): Promise<void> {
    await this.#spool.close();
  }

  /** Undefined where a NULL references nothing. */
  #key(table: RowsTable, of: readonly number[], row: Row, places: readonly number[]): string | undefined {
    const values = places.map((place) => row[place] ?? null);
    if (values.includes(null)) return undefined;
    const text = JSON.stringify([this.tables.indexOf(table), of.join(), values.map(comparable)]);
    return createHash('sha256').update(text).digest().toString('latin1', 0, 16);
  }
}

/** Numbers match whatever their types are, and with any zeros at their ends. */
function comparable(value: Value): unknown {
  if (value === null || !('text' in value)) return valueAsJson(value);
  const { kind, text } = value;
  if (kind !== 'integer' && kind !== 'decimal' && kind !== 'float') return text;
  if (/[^-\d.]/.test(text)) return [text];
  const [whole = '', fraction = ''] = text.replace('-', '').split('.');
  const digits = [trimZeros(whole, 'start'), trimZeros(fraction, 'end')];
  return [text.startsWith('-') && digits.join('') !== '' ? '-' : '', ...digits];
}

function trimZeros(digits: string, where: 'start' | 'end'): string {
  let [from, to] = [0, digits.length];
  while (where === 'start' && from < to && digits[from] === '0') from++;
  while (where === 'end' && from < to && digits[to - 1] === '0') to--;
  return digits.slice(from, to);
}
