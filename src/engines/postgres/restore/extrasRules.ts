import type { ExtrasRules, PlannedExtras } from '../../../core/extrasRules.ts';
import { formatCount } from '../../../core/format.ts';
import { localizable, type Message } from '../../../core/localizable.ts';
import type { Manifest } from '../../../core/manifest.ts';
import type { RestoreMode } from '../../../core/plan.ts';
import type { DatabaseSchema } from '../../../core/schema.ts';
import {
  accessIn,
  asExtras,
  type BackedUpLargeObjects,
  type LargeObjectPlan,
  largeObjectsIn,
  largeObjectsOf,
} from '../schema/extras.ts';

/** Large objects. */
export const extrasRules: ExtrasRules = {
  name: localizable('large objects'),
  countOf: (extras) => (extras['largeObjects'] as BackedUpLargeObjects).objects.rows,
  countIn: largeObjectsIn,
  leftOutReason: 'tables contain only their numbers; only a backup of the whole database contains their data',
  plan: planLargeObjects,
};

/**
 * Missing large objects are made in every mode, under their own numbers; in mode `replace` those that are there become
 * what the backup holds. What the backup does not hold stays.
 */
function planLargeObjects(manifest: Manifest, schema: DatabaseSchema, mode: RestoreMode): PlannedExtras {
  const backup = largeObjectsOf(manifest);
  if (!backup) return { warnings: [] };
  const access = accessIn(schema);
  const now = largeObjectsIn(schema);
  const exists = (role: string): boolean => !access || access.roles.includes(role);
  const mayBe = (role: string): boolean =>
    exists(role) && (!access || access.superuser || access.actsAs.includes(role));
  const isForeign = (role: string): boolean => exists(role) && !mayBe(role);
  const isGone = (role: string): boolean => !exists(role);
  const { owners, grantees, grantors } = backup;
  const overwrite = mode === 'replace';
  const plan: LargeObjectPlan = {
    ...{ backup, now, overwrite },
    owners: owners.filter(mayBe),
    grantees: grantees.filter(exists),
    grantors: grantors.filter(mayBe),
  };
  return {
    plan: { overwrites: overwrite && now > 0, description: describe(plan), own: asExtras(plan) },
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

function describe({ backup, now, overwrite }: LargeObjectPlan): Message {
  const values = [formatCount(now), formatCount(backup.objects.rows)];
  const text = overwrite
    ? localizable(
        'Large objects: {0} now, {1} in the backup. Missing ones will be created, existing ones overwritten.',
      )
    : localizable(
        'Large objects: {0} now, {1} in the backup. Missing ones will be created, existing ones left alone.',
      );
  return { text, values };
}
