import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import type {
  ChosenRow,
  ChosenTable,
  RowConflict,
  WriteAnswer,
  WrittenRow,
} from '../../src/core/chosenRows.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { dataColumns, rowKey } from '../../src/core/schema.ts';
import { type Row, type Value, valueText } from '../../src/core/values.ts';
import type { Session, WorkOptions } from '../../src/engines/engine.ts';
import type { CheckedRows, FoundConflicts, OpenedRows } from '../../src/engines/rowRestore.ts';
import { sqliteDump } from './sqliteDump.ts';
import { connectSqlite, integrity, runSqlite, useSystemTemporaryFolder } from './sqliteFiles.ts';
import { useTemporaryFolder } from './temporaryFolder.ts';

/** How the rows of a table are chosen. */
export interface Choice {
  readonly columns?: readonly string[];
  /** Rows are identified by all of their values. */
  readonly keyless?: boolean;
  readonly where?: string;
}

/** A table with the rows that were chosen of it. */
export interface ChosenOf extends Choice {
  readonly name: string;
  readonly rows: readonly ChosenRow[];
}

/** The files of one test. */
export interface ChosenFiles {
  readonly file: string;
  readonly past: string;
}

/** Inside a mocha `describe`: gives every test the paths of a database and of its past, in a folder of their own. */
export function useChosenFiles(take: (files: ChosenFiles) => void): {
  readonly folder: ReturnType<typeof useTemporaryFolder>;
  /** What the database must be like: as it is now, after these statements. */
  readonly expect: (sql: string) => void;
  readonly assertExpected: () => void;
} {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();
  const [file, expected] = [(): string => folder.file('target.db'), (): string => folder.file('expected.db')];
  beforeEach(() => take({ file: file(), past: folder.file('past.db') }));
  return {
    folder,
    expect(sql) {
      copyFileSync(file(), expected());
      runSqlite(expected(), sql);
    },
    assertExpected() {
      assert.deepEqual(sqliteDump(file()), sqliteDump(expected()));
      assert.equal(integrity(file()), 'ok');
    },
  };
}

/** All rows of a table of a file, as the engine reads them. */
export async function readRows(file: string, name: string, columns?: readonly string[]): Promise<Row[]> {
  const session = await connectSqlite(file, { readOnly: true });
  try {
    const snapshot = await session.openSnapshot({ whole: false, logger: silentLogger });
    const table = snapshot.schema.tables.find((candidate) => candidate.name.name === name);
    if (!table) throw new Error(`there is no table ${name}`);
    const rows: Row[] = [];
    for await (const page of snapshot.rows({ table }, columns ? { columns } : {})) rows.push(...page);
    await snapshot.close();
    return rows;
  } finally {
    await session.close();
  }
}

export function showValue(value: Value): string {
  return value === null ? 'NULL' : `${value.kind}${'invalidText' in value ? '!' : ''}:${valueText(value)}`;
}

/** What brings a table of `file` to its state in `past`: rows are matched by the values of their key. */
export async function differences(
  file: string,
  past: string,
  name: string,
  choice: Choice = {},
): Promise<ChosenOf> {
  const session = await connectSqlite(file, { readOnly: true });
  const table = await session.describeTable({ name });
  await session.close();
  const columns = choice.columns ?? dataColumns(table).map((column) => column.name);
  const key = choice.keyless ? undefined : rowKey(table)?.map((column) => columns.indexOf(column));
  const keyOf = (row: Row): string => (key ?? [...columns.keys()]).map((at) => showValue(row[at]!)).join('|');
  const [now, then] = [await readRows(file, name, columns), await readRows(past, name, columns)];
  const group = (rows: Row[]): Map<string, Row[]> => Map.groupBy(rows, keyOf);
  const [seen, wanted] = [group(now), group(then)];
  const rows: ChosenRow[] = [];
  for (const at of new Set([...seen.keys(), ...wanted.keys()])) {
    const [a, b] = [seen.get(at) ?? [], wanted.get(at) ?? []];
    const same = Math.min(a.length, b.length);
    for (let index = 0; index < same; index += 1) {
      const isSame = a[index]!.map(showValue).join('|') === b[index]!.map(showValue).join('|');
      if (!isSame) rows.push({ seen: a[index]!, wanted: b[index]! });
    }
    rows.push(
      ...a.slice(same).map((row) => ({ seen: row })),
      ...b.slice(same).map((row) => ({ wanted: row })),
    );
  }
  return { ...choice, name, rows };
}

