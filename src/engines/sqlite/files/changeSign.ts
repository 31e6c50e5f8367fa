import type { BigIntStats } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';

/**
 * Two changes so close to each other, in milliseconds, may get the same time: FAT has steps of 2 seconds. So a file that was
 * written so recently gives no sign.
 */
const timeStep = 2_500n;

/** The bytes at the start of each file that every transaction changes, where no time says so (see `changeSign`). */
const files = [
  { ending: '', head: 100 },
  { ending: '-wal', head: 32 },
  { ending: '-journal', head: 28 },
] as const;

/**
 * See `Session.changeSign`. Every transaction writes to the database file or to its log, so sizes and times of change say
 * whether there was one. Nobody can set the time of change (ctime).
 *
 * Windows may write times late, but there the heads of the files are read too: the change counter of the database, and the
 * salts and the counters of the log. Elsewhere opening the files is not allowed: closing them would drop the locks that
 * this process has on them.
 */
export async function changeSign(file: string): Promise<string | undefined> {
  const place = await realpath(file);
  const now = BigInt(Date.now());
  const parts: string[] = [];
  for (const { ending, head } of files) {
    const info = await statOrNone(`${place}${ending}`);
    // SQLite makes and removes an empty log when somebody reads.
    if (!info || (info.size === 0n && ending !== '')) continue;
    if ([info.mtimeMs, info.ctimeMs].some((time) => time > now - timeStep)) return undefined;
    const { ino, dev, size, mtimeNs, ctimeNs } = info;
    const start = process.platform === 'win32' ? [await headOf(`${place}${ending}`, head)] : [];
    parts.push([ending, dev, ino, size, mtimeNs, ctimeNs, ...start].join(' '));
  }
  if (process.platform === 'win32' && parts.some((part) => part.startsWith('-wal '))) {
    parts.push(await headOf(`${place}-shm`, 48));
  }
  return `sqlite 1 ${parts.join(', ')}`;
}

async function statOrNone(file: string): Promise<BigIntStats | undefined> {
  return await stat(file, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

async function headOf(file: string, bytes: number): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.subarray(0, bytesRead).toString('hex');
  } finally {
    await handle.close();
  }
}
