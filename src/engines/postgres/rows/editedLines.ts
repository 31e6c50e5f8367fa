import { fieldsOf } from './rowHashes.ts';

const [tab, lineFeed] = [0x09, 0x0a];
/** About how much is given on at once. */
const pieceBytes = 256 * 1024;

/** How the values of a line are edited; more values follow that belong to the row's key. */
export interface LineEdit {
  /** Places of the values that stay, in their new order. Undefined: all, as they are. */
  readonly columns: readonly number[] | undefined;
  /** Gives what is added to each of some lines, by the values that stay. */
  readonly added?: (rows: readonly (readonly Uint8Array[])[]) => Uint8Array[][] | Promise<Uint8Array[][]>;
}

type Take = (piece: Uint8Array) => void | Promise<void>;

/** Gives lines of COPY text on with other values. */
export class EditedLines {
  readonly #edit: LineEdit;
  readonly #take: Take;
  /** The beginning of an incomplete line. */
  #rest: Uint8Array[] = [];

  constructor(edit: LineEdit, take: Take) {
    this.#edit = edit;
    this.#take = take;
  }

  /** Takes the next bytes of the lines, which are the caller's again when the promise has resolved. */
  async push(bytes: Uint8Array): Promise<void> {
    let start = 0;
    let rows: Uint8Array[][] = [];
    let length = 0;
    for (let end = bytes.indexOf(lineFeed); end >= 0; end = bytes.indexOf(lineFeed, start)) {
      const line = this.#whole(bytes.subarray(start, end));
      rows.push(this.#pick(line));
      length += line.length;
      start = end + 1;
      if (length < pieceBytes) continue;
      await this.#give(rows);
      [rows, length] = [[], 0];
    }
    if (rows.length > 0) await this.#give(rows);
    if (start < bytes.length) this.#rest.push(Buffer.from(bytes.subarray(start)));
  }

  /** Whether the bytes so far end where a line ends. */
  get whole(): boolean {
    return this.#rest.length === 0;
  }

  #whole(end: Uint8Array): Uint8Array {
    if (this.#rest.length === 0) return end;
    const line = Buffer.concat([...this.#rest, end]);
    this.#rest = [];
    return line;
  }

  #pick(line: Uint8Array): Uint8Array[] {
    const fields = fieldsOf(line);
    return this.#edit.columns?.map((place) => fields[place] ?? nothing) ?? fields;
  }

  async #give(rows: readonly Uint8Array[][]): Promise<void> {
    const added = await this.#edit.added?.(rows);
    const lines = rows.map((row, index) => (added ? [...row, ...added[index]!] : row));
    const length = lines.reduce(
      (sum, line) => line.reduce((all, { length: one }) => all + one + 1, sum + 1),
      0,
    );
    const out = Buffer.allocUnsafe(length);
    let at = 0;
    for (const line of lines) {
      for (const [index, value] of line.entries()) {
        if (index > 0) out[at++] = tab;
        out.set(value, at);
        at += value.length;
      }
      out[at++] = lineFeed;
    }
    await this.#take(out.subarray(0, at));
  }
}

const nothing = new Uint8Array(0);
