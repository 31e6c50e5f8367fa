import type { SqliteFeature } from './randomSqlite.ts';
import type { RandomSource } from './randomSource.ts';

/** What a random database grows in. */
export interface Draft {
  readonly random: RandomSource;
  readonly features: Set<SqliteFeature>;
  readonly tables: DraftTable[];
  readonly statements: string[];
  readonly chance: (percent: number) => boolean;
  /** A name, quoted, that no object has yet, or none of those names. */
  newName(plain: string, among?: Set<string>): string;
}

export interface DraftColumn {
  /** Quoted, as all names in drafts are. */
  readonly name: string;
  /** Its type and its constraints. */
  readonly definition: string;
  readonly kind: ValueKind;
  readonly generated: boolean;
  /** The column whose values it should have. */
  parent?: { readonly table: string; readonly column: string };
}

export interface DraftTable {
  readonly name: string;
  readonly strict: boolean;
  readonly withoutRowid: boolean;
  readonly columns: DraftColumn[];
  readonly key: readonly DraftColumn[];
  readonly keyText: string;
  /** The column that is the rowid. */
  readonly rowidColumn: DraftColumn | undefined;
  /** By which the rowid is reached where it is no column. */
  readonly rowidName: string | undefined;
  readonly constraints: string[];
}

type ValueKind = 'integer' | 'real' | 'text' | 'blob' | 'any' | 'rowid';

export interface ColumnOptions {
  /** Those of the table's columns so far, folded. */
  readonly names: Set<string>;
  readonly strict: boolean;
  readonly key?: 'integer' | 'any';
}

const strictTypes: readonly (readonly [string, ValueKind])[] = [
  ['INT', 'integer'],
  ['REAL', 'real'],
  ['TEXT', 'text'],
  ['BLOB', 'blob'],
  ['ANY', 'any'],
  ['ANY', 'any'],
];

/** None that would make a key the rowid: that is INTEGER alone. */
const looseTypes: readonly string[] = [
  ...['', '', 'INT', 'REAL', 'TEXT', 'BLOB', 'NUMERIC', 'ANY', 'VARCHAR(10)', 'DECIMAL(10, 2)', 'DATETIME'],
  ...['BOOLEAN', 'UNSIGNED BIG INT', 'FLOATING POINT', '"a type"', 'STRING'],
];

export function newColumn(draft: Draft, { names, strict, key }: ColumnOptions): DraftColumn {
  const { random, chance } = draft;
  const name = columnName(draft, names);
  if (key === 'integer') return { name, definition: 'INTEGER', kind: 'rowid', generated: false };
  const [type, kind] = strict
    ? random.pick(strictTypes)
    : [looseType(draft, key !== undefined), 'any' as const];
  const constraints = [type];
  if (!strict || kind === 'text') constraints.push(collation(draft));
  if (chance(15)) {
    draft.features.add('NOT NULL');
    constraints.push('NOT NULL');
  }
  if (chance(25)) {
    draft.features.add('default');
    constraints.push(`DEFAULT (${valueOf(draft, kind)})`);
  }
  if (chance(8) && key === undefined) constraints.push('UNIQUE');
  if (chance(15)) {
    draft.features.add('CHECK');
    constraints.push(check(draft, name));
  }
  return { name, definition: constraints.filter(Boolean).join(' '), kind, generated: false };
}

function looseType({ random, chance }: Draft, inKey: boolean): string {
  return !inKey && chance(20) ? 'INTEGER' : random.pick(looseTypes);
}

function columnName(draft: Draft, names: Set<string>): string {
  const { random, chance } = draft;
  if (!chance(5)) return draft.newName('c', names);
  const name = random.pick(['rowid', 'oid', '_rowid_']);
  if (names.has(name)) return draft.newName('c', names);
  names.add(name);
  return `"${name}"`;
}

function collation({ random, chance, features }: Draft): string {
  if (!chance(15)) return '';
  features.add('collation');
  return `COLLATE ${random.pick(['NOCASE', 'RTRIM', 'BINARY'])}`;
}

