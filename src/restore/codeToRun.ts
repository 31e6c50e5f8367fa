import { tableKey } from '../core/names.ts';
import type { RestorePlan } from '../core/plan.ts';
import { objectKey, type SchemaObject } from '../core/schema.ts';
import { visible } from '../core/visible.ts';

/** Statements of a file that a restore would run, and which are its author's rather than the user's. */
export interface CodeToRun {
  /** Every statement, in the order in which they run. */
  readonly statements: readonly SchemaObject[];
  /** For people: every statement by its kind and name, those first that hold code of any sort (functions, views). */
  readonly kinds: readonly string[];
}

/** Kinds whose objects run when other users do something. */
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

/** Kinds that change a table that they do not belong to: the tables that they need are shown with them. */
const between: readonly string[] = ['table', 'partition', 'foreign key'];

/** The statements of the file that a plan would run; undefined if it only writes rows. */
export function codeToRun({ create }: RestorePlan): CodeToRun | undefined {
  const statements = create.filter(({ live }) => !live);
  if (statements.length === 0) return undefined;
  return { statements, kinds: listStatements(statements) };
}

/** The statements by their kind, those first that hold code of any sort (functions, views). */
export function statementsByKind(statements: readonly SchemaObject[]): Map<string, SchemaObject[]> {
  const rank = ({ kind }: SchemaObject): number =>
    active.includes(kind) ? active.indexOf(kind) : active.length;
  const sorted = [...statements].sort((a, b) => rank(a) - rank(b));
  return Map.groupBy(sorted, ({ kind }) => kind);
}

/** A line for each kind of statement, with all their names. */
export function listStatements(statements: readonly SchemaObject[]): string[] {
  return [...statementsByKind(statements)].map(
    ([kind, found]) => `${visible(kind)}: ${found.map((one) => visible(nameOf(one))).join(', ')}`,
  );
}

function nameOf({ kind, name, needs = [], table }: SchemaObject): string {
  const own = table && tableKey(table);
  const tables = needs.filter((key) => key.startsWith('table ') && key !== `table ${name}`);
  if (!between.includes(kind) || own === undefined || tables.length === 0) return name;
  return `${name} (with ${tables.map((key) => key.slice('table '.length)).join(', ')})`;
}

/** The statements as a script for people to read, each under its kind and name. */
export function statementsText(statements: readonly SchemaObject[]): string {
  return statements
    .map(({ sql, ...object }) => `-- ${visible(objectKey(object))}\n${readable(sql)};\n`)
    .join('\n');
}

/** Several lines, in which nothing is hidden. */
function readable(sql: string): string {
  return sql.split(/\r?\n/).map(visible).join('\n');
}
