import type { ServerFeature } from '../../../core/schema.ts';
import type { Transaction } from '../connect/transaction.ts';
import { quoteIdentifier } from '../connect/identifiers.ts';
import { identifier, qualified } from './catalogSql.ts';
import { catalogId, type CatalogObject } from './catalogObject.ts';
import { featuresOf } from './features.ts';
import type { CatalogScope } from './scope.ts';

/** One right, as `aclexplode` gives it; to PUBLIC where there is no grantee. */
export interface Right {
  readonly grantor: string;
  readonly grantee: string | null;
  readonly privilege: string;
  readonly grantable: boolean;
}

interface Rights {
  readonly given: readonly Right[] | null;
  /** The default privileges of its owner and PUBLIC. */
  readonly usual: readonly Right[] | null;
}

interface ObjectRights extends Rights {
  readonly id: string;
  readonly column: string | null;
  readonly target: string;
  readonly owner: string;
}

/** The rights on these objects and on their columns, as far as they are not the usual ones. */
export async function loadGrants(
  transaction: Transaction,
  objects: readonly CatalogObject[],
  scope?: CatalogScope,
): Promise<CatalogObject[]> {
  const find = new Map(objects.map((object) => [object.id, object]));
  const rows = await transaction.rows<ObjectRights>(
    scope ? `SELECT q.* FROM (${rightQuery}) q WHERE q.id = ANY ($1::text[])` : rightQuery,
    scope ? [[...find.keys()]] : [],
  );
  return rows.flatMap((rights) => {
    const host = find.get(rights.id);
    return host && !host.leftOut ? grantObjects(host, rights) : [];
  });
}

/**
 * One object for each role that has or has lost rights, so that one that is missing keeps nobody else from theirs, and
 * another for rights that older servers do not know.
 */
function grantObjects(host: CatalogObject, rights: ObjectRights): CatalogObject[] {
  const { column, target, owner } = rights;
  const on = column === null ? `ON ${target}` : `(${quoteIdentifier(column)}) ON ${target}`;
  const place = column === null ? '' : ` column ${column}`;
  const groups = changesByRole(rights, owner);
  return groups.flatMap((group, index) =>
    byAge(group).map(({ changes, suffix, uses }): CatalogObject => {
      const { grantor, grantee } = group;
      const id = (from: string, to: string | null): string =>
        `${host.id} rights${place} ${JSON.stringify([from, to])}${suffix}`;
      const from = grantor === owner ? '' : ` from ${grantor}`;
      return {
        id: id(grantor, grantee),
        kind: 'privileges',
        name: `${host.kind} ${host.name}${place} of ${grantee ?? 'PUBLIC'}${from}${suffix}`,
        // As they were given: that is the order in which they are listed.
        order: `${host.kind} ${host.name}${place} ${String(index).padStart(6, '0')}${suffix}`,
        ...(host.table ? { table: host.table } : {}),
        section: 'post-data',
        statements: changes.map((change) => change(on)),
        of: host.id,
        roles: [owner, grantor, grantee].filter((role) => role !== null),
        ...(grantor === owner ? {} : { as: grantor }),
        uses,
        // A role must have a privilege before it can grant it.
        needs:
          grantor === owner
            ? []
            : groups.filter((other) => other.grantee === grantor).map((other) => id(other.grantor, grantor)),
      };
    }),
  );
}

type Change = (on: string) => string;

interface RoleChanges {
  readonly grantor: string;
  readonly grantee: string | null;
  /** Statements, given the text between the privileges and the role. */
  readonly changes: readonly Change[];
  /** The same of rights that older servers do not know. */
  readonly newer: readonly Change[];
}

const newRights: readonly string[] = ['MAINTAIN'];

function byAge({ changes, newer }: RoleChanges): {
  readonly changes: readonly Change[];
  readonly suffix: string;
  readonly uses: readonly ServerFeature[];
}[] {
  return [
    { changes, suffix: '', uses: [] },
    { changes: newer, suffix: ` (${newRights.join(', ')})`, uses: featuresOf(['maintain']) },
  ].filter((part) => part.changes.length > 0);
}

