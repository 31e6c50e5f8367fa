import { RestorePointError } from '../../../core/errors.ts';
import type { BackedUpTable } from '../../../core/manifest.ts';
import { formatTableName, tableKey, type TableName } from '../../../core/names.ts';
import { chunkBytes, type Payload, type PayloadSink, type PayloadWriter } from '../../../core/payload.ts';
import { type DatabaseSchema, dataColumns, type Sequence } from '../../../core/schema.ts';
import { queriedColumns, type Row, type RowQuery } from '../../../core/values.ts';
import { OneReading } from '../../oneReading.ts';
import type {
  IntrospectOptions,
  ReadOptions,
  RowSelection,
  Snapshot,
  SnapshotContent,
  TableSelection,
} from '../../engine.ts';
import { checkCondition } from '../rows/condition.ts';
import type { Database } from '../connect/connection.ts';
import { describeFailure } from '../connect/errors.ts';
import type { Catalogs, KnownSchema } from './introspect.ts';
import { lockTables, sayingWhoBlocks } from '../connect/locks.ts';
import { TableProgress } from '../rows/progress.ts';
import { readLargeObjects } from './readLargeObjects.ts';
import { RelatedRows } from './relatedRows.ts';
import { RowRuns } from '../rows/rowRuns.ts';
import { copyRowsOut, copyTable, ExactColumns } from '../rows/selectRows.ts';
import { asExtras, largeObjectsIn } from '../schema/extras.ts';
import { loadUsersRows } from '../schema/extensionTables.ts';
import { TableReading, type TableSize } from './tableReading.ts';
import { Transaction } from '../connect/transaction.ts';
import { readTypedRows } from '../rows/typedRows.ts';
import { ValueTypes } from '../rows/typedValues.ts';

/** A read transaction that sees one state of the database. */
export class PostgresSnapshot implements Snapshot {
  readonly schema: DatabaseSchema;
  readonly #transaction: Transaction;
  readonly #known: KnownSchema;
  readonly #readings = new OneReading();
  /** For the tables that `read` reads. */
  #exact: ExactColumns | undefined;
  #types: ValueTypes | undefined;
  /** See `loadUsersRows`. */
  #usersRows: ReadonlyMap<string, string> = new Map();

  private constructor(transaction: Transaction, known: KnownSchema) {
    this.#transaction = transaction;
    this.#known = known;
    this.schema = known.schema;
  }

  static async open(
    database: Database,
    catalogs: Catalogs,
    { signal, scope }: IntrospectOptions,
  ): Promise<PostgresSnapshot> {
    const transaction = await Transaction.begin(database, 'read', signal);
    try {
      const known = await sayingWhoBlocks(transaction, undefined, () =>
        catalogs.introspect(transaction, scope),
      );
      return new PostgresSnapshot(transaction, known);
    } catch (error) {
      await transaction.close();
      throw describeFailure(error);
    }
  }

  read(
    selection: readonly TableSelection[],
    sink: PayloadSink,
    options: ReadOptions,
  ): Promise<SnapshotContent> {
    return this.#readings.run(() => this.#read(selection, sink, options));
  }

  rows(selection: RowSelection, query: RowQuery = {}): AsyncIterable<readonly Row[]> {
    return this.#readings.pages(() => this.#rows(selection, query));
  }

