import { writeArchive } from '../../archive/writeArchive.ts';
import type { Encryption } from '../../archive/encryption/keys.ts';
import type { WrittenRow } from '../../core/chosenRows.ts';
import { maxLineBytes } from '../../core/byteLines.ts';
import { RestorePointError } from '../../core/errors.ts';
import type { Manifest, WrittenTable } from '../../core/manifest.ts';
import { formatTableName } from '../../core/names.ts';
import { chunkBytes, type Payload, type PayloadWriter } from '../../core/payload.ts';
import { rowLineAsJson, rowLineOf } from '../../core/rowLines.ts';
import { version } from '../../core/version.ts';
import type { Session } from '../../engines/engine.ts';
import { newSafetyFile, type SafetyOptions } from '../safetyBackup.ts';
import type { RowsOfTable } from './chosenRows.ts';

/** A table with the numbers of rows that were written. */
export type WrittenRowsOfTable = RowsOfTable & {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
};

/** Takes every row that is written. */
export type AddRow = (table: RowsOfTable, row: WrittenRow) => Promise<void>;

const compression = 'zstd';

/**
 * Writes a safety backup of exactly the rows that a restore writes, with their values before and after: `fill` gives them, and
 * when it resolves, the file is there. If anything fails, no file is left.
 */
export async function writeSafetyRows(
  session: Session,
  encryption: Encryption | undefined,
  options: SafetyOptions & { readonly safetyFolder: string },
  fill: (add: AddRow) => Promise<readonly WrittenRowsOfTable[]>,
): Promise<{ readonly file: string; readonly fingerprint: string }> {
  const { file, anotherFile, lock } = await newSafetyFile(session, encryption, options);
  const { logger } = options;
  const archive = { compression, logger, another: anotherFile, ...(lock ? { lock } : {}) } as const;
  return await writeArchive(file, archive, async (sink) => {
    const writer = new LineWriter(sink.open('rows', 'ndjson'));
    const tables = await fill((table, row) => writer.add(lineOf(table, row)));
    return manifestOf(session, await writer.finish(), tables, options);
  });
}

/** Cuts lines into chunks. */
class LineWriter {
  readonly #payload: PayloadWriter;
  #lines: Buffer[] = [];
  #bytes = 0;

  constructor(payload: PayloadWriter) {
    this.#payload = payload;
  }

  async add(line: Buffer): Promise<void> {
    this.#lines.push(line);
    this.#bytes += line.length;
    if (this.#bytes >= chunkBytes) await this.#flush();
  }

  async finish(): Promise<Payload> {
    if (this.#bytes > 0) await this.#flush();
    return await this.#payload.finish();
  }

  async #flush(): Promise<void> {
    const [bytes, rows] = [Buffer.concat(this.#lines), this.#lines.length];
    this.#lines = [];
    this.#bytes = 0;
    await this.#payload.writeChunk(bytes, rows);
  }
}

function manifestOf(
  { info }: Session,
  payload: Payload,
  tables: readonly WrittenRowsOfTable[],
  { connection }: SafetyOptions,
): Manifest {
  return {
    format: 'restore-point',
    formatVersion: 1,
    createdAt: new Date().toISOString(),
    createdBy: version,
    source: { ...info, ...(connection === undefined ? {} : { connection }) },
    purpose: 'safety',
    complete: false,
    compression,
    tables: [],
    objects: [],
    sequences: [],
    leftOut: [],
    writtenRows: { payload: payload.name, tables: tables.map(writtenTable) },
    payloads: [payload],
  };
}

function columnsOf({ columns, otherColumns }: RowsOfTable): string[] {
  return [...columns.map(({ second }) => second), ...otherColumns];
}

function writtenTable(table: WrittenRowsOfTable): WrittenTable {
  const { target, columns, key, inserted, updated, deleted } = table;
  return {
    name: target,
    columns: columnsOf(table),
    ...(key ? { key: key.map((place) => columns[place]!.second) } : {}),
    inserted,
    updated,
    deleted,
  };
}

function lineOf(table: RowsOfTable, { before, after }: WrittenRow): Buffer {
  const { target: name, key } = table;
  const lined = { name, columns: columnsOf(table), ...(key ? { key } : {}) };
  const states = { ...(before ? { first: before } : {}), ...(after ? { second: after } : {}) };
  let text: string;
  try {
    text = `${JSON.stringify(rowLineAsJson(rowLineOf(lined, states)))}\n`;
  } catch (error) {
    // No text can be as long as that.
    if (error instanceof RangeError) throw tooLong(table, error);
    throw error;
  }
  const line = Buffer.from(text);
  if (line.length > maxLineBytes) throw tooLong(table);
  return line;
}

function tooLong({ target }: RowsOfTable, cause?: unknown): RestorePointError {
  return new RestorePointError('refused', 'A row of this table is too long for a safety backup of rows', {
    place: { table: formatTableName(target) },
    next: 'To restore without one, add --no-safety-backup.',
    ...(cause === undefined ? {} : { cause }),
  });
}