/** One for each role that has or has lost rights, the owner's own gifts first. */
export function changesByRole({ given, usual }: Rights, owner: string): RoleChanges[] {
  const all = [...(given ?? []), ...(usual ?? [])];
  const pairs = new Map(
    all.map(({ grantor, grantee }) => [JSON.stringify([grantor, grantee]), { grantor, grantee }]),
  );
  const byOwnerFirst = [...pairs.values()].sort(
    (a, b) => Number(a.grantor !== owner) - Number(b.grantor !== owner),
  );
  return byOwnerFirst
    .map(({ grantor, grantee }) => {
      const of = (rights: readonly Right[] | null): readonly Right[] =>
        (rights ?? []).filter((right) => right.grantor === grantor && right.grantee === grantee);
      const changesOf = (isNew: boolean): Change[] => {
        const isMeant = ({ privilege }: Right): boolean => newRights.includes(privilege) === isNew;
        return roleChanges(of(given).filter(isMeant), of(usual).filter(isMeant), grantee);
      };
      return { grantor, grantee, changes: changesOf(false), newer: changesOf(true) };
    })
    .filter(({ changes, newer }) => changes.length + newer.length > 0);
}

function roleChanges(given: readonly Right[], usual: readonly Right[], grantee: string | null): Change[] {
  const has = (rights: readonly Right[], right: Right): boolean =>
    rights.some(({ privilege, grantable }) => privilege === right.privilege && grantable === right.grantable);
  const lost = usual.filter((right) => !given.some(({ privilege }) => privilege === right.privilege));
  const won = given.filter((right) => !has(usual, right));
  const role = grantee === null ? 'PUBLIC' : quoteIdentifier(grantee);
  const changes: Change[] = [];
  if (lost.length > 0) changes.push((on) => `REVOKE ${list(lost, on)} FROM ${role}`);
  for (const grantable of [false, true]) {
    const rights = won.filter((right) => right.grantable === grantable);
    if (rights.length === 0) continue;
    changes.push((on) => `GRANT ${list(rights, on)} TO ${role}${grantable ? ' WITH GRANT OPTION' : ''}`);
  }
  return changes;
}

/** `SELECT, UPDATE ON TABLE t`; of a column, each with its name. */
function list(rights: readonly Right[], on: string): string {
  const column = /^(\("(?:[^"]|"")*"\)) (ON .*)$/s.exec(on);
  const names = rights.map(({ privilege }) => (column ? `${privilege} ${column[1]}` : privilege));
  return `${names.join(', ')} ${column ? column[2] : on}`;
}

interface DefaultRights extends Rights {
  readonly oid: string;
  readonly role: string;
  readonly schema: string | null;
  readonly schemaOid: string;
  readonly type: string;
}

/** The privileges that later objects grant automatically. */
export async function loadDefaultGrants(transaction: Transaction): Promise<CatalogObject[]> {
  const rows = await transaction.rows<DefaultRights>(defaultQuery);
  return rows.flatMap(({ oid, role, schema, schemaOid, type, given, usual }) => {
    const where = schema === null ? '' : ` IN SCHEMA ${quoteIdentifier(schema)}`;
    const alter = `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoteIdentifier(role)}${where} `;
    const on = `${role}${schema === null ? '' : ` in schema ${schema}`} on ${type}`;
    return changesByRole({ given, usual }, role).flatMap((group, index) =>
      byAge(group).map(({ changes, suffix, uses }): CatalogObject => {
        const { grantee } = group;
        return {
          id: `${catalogId('pg_default_acl', oid)} ${grantee ?? 'PUBLIC'}${suffix}`,
          kind: 'default privileges',
          name: `${on} for ${grantee ?? 'PUBLIC'}${suffix}`,
          order: `${role} ${schema ?? ''} ${type} ${String(index).padStart(6, '0')}${suffix}`,
          section: 'post-data',
          statements: changes.map((change) => alter + change(`ON ${type}`)),
          roles: grantee === null ? [role] : [role, grantee],
          actsAs: role,
          uses: [...uses, ...(type === 'LARGE OBJECTS' ? featuresOf(['largeObjectDefaults']) : [])],
          needs: schema === null ? [] : [catalogId('pg_namespace', schemaOid)],
        };
      }),
    );
  });
}

