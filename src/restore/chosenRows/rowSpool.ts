import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { mkdtemp, open, rmdir, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import type { ChosenRow } from '../../core/chosenRows.ts';
import { fileReason, RestorePointError } from '../../core/errors.ts';
import { removeFile } from '../../core/ownFiles.ts';
import type { JsonValue } from '../../core/jsonValue.ts';
import { valueAsJson, valueFromJson } from '../../core/rowLines.ts';
import type { Row } from '../../core/values.ts';

/** About how many bytes of one table are written at a time. */
const blockBytes = 256 * 1024;

/** How many bytes wait to be written, of all tables together. */
const waitingBytes = 8 * 1024 * 1024;

interface Block {
  readonly offset: number;
  readonly length: number;
  readonly iv: Buffer;
}

/** A table's rows: blocks on the disk, then lines that are still in memory. */
interface Run {
  readonly blocks: Block[];
  lines: Buffer[];
  bytes: number;
}

/**
 * Rows of tables that are more than memory should hold, in the order in which they come. A temporary file takes what is
 * too much, encrypted with a key that is nowhere but in this memory: the rows of an encrypted backup must not be readable
 * on a disk.
 */
export class RowSpool {
  readonly #runs = new Map<number, Run>();
  readonly #key = randomBytes(32);
  #file: { readonly handle: FileHandle; readonly path: string } | undefined;
  #offset = 0;
  #waiting = 0;

  async add(table: number, row: ChosenRow): Promise<void> {
    const line = Buffer.from(`${JSON.stringify([asJson(row.seen), asJson(row.wanted)])}\n`);
    const run = this.#runs.get(table) ?? { blocks: [], lines: [], bytes: 0 };
    this.#runs.set(table, run);
    run.lines.push(line);
    run.bytes += line.length;
    this.#waiting += line.length;
    if (run.bytes >= blockBytes) await this.#write(run);
    if (this.#waiting >= waitingBytes) for (const one of this.#runs.values()) await this.#write(one);
  }

  /** The rows of a table so far, as pages of bounded size; as often as wanted. */
  async *rows(table: number): AsyncGenerator<readonly ChosenRow[]> {
    const run = this.#runs.get(table);
    for (const block of run?.blocks ?? []) yield parse(await this.#read(block));
    if (run && run.lines.length > 0) yield parse(Buffer.concat(run.lines));
  }

  /** Never throws. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#runs.clear();
    if (!file) return;
    await file.handle.close().catch(() => 'it is of no use any more');
    await remove(file.path);
  }

  async #write(run: Run): Promise<void> {
    if (run.bytes === 0) return;
    const iv = randomBytes(16);
    const sealed = createCipheriv('aes-256-ctr', this.#key, iv).update(Buffer.concat(run.lines));
    try {
      this.#file ??= await temporaryFile();
      await this.#file.handle.write(sealed, 0, sealed.length, this.#offset);
    } catch (error) {
      throw failed(error);
    }
    run.blocks.push({ offset: this.#offset, length: sealed.length, iv });
    this.#offset += sealed.length;
    this.#waiting -= run.bytes;
    run.lines = [];
    run.bytes = 0;
  }

  async #read({ offset, length, iv }: Block): Promise<Buffer> {
    const sealed = Buffer.alloc(length);
    const { bytesRead } = await this.#file!.handle.read(sealed, 0, length, offset).catch((error: unknown) => {
      throw failed(error);
    });
    if (bytesRead !== length) throw failed(new Error('it is shorter than what was written'));
    return createDecipheriv('aes-256-ctr', this.#key, iv).update(sealed);
  }
}

/** Where the system allows it, the file has no name any more: nothing is left of it, whatever happens. */
async function temporaryFile(): Promise<{ handle: FileHandle; path: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'restore-point-rows-'));
  const file = path.join(folder, 'rows');
  const handle = await open(file, 'wx+', 0o600);
  if (process.platform !== 'win32') await remove(file);
  return { handle, path: file };
}

async function remove(file: string): Promise<void> {
  await removeFile(file).catch(() => 'the system clears its folder of temporary files');
  await rmdir(path.dirname(file)).catch(() => 'the same');
}

function failed(error: unknown): RestorePointError {
  return new RestorePointError('file', `A temporary file of rows cannot be used: ${fileReason(error)}`, {
    place: { file: tmpdir() },
    cause: error,
  });
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
