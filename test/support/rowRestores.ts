import { type RowLine, rowLineAsJson } from '../../src/core/rowLines.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { valueText } from '../../src/core/values.ts';
import { engineById } from '../../src/engines/registry.ts';
import type { JsonRow } from '../../src/core/jsonValue.ts';
import { valueFromJson } from '../../src/core/rowLines.ts';
import {
  countRelated,
  type RelatedCounts,
  restoreRows,
  type RestoreRowsOptions,
} from '../../src/restore/chosenRows/restoreRows.ts';
import type { RowsReport } from '../../src/restore/chosenRows/rowsReport.ts';
import { compareAll } from './comparisons.ts';
import type { TestDatabase } from './testDatabases.ts';

/** The lines of a comparison of a backup with the database, as `compare --rows all --json` writes them. */
export async function linesOf(
  file: string,
  database: TestDatabase,
  wanted: (line: RowLine) => boolean = () => true,
): Promise<string[]> {
  const { rows } = await compareAll(file, database);
  return rows.filter(wanted).map((row) => JSON.stringify(rowLineAsJson(row)));
}

type Options = Partial<RestoreRowsOptions> & {
  readonly lines?: readonly string[];
  /** `table: condition` each. */
  readonly where?: readonly (readonly [table: string, condition: string])[];
};

/** Restores chosen rows: of lines, for conditions, or those that the file holds. */
export async function restoreChosen(
  file: string,
  database: TestDatabase,
  { lines, where, ...options }: Options = {},
): Promise<RowsReport> {
  const session = await database.connect();
  try {
    const source = lines
      ? { kind: 'lines' as const, lines: bytesOf(lines.map((line) => `${line}\n`).join('')) }
      : where && {
          kind: 'where' as const,
          conditions: where.map(([name, condition]) => ({ table: { name }, condition })),
        };
    return await restoreRows(file, session, engineById, {
      ...(source ? { source } : {}),
      onConflict: 'stop',
      deleteAdded: source === undefined,
      withRelated: false,
      logger: silentLogger,
      ...options,
    });
  } finally {
    await session.close();
  }
}

/** How many rows come along with those of lines. */
export async function relatedOf(
  file: string,
  database: TestDatabase,
  lines: readonly string[],
): Promise<RelatedCounts> {
  const session = await database.connect({ readOnly: true });
  try {
    const source = { kind: 'lines', lines: bytesOf(lines.map((line) => `${line}\n`).join('')) } as const;
    return await countRelated(file, session, engineById, {
      source,
      deleteAdded: true,
      logger: silentLogger,
    });
  } finally {
    await session.close();
  }
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  const bytes = Buffer.from(text);
  // Lines go over the ends of pieces.
  for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100);
}

/** The rows that a report names, as short texts: `orders inserted id=3`. */
export function writtenTexts({ tables }: RowsReport): string[] {
  return tables.flatMap(({ table, rows }) =>
    rows.map(({ done, key }) => `${table.name} ${done} ${keyText(key)}`),
  );
}

/** Conflicts as short texts: `orders changed id=1 status`. */
export function conflictTexts(conflicts: RowsReport['conflicts']): string[] {
  return conflicts.map(({ table, kind, key, columns, needs, done }) =>
    [
      `${table} ${kind} ${keyText(key)}`,
      ...(columns ? [columns.join()] : []),
      ...(needs ? [`needs ${needs.table} ${keyText(needs.key)}`] : []),
      ...(done ? [done] : []),
    ].join(' '),
  );
}

export function keyText(key: JsonRow): string {
  return Object.entries(key)
    .map(([name, value]) => `${name}=${valueText(valueFromJson(value)) ?? 'NULL'}`)
    .join(',');
}
