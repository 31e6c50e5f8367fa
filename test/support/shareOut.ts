/** How long each test file takes (seconds on a quiet machine), by its path; some files may be missing. */
export type Durations = Readonly<Record<string, number>>;

/** For a file that is missing in the durations. */
const usualSeconds = 4;

/** Long enough that starting a process (a second) does not matter. */
export const batchSeconds = 40;

/** Short enough that all lanes end together: the batches that are run last. */
const lastBatchSeconds = 10;

export interface Batch {
  readonly files: readonly string[];
  readonly seconds: number;
}

/**
 * Shares files out over batches, of one process each, for as many processes at a time as there are lanes. The longest batch
 * comes first; the less is left, the shorter the next one is.
 */
export function shareOut(files: readonly string[], durations: Durations, lanes: number): Batch[] {
  const secondsOf = (file: string): number => durations[file] ?? usualSeconds;
  let left = [...files].sort((a, b) => secondsOf(b) - secondsOf(a) || (a < b ? -1 : 1));
  let secondsLeft = left.reduce((sum, file) => sum + secondsOf(file), 0);
  const batches: Batch[] = [];
  while (left.length > 0) {
    const room = Math.max(lastBatchSeconds, Math.min(batchSeconds, secondsLeft / (2 * lanes)));
    const [taken, rest]: [string[], string[]] = [[], []];
    let seconds = 0;
    for (const file of left) {
      const fits = taken.length === 0 || seconds + secondsOf(file) <= room;
      (fits ? taken : rest).push(file);
      if (fits) seconds += secondsOf(file);
    }
    batches.push({ files: taken, seconds });
    left = rest;
    secondsLeft -= seconds;
  }
  return batches.sort((a, b) => b.seconds - a.seconds);
}
