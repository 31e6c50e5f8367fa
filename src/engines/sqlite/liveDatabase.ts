import type { Stats } from 'node:fs';
import { stat, statfs, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Connection } from './connection.ts';
import { headerBytes, isPlainDatabase } from './fileFormat/databaseHeader.ts';

/** Undefined where a file is more than pages that anybody reads alike. */
export async function isPlain(file: FileHandle): Promise<{ header: Buffer; size: number } | undefined> {
  const header = Buffer.alloc(headerBytes);
  const { bytesRead } = await file.read(header, 0, headerBytes, 0);
  const { size } = await file.stat();
  return bytesRead === headerBytes && isPlainDatabase(header, size) ? { header, size } : undefined;
}

/** Where SQLite looks for the journal. */
export async function pathOf(connection: Connection): Promise<string> {
  const sql = `SELECT file FROM temp.pragma_database_list WHERE name = 'main'`;
  const found = await connection.get<{ file: string }>(sql);
  if (!found?.file) throw new Error('SQLite does not tell where the database is');
  return found.file;
}

/** Whether the disk has room for all pages as they were, and for those that come on top. */
export async function hasRoom(path: string, before: number, after: number): Promise<boolean> {
  const { bavail, bsize } = await statfs(dirname(path));
  return bavail * bsize > before * 1.02 + Math.max(0, after - before);
}

/** Whether a path leads to the very file that is open. */
export async function isAt(path: string, { dev, ino }: Pick<Stats, 'dev' | 'ino'>): Promise<boolean> {
  const found = await stat(path);
  return found.dev === dev && found.ino === ino;
}
