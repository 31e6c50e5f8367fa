import { quoteIdentifier } from '../connect/identifiers.ts';
import type { Transaction } from '../connect/transaction.ts';
import { arrange, type Arrangement } from './arrange.ts';
import type { CatalogObject } from './catalogObject.ts';
import { loadComments } from './comments.ts';
import { databaseKinds } from './databaseObjects.ts';
import { dependents, type Graph, loadDependencies, type Part } from './dependencies.ts';
import { loadDefaultGrants, loadGrants } from './grants.ts';
import { loadPlainObjects } from './plainObjects.ts';
import type { PostgresObject } from './postgresObject.ts';
import { routineKinds } from './routines.ts';
import { type CatalogSequence, sequenceObjects } from './sequences.ts';
import { extraKinds } from './tableExtras.ts';
import { partitionObjects, tablePartObjects } from './tableParts.ts';
import type { CatalogScope } from './scope.ts';
import type { CatalogTable } from './tables.ts';
import { tableObjects, tableParts } from './tableStatements.ts';
import { domainPartQuery, typeKinds } from './types.ts';
import { viewKinds, viewPartQuery } from './views.ts';

/** The objects of the database, or of a scope, in an order in which their statements can run; also those that are not carried. */
export async function loadObjects(
  transaction: Transaction,
  tables: readonly CatalogTable[],
  sequences: readonly CatalogSequence[],
  scope?: CatalogScope,
): Promise<Arrangement> {
  const { version } = transaction.database.server;
  const none = new Set<string>();
  const [dependencies, domainParts, viewParts, plain, defaultGrants, whole] = await transaction.together(
    () => loadDependencies(transaction, scope),
    () => transaction.rows<Part>(domainPartQuery),
    () => transaction.rows<Part>(viewPartQuery),
    () => loadPlainObjects(transaction, [...databaseKinds, ...routineKinds, ...extraKinds(version)], scope),
    () => loadDefaultGrants(transaction),
    () => loadPlainObjects(transaction, [...typeKinds(version, none), ...viewKinds(none)], scope),
  );
  const parts = [...tableParts(tables), ...domainParts, ...viewParts];
  const fixed = [
    ...plain,
    ...sequenceObjects(sequences),
    ...partitionObjects(tables),
    ...tablePartObjects(tables),
    ...defaultGrants,
  ];
  const holders = [...fixed, ...whole, ...tableObjects(tables, sequences, none)];
  const [comments, grants] = await transaction.together(
    () => loadComments(transaction, holders),
    () => loadGrants(transaction, holders, scope),
  );
  fixed.push(...comments, ...grants);
  return arrange(
    async (alone) => [
      ...fixed,
      ...(alone.size === 0
        ? whole
        : await loadPlainObjects(transaction, [...typeKinds(version, alone), ...viewKinds(alone)], scope)),
      ...tableObjects(tables, sequences, alone),
    ],
    dependencies,
    parts,
  );
}

/** The same with a reason where something that it needs is not carried either. */
export function completed({ objects, graph }: Arrangement): CatalogObject[] {
  const find = new Map(objects.map((object) => [object.id, object]));
  const foreign = foreignTables(objects);
  const missing = objects.filter(({ leftOut }) => leftOut);
  const lost = dependents(
    [...missing, ...leaningOnStandIns(objects, graph)].map(({ id }) => id),
    graph,
  );
  return objects.map((object) => {
    if (object.leftOut || !lost.has(object.id)) return object;
    const needs = [...(graph.get(object.id) ?? [])].map((id) => find.get(id)!);
    const cause = needs.find(({ id }) => lost.has(id));
    if (cause) return { ...object, leftOut: `it needs ${cause.kind} ${cause.name}` };
    const standIn = needs.find(({ kind, name }) => kind === 'composite type' && foreign.has(name));
    return { ...object, leftOut: `it needs foreign table ${standIn!.name}` };
  });
}

const foreignTables = (objects: readonly CatalogObject[]): ReadonlySet<string> =>
  new Set(objects.filter(({ kind }) => kind === 'foreign table').map(({ name }) => name));

/** Objects that need the row type of a foreign table: made without the table, only what holds values would work. */
function leaningOnStandIns(objects: readonly CatalogObject[], graph: Graph): CatalogObject[] {
  const foreign = foreignTables(objects);
  const standIns = new Set(
    objects.filter(({ kind, name }) => kind === 'composite type' && foreign.has(name)).map(({ id }) => id),
  );
  if (standIns.size === 0) return [];
  const holders = ['table', 'composite type', 'domain'];
  return objects.filter(
    ({ id, kind }) =>
      !holders.includes(kind) && [...(graph.get(id) ?? [])].some((need) => standIns.has(need)),
  );
}

/** The objects as a backup contains them. */
export function toSchemaObjects(objects: readonly CatalogObject[], graph: Graph): PostgresObject[] {
  const carried = objects.filter(({ leftOut }) => !leftOut);
  const find = new Map(carried.map((object) => [object.id, object]));
  const rootOf = (id: string): string => {
    const above = find.get(id)?.of;
    return above === undefined ? id : rootOf(above);
  };
  const keys = new Map(carried.map(({ id, kind, name }) => [id, `${kind} ${name}`]));
  return carried.flatMap((object) => {
    const { id, kind, name, table, section, statements, owner, of, repeat } = object;
    const key = `${kind} ${name}`;
    const place = { ...(table ? { table } : {}), section };
    const host = of === undefined ? undefined : keys.get(rootOf(of));
    const needs = [...(graph.get(id) ?? [])]
      .flatMap((need) => keys.get(need) ?? [])
      .filter((need) => need !== host);
    const demands = {
      ...(object.roles ? { roles: [...new Set(object.roles)] } : {}),
      ...(object.actsAs ? { actsAs: object.actsAs } : {}),
      ...(object.as ? { as: object.as } : {}),
      ...(object.superuser ? { superuser: true } : {}),
      ...(object.uses && object.uses.length > 0 ? { uses: object.uses } : {}),
    };
    const [make = '', ...settings] = statements;
    const made: PostgresObject[] = [
      {
        kind,
        name,
        ...place,
        sql: make,
        needs: needs.sort(),
        ...(host === undefined ? {} : { of: host }),
        ...(repeat ? { repeat } : {}),
        ...(object.usual ? { usual: object.usual } : {}),
        ...demands,
      },
    ];
    const property = (what: string, sql: string, more: Partial<PostgresObject> = {}): void => {
      made.push({ kind: what, name: key, ...place, sql, needs: [], of: host ?? key, ...more });
    };
    for (const setting of settings) property(`${kind} setting`, setting, demands);
    if (owner && object.target && kind !== 'extension') {
      const sql = `ALTER ${object.target} OWNER TO ${quoteIdentifier(owner)}`;
      property('owner', sql, { roles: [owner], actsAs: owner });
    }
    return made;
  });
}
