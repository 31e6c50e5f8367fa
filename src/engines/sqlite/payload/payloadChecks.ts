import { open, type FileHandle } from 'node:fs/promises';
import { cancelled } from '../../../core/errors.ts';
import type { WorkOptions } from '../../engine.ts';
import type { CatalogIndex, CatalogTable } from '../schema/catalog.ts';
import type { Connection } from '../connect/connection.ts';
import { nothingProven, type Proof, prove, type RootPages } from '../rows/indexProof.ts';
import { PageFile, UnclearFile } from '../fileFormat/pages.ts';
import { type InheritedReference, inheritedWarning } from '../rows/foreignKeys.ts';
import { staleIndexes } from '../rows/soundTables.ts';
import { missingIn } from '../schema/unproven.ts';
import { openUntrusted } from './untrusted.ts';

/** The indexes of a table that can be compared with it: their terms are stored columns, and every row has an entry. */
export function checkedIndexes({ type, rowidName, indexes, columns }: CatalogTable): CatalogIndex[] {
  if (type !== 'table' || rowidName === undefined) return [];
  const generated = new Set(columns.flatMap((column) => (column.generated ? [column.name] : [])));
  return indexes.filter(
    ({ partial, terms }) =>
      !partial && terms.every(({ column }) => column !== undefined && !generated.has(column)),
  );
}

/** The findings about a table in the backup. */
export interface Findings {
  /** The first index that is not in step with the table. */
  readonly stale?: string | undefined;
  /** The indexes that are in order, and have no equal entries if they are unique. */
  readonly proven: ReadonlySet<string>;
  readonly rowsInOrder: boolean;
}

export function staleWarning(index: string): string {
  return `The index ${index} in the backup does not match its table: it will be rebuilt`;
}

/** The file that the checks read, while they run. */
interface OpenedDatabase {
  readonly connection: Connection;
  readonly file: FileHandle;
  readonly roots: RootPages;
}

/**
 * Checks the database of a backup while a connection copies its rows: SQLite's transfer takes the entries of indexes over
 * unread, and an index that was out of step in the database that was backed up must not be so in the one that is restored.
 */
export class PayloadChecks {
  readonly #file: string;
  readonly #asItIs: boolean;
  readonly #options: WorkOptions;
  readonly #end = new AbortController();
  readonly #findings = new Map<string, Promise<Findings>>();
  readonly #referencesAsked = new Set<string>();
  #references: Promise<unknown> = Promise.resolve();
  #opening: Promise<OpenedDatabase> | undefined;
  /** Beside the copying, which takes longest, two cores are enough for one thing after the other. */
  #queue: Promise<unknown> = Promise.resolve();

