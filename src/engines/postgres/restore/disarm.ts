import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName, type TableName } from '../../../core/names.ts';
import type { RestoreMode, TablePlan } from '../../../core/plan.ts';
import { quoteIdentifier, quoteLiteral, quoteName } from '../connect/identifiers.ts';
import type { Transaction } from '../connect/transaction.ts';
import { callsUsersCode } from '../schema/usersCode.ts';
import { type Validation, validateRows } from './validate.ts';

/** Something of a table that must not act while rows are restored: how it is switched off and put back. */
export interface Armed {
  readonly off: string;
  readonly on: string;
  /** Both need the table for themselves alone. */
  readonly exclusive?: boolean;
  /** Constraints that all rows must satisfy afterwards. */
  readonly validate?: readonly Validation[];
}

type ArmedTable = Pick<TablePlan, 'target' | 'columns' | 'key'>;

interface Row {
  /** The quoted name of the table. */
  readonly table: string;
  readonly kind: 'trigger' | 'rule' | 'identity';
  readonly name: string;
  /** For a trigger or rule: `A` is ENABLE ALWAYS. */
  readonly state: 'O' | 'A';
  readonly owned: boolean;
}

/**
 * Finds what would act: user triggers (COPY fires them), and for rows that come by INSERT and UPDATE also rules and
 * identity columns that take no values. What this user may not switch off is refused, once for a table.
 */
export async function findArmed(
  transaction: Transaction,
  tables: readonly ArmedTable[],
  mode: RestoreMode,
): Promise<{ readonly armed: Armed[]; readonly refusals: RestorePointError[] }> {
  const names = tables.map(({ target }) => quoteName(target));
  const rows = await transaction.rows<Row>(armedQuery, [JSON.stringify(names)]);
  const byTable = Map.groupBy(rows, ({ table }) => table);
  const armed: Armed[] = [];
  const refusals: RestorePointError[] = [];
  for (const plan of tables) {
    const acting = (byTable.get(quoteName(plan.target)) ?? []).filter((row) => acts(row, plan, mode));
    const closed = acting.find(({ owned }) => !owned);
    if (closed) refusals.push(refusal(closed, plan));
    else armed.push(...acting.map((row) => switches(row, plan.target)));
  }
  return { armed, refusals };
}

function acts({ kind, name }: Row, { columns, key }: ArmedTable, mode: RestoreMode): boolean {
  if (kind === 'trigger') return true;
  if (mode === 'replace') return false;
  // An identity column that is the key is never updated.
  return kind === 'rule' || (columns.includes(name) && !key?.includes(name));
}

function refusal({ kind, name }: Row, { target }: ArmedTable): RestorePointError {
  const what = `the ${kind === 'identity' ? 'identity column' : kind} ${name}`;
  return new RestorePointError(
    'refused',
    `${what} must be disabled during the restore, and only the owner of the table may do that`,
    { place: { table: formatTableName(target) }, next: 'Restore as its owner.' },
  );
}

interface DomainRow {
  readonly domain: TableName;
  readonly table: TableName;
  readonly name: string;
  readonly definition: string;
  readonly comment: string | null;
  readonly owned: boolean;
  readonly valid: boolean;
  readonly contained: boolean;
}

/**
 * Finds the checks of domains that values need not fulfil while they come, of domains that these tables' columns hold by
 * themselves, in arrays or under other domains: see `findUnchecked`. The server cannot validate those of a domain that a
 * column holds in an array, a range or a composite value: they stay on. Throws `refused` when this user may not take
 * off one that was NOT VALID.
 */
export async function findArmedDomains(
  transaction: Transaction,
  tables: readonly TablePlan[],
): Promise<Armed[]> {
  const names = JSON.stringify(tables.map(({ target }) => quoteName(target)));
  const rows = await transaction.rows<DomainRow>(domainQuery, [names]);
  const taken = rows.filter(({ valid, owned, contained }) => !valid || (owned && !contained));
  return taken.map(({ domain, table, name, definition, comment, owned, valid }) => {
    const what = `the constraint ${name} of the domain ${formatTableName(domain)}`;
    if (!owned) {
      throw new RestorePointError(
        'refused',
        `${what} must be dropped during the restore, and only the owner of the domain may do that`,
        { place: { table: formatTableName(table) }, next: 'Restore as its owner.' },
      );
    }
    const alter = `ALTER DOMAIN ${quoteName(domain)}`;
    const constraint = `CONSTRAINT ${quoteIdentifier(name)}`;
    const add = `${alter} ADD ${constraint} ${definition}${valid ? ' NOT VALID' : ''}`;
    const tell = `COMMENT ON ${constraint} ON DOMAIN ${quoteName(domain)} IS ${quoteLiteral(comment ?? '')}`;
    return {
      off: `${alter} DROP ${constraint}`,
      on: comment === null ? add : `${add}; ${tell}`,
      ...(valid ? { validate: [{ sql: `${alter} VALIDATE ${constraint}`, definition }] } : {}),
    };
  });
}

