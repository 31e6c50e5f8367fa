import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FrameLocator, Locator } from 'playwright-core';
import { takeBackup } from '../../src/backup/takeBackup.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { engineById } from '../../src/engines/registry.ts';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { openWorkbench, type Workbench } from './workbench.ts';

describe('comparing, by clicking', () => {
  let scratch: OwnedFolder;
  let folder: string;
  let workbench: Workbench;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'shop');
    await makeSampleWorkspace(folder);
    mkdirSync(join(folder, 'backups'), { recursive: true });
    await backUp('shop-good');
    query('DELETE FROM order_lines WHERE order_id IN (SELECT id FROM orders WHERE customer_id < 16)');
    query('DELETE FROM orders WHERE customer_id < 16');
    query("UPDATE customers SET city = upper(city), email = 'new-' || email WHERE id > 35");
    query("INSERT INTO customers (id, name, email, city) VALUES (900, 'Zoë', 'zoe@example.com', 'Rom')");
    workbench = await openWorkbench({ folder });
    await workbench.page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
    await widenSideBar();
    await item(/^Connection Shop/).waitFor();
  });

  after(async () => {
    await workbench?.close();
    await scratch.remove();
  });

  async function backUp(name: string): Promise<void> {
    const address = { engine: 'sqlite', file: join(folder, 'shop.db') } as const;
    const session = await engineById('sqlite').connect(address, { readOnly: true, logger: silentLogger });
    try {
      const file = join(folder, 'backups', `${name}.dbbackup`);
      await takeBackup(session, { file, connection: 'shop', logger: silentLogger });
    } finally {
      await session.close();
    }
  }

  function query(sql: string): unknown[] {
    const database = new DatabaseSync(join(folder, 'shop.db'));
    try {
      return database.prepare(sql).all();
    } finally {
      database.close();
    }
  }

  async function widenSideBar(): Promise<void> {
    const { mouse } = workbench.page;
    const { x, width } = (await workbench.page.locator('.part.sidebar').boundingBox())!;
    await mouse.move(x + width, 300);
    await mouse.down();
    await mouse.move(x + width + 60, 300, { steps: 5 });
    await mouse.up();
  }

  const item = (spoken: RegExp): Locator => workbench.page.getByRole('treeitem', { name: spoken }).first();

  async function menu(of: Locator, entry: RegExp): Promise<void> {
    await of.click({ button: 'right' });
    const wanted = workbench.page.getByRole('menuitem', { name: entry });
    await wanted.waitFor();
    // A menu takes no click right after it was opened.
    await sleep(500);
    await wanted.click();
  }

  /** The page in the editor that is in front. */
  function panel(): FrameLocator {
    const frame = workbench.page.locator('iframe.webview.ready').filter({ visible: true });
    return frame.contentFrame().locator('#active-frame').contentFrame();
  }

  it('compares a connection with its latest backup, and asks nothing', async () => {
    await menu(item(/^Connection Shop/), /^Compare with Latest Backup/);
    await panel()
      .getByRole('heading', { name: /shop-good ↔ Shop \(SQLite\)/ })
      .waitFor();
    await panel().getByRole('gridcell').first().waitFor();
    await sleep(1000);
    await workbench.screenshot('comparison-1-latest');
    const rows = await panel().locator('.compared tbody tr').allInnerTexts();
    console.log(rows);
    assert.ok(rows.length > 0);
  });
});
