import type { TableName } from '../../../core/names.ts';
import type { SchemaSection, ServerFeature } from '../../../core/schema.ts';

/** An object of the catalogs, with the statements that make it. */
export interface CatalogObject {
  /** Its place in the catalogs: `pg_class 16385`. Parts without a row of their own add a word. */
  readonly id: string;
  readonly kind: string;
  /** For people. Together with the kind, it identifies the object, in this database and in others. */
  readonly name: string;
  /** The sort key among its kind, if that is not its name. */
  readonly order?: string;
  /** The table that it belongs to. */
  readonly table?: TableName | null;
  readonly section: SchemaSection;
  /** The first one makes it, the others set what it has besides. */
  readonly statements: readonly string[];
  /** How COMMENT and ALTER name it: `TABLE "a"."b"`. */
  readonly target?: string | null;
  /** The role that owns it, where an owner can be set. */
  readonly owner?: string | null;
  /** Ids of objects that have to be there before, besides those that pg_depend knows of. */
  readonly needs?: readonly string[];
  /** Only a superuser may make it. */
  readonly superuser?: boolean;
  /** Features that its statements need and not every server has. */
  readonly uses?: readonly ServerFeature[];
  /** Roles that its statements name. */
  readonly roles?: readonly string[];
  /** A role to run the statements as. */
  readonly as?: string;
  /** A role whose rights the statements take. */
  readonly actsAs?: string;
  /** Id of the object that this is a property of. */
  readonly of?: string;
  /** It brings data: it is run even where it is there. */
  readonly repeat?: boolean;
  /** See `SchemaObject`. */
  readonly usual?: string;
  /** Why it is not carried. */
  readonly leftOut?: string | null;
}

/** The order of kinds where nothing else decides it. */
const kindOrder: readonly string[] = [
  'schema',
  'collation',
  'extension',
  'shell type',
  'type',
  'domain',
  'composite type',
  'range type',
  'base type',
  'cast',
  'function',
  'procedure',
  'aggregate',
  'access method',
  'operator',
  'operator family',
  'operator class',
  'operator family members',
  'conversion',
  'transform',
  'text search parser',
  'text search template',
  'text search dictionary',
  'text search configuration',
  'sequence',
  'table',
  'view',
  'materialized view',
  'view definition',
  'default',
  'column compression',
  'unlogged sequence',
  'sequence owner',
  'partition',
  'primary key',
  'constraint',
  'index',
  'index partition',
  'cluster order',
  'replica identity',
  'domain constraint',
  'check constraint',
  'extended statistics',
  'rule',
  'trigger',
  'trigger state',
  'foreign key',
  'constraint triggers',
  'row-level security',
  'policy',
  'publication',
  'publication member',
  'privileges',
  'default privileges',
  'materialized view data',
  'event trigger',
];

/** Smaller comes first. */
export function rankOf(kind: string): number {
  const place = kindOrder.indexOf(kind);
  return place === -1 ? kindOrder.length : place;
}

/** The id of a row of a catalog. */
export function catalogId(catalog: string, oid: string | number): string {
  return `${catalog} ${oid}`;
}
