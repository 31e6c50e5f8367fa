import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Locator } from 'playwright-core';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { queryFile } from './sampleShop.ts';
import { frontWebview, openWorkbench, type Workbench } from './workbench.ts';

describe('tables and new databases, by clicking', () => {
  let scratch: OwnedFolder;
  let folder: string;
  let workbench: Workbench;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'shop');
    await makeSampleWorkspace(folder);
    workbench = await openWorkbench({ folder });
    await workbench.page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
    await menu(item(/^Connection Shop/), /^Back Up Database with Name/);
    await input('before migration 42');
    await input('Ask Ann first');
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

  const query = (sql: string, file = 'shop.db'): unknown[] => queryFile(join(folder, file), sql);

  const count = (table: string, file?: string): number =>
    Number((query(`SELECT count(*) AS n FROM ${table}`, file)[0] as { n: number }).n);

  function item(spoken: RegExp): Locator {
    return workbench.page.getByRole('treeitem', { name: spoken }).first();
  }

  const picker = (): Locator => workbench.page.locator('.quick-input-widget').filter({ visible: true });

  async function choose(text: RegExp): Promise<void> {
    await picker().locator('.monaco-list-row').filter({ hasText: text }).first().click();
  }

  /** Types into the prompt and accepts it. */
  async function input(text: string): Promise<void> {
    const box = picker().getByRole('textbox').first();
    await box.waitFor();
    await box.fill(text);
    await sleep(500);
    await box.press('Enter');
    await sleep(500);
  }

  /** The same in a dialog for a file: it first suggests a name, and takes no Enter while it looks at the folder. */
  async function saveAs(file: string): Promise<void> {
    const box = picker().getByRole('textbox').first();
    await box.waitFor();
    while (!/\.\w+$/.test(await box.inputValue())) await sleep(200);
    await input(file);
    while (await box.isVisible()) {
      await sleep(500);
      await box.press('Enter', { timeout: 2000 }).catch(() => 'it has closed meanwhile');
    }
  }

  async function menu(of: Locator, entry: RegExp): Promise<void> {
    await of.click({ button: 'right' });
    const wanted = workbench.page.getByRole('menuitem', { name: entry });
    await wanted.waitFor();
    // A menu takes no click right after it was opened.
    await sleep(500);
    await wanted.click();
  }

  it('shows the name that a backup was given, after its time', async () => {
    const label = await item(/^Backup /).innerText();
    await workbench.screenshot('tables-1-named');
    assert.match(label, /^\d+:\d\d.* · before migration 42/);
  });

  it('restores a table from its newest backup', async () => {
    query('DELETE FROM order_lines WHERE order_id > 1100');
    await item(/^Connection Shop/).click();
    await menu(item(/^Table order_lines,/), /^Restore Table/);
    await choose(/^Insert Missing/);
    const dialog = workbench.page.locator('.monaco-dialog-box');
    await dialog.waitFor();
    const summary = await dialog.innerText();
    await workbench.screenshot('tables-2-restore-table');
    assert.match(summary, /Restore 1 table into Shop/);
    assert.match(summary, /\norder_lines: \+\d+, ~0, −0/);
    await dialog.getByRole('button', { name: 'Restore' }).click();
    await workbench.notification(/Restored and verified 1 table/);
    assert.equal(count('order_lines'), 288);
  });

  it('exports a live table and one of a backup', async () => {
    await menu(item(/^Table products,/), /^Export/);
    await choose(/^CSV/);
    await workbench.page.getByText('Export products').first().waitFor();
    await workbench.screenshot('tables-3-export');
    await saveAs(join(folder, 'products.csv'));
    await workbench.notification(/Exported 25 rows of products \(.*\) in/);
    const lines = (await readFile(join(folder, 'products.csv'), 'utf8')).split('\r\n');
    assert.match(lines[0]!, /^id,sku,name,price/);
    await item(/^Connection Shop/)
      .locator('.monaco-tl-twistie')
      .click();
    await item(/^Backup /)
      .locator('.monaco-tl-twistie')
      .click();
    await menu(item(/^Table customers, 40 rows/), /^Export/);
    await choose(/^Django/);
    await input('shop');
    await saveAs(join(folder, 'customers.json'));
    const done = await workbench.notification(/Exported 40 rows of customers/);
    await done.getByRole('button', { name: 'Open File' }).click();
    await workbench.page.getByRole('tab', { name: /^customers\.json/ }).waitFor();
    const fixture = JSON.parse(await readFile(join(folder, 'customers.json'), 'utf8')) as { model: string }[];
    assert.equal(fixture[0]?.model, 'shop.customers');
  });

  it('restores into a new database, and adds a connection to it', async () => {
    query('DELETE FROM order_lines');
    await menu(item(/^Backup /), /^Restore into New Database/);
    await saveAs(join(folder, 'yesterday.db'));
    const done = await workbench.notification(/into the new database yesterday\.db in/);
    assert.equal(count('order_lines', 'yesterday.db'), 288);
    assert.equal(count('order_lines'), 0);
    await workbench.screenshot('tables-4-new-database');
    await done.getByRole('button', { name: 'Add Connection' }).click();
    await item(/^Connection yesterday/).waitFor();
    assert.ok(existsSync(join(folder, 'yesterday.db')));
  });

  it('copies a row of the viewer as JSON and as an INSERT', async () => {
    await workbench.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await item(/^Backup /).click();
    const viewer = frontWebview(workbench.page);
    // What its maker said of it is there, too.
    await viewer.getByText('before migration 42', { exact: true }).waitFor();
    await viewer.getByText('Ask Ann first', { exact: true }).waitFor();
    await viewer.getByRole('option', { name: /^products\b/ }).click();
    const copied: string[] = [];
    for (const form of ['JSON', 'INSERT']) {
      await viewer.locator('tbody tr').nth(1).locator('td').nth(1).click({ button: 'right' });
      const entry = workbench.page.getByRole('menuitem', { name: `Copy Row as ${form}` });
      await entry.waitFor();
      await sleep(500);
      if (form === 'JSON') await workbench.screenshot('tables-5-copy-row');
      await entry.click();
      await sleep(1000);
      copied.push(String(await workbench.page.evaluate('navigator.clipboard.readText()')));
    }
    const [product] = query('SELECT id, sku, name FROM products ORDER BY id LIMIT 1 OFFSET 1') as [
      { id: number; sku: string; name: string },
    ];
    const json = JSON.parse(copied[0]!) as Record<string, unknown>;
    assert.deepEqual([json['id'], json['sku'], json['name']], [product.id, product.sku, product.name]);
    assert.match(copied[1]!, /^INSERT INTO `products` \(.*\) VALUES\n\(/);
    assert.ok(copied[1]!.endsWith(';'));
    query('CREATE TABLE again AS SELECT * FROM products WHERE 0');
    query(copied[1]!.replace('`products`', 'again'));
    assert.deepEqual(query('SELECT * FROM again'), query(`SELECT * FROM products WHERE id = ${product.id}`));
  });
});
