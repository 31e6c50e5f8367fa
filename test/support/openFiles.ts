import { readdirSync, readlinkSync } from 'node:fs';

/** Whether the system tells which files are open. */
export const tellsOpenFiles = process.platform === 'linux';

/** The files of a folder, or the file itself, that this process has open, once for each time; none where nothing tells. */
export function openFiles(place: string): string[] {
  if (!tellsOpenFiles) return [];
  return readdirSync('/proc/self/fd').flatMap((number) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${number}`);
      return target === place || target.startsWith(`${place}/`) ? [target] : [];
    } catch {
      return []; // The descriptor of the listing itself.
    }
  });
}
