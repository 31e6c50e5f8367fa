import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName, tableKey, type TableName } from '../../../core/names.ts';
import type { TablePlan } from '../../../core/plan.ts';
import type { Armed } from './disarm.ts';
import { callsUsersCode } from '../schema/usersCode.ts';
import { quoteIdentifier, quoteLiteral, quoteName } from '../connect/identifiers.ts';
import type { Transaction } from '../connect/transaction.ts';

/** A check or NOT NULL of one table; those of tables that inherit from each other form a group. */
interface Member {
  readonly oid: string;
  readonly table: TableName;
  readonly name: string;
  readonly definition: string;
  readonly valid: boolean;
  /** It calls functions that can read tables. */
  readonly calls: boolean;
  /** False: it came with that of a table above and goes with it. */
  readonly local: boolean;
  readonly comment: string | null;
  readonly owned: boolean;
  /** The same constraint of the tables above. */
  readonly parents: readonly string[];
}

/**
 * Finds the constraints that rows need not fulfil while they come: those that were added as NOT VALID, which only new
 * rows must fulfil, and checks whose functions can read rows that come later. Each is taken off together with what hangs
 * together with it above and below; checks that were valid are validated when all rows are there. Throws `refused`
 * when this user may not take one off that was NOT VALID; others of other owners stay on.
 */
export async function findUnchecked(
  transaction: Transaction,
  tables: readonly TablePlan[],
): Promise<{ readonly armed: Armed[]; readonly tables: TableName[] }> {
  const wanted = tables.map(({ target, create }) => ({ name: quoteName(target), create }));
  const found = await transaction.rows<Member>(memberQuery(transaction.database.server.version), [
    JSON.stringify(wanted),
  ]);
  const members = togetherIn(found)
    .filter((group) => !staysOn(group))
    .flat();
  if (members.length === 0) return { armed: [], tables: [] };
  const foreign = members.find(({ owned }) => !owned);
  if (foreign) {
    throw new RestorePointError(
      'refused',
      `the constraint ${foreign.name} must be dropped during the restore, ` +
        `and only the owner of the table may do that`,
      { place: { table: formatTableName(foreign.table) }, next: 'Restore as its owner.' },
    );
  }
  const names = new Map(members.map(({ table }) => [tableKey(table), table]));
  const created = new Set(tables.filter(({ create }) => create).map(({ target }) => tableKey(target)));
  return {
    armed: [switches(aboveFirst(members), created)],
    tables: [...names.keys()].sort().map((key) => names.get(key)!),
  };
}

/** Leaves alone every check that all rows satisfy at all times. */
function staysOn(group: readonly Member[]): boolean {
  return group.some(({ owned }) => !owned) && group.every(({ valid }) => valid);
}

/** In groups of related constraints. */
function togetherIn(members: readonly Member[]): Member[][] {
  const groups = new Map(members.map((member) => [member.oid, [member]]));
  for (const { oid, parents } of members) {
    for (const parent of parents) {
      const [one, other] = [groups.get(oid), groups.get(parent)];
      if (!one || !other || one === other) continue;
      one.push(...other);
      for (const member of other) groups.set(member.oid, one);
    }
  }
  return [...new Set(groups.values())];
}

/** A local one is put back before those above it, which take it in; one that came from above comes with them. */
function switches(members: readonly Member[], created: ReadonlySet<string>): Armed {
  const dropped = members.filter(({ local, valid, calls }) => local && (calls || !valid));
  // In a table that was just made it is valid because there are no rows yet.
  const validated = members.filter(
    ({ local, valid, calls, table }) => valid && (local ? calls : !created.has(tableKey(table))),
  );
  const alter = ({ table }: Member): string => `ALTER TABLE ${quoteName(table)}`;
  const constraint = ({ name }: Member): string => `CONSTRAINT ${quoteIdentifier(name)}`;
  const add = dropped.map(
    (member) =>
      `${alter(member)} ADD ${constraint(member)} ${member.definition}${member.valid ? ' NOT VALID' : ''}`,
  );
  const comments = members
    .filter(({ comment }) => comment !== null)
    .map(
      (member) =>
        `COMMENT ON ${constraint(member)} ON ${quoteName(member.table)} IS ${quoteLiteral(member.comment ?? '')}`,
    );
  return {
    off: dropped.map((member) => `${alter(member)} DROP ${constraint(member)}`).join('; '),
    on: [...add.reverse(), ...comments].join('; '),
    validate: validated.map((member) => ({
      sql: `${alter(member)} VALIDATE ${constraint(member)}`,
      definition: member.definition,
    })),
  };
}

