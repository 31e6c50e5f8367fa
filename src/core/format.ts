const grouped = new Intl.NumberFormat('en-US');
const units = ['bytes', 'KB', 'MB', 'GB', 'TB'] as const;

/** `1,234,567` */
export function formatCount(count: number): string {
  return grouped.format(count);
}

/** `1 table`, `5 tables` */
export function formatQuantity(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** `1 byte`, `54 KB`, `1.5 GB`: a kilobyte is 1024 bytes, as in file managers. */
export function formatBytes(bytes: number): string {
  if (bytes === 1) return '1 byte';
  let value = bytes;
  let unit = 0;
  // From 999.5 on, three digits would round up to four.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = value.toFixed(unit > 0 && value < 9.95 ? 1 : 0).replace(/\.0$/, '');
  return `${digits} ${units[unit]}`;
}

/** Formats milliseconds: `0.3 s`, `12 s`, `3 min 5 s`, `2 h 10 min` */
export function formatDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 9.95) return `${Math.max(0.1, seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
