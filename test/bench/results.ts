import type { HostDelay } from './hostDelaySuite.ts';
import type { Measurement } from './measure.ts';

/** All runs of one side of a contest. */
export interface SideResult {
  readonly name: string;
  readonly runs: readonly Measurement[];
  readonly fileBytes?: number;
  /** The part of each restore that was its verification; the process's start does not count. */
  readonly verifyShares?: readonly number[];
}

/** The first side is ours. */
export interface ContestResult {
  readonly title: string;
  readonly sides: readonly SideResult[];
  /** How many rows each side works on. */
  readonly rows?: number;
}

/** What `npm run bench` leaves as JSON. */
export interface BenchReport {
  readonly date: string;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly scale: number;
  readonly contests: readonly ContestResult[];
  readonly hostDelays: readonly HostDelay[];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function medianSeconds({ runs }: SideResult): number {
  return median(runs.map(({ seconds }) => seconds));
}

const heads = [
  '',
  'median s',
  'least',
  'most',
  'ratio',
  'rows/s',
  'CPU s',
  'MB',
  'server MB',
  'file MB',
  'verify',
];

/** A Markdown table; the ratio says how many times ours the others take. */
export function formatContest({ title, sides, rows }: ContestResult): string {
  const ourSeconds = medianSeconds(sides[0]!);
  const lines = sides.map((side) => {
    const seconds = side.runs.map((run) => run.seconds);
    const most = (pick: (run: Measurement) => number): string => megabytes(Math.max(...side.runs.map(pick)));
    return [
      side.name,
      medianSeconds(side).toFixed(2),
      Math.min(...seconds).toFixed(2),
      Math.max(...seconds).toFixed(2),
      `${(medianSeconds(side) / ourSeconds).toFixed(2)}×`,
      rows === undefined ? '' : (rows / medianSeconds(side)).toFixed(0),
      median(side.runs.map((run) => run.cpuSeconds)).toFixed(2),
      most((run) => run.peakBytes),
      most((run) => run.serverBytes),
      side.fileBytes === undefined ? '' : megabytes(side.fileBytes),
      side.verifyShares === undefined ? '' : `${(100 * median(side.verifyShares)).toFixed(0)} %`,
    ];
  });
  return formatTable(title, heads, lines);
}

/** A Markdown table of what the extension host's event loop had to wait for. */
export function formatDelays(delays: readonly HostDelay[]): string {
  const rows = delays.map(({ title, seconds, p99, max }) => [
    title,
    seconds.toFixed(2),
    p99.toFixed(1),
    max.toFixed(1),
  ]);
  return formatTable('Event-loop delay in the extension host', ['', 's', 'p99 ms', 'max ms'], rows);
}

function formatTable(title: string, heads: readonly string[], rows: readonly string[][]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = heads.map((_, index) => (index === 0 ? '---' : '---:'));
  return [`### ${title}`, '', line(heads), line(rule), ...rows.map(line)].join('\n');
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
