import assert from 'node:assert/strict';
import type { ChosenRow } from '../../../src/core/chosenRows.ts';
import type { RowDifference } from '../../../src/core/differences.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { rowKey, type Table } from '../../../src/core/schema.ts';
import { compareSides } from '../../../src/engines/postgres/snapshot/compare.ts';
import { restoreRows, type TextTable } from '../../support/chosenRows.ts';
import {
  collect,
  comparedTable,
  type Compared,
  countsText,
  openSide,
} from '../../support/postgresCompare.ts';
import { usePostgres } from '../../support/postgresRestores.ts';
import { sampleItems } from '../../support/sample.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';
import { type TypeSample, typeSamples } from '../everything/postgresSamples.ts';

/** Two tables with values of a type, as values and as the key: in the other schema those of other rows. */
function tablesOf({ type, values, key }: TypeSample, number: number): string {
  const make = (schema: string, shift: number): string => `
    CREATE TABLE ${schema}.v${number} (id int PRIMARY KEY, v ${type}); CREATE TABLE ${schema}.w${number} (v ${type});
    ${key ? `CREATE TABLE ${schema}.k${number} (v ${type} PRIMARY KEY, n int);` : ''}
    ${values
      .map((_, index) => {
        const value = values[(index + shift) % values.length]!;
        const isKey = key === true && value.length < 600 && value !== 'NULL' && (index + shift) % 3 > 0;
        return `INSERT INTO ${schema}.v${number} VALUES (${index + shift}, ${value}); INSERT INTO ${schema}.w${number} VALUES (${values[index % (shift + 1)]!});
          ${isKey ? `INSERT INTO ${schema}.k${number} VALUES (${value}, ${index}) ON CONFLICT DO NOTHING;` : ''}`;
      })
      .join('\n')}`;
  return `${make('one', 0)} ${make('other', 1)}`;
}

/** How the tables of one schema differ from those of the other. */
async function compareSchemas(database: TestDatabase): Promise<{ table: Table; compared: Compared }[]> {
  const first = await openSide(database);
  const second = await openSide(database);
  try {
    const pairs = first.tables
      .filter(({ name }) => name.schema === 'one')
      .map((one) => {
        const other = second.tables.find(
          ({ name }) => name.schema === 'other' && name.name === one.name.name,
        )!;
        return { other, pair: comparedTable(one, other) };
      });
    const tables = pairs.map(({ pair }) => pair);
    const options = { rows: Infinity, logger: silentLogger };
    const compared = await collect(tables, compareSides(first.side, second.side, tables, options));
    return compared.map((one, index) => ({ table: pairs[index]!.other, compared: one }));
  } finally {
    await first.close();
    await second.close();
  }
}

function toRestore(difference: RowDifference): ChosenRow {
  switch (difference.kind) {
    case 'onlyInFirst':
      return { wanted: difference.first };
    case 'onlyInSecond':
      return { seen: difference.second };
    case 'changed':
      return { seen: difference.second, wanted: difference.first };
  }
}

describe('postgres: chosen rows of every type', () => {
  const postgres = usePostgres();

  it('make the tables what they were compared with', async () => {
    const database = await postgres.create(
      'CREATE SCHEMA one; CREATE SCHEMA other; CREATE EXTENSION citext;',
    );
    const [[version] = []] = await database.rows('SHOW server_version_num');
    const samples = [
      ...sampleItems(typeSamples(Number(version)), 2),
      { type: 'citext', values: ["'Ab'", "'aB'", "'ä'"], key: true },
    ];
    await database.run(samples.map(tablesOf).join('\n'));
    const before = await compareSchemas(database);
    const differing = before.filter(({ compared }) => compared.rows.length > 0);
    assert.ok(differing.length > samples.length);
    const chosen = differing.map(({ table, compared }): TextTable => {
      const pages = async function* (): AsyncGenerator<readonly ChosenRow[]> {
        await Promise.resolve();
        yield compared.rows.map(toRestore);
      };
      return { name: table.name.name, schema: 'other', key: rowKey(table) ?? false, rows: pages };
    });
    const { checked, unchanged } = await restoreRows(database, chosen, { answer: 'skip' });
    assert.deepEqual(checked.counts, {});
    assert.ok(unchanged.every((count) => count === 0));
    for (const { table, compared } of await compareSchemas(database)) {
      const sample = samples[Number(table.name.name.slice(1))]!;
      assert.match(countsText(compared.counts), /^-0 \+0 ~0 =\d+$/, `${table.name.name}: ${sample.type}`);
    }
  });
});
