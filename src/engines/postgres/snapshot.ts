import { RestorePointError } from '../../core/errors.ts';
import type { BackedUpTable } from '../../core/manifest.ts';
import { formatTableName, type TableName } from '../../core/names.ts';
import { chunkBytes, type Payload, type PayloadSink } from '../../core/payload.ts';
import { type DatabaseSchema, dataColumns, type Table } from '../../core/schema.ts';
import type { Snapshot, TableSelection, WorkOptions } from '../engine.ts';
import { checkCondition, withCondition } from './condition.ts';
import type { Database } from './connection.ts';
import { describeFailure } from './errors.ts';
import { introspect } from './introspect.ts';
import { lockTable } from './locks.ts';
import { TableProgress } from './progress.ts';
import { RowDigest } from './rowDigest.ts';
import { RowRuns } from './rowRuns.ts';
import { selectRows } from './selectRows.ts';
import { Transaction } from './transaction.ts';

/** A read transaction that sees one state of the database. */
export class PostgresSnapshot implements Snapshot {
  readonly schema: DatabaseSchema;
  readonly #transaction: Transaction;

  private constructor(transaction: Transaction, schema: DatabaseSchema) {
    this.#transaction = transaction;
    this.schema = schema;
  }

  static async open(database: Database, { signal }: WorkOptions): Promise<PostgresSnapshot> {
    const transaction = await Transaction.begin(database, 'read', signal);
    try {
      return new PostgresSnapshot(transaction, await introspect(transaction));
    } catch (error) {
      await transaction.close();
      throw describeFailure(error);
    }
  }

  async read(
    selection: readonly TableSelection[],
    sink: PayloadSink,
    options: WorkOptions,
  ): Promise<{ tables: BackedUpTable[]; payloads: Payload[] }> {
    const sizes: TableSize[] = [];
    for (const { table } of selection) sizes.push(await this.#secure(table.name));
    for (const { table, where } of selection) {
      if (where !== undefined) await checkCondition(this.#transaction, { table: table.name, where });
    }
    const work = selection.map(({ table, where }, index) => ({
      table: table.name,
      weight: sizes[index]!.bytes,
      ...(where === undefined && sizes[index]!.rows > 0 ? { totalRows: sizes[index]!.rows } : {}),
    }));
    const progress = new TableProgress('read', work, options.report);
    const tables: BackedUpTable[] = [];
    const payloads: Payload[] = [];
    for (const [index, selected] of selection.entries()) {
      progress.enter(index);
      const { table, payload } = await this.#readTable(selected, sink, progress);
      tables.push(table);
      payloads.push(payload);
    }
    return { tables, payloads };
  }

  close(): Promise<void> {
    return this.#transaction.close();
  }

  /**
   * Locks a table against changes of its definition, and makes sure that its rows are still those of the snapshot:
   * a table that was truncated or rewritten after the snapshot began looks empty to it.
   */
  async #secure(table: TableName): Promise<TableSize> {
    await lockTable(this.#transaction, table, 'ACCESS SHARE');
    const [state] = await this.#transaction.rows<TableSize & { hidden: boolean; rewritten: boolean }>(
      `SELECT row_security_active(c.oid) AS hidden,
              c.relfilenode IS DISTINCT FROM pg_relation_filenode(c.oid) AS rewritten,
              pg_table_size(c.oid) AS bytes, c.reltuples AS rows
         FROM pg_class c
        WHERE c.relname = $1 AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)`,
      [table.name, table.schema ?? ''],
    );
    const place = { table: formatTableName(table) };
    if (!state || state.rewritten) {
      throw new RestorePointError(
        'database',
        'The table was truncated or rewritten after the snapshot began',
        {
          place,
          next: 'Take the backup again.',
        },
      );
    }
    if (state.hidden) {
      throw new RestorePointError('refused', 'Row-level security may hide rows of it from this user', {
        place,
        next: 'Use its owner or a role with BYPASSRLS, or leave the table out.',
      });
    }
    return state;
  }

  async #readTable(
    { table, where }: TableSelection,
    sink: PayloadSink,
    progress: TableProgress,
  ): Promise<{ table: BackedUpTable; payload: Payload }> {
    const label = formatTableName(table.name);
    const writer = sink.open(label, 'copy');
    const runs = new RowRuns(await RowDigest.create(), chunkBytes, (bytes, rows) =>
      writer.writeChunk(bytes, rows),
    );
    const columns = dataColumns(table).map((column) => column.name);
    try {
      await this.#copy(table, columns, where, (piece) => {
        const before = runs.digest.rows;
        const waiting = runs.push(piece);
        progress.add(runs.digest.rows - before, piece.length);
        return waiting;
      });
      await runs.finish();
    } catch (error) {
      throw describeFailure(error, { table: label });
    }
    const payload = await writer.finish();
    const { rows, digest } = runs.digest;
    const described = { table, ...(where === undefined ? {} : { where }), columns, rows, digest };
    return { table: { ...described, payload: payload.name }, payload };
  }

  async #copy(
    table: Table,
    columns: readonly string[],
    where: string | undefined,
    take: (piece: Uint8Array) => void | Promise<void>,
  ): Promise<void> {
    const rows = await selectRows(this.#transaction, table.name, columns, where);
    const copy = (): Promise<void> => this.#transaction.copyOut(`COPY (${rows}) TO STDOUT`, take);
    if (where === undefined) await copy();
    else await withCondition(this.#transaction, { table: table.name, where }, copy);
  }
}

interface TableSize {
  /** About; below 0 when the server has no idea. */
  readonly rows: number;
  readonly bytes: number;
}
