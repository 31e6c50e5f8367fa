import assert from 'node:assert/strict';
import type {
  ChosenRow,
  ChosenTable,
  RowConflict,
  WriteAnswer,
  WrittenRow,
} from '../../src/core/chosenRows.ts';
import { RestorePointError } from '../../src/core/errors.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { dataColumns, rowKey, type Table } from '../../src/core/schema.ts';
import { type Row, valueText } from '../../src/core/values.ts';
import type { Session, WorkOptions } from '../../src/engines/engine.ts';
import type { CheckedRows, FoundConflicts, WrittenRows } from '../../src/engines/rowRestore.ts';
import { failure } from './errors.ts';
import type { TestDatabase } from './testDatabases.ts';

export type Texts = readonly (string | null)[];

/** A chosen row as texts: what was seen, and what is wanted. */
export type TextRow = readonly [seen: Texts | undefined, wanted: Texts | undefined];

export interface TextTable {
  readonly name: string;
  readonly schema?: string;
  /** All of the table's when they are left out. */
  readonly columns?: readonly string[];
  /** False: whole rows. */
  readonly key?: readonly string[] | false;
  readonly where?: string;
  readonly rows: readonly TextRow[] | (() => AsyncIterable<readonly ChosenRow[]>);
}

export function rowOf(texts: Texts): Row {
  return texts.map((text) => (text === null ? null : { kind: 'other', text }));
}

export function chosenTable(table: Table, text: TextTable): ChosenTable {
  const all = dataColumns(table).map(({ name }) => name);
  const { columns = all, where, rows } = text;
  const key = text.key === false ? undefined : (text.key ?? rowKey(table));
  const pages = async function* (): AsyncGenerator<readonly ChosenRow[]> {
    await Promise.resolve();
    if (typeof rows === 'function') throw new Error('They are pages already');
    yield rows.map(([seen, wanted]) => ({
      ...(seen && { seen: rowOf(seen) }),
      ...(wanted && { wanted: rowOf(wanted) }),
    }));
  };
  return {
    table,
    columns,
    otherColumns: all.filter((name) => !columns.includes(name)),
    ...(key ? { key: key.map((name) => columns.indexOf(name)) } : {}),
    ...(where === undefined ? {} : { where }),
    rows: typeof rows === 'function' ? rows() : pages(),
  };
}

export interface RowsResult {
  readonly checked: FoundConflicts;
  readonly unchanged: readonly number[];
  readonly late: FoundConflicts;
  readonly warnings: readonly string[];
  /** By table: before and after. */
  readonly written: readonly (readonly (readonly [Texts | undefined, Texts | undefined])[])[];
}

export interface RowsOptions extends Partial<WorkOptions> {
  /** Without it, a conflict is an error. */
  readonly answer?: WriteAnswer;
  readonly atChecked?: (checked: CheckedRows) => Promise<void>;
  readonly atWritten?: (written: WrittenRows) => Promise<void>;
}

/** A restore of chosen rows by the port alone, in a session of its own. Where it fails, it is rolled back. */
export async function restoreRows(
  database: TestDatabase,
  tables: readonly TextTable[],
  options: RowsOptions = {},
): Promise<RowsResult> {
  const session = await database.connect();
  try {
    return await restoreRowsIn(session, tables, options);
  } finally {
    await session.close();
  }
}

export async function restoreRowsIn(
  session: Session,
  tables: readonly TextTable[],
  { answer, atChecked, atWritten, ...work }: RowsOptions = {},
): Promise<RowsResult> {
  const chosen: ChosenTable[] = [];
  for (const text of tables) {
    const name = session.info.engine === 'postgres' ? { schema: text.schema ?? 'public' } : {};
    chosen.push(chosenTable(await session.describeTable({ ...name, name: text.name }), text));
  }
  const opened = await session.beginRows(chosen, { logger: silentLogger, ...work });
  try {
    const checked = await opened.check();
    await atChecked?.(checked);
    const written = await checked.write(answer ?? 'skip');
    if (answer === undefined) refuseConflicts(tables, checked, written);
    await atWritten?.(written);
    const rows = chosen.map((): (readonly [Texts | undefined, Texts | undefined])[] => []);
    for await (const page of written.rows()) rows[page.table]!.push(...page.rows.map(textsOf));
    await written.verify();
    await written.commit();
    const { conflicts: late, warnings } = written;
    return { checked: checked.conflicts, unchanged: checked.unchanged, late, warnings, written: rows };
  } catch (error) {
    await opened.rollback();
    throw error;
  }
}

function refuseConflicts(
  tables: readonly TextTable[],
  ...steps: readonly (CheckedRows | WrittenRows)[]
): void {
  const listed = steps.flatMap(({ conflicts }) => conflicts.listed);
  const [first] = listed;
  if (!first) return;
  const texts = kindsOf({ listed }).map(
    (text, index) => `${text}: ${listed[index]!.reason ?? 'not as it was seen'}`,
  );
  throw new RestorePointError('refused', texts.join(', '), { place: { table: tables[first.table]!.name } });
}

function textsOf({ before, after }: WrittenRow): readonly [Texts | undefined, Texts | undefined] {
  return [before && textsOfRow(before), after && textsOfRow(after)];
}

export function textsOfRow(row: Row): Texts {
  return row.map((value) => valueText(value) ?? null);
}

/** Of each conflict its kind and the first value of its row. */
export function kindsOf({ listed }: Pick<FoundConflicts, 'listed'>): string[] {
  return listed.map(({ kind, row }: RowConflict) => {
    const values = row.wanted ?? row.seen ?? [];
    return `${kind} ${valueText(values[0] ?? null) ?? 'NULL'}`;
  });
}

/** There are conflicts with this reason, and nothing is changed. */
export async function refused(
  database: TestDatabase,
  tables: readonly TextTable[],
  reason: RegExp,
): Promise<void> {
  const before = await database.dump();
  const error = await failure(restoreRows(database, tables), 'refused');
  assert.match(error.message, reason);
  assert.equal(await database.dump(), before);
}
