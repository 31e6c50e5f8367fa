import { RestorePointError } from '../../core/errors.ts';
import { formatTableName, type TableName } from '../../core/names.ts';
import type { RestoreMode, TablePlan } from '../../core/plan.ts';
import { quoteIdentifier, quoteLiteral, quoteName } from './identifiers.ts';
import type { Transaction } from './transaction.ts';

/** Something of a table that must not act while rows are restored: how it is switched off and put back. */
export interface Armed {
  readonly table: TableName;
  /** For people. */
  readonly what: string;
  readonly off: string;
  readonly on: string;
}

interface Row {
  readonly kind: 'trigger' | 'rule' | 'identity' | 'constraint';
  readonly name: string;
  /** Of a trigger or rule: `A` is ENABLE ALWAYS. */
  readonly state: 'O' | 'A';
  readonly owned: boolean;
  /** Of a constraint. */
  readonly definition: string | null;
  readonly comment: string | null;
}

/**
 * Finds what would act: user triggers (COPY fires them), constraints that old rows need not fulfil and new ones must,
 * and for rows that come by INSERT and UPDATE also rules and identity columns that take no values. Throws `refused`
 * when this user may not switch it off.
 */
export async function findArmed(
  transaction: Transaction,
  plan: TablePlan,
  mode: RestoreMode,
): Promise<Armed[]> {
  const rows = await transaction.rows<Row>(armedQuery, [quoteName(plan.target)]);
  const acting = rows.filter(({ kind, name }) => {
    if (kind === 'trigger' || kind === 'constraint') return true;
    if (mode === 'replace') return false;
    // An identity column that is the key is never updated.
    return kind === 'rule' || (plan.columns.includes(name) && !plan.key?.includes(name));
  });
  return acting.map((row) => {
    const what = `the ${row.kind === 'identity' ? 'identity column' : row.kind} ${row.name}`;
    if (!row.owned) {
      throw new RestorePointError(
        'refused',
        `${what} has to be switched off while rows are restored, and only the owner of the table may do it`,
        { place: { table: formatTableName(plan.target) }, next: 'Restore as its owner.' },
      );
    }
    return { table: plan.target, what, ...switches(row, plan.target) };
  });
}

export async function disarm(transaction: Transaction, armed: readonly Armed[]): Promise<void> {
  for (const { off } of armed) await transaction.run(off);
}

/** Puts everything back into exactly the state in which it was. */
export async function rearm(transaction: Transaction, armed: readonly Armed[]): Promise<void> {
  for (const { on } of armed) await transaction.run(on);
}

function switches(row: Row, table: TableName): { off: string; on: string } {
  const { kind, name, state, definition, comment } = row;
  const alter = `ALTER TABLE ONLY ${quoteName(table)}`;
  const quoted = quoteIdentifier(name);
  switch (kind) {
    case 'identity': {
      const column = `${alter} ALTER COLUMN ${quoted} SET GENERATED`;
      return { off: `${column} BY DEFAULT`, on: `${column} ALWAYS` };
    }
    case 'constraint': {
      const add = `${alter} ADD CONSTRAINT ${quoted} ${definition}`;
      const tell = `COMMENT ON CONSTRAINT ${quoted} ON ${quoteName(table)} IS ${quoteLiteral(comment ?? '')}`;
      return { off: `${alter} DROP CONSTRAINT ${quoted}`, on: comment === null ? add : `${add}; ${tell}` };
    }
    case 'trigger':
    case 'rule': {
      const object = `${kind.toUpperCase()} ${quoted}`;
      return {
        off: `${alter} DISABLE ${object}`,
        on: `${alter} ENABLE ${state === 'A' ? 'ALWAYS ' : ''}${object}`,
      };
    }
  }
}

/**
 * A trigger of a partitioned table has clones on its partitions, which before PostgreSQL 15 look like the server's
 * own triggers; those of foreign keys are. A constraint that hangs together with that of another table stays.
 */
const armedQuery = `
  SELECT x.kind, x.name, x.state, x.definition, x.comment, pg_has_role(c.relowner, 'USAGE') AS owned
    FROM pg_class c
   CROSS JOIN LATERAL (
     SELECT 'trigger' AS kind, g.tgname AS name, g.tgenabled::text AS state, NULL AS definition, NULL AS comment
       FROM pg_trigger g
      WHERE g.tgrelid = c.oid AND g.tgenabled IN ('O', 'A')
        AND (NOT g.tgisinternal OR (g.tgparentid <> 0 AND NOT EXISTS (
               SELECT FROM pg_constraint k WHERE k.oid = g.tgconstraint AND k.contype = 'f')))
     UNION ALL
     SELECT 'rule', r.rulename, r.ev_enabled::text, NULL, NULL
       FROM pg_rewrite r
      WHERE r.ev_class = c.oid AND r.ev_type <> '1' AND r.ev_enabled IN ('O', 'A')
     UNION ALL
     SELECT 'identity', a.attname, 'O', NULL, NULL
       FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attidentity = 'a' AND NOT a.attisdropped
     UNION ALL
     SELECT 'constraint', k.conname, 'O', pg_get_constraintdef(k.oid), obj_description(k.oid, 'pg_constraint')
       FROM pg_constraint k
      WHERE k.conrelid = c.oid AND k.contype IN ('c', 'n') AND NOT k.convalidated AND k.coninhcount = 0
        AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid)) x
   WHERE c.oid = to_regclass($1)
   ORDER BY x.kind, x.name`;
