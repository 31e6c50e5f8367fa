import type { Manifest } from '../../../core/manifest.ts';
import type { PlannedObject, RestoreMode } from '../../../core/plan.ts';
import { type DatabaseSchema, objectKey } from '../../../core/schema.ts';
import type { FindObstacle, PlannedGivenObjects } from '../../../core/statementRules.ts';
import { accessIn } from '../schema/extras.ts';
import type { PostgresObject } from '../schema/postgresObject.ts';

/**
 * An object that is still as every new database has it gets its properties from the backup, as if it had been made for
 * them. One that the backup does not have is taken away by `replace`, if nothing needs it.
 */
export function planUsualObjects(
  manifest: Manifest,
  schema: DatabaseSchema,
  mode: RestoreMode,
  obstacleTo: FindObstacle,
): PlannedGivenObjects {
  const create: PlannedObject[] = [];
  const warnings: string[] = [];
  const objects: readonly PostgresObject[] = schema.objects;
  for (const object of objects) {
    if (object.usual === undefined) continue;
    const key = objectKey(object);
    const statements = statementsFor(object, object.usual, manifest, schema, mode);
    const owner = objects.find(({ kind, of }) => kind === 'owner' && of === key)?.actsAs;
    for (const statement of statements) {
      const reason = foreign(owner, schema) ?? obstacleTo(statement)?.reason;
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
  object: PostgresObject,
  removal: string,
  manifest: Manifest,
  schema: DatabaseSchema,
  mode: RestoreMode,
): PlannedObject[] {
  const key = objectKey(object);
  const isIt = (other: PostgresObject): boolean => other.of === undefined && objectKey(other) === key;
  const held: readonly PostgresObject[] = manifest.objects;
  const backup = held.find(isIt);
  if (backup?.usual !== undefined) return [];
  if (backup) {
    const live = new Set(schema.objects.filter(({ kind }) => kind === 'owner').map(({ sql }) => sql));
    return manifest.objects.filter(({ of, sql }) => of === key && !live.has(sql));
  }
  const needed = ({ needs }: PostgresObject): boolean => needs?.includes(key) === true;
  const stays =
    mode !== 'replace' ||
    manifest.objects.length === 0 ||
    [...manifest.objects, ...schema.objects].some(needed);
  if (stays) return [];
  return [{ kind: object.kind, name: object.name, section: 'pre-data', sql: removal, needs: [], live: true }];
}

/** Why a user who is not its owner cannot change it. */
function foreign(owner: string | undefined, schema: DatabaseSchema): string | undefined {
  const access = accessIn(schema);
  if (!access || access.superuser || owner === undefined || access.actsAs.includes(owner)) return undefined;
  return `only its owner, ${owner}, may change it`;
}
