import { uniqueKeyOver } from '../schema/catalog.ts';
import {
  type ChosenInTable,
  mostReasons,
  nowAlias,
  type Refused,
  wantedAlias,
  written,
} from './chosenTable.ts';
import { danglingIn, parentAlias, type Reference } from '../rows/foreignKeys.ts';
import { foldName, quote, quoteTable } from '../connect/identifiers.ts';
import { targetAlias } from '../rows/rowComparison.ts';
import { selectTypedRows } from '../rows/typedRows.ts';

/** Written rows whose parent is missing, unless they pointed at the same before. */
export async function withoutParent(table: ChosenInTable, reference: Reference): Promise<Refused> {
  const { columns, parentName, parentColumns } = reference;
  const own = (alias: string, column: string): string => `${alias}.${quote(column)}`;
  const same = columns.map(
    (column) => `${own(nowAlias, column)} IS +${own(targetAlias, column)} COLLATE BINARY`,
  );
  const from = `${table.name} AS chosen ${table.join('wanted')} ${table.join('now')}
    CROSS JOIN ${quoteTable('main', table.target.name)} AS ${targetAlias} ON ${table.locate(wantedAlias)}
    WHERE ${written} AND chosen.has_wanted AND ${danglingIn('main', reference, targetAlias)}
      AND NOT (chosen.found AND ${same.join(' AND ')})`;
  const places = await table.places(`SELECT chosen.place FROM ${from}`);
  const reasons: Refused['reasons'] = new Map();
  if (places.length > 0) {
    const { rows, also } = await selectTypedRows(
      table.connection,
      {
        schema: 'main',
        values: columns.map((column) => own(targetAlias, column)),
        from: `${from} LIMIT ${mostReasons}`,
        bindings: [],
        also: `chosen.place`,
      },
      table.signal,
    );
    const reason = `FOREIGN KEY constraint failed: the row of ${parentName} that its ${columns.join(', ')} references is missing`;
    for (const [index, values] of rows.entries()) {
      const needs = {
        table: { name: reference.parent?.name ?? parentName },
        columns: parentColumns,
        values,
      };
      reasons.set(Number(also[index]), { reason, needs });
    }
  }
  return { places, reasons };
}

/** Written rows that are no more what rows of another table, or of this one, reference. */
export async function leftByChildren(table: ChosenInTable, reference: Reference): Promise<Refused> {
  const { child, columns, parentColumns } = reference;
  const gone = table.name.replace('chosen', 'gone');
  const main = quoteTable('main', table.target.name);
  const collations = uniqueKeyOver(table.target, parentColumns);
  const collate = (column: string): string =>
    `COLLATE ${quote(collations?.get(foldName(column)) ?? 'BINARY')}`;
  const [names, keys] = [parentColumns.map((_, index) => `k${index}`), parentColumns.map(quote)];
  // A copy with the types of the columns: what points at them compares with these.
  await table.run(
    `CREATE TABLE ${gone} AS SELECT NULL AS place, ${keys.map((key, index) => `${key} AS k${index}`).join(', ')}
     FROM ${main} WHERE FALSE`,
  );
  const there = keys.map((key) => `${parentAlias}.${key} = +now_row.${key}`).join(' AND ');
  const count = await table.run(
    `INSERT INTO ${gone} SELECT chosen.place, ${keys.map((key) => `now_row.${key}`).join(', ')}
     FROM ${table.name} AS chosen ${table.join('now')} WHERE ${written} AND chosen.found
       AND NOT EXISTS (SELECT 1 FROM ${main} AS ${parentAlias} WHERE ${there})`,
  );
  let places: number[] = [];
  if (count > 0) {
    const indexed = parentColumns.map((column, index) => `k${index} ${collate(column)}`).join(', ');
    await table.run(
      `CREATE INDEX ${gone.replace('gone', 'gone_keys')} ON ${gone.replace('temp.', '')} (${indexed})`,
    );
    const same = names.map((name, index) => {
      const value = `+${targetAlias}.${quote(columns[index]!)}`;
      return `gone.${name} = ${value} ${collate(parentColumns[index]!)}`;
    });
    places = await table.places(
      `SELECT DISTINCT gone.place FROM ${quoteTable('main', child.name)} AS ${targetAlias}
       CROSS JOIN ${gone} AS gone ON ${same.join(' AND ')}`,
    );
  }
  await table.run(`DROP TABLE ${gone}`);
  const reason = `FOREIGN KEY constraint failed: rows of ${child.name} reference it with their ${columns.join(', ')}`;
  return { places, reasons: new Map(places.slice(0, mostReasons).map((place) => [place, { reason }])) };
}
