import { open } from 'node:fs/promises';

/** Has the names of a folder's files brought to the disk. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder; there the file system journals the name by itself.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
