import type { Archive } from '../archive/archiveReader.ts';
import type { ComparedTable, DifferenceCounts } from '../core/differences.ts';
import { RestorePointError } from '../core/errors.ts';
import { foldCase, sameTable, tableKey } from '../core/names.ts';
import type { RestoreMode, RestorePlan, RowChanges, TablePlan } from '../core/plan.ts';
import { dataColumns, type DatabaseSchema, type Table } from '../core/schema.ts';
import type { Engine, Session, WorkOptions } from '../engines/engine.ts';

export interface CountOptions extends WorkOptions {
  /** Counting ends after this many milliseconds; the other numbers are then lower bounds. */
  readonly milliseconds?: number;
  readonly madeHere: boolean;
}

/**
 * The plan with how many rows of each table it inserts, updates, deletes and leaves as they are, by a comparison of the backup
 * with the database. Only reads. Throws `damaged-backup`, `database`, `cancelled`.
 */
export async function countChanges(
  plan: RestorePlan,
  schema: DatabaseSchema,
  archive: Archive,
  session: Session,
  engine: Engine,
  options: CountOptions,
): Promise<RestorePlan> {
  if (plan.only === 'schema' || plan.intoSchema) return plan;
  const compared = plan.tables.flatMap((table) => {
    const pair = comparedTable(table, schema, plan.mode, session);
    return pair ? [{ table, pair }] : [];
  });
  const counts = await compare(compared, archive, session, engine, options);
  const tables = plan.tables.map((table) => {
    const found = counts.get(table);
    return { ...table, changes: found ? changesOf(plan.mode, found) : leastChanges(plan.mode, table) };
  });
  return { ...plan, tables };
}

/** Undefined if there is nothing to compare, or the compared columns do not decide the changes. */
function comparedTable(
  { create, target, backup, key, columns: names }: TablePlan,
  { tables }: DatabaseSchema,
  mode: RestoreMode,
  { features }: Session,
): ComparedTable | undefined {
  const live = tables.find(({ name }) => sameTable(name, target));
  if (create || !live) return undefined;
  const fold = (name: string): string => (features.caseInsensitiveNames ? foldCase(name) : name);
  const now = new Map(dataColumns(live).map(({ name }) => [fold(name), name]));
  // A column that is new since the backup gets its default in every row that is written.
  if (mode === 'replace' && now.size !== names.length) return undefined;
  const columns = names.map((name) => ({ first: name, second: now.get(fold(name)) ?? name }));
  const places = key?.map((name) => names.findIndex((one) => fold(one) === fold(name)));
  const isKey = places && isKeyOf(backup.table, key!, fold);
  return { first: backup.table, second: live, columns, ...(isKey ? { key: places } : {}) };
}

function isKeyOf(
  { primaryKey, uniqueKeys }: Table,
  key: readonly string[],
  fold: (name: string) => string,
): boolean {
  const text = (columns: readonly string[]): string => JSON.stringify(columns.map(fold).sort());
  return [...(primaryKey ? [primaryKey] : []), ...uniqueKeys].some(
    ({ notNull, columns }) => notNull && text(columns) === text(key),
  );
}

async function compare(
  compared: readonly { readonly table: TablePlan; readonly pair: ComparedTable }[],
  archive: Archive,
  session: Session,
  engine: Engine,
  { milliseconds, madeHere, signal, ...options }: CountOptions,
): Promise<ReadonlyMap<TablePlan, DifferenceCounts>> {
  const counts = new Map<TablePlan, DifferenceCounts>();
  if (compared.length === 0) return counts;
  const limit = milliseconds === undefined ? undefined : AbortSignal.timeout(milliseconds);
  const signals = [signal, limit].filter((one) => one !== undefined);
  const work = { ...options, ...(signals.length > 0 ? { signal: AbortSignal.any(signals) } : {}) };
  const chosen = new Set(compared.map(({ table }) => tableKey(table.target)));
  try {
    const scope = { tables: (name: TablePlan['target']) => chosen.has(tableKey(name)), names: [] };
    const snapshot = await session.openSnapshot({ ...work, whole: false, scope });
    try {
      const first = { kind: 'backup', manifest: archive.manifest, source: archive, madeHere } as const;
      const pages = engine.compare(
        first,
        { kind: 'database', snapshot },
        compared.map(({ pair }) => pair),
        { ...work, rows: 0 },
      );
      for await (const page of pages) {
        if (page.counts) counts.set(compared[page.table]!.table, page.counts);
      }
    } finally {
      await snapshot.close();
    }
  } catch (error) {
    const tookLong = limit?.aborted === true && !signal?.aborted && RestorePointError.is(error, 'cancelled');
    if (!tookLong) throw error;
  }
  return counts;
}

/** The changes of a restore in this mode to the rows of a table. The backup is the first side. */
export function changesOf(mode: RestoreMode, counts: DifferenceCounts): RowChanges {
  const { onlyInFirst: inserted, onlyInSecond, changed, same } = counts;
  const now = onlyInSecond + changed + same;
  switch (mode) {
    case 'replace':
      return { inserted, updated: changed, deleted: onlyInSecond, unchanged: same };
    case 'merge':
      return { inserted, updated: changed, deleted: 0, unchanged: now - changed };
    case 'insert-missing':
      return { inserted, updated: 0, deleted: 0, unchanged: now };
  }
}

/** The changes that follow from the row counts alone; for a created table, that is everything. */
function leastChanges(mode: RestoreMode, { create, backup, rowsNow }: TablePlan): RowChanges {
  if (create) return { inserted: backup.rows, updated: 0, deleted: 0, unchanged: 0 };
  const more = backup.rows - rowsNow;
  return {
    inserted: Math.max(0, more),
    updated: 0,
    deleted: mode === 'replace' ? Math.max(0, -more) : 0,
    unchanged: 0,
    atLeast: true,
  };
}
