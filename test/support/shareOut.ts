/** What is known of how long a test file takes, in seconds of a quiet machine, by the file's path. */
export type Durations = Readonly<Record<string, number>>;

/** Of a file of which nothing is known. */
const usualSeconds = 8;

/** Starting a process costs about two seconds; with batches of this size it does not matter, and lanes end together. */
const batchSeconds = 25;

export interface Batch {
  readonly files: readonly string[];
  readonly seconds: number;
}

/** Shares files out: batches of one process each, the longest first. */
export function shareOut(files: readonly string[], durations: Durations): Batch[] {
  const secondsOf = (file: string): number => durations[file] ?? usualSeconds;
  const longestFirst = [...files].sort((a, b) => secondsOf(b) - secondsOf(a) || (a < b ? -1 : 1));
  const batches: { files: string[]; seconds: number }[] = [];
  for (const file of longestFirst) {
    const room = batches.find(({ seconds }) => seconds + secondsOf(file) <= batchSeconds);
    if (room) {
      room.files.push(file);
      room.seconds += secondsOf(file);
    } else batches.push({ files: [file], seconds: secondsOf(file) });
  }
  return batches.sort((a, b) => b.seconds - a.seconds);
}
