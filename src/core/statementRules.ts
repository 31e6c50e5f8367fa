import type { Manifest } from './manifest.ts';
import type { PlannedObject, RestoreMode } from './plan.ts';
import type { DatabaseSchema, SchemaObject } from './schema.ts';

/** Why a statement of a backup cannot run. */
export interface StatementObstacle {
  readonly reason: string;
  /** Somebody else could run the statement: it is shown. */
  readonly shown?: boolean;
}

export type FindObstacle = (object: SchemaObject) => StatementObstacle | undefined;

/** Statements that change what every new database has into what a whole backup says of it. */
export interface PlannedGivenObjects {
  readonly first: readonly PlannedObject[];
  /** Rights, without which others might not be made. */
  readonly last: readonly PlannedObject[];
  readonly warnings: readonly string[];
}

/** Planning asks an engine these questions about its statements. None of them reads or writes anything. */
export interface StatementRules {
  /** Why this user cannot run it in this database; undefined where nothing is in the way. */
  obstacleTo(object: SchemaObject, schema: DatabaseSchema): StatementObstacle | undefined;
  /** Every new database has it: a restore of a part does not miss it. */
  readonly isGiven: (object: SchemaObject) => boolean;
  planGiven(
    manifest: Manifest,
    schema: DatabaseSchema,
    mode: RestoreMode,
    obstacleTo: FindObstacle,
  ): PlannedGivenObjects;
}