/**
 * Statements that take away, and give back, what objects that this user makes give by themselves: objects of a backup
 * have the rights that they had, and no others.
 */
export async function loadOwnDefaults(transaction: Transaction): Promise<{ off: string[]; on: string[] }> {
  const rows = await transaction.rows<DefaultRights>(
    `SELECT * FROM (${defaultQuery}) own WHERE own.role = current_user`,
  );
  const changesOf = ({ type, role, schema }: DefaultRights, rights: Rights): string[] => {
    const where = schema === null ? '' : ` IN SCHEMA ${quoteIdentifier(schema)}`;
    const alter = `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoteIdentifier(role)}${where} `;
    return changesByRole(rights, role).flatMap(({ changes, newer }) =>
      [...changes, ...newer].map((change) => alter + change(`ON ${type}`)),
    );
  };
  return {
    off: rows.flatMap((row) => changesOf(row, { given: row.usual, usual: row.given })),
    on: rows.flatMap((row) => changesOf(row, row)),
  };
}

const exploded = (acl: string): string => `
  (SELECT json_agg(json_build_object('grantor', pg_get_userbyid(x.grantor),
                     'grantee', CASE WHEN x.grantee <> 0 THEN pg_get_userbyid(x.grantee) END,
                     'privilege', x.privilege_type, 'grantable', x.is_grantable))
     FROM aclexplode(${acl}) x)`;

const source = (
  catalog: string,
  target: string,
  columns: { acl: string; owner: string; type: string; name?: string },
  from: string,
): string => `
  SELECT '${catalog} ' || o.oid AS id, ${columns.name ?? 'NULL'} AS "column", ${target} AS target,
         pg_get_userbyid(${columns.owner}) AS owner, ${exploded(columns.acl)} AS given,
         ${columns.name ? 'NULL' : exploded(`acldefault(${columns.type}, ${columns.owner})`)} AS usual
    FROM ${from} WHERE ${columns.acl} IS NOT NULL`;

const rightQuery = [
  source(
    'pg_class',
    `CASE o.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || ${qualified('o.relnamespace', 'o.relname')}`,
    { acl: 'o.relacl', owner: 'o.relowner', type: `CASE o.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char"` },
    'pg_class o',
  ),
  source(
    'pg_class',
    `'TABLE ' || ${qualified('o.relnamespace', 'o.relname')}`,
    { acl: 'a.attacl', owner: 'o.relowner', type: '', name: 'a.attname' },
    'pg_class o JOIN pg_attribute a ON a.attrelid = o.oid AND NOT a.attisdropped',
  ),
  source(
    'pg_proc',
    `CASE o.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END || o.oid::regprocedure`,
    { acl: 'o.proacl', owner: 'o.proowner', type: `'f'` },
    'pg_proc o',
  ),
  source(
    'pg_type',
    `'TYPE ' || ${qualified('o.typnamespace', 'o.typname')}`,
    { acl: 'o.typacl', owner: 'o.typowner', type: `'T'` },
    'pg_type o',
  ),
  source(
    'pg_namespace',
    `'SCHEMA ' || ${identifier('o.nspname')}`,
    { acl: 'o.nspacl', owner: 'o.nspowner', type: `'n'` },
    'pg_namespace o',
  ),
].join(' UNION ALL ');

const defaultQuery = `
  SELECT d.oid, pg_get_userbyid(d.defaclrole) AS role, n.nspname AS schema, d.defaclnamespace AS "schemaOid",
         CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
                              WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS type,
         ${exploded('d.defaclacl')} AS given,
         CASE WHEN d.defaclnamespace = 0 THEN
           ${exploded(`acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END::"char", d.defaclrole)`)} END AS usual
    FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace`;
