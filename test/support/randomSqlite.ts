import { hostileNames } from '../db/everything/sqlite/names.ts';
import type { RandomSource } from './randomSource.ts';
import { type Draft, type DraftTable, generatedColumn, newColumn } from './randomSqliteColumns.ts';
import { addObjects } from './randomSqliteObjects.ts';
import { openSqlite, quote } from './sqliteWitness.ts';

/** One database: what it is made of. */
export interface RandomSqlite {
  /** Pragmas for a new file, and those that are the file's afterwards. */
  readonly settings: readonly string[];
  /** Schema and rows, in one transaction with foreign keys off. No statement fails. */
  readonly statements: readonly string[];
  /** What it holds, by the names that `sqliteFeatures` lists. */
  readonly features: ReadonlySet<SqliteFeature>;
}

export const sqliteFeatures = [
  ...([
    'rowid table',
    'WITHOUT ROWID',
    'STRICT',
    'AUTOINCREMENT',
    'INTEGER PRIMARY KEY',
    'composite key',
  ] as const),
  ...([
    'generated',
    'CHECK',
    'UNIQUE',
    'NOT NULL',
    'collation',
    'default',
    'chosen rowids',
    'hostile name',
  ] as const),
  ...([
    'foreign key',
    'foreign key to itself',
    'foreign key to a later table',
    'orphan',
    'null in a key',
  ] as const),
  ...(['index', 'unique index', 'partial index', 'expression index', 'view', 'view of a view'] as const),
  ...([
    'trigger',
    'INSTEAD OF',
    'full-text search',
    'R-Tree',
    'added column',
    'statistics',
    'deleted rows',
  ] as const),
  ...(['UTF-16', 'WAL', 'auto_vacuum', 'user_version', 'table without rows'] as const),
] as const;

export type SqliteFeature = (typeof sqliteFeatures)[number];

/** The same source of random numbers gives the same database. */
export function randomSqlite(random: RandomSource): RandomSqlite {
  const draft = newDraft(random);
  const settings = chooseSettings(draft);
  for (let count = 1 + random.below(5); count > 0; count -= 1) draft.tables.push(newTable(draft));
  for (const table of draft.tables) addForeignKeys(draft, table);
  draft.statements.push(...draft.tables.map((table) => createTable(draft, table)));
  addObjects(draft);
  return { settings, statements: draft.statements, features: draft.features };
}

export function makeRandomSqlite(file: string, { settings, statements }: RandomSqlite): void {
  const database = openSqlite(file);
  try {
    for (const sql of [...settings, 'BEGIN', ...statements, 'COMMIT']) {
      try {
        database.exec(sql);
      } catch (error) {
        throw new Error(`This statement of a random database failed: ${sql}`, { cause: error });
      }
    }
  } finally {
    database.close();
  }
}

function newDraft(random: RandomSource): Draft {
  const taken = new Set<string>();
  const features = new Set<SqliteFeature>();
  return {
    random,
    features,
    tables: [],
    statements: [],
    chance: (percent) => random.below(100) < percent,
    newName: (plain, among = taken) => {
      for (let attempt = 0; ; attempt += 1) {
        const hostile = random.below(100) < 30;
        const name = hostile ? `${random.pick(hostileNames)}${attempt || ''}` : `${plain}${attempt + 1}`;
        // As SQLite folds letters: those of ASCII alone.
        const folded = name.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
        if (among.has(folded)) continue;
        among.add(folded);
        if (hostile) features.add('hostile name');
        return quote(name);
      }
    },
  };
}

function chooseSettings({ random, chance, features }: Draft): string[] {
  const settings: string[] = [];
  if (chance(25)) {
    features.add('UTF-16');
    settings.push(`encoding = '${random.pick(['UTF-16le', 'UTF-16be'])}'`);
  }
  if (chance(30)) settings.push(`page_size = ${random.pick([512, 1024, 8192, 65536])}`);
  if (chance(25)) {
    features.add('auto_vacuum');
    settings.push(`auto_vacuum = ${1 + random.below(2)}`);
  }
  if (chance(30)) {
    features.add('user_version');
    settings.push(
      `user_version = ${random.below(2 ** 32) - 2 ** 31}`,
      `application_id = ${random.below(2 ** 31)}`,
    );
  }
  if (chance(10)) {
    features.add('WAL');
    settings.push('journal_mode = WAL');
  }
  return settings.map((setting) => `PRAGMA ${setting}`);
}

type KeyKind = 'none' | 'rowid' | 'autoincrement' | 'descending' | 'single' | 'composite';

/** What makes one column the key; else the key is a constraint of the table. */
const keyTexts: Partial<Record<KeyKind, string>> = {
  rowid: ' PRIMARY KEY',
  autoincrement: ' PRIMARY KEY AUTOINCREMENT',
  descending: ' PRIMARY KEY DESC',
};

