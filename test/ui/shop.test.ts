import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { queryFile, widenSideBar } from './sampleShop.ts';
import { frontWebview, openWorkbench, type Workbench } from './workbench.ts';

/** The tests are one story: each goes on where the one before it ended. */
describe('the sample shop, by clicking', () => {
  let scratch: OwnedFolder;
  let folder: string;
  let workbench: Workbench;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'shop');
    await makeSampleWorkspace(folder);
    workbench = await openWorkbench({ folder });
  });

  after(async () => {
    await workbench?.close();
    await scratch.remove();
  });

  const query = (sql: string): unknown[] => queryFile(join(folder, 'shop.db'), sql);

  function item(spoken: RegExp): Locator {
    return workbench.page.getByRole('treeitem', { name: spoken }).first();
  }

  const notification = (text: RegExp): Promise<Locator> => workbench.notification(text);

  async function accept(label: RegExp): Promise<void> {
    const row = workbench.page
      .locator('.quick-input-widget .monaco-list-row')
      .filter({ hasText: label })
      .first();
    await row.waitFor();
    await row.click();
  }

  it('shows the connection, and its tables when it is opened', async () => {
    const { page } = workbench;
    await page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
    await widenSideBar(workbench);
    await item(/^Connection Shop/).click();
    await item(/^Table orders,/).waitFor();
    await item(/^Table customers,/).click();
    await item(/^Column email,/).waitFor();
    await workbench.screenshot('shop-1-connection');
  });

  it('backs the database up with the icon beside it', async () => {
    const connection = item(/^Connection Shop/);
    await connection.hover();
    await connection.getByRole('button', { name: /^Back Up Database/ }).click();
    await notification(/Backed up 5 tables, 787 rows/);
    await item(/^Backup shop-/).waitFor();
    await workbench.page
      .locator('.notification-toast')
      .filter({ hasText: 'Backing up' })
      .waitFor({ state: 'hidden' });
    await workbench.screenshot('shop-2-backed-up');
    assert.equal(readdirSync(join(folder, 'backups')).length, 1);
    await workbench.runCommand('Notifications: Clear All Notifications');
  });

  it('shows the contents of the backup', async () => {
    await item(/^Backup shop-/).click();
    const viewer = frontWebview(workbench.page);
    await viewer.getByRole('option', { name: /^customers\b/ }).click();
    await viewer.getByText('Ada').or(viewer.locator('td').first()).first().waitFor();
    await workbench.screenshot('shop-3-contents');
  });

  it('brings deleted rows back from the context menu of the file in the Explorer', async () => {
    const { page } = workbench;
    query(`DELETE FROM order_lines WHERE order_id IN (SELECT id FROM orders WHERE customer_id = 7)`);
    query(`DELETE FROM orders WHERE customer_id = 7`);
    assert.notDeepEqual(query('SELECT count(*) AS n FROM orders'), [{ n: 120 }]);
    await page
      .getByRole('tab', { name: /^Explorer/ })
      .locator('a')
      .click();
    const explorer = page.locator('.explorer-folders-view');
    const file = explorer.getByRole('treeitem', { name: /\.dbbackup$/ }).first();
    if (!(await file.isVisible()))
      await explorer.getByRole('treeitem', { name: 'backups', exact: true }).click();
    await file.click({ button: 'right' });
    const entry = page.getByRole('menuitem', { name: /^Restore Backup/ });
    await entry.waitFor();
    await workbench.screenshot('shop-4-context-menu');
    await entry.click();
    const prompt = page.locator('.quick-input-widget');
    await prompt.getByText('Insert Missing Rows').waitFor();
    await workbench.screenshot('shop-5-mode');
    await accept(/^Replace/);
    await prompt
      .getByText('Choose the tables')
      .or(page.getByPlaceholder(/Choose the tables/))
      .first()
      .waitFor();
    await workbench.screenshot('shop-6-tables');
    await prompt.getByRole('button', { name: 'OK' }).click();
    const dialog = page.locator('.monaco-dialog-box');
    await dialog.waitFor();
    await workbench.screenshot('shop-7-summary');
    await dialog.getByRole('button', { name: 'Restore' }).click();
    await notification(/Restored and verified 2 tables/);
    await workbench.screenshot('shop-8-restored');
    assert.equal(Number(Object.values(query('SELECT count(*) AS n FROM orders')[0] as object)[0]), 120);
    assert.equal(Number(Object.values(query('SELECT count(*) AS n FROM order_lines')[0] as object)[0]), 288);
  });

  it('undoes the restore from its notification', async () => {
    const { page } = workbench;
    const message = await notification(/Restored and verified/);
    await message.getByRole('button', { name: 'Undo Restore' }).click();
    const dialog = page.locator('.monaco-dialog-box');
    await dialog.waitFor();
    await dialog.getByRole('button', { name: 'Undo Restore' }).click();
    // The message of the restore before may still be there, so only the database tells when it is undone.
    const orders = (): number =>
      Number(Object.values(query('SELECT count(*) AS n FROM orders')[0] as object)[0]);
    const until = Date.now() + 30_000;
    while (orders() === 120 && Date.now() < until) await page.waitForTimeout(200);
    assert.ok(orders() < 120);
  });

  it('tells what went wrong, and that nothing was changed', async () => {
    const { page } = workbench;
    await workbench.runCommand('Notifications: Clear All Notifications');
    query('ALTER TABLE customers DROP COLUMN city');
    await page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
    const backup = item(/^Backup shop-/);
    await backup.hover();
    await backup.getByRole('button', { name: /^Restore Backup/ }).click();
    await accept(/^Replace/);
    await page.locator('.quick-input-widget').getByRole('button', { name: 'OK' }).click();
    await notification(/customers: the column city of the backup no longer exists.*Nothing was changed/);
    await workbench.screenshot('shop-9-refused');
  });
});
