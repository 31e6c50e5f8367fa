import assert from 'node:assert/strict';
import { copyFileSync, globSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FrameLocator, Locator } from 'playwright-core';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { axeFindings } from './axe.ts';
import { backUpDatabase } from './sampleShop.ts';
import { frontWebview, openWorkbench, type Workbench } from './workbench.ts';

describe('one row of a backup, restored from its contents', () => {
  let scratch: OwnedFolder;
  let folder: string;
  let workbench: Workbench;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'shop');
    await makeSampleWorkspace(folder);
    mkdirSync(join(folder, 'backups'), { recursive: true });
    const address = { engine: 'sqlite', file: join(folder, 'shop.db') } as const;
    const file = join(folder, 'backups', 'good.dbbackup');
    await backUpDatabase(address, { file, connection: 'shop' });
    workbench = await openWorkbench({ folder });
    await workbench.page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
    await workbench.page.getByRole('treeitem', { name: /^Backup good/ }).dblclick();
    await panel().getByRole('gridcell').first().waitFor({ timeout: 30_000 });
  });

  after(async () => {
    await workbench?.close();
    await scratch.remove();
  });

  const dialog = (): Locator => workbench.page.locator('.monaco-dialog-box');

  const panel = (): FrameLocator => frontWebview(workbench.page);

  function inShop(sql: string): unknown[][] {
    const database = new DatabaseSync(join(folder, 'shop.db'), { timeout: 10_000 });
    try {
      return database
        .prepare(sql)
        .all()
        .map((row) => Object.values(row));
    } finally {
      database.close();
    }
  }

  /** Chooses a row by the text of a cell, and Restore This Row… in its menu. */
  async function restore(table: RegExp, text: string): Promise<void> {
    await panel().getByRole('option', { name: table }).click();
    const filter = panel().getByRole('textbox', { name: 'Filter rows' });
    await filter.fill(text);
    await panel()
      .getByRole('status')
      .getByText(/^1 of /)
      .waitFor();
    const cell = panel().getByRole('gridcell', { name: text, exact: true }).first();
    await cell.click();
    await cell.click({ button: 'right' });
    const command = workbench.page.getByRole('menuitem', { name: 'Restore This Row…' });
    await command.waitFor();
    // A menu takes no click right after it was opened.
    await sleep(500);
    await command.click();
  }

  const clean = (): Promise<void> => workbench.runCommand('Notifications: Clear All Notifications');

  it('says that a row is the same, and does nothing', async () => {
    await restore(/^products/, 'NB-A5-DOT');
    await workbench.notification(
      /This row of products is the same in Shop \(SQLite\)\. Nothing was changed\./,
    );
    await clean();
  });

  it('changes a row back, from the sorted and filtered rows, and undoes it', async () => {
    const before = inShop("SELECT * FROM products WHERE sku = 'NB-A5-DOT'");
    inShop("UPDATE products SET name = 'Nothing', price = 99.5 WHERE sku = 'NB-A5-DOT'");
    const changed = inShop("SELECT * FROM products WHERE sku = 'NB-A5-DOT'");
    await restore(/^products/, 'NB-A5-DOT');
    await dialog().getByText('name: Nothing → ').waitFor();
    await dialog().getByText('products: 1 row changes back, nothing is deleted').waitFor();
    await workbench.screenshot('restore-row-changed');
    await dialog().getByRole('button', { name: 'Restore' }).click();
    const restored = await workbench.notification(/Restored and verified 1 row of Shop/);
    assert.deepEqual(inShop("SELECT * FROM products WHERE sku = 'NB-A5-DOT'"), before);
    await restored.getByRole('button', { name: 'Undo Restore' }).click();
    await dialog().getByRole('button', { name: 'Undo Restore' }).click();
    await workbench.notification(/Restore undone: put back and verified 1 row/);
    assert.deepEqual(inShop("SELECT * FROM products WHERE sku = 'NB-A5-DOT'"), changed);
    await clean();
  });

  it('brings a missing row back, with the rows that it needs, and says so where the table is missing', async () => {
    const before = inShop('SELECT * FROM orders WHERE id = 1042');
    inShop('DELETE FROM order_lines');
    inShop('DELETE FROM orders WHERE id = 1042');
    await restore(/^orders\b/, '1042');
    await dialog().getByText('The database does not have this row.').waitFor();
    await workbench.screenshot('restore-row-missing');
    await dialog().getByRole('button', { name: 'Restore' }).click();
    await workbench.notification(/Restored and verified \d rows? of Shop/);
    assert.deepEqual(inShop('SELECT * FROM orders WHERE id = 1042'), before);
    await clean();
    inShop('DROP TABLE order_lines');
    await panel()
      .getByRole('option', { name: /^order_lines/ })
      .click();
    const cell = panel().getByRole('gridcell').first();
    await cell.waitFor();
    await cell.click();
    await workbench.runCommand('Restore Point: Restore This Row…');
    await workbench.notification(/has no table order_lines/);
    await clean();
  });

  it('shows the safety backup of such a restore, its rows before and after, and undoes it', async () => {
    const name = 'The old name';
    inShop(`UPDATE products SET name = '${name}' WHERE sku = 'NB-A5-DOT'`);
    await restore(/^products/, 'NB-A5-DOT');
    await dialog().getByRole('button', { name: 'Restore' }).click();
    await workbench.notification(/Restored and verified 1 row of Shop/);
    await clean();
    const safety = globSync('**/*.dbbackup', { cwd: workbench.dataFolder })
      .map((found) => join(workbench.dataFolder, found))
      .sort((one, other) => statSync(other).mtimeMs - statSync(one).mtimeMs);
    copyFileSync(safety[0]!, join(folder, 'backups', 'rows.dbbackup'));
    await workbench.runCommand('View: Close All Editors');
    await workbench.page.getByRole('treeitem', { name: /^Backup rows/ }).dblclick();
    await panel()
      .getByText(/^A restore of chosen rows wrote the rows below\./)
      .waitFor();
    assert.deepEqual(await panel().locator('.written tbody td').allInnerTexts(), ['0', '1', '0']);
    assert.match(await panel().locator('.facts').innerText(), /1 table, 1 row/);
    assert.deepEqual(await axeFindings(panel()), []);
    await workbench.screenshot('viewer-written-rows');
    await panel().getByRole('button', { name: 'Show Rows' }).click();
    await panel().locator('td.changed').getByText(name).waitFor();
    // Both sides are in the file and never change.
    assert.equal(await panel().getByRole('button', { name: 'Compare Again' }).count(), 0);
    await workbench.screenshot('viewer-written-rows-shown');
    assert.deepEqual(await axeFindings(panel()), []);
    await workbench.runCommand('View: Close Editor');
    await panel().getByRole('button', { name: 'Undo Restore…' }).click();
    await dialog().getByRole('button', { name: 'Undo Restore' }).click();
    await workbench.notification(/Restore undone: put back and verified 1 row/);
    assert.deepEqual(inShop("SELECT name FROM products WHERE sku = 'NB-A5-DOT'"), [[name]]);
  });
});
