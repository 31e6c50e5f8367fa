import { RestorePointError } from '../../core/errors.ts';
import { formatTableName, sameTable, tableKey, type TableName } from '../../core/names.ts';
import type { DatabaseSchema, SchemaObject, Table } from '../../core/schema.ts';
import { quoteIdentifier } from './identifiers.ts';
import { loadCommentObjects } from './schema/comments.ts';
import { loadLeftOut } from './schema/leftOut.ts';
import { toTable } from './schema/model.ts';
import { loadSequences, readSequences, sequenceObjects, sequenceOwnerObjects } from './schema/sequences.ts';
import { tablePartObjects } from './schema/tableParts.ts';
import { tableObjects } from './schema/tableStatements.ts';
import { type CatalogTable, loadTables } from './schema/tables.ts';
import { loadTypes, typeObjects } from './schema/types.ts';
import type { Transaction } from './transaction.ts';

/** Reads the schema of the whole database, in the state that the transaction sees. */
export async function introspect(transaction: Transaction): Promise<DatabaseSchema> {
  const catalogTables = await loadTables(transaction);
  const types = await loadTypes(transaction);
  const sequences = await loadSequences(transaction);
  return {
    tables: referencedFirst(catalogTables.map(toTable)),
    objects: [
      ...schemaObjects(catalogTables, [...types, ...sequences]),
      ...typeObjects(types),
      ...sequenceObjects(sequences),
      ...tableObjects(catalogTables, sequences),
      ...sequenceOwnerObjects(sequences),
      ...tablePartObjects(catalogTables),
      ...(await loadCommentObjects(transaction)),
    ],
    sequences: await readSequences(transaction, sequences),
    leftOut: await loadLeftOut(transaction, { types, sequences }),
  };
}

/** Throws `usage` when there is no such table. */
export async function describeTable(transaction: Transaction, name: TableName): Promise<Table> {
  const [table] = await loadTables(transaction, name);
  if (table) return toTable(table);
  throw new RestorePointError('usage', `There is no table ${formatTableName(name)}`);
}

function schemaObjects(
  tables: readonly CatalogTable[],
  others: readonly { readonly name: TableName }[],
): SchemaObject[] {
  const names = new Set([...tables, ...others].map(({ name }) => name.schema ?? ''));
  return [...names].sort().map((name) => ({
    kind: 'schema',
    name: formatTableName({ name }),
    section: 'pre-data',
    sql: `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(name)}`,
  }));
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
