import { messageOf } from '../../core/errors.ts';
import type { WorkOptions } from '../engine.ts';
import type { CatalogTable } from './catalog.ts';
import { Connection } from './connection.ts';
import { provenIndexes, type RootPages } from './fileFormat/indexProof.ts';
import { DisorderedRows, type PageFile, UnclearFile } from './fileFormat/pages.ts';
import type { FileOnDisk } from './fileOnDisk.ts';
import { quoteText } from './identifiers.ts';
import { checkedIndexes, readRoots } from './payloadChecks.ts';

/** A database file, and the connection whose transaction keeps others from writing to it. */
export interface LiveFile {
  readonly connection: Connection;
  readonly file: string;
  readonly onDisk: Pick<FileOnDisk, 'pages'>;
}

/**
 * Whether the rows of a table are in order, and each of its indexes in step with them, is proven from the file itself, which
 * takes a fraction of SQLite's time and none of the connection's. The transaction must not have written to the table.
 */
export class ProofOnDisk {
  /** False where nothing is sure. Rejects with `cancelled` alone. */
  readonly proven: Promise<boolean>;

  private constructor(proven: Promise<boolean>) {
    this.proven = proven;
    proven.catch(() => 'told to whoever asks');
  }

  /** Resolves when it does not need the connection any more. */
  static async begin(live: LiveFile, table: CatalogTable, options: WorkOptions): Promise<ProofOnDisk> {
    const indexes = checkedIndexes(table);
    const provable = indexes.length === table.indexes.length && (await isAllInFile(live, options));
    if (!provable) return new ProofOnDisk(Promise.resolve(false));
    const roots = await readRoots(live.connection, options.signal);
    return new ProofOnDisk(prove(live, table, roots, options));
  }
}

async function prove(
  { onDisk }: LiveFile,
  table: CatalogTable,
  roots: RootPages,
  { signal, logger }: WorkOptions,
): Promise<boolean> {
  let pages: PageFile | undefined;
  try {
    pages = await onDisk.pages();
    const proven = await provenIndexes(pages, table, table.indexes, roots, { ordered: true, signal });
    return proven.size === table.indexes.length;
  } catch (error) {
    if (signal?.aborted) throw error;
    if (!(error instanceof UnclearFile || error instanceof DisorderedRows))
      logger.debug(`The pages of ${table.name} could not be read: ${messageOf(error)}`);
    return false;
  } finally {
    await pages?.close();
  }
}

/** The same by SQLite. */
export async function isIntact(
  connection: Connection,
  { name }: CatalogTable,
  signal?: AbortSignal,
): Promise<boolean> {
  const problems = await connection.all<{ integrity_check: string }>(
    `PRAGMA main.integrity_check(${quoteText(name)})`,
    [],
    signal,
  );
  return problems.length === 1 && problems[0]?.integrity_check === 'ok';
}

/** Whether all that was committed is in the file, and not in a write-ahead log alone. */
async function isAllInFile({ connection, file }: LiveFile, { logger }: WorkOptions): Promise<boolean> {
  const [mode] = await connection.all<{ journal_mode: string }>('PRAGMA main.journal_mode');
  if (mode?.journal_mode !== 'wal') return true;
  // One that is in a transaction cannot.
  const other = await Connection.open(file, 'write');
  try {
    const [log] = await other.all<{ log: number; checkpointed: number }>(
      'PRAGMA main.wal_checkpoint(PASSIVE)',
    );
    return log !== undefined && log.log === log.checkpointed;
  } finally {
    await other.closeQuietly(logger);
  }
}
