import type { ChosenRow, ChosenTable } from '../../../core/chosenRows.ts';
import type { Row, Value } from '../../../core/values.ts';
import type { Binding, Connection } from '../connect/connection.ts';
import { freeRowidName, quote } from '../connect/identifiers.ts';
import { quoteList } from '../rows/copyRows.ts';
import { literalOf } from '../rows/rowText.ts';

/** Rows in a temporary table, whose columns have the names of the user's table and no types: values stay what they are. */
export interface StagedTable {
  /** Quoted, with its schema. */
  readonly name: string;
  /** The quoted name of the column that numbers the rows from 1. */
  readonly place: string;
}

/** The chosen rows of one table, by their places. */
export interface StagedRows {
  readonly number: number;
  readonly count: number;
  /** Which sides of a row are there, and about how many bytes they have: `has_seen`, `has_wanted`, `bytes`. */
  readonly sides: StagedTable;
  /** What was seen, else what is wanted: it has the key. */
  readonly seen: StagedTable;
  /** What is wanted, else what was seen. */
  readonly wanted: StagedTable;
}

/** SQLite binds 32,766 values at most. */
const mostBindings = 30_000;

/** About how many characters and bytes one statement stages. */
const batchBytes = 1 << 15;

/** Brings rows over as pages come, each into its place. */
export async function stageRows(
  connection: Connection,
  chosen: ChosenTable,
  number: number,
  signal?: AbortSignal,
): Promise<StagedRows> {
  const { columns } = chosen;
  const sides = await createStaged(connection, `sides_${number}`, ['has_seen', 'has_wanted', 'bytes']);
  const seen = await createStaged(connection, `seen_${number}`, columns);
  const wanted = await createStaged(connection, `wanted_${number}`, columns);
  const batches = [
    new Batch(seen, columns),
    new Batch(wanted, columns),
    new Batch(sides, ['has_seen', 'has_wanted', 'bytes']),
  ] as const;
  const flush = async (): Promise<void> => {
    for (const batch of batches) await batch.flush(connection, signal);
  };
  let count = 0;
  for await (const page of chosen.rows) {
    for (const row of page) {
      if (batches.some((batch) => batch.isFull)) await flush();
      const bytes = batches[0].add(given(row, 'seen')) + batches[1].add(given(row, 'wanted'));
      batches[2].add([flag(row.seen), flag(row.wanted), integer(bytes)]);
      count += 1;
    }
  }
  await flush();
  return { number, count, sides, seen, wanted };
}

/** A row with only one side is staged as both. */
function given({ seen, wanted }: ChosenRow, side: 'seen' | 'wanted'): Row {
  return (side === 'seen' ? (seen ?? wanted) : (wanted ?? seen)) ?? [];
}

function flag(row: Row | undefined): Value {
  return integer(row ? 1 : 0);
}

function integer(number: number): Value {
  return { kind: 'integer', text: String(number) };
}

export async function createStaged(
  connection: Connection,
  name: string,
  columns: readonly string[],
): Promise<StagedTable> {
  const table = { name: `temp.${quote(`restore_point_${name}`)}`, place: quote('restore_point_place') };
  const free = freeRowidName(columns);
  const place = free === undefined ? `${table.place} INTEGER PRIMARY KEY, ` : '';
  await connection.run(`CREATE TABLE ${table.name} (${place}${quoteList(columns)})`);
  return free === undefined ? table : { ...table, place: free };
}

/** Rows for one INSERT. */
class Batch {
  readonly #into: string;
  #rows: string[] = [];
  #bindings: Binding[] = [];
  #bytes = 0;
  readonly #columns: number;

  constructor(table: StagedTable, columns: readonly string[]) {
    this.#into = `INSERT INTO ${table.name} (${quoteList(columns)}) VALUES `;
    this.#columns = columns.length;
  }

  get isFull(): boolean {
    return this.#bindings.length + this.#columns > mostBindings || this.#bytes > batchBytes;
  }

  /** Returns about how many bytes the row has. */
  add(row: Row): number {
    const before = this.#bytes;
    this.#rows.push(`(${row.map((value) => this.#valueOf(value)).join(', ')})`);
    return this.#bytes - before;
  }

  /** Numbers as literals, because the driver would round them. */
  #valueOf(value: Value): string {
    if (value?.kind === 'text') return this.#bind(value.text, '?');
    if (value?.kind === 'bytes' && value.bytes.length > 0) {
      return this.#bind(value.bytes, value.invalidText ? 'CAST(? AS TEXT)' : '?');
    }
    const literal = literalOf(value);
    this.#bytes += literal.length;
    return literal;
  }

  #bind(binding: string | Uint8Array, expression: string): string {
    this.#bindings.push(binding);
    this.#bytes += binding.length + 1;
    return expression;
  }

  async flush(connection: Connection, signal?: AbortSignal): Promise<void> {
    if (this.#rows.length === 0) return;
    await connection.run(this.#into + this.#rows.join(', '), this.#bindings, signal);
    [this.#rows, this.#bindings, this.#bytes] = [[], [], 0];
  }
}
