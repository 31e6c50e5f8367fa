import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Logger } from '../core/logger.ts';
import type { Compression, Manifest } from '../core/manifest.ts';
import { freeBytes } from '../core/memory.ts';
import type { Chunk, Payload, PayloadSink, PayloadWriter } from '../core/payload.ts';
import { RestorePointError } from '../core/errors.ts';
import type { ByteSink } from './byteSink.ts';
import { codecs } from './compression.ts';
import type { Lock } from './encryption/keys.ts';
import { SealingSink } from './encryption/sealingSink.ts';
import { toJson } from './manifestJson.ts';
import { excessOf } from '../core/jsonLimits.ts';
import type { AnotherPath } from './publish.ts';
import { writeNewFile } from './writeNewFile.ts';
import { directory, endOf, entryOf, localHeader, maxEntryBytes, type ZipEntry } from './zip.ts';

export interface WriteArchiveOptions {
  readonly compression: Compression;
  /** The keys to encrypt the file to; without it, the file is not encrypted. */
  readonly lock?: Lock;
  readonly logger: Logger;
  /** Without it, it is an error if the path has been taken in the meantime. */
  readonly another?: AnotherPath;
}

/** The entries that every backup ends with. */
export const schemaEntry = 'schema.sql';
export const manifestEntry = 'manifest.json';

/** See `Archive.fingerprint`. */
export function fingerprintOf(manifest: Uint8Array): string {
  return createHash('sha256').update(manifest).digest('hex');
}

/**
 * How many chunks may be compressed or written at a time: what bounds the memory of a backup. Two more than there are
 * processors, so that none of them waits for the next chunk.
 */
const chunksAtOnce = 2 + Math.min(4, availableParallelism());

/** A backup that has its final name. */
export interface WrittenArchive {
  /** The path, which is another one than was asked for if that was taken in the meantime. */
  readonly file: string;
  readonly bytes: number;
  /** See `Archive.fingerprint`. */
  readonly fingerprint: string;
  readonly manifest: Manifest;
}

/**
 * Writes one backup: `fill` puts payloads into the sink and resolves to the manifest. If anything fails, no file is left.
 * Throws `file`, `usage` for an invalid recipient, `refused` for more than a reader accepts, and what `fill` throws.
 */
export async function writeArchive(
  file: string,
  { compression, lock, ...options }: WriteArchiveOptions,
  fill: (sink: PayloadSink) => Promise<Manifest>,
): Promise<WrittenArchive> {
  const seal = lock && (await SealingSink.prepare(lock));
  const written = await writeNewFile(file, { ...options, ...(seal ? { seal } : {}) }, async (sink) => {
    const entries = new ArchiveEntries(sink, file, compression);
    try {
      const manifest = await fill(entries);
      return { manifest, fingerprint: await entries.end(manifest) };
    } finally {
      await entries.stop();
    }
  });
  return { file: written.file, bytes: written.bytes, ...written.result };
}

/** The entries of one backup. Chunks are compressed side by side and written in the order in which they came. */
class ArchiveEntries implements PayloadSink {
  readonly #sink: Pick<ByteSink, 'write'>;
  readonly #file: string;
  readonly #compression: Compression;
  readonly #entries: ZipEntry[] = [];
  #offset = 0;
  #payloads = 0;
  #unfinished = 0;
  /** Resolves when everything accepted so far is written; rejects with the first error. */
  #written: Promise<void> = Promise.resolve();
  #failed = false;
  #inFlight: Promise<void>[] = [];

  /** `file` is for messages. */
  constructor(sink: Pick<ByteSink, 'write'>, file: string, compression: Compression) {
    this.#sink = sink;
    this.#file = file;
    this.#compression = compression;
  }

