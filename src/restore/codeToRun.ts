import { formatQuantity } from '../core/format.ts';
import type { RestorePlan } from '../core/plan.ts';
import type { SchemaObject } from '../core/schema.ts';
import { visible } from '../core/visible.ts';

/** Statements of a file that a restore would run, and which are its author's rather than the user's. */
export interface CodeToRun {
  /** Every statement. */
  readonly statements: readonly SchemaObject[];
  /** For people: kinds with names, those first that hold code of any sort (functions, triggers, views). */
  readonly kinds: readonly string[];
}

/** Kinds whose objects run when somebody else does something. */
const active: readonly string[] = [
  'function',
  'procedure',
  'aggregate',
  'operator',
  'trigger',
  'event trigger',
  'rule',
  'policy',
  'view',
  'view definition',
  'materialized view',
  'materialized view data',
  'extension',
  'virtual table',
];

const mostNames = 8;

/** What a plan would run of the file; undefined where it writes rows and nothing else. */
export function codeToRun({ create }: RestorePlan): CodeToRun | undefined {
  if (create.length === 0) return undefined;
  const rank = ({ kind }: SchemaObject): number =>
    active.includes(kind) ? active.indexOf(kind) : active.length;
  const objects = create.filter(({ of }) => of === undefined).sort((a, b) => rank(a) - rank(b));
  const properties = create.length - objects.length;
  const kinds = [...Map.groupBy(objects, ({ kind }) => kind)].map(([kind, found]) => {
    const names = found.slice(0, mostNames).map(({ name }) => visible(name));
    const more = found.length > mostNames ? [`and ${found.length - mostNames} more`] : [];
    return `${visible(kind)}: ${[...names, ...more].join(', ')}`;
  });
  return {
    statements: create,
    kinds: [...kinds, ...(properties > 0 ? [`${formatQuantity(properties, 'statement')} about these`] : [])],
  };
}
