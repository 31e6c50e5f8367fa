/** One run of rows (or bytes), encoded, compressed and hashed by itself. */
export interface Chunk {
  /** The entry of the archive that holds it. */
  readonly entry: string;
  /** Rows that end in it; 0 where the payload is no row stream. */
  readonly rows: number;
  /** Before compression. */
  readonly bytes: number;
  /** In the archive. */
  readonly storedBytes: number;
  /** The SHA-256 of the stored bytes, in hexadecimal. */
  readonly sha256: string;
}

/** A stream of bytes in the engine's own format, cut into chunks. */
export interface Payload {
  /** The folder of its entries: `data/3-orders`. */
  readonly name: string;
  readonly chunks: readonly Chunk[];
}

/** About how large a chunk is before it is compressed. A single row that is larger makes a larger one. */
export const chunkBytes = 4 * 1024 * 1024;

/** An engine writes what it reads into it. The archive implements it. */
export interface PayloadSink {
  /**
   * Opens a payload. `label` is for people and is made safe for a path; `extension` names the encoding.
   * Several may be open at once.
   */
  open(label: string, extension: string): PayloadWriter;
}

export interface PayloadWriter {
  /** See `Payload`. */
  readonly name: string;
  /**
   * Takes one chunk; the caller cuts at row ends and must not change `bytes` until `release` is called, which need not
   * happen when something fails. Resolves when there is room for the next one (back-pressure); rejects if an earlier
   * one failed.
   */
  writeChunk(bytes: Uint8Array, rows: number, release?: () => void): Promise<void>;
  /** Ends the payload: it takes no more chunks. Resolves when it is written, with its description for the manifest. */
  finish(): Promise<Payload>;
}

/** An engine restores from it. The archive implements it; every chunk is checked as it is read. */
export interface PayloadSource {
  /** It was encrypted: its content is written to a disk only where that cannot be avoided. */
  readonly secret?: boolean;
  /**
   * Reads a payload in order, decompressed: chunk by chunk, very large ones in pieces. The caller owns the bytes. Throws
   * `damaged-backup` with the entry's name.
   */
  read(payload: Payload, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** Reads one chunk, decompressed: for a viewer that shows a page. The caller owns the bytes. */
  readChunk(chunk: Chunk): Promise<Uint8Array>;
}

/** The chunks of a damaged backup. `read` gives zeros in place of damaged ones. */
export interface DamagedSource extends PayloadSource {
  /** Whether the chunk is complete, by its checksum. */
  holds(chunk: Chunk): boolean;
}