  readSequences(tables: readonly TableName[]): Promise<readonly Sequence[]> {
    return this.#readings.run(async () => {
      try {
        return await this.#known.sequencesOf(tables);
      } catch (error) {
        throw describeFailure(error);
      }
    });
  }

  async #read(
    selection: readonly TableSelection[],
    sink: PayloadSink,
    options: ReadOptions,
  ): Promise<SnapshotContent> {
    const names = selection.map(({ table }) => table.name);
    const sizes = await this.#secure(names);
    this.#exact = await ExactColumns.load(this.#transaction, names);
    this.#usersRows = await loadUsersRows(this.#transaction);
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
    for (const group of groupsToRead(
      selection,
      sizes,
      (name) => this.#exact!.differ(name) || this.#usersRows.has(tableKey(name)),
    )) {
      const read = await this.#readTables(group, related, sink, progress, tables.length);
      tables.push(...read.map(({ table }) => table));
      finishing.push(...read.map(({ payload }) => payload));
    }
    // After the rows: a number that is given out meanwhile can be in none of them.
    const sequences = await this.#known.sequencesOf(names);
    const payloads = await Promise.all(finishing);
    if (!options.extras || largeObjectsIn(this.schema) === 0) return { tables, payloads, sequences };
    const read = await readLargeObjects(this.#transaction, sink, options);
    const all = [...payloads, ...read.payloads];
    return { tables, payloads: all, sequences, extras: asExtras(read.largeObjects) };
  }

  async *#rows({ table, where }: RowSelection, query: RowQuery): AsyncGenerator<readonly Row[]> {
    const columns = queriedColumns(
      query,
      dataColumns(table).map(({ name }) => name),
    );
    try {
      await this.#secure([table.name]);
      if (where !== undefined) await checkCondition(this.#transaction, { table: table.name, where });
      this.#types ??= new ValueTypes(this.schema.objects);
      yield* readTypedRows(this.#transaction, { table, columns, where, types: this.#types }, query);
    } catch (error) {
      throw describeFailure(error, { table: formatTableName(table.name) });
    }
  }

  /** Makes sure that all rows of these tables can be read, for what reads them in another way than `read`. */
  async reading(names: readonly TableName[]): Promise<TableReading> {
    const sizes = await this.#secure(names);
    return TableReading.begin(this.#transaction, names, sizes);
  }

  close(): Promise<void> {
    this.#readings.end();
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
              pg_relation_size(c.oid) + coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0) AS bytes,
              c.reltuples AS rows
         FROM json_to_recordset($1::json) wanted (schema text, name text)
         JOIN pg_namespace n ON n.nspname = wanted.schema
         JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name`,
      [JSON.stringify(tables.map(({ schema, name }) => ({ schema, name })))],
    );
    const states = new Map(found.map((state) => [tableKey(state.name), state]));
    return tables.map((table) => refuseUnsteady(table, states.get(tableKey(table))));
  }

  /** Resolves when these tables are read, which start at this position; each `payload` resolves when it is written. */
  async #readTables(
    selected: readonly TableSelection[],
    related: RelatedRows | undefined,
    sink: PayloadSink,
    progress: TableProgress,
    place: number,
  ): Promise<{ table: BackedUpTable; payload: Promise<Payload> }[]> {
    const read: ReturnType<TableReader['finish']>[] = [];
    let reader = new TableReader(selected[0]!, sink, progress);
    const next = (): void => {
      read.push(reader.finish());
      const following = selected[read.length];
      if (!following) return;
      progress.enter(place + read.length);
      reader = new TableReader(following, sink, progress);
    };
    progress.enter(place);
    try {
      if (selected.length === 1) {
        await this.#copy(selected[0]!, related, reader.columns, (piece) => reader.take(piece));
        next();
      } else {
        const statements = selected.map(({ table }) => {
          const columns = dataColumns(table).map((column) => column.name);
          return copyTable(table.name, columns);
        });
        await this.#transaction.copyOut(statements.join('; '), (piece) => reader.take(piece), next);
      }
      return await Promise.all(read);
    } catch (error) {
      for (const one of read) one.catch(() => 'reported here');
      // A write error may come from the table before.
      throw RestorePointError.is(error, 'file') ? error : describeFailure(error, { table: reader.label });
    }
  }

  async #copy(
    selected: TableSelection,
    related: RelatedRows | undefined,
    columns: readonly string[],
    take: (piece: Uint8Array) => void | Promise<void>,
  ): Promise<void> {
    const { table, where, withoutRows } = selected;
    if (withoutRows) return;
    const rows = { table: table.name, columns, exact: this.#exact! };
    const users = this.#usersRows.get(tableKey(table.name));
    const both = (condition: string | undefined): string | undefined =>
      users === undefined || condition === undefined ? (users ?? condition) : `${users} AND (${condition}\n)`;
    const copy = (condition?: string): Promise<void> =>
      copyRowsOut(this.#transaction, { ...rows, where: both(condition) }, take);
    if (related?.holds(selected)) {
      for await (const condition of related.conditions(selected)) await copy(condition);
    } else await copy(where);
  }
}

/** Takes the rows of one table into a payload. */
class TableReader {
  readonly label: string;
  readonly columns: readonly string[];
  readonly #selected: TableSelection;
  readonly #progress: TableProgress;
  readonly #writer: PayloadWriter;
  readonly #runs: RowRuns;

  constructor(selected: TableSelection, sink: PayloadSink, progress: TableProgress) {
    this.label = formatTableName(selected.table.name);
    this.columns = dataColumns(selected.table).map((column) => column.name);
    this.#selected = selected;
    this.#progress = progress;
    const writer = sink.open(this.label, 'copy');
    this.#writer = writer;
    this.#runs = new RowRuns(chunkBytes, (...run) => writer.writeChunk(...run));
  }

  take(piece: Uint8Array): void | Promise<void> {
    const before = this.#runs.digest.rows;
    const waiting = this.#runs.push(piece);
    this.#progress.add(this.#runs.digest.rows - before, piece.length);
    return waiting;
  }

  /** Hands the last rows over. Resolves when there is room for more; `payload` does when all is written. */
  async finish(): Promise<{ table: BackedUpTable; payload: Promise<Payload> }> {
    const { table, where } = this.#selected;
    await this.#runs.finish();
    // The next table is read while this one is written.
    const payload = this.#writer.finish();
    payload.catch(() => 'reported when all have been read, unless something else fails first');
    const { rows, digest } = this.#runs.digest;
    const described = {
      table,
      ...(where === undefined ? {} : { where }),
      columns: this.columns,
      rows,
      digest,
    };
    return { table: { ...described, payload: this.#writer.name }, payload };
  }
}

/** Tables that are read together wait in memory; as many bytes as those of a large table may. */
const tablesTogether = { count: 100, bytes: 1024 * 1024 };

/**
 * Small tables are read together, in one request to the server, because the request takes longer than the rows. Large tables,
 * and tables of which only some rows are read, are read separately.
 */
function groupsToRead(
  selection: readonly TableSelection[],
  sizes: readonly TableSize[],
  isQueried: (table: TableName) => boolean,
): TableSelection[][] {
  const groups: TableSelection[][] = [];
  let bytes = Infinity;
  for (const [index, selected] of selection.entries()) {
    const { table, where, related, withoutRows } = selected;
    const isWhole = where === undefined && related !== true && withoutRows !== true && !isQueried(table.name);
    const added = isWhole ? sizes[index]!.bytes : Infinity;
    const group = groups.at(-1);
    const fits = group && group.length < tablesTogether.count && bytes + added <= tablesTogether.bytes;
    if (fits) group.push(selected);
    else groups.push([selected]);
    bytes = fits ? bytes + added : added;
  }
  return groups;
}

interface TableState extends TableSize {
  readonly name: TableName;
  /** Row-level security is on for this user. */
  readonly hidden: boolean;
  readonly rewritten: boolean;
}

/** Throws if a snapshot cannot see all rows of a table. */
function refuseUnsteady(table: TableName, state: TableState | undefined): TableSize {
  const place = { table: formatTableName(table) };
  if (!state || state.rewritten) {
    throw new RestorePointError('database', 'The table was truncated or rewritten after the snapshot began', {
      place,
      next: 'Try again.',
    });
  }
  if (state.hidden) {
    throw new RestorePointError('refused', 'Row-level security may hide some of its rows from this user', {
      place,
      next: 'Use its owner or a role with BYPASSRLS, or leave out the table.',
    });
  }
  return state;
}
