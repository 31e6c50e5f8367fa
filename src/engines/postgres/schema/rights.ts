import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName, tableKey, type TableName } from '../../../core/names.ts';
import type { RestoreMode } from '../../../core/plan.ts';
import type { UnreadableTable } from '../../../core/schema.ts';
import { quoteIdentifier, quoteLiteral, quoteName } from '../connect/identifiers.ts';
import { type CatalogScope, relationsInScope } from './scope.ts';
import type { Transaction } from '../connect/transaction.ts';

const privileges = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES'] as const;

type Privilege = (typeof privileges)[number];

/** The user's privileges on a table or a sequence. */
export interface Rights {
  readonly name: TableName;
  readonly kind: 'TABLE' | 'SEQUENCE';
  readonly owner: string;
  /** The user has the rights of the owner. */
  readonly owned: boolean;
  readonly user: string;
  /** It may use the schema. */
  readonly enters: boolean;
  readonly held: readonly Privilege[];
  /** Rights on columns that the owner gave himself: they go with those on the table. */
  readonly columns: readonly {
    readonly privilege: Privilege;
    readonly column: string;
    readonly grantable: boolean;
  }[];
  /** Row-level security hides rows from the user. */
  readonly hidden: boolean;
}

/** Something that the owner of a table gives himself for as long as he needs it, and how it is taken back. */
export interface Loan {
  readonly take: string;
  readonly giveBack: readonly string[];
}

/** The rights on those of these relations that are there. */
export function loadRights(transaction: Transaction, names: readonly TableName[]): Promise<Rights[]> {
  const wanted = JSON.stringify(names.map(({ schema, name }) => ({ schema, name })));
  return transaction.rows<Rights>(rightsQuery, [wanted]);
}

/** Why this user cannot restore the rows of a table; undefined where nothing is in the way, or the owner can help himself. */
export function refuseRights(rights: Rights, mode: RestoreMode): RestorePointError | undefined {
  const { name, owned, owner, user, enters, hidden } = rights;
  const place = { table: formatTableName(name) };
  const missing = enters ? needed(rights, mode) : ['USAGE'];
  if (!enters || (missing.length > 0 && !owned)) {
    const what = enters ? `TABLE ${quoteName(name)}` : `SCHEMA ${quoteIdentifier(name.schema ?? '')}`;
    return new RestorePointError(
      'refused',
      `${missing.join(', ')} ${enters ? 'on it' : 'on its schema'} has not been granted to ${user}`,
      { place, next: `Restore as ${owner}, or ask it to run: ${grant(missing, what, user)}` },
    );
  }
  if (!hidden || owned) return undefined;
  return new RestorePointError('refused', 'Row-level security may hide some of its rows from this user', {
    place,
    next: 'Use its owner or a role with BYPASSRLS.',
  });
}

function needed({ held }: Rights, mode: RestoreMode): Privilege[] {
  const wanted: Privilege[] = ['SELECT', 'INSERT'];
  if (mode === 'merge') wanted.push('UPDATE');
  // It is emptied, or at least locked.
  const locking: readonly Privilege[] =
    mode === 'replace' ? ['DELETE', 'TRUNCATE'] : ['UPDATE', 'DELETE', 'TRUNCATE'];
  if (!locking.some((privilege) => held.includes(privilege)) && !wanted.includes('UPDATE')) {
    wanted.push(mode === 'replace' ? 'DELETE' : 'UPDATE');
  }
  return wanted.filter((privilege) => !held.includes(privilege));
}

/** The rights that an owner has taken from himself, as a loan. */
export function loansOf({ name, kind, owner, owned, held, columns }: Rights): Loan[] {
  const wanted: readonly Privilege[] = kind === 'SEQUENCE' ? ['SELECT', 'UPDATE'] : privileges;
  const missing = wanted.filter((privilege) => !held.includes(privilege));
  if (!owned || missing.length === 0) return [];
  const what = `${kind} ${quoteName(name)}`;
  const lost = columns.filter(({ privilege }) => missing.includes(privilege));
  return [
    {
      take: grant(missing, what, owner),
      giveBack: [
        `REVOKE ${missing.join(', ')} ON ${what} FROM ${quoteIdentifier(owner)}`,
        ...lost.map(
          ({ privilege, column, grantable }) =>
            grant([`${privilege} (${quoteIdentifier(column)})`], what, owner) +
            (grantable ? ' WITH GRANT OPTION' : ''),
        ),
      ],
    },
  ];
}

