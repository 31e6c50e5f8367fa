import {
  type Draft,
  type DraftColumn,
  type DraftTable,
  expressionOf,
  rowid,
  valueOf,
} from './randomSqliteColumns.ts';
import { quote } from './sqliteWitness.ts';

/** Rows, and all that is made of tables, in an order in which it can be made. */
export function addObjects(draft: Draft): void {
  const { random, chance, statements, tables, features } = draft;
  const log = draft.newName('log');
  statements.push(`CREATE TABLE ${log} (what, value)`);
  // What a trigger does to a row, or an index to one that is there already, depends on what was first.
  const triggersFirst = chance(30);
  if (triggersFirst) addTriggers(draft, log);
  for (const table of tables) addIndexes(draft, table, { unique: true });
  addRows(draft, random.below(40));
  for (const table of tables) addIndexes(draft, table, { unique: false });
  addColumns(draft);
  addRows(draft, random.below(10));
  if (!triggersFirst) addTriggers(draft, log);
  addViews(draft, log);
  addVirtualTables(draft);
  if (!chance(15)) return;
  features.add('statistics');
  statements.push('ANALYZE');
}

function addRows(draft: Draft, count: number): void {
  const { random, chance, features, statements, tables } = draft;
  for (let row = 0; row < count; row += 1) statements.push(insert(draft, random.pick(tables)));
  if (count === 0) features.add('table without rows');
  for (const table of tables.filter(() => chance(25))) {
    const [first] = table.columns;
    features.add('deleted rows');
    const some = `SELECT ${first!.name} FROM ${table.name} LIMIT ${1 + random.below(3)}`;
    statements.push(`DELETE FROM ${table.name} WHERE ${first!.name} IN (${some})`);
  }
}

function insert(draft: Draft, table: DraftTable): string {
  const { random, chance, features } = draft;
  const data = table.columns.filter(({ generated }) => !generated);
  const chosen = data.filter((_, index) => index === 0 || chance(85));
  const offset = random.below(4);
  const names = chosen.map(({ name }) => name);
  const values = chosen.map((column) => rowValue(draft, table, column, offset));
  if (table.rowidName !== undefined && table.rowidColumn === undefined && chance(30)) {
    features.add('chosen rowids');
    names.push(table.rowidName);
    values.push(rowid(draft));
  }
  return `INSERT OR IGNORE INTO ${table.name} (${names.join(', ')}) VALUES (${values.join(', ')})`;
}

function rowValue(
  draft: Draft,
  table: DraftTable,
  { kind, parent, name }: DraftColumn,
  offset: number,
): string {
  const { chance, features } = draft;
  // All columns of one foreign key take the same row, and few none.
  if (parent && chance(96)) return `(SELECT ${parent.column} FROM ${parent.table} LIMIT 1 OFFSET ${offset})`;
  if (parent) features.add('orphan');
  const value = valueOf(draft, kind);
  const inKey = table.key.some((column) => column.name === name);
  if (value === 'NULL' && inKey && kind !== 'rowid' && !table.withoutRowid) features.add('null in a key');
  return value;
}

function addIndexes(draft: Draft, table: DraftTable, { unique }: { unique: boolean }): void {
  const { random, chance, features, statements } = draft;
  if (!chance(unique ? 20 : 50)) return;
  const terms = Array.from({ length: 1 + random.below(3) }, () => {
    const { name } = random.pick(table.columns);
    const isExpression = chance(30);
    if (isExpression) features.add('expression index');
    const order = random.pick(['', '', ' DESC', ' COLLATE NOCASE', ' COLLATE RTRIM DESC']);
    return `${isExpression ? expressionOf(draft, name) : name}${order}`;
  });
  const isPartial = chance(30);
  if (isPartial) features.add('partial index');
  features.add(unique ? 'unique index' : 'index');
  const where = isPartial ? ` WHERE ${random.pick(table.columns).name} IS NOT NULL` : '';
  statements.push(
    `CREATE ${unique ? 'UNIQUE ' : ''}INDEX ${draft.newName('i')} ON ${table.name} (${terms.join(', ')})${where}`,
  );
}

