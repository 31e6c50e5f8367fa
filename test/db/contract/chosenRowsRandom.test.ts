import assert from 'node:assert/strict';
import type { RowLine } from '../../../src/core/rowLines.ts';
import { rowLineAsJson } from '../../../src/core/rowLines.ts';
import { valueText } from '../../../src/core/values.ts';
import { compareAll } from '../../support/comparisons.ts';
import { type RandomSource, randomSource } from '../../support/randomSource.ts';
import { backUp } from '../../support/restores.ts';
import { restoreChosen } from '../../support/rowRestores.ts';
import { casesOf } from '../../support/sample.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';

interface RandomTable {
  readonly name: string;
  readonly create: string;
  readonly columns: readonly string[];
  /** How many of the columns are the key; they come first. */
  readonly keyed: number;
  insert(): string;
  change(): string;
}

type Rows = Map<string, string[]>;

for (const testEngine of testEngines) {
  describe(`${testEngine.id}: chosen rows of random tables`, () => {
    const folder = useTemporaryFolder();

    it('are what a hand would have written, and are taken back exactly', async function () {
      // A PostgreSQL case takes about a second.
      const cases = testEngine.id === 'sqlite' ? casesOf(1000, 8) : casesOf(300, 5);
      this.timeout(120_000 + cases * 10_000);
      const random = randomSource('chosen rows');
      const database = await testEngine.create();
      try {
        for (let number = 0; number < cases; number += 1)
          await tryCase(database, folder.file(`${number}.dbbackup`), folder.file('safety'), random);
      } finally {
        await database.remove();
      }
    });
  });
}

async function tryCase(
  database: TestDatabase,
  file: string,
  safetyFolder: string,
  random: RandomSource,
): Promise<void> {
  const tables = Array.from({ length: 1 + random.below(3) }, (_, at) => randomTable(random, `t${at}`));
  const create = tables.flatMap((table) => [
    `DROP TABLE IF EXISTS ${table.name}`,
    table.create,
    ...Array.from({ length: random.below(25) }, () => table.insert()),
  ]);
  await database.run(create.join(';\n'));
  const tablesOf = { tables: tables.map(({ name }) => ({ name })) };
  await backUp(database, file, tablesOf);
  const changes = tables.flatMap((table) => Array.from({ length: random.below(7) }, () => table.change()));
  if (changes.length > 0) await database.run(changes.join(';\n'));
  const { rows } = await compareAll(file, database, tablesOf);
  const chosen = rows.filter(() => random.below(3) > 0);
  if (chosen.length === 0) return;
  const deleteAdded = random.below(2) === 0;
  const script = [...create, ...changes, ...chosen.map((row) => JSON.stringify(rowLineAsJson(row)))].join(
    '\n',
  );
  const before = await read(database, tables);
  const expected = expectedRows(before, tables, chosen, deleteAdded);
  const lines = chosen.map((row) => JSON.stringify(rowLineAsJson(row)));
  const options = {
    lines: random.below(4) === 0 ? shuffled(random, lines) : lines,
    deleteAdded,
    safetyFolder,
  };
  const rehearsed = await restoreChosen(file, database, { ...options, dryRun: true });
  assert.deepEqual(await read(database, tables), before, script);
  const report = await restoreChosen(file, database, options);
  assert.deepEqual(await read(database, tables), expected, script);
  assert.deepEqual(report.tables, rehearsed.tables, script);
  if (report.safetyBackup === undefined) {
    assert.deepEqual(expected, before, script);
    return;
  }
  await restoreChosen(report.safetyBackup, database);
  assert.deepEqual(await read(database, tables), before, script);
}

function shuffled<Item>(random: RandomSource, items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, place: random.below(1_000_000) }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

async function read(database: TestDatabase, tables: readonly RandomTable[]): Promise<Rows> {
  const found: Rows = new Map();
  for (const { name, columns } of tables) {
    const rows = await database.rows(`SELECT ${columns.join(', ')} FROM ${name}`);
    found.set(name, rows.map((row) => JSON.stringify(row)).sort());
  }
  return found;
}

/** What the tables hold after the chosen rows were written, found without the product. */
function expectedRows(
  before: Rows,
  tables: readonly RandomTable[],
  chosen: readonly RowLine[],
  deleteAdded: boolean,
): Rows {
  const after: Rows = new Map([...before].map(([name, rows]) => [name, [...rows]]));
  for (const { table, first, second } of chosen) {
    const rows = after.get(table.name)!;
    const { columns } = tables.find(({ name }) => name === table.name)!;
    const text = (values: RowLine['first']): string =>
      JSON.stringify(columns.map((column) => valueText(values!.get(column)!) ?? null));
    if (!first && !deleteAdded) continue;
    if (second) {
      const at = rows.indexOf(text(second));
      assert.ok(at >= 0);
      rows.splice(at, 1);
    }
    if (first) rows.push(text(first));
  }
  for (const rows of after.values()) rows.sort();
  return after;
}

function randomTable(random: RandomSource, name: string): RandomTable {
  const key = random.pick([['id'], ['id', 'code'], ['code'], []]);
  const rest = ['id', 'code', 'n', 'v', 'x'].filter((column) => !key.includes(column));
  const columns = [...key, ...rest];
  const types: Readonly<Record<string, string>> = {
    id: 'integer',
    code: 'varchar(20)',
    n: 'bigint',
    v: 'text',
    x: 'double precision',
  };
  const value = (column: string): string => {
    if (column === 'id') return String(random.below(12));
    if (column === 'code') return `'c${random.below(8)}'`;
    if (random.below(4) === 0) return 'NULL';
    if (column === 'n') return random.pick(['9007199254740993', '1', '-5', '0']);
    if (column === 'x') return random.pick(['0.1', '-2.5', '1e300']);
    return `'${random.pick(['a', 'A', 'a ', '', 'é', '{"a": "b\\c"}', `it''s`])}'`;
  };
  const insert = (): string =>
    `INSERT INTO ${name} (${columns.join(', ')}) VALUES (${columns.map(value).join(', ')})${key.length > 0 ? ' ON CONFLICT DO NOTHING' : ''}`;
  const where = (): string =>
    random.pick(['id < 3', 'id > 8', `code = 'c1'`, `v = 'a'`, 'n IS NULL', 'id = 4', 'x < 1', '1 = 1']);
  const declared = columns.map(
    (column) => `${column} ${types[column]}${key.includes(column) ? ' NOT NULL' : ''}`,
  );
  const unique = random.pick(['PRIMARY KEY', 'UNIQUE']);
  if (key.length > 0) declared.push(`${unique} (${key.join(', ')})`);
  const update = (column: string): string =>
    `UPDATE ${name} SET ${column} = ${value(column)} WHERE ${where()}`;
  return {
    name,
    columns,
    keyed: key.length,
    create: `CREATE TABLE ${name} (${declared.join(', ')})`,
    insert,
    change: () =>
      random.pick([
        () => `DELETE FROM ${name} WHERE ${where()}`,
        ...rest.map((column) => () => update(column)),
        insert,
      ])(),
  };
}
