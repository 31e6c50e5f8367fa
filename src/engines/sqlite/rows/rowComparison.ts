import type { TablePlan } from '../../../core/plan.ts';
import { type CatalogTable, hiddenRowid } from '../schema/catalog.ts';
import { affinityOf } from '../schema/affinity.ts';
import { foldName, quote, sameName } from '../connect/identifiers.ts';

/** The schema name of the backup's database on the connection of a restore. */
export const backupSchema = 'restore_point_backup';

/** The aliases of the two sides in a statement; of a comparison, `backupAlias` is the first one. */
export const targetAlias = 'target_row';
export const backupAlias = 'backup_row';

/** One table of a restore, on both sides. */
export interface TablePair {
  readonly plan: Pick<TablePlan, 'target' | 'columns' | 'key' | 'create'> & {
    readonly backup: Pick<TablePlan['backup'], 'rows'>;
  };
  readonly target: CatalogTable;
  readonly backup: CatalogTable;
}

/** What is compared of a row: `TablePair` is one. Either side takes the names of the columns. */
export interface RowPair {
  readonly plan: Pick<TablePlan, 'columns'>;
  readonly target: CatalogTable;
  readonly backup: CatalogTable;
}

/** SQLite bounds the length of a statement: of more columns the shortest comparison is made. */
const fewColumns = 200;

/**
 * An expression that is true when the values of the plan's columns are the same in type and in every bit. A column's
 * collation, its affinity and the equality of 1 and 1.0 or of 0.0 and -0.0 must not hide a difference.
 */
export function sameRow(pair: RowPair, left: string, right: string): string {
  return conjunction(sameColumns(pair, left, right));
}

/** The same of each of the columns. */
export function sameColumns({ plan, target, backup }: RowPair, left: string, right: string): string[] {
  const same = (a: string, b: string, column: string): string => {
    if (plan.columns.length > fewColumns) return sameType(a, b);
    const type = target.columns.find(({ name }) => sameName(name, column))?.type ?? '';
    const affinity = affinityOf(type);
    if (affinity === 'text') return sameText(a, b);
    return affinity === 'integer' ? sameInteger(a, b) : sameNumber(a, b);
  };
  return plan.columns.map((column) => {
    const [a, b] = [`${left}.${quote(column)}`, `${right}.${quote(column)}`];
    const equal = `+${a} IS +${b} COLLATE BINARY`;
    if ([target, backup].every(({ rowidColumn }) => rowidColumn === column)) return equal;
    return `(${equal} AND ${same(a, b, column)})`;
  });
}

/** Whether equal values are also identical; quick to decide for text, blobs and NULL. */
function sameText(a: string, b: string): string {
  return `(+${a} >= '' ${binary} OR +${a} IS NULL OR ${sameType(a, b)})`;
}

/** A column's collation may be one that only the application registers. */
const binary = 'COLLATE BINARY';

const largest = '9223372036854775807';

/**
 * The same, soon clear of integers: of what is equal, divided by the largest integer, integers become 0 and reals do not.
 * With one added, zeros are no exception. To ask for the types of a million values takes longer than anything else.
 */
function sameInteger(a: string, b: string): string {
  return `((${a} + ${b} + 1) / ${largest} = 0 OR +${a} IS NULL OR ${sameType(a, b)})`;
}

/** The same, soon clear of most numbers: where it is no whole one, both are reals. */
function sameNumber(a: string, b: string): string {
  const most = '9000000000000000000';
  const fraction = `+${a} <> CAST(+${a} AS INTEGER) ${binary}`;
  const usual = `(+${a} > 0 ${binary} OR (+${a} < 0 ${binary} AND +${a} > -${most} ${binary}) OR +${a} IS NULL)`;
  return `(${fraction} OR (${usual} AND +${a} / ${largest} IS +${b} / ${largest}) OR ${sameType(a, b)})`;
}

function sameType(a: string, b: string): string {
  const sameZero = `(typeof(${a}) <> 'real' OR ${a} <> 0.0 ${binary} OR atan2(${a}, -1) = atan2(${b}, -1))`;
  return `(typeof(${a}) = typeof(${b}) AND ${sameZero})`;
}