/** The rows that are there get the column without being written. */
function addColumns(draft: Draft): void {
  const { random, chance, features, statements, tables } = draft;
  for (const table of tables.filter(() => chance(12))) {
    const name = quote(`added ${random.below(1000)}`);
    features.add('added column');
    const type = table.strict ? 'ANY' : random.pick(['', 'INTEGER', 'TEXT', 'REAL']);
    // Not every text into every column: integrity_check is wrong about some that were never written.
    const text = type === '' || type === 'TEXT' ? `'it''s'` : '-7';
    const value = random.pick([text, `'5'`, '5', '1.50', `x'00'`, 'NULL']);
    statements.push(`ALTER TABLE ${table.name} ADD COLUMN ${name} ${type} DEFAULT ${value}`);
    table.columns.push({ name, definition: type, kind: 'any', generated: false });
  }
}

/** They write the log alone, so that none wakes another. */
function addTriggers(draft: Draft, log: string): void {
  const { random, chance, features, statements, tables } = draft;
  for (let count = random.below(4); count > 0; count -= 1) {
    features.add('trigger');
    const table = random.pick(tables);
    const { name } = random.pick(table.columns);
    const event = random.pick(['INSERT', 'DELETE', 'UPDATE', `UPDATE OF ${name}`]);
    const row = event === 'DELETE' ? 'old' : 'new';
    const when = chance(40) ? ` WHEN ${row}.${name} IS NOT NULL` : '';
    const trigger = draft.newName('r');
    const body = random.pick([
      `INSERT INTO ${log} VALUES ('END;', ${row}.${name});`,
      `INSERT INTO ${log} VALUES (1, ${row}.${name}); DELETE FROM ${log} WHERE what = 1 AND value IS NULL;`,
      `SELECT RAISE(ABORT, 'never') WHERE ${row}.${name} IS 'no such text'; /* END; */`,
    ]);
    const time = random.pick(['', 'BEFORE ', 'AFTER ']);
    statements.push(`CREATE TRIGGER ${trigger} ${time}${event} ON ${table.name}${when} BEGIN ${body} END`);
  }
}

function addViews(draft: Draft, log: string): void {
  const { random, chance, features, statements, tables } = draft;
  const views: string[] = [];
  for (let count = random.below(4); count > 0; count -= 1) {
    const name = draft.newName('v');
    const { name: table, columns } = random.pick(tables);
    const query = random.pick([
      `SELECT * FROM ${table}`,
      `SELECT count(*) AS n, max(typeof(${columns[0]!.name})) AS t FROM ${table} -- a comment`,
      `SELECT ${columns.map((column) => column.name).join(', ')} FROM ${table} WHERE ${columns[0]!.name} IS NOT NULL`,
      `WITH x AS (SELECT 1 AS one) SELECT one FROM x, ${random.pick(tables).name} LIMIT 3`,
    ]);
    const isOfView = views.length > 0 && chance(40);
    features.add(isOfView ? 'view of a view' : 'view');
    statements.push(`CREATE VIEW ${name} AS ${isOfView ? `SELECT * FROM ${random.pick(views)}` : query}\n`);
    views.push(name);
    if (!chance(30)) continue;
    features.add('INSTEAD OF');
    const event = random.pick(['INSERT', 'UPDATE', 'DELETE']);
    const body = `INSERT INTO ${log} VALUES ('instead', 1);`;
    statements.push(`CREATE TRIGGER ${draft.newName('r')} INSTEAD OF ${event} ON ${name} BEGIN ${body} END`);
  }
}

function addVirtualTables(draft: Draft): void {
  const { random, chance, features, statements } = draft;
  if (chance(15)) {
    features.add('full-text search');
    const name = quote(`words ${random.below(100)}`);
    const options = random.pick(['', `, prefix = '2'`, `, content = ''`, ', detail = none']);
    statements.push(`CREATE VIRTUAL TABLE ${name} USING fts5(a, b${options})`);
    for (let row = random.below(12); row > 0; row -= 1) {
      statements.push(
        `INSERT INTO ${name} VALUES (${valueOf(draft, 'text')}, 'word ${random.below(5)} Straße')`,
      );
    }
  }
  if (chance(10)) {
    features.add('R-Tree');
    const name = quote(`boxes ${random.below(100)}`);
    statements.push(`CREATE VIRTUAL TABLE ${name} USING rtree(id, x0, x1, +note)`);
    for (let row = random.below(60); row > 0; row -= 1) {
      const x = random.below(1000);
      statements.push(
        `INSERT INTO ${name} VALUES (NULL, ${x}, ${x + random.below(9)}, ${valueOf(draft, 'any')})`,
      );
    }
  }
}
