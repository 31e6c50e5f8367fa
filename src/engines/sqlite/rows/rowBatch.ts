import type { Row, Value } from '../../../core/values.ts';
import type { Binding, Connection } from '../connect/connection.ts';
import { encodeText } from '../schema/textEncoding.ts';
import { quoteList } from './copyRows.ts';
import { literalOf } from './rowText.ts';

/** SQLite binds 32,766 values at most. */
const mostBindings = 30_000;

/** About how many characters and bytes one statement writes. */
const batchBytes = 1 << 15;

/** Rows for one INSERT, of exactly these values. */
export class RowBatch {
  readonly #into: string;
  readonly #columns: number;
  readonly #encoding: string;
  #rows: string[] = [];
  #bindings: Binding[] = [];
  #bytes = 0;

  /** `table` is quoted; `encoding`: how its database stores text. */
  constructor(table: string, columns: readonly string[], encoding: string) {
    this.#into = `INSERT OR ABORT INTO ${table} (${quoteList(columns)}) VALUES `;
    this.#columns = columns.length;
    this.#encoding = encoding;
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

  /** Numbers as literals, because the driver would round them; no bytes too, because it would bind them as NULL. */
  #valueOf(value: Value): string {
    if (value?.kind === 'bytes' && value.bytes.length > 0) {
      return this.#bind(value.bytes, value.invalidText ? 'CAST(? AS TEXT)' : '?');
    }
    if (value?.kind === 'text' && value.text !== '') {
      if (this.#encoding === 'UTF-8') return this.#bind(value.text, '?');
      // SQLite would convert some characters, such as U+FFFE, to others.
      return this.#bind(encodeText(value.text, this.#encoding), 'CAST(? AS TEXT)');
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