function conjunction(terms: readonly string[]): string {
  return terms.length === 0 ? 'TRUE' : balanced(terms, 'AND');
}

/** SQLite bounds the depth of an expression, and a plain chain of operators is as deep as it is long. */
export function balanced(terms: readonly string[], operator: 'AND' | 'OR' | '+' | '||'): string {
  if (terms.length === 1) return terms[0]!;
  const middle = terms.length >> 1;
  return `(${balanced(terms.slice(0, middle), operator)} ${operator} ${balanced(terms.slice(middle), operator)})`;
}

/** How the same row is found on both sides: by rowid, or by a unique key. */
export interface RowMatch {
  /** True for one pair of rows at most; uses an index of the target. */
  readonly condition: string;
  /** Not NULL when the target has the row. */
  readonly found: string;
}

/** Whether a restore that writes rows one by one keeps the rowids of a table in which no column is the rowid. */
export function keepsHiddenRowids({ target, backup }: TablePair): boolean {
  return [target, backup].every((table) => hiddenRowid(table) !== undefined);
}

/** Where both have rowids, and a restore keeps them. See `matchColumns`. */
export function matchRowids(
  lookedTable: CatalogTable,
  givenTable: CatalogTable,
  looked = targetAlias,
  given = backupAlias,
): RowMatch {
  const found = `${looked}.${quote(lookedTable.rowidName ?? '')}`;
  return { condition: `${found} = ${given}.${quote(givenTable.rowidName ?? '')}`, found };
}

/** `looked`: the side whose row is found by the values of the `given` one. */
export function matchColumns(
  key: readonly string[],
  collations: ReadonlyMap<string, string>,
  looked: string,
  given: string,
): RowMatch {
  // The plus leaves it to the column that is looked at how the values compare, as when one is stored into it.
  const terms = key.map((column) => {
    const collation = collations.get(foldName(column)) ?? 'BINARY';
    return `${looked}.${quote(column)} = +${given}.${quote(column)} COLLATE ${quote(collation)}`;
  });
  return { condition: terms.join(' AND '), found: `${looked}.${quote(key[0] ?? '')}` };
}

/** An ORDER BY for a backup's rows: their order in the backup, which is what row numbers in errors count. */
export function backupOrder({ rowidName, withoutRowid, primaryKey }: CatalogTable): string {
  const columns = rowidName === undefined ? (withoutRowid ? primaryKey : []) : [rowidName];
  if (columns.length === 0) return '';
  return ` ORDER BY ${columns.map((column) => `${backupAlias}.${quote(column)}`).join(', ')}`;
}

/** A result has room for so many values, and for few others. */
const mostGrouped = 900;

/** What rows have to be grouped by for those in a group to be the same in type and in every bit. `columns` are quoted. */
export function groupingOf(columns: readonly string[]): string[] {
  if (columns.length > mostGrouped) return [balanced(columns.map(asText), '||')];
  return [...columns.map((column) => `+${column} COLLATE BINARY`), kindsOf(columns)];
}

/** A text of one letter for each column: equal values of the same letter are the same. */
function kindsOf(columns: readonly string[]): string {
  if (columns.length === 0) return `''`;
  const kinds = columns.map(
    (column) =>
      `CASE typeof(${column}) WHEN 'real' THEN iif(${column} = 0.0 ${binary} AND atan2(${column}, -1) < 0, 'z', 'r') ELSE substr(typeof(${column}), 1, 1) END`,
  );
  return balanced(kinds, '||');
}

/** A value with its type, as a text that no other value has. */
function asText(value: string): string {
  const real = `CASE WHEN ${value} = 0 ${binary} THEN iif(atan2(${value}, -1) < 0, '-0.0', '0.0') ELSE quote(${value}) END`;
  return `(typeof(${value}) || CASE typeof(${value}) WHEN 'real' THEN ${real} ELSE hex(CAST(${value} AS BLOB)) END || ',')`;
}
