import { RestorePointError } from '../../core/errors.ts';
import type { Unproven } from '../../core/unproven.ts';
import type { WorkOptions } from '../engine.ts';
import type { CatalogIndex, CatalogTable } from './catalog.ts';
import { Connection } from './connection.ts';
import { inWords } from './errors.ts';
import { ForeignKeyGuard } from './foreignKeys.ts';
import { quote } from './identifiers.ts';
import { PayloadChecks } from './payloadChecks.ts';
import { distrust } from './untrusted.ts';

/** The database of a backup that becomes another one as it is. */
export interface ProvenFile {
  readonly path: string;
  /** To that file. */
  readonly connection: Connection;
  readonly tables: readonly CatalogTable[];
  /** Of the manifest: it is as its checksums say, and nothing more can be known of it here. */
  readonly unproven: readonly Unproven[];
}

/**
 * Proves a database file before it becomes another one: rows are in their order, indexes fit their tables, foreign keys
 * point at rows. Indexes that do not fit are made anew in it.
 */
export class FileProof {
  readonly #file: ProvenFile;
  readonly #checks: PayloadChecks;
  readonly #options: WorkOptions;
  readonly #checked: readonly CatalogTable[];
  readonly #unsure: { readonly table: string; readonly index: CatalogIndex }[] = [];

  constructor(file: ProvenFile, options: WorkOptions) {
    this.#file = file;
    this.#options = options;
    this.#checks = new PayloadChecks(file.path, { asItIs: true }, options);
    const isUnproven = (table: string, index?: string): boolean =>
      file.unproven.some((one) => one.table.name === table && one.index === index);
    this.#checked = file.tables
      .filter(({ name, type, withoutRowid }) => type !== 'virtual' && !(withoutRowid && isUnproven(name)))
      .map((table) => ({
        ...table,
        indexes: table.indexes.filter(({ name }) => !isUnproven(table.name, name)),
      }));
  }

  /** Begins, and does not wait. */
  begin(): void {
    const { connection, tables } = this.#file;
    const names = tables.map(({ name }) => name);
    const guard = new ForeignKeyGuard(connection, names, () => true);
    this.#checks.checkReferences(guard.inherited(tables, { absentParents: true }));
    for (const table of this.#checked) if (hasRowids(table)) this.#checks.checkIndexes(table);
  }

  /** Resolves when all is known. Throws `damaged-backup` with the table, `cancelled`. */
  async finish(): Promise<void> {
    const { logger } = this.#options;
    for (const table of this.#checked) {
      const { name, indexes } = table;
      if (!hasRowids(table)) {
        await this.#checkWithoutRowids(table);
        continue;
      }
      const { stale, proven, disordered } = await this.#checks.findings(name);
      if (disordered) throw inNoOrder(name);
      if (stale !== undefined)
        logger.warn(`The index ${stale} of the backup is not in step with its table: it is made anew`);
      for (const index of indexes) if (!proven.has(index.name)) this.#unsure.push({ table: name, index });
    }
    await this.#checks.done();
  }

  /** By SQLite, from the rows. To be called when these are verified. Throws `database` with the table. */
  async remakeIndexes(): Promise<void> {
    if (this.#unsure.length === 0) return;
    const { signal, logger } = this.#options;
    const connection = await Connection.open(this.#file.path, 'write');
    try {
      await distrust(connection);
      await connection.all('PRAGMA journal_mode = OFF');
      await connection.all('PRAGMA synchronous = OFF');
      for (const { table, index } of this.#unsure) {
        logger.debug(`The index ${index.name} is made anew`);
        await inWords('database', { table }, () =>
          connection.run(`REINDEX main.${quote(index.name)}`, [], signal),
        );
      }
    } finally {
      await connection.closeQuietly(logger);
    }
  }

  /** Never throws. */
  close(): Promise<void> {
    return this.#checks.close();
  }

  /** The table is the index of its rows: SQLite compares all of them. */
  async #checkWithoutRowids({ name, indexes }: CatalogTable): Promise<void> {
    const [found] = await this.#file.connection.all<{ message: string }>(
      'SELECT quick_check AS message FROM temp.pragma_quick_check(?)',
      [name],
      this.#options.signal,
    );
    if (found?.message !== 'ok')
      this.#options.logger.warn(`${name} is in the backup as it was in the database: ${found?.message}`);
    for (const index of indexes) if (!index.primary) this.#unsure.push({ table: name, index });
  }
}

function hasRowids({ withoutRowid }: CatalogTable): boolean {
  return !withoutRowid;
}

function inNoOrder(table: string): RestorePointError {
  return new RestorePointError(
    'damaged-backup',
    'The rows of the table are not in the order of their rowids',
    {
      place: { table },
      next: 'Restore into an empty file that is there already: then rows are copied, where SQLite takes them.',
    },
  );
}
