import type { EngineExtras } from '../../../core/extras.ts';
import type { Manifest } from '../../../core/manifest.ts';
import type { RestorePlan } from '../../../core/plan.ts';
import type { DatabaseSchema } from '../../../core/schema.ts';

/** Rows in a payload that are no table's. */
export interface StoredRows {
  readonly payload: string;
  readonly rows: number;
  /** As a table's. */
  readonly digest: string;
}

/** Large objects have a number instead of a place in a table. */
export interface BackedUpLargeObjects {
  /** The number, owner, privileges and comment of each. */
  readonly objects: StoredRows;
  /** Their contents, in pieces. */
  readonly pieces: StoredRows;
  /** The roles that own one. */
  readonly owners: readonly string[];
  /** The roles that have rights on one. */
  readonly grantees: readonly string[];
  /** The roles that gave rights on one that is not theirs. */
  readonly grantors: readonly string[];
}

/** The part of a plan that restores large objects: missing ones are created, and those that are not in the backup stay. */
export interface LargeObjectPlan {
  readonly backup: BackedUpLargeObjects;
  /** How many there are in the target, of whatever number. */
  readonly now: number;
  /** Existing ones are overwritten with those of the backup; else they stay as they are. */
  readonly overwrite: boolean;
  /** The roles, of those in the backup, that can be made the owner of one. */
  readonly owners: readonly string[];
  /** The roles that rights can be given to. */
  readonly grantees: readonly string[];
  /** The roles in whose name rights can be given. */
  readonly grantors: readonly string[];
}

export function largeObjectsOf({ extras }: Pick<Manifest, 'extras'>): BackedUpLargeObjects | undefined {
  return extras?.['largeObjects'] as BackedUpLargeObjects | undefined;
}

/** The user of a connection. */
export interface DatabaseAccess {
  readonly superuser: boolean;
  /** All roles of the server. */
  readonly roles: readonly string[];
  /** The roles whose privileges the user has. */
  readonly actsAs: readonly string[];
}

/** The things that a database has besides tables and statements: the number of large objects, and the roles. */
export interface DatabaseExtras {
  readonly largeObjects?: number;
  readonly access?: DatabaseAccess;
}

export function schemaExtras(extras: DatabaseExtras): EngineExtras {
  return { ...extras };
}

export function accessIn({ extras }: Pick<DatabaseSchema, 'extras'>): DatabaseAccess | undefined {
  return extras?.['access'] as DatabaseAccess | undefined;
}

/** How many large objects there are that can be read. */
export function largeObjectsIn({ extras }: Pick<DatabaseSchema, 'extras'>): number {
  return (extras?.['largeObjects'] as number | undefined) ?? 0;
}

export function plannedLargeObjects({ extras }: Pick<RestorePlan, 'extras'>): LargeObjectPlan | undefined {
  return extras?.own['largeObjects'] as LargeObjectPlan | undefined;
}

export function asExtras(largeObjects: BackedUpLargeObjects | LargeObjectPlan): EngineExtras {
  return { largeObjects };
}
