import { RestorePointError } from '../../../core/errors.ts';
import { sameTable, tableKey, type TableName } from '../../../core/names.ts';
import type { RestorePlan } from '../../../core/plan.ts';
import type { RightsCheck } from '../../engine.ts';
import { findArmed, findArmedDomains } from './disarm.ts';
import { foreignKeysToDrop, refuseForeignKeys } from './foreignKeys.ts';
import { type Commands, refuseEventTriggers, tagOf } from './eventTriggers.ts';
import { quoteIdentifier } from '../connect/identifiers.ts';
import { newOwnerOf } from './newOwners.ts';
import { refuseReadOnly } from '../connect/readOnly.ts';
import { plannedLargeObjects } from '../schema/extras.ts';
import { loadRights, loansOf, refuseRights, unforce } from '../schema/rights.ts';
import { refuseSequences } from './sequenceValues.ts';
import type { Transaction } from '../connect/transaction.ts';
import { findUnchecked } from './uncheckedConstraints.ts';

/** Asks the server, before anything is written, whether this user may do what is planned. Writes nothing. */
export async function checkRights(transaction: Transaction, plan: RestorePlan): Promise<RightsCheck> {
  await refuseReadOnly(transaction);
  const [user] = await transaction.rows<User>(userQuery);
  if (!user || user.superuser) return { refusals: [], impossible: [] };
  const leftAlone = await closedTables(transaction, plan);
  const closed = new Set(leftAlone.map(({ target }) => tableKey(target)));
  const rest = partOf(plan, (table) => !closed.has(tableKey(table)));
  const refusals = [
    ...(await refuseTables(transaction, rest)),
    ...(await refusePlaces(transaction, rest, user)),
  ];
  if (refusals.length === 0) {
    refusals.push(...(await refuseEventTriggers(transaction, await commandsOf(transaction, rest))));
  }
  return {
    refusals,
    leftAlone,
    impossible: [
      ...(await impossibleRefreshes(transaction, plan)),
      ...(await impossibleOwners(transaction, plan)),
    ],
  };
}

interface User {
  readonly name: string;
  readonly superuser: boolean;
  readonly database: string;
  /** May make schemas. */
  readonly creates: boolean;
  readonly temporary: boolean;
}

const userQuery = `
  SELECT r.rolname AS name, r.rolsuper AS superuser, current_database() AS database,
         has_database_privilege(current_database(), 'CREATE') AS creates,
         has_database_privilege(current_database(), 'TEMPORARY') AS temporary
    FROM pg_roles r WHERE r.rolname = current_user`;

/** Tables of extensions that this user may not write: they do not stop a restore of all. */
async function closedTables(
  transaction: Transaction,
  plan: RestorePlan,
): Promise<{ target: TableName; reason: string }[]> {
  if (!plan.whole) return [];
  const closed: { target: TableName; reason: string }[] = [];
  for (const { target, backup, create } of plan.tables) {
    if (create || backup.table.extension === undefined) continue;
    const [refusal] = await refuseTables(
      transaction,
      partOf(plan, (table) => sameTable(table, target)),
    );
    if (refusal) closed.push({ target, reason: refusal.message });
  }
  return closed;
}

function partOf(plan: RestorePlan, isPart: (table: TableName) => boolean): RestorePlan {
  const sequences = plan.sequences.filter(({ table }) => !table || isPart(table));
  return { ...plan, tables: plan.tables.filter(({ target }) => isPart(target)), sequences };
}

/** For each table, the first reason why its rows cannot be written; also the reasons of everything that depends on it. */
async function refuseTables(transaction: Transaction, plan: RestorePlan): Promise<RestorePointError[]> {
  const refusals: RestorePointError[] = [];
  const collect = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!RestorePointError.is(error, 'refused')) throw error;
      refusals.push(error);
    }
  };
  const existing = plan.tables.filter(({ create }) => !create);
  const targets = existing.map(({ target }) => target);
  const closed = new Set<string>();
  for (const rights of await loadRights(transaction, targets)) {
    const refusal = refuseRights(rights, plan.mode);
    if (!refusal) continue;
    refusals.push(refusal);
    closed.add(tableKey(rights.name));
  }
  const open = existing.filter(({ target }) => !closed.has(tableKey(target)));
  refusals.push(...(await findArmed(transaction, open, plan.mode)).refusals);
  if (refusals.length > 0) return refusals;
  await collect(async () => {
    await refuseForeignKeys(transaction, await foreignKeysToDrop(transaction, existing, plan.mode));
  });
  await collect(() => findArmedDomains(transaction, existing));
  await collect(() => findUnchecked(transaction, existing));
  for (const sequence of plan.sequences) await collect(() => refuseSequences(transaction, [sequence]));
  return refusals;
}