  open(label: string, extension: string): PayloadWriter {
    const name = `data/${++this.#payloads}-${safeLabel(label)}`;
    const codec = codecs[this.#compression];
    const chunks: Chunk[] = [];
    let count = 0;
    let finished = false;
    const refuseFinished = (): void => {
      if (finished) throw new Error(`${name} is finished`);
    };
    this.#unfinished++;
    return {
      name,
      writeChunk: async (bytes, rows, release) => {
        refuseFinished();
        const entry = `${name}/${++count}.${extension}${codec.suffix}`;
        const compressed = codec.compress(bytes);
        // Without compression, the bytes themselves are written.
        if (release && codec.suffix !== '') compressed.then(release, () => undefined);
        await this.#enqueue(compressed, entry, (stored) => {
          chunks.push({
            entry,
            rows,
            bytes: bytes.length,
            storedBytes: stored.length,
            sha256: createHash('sha256').update(stored).digest('hex'),
          });
        });
      },
      finish: async (): Promise<Payload> => {
        refuseFinished();
        finished = true;
        this.#unfinished--;
        await this.#written;
        return { name, chunks };
      },
    };
  }

  /**
   * Writes the last entries. Resolves to the fingerprint. Throws `refused` for more than a reader accepts: a backup that
   * could not be read again must not look like one.
   */
  async end(manifest: Manifest): Promise<string> {
    if (this.#unfinished > 0) throw new Error(`${this.#unfinished} payloads are not finished`);
    await this.#written;
    const json = Buffer.from(JSON.stringify(toJson(manifest), undefined, 1), 'utf8');
    const excess = excessOf(json);
    if (excess !== undefined) {
      throw new RestorePointError(
        'refused',
        `There are too many tables and columns for one backup: ${excess}`,
        {
          place: { entry: manifestEntry },
          next: 'Back up some of the tables at a time.',
        },
      );
    }
    await this.#append(schemaEntry, Buffer.from(schemaText(manifest), 'utf8'));
    await this.#append(manifestEntry, json);
    await this.#write([directory(this.#entries, this.#offset)]);
    return fingerprintOf(json);
  }

  /** Resolves when nothing is written any more. Never throws. */
  async stop(): Promise<void> {
    this.#failed = true;
    await this.#written.catch(() => 'reported by the call that failed');
  }

  async #enqueue(
    compressed: Promise<Uint8Array>,
    entry: string,
    done: (stored: Uint8Array) => void,
  ): Promise<void> {
    const job = Promise.all([compressed, this.#written]).then(async ([stored]) => {
      if (this.#failed) return;
      done(stored);
      await this.#append(entry, stored);
      // Without compression, the caller owns them.
      if (codecs[this.#compression].suffix !== '') freeBytes(stored);
    });
    this.#written = job;
    this.#inFlight.push(job);
    // Waiting happens below and in `finish`; without this a second failure would count as unhandled.
    job.catch(() => (this.#failed = true));
    if (this.#inFlight.length >= chunksAtOnce) await this.#inFlight.shift();
  }

  async #append(name: string, data: Uint8Array): Promise<void> {
    if (data.length > maxEntryBytes) {
      throw new RestorePointError('file', `One row is larger than a backup can hold (${data.length} bytes)`, {
        place: { file: this.#file, entry: name },
      });
    }
    const entry = entryOf(name, this.#offset, data);
    await this.#write([localHeader(entry), data]);
    this.#entries.push(entry);
    if (this.#offset !== endOf(entry)) throw new Error(`entry ${name} does not end where it was written`);
  }

  async #write(parts: Uint8Array[]): Promise<void> {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    await this.#sink.write(parts);
    this.#offset += length;
  }
}

/** A label is for people who look into the file: it never decides anything, so it may lose its odd characters. */
function safeLabel(label: string): string {
  return (
    label
      .replace(/[^A-Za-z0-9_.-]+/g, '_')
      .replace(/^\.+/, '_')
      .slice(0, 60) || 'table'
  );
}

function schemaText(manifest: Manifest): string {
  const { database, serverVersion } = manifest.source;
  const head = `-- The schema of this backup of ${comment(database)} (${comment(serverVersion)}), for people to read.\n`;
  const statements = manifest.objects.map(
    (object) => `-- ${object.kind}: ${comment(object.name)}\n${object.sql};\n`,
  );
  return [head, ...statements].join('\n');
}

function comment(text: string): string {
  return text.replace(/[\r\n]+/g, ' ');
}
