import { MadeHere } from '../backup/madeHere.ts';
import { stateFolder } from '../backup/stateFolder.ts';
import { type ComparisonPart, compareSides, type Side } from '../compare/compareSides.ts';
import { isEqual } from '../compare/comparisonResult.ts';
import type { Pairing } from '../compare/pairTables.ts';
import { rowLine, rowLineAsJson } from '../core/rowLines.ts';
import type { DifferenceCounts } from '../core/differences.ts';
import { formatTableName } from '../core/names.ts';
import { engineById } from '../engines/registry.ts';
import type { CompareArguments, KeyArguments } from './arguments.ts';
import {
  besideRowsText,
  comparisonAsJson,
  comparisonText,
  differenceText,
  type ComparisonResult,
} from './comparisonText.ts';
import { identityOf, type ResolvedConnection, withSession } from './connection.ts';
import { keysFor } from './keys.ts';
import type { Output } from './output.ts';
import { resolveSide, type Side as NamedSide } from './side.ts';
import type { Work } from './terminal.ts';

/** The exit code for two sides that differ. */
export const differ = 5;

/** Longer values are cut for people, in characters. */
const longestShown = 200;

/** Compares two sides and prints what differs. Resolves to the exit code. */
export async function compare(args: CompareArguments, output: Output, work: Work): Promise<number> {
  const first = await resolveSide(args.first, { ...args, ...work });
  const second = await resolveSide(args.second, { ...args, ...work });
  return await withSides(first, second, args, work, (one, other) =>
    compareOpened(one, other, args, output, work),
  );
}

async function compareOpened(
  first: Side,
  second: Side,
  args: CompareArguments,
  output: Output,
  work: Work,
): Promise<number> {
  const madeHere = new MadeHere(stateFolder(), work.logger);
  const { tables, exclude, rows, json } = args;
  const parts = compareSides(first, second, {
    ...work,
    engines: engineById,
    madeHere: (fingerprint) => madeHere.has(fingerprint),
    ...(tables ? { tables } : {}),
    ...(exclude ? { exclude } : {}),
    rows,
    ...(json ? {} : { longest: longestShown }),
  });
  const lines = json && rows === Infinity;
  const result = await report(parts, output, lines ? 'lines' : json ? 'object' : 'text');
  if (lines) logBesideRows(result.pairing, work);
  else output.result(comparisonText(result), comparisonAsJson(result));
  return isEqual(result) ? 0 : differ;
}

async function report(
  parts: AsyncIterable<ComparisonPart>,
  output: Output,
  how: 'text' | 'lines' | 'object',
): Promise<ComparisonResult> {
  let pairing: Pairing | undefined;
  const counts = new Map<number, DifferenceCounts>();
  const rows = new Map<number, object[]>();
  let shown: number | undefined;
  for await (const part of parts) {
    if (part.part === 'overview') pairing = part;
    else if (part.part === 'counts') counts.set(part.table, part.counts);
    else {
      const { compared, name } = pairing!.tables[part.table]!;
      for (const difference of part.rows) {
        const line = rowLine(compared!, difference);
        if (how === 'text') {
          if (shown !== part.table) await output.line(formatTableName(name), undefined);
          shown = part.table;
          await output.line(differenceText(line, difference), undefined);
        } else if (how === 'lines') await output.line('', rowLineAsJson(line));
        else {
          const table = rows.get(part.table) ?? [];
          rows.set(part.table, table);
          table.push(rowLineAsJson(line));
        }
      }
    }
  }
  return { pairing: pairing!, counts, rows };
}

/** Logs the parts of the result that are not lines of rows. */
function logBesideRows(pairing: Pairing, { logger }: Work): void {
  for (const line of [...besideRowsText(pairing), ...pairing.notes]) logger.warn(line);
}

/** Opens two sides and closes them after `use`. The identity file of a connection also opens an encrypted backup. */
export function withSides<Result>(
  first: NamedSide,
  second: NamedSide,
  args: KeyArguments,
  work: Work,
  use: (first: Side, second: Side) => Promise<Result>,
): Promise<Result> {
  const connection = [first, second].flatMap((side) => (side.kind === 'database' ? side.connection : []))[0];
  return withSide(first, connection, args, work, (one) =>
    withSide(second, connection, args, work, (other) => use(one, other)),
  );
}

async function withSide<Result>(
  side: NamedSide,
  connection: ResolvedConnection | undefined,
  args: KeyArguments,
  work: Work,
  use: (side: Side) => Promise<Result>,
): Promise<Result> {
  if (side.kind === 'database') {
    const open = { ...work, readOnly: true, unchanged: 'Nothing was compared.' };
    return withSession(side.connection, open, (session) => use({ kind: 'database', session }));
  }
  const identities = connection ? identityOf(args, connection) : {};
  const keys = await keysFor({ ...args, ...identities, file: side.file }, work);
  return use({ ...side, ...(keys ? { keys } : {}) });
}
