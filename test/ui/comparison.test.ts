import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FrameLocator, Locator } from 'playwright-core';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { axeFindings } from './axe.ts';
import { unreadableTexts } from './pageChecks.ts';
import { backUpDatabase, queryFile, widenSideBar } from './sampleShop.ts';
import { frontWebview, openWorkbench, type Workbench } from './workbench.ts';

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
    await copyFile(join(folder, 'shop.db'), join(scratch.path, 'good.db'));
    query('DELETE FROM order_lines WHERE order_id IN (SELECT id FROM orders WHERE customer_id < 16)');
    query('DELETE FROM orders WHERE customer_id < 16');
    query("UPDATE customers SET city = upper(city), email = 'new-' || email WHERE id > 35");
    query("INSERT INTO customers (id, name, email, city) VALUES (900, 'Zoë', 'zoe@example.com', 'Rom')");
    workbench = await openWorkbench({ folder });
    await workbench.page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
    await widenSideBar(workbench, 60);
    await item(/^Connection Shop/).waitFor();
  });

  after(async () => {
    await workbench?.close();
    await scratch.remove();
  });

  async function backUp(name: string): Promise<void> {
    const file = join(folder, 'backups', `${name}.dbbackup`);
    await backUpDatabase({ engine: 'sqlite', file: join(folder, 'shop.db') }, { file, connection: 'shop' });
  }

  const query = (sql: string): unknown[] => queryFile(join(folder, 'shop.db'), sql);

  const item = (spoken: RegExp): Locator => workbench.page.getByRole('treeitem', { name: spoken }).first();

  async function menu(of: Locator, entry: RegExp): Promise<void> {
    await of.click({ button: 'right' });
    const wanted = workbench.page.getByRole('menuitem', { name: entry });
    await wanted.waitFor();
    // A menu takes no click right after it was opened.
    await sleep(500);
    await wanted.click();
  }

  const panel = (): FrameLocator => frontWebview(workbench.page);

  const tables = (): Locator => panel().locator('.compared tbody tr');

  async function counts(): Promise<string[][]> {
    return (await tables().allInnerTexts()).map((text) => text.trim().split('\t'));
  }

  async function choose(table: string): Promise<void> {
    await panel().locator('.compared').getByRole('rowheader', { name: table, exact: true }).click();
  }

  const cell = (text: string | RegExp): Locator => panel().getByRole('gridcell', { name: text }).first();
  const tab = (name: RegExp): Locator => panel().getByRole('tab', { name });
  const shownRows = (): Locator => panel().locator('.scroll tbody tr');

  async function settings(change: Record<string, unknown>): Promise<void> {
    const file = join(folder, '.vscode', 'settings.json');
    const known = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    await writeFile(file, JSON.stringify({ ...known, ...change }));
  }

  const closeEditors = (): Promise<void> => workbench.runCommand('View: Close All Editors');

  it('compares a connection with its latest backup, and asks nothing', async () => {
    await menu(item(/^Connection Shop/), /^Compare with Latest Backup/);
    await panel().getByRole('heading', { name: 'shop-good ↔ Shop (SQLite)' }).waitFor();
    assert.equal(await panel().locator('.subtitle').innerText(), '127 rows differ.');
    assert.deepEqual(await counts(), [
      ['customers', '5', '0', '1', '35'],
      ['orders', '0', '38', '0', '82'],
      ['order_lines', '0', '83', '0', '205'],
      ['products', '0', '0', '0', '25'],
      ['orders_audit', '0', '0', '0', '314'],
    ]);
  });

  it('shows changed values as they were and as they are, and a long one as a whole', async () => {
    await cell('Õnne Tamm').waitFor();
    const changed = shownRows().first().locator('td.changed');
    assert.deepEqual(await changed.locator('del').allInnerTexts(), ['onne.tamm@example.org', 'Tartu']);
    assert.deepEqual(await changed.locator('ins').allInnerTexts(), ['new-onne.tamm@example.org', 'TARTU']);
    await panel().getByRole('checkbox', { name: 'Changed columns only' }).check();
    await cell('Õnne Tamm').waitFor({ state: 'detached' });
    assert.deepEqual(await panel().locator('.scroll thead bdi:not(.column-type bdi)').allInnerTexts(), [
      'id',
      'email',
      'city',
    ]);
    await cell(/onne\.tamm/).click();
    await workbench.page.keyboard.press('Enter');
    assert.deepEqual(await panel().locator('.value-content pre').allInnerTexts(), [
      'onne.tamm@example.org',
      'new-onne.tamm@example.org',
    ]);
    assert.deepEqual(await panel().locator('.value-content h3').allInnerTexts(), [
      'In the backup: 21 characters',
      'In the database: 25 characters',
    ]);
    assert.deepEqual(await axeFindings(panel()), []);
    await workbench.screenshot('comparison-1-changed');
    await panel().getByRole('checkbox', { name: 'Changed columns only' }).uncheck();
    await panel().getByRole('button', { name: 'Close' }).click();
  });

  it('finds rows by a filter, and says when there is none', async () => {
    await choose('order_lines');
    await panel()
      .locator('.range', { hasText: /^83 rows$/ })
      .waitFor();
    const wanted = await shownRows().nth(40).locator('td').first().innerText();
    const filter = panel().getByRole('textbox', { name: 'Filter rows' });
    await filter.fill(wanted);
    await panel()
      .locator('.range', { hasText: /^\d rows$/ })
      .waitFor();
    const expected = await shownRows().count();
    assert.ok(expected > 0 && expected < 10, String(expected));
    for (const text of await shownRows().allInnerTexts()) assert.ok(text.includes(wanted), text);
    await filter.fill('no such row');
    await panel().getByText('No row contains “no such row”.').waitFor();
    await filter.fill('');
    await panel()
      .locator('.range', { hasText: /^83 rows$/ })
      .waitFor();
    await tab(/^Only in Database/).click();
    await panel().getByText('No row of this table is only in the database.').waitFor();
    await choose('products');
    await panel().getByText('All rows of this table are equal.').waitFor();
    assert.deepEqual(await axeFindings(panel()), []);
  });

  it('goes by keyboard through tables, tabs and rows', async () => {
    const { keyboard } = workbench.page;
    await choose('customers');
    await keyboard.press('ArrowDown');
    await keyboard.press('ArrowUp');
    assert.match(await panel().locator('.compared tr:focus').innerText(), /^\s*customers/);
    await tab(/^Changed/).focus();
    await keyboard.press('ArrowRight');
    await keyboard.press('ArrowRight');
    assert.match(await panel().locator('[role=tab]:focus').innerText(), /^Only in Database/);
    await cell('Zoë').waitFor();
    await cell('900').focus();
    await keyboard.press('End');
    await keyboard.press('ArrowLeft');
    assert.equal(await panel().locator('td:focus').innerText(), 'Rom');
  });

  it('opens the differing rows of a table in the diff editor', async () => {
    await panel().getByRole('button', { name: 'Open as Text Diff' }).click();
    const { page } = workbench;
    await page.getByRole('tab', { name: 'customers: shop-good ↔ Shop (SQLite)' }).waitFor();
    const diff = page.locator('.monaco-diff-editor');
    await diff.getByText('onne.tamm@example.org').first().waitFor();
    const [left, right] = await diff.locator('.view-lines').allInnerTexts();
    assert.match(left!.replaceAll('\u00a0', ' '), /customers: all 6 differing rows[^]*id: 36[^]*city: Tartu/);
    assert.match(
      right!.replaceAll('\u00a0', ' '),
      /customers: all 6 differing rows[^]*id: 36[^]*city: TARTU/,
    );
    await workbench.screenshot('comparison-2-text-diff');
    await closeEditors();
  });

  it('compares one table of a connection', async () => {
    await item(/^Connection Shop/).click();
    await item(/^Table orders,/).waitFor();
    await menu(item(/^Table orders,/), /^Compare with Latest Backup/);
    await panel().getByRole('heading', { name: 'shop-good ↔ Shop (SQLite)' }).waitFor();
    assert.deepEqual(await counts(), [['orders', '0', '38', '0', '82']]);
    await closeEditors();
  });

  it('compares a backup with the only database that it can be from, from its contents and the Explorer', async () => {
    const { page } = workbench;
    await item(/^Backup shop-good/).click();
    await panel().getByRole('button', { name: 'Compare…' }).click();
    await panel().getByRole('heading', { name: 'shop-good ↔ Shop (SQLite)' }).waitFor();
    await closeEditors();
    await menu(item(/^Backup shop-good/), /^Compare with Database/);
    await panel().getByRole('heading', { name: 'shop-good ↔ Shop (SQLite)' }).waitFor();
    await closeEditors();
    await page
      .getByRole('tab', { name: /^Explorer/ })
      .locator('a')
      .click();
    const explorer = page.locator('.explorer-folders-view');
    const file = explorer.getByRole('treeitem', { name: 'shop-good.dbbackup', exact: true });
    if (!(await file.isVisible()))
      await explorer.getByRole('treeitem', { name: 'backups', exact: true }).click();
    await menu(file, /^Compare with Database/);
    await panel().getByRole('heading', { name: 'shop-good ↔ Shop (SQLite)' }).waitFor();
    await closeEditors();
    await page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
  });

  it('compares two backups that are selected, the older one first', async () => {
    await backUp('bad-state');
    await item(/^Backup bad-state/).waitFor();
    await item(/^Backup bad-state/).click();
    await item(/^Backup shop-good/).click({ modifiers: ['Control'] });
    await menu(item(/^Backup bad-state/), /^Compare Selected Backups/);
    await panel().getByRole('heading', { name: 'shop-good ↔ bad-state' }).waitFor();
    await tab(/^Only in bad-state/).waitFor();
    assert.deepEqual((await counts())[0], ['customers', '5', '0', '1', '35']);
    assert.deepEqual(await axeFindings(panel()), []);
    await workbench.screenshot('comparison-3-two-backups');
    await closeEditors();
  });

  it('is readable in every theme and width', async () => {
    const { page } = workbench;
    const [width, height] = [1440, 900];
    await item(/^Backup shop-good/).click();
    await panel().getByRole('button', { name: 'Compare…' }).waitFor();
    await sleep(500);
    await menu(item(/^Backup shop-good/), /^Compare with Database/);
    await panel().getByRole('heading', { name: 'shop-good ↔ Shop (SQLite)' }).waitFor();
    const themes = [
      ['Default Light Modern', 'vscode-light'],
      ['Default Dark Modern', 'vscode-dark'],
      ['Default High Contrast', 'vscode-high-contrast:not(.vscode-high-contrast-light)'],
      ['Default High Contrast Light', 'vscode-high-contrast-light'],
    ] as const;
    for (const [theme, mark] of themes) {
      await settings({ 'workbench.colorTheme': theme });
      const name = theme.replace('Default ', '').replaceAll(' ', '-').toLowerCase();
      await panel().locator(`body.${mark}`).waitFor();
      for (const size of [width, 900]) {
        await page.setViewportSize({ width: size, height });
        await cell('Õnne Tamm').waitFor();
        if (size === width) {
          const list = (await panel().locator('.tables').boundingBox())!;
          assert.ok(list.width < 360, `the list of tables is ${list.width} pixels wide`);
        }
        await workbench.screenshot(`comparison-4-${name}-${size}`);
        assert.deepEqual(await panel().locator('body').evaluate(unreadableTexts), []);
        assert.deepEqual(await axeFindings(panel()), []);
      }
      await page.setViewportSize({ width, height });
    }
    await settings({ 'workbench.colorTheme': 'Default Light Modern' });
  });

  const sentence = (): Locator => panel().locator('.restore-bar p');

  it('says how many related rows come along with the checked ones', async () => {
    await choose('order_lines');
    await tab(/^Only in Backup/).click();
    await panel().getByRole('checkbox', { name: 'Restore row 1', exact: true }).check();
    await sentence()
      .getByText('1 row returns, 1 parent row comes along, nothing is deleted.', { exact: true })
      .waitFor();
    await panel().getByRole('checkbox', { name: 'Restore row 1', exact: true }).uncheck();
    await sentence().getByText('Check the rows that you want back.', { exact: true }).waitFor();
    await panel()
      .getByRole('checkbox', { name: /rows of orders$/ })
      .check();
    await sentence()
      .getByText('38 rows return, 83 related rows come along, nothing is deleted.', { exact: true })
      .waitFor();
    await workbench.screenshot('comparison-5-related');
    await panel()
      .getByRole('checkbox', { name: /rows of order_lines$/ })
      .check();
    await sentence().getByText('121 rows return, nothing is deleted.', { exact: true }).waitFor();
    await panel()
      .getByRole('checkbox', { name: /rows of order_lines$/ })
      .uncheck();
  });

  it('brings checked rows back in one restore, and undoes it', async () => {
    const { page } = workbench;
    const restore = panel().getByRole('button', { name: 'Restore…' });
    await panel()
      .getByRole('checkbox', { name: /rows of order_lines$/ })
      .check();
    await choose('customers');
    await cell('Õnne Tamm').focus();
    await page.keyboard.press('Space');
    await sentence().getByText('121 rows return, 1 row changes back,').waitFor();
    await panel().getByRole('checkbox', { name: 'Check all that are shown: 5 rows' }).check();
    await sentence().getByText('121 rows return, 5 rows change back,').waitFor();
    assert.match(await sentence().innerText(), /nothing is deleted\.$/);
    assert.deepEqual(await axeFindings(panel()), []);
    await workbench.screenshot('comparison-5-checked');
    await restore.click();
    const dialog = page.locator('.monaco-dialog-box');
    await dialog.getByText('orders: 38 rows return, nothing is deleted').waitFor();
    await workbench.screenshot('comparison-6-summary');
    await dialog.getByRole('button', { name: 'Restore' }).click();
    await workbench.notification(/Restored and verified 126 rows of Shop/);
    await panel().getByText('1 row differs.').waitFor();
    await workbench.screenshot('comparison-7-restored');
    assert.deepEqual(
      query('SELECT count(*) AS n FROM orders').map((row) => ({ ...(row as object) })),
      [{ n: 120 }],
    );
    await workbench.page.getByRole('button', { name: 'Undo Restore' }).click();
    await dialog.getByText('orders: 38 rows are deleted').waitFor();
    await dialog.getByRole('button', { name: 'Undo Restore' }).click();
    await workbench.notification(/Restore undone: put back and verified 126 rows/);
    await panel().getByRole('button', { name: 'Compare Again' }).click();
    await panel().getByText('127 rows differ.').waitFor();
    await workbench.runCommand('Notifications: Clear All Notifications');
  });

  it('lists rows that have changed meanwhile, and leaves them out with Skip', async () => {
    const dialog = workbench.page.locator('.monaco-dialog-box');
    await choose('customers');
    await panel()
      .getByRole('checkbox', { name: /rows of customers$/ })
      .check();
    query("UPDATE customers SET city = 'Elsewhere' WHERE id = 36");
    await panel().getByRole('button', { name: 'Restore…' }).click();
    await dialog.getByText('customers (id 36): changed since the comparison: city').waitFor();
    await workbench.screenshot('comparison-8-conflict');
    await dialog.getByRole('button', { name: 'Skip' }).click();
    await workbench.notification(/Restored and verified 4 rows of Shop.*1 row skipped/);
    await panel()
      .getByText(/^123 rows differ/)
      .waitFor();
    assert.equal(JSON.stringify(query('SELECT city FROM customers WHERE id = 36')), '[{"city":"Elsewhere"}]');
    await workbench.runCommand('Notifications: Clear All Notifications');
  });

  /** Checks the one row of customers that differs, which then changes, and starts the restore. */
  async function meetConflict(city: string): Promise<Locator> {
    const box = panel().getByRole('checkbox', { name: /rows of customers$/ });
    if (!(await box.isChecked())) await box.check();
    await sentence().getByText('1 row changes back, nothing is deleted.', { exact: true }).waitFor();
    query(`UPDATE customers SET city = '${city}' WHERE id = 36`);
    await panel().getByRole('button', { name: 'Restore…' }).click();
    const dialog = workbench.page.locator('.monaco-dialog-box');
    await dialog.getByText('customers (id 36): changed since the comparison: city').waitFor();
    return dialog;
  }

  it('leaves all rows as they are with Stop', async () => {
    const dialog = await meetConflict('Stopped');
    const before = query('SELECT * FROM customers ORDER BY id');
    await dialog.getByRole('button', { name: 'Stop' }).click();
    await dialog.waitFor({ state: 'detached' });
    await sentence().getByText('1 row changes back, nothing is deleted.', { exact: true }).waitFor();
    assert.deepEqual(query('SELECT * FROM customers ORDER BY id'), before);
    assert.equal(JSON.stringify(query('SELECT city FROM customers WHERE id = 36')), '[{"city":"Stopped"}]');
  });

  it('writes a row that has changed meanwhile with Overwrite, and no other', async () => {
    const dialog = await meetConflict('Overwritten');
    const others = query('SELECT * FROM customers WHERE id <> 36 ORDER BY id');
    await dialog.getByRole('button', { name: 'Overwrite' }).click();
    await workbench.notification(/Restored and verified 1 row of Shop/);
    await panel()
      .getByText(/^122 rows differ/)
      .waitFor();
    const good = new DatabaseSync(join(scratch.path, 'good.db'));
    const was = good.prepare('SELECT * FROM customers WHERE id = 36').all();
    good.close();
    assert.deepEqual(query('SELECT * FROM customers WHERE id = 36'), was);
    assert.deepEqual(query('SELECT * FROM customers WHERE id <> 36 ORDER BY id'), others);
    await workbench.runCommand('Notifications: Clear All Notifications');
  });

  it('compares again, and says when nothing differs', async () => {
    await copyFile(join(folder, 'shop.db'), join(scratch.path, 'changed.db'));
    await copyFile(join(scratch.path, 'good.db'), join(folder, 'shop.db'));
    await panel().getByRole('button', { name: 'Compare Again' }).click();
    await panel().getByText('Both sides are equal.').waitFor();
    assert.ok((await counts()).every((row) => row.slice(1, 4).every((count) => count === '0')));
    await copyFile(join(scratch.path, 'changed.db'), join(folder, 'shop.db'));
  });
});
