import { byteLines } from '../../core/byteLines.ts';
import { RestorePointError, throwIfCancelled } from '../../core/errors.ts';
import type { EngineId } from '../../core/manifest.ts';
import { formatTableName, nameMatches, type TablePattern } from '../../core/names.ts';
import { parseRowLineBytes } from '../../core/rowLines.ts';
import type { Archive } from '../../archive/archiveReader.ts';
import { writtenRowLines } from '../../backup/writtenRows.ts';
import { compareSides } from '../../compare/compareSides.ts';
import type { RowDifference } from '../../core/differences.ts';
import type { ChosenRow } from '../../core/chosenRows.ts';
import type { TableName } from '../../core/names.ts';
import type { Engine, Session, WorkOptions } from '../../engines/engine.ts';
import type { Keys } from '../../archive/encryption/keys.ts';
import type { MadeHere } from '../../backup/madeHere.ts';
import type { ChosenRows } from './chosenRows.ts';

/** What it takes to read a backup and a database. */
export interface ReadingOptions extends WorkOptions {
  readonly engines: (id: EngineId) => Engine;
  readonly keys?: Keys;
  readonly madeHere?: MadeHere;
}

/** A condition on the rows of one table of the backup. */
export interface RowCondition {
  readonly table: TablePattern;
  readonly condition: string;
}

/** Chooses the rows of the lines that `compare --rows all --json` writes. Throws `usage`, `damaged-backup`. */
export async function chooseLines(
  chosen: ChosenRows,
  lines: AsyncIterable<Uint8Array>,
  archive: Archive,
  options: ReadingOptions,
): Promise<void> {
  const { signal } = options;
  for await (const page of byteLines(lines)) {
    throwIfCancelled(signal);
    for (const { bytes, number } of page)
      await chosen.addLine({ number, row: parseRowLineBytes(bytes, number) });
  }
  if (chosen.tables.length === 0) {
    throw new RestorePointError('usage', 'The file of rows is empty: nothing was chosen', {
      next: 'Create it with restore-point compare FILE CONNECTION --rows all --json.',
    });
  }
  const { manifest } = archive;
  const payload = await options.engines(manifest.source.engine).openPayload(archive, manifest, options);
  try {
    await chosen.checkLines(payload, signal);
  } finally {
    await payload.close();
  }
}

/** Chooses the rows that a restore wrote, to take them back. Throws `usage`, `damaged-backup`. */
export async function chooseWritten(
  chosen: ChosenRows,
  archive: Archive,
  { signal }: ReadingOptions,
): Promise<void> {
  for await (const page of writtenRowLines(archive, signal)) {
    for (const row of page) await chosen.addLine(row);
  }
}

/** Chooses the rows that differ and for which conditions hold: the engine applies these. Throws `usage`, `damaged-backup`. */
export async function chooseWhere(
  chosen: ChosenRows,
  conditions: readonly RowCondition[],
  archive: Archive,
  session: Session,
  options: ReadingOptions,
): Promise<void> {
  for (const { table: pattern, condition } of conditions) {
    const table = chosen.table(nameOf(pattern, archive));
    if (table.where !== undefined) {
      throw new RestorePointError('usage', `There are two conditions for ${formatTableName(table.target)}`, {
        next: 'Join them with OR or AND.',
      });
    }
    await session.checkCondition(table.target, condition);
    table.where = condition;
  }
  for await (const { table, row } of differences(chosen.tables, archive, session, options))
    await chosen.add(chosen.table(table), chosenRow(row));
}

/** Wanted is what the backup has, seen is what the database has. */
function chosenRow(row: RowDifference): ChosenRow {
  return {
    ...(row.kind === 'onlyInSecond' ? {} : { wanted: row.first }),
    ...(row.kind === 'onlyInFirst' ? {} : { seen: row.second }),
  };
}

/** The rows that differ between the backup and the database, in these tables. */
export async function* differences(
  tables: readonly { readonly name: TableName; readonly target: TableName }[],
  archive: Archive,
  session: Session,
  { keys, madeHere, ...options }: ReadingOptions,
): AsyncGenerator<{ readonly table: TableName; readonly row: RowDifference }> {
  const backup = { kind: 'backup', file: archive.file, ...(keys ? { keys } : {}) } as const;
  const parts = compareSides(
    backup,
    { kind: 'database', session },
    {
      ...options,
      ...(madeHere ? { madeHere: (fingerprint) => madeHere.has(fingerprint) } : {}),
      // A database may write the name in another case.
      tables: tables.flatMap(({ name, target }) => [name, target]),
      rows: Infinity,
    },
  );
  let names: readonly TableName[] = [];
  for await (const part of parts) {
    if (part.part === 'overview') names = part.tables.map(({ name }) => name);
    else if (part.part === 'rows') for (const row of part.rows) yield { table: names[part.table]!, row };
  }
}

/** The one table of the backup that a user means. */
function nameOf(pattern: TablePattern, { manifest }: Archive): TableName {
  const found = manifest.tables.map(({ table }) => table.name).filter((name) => nameMatches(pattern, name));
  const [name, another] = found;
  if (!name) {
    const { wildcard: _, ...asked } = pattern;
    return asked;
  }
  if (!another) return name;
  throw new RestorePointError(
    'usage',
    `${formatTableName(pattern)} means more than one table: ${found.map(formatTableName).join(', ')}`,
    { next: 'Give a condition for each of them.' },
  );
}
