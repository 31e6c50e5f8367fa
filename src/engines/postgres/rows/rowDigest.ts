import { rowDigestModule } from './rowDigestModule.ts';

/** The exports of `rowDigest.wat`. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  begin(): void;
  add(at: number, end: number): number;
}

/** Every Node.js has it, and the types of none: they are the browser's. */
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (module: object) => { readonly exports: object };
  };
};

const stateBytes = 96;
const inputAt = 128;
/** How much is handed over at once. */
const pieceBytes = 1024 * 1024;

/** One for all: each digest puts its own state into it before it works, and takes it out again. */
let shared: { readonly exports: Exports; readonly memory: Uint8Array } | undefined;

/**
 * Identifies a set of rows, whatever their order: their number, and the sum modulo 2^64 of the XXH64
 * (seed 0) of each row's bytes, without the line feed that ends it.
 */
export class RowDigest {
  readonly #state = new Uint8Array(stateBytes);

  constructor() {
    const { exports, memory } = work();
    memory.fill(0, 0, stateBytes);
    exports.begin();
    this.#state.set(memory.subarray(0, stateBytes));
  }

  /** Rows that have ended. */
  get rows(): number {
    return Number(this.#word(48));
  }

  /** Whether the bytes so far end where a row ends. */
  get whole(): boolean {
    return this.#word(32) === 0n;
  }

  /** 16 hexadecimal digits. */
  get digest(): string {
    return this.#word(40).toString(16).padStart(16, '0');
  }

  /**
   * Adds the next bytes of the rows. Gives back where in `bytes` the last row ends that ends there, its line feed
   * included; 0 when none does.
   */
  add(bytes: Uint8Array): number {
    const { exports, memory } = work();
    let last = 0;
    memory.set(this.#state, 0);
    for (let start = 0; start < bytes.length; start += pieceBytes) {
      const piece = bytes.length > pieceBytes ? bytes.subarray(start, start + pieceBytes) : bytes;
      memory.set(piece, inputAt);
      const end = exports.add(inputAt, inputAt + piece.length);
      if (end > 0) last = start + end - inputAt;
    }
    this.#state.set(memory.subarray(0, stateBytes));
    return last;
  }

  #word(at: number): bigint {
    return new DataView(this.#state.buffer).getBigUint64(at, true);
  }
}

function work(): NonNullable<typeof shared> {
  if (shared) return shared;
  const module = new WebAssembly.Module(Buffer.from(rowDigestModule, 'base64'));
  const exports = new WebAssembly.Instance(module).exports as Exports;
  shared = { exports, memory: new Uint8Array(exports.memory.buffer) };
  return shared;
}