export async function disarm(transaction: Transaction, armed: readonly Armed[]): Promise<void> {
  for (const { off } of armed) if (off !== '') await transaction.run(off);
}

/** Puts everything back into exactly the state in which it was. */
export async function rearm(transaction: Transaction, armed: readonly Armed[]): Promise<void> {
  for (const { on } of armed) if (on !== '') await transaction.run(on);
  for (const { validate = [] } of armed) {
    for (const one of validate) await validateRows(transaction, one);
  }
}

function switches({ kind, name, state }: Row, table: TableName): Armed {
  const alter = `ALTER TABLE ONLY ${quoteName(table)}`;
  const quoted = quoteIdentifier(name);
  switch (kind) {
    case 'identity': {
      const column = `${alter} ALTER COLUMN ${quoted} SET GENERATED`;
      return { off: `${column} BY DEFAULT`, on: `${column} ALWAYS`, exclusive: true };
    }
    case 'trigger':
    case 'rule': {
      const object = `${kind.toUpperCase()} ${quoted}`;
      return {
        off: `${alter} DISABLE ${object}`,
        on: `${alter} ENABLE ${state === 'A' ? 'ALWAYS ' : ''}${object}`,
        exclusive: kind === 'rule',
      };
    }
  }
}

/**
 * A trigger of a partitioned table has clones on its partitions, which before PostgreSQL 15 look like the server's
 * own triggers; those of foreign keys are.
 */
const armedQuery = `
  SELECT wanted.name AS table, x.kind, x.name, x.state, pg_has_role(c.relowner, 'USAGE') AS owned
    FROM json_array_elements_text($1::json) wanted (name)
    JOIN pg_class c ON c.oid = to_regclass(wanted.name)
   CROSS JOIN LATERAL (
     SELECT 'trigger' AS kind, g.tgname AS name, g.tgenabled::text AS state
       FROM pg_trigger g
      WHERE g.tgrelid = c.oid AND g.tgenabled IN ('O', 'A')
        AND (NOT g.tgisinternal OR (g.tgparentid <> 0 AND NOT EXISTS (
               SELECT FROM pg_constraint k WHERE k.oid = g.tgconstraint AND k.contype = 'f')))
     UNION ALL
     SELECT 'rule', r.rulename, r.ev_enabled::text
       FROM pg_rewrite r
      WHERE r.ev_class = c.oid AND r.ev_type <> '1' AND r.ev_enabled IN ('O', 'A')
     UNION ALL
     SELECT 'identity', a.attname, 'O'
       FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attidentity = 'a' AND NOT a.attisdropped) x
   ORDER BY wanted.name, x.kind, x.name`;

const domainQuery = `
  WITH RECURSIVE used AS (
    SELECT a.atttypid AS oid, a.attrelid
      FROM json_array_elements_text($1::json) x (name)
      JOIN pg_attribute a ON a.attrelid = to_regclass(x.name) AND a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT x.oid, u.attrelid
      FROM used u
      JOIN pg_type t ON t.oid = u.oid
     CROSS JOIN LATERAL (VALUES (t.typelem), (t.typbasetype)) x (oid)
     WHERE x.oid <> 0)
  SELECT DISTINCT ON (k.oid) k.conname AS name, pg_get_constraintdef(k.oid) AS definition,
         obj_description(k.oid, 'pg_constraint') AS comment, pg_has_role(t.typowner, 'USAGE') AS owned,
         k.convalidated AS valid,
         EXISTS (SELECT FROM pg_attribute a JOIN pg_class h ON h.oid = a.attrelid
                  WHERE a.atttypid = t.typarray OR a.atttypid = t.oid AND h.relkind = 'c')
           OR EXISTS (SELECT FROM pg_range r WHERE r.rngsubtype = t.oid)
           OR EXISTS (SELECT FROM pg_type x WHERE x.typbasetype = t.typarray) AS contained,
         json_build_object('schema', n.nspname, 'name', t.typname) AS domain,
         json_build_object('schema', m.nspname, 'name', c.relname) AS "table"
    FROM used u
    JOIN pg_type t ON t.oid = u.oid
    JOIN pg_constraint k ON k.contypid = t.oid AND k.contype = 'c'
                        AND (NOT k.convalidated OR ${callsUsersCode('k.oid')})
    JOIN pg_namespace n ON n.oid = t.typnamespace
    JOIN pg_class c ON c.oid = u.attrelid
    JOIN pg_namespace m ON m.oid = c.relnamespace
   ORDER BY k.oid, c.oid`;
