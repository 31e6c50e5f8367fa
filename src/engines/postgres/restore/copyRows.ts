import { RestorePointError } from '../../../core/errors.ts';
import type { TableName } from '../../../core/names.ts';
import { binaryHeader, BinaryRows, binaryTrailer, type ConvertedRows } from '../rows/binaryRows.ts';
import { valueWriters, type WriteValue, writeText } from '../rows/binaryValues.ts';
import { quoteList, quoteName } from '../connect/identifiers.ts';
import type { Transaction } from '../connect/transaction.ts';

/** Pieces of COPY text that are sent at once. */
const pieceBytes = 256 * 1024;
/** In the binary form each value takes four bytes more than its own: short ones gain nothing and make it long. */
const maxGrowth = 1.25;
const lineFeed = 0x0a;
const nothing = Buffer.alloc(0);

/** The target of rows, and the way to write them. */
export interface CopyTarget {
  /** Quoted, for SQL. */
  readonly name: string;
  /** The columns of the COPY text, in order. */
  readonly columns: readonly string[];
  /** No other session has seen the table in its present state: see `COPY … FREEZE`. */
  readonly frozen?: boolean;
  /** The types of the columns, if they are known: rows are converted if that is faster. */
  readonly writers?: readonly WriteValue[] | undefined;
}

/**
 * Puts rows of COPY text into a table. `source` gives them in parts, most of which end at the end of a row; `sent` gets
 * of each piece when the system has taken it. Resolves to the number of rows that the server took.
 */
export async function copyRows(
  transaction: Transaction,
  target: CopyTarget,
  source: AsyncIterable<Uint8Array>,
  sent: (piece: Uint8Array) => void,
): Promise<number> {
  const texts = source[Symbol.asyncIterator]();
  try {
    return await new RowCopy(transaction, target, texts, sent).run();
  } finally {
    // It was read to its end, or there is something worse to tell.
    await texts.return?.().catch(() => undefined);
  }
}

/** Several COPY commands, one after the other, where some of the rows are converted and others are not. */
class RowCopy {
  readonly #transaction: Transaction;
  readonly #target: CopyTarget;
  readonly #texts: AsyncIterator<Uint8Array>;
  readonly #sent: (piece: Uint8Array) => void;
  readonly #binary: BinaryRows | undefined;
  /** The next rows that are sent in binary form. */
  #piece: ConvertedRows | undefined;
  #text: Buffer = nothing;
  /** The part of it that is sent. */
  #at = 0;

  constructor(
    transaction: Transaction,
    target: CopyTarget,
    texts: AsyncIterator<Uint8Array>,
    sent: (piece: Uint8Array) => void,
  ) {
    this.#transaction = transaction;
    this.#target = target;
    this.#texts = texts;
    this.#sent = sent;
    if (target.writers && target.writers.length > 0) this.#binary = new BinaryRows(target.writers);
  }

  async run(): Promise<number> {
    let rows = 0;
    await this.#fill();
    this.#convert();
    do rows += await this.#copy(rows);
    while (this.#at < this.#text.length);
    return rows;
  }

  async #copy(rowsBefore: number): Promise<number> {
    const { name, columns, frozen } = this.#target;
    const binary = this.#piece !== undefined;
    // Without a list COPY uses every column that is not generated: here there are none.
    const list = columns.length > 0 ? ` (${quoteList(columns)})` : '';
    const options = [...(binary ? ['FORMAT binary'] : []), ...(frozen ? ['FREEZE'] : [])];
    const how = options.length > 0 ? ` WITH (${options.join(', ')})` : '';
    const bytes = binary ? this.#converted() : this.#asTheyAre();
    try {
      return await this.#transaction.copyIn(`COPY ${name}${list} FROM STDIN${how}`, bytes);
    } catch (error) {
      throw afterRows(error, rowsBefore);
    }
  }

  async *#converted(): AsyncIterable<Uint8Array> {
    yield binaryHeader;
    while (this.#piece) {
      yield this.#piece.bytes;
      this.#take(this.#piece.end);
      await this.#fill();
      this.#convert();
    }
    yield binaryTrailer;
  }

  /** To the end of a part at least: rows that only the server can read may be many. */
  async *#asTheyAre(): AsyncIterable<Uint8Array> {
    while (this.#at < this.#text.length && !this.#piece) {
      const end = Math.min(this.#text.length, this.#at + pieceBytes);
      yield this.#text.subarray(this.#at, end);
      const endsPart = end === this.#text.length && this.#text[end - 1] === lineFeed;
      this.#take(end);
      await this.#fill();
      if (endsPart) this.#convert();
    }
  }

  /** Makes the next piece, where its rows can be converted and do not become too long. */
  #convert(): void {
    this.#piece = this.#binary?.convert(this.#text, this.#at);
    if (!this.#piece) return;
    const { bytes, end } = this.#piece;
    if (end === this.#at || bytes.length > maxGrowth * (end - this.#at)) this.#piece = undefined;
  }

  #take(end: number): void {
    this.#sent(this.#text.subarray(this.#at, end));
    this.#at = end;
  }

  /** Takes the next part when all of this one is sent; no bytes mean that there is no further part. */
  async #fill(): Promise<void> {
    while (this.#at === this.#text.length) {
      // The source may reuse the buffer from now on.
      [this.#text, this.#at] = [nothing, 0];
      const next = await this.#texts.next();
      if (next.done) return;
      const { buffer, byteOffset, byteLength } = next.value;
      this.#text = Buffer.from(buffer, byteOffset, byteLength);
    }
  }
}

/** The server counts the rows of one command. */
function afterRows(error: unknown, rowsBefore: number): unknown {
  if (!RestorePointError.is(error) || error.details.place?.row === undefined) return error;
  const place = { ...error.details.place, row: rowsBefore + error.details.place.row };
  return new RestorePointError(error.code, error.message, { ...error.details, place });
}

/** A domain is sent as what it is made of, and an enumeration as the text of its label. */
const typesQuery = `
  WITH RECURSIVE types AS (
    SELECT a.attname AS name, t.oid, t.typtype, t.typbasetype
      FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
     WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT d.name, t.oid, t.typtype, t.typbasetype
      FROM types d JOIN pg_type t ON t.oid = d.typbasetype
     WHERE d.typtype = 'd')
  SELECT name, oid::bigint::float8 AS type, typtype = 'e' AS label FROM types WHERE typtype <> 'd'`;

/** Writers of the values of these columns; undefined where those of one of them have to be sent as texts. */
export async function writersOf(
  transaction: Transaction,
  table: TableName,
  columns: readonly string[],
): Promise<WriteValue[] | undefined> {
  const found = await transaction.rows<{ name: string; type: number; label: boolean }>(typesQuery, [
    quoteName(table),
  ]);
  const types = new Map(found.map((column) => [column.name, column]));
  const writers: WriteValue[] = [];
  for (const column of columns) {
    const type = types.get(column);
    const writer = type?.label ? writeText : type && valueWriters.get(type.type);
    if (!writer) return undefined;
    writers.push(writer);
  }
  return writers;
}
