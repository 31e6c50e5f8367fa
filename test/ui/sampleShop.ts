import { DatabaseSync } from 'node:sqlite';
import { takeBackup, type TakeBackupOptions } from '../../src/backup/takeBackup.ts';
import type { DatabaseAddress } from '../../src/core/connections.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { engineById } from '../../src/engines/registry.ts';
import type { Workbench } from './workbench.ts';

/** What a query on a SQLite file gives. It waits while the extension writes the file. */
export function queryFile(file: string, sql: string): unknown[] {
  const database = new DatabaseSync(file, { timeout: 10_000 });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

/** Takes a backup without the workbench, for which it is one from elsewhere. */
export async function backUpDatabase(
  address: DatabaseAddress,
  options: Omit<TakeBackupOptions, 'logger'>,
  password?: string,
): Promise<void> {
  const session = await engineById(address.engine).connect(address, {
    ...{ readOnly: true, logger: silentLogger },
    ...(password === undefined ? {} : { password }),
  });
  try {
    await takeBackup(session, { ...options, logger: silentLogger });
  } finally {
    await session.close();
  }
}

/** Drags the border of the side bar: by 120 pixels there is room for what the lists say about themselves. */
export async function widenSideBar({ page }: Workbench, pixels = 120): Promise<void> {
  const { x, width } = (await page.locator('.part.sidebar').boundingBox())!;
  await page.mouse.move(x + width, 300);
  await page.mouse.down();
  await page.mouse.move(x + width + pixels, 300, { steps: 5 });
  await page.mouse.up();
}
