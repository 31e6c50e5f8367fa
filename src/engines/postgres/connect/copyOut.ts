import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type pg from 'pg';
import { DirectSocket } from './directSocket.ts';

/**
 * Takes a piece of what the server sends; the sender waits for its promise. The bytes are overwritten afterwards: what is
 * kept of them is copied at once.
 */
export type TakePiece = (piece: Uint8Array) => void | Promise<void>;

const message = { copyData: 0x64, copyDone: 0x63, error: 0x45, ready: 0x5a };
const headerBytes = 5;

/**
 * Bytes after which other work of this thread gets its turn: while there is something to read, Node.js reads up to 32
 * times before it looks at anything else.
 */
const turnBytes = 256 * 1024;

export interface CopyHandler {
  readonly take: TakePiece;
  /** The bytes of one of several statements have all been taken. */
  readonly ended?: () => void;
  /** Has to make the server stop: `take` has thrown. */
  readonly abandon: () => void;
}

/**
 * Runs `COPY … TO STDOUT`, or several of them in one text with a semicolon between, and gives `take` the bytes as they
 * come, waiting for it where it waits (back-pressure). When `take` throws, what the server still sends is dropped before
 * the error comes out, so that the connection is usable again.
 */
export function copyOut(client: pg.Client, sql: string, handler: CopyHandler): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(new CopyOut(sql, handler, resolve, reject));
  });
}

/**
 * A query in the driver's sense. While rows come it reads the socket in the driver's place: the driver makes an object
 * of every message, that is of every row, where all that is wanted is their bytes one after another.
 */
class CopyOut implements pg.Submittable {
  readonly #sql: string;
  readonly #handler: CopyHandler;
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;
  #stream: Socket | undefined;
  #driver: ((bytes: Buffer) => void) | undefined;
  /** The beginning of a message's header, where it came in two pieces. */
  readonly #header = Buffer.alloc(headerBytes);
  #headerLength = 0;
  /** In the current message. */
  #code = 0;
  #left = 0;
  #failure: { readonly error: unknown } | undefined;
  /** Bytes since others had their turn. */
  #handled = 0;

  constructor(sql: string, handler: CopyHandler, resolve: () => void, reject: (error: Error) => void) {
    this.#sql = sql;
    this.#handler = handler;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: pg.Connection): void {
    const stream = connection.stream as Socket;
    const [driver, ...others] = stream.listeners('data') as ((bytes: Buffer) => void)[];
    if (!driver || others.length > 0) throw new Error('The driver does not read its socket as it used to');
    this.#stream = stream;
    this.#driver = driver;
    if (stream instanceof DirectSocket) stream.divert(this.#read);
    else stream.off('data', driver).on('data', this.#read);
    connection.query(this.#sql);
  }

  handleError(error: Error): void {
    this.#giveBack(Buffer.alloc(0));
    this.#reject(this.#failure ? asError(this.#failure.error) : error);
  }

  handleCommandComplete(): void {
    // Only the driver's way of saying that ReadyForQuery comes next.
  }

  handleReadyForQuery(): void {
    if (this.#failure) this.#reject(asError(this.#failure.error));
    else this.#resolve();
  }

  /** Moves the bytes of the rows together within the piece, over the headers between them. */
  readonly #read = (bytes: Buffer): void => {
    let at = 0;
    let end = 0;
    while (at < bytes.length) {
      if (this.#left === 0) {
        const wanted = headerBytes - this.#headerLength;
        this.#headerLength += bytes.copy(this.#header, this.#headerLength, at, at + wanted);
        at += wanted;
        if (this.#headerLength < headerBytes) break;
        this.#headerLength = 0;
        this.#code = this.#header[0]!;
        this.#left = this.#header.readUInt32BE(1) - 4;
        if (this.#code === message.error || this.#code === message.ready) {
          this.#give(bytes.subarray(0, end));
          this.#giveBack(Buffer.concat([this.#header, bytes.subarray(at)]));
          return;
        }
        if (this.#code === message.copyDone) {
          this.#give(bytes.subarray(0, end));
          end = 0;
          if (!this.#failure) this.#handler.ended?.();
        }
      }
      const length = Math.min(this.#left, bytes.length - at);
      if (this.#code === message.copyData) {
        bytes.copyWithin(end, at, at + length);
        end += length;
      }
      this.#left -= length;
      at += length;
    }
    this.#give(bytes.subarray(0, end));
  };

  #give(piece: Uint8Array): void {
    if (piece.length === 0 || this.#failure) return;
    try {
      const waiting = this.#handler.take(piece) ?? this.#turn(piece.length);
      if (!waiting) return;
      const stream = this.#stream!;
      stream.pause();
      waiting.then(
        () => stream.resume(),
        (error: unknown) => this.#fail(error),
      );
    } catch (error) {
      this.#fail(error);
    }
  }

  #turn(bytes: number): Promise<void> | undefined {
    this.#handled += bytes;
    if (this.#handled < turnBytes) return undefined;
    this.#handled = 0;
    return nextTurn();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#stream!.resume();
    this.#handler.abandon();
  }

  /** Lets the driver read again, from these bytes on. */
  #giveBack(bytes: Buffer): void {
    const [stream, driver] = [this.#stream, this.#driver];
    if (!stream || !driver) return;
    this.#driver = undefined;
    if (stream instanceof DirectSocket) stream.divert(undefined);
    else stream.off('data', this.#read).on('data', driver);
    driver(bytes);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
