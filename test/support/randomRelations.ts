import type { RandomSource } from './randomSource.ts';
import type { TestEngineId } from './testDatabases.ts';

/** Tables that reference each other at random, and which rows of them belong together, told without a database. */
export interface RandomRelations {
  readonly tables: readonly RandomTable[];
  /** Statements that make them, with their rows. */
  readonly sql: string;
}

export interface RandomTable {
  readonly name: string;
  readonly key: KeyKind;
  readonly parents: readonly RandomReference[];
  /** For each row, numbered from 0, and each reference, the row that is referenced. */
  readonly rows: readonly (readonly Target[])[];
}

/** `half`: a key of two columns of which one is NULL, which references nothing. */
type Target = number | undefined | 'half';

interface RandomReference {
  readonly parent: number;
}

type KeyKind = 'integer' | 'text' | 'composite' | 'unique';

const kinds: readonly KeyKind[] = ['integer', 'text', 'composite', 'unique'];

export function randomRelations(random: RandomSource, engine: TestEngineId): RandomRelations {
  const count = 2 + random.below(6);
  const shapes = Array.from({ length: count }, (_, number) => ({
    name: `t ${number}.${random.pick(['a', 'B"', 'what?', '$x', 'ğ'])}`,
    key: random.pick(kinds),
    parents: Array.from({ length: random.below(4) }, () => ({ parent: random.below(count) })),
    size: random.below(12),
  }));
  const tables = shapes.map(({ name, key, parents, size }): RandomTable => ({
    name,
    key,
    parents,
    rows: Array.from({ length: size }, () => parents.map(({ parent }) => target(random, shapes[parent]!))),
  }));
  const parts =
    engine === 'sqlite'
      ? [
          ...tables.map((table) => createTable(table, tables, true)),
          ...tables.map((table) => insert(table, tables)),
        ]
      : [
          ...tables.map((table) => createTable(table, tables, false)),
          ...tables.map((table) => insert(table, tables)),
          ...tables.flatMap((table) => addReferences(table, tables)),
        ];
  return { tables, sql: parts.join(';\n') };
}

function target(random: RandomSource, { size, key }: { size: number; key: KeyKind }): Target {
  const dice = random.below(10);
  if (dice < 3 || size === 0) return undefined;
  return dice === 3 && key === 'composite' ? 'half' : random.below(size);
}

/** The rows that a backup has to hold, by table: those below `limit` of the chosen table, and what belongs to them. */
export function relatedRows(tables: readonly RandomTable[], chosen: number, limit: number): Set<number>[] {
  const taken = tables.map(() => new Set<number>());
  const references = tables.flatMap((table, child) =>
    table.rows.flatMap((targets, row) =>
      targets.flatMap((parentRow, place) =>
        typeof parentRow === 'number'
          ? [{ child, row, parent: table.parents[place]!.parent, parentRow }]
          : [],
      ),
    ),
  );
  tables[chosen]!.rows.forEach((_, row) => row < limit && taken[chosen]!.add(row));
  const untilNothingIsNew = (step: () => void): void => {
    for (let before = -1; before !== sizeOf(taken); step()) before = sizeOf(taken);
  };
  untilNothingIsNew(() => {
    for (const { child, row, parent, parentRow } of references)
      if (taken[parent]!.has(parentRow)) taken[child]!.add(row);
  });
  untilNothingIsNew(() => {
    for (const { child, row, parent, parentRow } of references)
      if (taken[child]!.has(row)) taken[parent]!.add(parentRow);
  });
  return taken;
}

function sizeOf(sets: readonly ReadonlySet<number>[]): number {
  return sets.reduce((sum, set) => sum + set.size, 0);
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

const keyColumns: Readonly<Record<KeyKind, readonly { name: string; type: string }[]>> = {
  integer: [{ name: 'k', type: 'integer' }],
  text: [{ name: 'k.1', type: 'text' }],
  composite: [
    { name: '$a', type: 'integer' },
    { name: 'b"', type: 'text' },
  ],
  unique: [{ name: 'U', type: 'integer' }],
};

/** The values of a row's key; rows are numbered in `n`. */
function keyValues(key: KeyKind, row: number): readonly string[] {
  const text = `'k''${row}'`;
  return {
    integer: [String(row * 3)],
    text: [text],
    composite: [String(row % 2), text],
    unique: [String(-row)],
  }[key];
}

function referenceColumns(place: number, parent: RandomTable): { name: string; type: string }[] {
  return keyColumns[parent.key].map(({ type }, index) => ({ name: `f${place}.${index}`, type }));
}

function foreignKey(place: number, parent: RandomTable): string {
  const own = referenceColumns(place, parent).map(({ name }) => quoted(name));
  const others = keyColumns[parent.key].map(({ name }) => quoted(name));
  return `FOREIGN KEY (${own.join(', ')}) REFERENCES ${quoted(parent.name)} (${others.join(', ')})`;
}

function createTable(table: RandomTable, tables: readonly RandomTable[], withReferences: boolean): string {
  const key = keyColumns[table.key];
  const references = table.parents.map(({ parent }, place) => ({ place, parent: tables[parent]! }));
  const columns = [
    { name: 'n', type: 'integer' },
    ...key,
    ...references.flatMap(({ place, parent }) => referenceColumns(place, parent)),
  ];
  const constraint = table.key === 'unique' ? 'UNIQUE' : 'PRIMARY KEY';
  return `CREATE TABLE ${quoted(table.name)} (${[
    ...columns.map(({ name, type }) => `${quoted(name)} ${type}`),
    `${constraint} (${key.map(({ name }) => quoted(name)).join(', ')})`,
    ...(withReferences ? references.map(({ place, parent }) => foreignKey(place, parent)) : []),
  ].join(', ')})`;
}

function insert(table: RandomTable, tables: readonly RandomTable[]): string {
  if (table.rows.length === 0) return 'SELECT 1';
  const rows = table.rows.map((targets, row) => {
    const references = targets.flatMap((parentRow, place) => {
      const { key } = tables[table.parents[place]!.parent]!;
      if (parentRow === 'half') return ['1', 'NULL'];
      return parentRow === undefined ? keyColumns[key].map(() => 'NULL') : keyValues(key, parentRow);
    });
    return `(${[String(row), ...keyValues(table.key, row), ...references].join(', ')})`;
  });
  return `INSERT INTO ${quoted(table.name)} VALUES ${rows.join(', ')}`;
}

function addReferences(table: RandomTable, tables: readonly RandomTable[]): string[] {
  return table.parents.map(
    ({ parent }, place) => `ALTER TABLE ${quoted(table.name)} ADD ${foreignKey(place, tables[parent]!)}`,
  );
}
