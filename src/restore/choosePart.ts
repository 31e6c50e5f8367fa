import { RestorePointError } from '../core/errors.ts';
import type { BackedUpTable, BackupPart, Manifest } from '../core/manifest.ts';
import { formatTableName, nameFinder, tableKey, type TableName, type TablePattern } from '../core/names.ts';
import { followForeignKeys, type RelatedReason } from '../core/related.ts';
import { chooseOpaque } from './planOpaque.ts';

/** The part of a backup; the whole backup if all of these are left out. */
export interface PartOptions {
  /** Names or patterns of the user. */
  readonly tables?: readonly TablePattern[];
  /** Also the tables of the backup that are related to these by foreign keys. */
  readonly withRelated?: boolean;
  /** Make what is missing and write no rows, or write rows and make nothing. */
  readonly only?: BackupPart;
}

/** A part of a backup, as if it were the backup. */
export interface ChosenPart {
  readonly manifest: Manifest;
  readonly tables: readonly BackedUpTable[];
  /** Their names; undefined where all of the backup is meant. */
  readonly names?: readonly TablePattern[];
  readonly only?: BackupPart;
  /** Why tables came that were not chosen, by their keys. */
  readonly related: ReadonlyMap<string, readonly RelatedReason[]>;
  readonly warnings: readonly string[];
}

/** Throws `usage` for a table that the backup does not hold, `refused` for a part that it does not hold. */
export function choosePart(manifest: Manifest, options: PartOptions): ChosenPart {
  const only = options.only ?? manifest.only;
  if (only !== undefined && manifest.only !== undefined && only !== manifest.only)
    throw notHeld(manifest.only);
  const chosen = chooseTables(manifest, options.tables);
  if (options.withRelated && !options.tables) {
    throw new RestorePointError(
      'usage',
      'Related tables need chosen tables to start from, and none are chosen',
      {
        unchanged: 'Nothing was changed.',
        next: 'Choose tables.',
      },
    );
  }
  const related = options.withRelated
    ? relatedTo(manifest, chosen)
    : new Map<string, readonly RelatedReason[]>();
  const isChosen = new Set(chosen);
  const tables =
    related.size === 0
      ? chosen
      : manifest.tables.filter((table) => isChosen.has(table) || related.has(tableKey(table.table.name)));
  const added = tables.filter((table) => !isChosen.has(table)).map(({ table }) => table.name);
  return {
    manifest: partOf(manifest, only),
    tables,
    ...(options.tables ? { names: [...options.tables, ...added.map(exactly)] } : {}),
    ...(only ? { only } : {}),
    related,
    warnings: only && !options.tables ? opaqueWarnings(manifest) : [],
  };
}

/** The tables of the backup that are meant. Throws `usage` for a name that it does not hold. */
export function chooseTables(
  manifest: Manifest,
  names: readonly TablePattern[] | undefined,
): BackedUpTable[] {
  if (!names) return [...manifest.tables];
  const find = nameFinder(manifest.tables, ({ table }) => table.name);
  const chosen = new Set<BackedUpTable>();
  for (const name of names) {
    const found = find(name);
    if (found.length === 0 && chooseOpaque(manifest, [name]).length === 0) {
      throw new RestorePointError('usage', `The backup contains no table named ${formatTableName(name)}`, {
        unchanged: 'Nothing was changed.',
        next:
          manifest.tables.length > 0
            ? `It contains: ${manifest.tables.map(({ table }) => formatTableName(table.name)).join(', ')}.`
            : 'It contains no tables.',
      });
    }
    for (const table of found) chosen.add(table);
  }
  return manifest.tables.filter((table) => chosen.has(table));
}

/** Whole tables, so that no foreign key between the tables of the backup dangles: see `followForeignKeys`. */
function relatedTo(
  manifest: Manifest,
  chosen: readonly BackedUpTable[],
): Map<string, readonly RelatedReason[]> {
  const keys = new Set(chosen.map(({ table }) => tableKey(table.name)));
  const { tables } = followForeignKeys(
    manifest.tables.map(({ table }) => table),
    keys,
  );
  const others = tables.filter((table) => !table.chosen);
  return new Map(others.map(({ table, reasons }) => [tableKey(table.name), reasons]));
}

function partOf(manifest: Manifest, only: BackupPart | undefined): Manifest {
  const { extras, ...rest } = manifest;
  switch (only) {
    case undefined:
      return manifest;
    case 'schema':
      return {
        ...rest,
        complete: manifest.complete || manifest.allObjects === true,
        objects: manifest.objects.filter(({ repeat, opaque }) => !repeat && !opaque),
        sequences: [],
      };
    case 'data':
      // A refresh runs if the view that it fills is part of it.
      return {
        ...rest,
        ...(extras ? { extras } : {}),
        complete: true,
        objects: manifest.objects.filter(({ repeat, opaque }) => repeat && !opaque),
      };
  }
}

function opaqueWarnings({ objects }: Manifest): string[] {
  const names = objects.filter(({ opaque }) => opaque).map(({ kind, name }) => `${kind} ${name}`);
  if (names.length === 0) return [];
  return [`not restored: ${names.join(', ')}: the schema cannot be separated from the rows`];
}

function exactly({ schema, name }: TableName): TablePattern {
  return { name, ...(schema === undefined ? {} : { schema }) };
}

function notHeld(only: BackupPart): RestorePointError {
  return new RestorePointError(
    'refused',
    only === 'schema'
      ? 'The backup contains only the schema, no rows'
      : 'The backup contains only rows, no schema',
    { unchanged: 'Nothing was changed.' },
  );
}
