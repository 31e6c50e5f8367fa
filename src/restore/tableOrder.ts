import { tableKey, type TableName } from '../core/names.ts';
import type { Table } from '../core/schema.ts';

/**
 * Tables before those that reference them; where foreign keys go round in a circle the given order decides.
 * Depth-first without recursion: ten thousand tables in a chain must not overflow the stack.
 */
export function referencedFirst<Ordered extends { readonly target: TableName }>(
  tables: readonly Ordered[],
  definition: (table: Ordered) => Table,
): Ordered[] {
  const byName = new Map(tables.map((table) => [tableKey(table.target), table]));
  const referenced = (table: Ordered): Ordered[] =>
    definition(table).foreignKeys.flatMap(({ references }) => byName.get(tableKey(references)) ?? []);
  const ordered = new Set<Ordered>();
  const entered = new Set<Ordered>();
  for (const start of tables) {
    const stack = [{ table: start, open: entered.has(start) ? [] : referenced(start) }];
    entered.add(start);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const next = top.open.pop();
      if (!next) {
        ordered.add(top.table);
        stack.pop();
      } else if (!entered.has(next)) {
        entered.add(next);
        stack.push({ table: next, open: referenced(next) });
      }
    }
  }
  return [...ordered];
}