function check(draft: Draft, column: string): string {
  const name = draft.chance(30) ? `CONSTRAINT ${draft.newName('check', new Set())} ` : '';
  const condition = draft.random.pick([
    `${column} IS NOT 'forbidden'`,
    `typeof(${column}) <> 'nothing'`,
    `${column} IS NULL OR ${column} <> 1`,
    `NOT (typeof(${column}) = 'text' AND ${column} GLOB '*)*' || ' ;--')`,
  ]);
  return `${name}CHECK (${condition})`;
}

/** Expressions whose value is the same in every version of SQLite: none turns a real into text. */
export function expressionOf({ random }: Draft, column: string): string {
  return random.pick([
    `typeof(${column})`,
    `${column} IS NULL`,
    `CASE typeof(${column}) WHEN 'text' THEN lower(${column}) END`,
    `CASE typeof(${column}) WHEN 'integer' THEN ${column} & 255 ELSE -1 END`,
    `CASE typeof(${column}) WHEN 'blob' THEN hex(${column}) WHEN 'text' THEN ${column} || ''')' END`,
  ]);
}

export function generatedColumn(
  draft: Draft,
  from: DraftColumn,
  { names, strict }: ColumnOptions,
): DraftColumn {
  const { random, chance, features } = draft;
  features.add('generated');
  const type = strict ? 'ANY' : random.pick(['', 'TEXT', 'BLOB', 'INTEGER']);
  const storage = random.pick(['', 'VIRTUAL', 'STORED']);
  const always = chance(50) ? 'GENERATED ALWAYS ' : '';
  const definition = `${type} ${always}AS (${expressionOf(draft, from.name)}) ${storage}`;
  return { name: draft.newName('g', names), definition, kind: 'any', generated: true };
}

const integers: readonly string[] = [
  ...['0', '1', '-1', '2', '127', '-129', '32768', '2147483648', '-140737488355329'],
  ...['9007199254740993', '9223372036854775807', '-9223372036854775808'],
];
const reals: readonly string[] = [
  ...['0.0', '-0.0', '1.0', '-1.5', '0.1', '0.30000000000000004', '1e22', '9007199254740993.0'],
  ...['5e-324', '1.7976931348623157e308', '1e999', '-1e999'],
];
const texts: readonly string[] = [
  ...[
    `''`,
    `'a'`,
    `'A'`,
    `'a '`,
    `'it''s "so"'`,
    `'1'`,
    `'1.0'`,
    `'01'`,
    `'1e5'`,
    `'名前 Ğ 👩‍🚀'`,
    `char(0xFEFF, 0x10FFFF)`,
  ],
  ...[`'a' || char(0) || 'b'`, `char(0)`, `char(10, 13)`, `CAST(x'ff' AS TEXT)`, `CAST(x'61c3' AS TEXT)`],
  ...[`CAST(x'00d8' AS TEXT)`, `CAST(x'eda080' AS TEXT)`],
];
const blobs: readonly string[] = [`x''`, `x'00'`, `x'31'`, `x'ff00ff'`, `zeroblob(10)`, `zeroblob(9000)`];

/** A value as SQL, of this kind. */
export function valueOf(draft: Draft, kind: ValueKind): string {
  const { random, chance } = draft;
  switch (kind) {
    case 'integer':
      return random.pick(integers);
    case 'real':
      return random.pick(reals);
    case 'text':
      return chance(5) ? `printf('%.*c', ${random.below(20_000)}, 'x')` : random.pick(texts);
    case 'blob':
      return chance(30) ? `x'${random.bytes(random.below(40)).toString('hex')}'` : random.pick(blobs);
    case 'rowid':
      return chance(50) ? 'NULL' : rowid(draft);
    case 'any': {
      const kinds = ['integer', 'real', 'text', 'text', 'blob'] as const;
      return chance(10) ? 'NULL' : valueOf(draft, random.pick(kinds));
    }
  }
}

/** Never the last that there is: after it, SQLite chooses rowids at random, or refuses. */
export function rowid({ random, chance }: Draft): string {
  if (chance(80)) return String(random.below(60) - 10);
  return random.pick(['9007199254740993', '-9223372036854775808', '9223372036854770000', '4294967296']);
}
