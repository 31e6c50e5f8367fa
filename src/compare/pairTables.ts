import type { ComparedColumn, ComparedTable } from '../core/differences.ts';
import { RestorePointError } from '../core/errors.ts';
import { type BackedUpTable, holdsAllRows } from '../core/manifest.ts';
import { formatTableName, nameMatches, tableKey, type TableName, type TablePattern } from '../core/names.ts';
import { dataColumns, type Key, type Sequence, type Table } from '../core/schema.ts';

/** The facts about a side that are needed to pair it with the other. */
export interface SideContent {
  readonly tables: readonly SideTable[];
  /** It has all tables of its database: one that is not there is missing. */
  readonly complete: boolean;
  /** Its tables have no rows to compare. */
  readonly withoutRows: boolean;
  readonly sequences: readonly Sequence[];
  /** See `Table.opaque`. */
  readonly opaque: readonly TableName[];
}

export interface SideTable {
  readonly table: Table;
  /** Present if the side is a backup. */
  readonly backup?: BackedUpTable;
}

export interface TableChoice {
  /** Names or patterns of the user. */
  readonly tables?: readonly TablePattern[];
  readonly exclude?: readonly TablePattern[];
}

/** A table that both sides have. */
export interface PairedTable {
  /** Its name on the first side. */
  readonly name: TableName;
  readonly columnsOnlyInFirst: readonly string[];
  readonly columnsOnlyInSecond: readonly string[];
  /** Absent where no rows are compared. */
  readonly compared?: ComparedTable;
}

export interface Pairing {
  readonly tables: readonly PairedTable[];
  readonly onlyInFirst: readonly TableName[];
  readonly onlyInSecond: readonly TableName[];
  readonly sequences: readonly SequenceDifference[];
  /** The parts that are not compared, with the reasons, as sentences. */
  readonly notes: readonly string[];
}

/** A counter that is not equally far on both sides. */
export interface SequenceDifference {
  readonly name: TableName;
  /** Absent where the side has none. */
  readonly first?: SequencePosition;
  readonly second?: SequencePosition;
}

export type SequencePosition = Pick<Sequence, 'lastValue' | 'isCalled'>;

/** Names that `fold` makes equal are one name. Throws `usage` for a name that no table of either side has. */
export function pairSides(
  first: SideContent,
  second: SideContent,
  choice: TableChoice,
  fold: (name: string) => string,
): Pairing {
  const names: Names = {
    ofTable: ({ schema, name }) =>
      tableKey({ ...(schema === undefined ? {} : { schema: fold(schema) }), name: fold(name) }),
    of: fold,
  };
  const all = [first, second].flatMap(({ tables, opaque }) => [
    ...tables.map(({ table }) => table.name),
    ...opaque,
  ]);
  const chosen = chooser(all, choice);
  const ofSide = ({ tables }: SideContent): SideTable[] =>
    tables.filter(({ table }) => table.holdsRows && chosen(table.name));
  const left = new Map(ofSide(second).map((side) => [names.ofTable(side.table.name), side]));
  const opaque = new Map([...first.opaque, ...second.opaque].map((name) => [names.ofTable(name), name]));
  const notes = [...opaque.values()]
    .filter(chosen)
    .map(
      (name) =>
        `${formatTableName(name)} is not compared: only a module of the database understands its rows`,
    );
  const tables: PairedTable[] = [];
  const onlyInFirst: TableName[] = [];
  const rows = !first.withoutRows && !second.withoutRows;
  for (const side of ofSide(first)) {
    const key = names.ofTable(side.table.name);
    const other = left.get(key);
    left.delete(key);
    if (other) {
      const paired = pairTable(side, other, names, rows);
      if (rows) notes.push(...pairNotes(side, other, paired));
      tables.push(paired);
    } else onlyInFirst.push(side.table.name);
  }
  const onlyInSecond = [...left.values()].map(({ table }) => table.name);
  const paired = new Set(tables.map(({ name }) => names.ofTable(name)));
  if (!rows)
    notes.push(`The ${first.withoutRows ? 'first' : 'second'} side has no rows: no rows are compared`);
  notes.push(...partNotes('second', second, onlyInFirst), ...partNotes('first', first, onlyInSecond));
  return {
    tables,
    onlyInFirst: second.complete ? onlyInFirst : [],
    onlyInSecond: first.complete ? onlyInSecond : [],
    sequences: rows ? pairSequences(first, second, names, paired) : [],
    notes,
  };
}

/** A partial backup does not say which other tables its database had. */
function partNotes(
  which: 'first' | 'second',
  { complete }: SideContent,
  missing: readonly TableName[],
): string[] {
  if (complete || missing.length === 0) return [];
  const list = missing.map(formatTableName).join(', ');
  return [`The ${which} side is a partial backup without ${list}: not compared`];
}

