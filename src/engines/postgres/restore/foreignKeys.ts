import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName, tableKey, type TableName } from '../../../core/names.ts';
import type { RestoreMode, TablePlan } from '../../../core/plan.ts';
import { alongIndexes } from './alongIndexes.ts';
import { describeFailure, hasState, state } from '../connect/errors.ts';
import { quoteIdentifier, quoteLiteral, quoteName } from '../connect/identifiers.ts';
import type { Transaction } from '../connect/transaction.ts';

/** The state of a trigger with which the server enforces a foreign key: `O` and `A` fire, `D` and `R` do not. */
interface TriggerState {
  readonly relation: TableName;
  readonly function: string;
  readonly enabled: 'O' | 'A' | 'D' | 'R';
}

/** A foreign key as it must come back. The key of a partitioned table includes those of its partitions. */
export interface LiveForeignKey {
  readonly name: string;
  readonly table: TableName;
  readonly partitioned: boolean;
  readonly references: TableName;
  readonly definition: string;
  readonly comment: string | null;
  /** The user may alter the table. */
  readonly owned: boolean;
  /** The user may make foreign keys to the table that it references, or give himself the right to. */
  readonly referencable: boolean;
  /** The user may lock the table that it references. */
  readonly lockable: boolean;
  readonly triggers: readonly TriggerState[];
  /** The references, partition by partition. */
  readonly links: readonly { readonly from: TableName; readonly to: TableName }[];
  /** An update of what it references does something to the rows that refer to it, or is refused for them. */
  readonly acts: boolean;
  readonly referencedColumns: readonly string[];
  /** The ones of these whose values can be equal but not identical (`citext`, `numeric`). */
  readonly inexact: readonly string[];
}

/** The foreign keys that begin or end at one of these tables. */
function loadForeignKeys(transaction: Transaction, tables: readonly TableName[]): Promise<LiveForeignKey[]> {
  const names = JSON.stringify(tables.map(({ schema, name }) => ({ schema, name })));
  return transaction.rows<LiveForeignKey>(foreignKeyQuery, [names]);
}

/** A foreign key whose triggers are all switched off upholds nothing, and has not to make room. */
function isIdle({ triggers }: LiveForeignKey): boolean {
  return triggers.length > 0 && triggers.every(({ enabled }) => enabled === 'D' || enabled === 'R');
}

/**
 * The foreign keys that have to make room. For `replace` all that touch its tables: their rows go and come in any
 * order, and what outside refers to them must stay. Else those against the order in which the tables are loaded, and for
 * `merge` those that would pass an update on to other rows, which are not the restore's to change.
 */
export async function foreignKeysToDrop(
  transaction: Transaction,
  tables: readonly Pick<TablePlan, 'target' | 'key'>[],
  mode: RestoreMode,
): Promise<LiveForeignKey[]> {
  const targets = tables.map(({ target }) => target);
  const all = (await loadForeignKeys(transaction, targets)).filter((key) => !isIdle(key));
  if (mode === 'replace') return all;
  const order = new Map(targets.map((target, index) => [tableKey(target), index]));
  return all.filter((foreignKey) =>
    foreignKey.links.some(({ from, to }) => {
      const [first, second] = [order.get(tableKey(from)), order.get(tableKey(to))];
      if (second === undefined) return false;
      return (
        (first !== undefined && first < second) ||
        (mode === 'merge' && passesOn(foreignKey, tables[second]?.key ?? []))
      );
    }),
  );
}

/** An updated row keeps the key that identifies it, except for the way it is written. */
function passesOn({ acts, referencedColumns, inexact }: LiveForeignKey, key: readonly string[]): boolean {
  return acts && referencedColumns.some((column) => !key.includes(column) || inexact.includes(column));
}

/** Throws `refused` when a foreign key that has to make room cannot be put back by this user. */
export async function refuseForeignKeys(
  transaction: Transaction,
  foreignKeys: readonly LiveForeignKey[],
): Promise<void> {
  for (const foreignKey of foreignKeys) {
    const what = `the foreign key ${foreignKey.name} from ${formatTableName(foreignKey.table)}`;
    const details = { place: { table: formatTableName(foreignKey.references) } };
    if (!foreignKey.owned) {
      throw new RestorePointError(
        'refused',
        `${what} must be dropped during the restore, and only the owner of that table may do that`,
        { ...details, next: 'Restore as its owner, or use the mode insert-missing.' },
      );
    }
    if (!foreignKey.referencable) {
      throw new RestorePointError(
        'refused',
        `${what} must be dropped during the restore, and without REFERENCES on ` +
          `${formatTableName(foreignKey.references)} this user may not create it again`,
        { ...details, next: 'Restore as the owner of that table.' },
      );
    }
    if (foreignKey.triggers.some(({ enabled }) => enabled !== 'O') && !(await isSuperuser(transaction))) {
      throw new RestorePointError(
        'refused',
        `${what} has triggers that a superuser disabled, and only a superuser can create it that way again`,
        details,
      );
    }
  }
}

