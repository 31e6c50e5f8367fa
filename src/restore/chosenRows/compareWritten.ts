import { Archive } from '../../archive/archiveReader.ts';
import type { Keys } from '../../archive/encryption/keys.ts';
import { writtenRowLines } from '../../backup/writtenRows.ts';
import type { ComparedTable, RowDifference } from '../../core/differences.ts';
import { RestorePointError } from '../../core/errors.ts';
import type { EngineId, WrittenTable } from '../../core/manifest.ts';
import { tableKey } from '../../core/names.ts';
import { type NamedValues, type RowLine, valueAsJson } from '../../core/rowLines.ts';
import type { Table } from '../../core/schema.ts';
import type { Row } from '../../core/values.ts';
import type { Engine, WorkOptions } from '../../engines/engine.ts';
import type { ComparisonPart } from '../../compare/compareSides.ts';

/**
 * The rows in the safety backup of a restore of chosen rows, as a comparison of the state before it with the state after it.
 * Throws `usage` for another file, `damaged-backup`, `locked`, `file` and `cancelled`.
 */
export async function* compareWritten(
  file: string,
  keys: Keys | undefined,
  engines: (id: EngineId) => Engine,
  { signal }: WorkOptions,
): AsyncGenerator<ComparisonPart> {
  const archive = await Archive.open(file, engines, keys);
  try {
    const { source, writtenRows } = archive.manifest;
    if (!writtenRows) throw new RestorePointError('usage', 'The file holds no rows that a restore wrote');
    const { tables } = writtenRows;
    yield {
      ...{ part: 'overview', engine: source.engine },
      tables: tables.map((table) => ({
        ...{ name: table.name, columnsOnlyInFirst: [], columnsOnlyInSecond: [] },
        compared: comparedTable(table),
      })),
      ...{ onlyInFirst: [], onlyInSecond: [], sequences: [], notes: [] },
    };
    const places = new Map(tables.map(({ name }, place) => [tableKey(name), place]));
    for await (const page of writtenRowLines(archive, signal)) {
      for (const { row } of page) {
        const table = places.get(tableKey(row.table))!;
        yield { part: 'rows', table, rows: [differenceOf(row, tables[table]!.columns)] };
      }
    }
    for (const [table, { inserted, updated, deleted }] of tables.entries()) {
      const counts = { onlyInFirst: deleted, onlyInSecond: inserted, changed: updated, same: 0 };
      yield { part: 'counts', table, counts };
    }
  } finally {
    await archive.close();
  }
}

/** Nothing but the names of its columns is known. */
function comparedTable({ name, columns, key }: WrittenTable): ComparedTable {
  const table: Table = {
    name,
    columns: columns.map((column) => ({ name: column, type: '', notNull: false })),
    ...{ uniqueKeys: [], foreignKeys: [], triggers: [], holdsRows: true },
  };
  return {
    ...{ first: table, second: table },
    columns: columns.map((column) => ({ first: column, second: column })),
    ...(key ? { key: key.map((column) => columns.indexOf(column)) } : {}),
  };
}

function differenceOf({ first, second }: RowLine, names: readonly string[]): RowDifference {
  const values = (named: NamedValues): Row => names.map((name) => named.get(name) ?? null);
  if (!second) return { kind: 'onlyInFirst', first: values(first!) };
  if (!first) return { kind: 'onlyInSecond', second: values(second) };
  const [before, after] = [values(first), values(second)];
  const text = (row: Row, place: number): string => JSON.stringify(valueAsJson(row[place]!));
  const columns = [...names.keys()].filter((place) => text(before, place) !== text(after, place));
  return { kind: 'changed', first: before, second: after, columns };
}
