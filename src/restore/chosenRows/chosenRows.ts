import { createHash } from 'node:crypto';
import type { ChosenRow, ChosenTable } from '../../core/chosenRows.ts';
import { RestorePointError } from '../../core/errors.ts';
import { formatQuantity } from '../../core/format.ts';
import { formatTableName, tableKey } from '../../core/names.ts';
import { type NamedValues, type NumberedRow, valueAsJson } from '../../core/rowLines.ts';
import type { Row } from '../../core/values.ts';
import type { PayloadRows } from '../../engines/engine.ts';
import { referencedFirst } from '../tableOrder.ts';
import type { FindRowsTable, RowsTable } from './chosenTables.ts';
import { HashCounts } from './hashCounts.ts';
import { RowSpool } from './rowSpool.ts';

/** The rows of one table that were chosen so far. */
export interface RowsOfTable extends RowsTable {
  /** Its place in the spool. */
  readonly place: number;
  /** A condition that the engine applies to them. */
  where?: string;
  rows: number;
  /** Rows that only the database has, and that are not to be deleted. */
  leftAlone: number;
}

interface State extends RowsOfTable {
  /** How many rows were chosen of each identity: one, but where nothing tells rows apart. */
  readonly identities: HashCounts;
  /** The lines of rows that the backup is still to show, by what they hold. */
  readonly expected: HashCounts;
  /** How many more there are of one where nothing tells rows apart. */
  readonly more: HashCounts;
  /** The lines of rows that the backup must not have, by their keys. */
  readonly added: HashCounts;
}

/** Rows that are chosen for a restore, from wherever they come. */
export class ChosenRows {
  readonly #find: FindRowsTable;
  readonly #deleteAdded: boolean;
  readonly #tables = new Map<string, State>();
  readonly #spool = new RowSpool();

  constructor(find: FindRowsTable, { deleteAdded }: { readonly deleteAdded: boolean }) {
    this.#find = find;
    this.#deleteAdded = deleteAdded;
  }

