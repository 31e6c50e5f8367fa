import type { CatalogObject } from './catalogObject.ts';
import { rankOf } from './catalogObject.ts';
import {
  buildGraph,
  type Dependency,
  dependents,
  findCircles,
  type Graph,
  needsFirst,
  type Part,
  reachable,
} from './dependencies.ts';

/** Objects in an order in which their statements can run. */
export interface Arrangement {
  readonly objects: readonly CatalogObject[];
  readonly graph: Graph;
}

/**
 * Orders objects as pg_dump does: by kind and name where nothing else decides it, after what they need, and after the
 * data where they need something that comes after it. Circles are broken by taking parts out of the statements that
 * hold them; `build` makes the objects with these parts standing alone.
 */
export async function arrange(
  build: (alone: ReadonlySet<string>) => Promise<readonly CatalogObject[]>,
  dependencies: readonly Dependency[],
  parts: readonly Part[],
): Promise<Arrangement> {
  const alone = new Set<string>();
  for (;;) {
    const objects = await build(alone);
    const graph = buildGraph(objects, dependencies, parts, alone);
    orderRefreshes(objects, graph);
    const late = dependents(
      objects.filter(({ section }) => section === 'post-data').map(({ id }) => id),
      graph,
    );
    const more = partsToTakeOut(objects, graph, late, parts, dependencies, alone);
    if (more.length === 0) return { objects: inOrder(objects, graph, late), graph };
    for (const id of more) alone.add(id);
  }
}

function partsToTakeOut(
  objects: readonly CatalogObject[],
  graph: Graph,
  late: ReadonlySet<string>,
  parts: readonly Part[],
  dependencies: readonly Dependency[],
  alone: ReadonlySet<string>,
): string[] {
  const left = parts.filter(({ id, host }) => !alone.has(id) && graph.has(host));
  const isView = ({ id }: Part): boolean => id.startsWith('pg_rewrite ');
  const views = left.filter(isView);
  const circles = findCircles(graph);
  const inCircle = (candidates: readonly Part[]): string[] =>
    circles.flatMap((circle) => candidates.filter(({ host }) => circle.has(host)).map(({ id }) => id));
  const small = new Map(
    circles.length === 0 ? [] : left.filter((part) => !isView(part)).map((part) => [part.id, part]),
  );
  // The properties that need something in addition to their host.
  const outward = new Set(
    dependencies.flatMap(({ from, to }) => {
      const part = small.get(from);
      return part && part.host !== to ? [part] : [];
    }),
  );
  const closing = inCircle([...small.values()].filter((part) => outward.has(part)));
  if (closing.length > 0) return closing;
  const circular = inCircle(views);
  if (circular.length > 0) return circular;
  // Rows need their table before them; a view that it needs can be whole later.
  const lateTables = objects.filter(({ kind, id }) => kind === 'table' && late.has(id)).map(({ id }) => id);
  const needed = reachable(lateTables, graph);
  return views.filter(({ host }) => needed.has(host) && late.has(host)).map(({ id }) => id);
}

function inOrder(
  objects: readonly CatalogObject[],
  graph: Graph,
  late: ReadonlySet<string>,
): CatalogObject[] {
  const find = new Map(objects.map((object) => [object.id, object]));
  const sorted = [...objects].sort(
    (a, b) =>
      rankOf(a.kind) - rankOf(b.kind) ||
      compare(a.kind, b.kind) ||
      compare(a.order ?? a.name, b.order ?? b.name),
  );
  const isEarly = ({ id, kind }: CatalogObject): boolean => !late.has(id) || kind === 'table';
  const early = sorted.filter(isEarly);
  const rest = sorted.filter((object) => !isEarly(object));
  return [
    ...needsFirst(
      early.map(({ id }) => id),
      graph,
    ).map((id) => find.get(id)!),
    ...needsFirst(
      rest.map(({ id }) => id),
      graph,
    ).map((id): CatalogObject => ({ ...find.get(id)!, section: 'post-data' })),
  ];
}

/** Materialized views are filled after those that they read, at last. */
function orderRefreshes(objects: readonly CatalogObject[], graph: ReadonlyMap<string, Set<string>>): void {
  const refreshes = new Set(
    objects.filter(({ kind }) => kind === 'materialized view data').map(({ id }) => id),
  );
  for (const id of refreshes) {
    for (const read of reachable([id.replace(/ data$/, '')], graph)) {
      const refresh = `${read} data`;
      if (refresh !== id && refreshes.has(refresh)) graph.get(id)!.add(refresh);
    }
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
