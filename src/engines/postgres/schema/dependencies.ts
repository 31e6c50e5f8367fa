import type { Transaction } from '../connect/transaction.ts';
import type { CatalogObject } from './catalogObject.ts';
import type { CatalogScope } from './scope.ts';

/** Part of another object's statement that can be moved out of it to break a cycle. */
export interface Part {
  /** Its id in pg_depend. */
  readonly id: string;
  /** The object whose statement holds it. */
  readonly host: string;
  /** The object that it becomes when it is taken out. */
  readonly alone: string;
}

/** A row of pg_depend. */
export interface Dependency {
  readonly from: string;
  readonly to: string;
  readonly type: 'n' | 'a' | 'i' | 'e' | 'x';
}

/** The dependencies, by the ids of objects. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** Reads what the catalogs know of user objects. Partitions' own ties are made when they are attached. */
export async function loadDependencies(
  transaction: Transaction,
  scope?: CatalogScope,
): Promise<Dependency[]> {
  const [row] = await transaction.rows<{ catalogs: Record<string, string>; list: string | null }>(
    dependencyQuery(scope?.dependencies() ?? 'true'),
  );
  const { catalogs, list } = row!;
  const lines = list ? list.split('\n') : [];
  return lines.map((line) => {
    const [catalog, from, otherCatalog, to, type] = line.split(' ');
    return {
      from: `${catalogs[catalog!]} ${from}`,
      to: `${catalogs[otherCatalog!]} ${to}`,
      type: type as Dependency['type'],
    };
  });
}

/**
 * As one text: there are tens of thousands of them where there are thousands of tables. Nothing depends on TOAST tables
 * and on the triggers of foreign keys.
 */
const dependencyQuery = (condition: string): string => `
  SELECT (SELECT json_object_agg(c.oid, c.relname) FROM pg_class c
           WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r') AS catalogs,
         (SELECT string_agg(concat_ws(' ', d.classid, d.objid, d.refclassid, d.refobjid, d.deptype), E'\\n')
            FROM pg_depend d
            LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
           WHERE ${condition} AND d.deptype IN ('n', 'a', 'i', 'e', 'x') AND d.objid >= 16384
             AND (d.classid, d.objid) <> (d.refclassid, d.refobjid)
             AND c.relnamespace IS DISTINCT FROM 'pg_toast'::regnamespace
             AND NOT (d.classid = 'pg_trigger'::regclass AND d.deptype = 'i')
             AND NOT (coalesce(c.relkind = 'S', false) AND d.deptype = 'a')
             AND NOT (coalesce(c.relispartition AND c.relkind IN ('r', 'p'), false) AND d.deptype = 'a'
                      AND d.refclassid = 'pg_class'::regclass)) AS list`;

/** The graph of these objects; the dependencies of a part are those of its host, unless it has its own statement. */
export function buildGraph(
  objects: readonly CatalogObject[],
  dependencies: readonly Dependency[],
  parts: readonly Part[],
  alone: ReadonlySet<string>,
): Map<string, Set<string>> {
  const graph = new Map(objects.map(({ id }) => [id, new Set<string>()]));
  const resolve = resolver(graph, dependencies, parts, alone);
  const connect = (from: string | undefined, to: string | undefined): void => {
    if (from !== undefined && to !== undefined && from !== to) graph.get(from)?.add(to);
  };
  for (const { from, to, type } of dependencies) {
    // The row type of a foreign table that stands alone does not need the table.
    const isRowType = type === 'i' && from.startsWith('pg_type ') && graph.has(from);
    if (!isRowType) connect(resolve(from), resolve(to));
  }
  for (const { id, needs = [], of } of objects) {
    for (const need of needs) connect(id, resolve(need));
    if (of !== undefined) connect(id, resolve(of));
  }
  useShells(objects, graph);
  return graph;
}

