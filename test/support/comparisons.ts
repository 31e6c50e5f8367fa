import {
  type ComparisonPart,
  compareSides,
  type CompareSidesOptions,
  type Side,
} from '../../src/compare/compareSides.ts';
import type { Pairing } from '../../src/compare/pairTables.ts';
import { type RowLine, rowLine } from '../../src/core/rowLines.ts';
import type { DifferenceCounts } from '../../src/core/differences.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { formatTableName } from '../../src/core/names.ts';
import { valueText } from '../../src/core/values.ts';
import { engineById } from '../../src/engines/registry.ts';
import type { TestDatabase } from './testDatabases.ts';

export interface Compared {
  readonly pairing: Pairing;
  /** By the table's name, without its schema. */
  readonly counts: Readonly<Record<string, DifferenceCounts>>;
  readonly rows: readonly RowLine[];
}

/** Compares backup files and databases. */
export async function compareAll(
  first: string | TestDatabase,
  second: string | TestDatabase,
  options: Partial<CompareSidesOptions> = {},
): Promise<Compared> {
  return await withSide(first, (one) =>
    withSide(second, async (other) =>
      collect(
        compareSides(one, other, { engines: engineById, rows: Infinity, logger: silentLogger, ...options }),
      ),
    ),
  );
}

async function withSide<Result>(
  side: string | TestDatabase,
  work: (side: Side) => Promise<Result>,
): Promise<Result> {
  if (typeof side === 'string') return await work({ kind: 'backup', file: side });
  const session = await side.connect({ readOnly: true });
  try {
    return await work({ kind: 'database', session });
  } finally {
    await session.close();
  }
}

async function collect(parts: AsyncIterable<ComparisonPart>): Promise<Compared> {
  let pairing: Pairing | undefined;
  const counts: Record<string, DifferenceCounts> = {};
  const rows: RowLine[] = [];
  for await (const part of parts) {
    if (part.part === 'overview') pairing = part;
    else if (part.part === 'counts') counts[pairing!.tables[part.table]!.name.name] = part.counts;
    else {
      const { compared } = pairing!.tables[part.table]!;
      rows.push(...part.rows.map((row) => rowLine(compared!, row)));
    }
  }
  return { pairing: pairing!, counts, rows };
}

/** Rows as short texts: `changed orders id=1 status=paid status>open`. */
export function shortRows({ rows }: Compared): string[] {
  return rows.map(({ kind, table, key, first, second }) => {
    const shown = (values: RowLine['key']): string =>
      [...(values ?? [])].map(([name, value]) => `${name}=${valueText(value) ?? 'NULL'}`).join(' ');
    const name = formatTableName({ name: table.name });
    if (kind !== 'changed') return `${kind} ${name} ${shown(first ?? second)}`;
    const changes = [...first!].flatMap(([column, value]) => {
      const [before, after] = [valueText(value) ?? 'NULL', valueText(second!.get(column) ?? null) ?? 'NULL'];
      return before === after ? [] : [`${column}=${before}>${after}`];
    });
    return `${kind} ${name} ${shown(key)} ${changes.join(' ')}`;
  });
}
