import { open, type FileHandle } from 'node:fs/promises';
import { headerBytes, pageSizeOf } from './databaseHeader.ts';

const runBytes = 1024 * 1024;

/** Where SQLite locks: the page that this byte is in is never written. */
const lockByte = 0x4000_0000;

/** The parts of the header with the journal mode, the change counter, the schema cookie, and values that follow from these. */
const changing = [
  [18, 20],
  [24, 28],
  [40, 44],
  [92, 100],
] as const;

/** The number of the first page, counted from 1, in which two copies of a database differ; undefined where none does. */
export async function firstDifferentPage(one: string, other: string): Promise<number | undefined> {
  const files: FileHandle[] = [];
  try {
    for (const file of [one, other]) files.push(await open(file, 'r'));
    return await compare(files[0]!, files[1]!);
  } finally {
    for (const file of files) await file.close();
  }
}

async function compare(one: FileHandle, other: FileHandle): Promise<number | undefined> {
  const [first, second] = [Buffer.alloc(runBytes), Buffer.alloc(runBytes)];
  const { size } = await one.stat();
  let pageSize = 0;
  for (let position = 0; position < size; position += runBytes) {
    const length = Math.min(runBytes, size - position);
    await one.read(first, 0, length, position);
    const { bytesRead } = await other.read(second, 0, length, position);
    if (position === 0) {
      pageSize = pageSizeOf(first.subarray(0, headerBytes));
      for (const [from, to] of changing) for (const bytes of [first, second]) bytes.fill(0, from, to);
    }
    if (position === lockByte) for (const bytes of [first, second]) bytes.fill(0, 0, pageSize);
    const [a, b] = [first.subarray(0, length), second.subarray(0, bytesRead)];
    if (a.equals(b)) continue;
    const at = a.findIndex((byte, index) => byte !== b[index]);
    return Math.floor((position + at) / pageSize) + 1;
  }
  return (await other.stat()).size === size ? undefined : Math.floor(size / pageSize) + 1;
}