function newTable(draft: Draft): DraftTable {
  const { random, chance, features } = draft;
  const strict = chance(20);
  const names = new Set<string>();
  const kind = random.pick<KeyKind>([
    'none',
    'rowid',
    'rowid',
    'autoincrement',
    'descending',
    'single',
    'composite',
  ]);
  const withoutRowid = (kind === 'single' || kind === 'composite') && chance(50);
  const keyed = {
    none: 0,
    rowid: 1,
    autoincrement: 1,
    descending: 1,
    single: 1,
    composite: 2 + random.below(2),
  }[kind];
  const isInteger = kind === 'rowid' || kind === 'autoincrement' || kind === 'descending';
  const keyType = isInteger ? 'integer' : 'any';
  const key = Array.from({ length: keyed }, () => newColumn(draft, { names, strict, key: keyType }));
  const others = Array.from({ length: (keyed === 0 ? 1 : 0) + random.below(6) }, () =>
    newColumn(draft, { names, strict }),
  );
  const generated = [...key, ...others].flatMap((column) =>
    chance(10) ? [generatedColumn(draft, column, { names, strict })] : [],
  );
  if (strict) features.add('STRICT');
  features.add(withoutRowid ? 'WITHOUT ROWID' : 'rowid table');
  if (kind === 'rowid') features.add('INTEGER PRIMARY KEY');
  if (kind === 'autoincrement') features.add('AUTOINCREMENT');
  if (kind === 'composite') features.add('composite key');
  return {
    name: draft.newName('t'),
    strict,
    withoutRowid,
    key,
    // A descending INTEGER PRIMARY KEY is none: it is an index beside the rowid, and takes NULL.
    rowidColumn: kind === 'rowid' || kind === 'autoincrement' ? key[0] : undefined,
    rowidName: rowidNameOf(names, withoutRowid),
    keyText: keyTexts[kind] ?? '',
    columns: random.below(2) === 0 ? [...key, ...others, ...generated] : [...generated, ...others, ...key],
    constraints: [],
  };
}

function rowidNameOf(names: ReadonlySet<string>, withoutRowid: boolean): string | undefined {
  if (withoutRowid) return undefined;
  return ['rowid', '_rowid_', 'oid'].find((name) => !names.has(name));
}

/** From some of the table's columns to the key of any table, be it made before or after it, or itself. */
function addForeignKeys(draft: Draft, table: DraftTable): void {
  const { random, chance, features, tables } = draft;
  const parents = tables.filter(({ key }) => key.length > 0);
  if (parents.length === 0 || !chance(60)) return;
  for (let count = 1 + random.below(2); count > 0; count -= 1) {
    const parent = random.pick(parents);
    // In a STRICT table only a column for anything takes any key.
    const free = table.columns.filter(
      (column) =>
        !table.key.includes(column) &&
        !column.generated &&
        !column.parent &&
        (!table.strict || column.kind === 'any'),
    );
    const columns = free.slice(0, parent.key.length);
    if (columns.length < parent.key.length) continue;
    for (const [index, column] of columns.entries())
      column.parent = { table: parent.name, column: parent.key[index]!.name };
    const from = columns.map(({ name }) => name).join(', ');
    const to = chance(50) ? ` (${parent.key.map(({ name }) => name).join(', ')})` : '';
    table.constraints.push(`FOREIGN KEY (${from}) REFERENCES ${parent.name}${to}${actions(draft)}`);
    features.add('foreign key');
    if (parent === table) features.add('foreign key to itself');
    if (tables.indexOf(parent) > tables.indexOf(table)) features.add('foreign key to a later table');
  }
}

function actions({ random }: Draft): string {
  const action = (): string => random.pick(['CASCADE', 'SET NULL', 'SET DEFAULT', 'RESTRICT', 'NO ACTION']);
  return random.pick([
    '',
    ` ON DELETE ${action()}`,
    ` ON UPDATE ${action()} ON DELETE ${action()}`,
    ' DEFERRABLE INITIALLY DEFERRED',
    ` ON DELETE ${action()} DEFERRABLE INITIALLY IMMEDIATE`,
  ]);
}

function createTable(draft: Draft, table: DraftTable): string {
  const { chance, random, features } = draft;
  const { name, key, keyText, constraints, withoutRowid, strict } = table;
  const parts = table.columns.map(
    (column) => `${column.name} ${column.definition}${column === key[0] ? keyText : ''}`,
  );
  if (key.length > 0 && keyText === '') {
    parts.push(
      `PRIMARY KEY (${key.map((column) => column.name + random.pick(['', '', ' DESC'])).join(', ')})`,
    );
  }
  if (chance(15)) {
    features.add('UNIQUE');
    const some = table.columns.filter((_, index) => index === 0 || chance(50)).slice(0, 3);
    parts.push(`UNIQUE (${some.map((column) => column.name).join(', ')})${conflict(draft)}`);
  }
  const options = [...(withoutRowid ? ['WITHOUT ROWID'] : []), ...(strict ? ['STRICT'] : [])];
  const comment = chance(10) ? `-- ), "a comment\n` : '';
  return `CREATE TABLE ${name} (${comment}${[...parts, ...constraints].join(', ')}) ${options.join(', ')}`;
}

function conflict({ chance, random }: Draft): string {
  return chance(20) ? ` ON CONFLICT ${random.pick(['IGNORE', 'REPLACE', 'ROLLBACK', 'FAIL'])}` : '';
}
