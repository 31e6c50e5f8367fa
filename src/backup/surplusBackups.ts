/** What retention has to know of a backup. */
export interface KeptBackup {
  readonly file: string;
  readonly time: Date;
}

/** The oldest backups of more than `keep`, but never `newest`, which was taken just now: a clock may have been set back. */
export function surplusBackups<Backup extends KeptBackup>(
  backups: readonly Backup[],
  keep: number,
  newest: string,
): Backup[] {
  const others = backups.filter(({ file }) => file !== newest);
  const sorted = others.toSorted((a, b) => b.time.getTime() - a.time.getTime());
  return sorted.slice(Math.max(0, keep - (others.length < backups.length ? 1 : 0)));
}
