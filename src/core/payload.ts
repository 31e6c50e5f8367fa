/** One run of rows (or bytes), encoded, compressed and hashed by itself. */
export interface Chunk {
  /** The entry of the archive that holds it. */
  readonly entry: string;
  /** Rows that end in it; 0 where the payload is no row stream. */
  readonly rows: number;
  /** Before compression. */
  readonly bytes: number;
  /** As it is in the archive. */
  readonly storedBytes: number;
  /** The SHA-256 of the stored bytes, in hexadecimal. */
  readonly sha256: string;
}

/** A stream of bytes in the engine's own tongue, cut into chunks. */
export interface Payload {
  /** The folder of its entries: `data/3-orders`. */
  readonly name: string;
  readonly chunks: readonly Chunk[];
}

/** About how large a chunk is before it is compressed. A single row that is larger makes a larger one. */
export const chunkBytes = 4 * 1024 * 1024;

/** Where an engine puts what it reads. The archive implements it. */
export interface PayloadSink {
  /**
   * Opens a payload. `label` is for people and is made safe for a path; `extension` tells the encoding.
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
  /** Resolves when all is written, with what the manifest says of it. */
  finish(): Promise<Payload>;
}

/** Where an engine takes what it restores from. The archive implements it; every chunk is checked as it is read. */
export interface PayloadSource {
  /** It was encrypted: where it can be helped, what is read from it does not lie on a disk. */
  readonly secret?: boolean;
  /**
   * A payload in its order, decompressed: chunk by chunk, and very large ones in pieces. What it gives is the caller's
   * own. Throws `damaged-backup` with the entry's name.
   */
  read(payload: Payload, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** One chunk, decompressed: for a viewer that shows a page. It is the caller's own. */
  readChunk(chunk: Chunk): Promise<Uint8Array>;
}

/** The chunks of a damaged backup. `read` gives zeros in place of what does not hold. */
export interface DamagedSource extends PayloadSource {
  /** Whether all of it is there, as its checksum says. */
  holds(chunk: Chunk): boolean;
}
