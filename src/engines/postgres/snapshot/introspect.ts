import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName, sameTable, tableKey, type TableName } from '../../../core/names.ts';
import type { DatabaseSchema, SchemaObject, Sequence, Table } from '../../../core/schema.ts';
import type { SchemaScope } from '../../engine.ts';
import { countLargeObjects } from './readLargeObjects.ts';
import { loadUnreadable } from '../schema/rights.ts';
import type { CatalogObject } from '../schema/catalogObject.ts';
import { catalogState } from '../schema/catalogState.ts';
import { type DatabaseAccess, schemaExtras } from '../schema/extras.ts';
import { loadServerFeatures } from '../schema/features.ts';
import { loadLeftOut } from '../schema/leftOut.ts';
import { toTable, toTables } from '../schema/model.ts';
import { completed, loadObjects, toSchemaObjects } from '../schema/objects.ts';
import { type CatalogSequence, readSequenceRows, readSequences, tieSequences } from '../schema/sequences.ts';
import { type CatalogScope, findScope, scopeOfTable } from '../schema/scope.ts';
import { loadTables } from '../schema/tables.ts';
import type { Transaction } from '../connect/transaction.ts';

/** The contents of the catalogs, valid while no row of them changes. */
interface CatalogContent {
  /** Undefined where they were read in part. */
  readonly state: string | undefined;
  readonly sequences: readonly CatalogSequence[];
  readonly tables: readonly Table[];
  /** Also those that are not carried. */
  readonly all: readonly CatalogObject[];
  readonly objects: readonly SchemaObject[];
}

/** A schema, as the transaction sees it that read it. */
export interface KnownSchema {
  readonly schema: DatabaseSchema;
  /** The positions of the sequences of these tables, and of sequences without a table. */
  sequencesOf(tables: readonly TableName[]): Promise<Sequence[]>;
}

/** The schema of a database, which is read again only after it has changed: a restore asks for it before and in its safety backup. */
export class Catalogs {
  #known: CatalogContent | undefined;

  /** The schema of the whole database, or a part of it, in the state that the transaction sees. */
  async introspect(transaction: Transaction, part?: SchemaScope): Promise<KnownSchema> {
    const scope = part && (await findScope(transaction, part));
    const [state, server, access, unreadable, largeObjects] = await transaction.together(
      // A part is read sooner than it is found out that nothing changed.
      () => (scope ? Promise.resolve(undefined) : catalogState(transaction)),
      () => loadServerFeatures(transaction),
      () => loadAccess(transaction),
      () => loadUnreadable(transaction, scope),
      () => countLargeObjects(transaction),
    );
    const content =
      state !== undefined && this.#known?.state === state
        ? this.#known
        : await readCatalogs(transaction, state, scope);
    this.#known = content;
    const { sequences, tables, all, objects } = content;
    const leftOut = await loadLeftOut(transaction, sequences, all, scope);
    const extras = schemaExtras({ largeObjects, access });
    const tied = sequences.map(({ name, table }) => (table ? { name, table } : { name }));
    const schema = { tables, objects, sequences: tied, leftOut, extras, server, unreadable };
    return { schema, sequencesOf: (names) => positions(transaction, sequences, names) };
  }
}

function positions(
  transaction: Transaction,
  sequences: readonly CatalogSequence[],
  tables: readonly TableName[],
): Promise<Sequence[]> {
  const wanted = new Set(tables.map(tableKey));
  return readSequences(
    transaction,
    sequences.filter(({ table }) => !table || wanted.has(tableKey(table))),
  );
}

async function readCatalogs(
  transaction: Transaction,
  state: string | undefined,
  scope: CatalogScope | undefined,
): Promise<CatalogContent> {
  const [relations, sequenceRows] = await transaction.together(
    () => loadTables(transaction, scope),
    () => readSequenceRows(transaction, scope),
  );
  const sequences = tieSequences(sequenceRows, relations);
  const arrangement = await loadObjects(
    transaction,
    relations.filter(({ extension }) => extension === null),
    sequences.filter(({ ofExtension }) => !ofExtension),
    scope,
  );
  const all = completed(arrangement);
  const tables = referencedFirst(toTables(relations.filter(({ materialized }) => !materialized)));
  return { state, sequences, tables, all, objects: toSchemaObjects(all, arrangement.graph) };
}

/** Throws `usage` when there is no such table. */
export async function describeTable(transaction: Transaction, name: TableName): Promise<Table> {
  const [table] = await loadTables(transaction, await scopeOfTable(transaction, name));
  if (table) return toTable(table);
  throw new RestorePointError('usage', `There is no table ${formatTableName(name)}`);
}

/** The roles, and those whose privileges the user has. */
async function loadAccess(transaction: Transaction): Promise<DatabaseAccess> {
  const may = transaction.database.server.version >= 160_000 ? 'SET' : 'MEMBER';
  // After an object is given to another role, the user must still be able to change it: becoming its owner is not enough.
  const query = `SELECT r.rolname AS name, r.rolname = current_user AS self, r.rolsuper AS superuser,
                        pg_has_role(r.oid, '${may}') AND pg_has_role(r.oid, 'USAGE') AS acts
                   FROM pg_roles r ORDER BY r.rolname`;
  const roles = await transaction.rows<{ name: string; self: boolean; superuser: boolean; acts: boolean }>(
    query,
  );
  return {
    superuser: roles.some(({ self, superuser }) => self && superuser),
    roles: roles.map(({ name }) => name),
    actsAs: roles.filter(({ acts, self }) => acts || self).map(({ name }) => name),
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
