import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** What the tests do to a database, a backup or a process, and count. */
export type TriedKind = 'faults' | 'damages' | 'hostile files' | 'failing runs searched for secrets';

interface Tried {
  readonly kind: TriedKind;
  readonly what: string;
  readonly tried: number;
  readonly lost: number;
}

/** The environment variable that names the file which the processes of one test run collect their counts in. */
export const triedCountsFile = 'RESTORE_POINT_TRIED_COUNTS';

/**
 * Counts what a test tried, for the table at the end of a whole run: `countTried('faults', 'SQLite: kill -9', 38, 0)`.
 * `lost` are the cases that did harm or went unnoticed: count in a `finally`, so that a failing test counts them too.
 * Counts of the same kind and words are added up, from all processes.
 */
export function countTried(kind: TriedKind, what: string, tried: number, lost: number): void {
  const file = process.env[triedCountsFile];
  const count: Tried = { kind, what, tried, lost };
  if (file) appendFileSync(file, `${JSON.stringify(count)}\n`);
  console.log(`      ${kind}, ${what}: ${tried} tried, ${lost} lost`);
}

/**
 * Counts one case after another and reports them when the work ends, well or not: the case in which it breaks off is
 * lost.
 */
export async function countingTried(
  kind: TriedKind,
  what: string,
  work: (count: () => void) => Promise<void> | void,
): Promise<void> {
  let tried = 0;
  let lost = 1;
  try {
    await work(() => tried++);
    lost = 0;
  } finally {
    countTried(kind, what, tried, lost);
  }
}

/** The table of all that was counted, as lines; none when nothing was. */
export function describeTried(file: string): string[] {
  if (!existsSync(file)) return [];
  const counts = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Tried);
  const rows = [...Map.groupBy(counts, ({ kind }) => kind)].flatMap(([kind, ofKind]) => [
    ...[...Map.groupBy(ofKind, ({ what }) => what)].map(([what, same]) => rowOf(`${kind}: ${what}`, same)),
    rowOf(`${kind}, all`, ofKind),
  ]);
  const width = Math.max(...rows.map(([title]) => title.length));
  return [['', 'tried', 'lost'] as const, ...rows].map(
    ([title, tried, lost]) => `${title.padEnd(width)} ${tried.padStart(9)} ${lost.padStart(6)}`,
  );
}

function rowOf(title: string, counts: readonly Tried[]): readonly [string, string, string] {
  const sum = (pick: (count: Tried) => number): string =>
    counts.reduce((total, count) => total + pick(count), 0).toLocaleString('en-US');
  return [title, sum(({ tried }) => tried), sum(({ lost }) => lost)];
}
