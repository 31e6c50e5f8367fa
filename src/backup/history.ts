import { type BackedUpTable, holdsAllRows, type Manifest } from '../core/manifest.ts';
import { formatTableName } from '../core/names.ts';
import type { BackupFile } from './backupFiles.ts';

/** The backups of a database over time, from their manifests alone. */
export interface BackupHistory {
  /** Oldest first. */
  readonly points: readonly BackupFile[];
  /** Those that lost many rows come first, then those with the largest change. */
  readonly tables: readonly TableHistory[];
}

export interface TableHistory {
  readonly name: string;
  /** At each point: null where the backup does not say how many rows the table had. */
  readonly rows: readonly (number | null)[];
  /** The points at which it has lost many rows since the point before that knows them. */
  readonly losses: readonly RowLoss[];
}

export interface RowLoss {
  readonly point: number;
  /** How many rows are gone since the backup before. */
  readonly rows: number;
  readonly before: number;
}

/** A table has lost many rows if more than 10 % of them and more than 10 rows are gone since the backup before. */
export function isLoss(before: number, now: number): boolean {
  const lost = before - now;
  return lost > 10 && lost > before / 10;
}

/** Leaves out damaged files. An encrypted backup without its key has only a size and a time. */
export function historyOf(backups: readonly BackupFile[]): BackupHistory {
  const points = backups
    .filter(({ problem, manifest }) => problem === undefined && manifest?.writtenRows === undefined)
    .sort((a, b) => a.time.getTime() - b.time.getTime());
  const names = new Set(
    points.flatMap(({ manifest }) => (manifest ? countedTables(manifest).map(nameOf) : [])),
  );
  const counts = points.map(({ manifest }) => manifest && countsOf(manifest));
  const tables = [...names].map((name) => tableHistory(name, points, counts));
  return { points, tables: tables.sort(byChange) };
}

type Counts = ReadonlyMap<string, number>;

function countedTables({ tables, only }: Manifest): BackedUpTable[] {
  return only === 'schema' ? [] : tables.filter(holdsAllRows);
}

function nameOf({ table }: BackedUpTable): string {
  return formatTableName(table.name);
}

function countsOf(manifest: Manifest): Counts {
  return new Map(countedTables(manifest).map((table) => [nameOf(table), table.rows]));
}

function tableHistory(
  name: string,
  points: readonly BackupFile[],
  counts: readonly (Counts | undefined)[],
): TableHistory {
  const rows: (number | null)[] = [];
  const losses: RowLoss[] = [];
  let before: number | undefined;
  for (const [point, { manifest }] of points.entries()) {
    // A whole backup without the table says that it is gone, with its rows.
    const gone = manifest?.complete === true && before !== undefined ? 0 : null;
    const now = counts[point]?.get(name) ?? gone;
    rows.push(now);
    if (now === null) continue;
    if (before !== undefined && isLoss(before, now)) losses.push({ point, rows: before - now, before });
    before = now;
  }
  return { name, rows, losses };
}

function byChange(a: TableHistory, b: TableHistory): number {
  const lost = ({ losses }: TableHistory): number => Math.max(0, ...losses.map(({ rows }) => rows));
  const changed = ({ rows }: TableHistory): number => {
    const known = rows.filter((count) => count !== null);
    return Math.max(...known) - Math.min(...known);
  };
  return lost(b) - lost(a) || changed(b) - changed(a) || a.name.localeCompare(b.name);
}