/** Row-level security that the owner is under as well, as a loan. */
export function unforce({ name, owned, hidden }: Rights): Loan[] {
  if (!owned || !hidden) return [];
  const alter = `ALTER TABLE ONLY ${quoteName(name)}`;
  return [
    {
      take: `${alter} NO FORCE ROW LEVEL SECURITY`,
      giveBack: [`${alter} FORCE ROW LEVEL SECURITY`],
    },
  ];
}

export async function take(transaction: Transaction, loans: readonly Loan[]): Promise<void> {
  for (const loan of loans) await transaction.run(loan.take);
}

export async function giveBack(transaction: Transaction, loans: readonly Loan[]): Promise<void> {
  for (const loan of loans) for (const sql of loan.giveBack) await transaction.run(sql);
}

/** The privileges that the owner of tables must grant himself to read all their rows, by table key; absent if there are none. */
export async function readingLoans(
  transaction: Transaction,
  tables: readonly TableName[],
): Promise<Map<string, readonly Loan[]>> {
  const all = await loadRights(transaction, tables);
  const loans = new Map<string, readonly Loan[]>();
  for (const rights of all) {
    const wanted = [...loansOf(rights), ...unforce(rights)];
    if (wanted.length > 0) loans.set(tableKey(rights.name), wanted);
  }
  return loans;
}

/** Reads all rows of a table, even where its owner has taken the right to do so from himself: with these loans. */
export async function asReader<Result>(
  transaction: Transaction,
  loans: readonly Loan[],
  work: () => Promise<Result>,
): Promise<Result> {
  await take(transaction, loans);
  const result = await work();
  await giveBack(transaction, loans);
  return result;
}

/** The tables whose rows the user may not read, all or some of them. */
export async function loadUnreadable(
  transaction: Transaction,
  scope?: CatalogScope,
): Promise<UnreadableTable[]> {
  const names = await transaction.rows<TableName>(tableQuery(relationsInScope(scope)));
  const all = await loadRights(transaction, names);
  return all.flatMap((rights) => {
    const { name, user, owned, enters, held, hidden } = rights;
    const table = { table: name, owned: owned && enters };
    if (!enters) {
      const schema = quoteIdentifier(name.schema ?? '');
      return [
        {
          ...table,
          reason: `USAGE on its schema has not been granted to ${user}`,
          remedy: grant(['USAGE'], `SCHEMA ${schema}`, user),
        },
      ];
    }
    if (!held.includes('SELECT')) {
      return [
        {
          ...table,
          reason: `SELECT on it has not been granted to ${user}`,
          remedy: grant(['SELECT'], `TABLE ${quoteName(name)}`, user),
        },
      ];
    }
    if (!hidden) return [];
    const reason = `Row-level security may hide some of its rows from ${user}`;
    const remedy = owned
      ? `ALTER TABLE ${quoteName(name)} NO FORCE ROW LEVEL SECURITY`
      : `ALTER ROLE ${quoteIdentifier(user)} BYPASSRLS`;
    return [{ ...table, reason, remedy }];
  });
}

function grant(privileges: readonly string[], what: string, role: string): string {
  return `GRANT ${privileges.join(', ')} ON ${what} TO ${quoteIdentifier(role)}`;
}

const tableQuery = (tables: string): string => `
  SELECT n.nspname AS schema, c.relname AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind = 'r' AND c.oid IN (${tables})
     AND (NOT has_schema_privilege(n.oid, 'USAGE') OR NOT has_table_privilege(c.oid, 'SELECT') OR row_security_active(c.oid))
   ORDER BY n.nspname, c.relname`;

const rightsQuery = `
  SELECT json_build_object('schema', n.nspname, 'name', c.relname) AS name,
         CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
         pg_get_userbyid(c.relowner) AS owner, pg_has_role(c.relowner, 'USAGE') AS owned, current_user AS user,
         has_schema_privilege(n.oid, 'USAGE') AS enters,
         ARRAY(SELECT p FROM unnest(ARRAY[${privileges.map(quoteLiteral).join(', ')}]) p
                WHERE has_table_privilege(c.oid, p)) AS held,
         coalesce((SELECT json_agg(json_build_object('privilege', x.privilege_type, 'column', a.attname,
                                                     'grantable', x.is_grantable))
                     FROM pg_attribute a CROSS JOIN LATERAL aclexplode(a.attacl) x
                    WHERE a.attrelid = c.oid AND x.grantee = c.relowner AND x.grantor = c.relowner), '[]') AS columns,
         c.relkind IN ('r', 'p') AND row_security_active(c.oid) AS hidden
    FROM json_to_recordset($1::json) wanted (schema text, name text)
    JOIN pg_namespace n ON n.nspname = wanted.schema
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
   ORDER BY n.nspname, c.relname`;
