import { foldCase, formatTableName, tableKey, type TableName } from '../core/names.ts';
import type { TablePlan } from '../core/plan.ts';
import { type DatabaseSchema, objectKey, type SchemaObject, type Sequence } from '../core/schema.ts';
import type { SessionFeatures } from '../engines/engine.ts';

export interface PlannedSequences {
  readonly sequences: readonly Sequence[];
  readonly warnings: readonly string[];
}

/**
 * Which sequences a restore sets. What a backup says of a sequence is not enough: one that is there is set where the
 * database itself has a planned table take numbers from it, and one that no table takes numbers from only with all of a
 * backup. One that is not there comes with its table, or by a statement of its own.
 */
export function planSequences(
  sequences: readonly Sequence[],
  tables: readonly TablePlan[],
  create: readonly SchemaObject[],
  { schema, features }: { readonly schema: DatabaseSchema; readonly features: SessionFeatures },
  everything: boolean,
): PlannedSequences {
  const keyOf = (name: TableName): string =>
    features.caseInsensitiveNames ? foldCase(tableKey(name)) : tableKey(name);
  const live = Map.groupBy(schema.sequences, ({ name }) => keyOf(name));
  const planned = new Map(tables.map((table) => [keyOf(table.backup.table.name), table]));
  const written = new Set(tables.map(({ target }) => keyOf(target)));
  const made = new Set(create.map(objectKey));
  const foreign: string[] = [];
  const isSet = ({ name, table }: Sequence): boolean => {
    const takers = (live.get(keyOf(name)) ?? []).flatMap((sequence) => sequence.table ?? []);
    const isThere = live.has(keyOf(name));
    const plan = table && planned.get(keyOf(table));
    if (table && !plan) return false;
    if (made.has(objectKey({ kind: 'sequence', name: formatTableName(name) }))) return true;
    // An extension makes its own.
    if (!isThere)
      return plan !== undefined || (everything && create.some(({ kind }) => kind === 'extension'));
    if (plan && !plan.create && takers.some((taker) => keyOf(taker) === keyOf(plan.target))) return true;
    const free = takers.every((taker) => written.has(keyOf(taker)));
    if (plan ? plan.create && free : everything && takers.length === 0) return true;
    if (plan || everything) foreign.push(formatTableName(name));
    return false;
  };
  const chosen = sequences.filter(isSet);
  const names = [...new Set(foreign)];
  const warnings =
    names.length === 0 ? [] : [`not set: ${names.join(', ')}: no restored table uses them in the database`];
  return { sequences: chosen, warnings };
}
