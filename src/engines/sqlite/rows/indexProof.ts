import { affinityOf } from '../schema/affinity.ts';
import { sameName } from '../connect/identifiers.ts';
import type { CatalogIndex, CatalogTable } from '../schema/catalog.ts';
import { walkBtree } from '../fileFormat/btree.ts';
import { KeySum } from '../fileFormat/keySum.ts';
import { type PageFile, UnclearFile } from '../fileFormat/pages.ts';
import { compareIntegers, compareKeys, type Place, RecordKey, valueKind } from '../fileFormat/recordKey.ts';

/** The first page of each table and index, by name. */
export type RootPages = ReadonlyMap<string, number>;

/** Additional checks. */
export interface ProofOptions {
  /** The entries have to be in order too. */
  readonly ordered?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What a file proves about a table. */
export interface Proof {
  /** The names of those of its indexes that have one entry for each row, with its very values, and no two equal ones if unique. */
  readonly indexes: ReadonlySet<string>;
  /** Its rows are in the order of their rowids. */
  readonly rowsInOrder: boolean;
}

export const nothingProven: Proof = { indexes: new Set(), rowsInOrder: false };

/**
 * Read from the file, in the order of its pages, this takes a fraction of the time that SQLite takes to look each row up. Of
 * what is not in the proof nothing is said. Throws `cancelled`, errors of the file system.
 */
export async function prove(
  file: PageFile,
  table: CatalogTable,
  indexes: readonly CatalogIndex[],
  roots: RootPages,
  options: ProofOptions = {},
): Promise<Proof> {
  const proven = new Set<string>();
  let rowsInOrder = false;
  try {
    const columns = indexedColumns(table, indexes);
    const rows = await sumRows(file, columns, indexes, rootOf(roots, table.name), options);
    rowsInOrder = true;
    for (const [place, index] of indexes.entries()) {
      const entries = await sumEntries(file, columns, index, rootOf(roots, index.name), options);
      if (entries?.equals(rows[place]!)) proven.add(index.name);
    }
  } catch (error) {
    if (!(error instanceof UnclearFile)) throw error;
  }
  return { indexes: proven, rowsInOrder };
}

/** From one rowid to the next. */
class Ascent {
  #high = -0x8000_0000;
  #low = 0;
  #begun = false;

  /** Throws `UnclearFile` unless it is larger than the last one. */
  to(high: number, low: number): void {
    if (this.#begun && (high < this.#high || (high === this.#high && low >>> 0 <= this.#low)))
      throw new UnclearFile();
    this.#begun = true;
    this.#high = high;
    this.#low = low >>> 0;
  }
}

interface IndexedColumn extends Place {
  readonly name: string;
  readonly isRowid: boolean;
}

/** Throws `UnclearFile` if there is a generated column between them: it may have no place in a record. */
function indexedColumns(table: CatalogTable, indexes: readonly CatalogIndex[]): IndexedColumn[] {
  if (table.columns.some(({ generated }) => generated)) throw new UnclearFile();
  const used = (name: string): boolean =>
    indexes.some(({ terms }) => terms.some(({ column }) => column !== undefined && sameName(column, name)));
  return table.columns.flatMap(({ name, type, default: value }, position) =>
    used(name)
      ? {
          name,
          position,
          real: affinityOf(type) === 'real',
          absent: value === undefined ? ('null' as const) : ('unclear' as const),
          isRowid: table.rowidColumn !== undefined && sameName(table.rowidColumn, name),
        }
      : [],
  );
}

function rootOf(roots: RootPages, name: string): number {
  const root = roots.get(name);
  if (root === undefined) throw new UnclearFile();
  return root;
}

/** Which of the columns the terms of an index are. */
function slotsOf(columns: readonly IndexedColumn[], { terms }: CatalogIndex): number[] {
  return terms.map(({ column }) => columns.findIndex(({ name }) => sameName(name, column ?? '')));
}

async function sumRows(
  file: PageFile,
  columns: readonly IndexedColumn[],
  indexes: readonly CatalogIndex[],
  root: number,
  { signal }: ProofOptions,
): Promise<KeySum[]> {
  const key = new RecordKey(columns);
  const rowid = columns.findIndex(({ isRowid }) => isRowid);
  const ascend = new Ascent();
  const wanted = indexes.map((index) => ({
    sum: new KeySum(index.terms.length),
    slots: slotsOf(columns, index),
  }));
  await walkBtree(
    file,
    root,
    'table',
    (bytes, at, end, high, low) => {
      ascend.to(high, low);
      key.read(bytes, at, end);
      if (rowid >= 0) key.setInteger(rowid, high, low);
      for (const { sum, slots } of wanted) sum.add(key, slots, high, low);
    },
    signal,
  );
  return wanted.map(({ sum }) => sum);
}

/** Undefined where a unique index is not sure to have no equal entries, or one that has to be in order, to be so. */
async function sumEntries(
  file: PageFile,
  columns: readonly IndexedColumn[],
  { unique, terms }: CatalogIndex,
  root: number,
  { ordered = false, signal }: ProofOptions,
): Promise<KeySum | undefined> {
  const compares = unique || ordered;
  // For other collations, only SQLite knows which values are equal.
  if (compares && terms.some(({ collation }) => collation !== 'BINARY')) return undefined;
  const count = terms.length;
  const places: Place[] = slotsOf(columns, { terms } as CatalogIndex).map((slot, position) => ({
    position,
    real: columns[slot]!.real,
    absent: 'unclear',
  }));
  // An entry ends with the rowid.
  places.push({ position: count, real: false, absent: 'unclear' });
  const slots = terms.map((_, slot) => slot);
  const descending = terms.map((term) => term.descending);
  const sum = new KeySum(count);
  let [key, previous] = [new RecordKey(places), new RecordKey(places)];
  let isFirst = true;
  await walkBtree(
    file,
    root,
    'index',
    (bytes, at, end) => {
      if (!key.read(bytes, at, end) || key.kinds[count] !== valueKind.integer) throw new UnclearFile();
      if (compares) {
        if (!isFirst) refuseDisorder(previous, key, descending, { unique, ordered });
        isFirst = false;
        [key, previous] = [previous, key];
      }
      const read = compares ? previous : key;
      sum.add(read, slots, read.high[count]!, read.low[count]!);
    },
    signal,
  );
  return sum;
}

/**
 * Equal entries are adjacent if the index is in order, and are in the order of their rowids; NULL equals
 * nothing.
 */
function refuseDisorder(
  previous: RecordKey,
  key: RecordKey,
  descending: readonly boolean[],
  { unique, ordered }: { readonly unique: boolean; readonly ordered: boolean },
): void {
  const order = compareKeys(previous, key, descending);
  if (order < 0) return;
  const { length } = descending;
  const mayBeEqual = !unique || key.kinds.subarray(0, length).includes(valueKind.null);
  if (order > 0 || !mayBeEqual || (ordered && compareIntegers(previous, key, length) >= 0))
    throw new UnclearFile();
}