/** Finds the object in whose statement something comes: itself, its host, what it is internal to, its extension. */
function resolver(
  graph: ReadonlyMap<string, unknown>,
  dependencies: readonly Dependency[],
  parts: readonly Part[],
  alone: ReadonlySet<string>,
): (id: string) => string | undefined {
  const above = new Map<string, string>();
  for (const { from, to, type } of dependencies) {
    if (type === 'e' || (type === 'i' && !above.has(from))) above.set(from, to);
  }
  for (const part of parts) above.set(part.id, alone.has(part.id) ? part.alone : part.host);
  const found = new Map<string, string | undefined>();
  const resolve = (id: string, depth: number): string | undefined => {
    if (graph.has(id)) return id;
    const next = above.get(id);
    if (next === undefined || depth === 0) return undefined;
    return resolve(next, depth - 1);
  };
  return (id) => {
    if (!found.has(id)) found.set(id, resolve(id, 10));
    return found.get(id);
  };
}

/** The functions of a type know it before it is whole. */
function useShells(objects: readonly CatalogObject[], graph: ReadonlyMap<string, Set<string>>): void {
  for (const { id, kind } of objects) {
    if (kind !== 'shell type') continue;
    const whole = id.replace(/ shell$/, '');
    if (whole === id) continue;
    graph.get(whole)?.add(id);
    for (const support of graph.get(whole) ?? []) {
      const needs = graph.get(support);
      if (support.startsWith('pg_proc ') && needs?.delete(whole)) needs.add(id);
    }
  }
}

/** The cycles: sets of several objects that depend on each other, directly or indirectly. Without recursion: chains can be long. */
export function findCircles(graph: Graph): Set<string>[] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const waiting: string[] = [];
  const isWaiting = new Set<string>();
  const circles: Set<string>[] = [];
  const enter = (id: string): { id: string; open: string[] } => {
    index.set(id, index.size);
    low.set(id, index.get(id)!);
    waiting.push(id);
    isWaiting.add(id);
    return { id, open: [...graph.get(id)!] };
  };
  const leave = (id: string): void => {
    if (low.get(id) !== index.get(id)) return;
    const circle = new Set<string>();
    for (let member = waiting.pop(); member !== undefined; member = waiting.pop()) {
      isWaiting.delete(member);
      circle.add(member);
      if (member === id) break;
    }
    if (circle.size > 1) circles.push(circle);
  };
  for (const start of graph.keys()) {
    if (index.has(start)) continue;
    const stack = [enter(start)];
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const next = top.open.pop();
      if (next === undefined) {
        stack.pop();
        leave(top.id);
        const above = stack.at(-1);
        if (above) low.set(above.id, Math.min(low.get(above.id)!, low.get(top.id)!));
      } else if (!index.has(next)) stack.push(enter(next));
      else if (isWaiting.has(next)) low.set(top.id, Math.min(low.get(top.id)!, index.get(next)!));
    }
  }
  return circles;
}

/** Every object after those that it needs, else in the given order; of a circle, the first one given comes first. */
export function needsFirst(ids: readonly string[], graph: Graph): string[] {
  const place = new Map(ids.map((id, index) => [id, index]));
  const ordered = new Set<string>();
  const entered = new Set<string>();
  const enter = (id: string): { id: string; open: string[] } => {
    entered.add(id);
    const open = [...(graph.get(id) ?? [])].filter((need) => place.has(need));
    return { id, open: open.sort((a, b) => place.get(b)! - place.get(a)!) };
  };
  for (const start of ids) {
    if (entered.has(start)) continue;
    const stack = [enter(start)];
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const next = top.open.pop();
      if (next === undefined) {
        ordered.add(top.id);
        stack.pop();
      } else if (!entered.has(next)) stack.push(enter(next));
    }
  }
  return [...ordered];
}

/** All that these objects need, at last, themselves among it. */
export function reachable(starts: Iterable<string>, graph: Graph): Set<string> {
  const found = new Set(starts);
  for (const id of found) for (const need of graph.get(id) ?? []) found.add(need);
  return found;
}

/** All that need one of these objects, at last, these among it. */
export function dependents(starts: Iterable<string>, graph: Graph): Set<string> {
  const reversed = new Map<string, Set<string>>();
  for (const [id, needs] of graph) {
    for (const need of needs) {
      const group = reversed.get(need);
      if (group) group.add(id);
      else reversed.set(need, new Set([id]));
    }
  }
  return reachable(starts, reversed);
}