  /**
   * `asItIs`: the file itself is what is restored; entries of indexes have to be in order too, and nothing else works
   * meanwhile.
   */
  constructor(file: string, { asItIs = false }: { readonly asItIs?: boolean }, options: WorkOptions) {
    this.#file = file;
    this.#asItIs = asItIs;
    const signals = options.signal ? [options.signal, this.#end.signal] : [this.#end.signal];
    this.#options = { ...options, signal: AbortSignal.any(signals) };
  }

  /** Has foreign keys looked up, those that were not yet: dangling references are reported as warnings. */
  checkReferences(references: readonly InheritedReference[]): void {
    const wanted = references.filter(({ sql }) => !this.#referencesAsked.has(sql));
    for (const { sql } of wanted) this.#referencesAsked.add(sql);
    const before = this.#asItIs ? this.#references : this.#queue;
    this.#references = quiet(before.then(() => checkReferences(this.#file, wanted, this.#options)));
    if (!this.#asItIs) this.#queue = this.#references;
  }

  /** Has the indexes of a table compared with it, after what was asked for before: see `findings`. */
  checkIndexes(table: CatalogTable): void {
    const findings = quiet(this.#queue.then(() => this.#checkIndexes(table)));
    this.#queue = findings;
    this.#findings.set(table.name, findings);
  }

  /** Resolves as soon as this is known of a table. */
  async findings(table: string): Promise<Findings> {
    return (await this.#findings.get(table)) ?? { proven: new Set(), rowsInOrder: false };
  }

  /** Resolves when all is checked, and nothing holds the file any more. */
  async done(): Promise<void> {
    try {
      await Promise.all([this.#references, this.#queue]);
    } finally {
      await Promise.allSettled([this.#references, this.#queue]);
      const opened = await this.#opening?.catch(() => undefined);
      this.#opening = undefined;
      await opened?.connection.closeQuietly(this.#options.logger);
      await opened?.file.close();
    }
  }

  /** Resolves when nothing holds the file any more. Never throws. */
  async close(): Promise<void> {
    this.#end.abort(cancelled());
    await this.done().catch(() => 'reported by findings() or done()');
  }

  async #open(): Promise<OpenedDatabase> {
    const connection = await openUntrusted(this.#file);
    try {
      const roots = await readRoots(connection, this.#options.signal);
      return { connection, roots, file: await open(this.#file, 'r') };
    } catch (error) {
      await connection.closeQuietly(this.#options.logger);
      throw error;
    }
  }

  async #checkIndexes(table: CatalogTable): Promise<Findings> {
    const { signal, logger } = this.#options;
    const { connection, file, roots } = await (this.#opening ??= this.#open());
    const all = checkedIndexes(table).map(({ name }) => name);
    const proof = await proveTable(file, table, roots, { ordered: this.#asItIs, signal });
    const { rowsInOrder, indexes: proven } = proof;
    if (all.every((name) => proven.has(name))) return { proven, rowsInOrder };
    logger.debug(`SQLite compares indexes of ${table.name}`);
    const stale = await staleIndexes(connection, table.name, signal);
    if (!stale) return { proven, rowsInOrder };
    const sound = all.filter((name) => !stale.has(name));
    return { proven: new Set(sound), rowsInOrder, stale: all.find((name) => stale.has(name)) };
  }
}

/** A failure is reported to the caller that asks for the outcome. */
function quiet<Result>(work: Promise<Result>): Promise<Result> {
  work.catch(() => 'reported to the caller');
  return work;
}

/** See `prove`. */
export async function proveTable(
  file: FileHandle,
  table: CatalogTable,
  roots: RootPages,
  options: { readonly ordered: boolean; readonly signal?: AbortSignal | undefined },
): Promise<Proof> {
  const indexes = checkedIndexes(table);
  if (indexes.length === 0 && !options.ordered) return nothingProven;
  try {
    return await prove(await PageFile.over(file), table, indexes, roots, options);
  } catch (error) {
    if (error instanceof UnclearFile) return nothingProven;
    throw error;
  }
}

/** The first page of each table and index of `main`, by name. */
export async function readRoots(connection: Connection, signal?: AbortSignal): Promise<RootPages> {
  const rows = await connection.all<{ name: string; root: number }>(
    'SELECT name, rootpage AS root FROM main.sqlite_schema WHERE rootpage > 0',
    [],
    signal,
  );
  return new Map(rows.map(({ name, root }) => [name, root]));
}

async function checkReferences(
  file: string,
  references: readonly InheritedReference[],
  { signal, logger }: WorkOptions,
): Promise<void> {
  if (references.length === 0) return;
  const connection = await openUntrusted(file);
  try {
    // They refer to rows all over their table.
    await connection.all(`PRAGMA cache_size = ${-24 * 1024}`);
    for (const reference of references) {
      const dangling = await connection.get(reference.sql, [], signal).catch((error: unknown) => {
        const missing = missingIn(error);
        if (missing === undefined) throw error;
        const { child, parent } = reference;
        logger.warn(`The foreign key of ${child} to ${parent} was not checked: that needs ${missing}`);
        return undefined;
      });
      if (dangling !== undefined) logger.warn(inheritedWarning(reference));
    }
  } finally {
    await connection.closeQuietly(logger);
  }
}