async function isSuperuser(transaction: Transaction): Promise<boolean> {
  const [row] = await transaction.rows<{ answer: boolean }>(
    `SELECT rolsuper AS answer FROM pg_roles WHERE rolname = current_user`,
  );
  return row?.answer ?? false;
}

export async function dropForeignKeys(
  transaction: Transaction,
  foreignKeys: readonly LiveForeignKey[],
): Promise<void> {
  for (const foreignKey of foreignKeys) {
    await transaction.run(`${alter(foreignKey)} DROP CONSTRAINT ${quoteIdentifier(foreignKey.name)}`);
  }
}

/**
 * Puts foreign keys back exactly as they were, which checks every row that they concern. Throws `database` with the
 * table whose rows point at nothing; `restored` says which tables the restore wrote, and `large` which have many rows.
 */
export async function addForeignKeys(
  transaction: Transaction,
  foreignKeys: readonly LiveForeignKey[],
  restored: ReadonlySet<string>,
  large: ReadonlySet<string>,
): Promise<void> {
  for (const foreignKey of foreignKeys) {
    const { name, table, definition, comment } = foreignKey;
    try {
      const add = async (): Promise<void> => {
        await transaction.run(`${alter(foreignKey)} ADD CONSTRAINT ${quoteIdentifier(name)} ${definition}`);
      };
      const check = (): Promise<void> => transaction.underOwnPath(add);
      await (large.has(tableKey(table)) ? alongIndexes(transaction, table, definition, check) : check());
    } catch (error) {
      throw violation(error, foreignKey, restored);
    }
    if (comment !== null) {
      await transaction.run(
        `COMMENT ON CONSTRAINT ${quoteIdentifier(name)} ON ${quoteName(table)} IS ${quoteLiteral(comment)}`,
      );
    }
    if (foreignKey.triggers.some(({ enabled }) => enabled !== 'O')) {
      await putTriggersBack(transaction, foreignKey);
    }
  }
}

function alter({ table, partitioned }: LiveForeignKey): string {
  return `ALTER TABLE ${partitioned ? '' : 'ONLY '}${quoteName(table)}`;
}

function violation(
  error: unknown,
  { table, references }: LiveForeignKey,
  restored: ReadonlySet<string>,
): RestorePointError {
  const failure = describeFailure(error);
  if (!hasState(failure.details.cause, state.foreignKeyViolation) || restored.has(tableKey(table))) {
    return failure;
  }
  return new RestorePointError(
    'database',
    `Its rows are not restored, and some of them reference rows of ${formatTableName(references)} ` +
      `that are not in the backup: ${failure.message}`,
    {
      ...failure.details,
      place: { table: formatTableName(table) },
      next: 'Restore that table too, or use the mode insert-missing, which leaves existing rows alone.',
    },
  );
}

/** Only a superuser comes here: see `refuseForeignKeys`. */
async function putTriggersBack(
  transaction: Transaction,
  { name, table, triggers }: LiveForeignKey,
): Promise<void> {
  const fresh = await transaction.rows<TriggerState & { name: string }>(freshTriggerQuery, [
    quoteName(table),
    name,
  ]);
  for (const trigger of fresh) {
    const before = triggers.find(
      (candidate) =>
        candidate.function === trigger.function &&
        tableKey(candidate.relation) === tableKey(trigger.relation),
    );
    const action = { O: undefined, A: 'ENABLE ALWAYS', D: 'DISABLE', R: 'ENABLE REPLICA' }[
      before?.enabled ?? 'O'
    ];
    if (action === undefined) continue;
    const relation = quoteName(trigger.relation);
    await transaction.run(`ALTER TABLE ONLY ${relation} ${action} TRIGGER ${quoteIdentifier(trigger.name)}`);
  }
}

const nameOf = (oid: string): string =>
  `(SELECT json_build_object('schema', n.nspname, 'name', c.relname)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ${oid})`;