/** The commands by which a restore defines something, for itself and for good. */
async function commandsOf(transaction: Transaction, plan: RestorePlan): Promise<Commands> {
  const { create, mode } = plan;
  const largeObjects = plannedLargeObjects(plan);
  const existing = plan.tables.filter((table) => !table.create);
  const targets = existing.map(({ target }) => target);
  const all = new Set(create.map(({ sql }) => tagOf(sql)));
  const dropping = new Set([...all].filter((tag) => tag.startsWith('DROP ')));
  const add = (tags: readonly string[], set: Set<string> = all): void => tags.forEach((tag) => set.add(tag));
  if (create.length > 0 || largeObjects) add(['ALTER DEFAULT PRIVILEGES']);
  if (largeObjects) add(['ALTER LARGE OBJECT', 'COMMENT', 'GRANT', 'REVOKE']);
  if (mode !== 'replace' && existing.length > 0) add(['CREATE TABLE AS', 'CREATE INDEX']);
  if (plan.intoSchema) add(['CREATE SCHEMA', 'ALTER TABLE', 'ALTER STATISTICS', 'DROP SCHEMA']);
  if (plan.intoSchema) add(['DROP SCHEMA'], dropping);
  const rights = await loadRights(transaction, targets);
  if (rights.some((one) => loansOf(one).length > 0)) add(['GRANT', 'REVOKE']);
  if (rights.some((one) => unforce(one).length > 0)) add(['ALTER TABLE']);
  const { armed } = await findArmed(transaction, existing, mode);
  const checks = (await findUnchecked(transaction, plan.tables)).armed;
  const domains = await findArmedDomains(transaction, plan.tables);
  const foreignKeys = await foreignKeysToDrop(transaction, existing, mode);
  if (armed.length > 0) add(['ALTER TABLE']);
  if (domains.length > 0) for (const set of [all, dropping]) add(['ALTER DOMAIN', 'COMMENT'], set);
  if (checks.length + foreignKeys.length > 0) {
    for (const set of [all, dropping]) add(['ALTER TABLE', 'COMMENT'], set);
  }
  return { all, dropping };
}

/** Checks the right to create: in existing schemas, in the database, and temporary tables for waiting rows. */
async function refusePlaces(
  transaction: Transaction,
  { create, tables, mode }: RestorePlan,
  user: User,
): Promise<RestorePointError[]> {
  const database = `DATABASE ${quoteIdentifier(user.database)}`;
  const lacking = (privilege: string, what: string): RestorePointError =>
    new RestorePointError('refused', `${privilege} on ${what} has not been granted to ${user.name}`, {
      next: `Let its owner run: GRANT ${privilege} ON ${what} TO ${quoteIdentifier(user.name)}`,
    });
  const refusals: RestorePointError[] = [];
  const makesSchema = create.some(({ kind, of }) => kind === 'schema' && of === undefined);
  if (makesSchema && !user.creates) refusals.push(lacking('CREATE', database));
  const waits = mode !== 'replace' && tables.some((table) => !table.create);
  if (waits && !user.temporary) refusals.push(lacking('TEMPORARY', database));
  const needed = new Set(create.filter(({ of }) => of === undefined).flatMap(({ needs = [] }) => needs));
  const schemas = await transaction.rows<{ name: string }>(
    `SELECT quote_ident(n.nspname) AS name FROM pg_namespace n
      WHERE NOT has_schema_privilege(n.oid, 'CREATE') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      ORDER BY 1`,
  );
  for (const { name } of schemas) {
    if (needed.has(`schema ${name}`)) refusals.push(lacking('CREATE', `SCHEMA ${name}`));
  }
  return refusals;
}

type Impossible = RightsCheck['impossible'][number];

/** A materialized view that is there is filled again by its owner, and since PostgreSQL 17 by who may maintain it. */
async function impossibleRefreshes(transaction: Transaction, { create }: RestorePlan): Promise<Impossible[]> {
  const refreshes = create.filter(({ kind }) => kind === 'materialized view data');
  if (refreshes.length === 0) return [];
  const maintains =
    transaction.database.server.version >= 170_000 ? `has_table_privilege(c.oid, 'MAINTAIN')` : 'false';
  const others = await transaction.rows<{ name: string; owner: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name, pg_get_userbyid(c.relowner) AS owner
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'm' AND NOT pg_has_role(c.relowner, 'USAGE') AND NOT ${maintains}`,
  );
  const owners = new Map(others.map(({ name, owner }) => [name, owner]));
  return refreshes.flatMap((object) => {
    const owner = owners.get(object.name);
    return owner === undefined ? [] : [{ object, reason: `only its owner, ${owner}, may refresh it` }];
  });
}

/** Where the user cannot let a new owner make things, and it may not do so by itself. */
async function impossibleOwners(transaction: Transaction, { create }: RestorePlan): Promise<Impossible[]> {
  const wanted = create.flatMap((object) => {
    const owner = newOwnerOf(object);
    return owner ? [{ object, ...owner }] : [];
  });
  if (wanted.length === 0) return [];
  const found = await transaction.rows<{ place: number; what: string }>(ownerQuery, [
    JSON.stringify(wanted.map(({ role, schema }, place) => ({ place, role, schema }))),
  ]);
  return found.map(({ place, what }) => {
    const { object, role } = wanted[place]!;
    return { object, reason: `CREATE on ${what} has not been granted to ${role}` };
  });
}

/** Missing roles have already been reported. */
const ownerQuery = `
  SELECT wanted.place,
         CASE WHEN n.oid IS NULL THEN 'the database' ELSE 'the schema ' || quote_ident(n.nspname) END AS what
    FROM json_to_recordset($1::json) wanted (place integer, role name, schema text)
    JOIN pg_roles r ON r.rolname = wanted.role
    JOIN pg_database d ON d.datname = current_database()
    LEFT JOIN pg_namespace n ON n.nspname = wanted.schema
   WHERE CASE WHEN wanted.schema IS NULL
              THEN NOT pg_has_role(d.datdba, 'USAGE') AND NOT has_database_privilege(r.oid, d.oid, 'CREATE')
              ELSE n.oid IS NOT NULL AND NOT pg_has_role(n.nspowner, 'USAGE')
                   AND NOT has_schema_privilege(r.oid, n.oid, 'CREATE') END
   ORDER BY wanted.place`;