  get tables(): readonly RowsOfTable[] {
    return [...this.#tables.values()];
  }

  get count(): number {
    return this.tables.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** Chooses the row of a line; `first` is wanted, `second` was seen. Throws `usage` with the number of the line. */
  async addLine({ row: line, number }: NumberedRow): Promise<void> {
    const table = this.#tableOf(line, number);
    if (line.kind === 'changed' && !table.key)
      throw atLine(
        number,
        `${formatTableName(table.target)} has no key that identifies its rows: none of them is a changed one`,
      );
    const wanted = line.first && project(table, line.first, number);
    const seen = line.second && project(table, line.second, number);
    if (wanted) expect(table, wanted, number);
    else if (seen) expectNot(table, seen, number);
    const row = { ...(wanted ? { wanted } : {}), ...(seen ? { seen } : {}) };
    if (!(await this.choose(table, row)))
      throw atLine(number, `a line before it has the same row of ${formatTableName(table.target)}`);
  }

  /** The table with this name. Throws `usage`. */
  table(name: RowsTable['name']): RowsOfTable {
    const known = this.#tables.get(tableKey(name));
    if (known) return known;
    const found = this.#find(name);
    const table: State = {
      ...found,
      place: this.#tables.size,
      rows: 0,
      leftAlone: 0,
      identities: new HashCounts(),
      expected: new HashCounts(),
      more: new HashCounts(),
      added: new HashCounts(),
    };
    this.#tables.set(tableKey(name), table);
    return table;
  }

  async add(table: RowsOfTable, row: ChosenRow): Promise<void> {
    if (!row.wanted && !this.#deleteAdded) {
      // Whether a condition holds for it, nobody has asked.
      if (table.where === undefined) table.leftAlone++;
      return;
    }
    table.rows++;
    await this.#spool.add(table.place, row);
  }

  /** Resolves to whether it is a row that was not chosen before. */
  async choose(table: RowsOfTable, row: ChosenRow): Promise<boolean> {
    const { identities } = table as State;
    const { identity, isKey } = identityOf(table, row);
    const times = identities.get(identity);
    if (isKey && times > 0) return false;
    identities.set(identity, times + 1);
    await this.add(table, row);
    return true;
  }

  /** Chooses a row that was found beside those that were chosen, unless it is one of them. Resolves to whether it was not. */
  async chooseToo(table: RowsOfTable, row: ChosenRow): Promise<boolean> {
    const { identities } = table as State;
    const { identity, isKey } = identityOf(table, row);
    const times = identities.get(identity);
    if (times > 0) {
      if (!isKey) identities.set(identity, times - 1);
      return false;
    }
    if (isKey) identities.set(identity, 1);
    await this.add(table, row);
    return true;
  }

  rowsOf(table: RowsOfTable): AsyncIterable<readonly ChosenRow[]> {
    return this.#spool.rows(table.place);
  }

  /**
   * Reads the tables of the backup until every row that is wanted was found, and to the end where there are rows that it must
   * not have. Throws `usage` with the first line that does not fit the backup.
   */
  async checkLines(payload: PayloadRows, signal: AbortSignal | undefined): Promise<void> {
    let missing: { readonly table: State; readonly line: number } | undefined;
    let count = 0;
    for (const table of this.#tables.values()) {
      const { expected, added, backup } = table;
      if (expected.size + added.size === 0 || !backup) continue;
      const query = { columns: table.columns.map(({ first }) => first) };
      for await (const page of payload.rows(backup, query, signal ? { signal } : {})) {
        for (const row of page) found(table, row);
        if (expected.size + added.size === 0) break;
      }
      count += expected.size;
      const line = expected.smallest();
      if (expected.size > 0 && (!missing || line < missing.line)) missing = { table, line };
    }
    if (missing) throw notInBackup(missing.table, missing.line, count);
  }

  /** No more rows will be chosen: what told them apart is not needed any more. */
  complete(): void {
    for (const { identities, added } of this.#tables.values()) {
      identities.clear();
      added.clear();
    }
  }

  /** For the engine: parents before their children. Tables without rows are not among them. */
  forEngine(): { readonly tables: readonly RowsOfTable[]; readonly chosen: readonly ChosenTable[] } {
    const filled = this.tables.filter(({ rows }) => rows > 0);
    const tables = referencedFirst(filled, ({ live }) => live);
    const chosen = tables.map((table) => ({
      table: table.live,
      columns: table.columns.map(({ second }) => second),
      otherColumns: table.otherColumns,
      ...(table.key ? { key: table.key } : {}),
      ...(table.where === undefined ? {} : { where: table.where }),
      rows: this.rowsOf(table),
    }));
    return { tables, chosen };
  }

  /** Never throws. */
  async close(): Promise<void> {
    await this.#spool.close();
  }

  #tableOf({ table }: NumberedRow['row'], number: number): State {
    try {
      return this.table(table) as State;
    } catch (error) {
      if (!RestorePointError.is(error, 'usage')) throw error;
      throw new RestorePointError('usage', `Line ${number}: ${error.message}`, error.details);
    }
  }
}

function identityOf(table: RowsOfTable, { wanted, seen }: ChosenRow): { identity: Buffer; isKey: boolean } {
  const row = (wanted ?? seen)!;
  const key = keyOf(table, row);
  return { identity: hashOf(key ?? row), isKey: key !== undefined };
}

/** Identifies a row. A key with NULL does not: SQLite lets many rows have it. */
function keyOf({ key }: RowsOfTable, row: Row): Row | undefined {
  return key?.every((place) => row[place] !== null) ? key.map((place) => row[place]!) : undefined;
}

function project({ target, columns, known }: RowsOfTable, values: NamedValues, number: number): Row {
  for (const name of values.keys()) {
    if (known.has(name)) continue;
    throw atLine(number, `the backup has no column ${shown(name)} in ${formatTableName(target)}`);
  }
  return columns.map(({ first }) => {
    const value = values.get(first);
    if (value !== undefined) return value;
    throw atLine(number, `it has no value for the column ${shown(first)} of ${formatTableName(target)}`);
  });
}

function expect({ expected, more }: State, row: Row, line: number): void {
  const hash = hashOf(row);
  if (expected.get(hash) > 0) more.set(hash, more.get(hash) + 1);
  else expected.set(hash, line);
}

function expectNot(table: State, row: Row, line: number): void {
  const key = table.backup && keyOf(table, row);
  if (key) table.added.set(hashOf(key), line);
}

function found(table: State, row: Row): void {
  const { expected, more, added } = table;
  const key = added.size > 0 ? keyOf(table, row) : undefined;
  const line = key ? added.get(hashOf(key)) : 0;
  if (line > 0) throw inBackup(table, line);
  if (expected.size === 0) return;
  const hash = hashOf(row);
  const others = more.get(hash);
  if (others > 0) more.set(hash, others - 1);
  else expected.set(hash, 0);
}

/** 128 bits of what the values are, exactly. */
function hashOf(values: Row): Buffer {
  const text = JSON.stringify(values.map(valueAsJson));
  return createHash('sha256').update(text).digest();
}

function shown(column: string): string {
  return formatTableName({ name: column });
}

const compareAgain =
  'Compare again, with the backup as the first side and the database as the second: restore-point compare FILE CONNECTION --rows all --json.';

function atLine(line: number, what: string): RestorePointError {
  return new RestorePointError('usage', `Line ${line} cannot be restored: ${what}`, { next: compareAgain });
}

function notInBackup({ target }: RowsOfTable, line: number, count: number): RestorePointError {
  const others = count > 1 ? `; the same is true of ${formatQuantity(count - 1, 'other line')}` : '';
  return new RestorePointError(
    'usage',
    `Line ${line}: the backup has no such row of ${formatTableName(target)} as its "first" says${others}`,
    { next: compareAgain },
  );
}

function inBackup({ target }: RowsOfTable, line: number): RestorePointError {
  return new RestorePointError(
    'usage',
    `Line ${line} says that only the database has this row of ${formatTableName(target)}, but the backup has it too`,
    { next: compareAgain },
  );
}
