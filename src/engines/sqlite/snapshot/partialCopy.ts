import type { Logger } from '../../../core/logger.ts';
import { formatTableName } from '../../../core/names.ts';
import type { Payload, PayloadSink } from '../../../core/payload.ts';
import type { DatabaseSchema } from '../../../core/schema.ts';
import type { Unproven } from '../../../core/unproven.ts';
import type { ReadOptions, TableSelection, WorkOptions } from '../../engine.ts';
import { compileQuery, tableModel } from '../../tableModel.ts';
import { fileUri } from '../connect/address.ts';
import { type CatalogTable, findTable, readCatalog, virtualTables } from '../schema/catalog.ts';
import { type Binding, Connection } from '../connect/connection.ts';
import { copiedColumns, createIn, quoteList, transferSql } from '../rows/copyRows.ts';
import { type CountRows, countStoredRows } from '../rows/counts.ts';
import { inWords, isSqliteError } from '../connect/errors.ts';
import { quote, quoteTable } from '../connect/identifiers.ts';
import { writePayload } from '../payload/payloadFile.ts';
import { RelatedRows } from './relatedRows.ts';
import { readObjects, type WrittenObject } from '../schema/schemaRows.ts';
import { checkCondition, withoutCollations, wrongCondition } from '../schema/sqlText.ts';
import { copySystemRows } from '../rows/systemTables.ts';
import { isBuiltIn, missingIn, nameMissing, nameMissingOf } from '../schema/unproven.ts';
import { nameVirtualTables } from '../schema/virtualSchema.ts';

/** The schema name of the copy on the connection. */
const copySchema = 'restore_point_copy';

/**
 * Copies chosen rows of a database into a file, within one read transaction. The database is `main`, so that names in
 * a user's condition mean its tables, and it is opened such that nothing can write it; the copy is attached.
 */
export class PartialCopy {
  readonly connection: Connection;
  readonly asItIs = false;
  readonly source: string;
  readonly #file: string;

  private constructor(connection: Connection, source: string, file: string) {
    this.connection = connection;
    this.source = source;
    this.#file = file;
  }

