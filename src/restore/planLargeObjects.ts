import type { Manifest } from '../core/manifest.ts';
import type { LargeObjectPlan, RestoreMode } from '../core/plan.ts';
import type { DatabaseSchema } from '../core/schema.ts';

export interface PlannedLargeObjects {
  readonly plan?: LargeObjectPlan;
  readonly warnings: readonly string[];
}

/**
 * Missing large objects are made in every mode, under their own numbers; in mode `replace` those that are there become
 * what the backup holds. What the backup does not hold stays.
 */
export function planLargeObjects(
  { largeObjects: backup }: Manifest,
  { access, largeObjects: now = 0 }: DatabaseSchema,
  mode: RestoreMode,
): PlannedLargeObjects {
  if (!backup) return { warnings: [] };
  const exists = (role: string): boolean => !access || access.roles.includes(role);
  const mayBe = (role: string): boolean =>
    exists(role) && (!access || access.superuser || access.actsAs.includes(role));
  const isForeign = (role: string): boolean => exists(role) && !mayBe(role);
  const isGone = (role: string): boolean => !exists(role);
  const { owners, grantees, grantors } = backup;
  return {
    plan: {
      backup,
      now,
      overwrite: mode === 'replace',
      owners: owners.filter(mayBe),
      grantees: grantees.filter(exists),
      grantors: grantors.filter(mayBe),
    },
    warnings: [
      ...warn('owner, with all rights,', owners.filter(isGone), 'the role does not exist'),
      ...warn('owner, with all rights,', owners.filter(isForeign), 'the user is not a member of it'),
      ...warn('rights of', grantees.filter(isGone), 'the role does not exist'),
      ...warn('rights given by', grantors.filter(isGone), 'the role does not exist'),
      ...warn('rights given by', grantors.filter(isForeign), 'the user is not a member of it'),
    ],
  };
}

function warn(what: string, roles: readonly string[], reason: string): string[] {
  return roles.length === 0 ? [] : [`not restored: large objects: ${what} ${roles.join(', ')}: ${reason}`];
}
