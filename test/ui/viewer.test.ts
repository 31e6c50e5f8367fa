import assert from 'node:assert/strict';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { FrameLocator } from 'playwright-core';
import type { Lock } from '../../src/archive/encryption/keys.ts';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { backUpDatabase } from './sampleShop.ts';
import { frontWebview, openWorkbench, type Workbench } from './workbench.ts';

/** How long an editor may take to show a file, in milliseconds: the extension loads after the workbench is shown. */
const patience = 30_000;

const hostileTable = `"><img src=x onerror="alert(1)">`;
const hostileColumn = '<script>alert(2)</script>';
const hostileValue = `<svg onload=alert(3)>'\u202Eetareil\u0000`;

const passphrase = 'Pferd im Wald';

describe('contents of a backup', () => {
  let scratch: OwnedFolder;
  let folder: string;
  let workbench: Workbench;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'workspace');
    await makeSampleWorkspace(folder);
    await backUp('shop.db', 'shop.dbbackup');
    makeHostileDatabase(join(folder, 'hostile.db'));
    await backUp('hostile.db', 'hostile.dbbackup');
    const shop = await readFile(join(folder, 'shop.dbbackup'));
    await writeFile(join(folder, 'cut.dbbackup'), shop.subarray(0, -100));
    await backUp('shop.db', 'locked.dbbackup.age', { passphrase });
    workbench = await openWorkbench({ folder });
  });

  after(async () => {
    await workbench?.close();
    await scratch.remove();
  });

  async function backUp(database: string, file: string, lock?: Lock): Promise<void> {
    const address = { engine: 'sqlite', file: join(folder, database) } as const;
    await backUpDatabase(address, { file: join(folder, file), ...(lock ? { lock } : {}) });
  }

  const viewer = (): FrameLocator => frontWebview(workbench.page);

  /** Opens a file from the Explorer. */
  async function open(name: string): Promise<FrameLocator> {
    const { page } = workbench;
    const until = Date.now() + patience;
    const tab = page.getByRole('tab', { name, selected: true });
    for (;;) {
      await page.locator('.explorer-folders-view').getByRole('treeitem', { name, exact: true }).dblclick();
      await tab.waitFor();
      const shown = viewer().locator('#viewer:not([aria-busy])');
      const binary = page.locator('.monaco-editor-pane-placeholder');
      await Promise.any([shown, binary].map((either) => either.waitFor({ timeout: patience })));
      if (await shown.isVisible()) return viewer();
      if (Date.now() > until) throw new Error(`${name} was not opened in the viewer.`);
      // VS Code did not know the extension yet.
      await workbench.runCommand('View: Close Editor');
    }
  }

  function table(view: FrameLocator, name: string) {
    return view.getByRole('option', { name: new RegExp(`^${name}\\b`) });
  }

  it('shows the rows, page by page, and a value as a whole', async () => {
    const view = await open('shop.dbbackup');
    await view.getByRole('heading', { name: 'shop.db' }).waitFor();
    assert.match(await view.locator('.facts').innerText(), /5 tables, 787 rows/);
    await table(view, 'orders').click();
    const rows = view.getByRole('grid').locator('tbody tr');
    await view.getByRole('gridcell', { name: '1001', exact: true }).waitFor();
    assert.equal(await rows.count(), 100);
    assert.match(await view.locator('.range').innerText(), /^1–100 of 120$/);
    await view.getByRole('button', { name: 'Next page' }).click();
    await view.getByRole('gridcell', { name: '1120', exact: true }).waitFor();
    assert.equal(await rows.count(), 20);
    assert.equal(await rows.first().locator('th').innerText(), '101');
    assert.equal(await view.getByRole('button', { name: 'Next page' }).getAttribute('aria-disabled'), 'true');

    await view.getByRole('button', { name: 'Previous page' }).click();
    await view.getByRole('gridcell', { name: '1001', exact: true }).focus();
    for (let row = 1; row < 13; row++) await workbench.page.keyboard.press('ArrowDown');
    await workbench.page.keyboard.press('End');
    await workbench.page.keyboard.press('Enter');
    assert.equal(
      await view.locator('.value-content').innerText(),
      'Ring twice.\nSecond floor, door on the left.',
    );
    assert.match(await view.locator('.value-head').innerText(), /note, row 13/);
    await workbench.screenshot('viewer-rows');
  });

  it('asks for the passphrase of an encrypted backup until it opens it', async () => {
    const { page } = workbench;
    const name = 'locked.dbbackup.age';
    const explorer = page.locator('.explorer-folders-view');
    await explorer.getByRole('treeitem', { name, exact: true }).dblclick();
    const input = page.locator('.quick-input-widget').filter({ visible: true }).getByRole('textbox');
    await input.waitFor();
    assert.equal(await input.getAttribute('type'), 'password');
    await input.press('Escape');
    const view = viewer();
    await view.getByRole('heading', { name: 'This backup is encrypted' }).waitFor();
    await view.getByRole('button', { name: 'Unlock…' }).click();
    await input.fill('Pferd im Feld');
    await input.press('Enter');
    await page.getByText('This passphrase does not open the backup.').first().waitFor();
    await input.fill(passphrase);
    await input.press('Enter');
    await table(view, 'orders').click();
    await view.getByRole('gridcell', { name: '1001', exact: true }).waitFor();
    await workbench.screenshot('viewer-encrypted');
    // It was not saved: a backup that is opened again asks again.
    await workbench.runCommand('View: Close Editor');
    await explorer.getByRole('treeitem', { name, exact: true }).dblclick();
    await page.getByText('This backup is encrypted. Enter its passphrase.').first().waitFor();
    await input.press('Escape');
    await viewer().getByRole('heading', { name: 'This backup is encrypted' }).waitFor();
    await workbench.runCommand('View: Close Editor');
  });

  it('shows columns and statements', async () => {
    const view = await open('shop.dbbackup');
    await table(view, 'order_lines').click();
    await view.getByRole('tab', { name: 'Columns' }).click();
    const row = view.locator('.columns tbody tr').nth(2);
    assert.deepEqual(
      (await row.locator('th, td').allInnerTexts()).map((text) => text.trim()),
      [...['product_id', 'INTEGER', '', 'Yes', '', 'products (id)']],
    );
    await workbench.screenshot('viewer-columns');
    await view.getByRole('tab', { name: 'SQL' }).click();
    const statements = view.locator('.statement pre');
    assert.match(
      (await statements.allInnerTexts()).join('\n'),
      /^CREATE TABLE order_lines \([^]*CREATE INDEX/,
    );
    await workbench.screenshot('viewer-sql');
  });

  it('is as it was left when its editor comes to the front again', async () => {
    let view = await open('shop.dbbackup');
    await table(view, 'order_lines').click();
    await view.getByRole('tab', { name: 'Rows' }).click();
    await view.getByRole('textbox', { name: 'Page' }).fill('3');
    await workbench.page.keyboard.press('Enter');
    await view.getByRole('rowheader', { name: '288', exact: true }).waitFor();
    await open('cut.dbbackup');
    view = await open('shop.dbbackup');
    await view.getByRole('rowheader', { name: '288', exact: true }).waitFor();
    assert.match((await view.locator('.list-item[aria-selected=true]').innerText()).trim(), /^order_lines/);
  });

  it('shows hostile names and values as text', async () => {
    const dialogs: string[] = [];
    workbench.page.on('dialog', (dialog) => {
      dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    const view = await open('hostile.dbbackup');
    const item = view.getByRole('option').first();
    assert.match(await item.innerText(), /^"""><img src=x onerror=""alert\(1\)"">"/);
    const heading = view.getByRole('columnheader').nth(1);
    assert.match(await heading.innerText(), /<script>alert\(2\)<\/script>/);
    const cells = view.getByRole('gridcell');
    assert.deepEqual(await cells.allInnerTexts(), [`<svg onload=alert(3)>'⟨202E⟩etareil␀`, 'NULL', '']);
    assert.deepEqual(await view.locator('td.null').allInnerTexts(), ['NULL']);
    for (const tab of ['Columns', 'SQL', 'Rows']) {
      await view.getByRole('tab', { name: tab }).click();
      await view.locator('.panel > *').first().waitFor();
      assert.equal(
        await view.locator('#viewer').locator('img, script, svg[onload], iframe, a, style').count(),
        0,
      );
    }
    assert.deepEqual(dialogs, []);
    await workbench.screenshot('viewer-hostile');
  });

  it('says what is wrong with a damaged file, and what to do', async () => {
    const view = await open('cut.dbbackup');
    const text = await view.locator('#viewer').innerText();
    assert.match(text, /This backup cannot be used/);
    assert.match(text, /its end is missing/);
    assert.match(text, /Use another backup file/);
    await workbench.screenshot('viewer-damaged');
  });

  it('follows the file: replaced, gone, and back', async () => {
    const file = join(folder, 'live.dbbackup');
    await backUp('hostile.db', 'live.dbbackup');
    const view = await open('live.dbbackup');
    await view.getByRole('heading', { name: 'hostile.db' }).waitFor();
    await backUp('shop.db', 'next.dbbackup');
    await rename(join(folder, 'next.dbbackup'), file);
    await view.getByRole('heading', { name: 'shop.db' }).waitFor();
    await rm(file);
    await view.getByRole('heading', { name: 'This file no longer exists' }).waitFor();
    await backUp('hostile.db', 'live.dbbackup');
    await view.getByRole('heading', { name: 'hostile.db' }).waitFor();
  });

  it('verifies the backup at the press of its button', async () => {
    const view = await open('shop.dbbackup');
    await view.getByRole('button', { name: 'Verify' }).click();
    await workbench.page.getByText('shop.dbbackup is intact: 5 tables, 787 rows').first().waitFor();
  });

  it('stays in shape where it is narrow, and in a light theme', async () => {
    const { page } = workbench;
    await writeFile(
      join(folder, '.vscode', 'settings.json'),
      JSON.stringify({ 'workbench.colorTheme': 'Default Light Modern' }),
    );
    const view = await open('shop.dbbackup');
    await view.locator('body.vscode-light').waitFor();
    await workbench.screenshot('viewer-light');
    const size = page.viewportSize()!;
    await page.setViewportSize({ width: 760, height: size.height });
    await view.getByRole('combobox', { name: 'Tables' }).selectOption({ label: 'products (25 rows)' });
    await view.getByRole('gridcell', { name: 'NB-A5-DOT' }).waitFor();
    const tooWide = await view.locator('#viewer').evaluate((viewer: unknown) => {
      const { scrollWidth, clientWidth } = viewer as { scrollWidth: number; clientWidth: number };
      return scrollWidth - clientWidth;
    });
    assert.equal(tooWide, 0);
    await workbench.screenshot('viewer-narrow');
    await page.setViewportSize(size);
  });
});

function makeHostileDatabase(file: string): void {
  const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
  const database = new DatabaseSync(file, { timeout: 10_000 });
  const columns = `${quote(hostileColumn)} TEXT DEFAULT '</pre><script>alert(4)</script>', "__proto__" TEXT, "" TEXT`;
  database.exec(`CREATE TABLE ${quote(hostileTable)} (${columns})`);
  database.prepare(`INSERT INTO ${quote(hostileTable)} VALUES (?, NULL, '')`).run(hostileValue);
  database.close();
}