export async function chosenTable(session: Session, chosen: ChosenOf): Promise<ChosenTable> {
  const table = await session.describeTable({ name: chosen.name });
  const all = dataColumns(table).map((column) => column.name);
  const columns = chosen.columns ?? all;
  const key = chosen.keyless ? undefined : rowKey(table)?.map((column) => columns.indexOf(column));
  return {
    table,
    columns,
    otherColumns: all.filter((column) => !columns.includes(column)),
    ...(key ? { key } : {}),
    ...(chosen.where === undefined ? {} : { where: chosen.where }),
    rows: pagesOf(chosen.rows),
  };
}

// eslint-disable-next-line @typescript-eslint/require-await
async function* pagesOf(rows: readonly ChosenRow[]): AsyncGenerator<readonly ChosenRow[]> {
  for (let at = 0; at < rows.length; at += 100) yield rows.slice(at, at + 100);
}

export interface Outcome {
  readonly found: FoundConflicts;
  readonly unchanged: readonly number[];
  readonly refused: FoundConflicts;
  readonly warnings: readonly string[];
  readonly written: readonly { readonly table: number; readonly row: WrittenRow }[];
  readonly matching: readonly ChosenRow[];
}

export interface RowsChoice extends Partial<WorkOptions> {
  /** Without it, a conflict is an error. */
  readonly answer?: WriteAnswer;
  /** Called before each step; what it throws ends the restore. */
  readonly before?: (step: string, transaction: OpenedRows, session: Session) => void | Promise<void>;
}

/** Restores chosen rows step by step, and rolls back when anything throws. */
export async function restoreRows(
  file: string,
  chosen: readonly ChosenOf[],
  { answer, before, ...work }: RowsChoice = {},
): Promise<Outcome> {
  const session = await connectSqlite(file);
  try {
    const tables: ChosenTable[] = [];
    for (const one of chosen) tables.push(await chosenTable(session, one));
    const opened = await session.beginRows(tables, { logger: silentLogger, ...work });
    const step = async <Result>(name: string, action: () => Promise<Result>): Promise<Result> => {
      await before?.(name, opened, session);
      return action();
    };
    try {
      const checked = await step('check', () => opened.check());
      const matching = await step('matching', () => all(checked));
      const result = await step('write', () => checked.write(answer ?? 'skip'));
      if (answer === undefined) {
        const conflicts = [...checked.conflicts.listed, ...result.conflicts.listed];
        if (conflicts.length > 0) throw new Error(conflicts.map(showConflict).join(', '));
      }
      const written = await step('rows', async () => {
        const rows: { table: number; row: WrittenRow }[] = [];
        for await (const page of result.rows())
          rows.push(...page.rows.map((row) => ({ table: page.table, row })));
        return rows;
      });
      await step('verify', () => result.verify());
      await step('commit', () => result.commit());
      const { conflicts: refused, warnings } = result;
      return { found: checked.conflicts, unchanged: checked.unchanged, refused, warnings, written, matching };
    } catch (error) {
      await opened.rollback();
      throw error;
    }
  } finally {
    await session.close();
  }
}

async function all(checked: CheckedRows): Promise<ChosenRow[]> {
  const rows: ChosenRow[] = [];
  for await (const page of checked.matching()) rows.push(...page.rows);
  return rows;
}

/** A conflict as a line: its kind, the row by its first value, and the reason. */
export function showConflict({ kind, row, reason, needs }: RowConflict): string {
  const first = valueText((row.seen ?? row.wanted)?.[0] ?? null);
  const needed =
    needs && ` needs ${needs.table.name} ${needs.columns.join(',')}=${needs.values.map(valueText).join(',')}`;
  return `${kind} ${first}${reason === undefined ? '' : `: ${reason}`}${needed ?? ''}`;
}

/** Makes two files: as it was, and as it is after some statements. */
export function makePast(file: string, past: string, schema: string, change: string): void {
  runSqlite(past, schema);
  copyFileSync(past, file);
  runSqlite(file, change);
}
