import { Archive } from '../../src/archive/archiveReader.ts';
import type {
  ComparedTable,
  ComparisonPage,
  DifferenceCounts,
  RowDifference,
} from '../../src/core/differences.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { sameTable, type TableName } from '../../src/core/names.ts';
import { dataColumns, rowKey, type Table } from '../../src/core/schema.ts';
import { type Row, valueText } from '../../src/core/values.ts';
import type { CompareOptions, ComparedSide } from '../../src/engines/engine.ts';
import { compareSides } from '../../src/engines/postgres/snapshot/compare.ts';
import { engineById } from '../../src/engines/registry.ts';
import { backUp, usePostgres } from './postgresRestores.ts';
import type { TestDatabase } from './testDatabases.ts';

/** What a side is taken from: the path of a backup, or a database. */
export type SideSource = string | TestDatabase;

export interface OpenedSide {
  readonly side: ComparedSide;
  readonly tables: readonly Table[];
  close(): Promise<void>;
}

export async function openSide(source: SideSource, signal?: AbortSignal): Promise<OpenedSide> {
  if (typeof source === 'string') {
    const archive = await Archive.open(source, engineById);
    return {
      side: { kind: 'backup', manifest: archive.manifest, source: archive },
      tables: archive.manifest.tables.map(({ table }) => table),
      close: () => archive.close(),
    };
  }
  const session = await source.connect({ readOnly: true });
  const given = signal ? { signal } : {};
  const snapshot = await session.openSnapshot({ whole: true, logger: silentLogger, ...given });
  return {
    side: { kind: 'database', snapshot },
    tables: snapshot.schema.tables.filter(({ holdsRows }) => holdsRows),
    close: () => session.close(),
  };
}

/** By the columns that both have, and the key that both have. */
export function comparedTable(first: Table, second: Table): ComparedTable {
  const names = new Set(dataColumns(second).map(({ name }) => name));
  const shared = dataColumns(first).filter(({ name }) => names.has(name));
  const columns = shared.map(({ name }) => ({ first: name, second: name }));
  const [one, other] = [rowKey(first), rowKey(second)];
  const key = one?.map((name) => shared.findIndex((column) => column.name === name));
  const isShared = one && other && one.length === other.length && one.every((name) => other.includes(name));
  return { first, second, columns, ...(isShared ? { key: key! } : {}) };
}

export interface Compared {
  readonly table: TableName;
  readonly counts: DifferenceCounts;
  readonly rows: readonly RowDifference[];
}

type Options = Partial<CompareOptions> & {
  readonly memory?: { hashes: number; rows: number };
  readonly change?: (table: ComparedTable) => ComparedTable;
};

/** Compares all tables that both sides have. */
export async function compareAll(
  first: SideSource,
  second: SideSource,
  { memory, change = (table) => table, ...options }: Options = {},
): Promise<Compared[]> {
  const opened: OpenedSide[] = [];
  try {
    for (const source of [first, second]) opened.push(await openSide(source, options.signal));
    const [one, other] = opened as [OpenedSide, OpenedSide];
    const tables = one.tables.flatMap((table) => {
      const found = other.tables.find(({ name }) => sameTable(name, table.name));
      return found ? [change(comparedTable(table, found))] : [];
    });
    const all = { rows: Infinity, logger: silentLogger, ...options };
    return await collect(tables, compareSides(one.side, other.side, tables, all, memory));
  } finally {
    for (const side of opened) await side.close();
  }
}

export async function collect(
  tables: readonly ComparedTable[],
  pages: AsyncIterable<ComparisonPage>,
): Promise<Compared[]> {
  const rows: RowDifference[][] = tables.map(() => []);
  const counts: DifferenceCounts[] = [];
  for await (const page of pages) {
    if (page.table !== counts.length) throw new Error('A page is not of the table whose turn it is');
    rows[page.table]!.push(...page.rows);
    if (page.counts) counts.push(page.counts);
  }
  return tables.map((table, index) => ({
    table: table.first.name,
    counts: counts[index]!,
    rows: rows[index]!,
  }));
}

/** Counts as one text: only in the first, only in the second, changed, same. */
export function countsText({ onlyInFirst, onlyInSecond, changed, same }: DifferenceCounts): string {
  return `-${onlyInFirst} +${onlyInSecond} ~${changed} =${same}`;
}

/** Rows as sorted texts: `- 1|a`, `+ 2|b`, `~1 3|c -> 3|d`. */
export function rowTexts(rows: readonly RowDifference[]): string[] {
  const text = (row: Row): string => row.map((value) => valueText(value) ?? 'NULL').join('|');
  return rows
    .map((row) => {
      if (row.kind === 'onlyInFirst') return `- ${text(row.first)}`;
      if (row.kind === 'onlyInSecond') return `+ ${text(row.second)}`;
      return `~${row.columns.join(',')} ${text(row.first)} -> ${text(row.second)}`;
    })
    .sort();
}

/** Inside a mocha `describe`: databases to compare, and their backups. */
export function useComparisons() {
  const postgres = usePostgres();
  let files = 0;

  async function saved(database: TestDatabase): Promise<string> {
    const file = postgres.file(`${(files += 1)}.dbbackup`);
    await backUp(database, file);
    return file;
  }

  /** All tables, for every pair of kinds of sides. */
  async function compareEach(
    first: TestDatabase,
    second: TestDatabase,
    check: (compared: readonly Compared[], kinds: string) => void,
    options: Options = {},
  ): Promise<void> {
    const sides = { database: [first, second], backup: [await saved(first), await saved(second)] } as const;
    for (const one of ['backup', 'database'] as const) {
      for (const other of ['backup', 'database'] as const) {
        const compared = await compareAll(sides[one][0], sides[other][1], options);
        check(compared, `${one} and ${other}`);
      }
    }
  }

  /** Two databases with the same table `t` and other rows. */
  async function both(make: string, one: string, other: string): Promise<[TestDatabase, TestDatabase]> {
    const insert = (rows: string): string => (rows === '' ? make : `${make}; INSERT INTO t VALUES ${rows}`);
    return [await postgres.create(insert(one)), await postgres.create(insert(other))];
  }

  return { postgres, saved, both, compareEach };
}
