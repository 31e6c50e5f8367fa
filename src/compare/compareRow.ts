import { Archive } from '../archive/archiveReader.ts';
import type { Keys } from '../archive/encryption/keys.ts';
import type { ComparedTable, RowDifference } from '../core/differences.ts';
import { RestorePointError } from '../core/errors.ts';
import type { EngineId } from '../core/manifest.ts';
import { formatTableName, type TableName } from '../core/names.ts';
import { requireTables } from '../core/needsTables.ts';
import { valueAsJson } from '../core/rowLines.ts';
import { type ColumnText, type Row, type Value, valueText } from '../core/values.ts';
import type { Engine, Session, Snapshot, WorkOptions } from '../engines/engine.ts';
import { type ComparisonPart, contentOf } from './compareSides.ts';
import { pairSides } from './pairTables.ts';

/** One row of a backup. */
export interface RowOfBackup {
  readonly file: string;
  readonly keys?: Keys;
  /** The table's place in the manifest. */
  readonly table: number;
  /** The row's place in the table, from 0. */
  readonly row: number;
}

/**
 * Compares one row of a backup with the row of a database that has the same key. A table without a key has the row if it has
 * one with the same values. The parts are those of a comparison of this table, in which there are no other rows. Throws as
 * `compareSides`.
 */
export async function* compareRow(
  { file, keys, table, row }: RowOfBackup,
  session: Session,
  engines: (id: EngineId) => Engine,
  options: WorkOptions,
): AsyncGenerator<ComparisonPart> {
  const archive = await Archive.open(file, engines, keys);
  let snapshot: Snapshot | undefined;
  try {
    const { manifest } = archive;
    requireTables(manifest, file, 'The row cannot be restored');
    const engine = engines(manifest.source.engine);
    const backedUp = manifest.tables[table];
    if (!backedUp) throw new RestorePointError('usage', `The backup has no table number ${table + 1}`);
    if (engine.id !== session.info.engine) {
      throw new RestorePointError('usage', `A row of a ${engine.label} backup can only be restored into one`);
    }
    const name = backedUp.table.name;
    const wanted = await readRow(archive, engine, { table, row }, options);
    const isWanted = (other: TableName): boolean => other.name === name.name && other.schema === name.schema;
    const fold = (text: string): string => engine.manifestRules.foldName(text);
    const scope = { tables: (other: TableName) => fold(other.name) === fold(name.name), names: [] };
    snapshot = await session.openSnapshot({ ...options, whole: false, scope });
    const content = contentOf(manifest);
    const live = snapshot.schema.tables.map((one) => ({ table: one }));
    const pairing = pairSides(
      {
        ...content,
        tables: content.tables.filter((one) => isWanted(one.table.name)),
        opaque: [],
        sequences: [],
      },
      { tables: live, complete: true, withoutRows: false, sequences: [], opaque: [] },
      {},
      fold,
    );
    yield { part: 'overview', engine: engine.id, ...pairing };
    const compared = pairing.tables[0]?.compared;
    if (!compared) return;
    const first = compared.columns.map((column) => wanted[backedUp.columns.indexOf(column.first)] ?? null);
    const second = await liveRow(snapshot, compared, first);
    const difference = differenceOf(first, second);
    if (difference) yield { part: 'rows', table: 0, rows: [difference] };
    const count = (kind: RowDifference['kind']): number => (difference?.kind === kind ? 1 : 0);
    const counts = {
      ...{ onlyInFirst: count('onlyInFirst'), onlyInSecond: 0 },
      ...{ changed: count('changed'), same: difference ? 0 : 1 },
    };
    yield { part: 'counts', table: 0, counts };
  } finally {
    await snapshot?.close();
    await archive.close();
  }
}

async function readRow(
  archive: Archive,
  engine: Engine,
  { table, row }: { readonly table: number; readonly row: number },
  options: WorkOptions,
): Promise<Row> {
  const { manifest } = archive;
  const rows = await engine.openPayload(archive, manifest, options);
  try {
    for await (const [found] of rows.rows(manifest.tables[table]!, { after: row, limit: 1 }, options))
      if (found) return found;
  } finally {
    await rows.close();
  }
  throw new RestorePointError('usage', 'The backup has no such row');
}

/** The row of the database that has the key, or else the values, of the other one. */
async function liveRow(
  snapshot: Snapshot,
  { second: table, columns, key }: ComparedTable,
  first: Row,
): Promise<Row | undefined> {
  const places = key ?? [...columns.keys()].filter((place) => isPlain(first[place]!));
  const where = places.flatMap((place): ColumnText[] => {
    const text = valueText(first[place]!);
    return text === undefined ? [] : [{ column: columns[place]!.second, text }];
  });
  if (key && where.length < key.length) {
    throw new RestorePointError('usage', `The key of this row of ${formatTableName(table.name)} is NULL`);
  }
  const query = { columns: columns.map(({ second }) => second), where };
  let other: Row | undefined;
  for await (const page of snapshot.rows({ table }, query)) {
    for (const row of page) {
      // The text of a key can be that of several keys, as of the number 1 and the text 1.
      if ((key ?? [...columns.keys()]).every((place) => isSame(row[place]!, first[place]!))) return row;
      if (key) other ??= row;
    }
  }
  return other;
}

/** A value that every database can compare with a text. */
function isPlain(value: Value): boolean {
  return value !== null && ['integer', 'text', 'date', 'timestamp'].includes(value.kind);
}

function differenceOf(first: Row, second: Row | undefined): RowDifference | undefined {
  if (!second) return { kind: 'onlyInFirst', first };
  const columns = [...first.keys()].filter((place) => !isSame(first[place]!, second[place]!));
  return columns.length === 0 ? undefined : { kind: 'changed', first, second, columns };
}

function isSame(one: Value, other: Value): boolean {
  return JSON.stringify(valueAsJson(one)) === JSON.stringify(valueAsJson(other));
}
