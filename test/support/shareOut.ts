/** How long each test file takes (seconds on a quiet machine), by its path; some files may be missing. */
export type Durations = Readonly<Record<string, number>>;

/** For a file that is missing in the durations. */
const usualSeconds = 8;

/** Long enough that starting a process (two seconds) does not matter, and short enough that all lanes end together. */
export const batchSeconds = 40;

export interface Batch {
  readonly files: readonly string[];
  readonly seconds: number;
}

/** Shares files out over batches, of one process each; the longest batch comes first. */
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
