import { RestorePointError } from '../../core/errors.ts';
import type { BackedUpTable } from '../../core/manifest.ts';
import { formatTableName, tableKey, type TableName } from '../../core/names.ts';
import { chunkBytes, type Payload, type PayloadSink } from '../../core/payload.ts';
import { type DatabaseSchema, dataColumns } from '../../core/schema.ts';
import type { ReadOptions, Snapshot, SnapshotContent, TableSelection, WorkOptions } from '../engine.ts';
import { checkCondition, withCondition } from './condition.ts';
import type { Database } from './connection.ts';
import { describeFailure } from './errors.ts';
import { introspect } from './introspect.ts';
import { lockTables, sayingWhoBlocks } from './locks.ts';
import { TableProgress } from './progress.ts';
import { readLargeObjects } from './readLargeObjects.ts';
import { RelatedRows } from './relatedRows.ts';
import { RowRuns } from './rowRuns.ts';
import { ExactColumns, selectRows } from './selectRows.ts';
import { Transaction } from './transaction.ts';

/** A read transaction that sees one state of the database. */
export class PostgresSnapshot implements Snapshot {
  readonly schema: DatabaseSchema;
  readonly #transaction: Transaction;
  /** Of the tables that are read. */
  #exact: ExactColumns | undefined;

  private constructor(transaction: Transaction, schema: DatabaseSchema) {
    this.#transaction = transaction;
    this.schema = schema;
  }

  static async open(database: Database, { signal }: WorkOptions): Promise<PostgresSnapshot> {
    const transaction = await Transaction.begin(database, 'read', signal);
    try {
      const schema = await sayingWhoBlocks(transaction, undefined, () => introspect(transaction));
      return new PostgresSnapshot(transaction, schema);
    } catch (error) {
      await transaction.close();
      throw describeFailure(error);
    }
  }

  async read(
    selection: readonly TableSelection[],
    sink: PayloadSink,
    options: ReadOptions,
  ): Promise<SnapshotContent> {
    const names = selection.map(({ table }) => table.name);
    const sizes = await this.#secure(names);
    this.#exact = await ExactColumns.load(this.#transaction, names);
    for (const { table, where } of selection) {
      if (where !== undefined) await checkCondition(this.#transaction, { table: table.name, where });
    }
    const work = selection.map(({ table, where, related }, index) => ({
      table: table.name,
      weight: sizes[index]!.bytes,
      ...(where === undefined && related !== true && sizes[index]!.rows > 0
        ? { totalRows: sizes[index]!.rows }
        : {}),
    }));
    const progress = new TableProgress('read', work, options.report);
    const related =
      options.related && (await RelatedRows.find(this.#transaction, selection, options.related));
    const tables: BackedUpTable[] = [];
    const finishing: Promise<Payload>[] = [];
    for (const [index, selected] of selection.entries()) {
      progress.enter(index);
      const { table, payload } = await this.#readTable(selected, related, sink, progress);
      tables.push(table);
      finishing.push(payload);
    }
    const payloads = await Promise.all(finishing);
    if (!options.largeObjects || !this.schema.largeObjects) return { tables, payloads };
    const read = await readLargeObjects(this.#transaction, sink, options);
    return { tables, payloads: [...payloads, ...read.payloads], largeObjects: read.largeObjects };
  }

  close(): Promise<void> {
    return this.#transaction.close();
  }

  /**
   * Locks tables against changes of their definitions, and makes sure that their rows are still those of the snapshot:
   * a table that was truncated or rewritten after the snapshot began looks empty to it.
   */
  async #secure(tables: readonly TableName[]): Promise<TableSize[]> {
    await lockTables(this.#transaction, tables, 'ACCESS SHARE');
    const found = await this.#transaction.rows<TableState>(
      `SELECT json_build_object('schema', n.nspname, 'name', c.relname) AS name, row_security_active(c.oid) AS hidden,
              c.relfilenode IS DISTINCT FROM pg_relation_filenode(c.oid) AS rewritten,
              pg_table_size(c.oid) AS bytes, c.reltuples AS rows
         FROM json_to_recordset($1::json) wanted (schema text, name text)
         JOIN pg_namespace n ON n.nspname = wanted.schema
         JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name`,
      [JSON.stringify(tables.map(({ schema, name }) => ({ schema, name })))],
    );
    const states = new Map(found.map((state) => [tableKey(state.name), state]));
    return tables.map((table) => refuseUnsteady(table, states.get(tableKey(table))));
  }

  /** Resolves when the table is read; `payload` does when it is written. */
  async #readTable(
    selected: TableSelection,
    related: RelatedRows | undefined,
    sink: PayloadSink,
    progress: TableProgress,
  ): Promise<{ table: BackedUpTable; payload: Promise<Payload> }> {
    const { table, where } = selected;
    const label = formatTableName(table.name);
    const writer = sink.open(label, 'copy');
    const runs = new RowRuns(chunkBytes, (...run) => writer.writeChunk(...run));
    const columns = dataColumns(table).map((column) => column.name);
    try {
      await this.#copy(selected, related, columns, (piece) => {
        const before = runs.digest.rows;
        const waiting = runs.push(piece);
        progress.add(runs.digest.rows - before, piece.length);
        return waiting;
      });
      await runs.finish();
    } catch (error) {
      // What cannot be written may be of the table before.
      throw RestorePointError.is(error, 'file') ? error : describeFailure(error, { table: label });
    }
    // The next table is read while this one is written.
    const payload = writer.finish();
    payload.catch(() => 'told when all have been read, unless something else fails before');
    const { rows, digest } = runs.digest;
    const described = { table, ...(where === undefined ? {} : { where }), columns, rows, digest };
    return { table: { ...described, payload: writer.name }, payload };
  }

  async #copy(
    selected: TableSelection,
    related: RelatedRows | undefined,
    columns: readonly string[],
    take: (piece: Uint8Array) => void | Promise<void>,
  ): Promise<void> {
    const { table, where, withoutRows } = selected;
    if (withoutRows) return;
    const copy = async (condition?: string): Promise<void> => {
      const rows = selectRows(this.#transaction, table.name, columns, this.#exact!, condition);
      await this.#transaction.copyOut(`COPY (${rows}) TO STDOUT`, take);
    };
    if (related?.holds(selected)) {
      for await (const condition of related.conditions(selected)) await copy(condition);
    } else if (where === undefined) await copy();
    else await withCondition(this.#transaction, { table: table.name, where }, () => copy(where));
  }
}

interface TableSize {
  /** About; below 0 when the server has no idea. */
  readonly rows: number;
  readonly bytes: number;
}

interface TableState extends TableSize {
  readonly name: TableName;
  /** Row-level security is on for this user. */
  readonly hidden: boolean;
  readonly rewritten: boolean;
}

/** Throws where a snapshot cannot see all rows of a table. */
function refuseUnsteady(table: TableName, state: TableState | undefined): TableSize {
  const place = { table: formatTableName(table) };
  if (!state || state.rewritten) {
    throw new RestorePointError('database', 'The table was truncated or rewritten after the snapshot began', {
      place,
      next: 'Take the backup again.',
    });
  }
  if (state.hidden) {
    throw new RestorePointError('refused', 'Row-level security may hide rows of it from this user', {
      place,
      next: 'Use its owner or a role with BYPASSRLS, or leave the table out.',
    });
  }
  return state;
}
