import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { FrameLocator, Locator } from 'playwright-core';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { axeFindings } from './axe.ts';
import { unreadableTexts } from './pageChecks.ts';
import { backUpDatabase } from './sampleShop.ts';
import { frontWebview, openWorkbench, type Workbench } from './workbench.ts';

const rows = 5_000;

describe('the rows of a backup, found, sorted and filtered', () => {
  let scratch: OwnedFolder;
  let folder: string;
  let workbench: Workbench;
  let view: FrameLocator;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'workspace');
    await makeSampleWorkspace(folder);
    const database = new DatabaseSync(join(folder, 'stock.db'));
    database.exec(`
      CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL, size NUMERIC, note TEXT);
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
        INSERT INTO items SELECT i, 'Item ' || i, (i * 7919) % ${rows}, CASE WHEN i % 1000 = 0 THEN 'ÄPFEL ' || i END FROM n;
      CREATE TABLE other (id INTEGER PRIMARY KEY);
      INSERT INTO other VALUES (1);`);
    database.close();
    const address = { engine: 'sqlite', file: join(folder, 'stock.db') } as const;
    await backUpDatabase(address, { file: join(folder, 'stock.dbbackup') });
    workbench = await openWorkbench({ folder });
    await workbench.page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
    view = await open();
    await first('1').waitFor();
  });

  after(async () => {
    await workbench?.close();
    await scratch.remove();
  });

  async function open(): Promise<FrameLocator> {
    const { page } = workbench;
    await page.getByRole('treeitem', { name: /^Backup stock/ }).dblclick();
    const opened = frontWebview(page);
    await opened.locator('#viewer:not([aria-busy])').waitFor({ timeout: 30_000 });
    return opened;
  }

  const press = (key: string): Promise<void> => workbench.page.keyboard.press(key);
  /** The first row, once it has this number. */
  const first = (number: string): Locator =>
    view.locator('.grid tbody tr').first().getByRole('rowheader', { name: number, exact: true });
  const heading = (name: string): Locator => view.locator(`th[scope=col]:has(bdi:text-is("${name}"))`);
  const filter = (): Locator => view.getByRole('textbox', { name: 'Filter rows' });
  const status = (text: string): Promise<void> =>
    view.getByRole('status').getByText(text, { exact: true }).waitFor();
  const ids = (): Promise<string[]> => view.locator('.grid tbody tr td[aria-colindex="2"]').allInnerTexts();

  it('sorts by a click on a heading: up, down, and as in the backup', async () => {
    await heading('size').click();
    await first('5,000').waitFor();
    assert.equal(await heading('size').getAttribute('aria-sort'), 'ascending');
    await heading('size').click();
    await view.locator('th[aria-sort=descending]').waitFor();
    const sizes = await view.locator('.grid tbody tr td[aria-colindex="4"]').allInnerTexts();
    assert.deepEqual(sizes.slice(0, 3), ['4999', '4998', '4997']);
    await view.getByRole('button', { name: 'Next page' }).click();
    await view.getByText('101–200 of 5,000').waitFor();
    await workbench.screenshot('viewer-sorted');
    assert.deepEqual(await axeFindings(view), []);
    await heading('size').click();
    await first('1').waitFor();
    assert.equal(await view.locator('th[aria-sort]').count(), 0);
  });

  it('sorts with the keyboard alone', async () => {
    await view.getByRole('gridcell', { name: '1', exact: true }).first().focus();
    await press('ArrowUp');
    await press('ArrowRight');
    await press('Enter');
    await view.locator('th[aria-sort=ascending]').waitFor();
    assert.match(await view.locator('th[aria-sort]').innerText(), /^name/);
    assert.equal(await view.locator('th[aria-sort] button:focus').count(), 1);
    await press('Enter');
    await view.locator('th[aria-sort=descending]').waitFor();
    await press('Enter');
    await view.locator('th:not([aria-sort]) button:focus').waitFor();
    await first('1').waitFor();
    await press('ArrowDown');
    assert.equal(await view.locator('td:focus').innerText(), 'Item 1');
  });

  it('narrows the rows down, in all columns or in one', async () => {
    await filter().fill('äpfel');
    await status('5 of 5,000 rows');
    assert.deepEqual(await ids(), ['1000', '2000', '3000', '4000', '5000']);
    await first('1,000').waitFor();
    await workbench.screenshot('viewer-filtered');
    assert.deepEqual(await axeFindings(view), []);
    await heading('id').click();
    await heading('id').click();
    await first('5,000').waitFor();
    assert.deepEqual(await ids(), ['5000', '4000', '3000', '2000', '1000']);
    await press('Control+c');
    await filter().fill('1000');
    await status('2 of 5,000 rows');
    await view.getByRole('combobox', { name: 'Column to filter' }).selectOption('size');
    await status('1 of 5,000 rows');
    await filter().fill('nowhere');
    await view.getByText('No row contains “nowhere”.').waitFor();
    await filter().press('Escape');
    await first('5,000').waitFor();
    await heading('id').click();
    await first('1').waitFor();
    await view.getByRole('combobox', { name: 'Column to filter' }).selectOption('');
  });

  it('finds with Ctrl+F: next, previous, around the end, and closes', async () => {
    await view.getByRole('gridcell', { name: '1', exact: true }).first().focus();
    await press('Control+f');
    const box = view.getByRole('textbox', { name: 'Find in all rows' });
    await box.waitFor();
    await view.locator('.find input:focus').waitFor();
    await workbench.page.keyboard.type('ÄPFEL');
    await status('1 of 5 rows');
    await view.locator('td.match.current').getByText('ÄPFEL 1000').waitFor();
    await view.getByText('901–1,000 of 5,000').waitFor();
    await press('Enter');
    await status('2 of 5 rows');
    await press('Shift+Enter');
    await status('1 of 5 rows');
    await press('Shift+Enter');
    await status('5 of 5 rows');
    await view.locator('td.match.current').getByText('ÄPFEL 5000').waitFor();
    await workbench.screenshot('viewer-found');
    assert.deepEqual(await axeFindings(view), []);
    await box.fill('no such text');
    await status('No results');
    await workbench.screenshot('viewer-found-none');
    await press('Escape');
    await box.waitFor({ state: 'hidden' });
    assert.equal(await view.locator('td:focus').count(), 1);
  });

  it('finds among rows that are sorted and filtered', async () => {
    await filter().fill('Item 1');
    await status('1,111 of 5,000 rows');
    await heading('id').click();
    await heading('id').click();
    await first('1,999').waitFor();
    await press('Control+f');
    await view.getByRole('textbox', { name: 'Find in all rows' }).fill('item 10');
    await status('1 of 111 rows');
    await view.locator('td.match.current').getByText('Item 1099').waitFor();
    await press('F3');
    await view.locator('td.match.current').getByText('Item 1098').waitFor();
  });

  it('is as it was when its editor comes to the front again, and forgets it for another table', async () => {
    await workbench.runCommand('File: New Untitled Text File');
    await view.locator('#viewer').waitFor({ state: 'hidden' });
    view = await open();
    await status('1,111 of 5,000 rows');
    assert.equal(await filter().inputValue(), 'Item 1');
    await view.locator('th[aria-sort=descending]').waitFor();
    await view.getByRole('textbox', { name: 'Find in all rows' }).waitFor();
    await view.getByRole('option', { name: /^other/ }).click();
    await view.getByText('1 row', { exact: true }).first().waitFor();
    assert.equal(await filter().inputValue(), '');
    await view.getByRole('option', { name: /^items/ }).click();
    await first('1').waitFor();
  });

  it('is readable in every theme, and where it is narrow', async () => {
    const { page } = workbench;
    const size = page.viewportSize()!;
    for (const [theme, name] of [
      ['Default Light Modern', 'light'],
      ['Default Dark Modern', 'dark'],
      ['Default High Contrast', 'high-contrast'],
      ['Default High Contrast Light', 'high-contrast-light'],
    ] as const) {
      await writeFile(
        join(folder, '.vscode', 'settings.json'),
        JSON.stringify({ 'workbench.colorTheme': theme }),
      );
      await view.locator(`body.vscode-${name}`).waitFor();
      await filter().fill('äpfel');
      await heading('id').click();
      await status('5 of 5,000 rows');
      await press('Control+f');
      await view.getByRole('textbox', { name: 'Find in all rows' }).fill('pfel 3');
      await status('1 of 1 row');
      for (const width of [1440, 900]) {
        await page.setViewportSize({ width, height: size.height });
        await workbench.screenshot(`viewer-find-${name}-${width}`);
      }
      const texts = await view.locator('body').evaluate(unreadableTexts);
      assert.deepEqual(texts, []);
      await page.setViewportSize(size);
      await heading('id').click();
      await heading('id').click();
    }
  });
});
