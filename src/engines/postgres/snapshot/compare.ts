import type { ComparedTable, ComparisonPage } from '../../../core/differences.ts';
import { RestorePointError } from '../../../core/errors.ts';
import type { CompareOptions, ComparedSide } from '../../engine.ts';
import { type Give, handedOver } from '../rows/handedOver.ts';
import { TableProgress } from '../rows/progress.ts';
import { RowHashes } from '../rows/rowHashes.ts';
import {
  backedUpRows,
  type ComparedRows,
  type KeyForm,
  type KeyPlan,
  liveRows,
  type SideTypes,
  typesOf,
  type Which,
} from './comparedRows.ts';
import { KeysInServer } from './keysInServer.ts';
import { PostgresSnapshot } from './snapshot.ts';
import { TableComparison, type TableSides } from './tableComparison.ts';
import type { TableReading } from './tableReading.ts';

/** In bytes: see `ComparisonWork`. */
const usualMemory = { hashes: 112 * 1024 * 1024, rows: 16 * 1024 * 1024 };

/** See `Engine.compare`. */
export function compareSides(
  first: ComparedSide,
  second: ComparedSide,
  tables: readonly ComparedTable[],
  options: CompareOptions,
  memory = usualMemory,
): AsyncIterable<ComparisonPage> {
  return handedOver(async (give) => {
    if (tables.length === 0) return;
    const sides = await openSides(first, second, tables);
    await compareTables(sides, tables, { options, memory, give });
  });
}

interface OpenSide {
  readonly side: ComparedSide;
  readonly types: SideTypes;
  /** For a database. */
  readonly reading: TableReading | undefined;
}

interface OpenSides {
  readonly first: OpenSide;
  readonly second: OpenSide;
  /** The one whose server is asked about keys. */
  readonly judge: OpenSide | undefined;
}

async function openSides(
  first: ComparedSide,
  second: ComparedSide,
  tables: readonly ComparedTable[],
): Promise<OpenSides> {
  const open = async (side: ComparedSide, which: Which): Promise<OpenSide> => {
    if (side.kind === 'backup') {
      return { side, types: typesOf(side.manifest.objects), reading: undefined };
    }
    if (!(side.snapshot instanceof PostgresSnapshot))
      throw new Error('This snapshot belongs to another engine');
    const reading = await side.snapshot.reading(tables.map((table) => table[which].name));
    return { side, types: typesOf(side.snapshot.schema.objects), reading };
  };
  const opened = { first: await open(first, 'first'), second: await open(second, 'second') };
  const judge = [opened.first, opened.second].find(({ reading }) => reading);
  return { ...opened, judge };
}

interface TablesWork {
  readonly options: CompareOptions;
  readonly memory: typeof usualMemory;
  readonly give: Give<ComparisonPage>;
}

async function compareTables(
  sides: OpenSides,
  tables: readonly ComparedTable[],
  { options, memory, give }: TablesWork,
): Promise<void> {
  const rows = tables.map(
    (table) => [rowsOf(sides, table, 'first'), rowsOf(sides, table, 'second')] as const,
  );
  const progress = new TableProgress(
    'compare',
    rows.map(([one, other]) => ({
      table: one.table.name,
      weight: one.bytes + other.bytes,
      ...(one.rows + other.rows > 0 ? { totalRows: one.rows + other.rows } : {}),
    })),
    options.report,
  );
  const hashes = new RowHashes();
  const { signal, longest } = options;
  for (const [index, table] of tables.entries()) {
    progress.enter(index);
    const compared = await sidesOf(sides, table, rows[index]!);
    const comparison = new TableComparison(compared, {
      hashes,
      progress,
      signal,
      memory,
      rows: options.rows,
      longest,
      give: (page) => give({ table: index, rows: page }),
    });
    await give({ table: index, rows: [], counts: await comparison.run() });
  }
}

function rowsOf(sides: OpenSides, table: ComparedTable, which: Which): ComparedRows {
  const { side, types, reading } = sides[which];
  const columns = table.columns.map((column) => column[which]);
  const options = { which, types, isJudge: sides.judge === sides[which] };
  if (side.kind === 'backup') return backedUpRows(side, table[which], columns, options);
  return liveRows(reading!, table[which], columns, options);
}

async function sidesOf(
  sides: OpenSides,
  table: ComparedTable,
  [first, second]: readonly [ComparedRows, ComparedRows],
): Promise<TableSides> {
  const key = table.key && table.key.length > 0 ? table.key : undefined;
  const plan: KeyPlan = key ? await planKey(sides, table, key) : { forms: [] };
  // A backup is read twice with less work than a database.
  const heldIsFirst = sides.first.reading === undefined || sides.second.reading !== undefined;
  const [held, other] = heldIsFirst ? [first, second] : [second, first];
  const isPartial = (which: Which): boolean => table.partial?.includes(which) ?? false;
  const partial = heldIsFirst
    ? { held: isPartial('first'), other: isPartial('second') }
    : { held: isPartial('second'), other: isPartial('first') };
  return { held, other, heldIsFirst, key, plan, partial };
}

/** How equal keys are found that are written in different ways. */
async function planKey(sides: OpenSides, table: ComparedTable, key: readonly number[]): Promise<KeyPlan> {
  const judge = await askJudge(sides, table, key);
  const forms: KeyForm[] = [];
  for (const place of key) {
    if (judge?.places.includes(place)) continue;
    const first = sides.first.types.keys.of(typeOf(table, place, 'first'));
    const second = sides.second.types.keys.of(typeOf(table, place, 'second'));
    if (first ?? second) forms.push({ place, first, second });
  }
  return { forms, judge };
}

async function askJudge(
  sides: OpenSides,
  table: ComparedTable,
  key: readonly number[],
): Promise<KeyPlan['judge']> {
  const which = sides.judge === sides.first ? 'first' : 'second';
  const reading = sides.judge?.reading;
  // Of different types, neither server can say what is equal.
  const alike = key.filter((place) => typeOf(table, place, 'first') === typeOf(table, place, 'second'));
  if (!reading) return undefined;
  const names = alike.map((place) => table.columns[place]![which]);
  const keys = await KeysInServer.find(reading.transaction, table[which].name, names);
  return keys && { keys, places: keys.names.map((name) => alike[names.indexOf(name)]!) };
}

function typeOf(table: ComparedTable, place: number, which: Which): string {
  const name = table.columns[place]![which];
  const column = table[which].columns.find((one) => one.name === name);
  if (column) return column.type;
  throw new RestorePointError('usage', `There is no column ${name}`);
}
