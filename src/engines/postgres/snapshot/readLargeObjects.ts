import { chunkBytes, type Payload, type PayloadSink } from '../../../core/payload.ts';
import type { WorkOptions } from '../../engine.ts';
import { describeFailure } from '../connect/errors.ts';
import type { BackedUpLargeObjects, StoredRows } from '../schema/extras.ts';
import { countQuery, objectsQuery, readablePiecesQuery, rolesQuery } from '../schema/largeObjectSql.ts';
import { ByteProgress } from '../rows/progress.ts';
import { RowRuns } from '../rows/rowRuns.ts';
import type { Transaction } from '../connect/transaction.ts';

/** How many large objects this user may read. */
export async function countLargeObjects(transaction: Transaction): Promise<number> {
  const [row] = await transaction.rows<{ count: number }>(countQuery);
  return row!.count;
}

/** Reads what large objects are, and what they hold, into two payloads of COPY text. */
export async function readLargeObjects(
  transaction: Transaction,
  sink: PayloadSink,
  options: WorkOptions,
): Promise<{ largeObjects: BackedUpLargeObjects; payloads: Payload[] }> {
  const progress = new ByteProgress('read', undefined, options.report);
  const payloads: Payload[] = [];
  const store = async (label: string, query: string): Promise<StoredRows> => {
    const writer = sink.open(label, 'copy');
    const runs = new RowRuns(chunkBytes, (...run) => writer.writeChunk(...run));
    await transaction.copyOut(`COPY (${query}) TO STDOUT`, (piece) => {
      progress.add(piece.length);
      return runs.push(piece);
    });
    await runs.finish();
    const payload = await writer.finish();
    payloads.push(payload);
    const { rows, digest } = runs.digest;
    return { payload: payload.name, rows, digest };
  };
  try {
    const [roles] =
      await transaction.rows<Pick<BackedUpLargeObjects, 'owners' | 'grantees' | 'grantors'>>(rolesQuery);
    const objects = await store('large-objects', objectsQuery);
    const pieces = await store('large-object-pieces', readablePiecesQuery);
    return { largeObjects: { objects, pieces, ...roles! }, payloads };
  } catch (error) {
    throw describeFailure(error);
  }
}