  /** `copyFile` is an empty file. The read transaction has begun when this resolves. */
  static async begin(file: string, copyFile: string, signal?: AbortSignal): Promise<PartialCopy> {
    const connection = await Connection.open(file, 'read');
    try {
      const page = await connection.get<{ size: number }>(
        'SELECT page_size AS size FROM temp.pragma_page_size',
        [],
        signal,
      );
      const copy = quote(copySchema);
      await connection.run(`ATTACH ? AS ${copy}`, [fileUri(copyFile, 'write')], signal);
      await connection.all(`PRAGMA ${copy}.page_size = ${page?.size ?? 4096}`);
      // Nothing needs to survive a crash here.
      await connection.all(`PRAGMA ${copy}.journal_mode = OFF`);
      await connection.all(`PRAGMA ${copy}.synchronous = OFF`);
      // Rows are taken as they are, also those that were there before their table's constraint.
      await connection.all('PRAGMA ignore_check_constraints = ON');
      await connection.run('BEGIN', [], signal);
      await connection.all('SELECT count(*) AS n FROM main.sqlite_schema', [], signal);
      return new PartialCopy(connection, file, copyFile);
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  /** Copies the chosen rows, and leaves the copy as a complete file. */
  async take(
    selection: readonly TableSelection[],
    _schema: DatabaseSchema,
    { signal, report, related: links }: ReadOptions,
  ): Promise<CountRows> {
    const catalog = await readCatalog(this.connection, 'main', signal);
    const virtual = virtualTables(catalog);
    const rows: number[] = [];
    for (const { table, where } of selection) {
      if (where === undefined) continue;
      const place = { table: formatTableName(table.name) };
      await inWords('usage', place, () => Promise.resolve(checkCondition(where)));
    }
    const written = await readObjects(this.connection, 'main', ['index'], signal);
    const indexes = Map.groupBy(written, ({ tableName }) => tableName);
    const related = links && (await RelatedRows.find(this.connection, catalog, selection, links, signal));
    for (const [index, selected] of selection.entries()) {
      const { name } = selected.table;
      const where = selected.withoutRows ? '0' : (related?.condition(selected) ?? selected.where);
      report?.({ phase: 'read', table: name, tableNumber: index + 1, tableCount: selection.length });
      await inWords('database', { table: formatTableName(name) }, async () => {
        const shadows = virtual.find((candidate) => candidate.name === name.name)?.shadows;
        const copy = async (from: CatalogTable, condition?: string): Promise<number> => {
          try {
            return await this.#copyTable(from, indexes.get(from.name) ?? [], condition, signal);
          } catch (error) {
            throw await nameMissing(error, this.connection, [from]);
          }
        };
        for (const shadow of shadows ?? []) await copy(shadow);
        const own = shadows ? undefined : findTable(catalog, name.name);
        rows.push(own ? await copy(own, where) : 0);
      });
    }
    const filled = selection.filter(({ withoutRows }) => !withoutRows).map(({ table }) => table.name.name);
    await copySystemRows(this.connection, { from: 'main', to: copySchema, about: filled }, signal);
    const named = virtual.filter(({ name }) => filled.includes(name));
    await nameVirtualTables(this.connection, copySchema, named);
    await this.connection.run('COMMIT', [], signal);
    await this.connection.run(`DETACH ${quote(copySchema)}`, [], signal);
    return () => Promise.resolve(rows);
  }

  write(sink: PayloadSink, options: WorkOptions): Promise<Payload> {
    return writePayload(this.#file, sink, options);
  }

  /** Never throws: what goes wrong is logged. */
  close(logger: Logger): Promise<void> {
    return this.connection.closeQuietly(logger);
  }

  /** With its indexes. Resolves to how many rows it were. */
  async #copyTable(
    table: CatalogTable,
    indexes: readonly WrittenObject[],
    where: string | undefined,
    signal?: AbortSignal,
  ): Promise<number> {
    // No rows of the copy are compared, so it needs no collation that only the application registers.
    const sql = withoutCollations(table.sql, isBuiltIn);
    await this.#create({ table: { name: table.name } }, sql, signal);
    // A transfer takes the entries of indexes along that are there; rows one by one are better indexed afterwards.
    const wholesale = where === undefined;
    if (wholesale) await this.#createIndexes(indexes, signal);
    const transfer = wholesale ? await transferSql(this.connection, table, ...this.#ends(table)) : undefined;
    if (transfer === undefined) await this.#insertSelected(table, where, signal);
    else await this.connection.run(transfer, [], signal);
    if (!wholesale) await this.#createIndexes(indexes, signal);
    return countStoredRows(this.connection, copySchema, table.name, signal);
  }

  #ends(table: CatalogTable): [from: string, to: string] {
    return [quoteTable('main', table.name), quoteTable(copySchema, table.name)];
  }

  async #createIndexes(indexes: readonly WrittenObject[], signal?: AbortSignal): Promise<void> {
    for (const { sql } of indexes) {
      try {
        await this.connection.run(createIn(copySchema, sql), [], signal);
      } catch (error) {
        // The backup has its statement, and says that it was not checked.
        if (missingIn(error) === undefined) throw error;
      }
    }
  }

  async #create(place: Omit<Unproven, 'missing'>, sql: string, signal?: AbortSignal): Promise<void> {
    try {
      await this.connection.run(createIn(copySchema, sql), [], signal);
    } catch (error) {
      throw nameMissingOf(error, place);
    }
  }

  async #insertSelected(table: CatalogTable, where: string | undefined, signal?: AbortSignal): Promise<void> {
    const columns = copiedColumns(table);
    const [from, to] = this.#ends(table);
    const model = tableModel(this.connection.knex, {
      from,
      columns: columns.map((column) => `${quote(table.name)}.${quote(column)}`),
    });
    const { sql, bindings } = compileQuery(model.rows(where));
    try {
      const insert = `INSERT OR ABORT INTO ${to} (${quoteList(columns)}) ${sql}`;
      await this.connection.run(insert, bindings as readonly Binding[], signal);
    } catch (error) {
      throw where !== undefined && isSqliteError(error, 'SQLITE_ERROR')
        ? wrongCondition(where, error)
        : error;
    }
  }
}
