import { RestorePointError } from '../../core/errors.ts';
import { formatTableName, sameTable, tableKey, type TableName } from '../../core/names.ts';
import type { DatabaseAccess, DatabaseSchema, Table } from '../../core/schema.ts';
import { countLargeObjects } from './readLargeObjects.ts';
import { loadUnreadable } from './rights.ts';
import { loadServerFeatures } from './schema/features.ts';
import { loadLeftOut } from './schema/leftOut.ts';
import { toTable, toTables } from './schema/model.ts';
import { completed, loadObjects, toSchemaObjects } from './schema/objects.ts';
import { loadSequences, readSequences } from './schema/sequences.ts';
import { loadTables } from './schema/tables.ts';
import type { Transaction } from './transaction.ts';

/** Reads the schema of the whole database, in the state that the transaction sees. */
export async function introspect(transaction: Transaction): Promise<DatabaseSchema> {
  const [relations, sequences] = await transaction.together(
    () => loadTables(transaction),
    () => loadSequences(transaction),
  );
  const arrangement = await loadObjects(transaction, relations, sequences);
  const objects = completed(arrangement);
  const tables = relations.filter(({ materialized }) => !materialized);
  const [positions, leftOut, largeObjects, server, access] = await transaction.together(
    () => readSequences(transaction, sequences),
    () => loadLeftOut(transaction, sequences, objects),
    () => countLargeObjects(transaction),
    () => loadServerFeatures(transaction),
    () => loadAccess(transaction),
  );
  return {
    tables: referencedFirst(toTables(tables)),
    objects: toSchemaObjects(objects, arrangement.graph),
    sequences: positions,
    leftOut,
    largeObjects,
    server,
    access,
  };
}

/** Throws `usage` when there is no such table. */
export async function describeTable(transaction: Transaction, name: TableName): Promise<Table> {
  const [table] = await loadTables(transaction, name);
  if (table) return toTable(table);
  throw new RestorePointError('usage', `There is no table ${formatTableName(name)}`);
}

/** Who is there, and whose rights the user has. */
async function loadAccess(transaction: Transaction): Promise<DatabaseAccess> {
  const may = transaction.database.server.version >= 160_000 ? 'SET' : 'MEMBER';
  // What is given to another role has to be worked on still: becoming its owner is not enough.
  const query = `SELECT r.rolname AS name, r.rolname = current_user AS self, r.rolsuper AS superuser,
                        pg_has_role(r.oid, '${may}') AND pg_has_role(r.oid, 'USAGE') AS acts
                   FROM pg_roles r ORDER BY r.rolname`;
  const [roles, unreadable] = await transaction.together(
    () => transaction.rows<{ name: string; self: boolean; superuser: boolean; acts: boolean }>(query),
    () => loadUnreadable(transaction),
  );
  return {
    superuser: roles.some(({ self, superuser }) => self && superuser),
    roles: roles.map(({ name }) => name),
    actsAs: roles.filter(({ acts, self }) => acts || self).map(({ name }) => name),
    unreadable,
  };
}

/** Tables before those that reference them; where foreign keys go round in a circle, by name. */
function referencedFirst(tables: readonly Table[]): Table[] {
  const find = new Map(tables.map((table) => [tableKey(table.name), table]));
  const ordered = new Set<Table>();
  const entered = new Set<Table>();
  for (const start of tables) {
    const stack = [start];
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      entered.add(top);
      const next = top.foreignKeys
        .filter(({ references }) => !sameTable(references, top.name))
        .map(({ references }) => find.get(tableKey(references)))
        .find((table) => table !== undefined && !entered.has(table));
      if (next) stack.push(next);
      else {
        ordered.add(top);
        stack.pop();
      }
    }
  }
  return [...ordered];
}
