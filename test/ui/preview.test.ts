import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Locator } from 'playwright-core';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { queryFile } from './sampleShop.ts';
import { openWorkbench, type Workbench } from './workbench.ts';

describe('what a restore would change, by clicking', () => {
  let scratch: OwnedFolder;
  let folder: string;
  let workbench: Workbench;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'shop');
    await makeSampleWorkspace(folder);
    workbench = await openWorkbench({ folder });
    await workbench.page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
    const connection = item(/^Connection Shop/);
    await connection.hover();
    await connection.getByRole('button', { name: /^Back Up Database/ }).click();
    await item(/^Backup /).waitFor();
  });

  after(async () => {
    await workbench?.close();
    await scratch.remove();
  });

  afterEach(async () => {
    for (let closing = 0; closing < 3; closing++) await workbench.page.keyboard.press('Escape');
    await workbench.runCommand('Notifications: Clear All Notifications');
  });

  const query = (sql: string): unknown[] => queryFile(join(folder, 'shop.db'), sql);

  const count = (table: string): number =>
    Number((query(`SELECT count(*) AS n FROM ${table}`)[0] as { n: number }).n);

  function item(spoken: RegExp): Locator {
    return workbench.page.getByRole('treeitem', { name: spoken }).first();
  }

  const picker = (): Locator => workbench.page.locator('.quick-input-widget').filter({ visible: true });
  const dialog = (): Locator => workbench.page.locator('.monaco-dialog-box');

  function row(text: RegExp): Locator {
    return picker().locator('.monaco-list-row').filter({ hasText: text }).first();
  }

  async function isChecked(label: RegExp): Promise<boolean> {
    const box = row(label).getByRole('checkbox').or(row(label).locator('.monaco-checkbox')).first();
    return (await box.getAttribute('aria-checked')) === 'true';
  }

  async function chooseRestore(mode: RegExp): Promise<void> {
    await item(/^Backup /).click({ button: 'right' });
    const entry = workbench.page.getByRole('menuitem', { name: /^Restore Backup/ });
    await entry.waitFor();
    // A menu takes no click right after it was opened.
    await sleep(500);
    await entry.click();
    await row(mode).click();
    await row(/^customers/).waitFor();
  }

  it('asks for no connection where one matches, and chooses the tables that differ', async () => {
    query('PRAGMA foreign_keys = ON');
    query('DELETE FROM order_lines WHERE order_id > 1110');
    query('DELETE FROM orders WHERE id > 1110');
    query(`UPDATE products SET price = price + 1 WHERE id <= 3`);
    await chooseRestore(/^Replace/);
    assert.match(await picker().innerText(), /Restore Backup into Shop \(SQLite\)/);
    assert.match(await row(/^orders\d/).innerText(), /120 rows in the backup, 110 now · \+10, ~0, −0/);
    assert.match(await row(/^products/).innerText(), /25 rows in the backup, 25 now · \+0, ~3, −0/);
    assert.match(await row(/^customers/).innerText(), /in the backup, \d+ now · no changes/);
    assert.deepEqual(
      await Promise.all([/^orders\d/, /^order_lines/, /^products/, /^customers/].map(isChecked)),
      [true, true, true, false],
    );
    await workbench.screenshot('preview-1-tables');
    await picker().getByRole('button', { name: 'OK' }).click();
    await dialog().waitFor();
    const summary = await dialog().innerText();
    await workbench.screenshot('preview-2-summary');
    assert.match(summary, /Rows inserted \(\+\), updated \(~\) and deleted \(−\):/);
    assert.match(summary, /\norders: \+10, ~0, −0 \(110 rows now, 120 in the backup\)/);
    assert.match(summary, /\nproducts: \+0, ~3, −0 \(25 rows now, 25 in the backup\)/);
    assert.ok(summary.indexOf('order_lines: +') < summary.indexOf('products: +'), 'most changes first');
  });

  it('previews the changes, and then restores', async () => {
    await chooseRestore(/^Replace/);
    // All tables: those that stay as they are are folded into one line.
    await picker().getByRole('checkbox').first().click();
    await picker().getByRole('button', { name: 'OK' }).click();
    await dialog().waitFor();
    assert.match(await dialog().innerText(), /\nUnchanged: customers \(\d+ rows\)|\nUnchanged: customers, /);
    await dialog().getByRole('button', { name: 'Preview Changes' }).click();
    await dialog().getByText('The restore into Shop (SQLite) works. Nothing is changed yet.').waitFor();
    const preview = await dialog().innerText();
    await workbench.screenshot('preview-3-rehearsed');
    assert.match(preview, /\norders: 10 inserted, 0 updated, 0 deleted, 110 unchanged/);
    assert.match(preview, /\nproducts: 0 inserted, 3 updated, 0 deleted, 22 unchanged/);
    assert.match(preview, /The preview ran the whole restore in .*, verified it, and rolled it back\./);
    assert.equal(count('orders'), 110);
    await dialog().getByRole('button', { name: 'Restore' }).click();
    await workbench.notification(/Restored and verified 5 tables/);
    assert.equal(count('orders'), 120);
  });

  it('says in a preview what would fail and where, and changes nothing', async () => {
    query('DELETE FROM order_lines WHERE order_id = 1120');
    query('DELETE FROM orders WHERE id = 1120');
    query('CREATE UNIQUE INDEX one_of_the_last ON orders (status IS NULL) WHERE id >= 1119');
    await chooseRestore(/^Insert Missing/);
    await picker().getByRole('button', { name: 'OK' }).click();
    await dialog().waitFor();
    await dialog().getByRole('button', { name: 'Preview Changes' }).click();
    await dialog().getByText('The restore into Shop (SQLite) would fail.').waitFor();
    const failed = await dialog().innerText();
    await workbench.screenshot('preview-4-fails');
    assert.match(
      failed,
      /Preview failed in orders \(row 120\): UNIQUE constraint failed: index 'one_of_the_last'\. Nothing was changed\./,
    );
    assert.equal(count('orders'), 119);
  });

  it('undoes the last restore in one click and one answer, and says which later changes that loses', async () => {
    query('DROP INDEX one_of_the_last');
    await chooseRestore(/^Replace/);
    await picker().getByRole('button', { name: 'OK' }).click();
    await dialog().getByRole('button', { name: 'Restore' }).click();
    await workbench.notification(/Restored and verified 2 tables/);
    await workbench.runCommand('Notifications: Clear All Notifications');
    query(`UPDATE orders SET note = 'edited later' WHERE id IN (1001, 1002)`);
    query(`INSERT INTO orders (customer_id, ordered_at) VALUES (1, '2026-12-01')`);
    const title = workbench.page.locator('.pane-header').filter({ hasText: 'Backups' });
    await title.hover();
    await title.getByRole('button', { name: 'Undo Last Restore' }).click();
    await dialog().waitFor();
    const question = await dialog().innerText();
    await workbench.screenshot('preview-5-undo');
    assert.match(
      question,
      /Undo the restore of (orders, order_lines|order_lines, orders) in Shop \(SQLite\)\?/,
    );
    assert.match(question, /3 rows changed after that restore\. Undoing it loses those changes\./);
    await dialog().getByRole('button', { name: 'Undo Restore' }).click();
    await workbench.notification(/Restore undone/);
    assert.equal(count('orders'), 119);
  });

  it('names what can be undone by what it undoes', async () => {
    await workbench.runCommand('Restore Point: Undo Restore…');
    await row(/^Undo the undo of (orders, order_lines|order_lines, orders), \d+:\d\d/).waitFor();
    assert.match(
      await row(/^Undo restore of (orders, order_lines|order_lines, orders), \d+:\d\d/).innerText(),
      /Shop \(SQLite\)/,
    );
    await row(/^Undo restore of 5 tables, \d+:\d\d/).waitFor();
    await workbench.screenshot('preview-6-undo-list');
  });
});
