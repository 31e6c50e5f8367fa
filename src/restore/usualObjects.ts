import type { Manifest } from '../core/manifest.ts';
import type { PlannedObject, RestoreMode } from '../core/plan.ts';
import { type DatabaseSchema, objectKey, type SchemaObject } from '../core/schema.ts';
import { refusalOf } from './planObjects.ts';

/** Statements that make of what every new database has what a whole backup says of it. */
export interface PlannedUsualObjects {
  readonly first: readonly PlannedObject[];
  /** Rights, without which others might not be made. */
  readonly last: readonly PlannedObject[];
  readonly warnings: readonly string[];
}

/**
 * An object that is still as every new database has it gets its properties from the backup, as if it had been made for
 * them. One that the backup does not have is taken away by `replace`, if nothing needs it.
 */
export function planUsualObjects(
  manifest: Manifest,
  schema: DatabaseSchema,
  mode: RestoreMode,
): PlannedUsualObjects {
  const create: PlannedObject[] = [];
  const warnings: string[] = [];
  for (const object of schema.objects) {
    if (object.usual === undefined) continue;
    const key = objectKey(object);
    const statements = statementsFor(object, object.usual, manifest, schema, mode);
    const owner = schema.objects.find(({ kind, of }) => kind === 'owner' && of === key)?.actsAs;
    for (const statement of statements) {
      const reason = foreign(owner, schema) ?? refusalOf(statement, { schema });
      if (reason === undefined) create.push(statement);
      else warnings.push(`not restored: ${objectKey(statement)}: ${reason}: ${statement.sql}`);
    }
    const goes = create.some(({ sql }) => sql === object.usual);
    if (goes) warnings.push(`${key} is empty and not in the backup: it will be removed`);
  }
  return {
    first: create.filter(({ section }) => section === 'pre-data'),
    last: create.filter(({ section }) => section === 'post-data'),
    warnings,
  };
}

function statementsFor(
  object: SchemaObject,
  removal: string,
  manifest: Manifest,
  schema: DatabaseSchema,
  mode: RestoreMode,
): PlannedObject[] {
  const key = objectKey(object);
  const isIt = (other: SchemaObject): boolean => other.of === undefined && objectKey(other) === key;
  const backup = manifest.objects.find(isIt);
  if (backup?.usual !== undefined) return [];
  if (backup) {
    const live = new Set(schema.objects.filter(({ kind }) => kind === 'owner').map(({ sql }) => sql));
    return manifest.objects.filter(({ of, sql }) => of === key && !live.has(sql));
  }
  const needed = ({ needs }: SchemaObject): boolean => needs?.includes(key) === true;
  const stays =
    mode !== 'replace' ||
    manifest.objects.length === 0 ||
    [...manifest.objects, ...schema.objects].some(needed);
  if (stays) return [];
  return [{ kind: object.kind, name: object.name, section: 'pre-data', sql: removal, needs: [], live: true }];
}

/** Why a user who is not its owner cannot change it. */
function foreign(owner: string | undefined, { access }: DatabaseSchema): string | undefined {
  if (!access || access.superuser || owner === undefined || access.actsAs.includes(owner)) return undefined;
  return `only its owner, ${owner}, may change it`;
}
