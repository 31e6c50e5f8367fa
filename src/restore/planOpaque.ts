import type { Manifest } from '../core/manifest.ts';
import { foldCase, formatTableName, nameMatches, tableKey, type TablePattern } from '../core/names.ts';
import type { OpaquePlan, RestoreMode } from '../core/plan.ts';
import { objectKey, type DatabaseSchema, type SchemaObject } from '../core/schema.ts';
import type { SessionFeatures } from '../engines/engine.ts';
import type { Refusal } from './refusal.ts';

export interface PlannedOpaque {
  readonly tables: readonly OpaquePlan[];
  /** The objects that make and fill them. */
  readonly create: readonly SchemaObject[];
  readonly warnings: readonly string[];
  readonly refusals: readonly Refusal[];
}

/** The opaque tables of a backup that are meant: all of them, or those of these names. */
export function chooseOpaque(manifest: Manifest, names: readonly TablePattern[] | undefined): SchemaObject[] {
  return manifest.objects.filter(
    ({ opaque, table }) => opaque && table && (!names || names.some((name) => nameMatches(name, table))),
  );
}

export function withoutOpaque(manifest: Manifest): Manifest {
  return { ...manifest, objects: manifest.objects.filter(({ opaque }) => !opaque) };
}

/**
 * Plans opaque tables (see `Table.opaque`). Their rows cannot be identified: missing tables are created,
 * and those that are there are replaced or stay.
 */
export function planOpaque(
  manifest: Manifest,
  { schema, features }: { readonly schema: DatabaseSchema; readonly features: SessionFeatures },
  { mode, tables: names }: { readonly mode: RestoreMode; readonly tables?: readonly TablePattern[] },
): PlannedOpaque {
  const fold = (key: string): string => (features.caseInsensitiveNames ? foldCase(key) : key);
  const live = new Map(schema.tables.map((table) => [fold(tableKey(table.name)), table]));
  const statements = new Map(schema.objects.map((object) => [fold(objectKey(object)), object.sql]));
  const tables: OpaquePlan[] = [];
  const create: SchemaObject[] = [];
  const kept: string[] = [];
  const refusals: Refusal[] = [];
  for (const object of chooseOpaque(manifest, names)) {
    const { table } = object;
    if (!table) continue;
    const name = formatTableName(table);
    const refuse = (reason: string): unknown => refusals.push({ table, reason });
    const found = live.get(fold(tableKey(table)));
    const named = names?.some((pattern) => !pattern.wildcard && nameMatches(pattern, table));
    if (found && mode !== 'replace') {
      if (named) refuse(`only the mode replace writes an existing ${object.kind}`);
      else kept.push(name);
    } else if (found && !found.opaque) {
      refuse(`the database has another table with this name, which is not a ${object.kind}`);
    } else if (found && statements.get(fold(objectKey(object))) !== object.sql) {
      refuse('the database defines it differently; drop it there, or restore only some tables');
    } else {
      tables.push({ target: found?.name ?? table, create: !found });
      create.push(object);
    }
  }
  const keep = kept.length === 1 ? 'keeps its rows' : 'keep their rows';
  const warnings =
    kept.length > 0 ? [`${kept.join(', ')} ${keep}: only the mode replace writes such tables`] : [];
  return { tables, create, warnings, refusals };
}

/** The opaque tables of a database that a restore changes: those that it replaces, and those that follow its tables. */
export function changedOpaque(
  schema: DatabaseSchema,
  replaced: readonly OpaquePlan[],
  written: ReadonlySet<string>,
): TablePattern[] {
  const direct = new Set(replaced.filter(({ create }) => !create).map(({ target }) => tableKey(target)));
  return schema.tables
    .filter(({ name, opaque }) => {
      if (!opaque) return false;
      return direct.has(tableKey(name)) || opaque.follows.some((table) => written.has(tableKey(table)));
    })
    .map(({ name }) => name);
}
