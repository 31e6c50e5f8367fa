import { compareSides, type ComparisonPart, type Side } from '../compare/compareSides.ts';
import { RestorePointError } from '../core/errors.ts';
import type { EngineId } from '../core/manifest.ts';
import { formatTableName } from '../core/names.ts';
import type { Row } from '../core/values.ts';
import type { Engine } from '../engines/engine.ts';
import { exportRows, rowFormat, type TextSink } from './exportRows.ts';
import type { ExportOptions, ExportReport } from './exportTable.ts';

export interface ExportDifferencesOptions extends Omit<ExportOptions, 'where'> {
  readonly engines: (id: EngineId) => Engine;
  readonly madeHere: (fingerprint: string) => Promise<boolean>;
}

/**
 * Writes the rows of a table on one side that the other side does not have, or has with other values. Throws as `compareSides`, and
 * `usage` where these are not the rows of one table that both sides have.
 */
export async function exportDifferences(
  side: Side,
  other: Side,
  sink: TextSink,
  { table: pattern, ...options }: ExportDifferencesOptions,
): Promise<ExportReport> {
  const parts = compareSides(side, other, { ...options, tables: [pattern], rows: Infinity })[
    Symbol.asyncIterator
  ]();
  try {
    const first = await parts.next();
    if (first.done || first.value.part !== 'overview')
      throw new Error('A comparison began without an overview');
    const [paired, another] = first.value.tables;
    if (!paired?.compared || another) throw notOne(formatTableName(pattern), another !== undefined);
    const { compared } = paired;
    const table = { table: compared.first, columns: compared.columns.map((column) => column.first) };
    const { rowText } = options.engines(first.value.engine);
    const format = rowFormat(options.format, table, rowText, options);
    const rows = await exportRows(rowsOf(parts), format, sink, { ...options, table });
    return { table: paired.name, rows, notes: first.value.notes };
  } finally {
    await parts.return?.(undefined);
  }
}

async function* rowsOf(parts: AsyncIterator<ComparisonPart>): AsyncGenerator<readonly Row[]> {
  for (let part = await parts.next(); !part.done; part = await parts.next()) {
    if (part.value.part !== 'rows') continue;
    const rows = part.value.rows.flatMap((row) => (row.kind === 'onlyInSecond' ? [] : [row.first]));
    if (rows.length > 0) yield rows;
  }
}

function notOne(name: string, several: boolean): RestorePointError {
  return new RestorePointError(
    'usage',
    several
      ? `${name} matches more than one table`
      : `The rows of ${name} cannot be compared: only one of the two sides has them`,
    {
      unchanged: 'Nothing was written.',
      next: several ? 'Choose one table.' : 'Leave --differing-from out to export all rows.',
    },
  );
}
