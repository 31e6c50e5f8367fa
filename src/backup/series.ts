import type { BackedUpTable, Manifest } from '../core/manifest.ts';
import { formatTableName, type TableName } from '../core/names.ts';

/** Identifies the database that a backup was taken from, as well as its manifest can. */
export function databaseKeyOf({ source }: Pick<Manifest, 'source'>): string {
  const { engine, identity, connection, database } = source;
  return JSON.stringify(identity === undefined ? [engine, connection ?? null, database] : [engine, identity]);
}

/**
 * Backups with the same text replace each other: those of one database that hold the same part of it. A whole backup and one
 * of some tables are of two series, and so are backups of different tables, or with different conditions.
 */
export function seriesOf(manifest: Manifest): string {
  return JSON.stringify([databaseKeyOf(manifest), partOf(manifest)]);
}

function partOf({ complete, only, allObjects, writtenRows, tables, objects }: Manifest): unknown {
  if (complete) return 'whole';
  const opaque = objects.filter((object) => object.opaque).map(({ kind, name }) => `${kind} ${name}`);
  // All tables belong to it, those too that come later: only what is excluded tells such backups apart.
  const taken = allObjects ? tables.filter(({ rowsExcluded }) => rowsExcluded) : tables;
  return [
    allObjects ? 'all' : writtenRows ? 'written rows' : 'part',
    only ?? null,
    taken.map(tablePart).sort(),
    allObjects ? [] : opaque.sort(),
  ];
}

function tablePart({ table, where, related, lostRows, rowsExcluded }: BackedUpTable): string {
  return JSON.stringify([
    formatTableName(table.name),
    where ?? null,
    related !== undefined,
    lostRows !== undefined,
    rowsExcluded ?? false,
  ]);
}

/** How much of its database a backup holds, for people. */
export type BackupExtent =
  | { readonly kind: 'whole' | 'schema' }
  /** All but the rows of these tables. */
  | { readonly kind: 'without'; readonly tables: readonly string[] }
  | { readonly kind: 'schemaPart' | 'rows' | 'part' | 'writtenRows'; readonly tables: readonly string[] };

export function extentOf({ complete, only, allObjects, tables, writtenRows }: Manifest): BackupExtent {
  const names = (all: readonly { readonly table: { readonly name: TableName } }[]): string[] =>
    all.map(({ table }) => formatTableName(table.name));
  if (complete) return { kind: 'whole' };
  if (writtenRows)
    return { kind: 'writtenRows', tables: names(writtenRows.tables.map((table) => ({ table }))) };
  if (only === 'schema')
    return allObjects ? { kind: 'schema' } : { kind: 'schemaPart', tables: names(tables) };
  if (allObjects)
    return { kind: 'without', tables: names(tables.filter(({ rowsExcluded }) => rowsExcluded)) };
  return { kind: only === 'data' ? 'rows' : 'part', tables: names(tables) };
}