const mayLock = (oid: string): string =>
  `(has_table_privilege(${oid}, 'UPDATE') OR has_table_privilege(${oid}, 'DELETE')
    OR has_table_privilege(${oid}, 'TRUNCATE'))`;

const mayReference = (oid: string): string =>
  `(has_table_privilege(${oid}, 'REFERENCES')
    OR pg_has_role((SELECT c.relowner FROM pg_class c WHERE c.oid = ${oid}), 'USAGE'))`;

/** SQL: equal values in column `a` of the index behind the foreign key `k` have the same bytes. */
const isExact = `EXISTS (
  SELECT FROM pg_index i
   CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[], i.indcollation::oid[]) z (attnum, class, sorting)
    JOIN pg_opclass o ON o.oid = z.class
    JOIN pg_amproc p ON p.amprocfamily = o.opcfamily AND p.amproclefttype = o.opcintype
                    AND p.amprocrighttype = o.opcintype AND p.amprocnum = 4
    LEFT JOIN pg_collation c ON c.oid = z.sorting
   WHERE i.indexrelid = k.conindid AND z.attnum = a.attnum AND o.opcintype <> 'bpchar'::regtype
     AND coalesce(c.collisdeterministic, true))`;

const foreignKeyQuery = `
  WITH RECURSIVE wanted AS (
    SELECT c.oid
      FROM json_to_recordset($1::json) x (schema text, name text)
      JOIN pg_namespace n ON n.nspname = x.schema
      JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = x.name),
  up AS (
    SELECT k.oid, k.conparentid
      FROM pg_constraint k
     WHERE k.contype = 'f'
       AND (k.conrelid IN (SELECT oid FROM wanted) OR k.confrelid IN (SELECT oid FROM wanted))
    UNION
    SELECT k.oid, k.conparentid FROM up JOIN pg_constraint k ON k.oid = up.conparentid),
  tree AS (
    SELECT up.oid AS root, up.oid FROM up WHERE up.conparentid = 0
    UNION
    SELECT tree.root, k.oid FROM tree JOIN pg_constraint k ON k.conparentid = tree.oid),
  triggers AS (
    SELECT tree.root, json_agg(json_build_object('relation', ${nameOf('g.tgrelid')}, 'function', g.tgfoid,
                                                 'enabled', g.tgenabled)) AS list
      FROM tree JOIN pg_trigger g ON g.tgconstraint = tree.oid GROUP BY tree.root),
  links AS (
    SELECT tree.root, json_agg(json_build_object('from', ${nameOf('l.conrelid')}, 'to', ${nameOf('l.confrelid')})) AS list
      FROM tree JOIN pg_constraint l ON l.oid = tree.oid GROUP BY tree.root)
  SELECT k.conname AS name, ${nameOf('k.conrelid')} AS "table", ${nameOf('k.confrelid')} AS "references",
         t.relkind = 'p' AS partitioned,
         pg_get_constraintdef(k.oid) AS definition,
         obj_description(k.oid, 'pg_constraint') AS comment,
         pg_has_role(t.relowner, 'USAGE') AS owned,
         ${mayReference('k.confrelid')} AS referencable, ${mayLock('k.confrelid')} AS lockable,
         coalesce(triggers.list, '[]') AS triggers, links.list AS links,
         k.confupdtype <> 'a' AS acts, x.columns AS "referencedColumns", x.inexact
    FROM links
    JOIN pg_constraint k ON k.oid = links.root
    JOIN pg_class t ON t.oid = k.conrelid
    LEFT JOIN triggers ON triggers.root = k.oid
   CROSS JOIN LATERAL (
     SELECT json_agg(a.attname) AS columns, coalesce(json_agg(a.attname) FILTER (WHERE NOT ${isExact}), '[]') AS inexact
       FROM unnest(k.confkey) f (attnum) JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = f.attnum) x
   ORDER BY k.oid`;

const freshTriggerQuery = `
  WITH RECURSIVE tree AS (
    SELECT k.oid FROM pg_constraint k WHERE k.conrelid = to_regclass($1) AND k.conname = $2 AND k.contype = 'f'
    UNION
    SELECT k.oid FROM tree JOIN pg_constraint k ON k.conparentid = tree.oid)
  SELECT ${nameOf('g.tgrelid')} AS relation, g.tgfoid AS function, g.tgenabled::text AS enabled, g.tgname AS name
    FROM pg_trigger g WHERE g.tgconstraint IN (SELECT oid FROM tree)`;