function pairNotes(first: SideTable, second: SideTable, { name, compared }: PairedTable): string[] {
  const table = formatTableName(name);
  const excluded = [first, second].findIndex(({ backup }) => backup?.rowsExcluded);
  if (excluded >= 0) {
    const side = excluded === 0 ? 'first' : 'second';
    return [`${table}: the ${side} side is a backup without its rows: no rows are compared`];
  }
  if (!compared) return [`${table}: the two sides have no columns in common: no rows are compared`];
  const of = ({ backup }: SideTable, which: string, other: string): string[] => {
    if (!backup || holdsAllRows(backup)) return [];
    const lost = backup.lostRows === undefined ? '' : ' (others were lost because the file was damaged)';
    const condition = backup.where === undefined ? '' : ` (where ${backup.where})`;
    return [
      `${table}: the ${which} side has only some of its rows${condition}${lost}; rows that only the ${other} side has are not compared`,
    ];
  };
  return [...of(first, 'first', 'second'), ...of(second, 'second', 'first')];
}

function pairTable(first: SideTable, second: SideTable, names: Names, rows: boolean): PairedTable {
  const [ofFirst, ofSecond] = [first, second].map(columnsOf);
  const left = new Map(ofSecond!.map((name) => [names.of(name), name]));
  const columns: ComparedColumn[] = [];
  const columnsOnlyInFirst: string[] = [];
  for (const name of ofFirst!) {
    const other = left.get(names.of(name));
    left.delete(names.of(name));
    if (other === undefined) columnsOnlyInFirst.push(name);
    else columns.push({ first: name, second: other });
  }
  const key = commonKey(first.table, second.table, columns, names);
  const partial = (
    [
      ['first', first],
      ['second', second],
    ] as const
  ).flatMap(([side, { backup }]) => (backup && !holdsAllRows(backup) ? [side] : []));
  const excluded = [first, second].some(({ backup }) => backup?.rowsExcluded);
  const compared: ComparedTable = {
    first: first.table,
    second: second.table,
    columns,
    ...(key ? { key } : {}),
    ...(partial.length > 0 ? { partial } : {}),
  };
  return {
    name: first.table.name,
    columnsOnlyInFirst,
    columnsOnlyInSecond: [...left.values()],
    ...(rows && !excluded && columns.length > 0 ? { compared } : {}),
  };
}

function columnsOf({ table, backup }: SideTable): readonly string[] {
  return backup?.columns ?? dataColumns(table).map(({ name }) => name);
}

/** Places of the columns of a key that both tables have: the first one's primary key before all others. */
function commonKey(
  first: Table,
  second: Table,
  columns: readonly ComparedColumn[],
  names: Names,
): readonly number[] | undefined {
  const text = (key: Key): string => JSON.stringify(key.columns.map(names.of).sort());
  const others = new Set(keysOf(second).map(text));
  for (const key of keysOf(first)) {
    if (!others.has(text(key))) continue;
    const places = key.columns.map((name) =>
      columns.findIndex((column) => names.of(column.first) === names.of(name)),
    );
    if (!places.includes(-1)) return places;
  }
  return undefined;
}

function keysOf({ primaryKey, uniqueKeys }: Table): Key[] {
  return [...(primaryKey ? [primaryKey] : []), ...uniqueKeys].filter(
    ({ notNull, columns }) => notNull && columns.length > 0,
  );
}

/** The counters of compared tables, and counters without a table. */
function pairSequences(
  first: SideContent,
  second: SideContent,
  names: Names,
  paired: ReadonlySet<string>,
): SequenceDifference[] {
  const of = (side: SideContent): Map<string, Sequence> =>
    new Map(
      side.sequences
        .filter(({ table }) => (table ? paired.has(names.ofTable(table)) : first.complete && second.complete))
        .map((sequence) => [names.ofTable(sequence.name), sequence]),
    );
  const [firsts, seconds] = [of(first), of(second)];
  return [...new Set([...firsts.keys(), ...seconds.keys()])].flatMap((key) => {
    const [a, b] = [firsts.get(key), seconds.get(key)];
    if (a?.lastValue === b?.lastValue && a?.isCalled === b?.isCalled) return [];
    const position = ({ lastValue, isCalled }: Sequence): SequencePosition => ({ lastValue, isCalled });
    const { name } = a ?? b!;
    return [{ name, ...(a ? { first: position(a) } : {}), ...(b ? { second: position(b) } : {}) }];
  });
}

interface Names {
  readonly ofTable: (name: TableName) => string;
  readonly of: (name: string) => string;
}

/** Throws `usage`. */
function chooser(
  all: readonly TableName[],
  { tables, exclude = [] }: TableChoice,
): (name: TableName) => boolean {
  for (const pattern of [...(tables ?? []), ...exclude]) {
    if (all.some((name) => nameMatches(pattern, name))) continue;
    throw new RestorePointError('usage', `Neither side has a table named ${formatTableName(pattern)}`, {
      next: 'Names are case-sensitive. Write schema.table if the table is not in the default schema.',
    });
  }
  return (name) =>
    (!tables || tables.some((pattern) => nameMatches(pattern, name))) &&
    !exclude.some((pattern) => nameMatches(pattern, name));
}