/** The constraints of a table come before those of tables that inherit from it. */
function aboveFirst(members: readonly Member[]): Member[] {
  const find = new Map(members.map((member) => [member.oid, member]));
  const depths = new Map<string, number>();
  const depthOf = ({ oid, parents }: Member): number => {
    const known = depths.get(oid);
    if (known !== undefined) return known;
    const depth = Math.max(0, ...parents.map((parent) => depthOf(find.get(parent)!) + 1));
    depths.set(oid, depth);
    return depth;
  };
  return [...members].sort((one, other) => depthOf(one) - depthOf(other));
}

const nameOf = (oid: string): string =>
  `(SELECT json_build_object('schema', n.nspname, 'name', c.relname)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ${oid})`;

/**
 * Checks are the same along the tree of tables by their name, NOT NULLs by their column. Of a table that is made, and
 * whose parent is there, also those that are valid: they came with the parent's.
 */
const memberQuery = (version: number): string => `
  WITH RECURSIVE every AS MATERIALIZED (
    SELECT k.oid, k.conrelid, k.contype, k.convalidated, k.coninhcount, k.connoinherit,
           CASE k.contype WHEN 'c' THEN k.conname
             ELSE (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = k.conkey[1]) END
             AS label
      FROM pg_constraint k
     WHERE k.contype IN ('c', 'n') AND k.conrelid <> 0),
  links AS MATERIALIZED (
    SELECT above.oid AS parent, below.oid AS child, above.convalidated AS valid
      FROM pg_inherits i
      JOIN every above ON above.conrelid = i.inhparent AND NOT above.connoinherit
      JOIN every below ON below.conrelid = i.inhrelid AND below.coninhcount > 0
                      AND below.contype = above.contype AND below.label = above.label),
  wanted AS (
    SELECT to_regclass(x.name) AS oid, x.create FROM json_to_recordset($1::json) x (name text, "create" boolean)),
  members AS (
    SELECT k.oid
      FROM every k
      JOIN wanted w ON w.oid = k.conrelid
     WHERE (k.contype = 'c' AND k.convalidated AND ${callsUsersCode('k.oid')})
        OR (NOT k.convalidated ${version >= 180_000 ? 'AND (SELECT c.conenforced FROM pg_constraint c WHERE c.oid = k.oid)' : ''})
        OR (w.create AND EXISTS (SELECT FROM links l WHERE l.child = k.oid AND NOT l.valid))
    UNION
    SELECT CASE l.parent WHEN m.oid THEN l.child ELSE l.parent END
      FROM members m JOIN links l ON m.oid IN (l.parent, l.child))
  SELECT k.oid::text AS oid, ${nameOf('k.conrelid')} AS "table", k.conname AS name,
         pg_get_constraintdef(k.oid) AS definition, k.convalidated AS valid, k.conislocal AS local,
         k.contype = 'c' AND ${callsUsersCode('k.oid')} AS calls,
         obj_description(k.oid, 'pg_constraint') AS comment, pg_has_role(t.relowner, 'USAGE') AS owned,
         coalesce((SELECT json_agg(l.parent::text) FROM links l WHERE l.child = k.oid), '[]') AS parents
    FROM members m
    JOIN pg_constraint k ON k.oid = m.oid
    JOIN pg_class t ON t.oid = k.conrelid
   ORDER BY k.oid`;
