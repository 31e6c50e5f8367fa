import type { ChosenRow } from '../../core/chosenRows.ts';
import type { JsonValue } from '../../core/jsonValue.ts';
import { valueAsJson, valueFromJson } from '../../core/rowLines.ts';
import { SpilledRows } from '../../core/spilledRows.ts';
import type { Row } from '../../core/values.ts';

/** The approximate number of bytes of one table that are put aside at a time. */
const blockBytes = 256 * 1024;

/** The number of bytes of all tables together that wait to be put aside. */
const waitingBytes = 8 * 1024 * 1024;

/** The rows of one table: the positions of those that were put aside, then those that wait. */
interface Run {
  readonly positions: number[];
  lines: Buffer[];
  bytes: number;
}

/** Rows of several tables, in the order in which they are added. Memory is bounded: see `SpilledRows`. */
export class RowSpool {
  readonly #runs = new Map<number, Run>();
  readonly #spilled: SpilledRows;
  #waiting = 0;

  /** `memory`: the number of bytes that are kept in memory before a file is needed. */
  constructor(memory?: number) {
    this.#spilled = new SpilledRows(memory);
  }

  async add(table: number, row: ChosenRow): Promise<void> {
    const line = Buffer.from(`${JSON.stringify([asJson(row.seen), asJson(row.wanted)])}\n`);
    const run = this.#runs.get(table) ?? { positions: [], lines: [], bytes: 0 };
    this.#runs.set(table, run);
    run.lines.push(line);
    run.bytes += line.length;
    this.#waiting += line.length;
    if (run.bytes >= blockBytes) this.#putAside(run);
    if (this.#waiting >= waitingBytes) for (const one of this.#runs.values()) this.#putAside(one);
    await this.#spilled.settled();
  }

  /** The rows of a table so far, as pages of bounded size. Can be read more than once. */
  async *rows(table: number): AsyncGenerator<readonly ChosenRow[]> {
    const run = this.#runs.get(table);
    for (const position of run?.positions ?? []) yield parse(await this.#spilled.read(position));
    if (run && run.lines.length > 0) yield parse(Buffer.concat(run.lines));
  }

  /** Never throws. */
  async close(): Promise<void> {
    this.#runs.clear();
    await this.#spilled.close();
  }

  #putAside(run: Run): void {
    if (run.bytes === 0) return;
    run.positions.push(this.#spilled.add(Buffer.concat(run.lines)));
    this.#waiting -= run.bytes;
    run.lines = [];
    run.bytes = 0;
  }
}

function asJson(row: Row | undefined): readonly JsonValue[] | null {
  return row ? row.map(valueAsJson) : null;
}

function parse(lines: Buffer): ChosenRow[] {
  return lines
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [seen, wanted] = JSON.parse(line) as [unknown[] | null, unknown[] | null];
      return {
        ...(seen ? { seen: seen.map(valueFromJson) } : {}),
        ...(wanted ? { wanted: wanted.map(valueFromJson) } : {}),
      };
    });
}
