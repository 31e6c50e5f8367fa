import type { SchemaObject } from '../../../core/schema.ts';

/** An object with the properties that only PostgreSQL's statements have. Backups contain it in this form. */
export interface PostgresObject extends SchemaObject {
  /** Roles that the statement names. */
  readonly roles?: readonly string[];
  /** A role whose rights the user needs for it. */
  readonly actsAs?: string;
  /** The role to run it as, where it is not the user. */
  readonly as?: string;
  /** Only a superuser may run it. */
  readonly superuser?: boolean;
  /**
   * The object is as in every new database, so a complete backup overrides it: with the properties in the backup or, if the
   * backup does not have it, with this statement, which drops it.
   */
  readonly usual?: string;
}
