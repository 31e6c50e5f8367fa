import type { TableName } from '../../../core/names.ts';
import type { SchemaSection } from '../../../core/schema.ts';
import type { Transaction } from '../connect/transaction.ts';
import { catalogId, type CatalogObject } from './catalogObject.ts';
import { featuresOf } from './features.ts';
import { type CatalogScope, firstUserOid } from './scope.ts';

/** A kind of object whose statements a query builds by itself. */
export interface PlainKind {
  readonly catalog: string;
  /** The part of its id after the oid. */
  readonly suffix?: string;
  readonly kind: string;
  readonly section?: SchemaSection;
  /** Id of the object that it is a property of: that with the column `host`, or of the same oid. */
  readonly property?: boolean;
  readonly repeat?: boolean;
  /** The oid is more than that of the catalog's row, which the query has in a column `row`. */
  readonly row?: true;
  /** The oldest server that has it. */
  readonly since?: number;
  /**
   * A query with the columns oid, name, statements (an array; NULLs in it are nothing) or left_out (why it is not
   * carried), and where there is one target, owner, superuser, "table" (its name), roles, role (to run it as), host
   * and needs (ids), kind (in place of the other), usual (see `SchemaObject`),
   * uses (see `usesWhere`).
   */
  readonly query: string;
}

interface PlainRow {
  readonly oid: string;
  readonly name: string;
  readonly statements?: readonly (string | null)[];
  readonly left_out?: string | null;
  readonly target?: string | null;
  readonly owner?: string | null;
  readonly superuser?: boolean;
  readonly table?: TableName | null;
  readonly roles?: readonly string[] | null;
  readonly role?: string | null;
  readonly host?: string | null;
  readonly needs?: readonly (string | null)[] | null;
  readonly kind?: string;
  readonly uses?: readonly string[] | null;
  readonly usual?: string | null;
}

export async function loadPlainObjects(
  transaction: Transaction,
  kinds: readonly PlainKind[],
  scope?: CatalogScope,
): Promise<CatalogObject[]> {
  const { version } = transaction.database.server;
  const known = kinds.filter(({ since }) => since === undefined || version >= since);
  const found = await transaction.together(
    ...known.map((kind) => () => {
      if (!scope) return transaction.rows<PlainRow>(kind.query);
      return readScope(transaction, kind, scope);
    }),
  );
  return known.flatMap((kind, place) => found[place]!.map((row) => toObject(kind, row)));
}

/** Objects without a name of their own come with their relation. */
const nameless: readonly string[] = [
  'pg_class',
  'pg_trigger',
  'pg_policy',
  'pg_rewrite',
  'pg_attrdef',
  'pg_constraint',
];

/**
 * Asked in a way that the server works out no statement of what is not in the scope: that could wait for a lock. Names of
 * the server's own objects are ignored, except that of the schema `public`.
 */
function readScope(transaction: Transaction, kind: PlainKind, scope: CatalogScope): Promise<PlainRow[]> {
  const row = kind.row === true ? 'q."row"' : 'q.oid';
  const query = `SELECT q.* FROM (${kind.query}) q WHERE ${row} = ANY ($1::oid[])`;
  const own = scope.of(kind.catalog);
  if (nameless.includes(kind.catalog)) return transaction.rows<PlainRow>(query, [own]);
  const first = kind.catalog === 'pg_namespace' ? 0 : firstUserOid;
  const named = `${query} OR (${row} >= ${first} AND q.name::text = ANY ($2::text[]))`;
  return transaction.rows<PlainRow>(named, [own, scope.names]);
}

function toObject(kind: PlainKind, row: PlainRow): CatalogObject {
  const { host, role } = row;
  const needs = [host, ...(row.needs ?? [])].filter((need) => typeof need === 'string');
  return {
    id: catalogId(kind.catalog, row.oid) + (kind.suffix ? ` ${kind.suffix}` : ''),
    kind: row.kind ?? kind.kind,
    name: row.name,
    section: kind.section ?? 'pre-data',
    statements: (row.statements ?? []).filter((statement) => statement !== null),
    needs,
    ...(row.table ? { table: row.table } : {}),
    ...(row.target ? { target: row.target } : {}),
    ...(row.owner ? { owner: row.owner } : {}),
    ...(row.superuser ? { superuser: true } : {}),
    ...(row.roles && row.roles.length > 0 ? { roles: row.roles } : {}),
    ...(role ? { as: role } : {}),
    ...(kind.property && host ? { of: host } : {}),
    ...(kind.repeat ? { repeat: true } : {}),
    ...(row.uses ? { uses: featuresOf(row.uses) } : {}),
    ...(row.usual ? { usual: row.usual } : {}),
    ...(row.left_out ? { leftOut: row.left_out } : {}),
  };
}
