import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { FrameLocator } from 'playwright-core';
import type { Lock } from '../../src/archive/encryption/keys.ts';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { backUpDatabase } from './sampleShop.ts';
import { frontWebview, openWorkbench, type Workbench } from './workbench.ts';
import { colorOf, isUncovered, unreadableTexts, widthsOf } from './pageChecks.ts';

const themes: Readonly<Record<string, string>> = {
  'vscode-dark': 'Default Dark Modern',
  'vscode-light': 'Default Light Modern',
  'vscode-high-contrast': 'Default High Contrast',
  'vscode-high-contrast-light': 'Default High Contrast Light',
};

describe('the cells of a backup', () => {
  let scratch: OwnedFolder;
  let folder: string;
  let workbench: Workbench;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'cells');
    await makeDatabase(folder);
    await backUp('cells.dbbackup');
    await backUp('locked.dbbackup.age', { passphrase: 'Pferd im Wald' });
    workbench = await openWorkbench({ folder, settings: { 'window.menuStyle': 'custom' } });
  });

  after(async () => {
    await workbench?.close();
    await scratch.remove();
  });

  async function makeDatabase(place: string): Promise<void> {
    await mkdir(join(place, '.vscode'), { recursive: true });
    const names = Array.from({ length: 40 }, (_, index) => `column_${index}`);
    const database = new DatabaseSync(join(place, 'cells.db'), { timeout: 10_000 });
    database.exec(`
      CREATE TABLE wide (${names.map((name) => `${name} INTEGER`).join(', ')});
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
      INSERT INTO wide SELECT ${names.map((_, index) => `i * 1000 + ${index}`).join(', ')} FROM n;
      CREATE TABLE narrow (id INTEGER PRIMARY KEY, word TEXT, n REAL, anything, day DATE);
      INSERT INTO narrow VALUES (1, 'seven' || char(9) || 'on', 2.5, 12, '2026-11-30'), (2, NULL, NULL, NULL, NULL),
        (3, printf('%.*c', 5000, 'x'), 1, 'a word', NULL);
      CREATE TABLE long (id INTEGER PRIMARY KEY, first TEXT, second TEXT, third TEXT, last INTEGER);
      INSERT INTO long VALUES (1, printf('%.*c', 45, 'a'), printf('%.*c', 45, 'b'), 'short', 123456);
      CREATE TABLE few (id INTEGER PRIMARY KEY, n INTEGER);
      INSERT INTO few VALUES (1, 10), (2, 20);`);
    database.close();
  }

  async function backUp(name: string, lock?: Lock): Promise<void> {
    const address = { engine: 'sqlite', file: join(folder, 'cells.db') } as const;
    await backUpDatabase(address, { file: join(folder, name), ...(lock ? { lock } : {}) });
  }

  const viewer = (): FrameLocator => frontWebview(workbench.page);

  async function open(name: string): Promise<FrameLocator> {
    await workbench.runCommand('Restore Point: Refresh');
    const { page } = workbench;
    await page.locator('.explorer-folders-view').getByRole('treeitem', { name, exact: true }).dblclick();
    await page.getByRole('tab', { name, selected: true }).waitFor();
    await viewer().locator('#viewer:not([aria-busy])').waitFor();
    return viewer();
  }

  async function show(name: string): Promise<FrameLocator> {
    const view = await open('cells.dbbackup');
    await view.getByRole('option', { name: new RegExp(`^${name}\\b`) }).click();
    await view.getByRole('grid', { name: `Rows of ${name}` }).waitFor();
    return view;
  }

  it('are never under the headings when the keys go to them', async () => {
    const view = await show('wide');
    const focused = view.locator('td:focus');
    await view.getByRole('gridcell', { name: '1000', exact: true }).click();
    for (const key of [
      'Control+End',
      'Control+Home',
      'Control+End',
      'Control+ArrowUp',
      'Control+ArrowLeft',
    ]) {
      await workbench.page.keyboard.press(key);
      assert.ok(await focused.evaluate(isUncovered), `${key} hides ${await focused.innerText()}`);
    }
    await workbench.page.keyboard.press('Control+End');
    for (let step = 0; step < 35; step++) {
      await workbench.page.keyboard.press(step % 2 === 0 ? 'ArrowLeft' : 'ArrowUp');
      assert.ok(await focused.evaluate(isUncovered), `step ${step} hides ${await focused.innerText()}`);
    }
  });

  it('are as wide as what they hold, also where there are few', async () => {
    const view = await show('few');
    const widths = await view.locator('thead th').evaluateAll(widthsOf);
    assert.ok(widths[0]! < 40, `the rows’ numbers are ${widths[0]} pixels wide`);
    assert.ok(widths[1]! < 110, `the first column is ${widths[1]} pixels wide`);
  });

  it('are narrower where that brings the last column into view', async () => {
    const view = await show('long');
    const last = view.getByRole('gridcell', { name: '123456', exact: true });
    assert.ok(await last.evaluate(isUncovered), 'the last column is in view');
    const [, , first, , third] = await view.locator('thead th').evaluateAll(widthsOf);
    assert.ok(first! > 180 && first! < 390, `a long text has ${first} pixels`);
    assert.ok(third! < 110, `a short one has ${third}`);
    await workbench.screenshot('cells-long');
  });

  it('count the characters of texts, not those of numbers, dates and NULLs', async () => {
    const view = await show('narrow');
    const counted = async (row: number, column: number): Promise<string> => {
      await view.locator('tbody tr').nth(row).locator('td').nth(column).click();
      return await view.locator('.value-head .dim').innerText();
    };
    await view.locator('tbody td').first().dblclick();
    assert.deepEqual(
      [
        await counted(0, 0),
        await counted(0, 1),
        await counted(0, 2),
        await counted(0, 3),
        await counted(0, 4),
      ],
      ['', '8 characters', '', '', ''],
    );
    assert.deepEqual([await counted(1, 1), await counted(2, 3)], ['', '6 characters']);
    await counted(2, 1);
    // All of a long value is read first.
    await view.locator('.value-head').getByText('5,000 characters', { exact: true }).waitFor();
  });

  it('offer Copy in their menu, which copies all of a value, and no Cut or Paste', async () => {
    const view = await show('narrow');
    await workbench.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const copied: unknown[] = [];
    for (const [row, column] of [
      [0, 0],
      [2, 1],
      [1, 1],
    ] as const) {
      await view.locator('tbody tr').nth(row).locator('td').nth(column).click({ button: 'right' });
      const copy = workbench.page.getByRole('menuitem', { name: /^Copy(?! Row)/ });
      await copy.waitFor();
      const entries = await workbench.page.getByRole('menuitem').allInnerTexts();
      assert.deepEqual(
        entries.filter((entry) => /cut|paste/i.test(entry)),
        [],
      );
      await workbench.page.waitForTimeout(500);
      if (row === 0) await workbench.screenshot('cells-menu');
      await copy.click();
      await workbench.page.waitForTimeout(700);
      copied.push(await workbench.page.evaluate('navigator.clipboard.readText()'));
    }
    assert.deepEqual(copied, ['1', 'x'.repeat(5000), 'NULL']);
  });

  it('can be read in every theme', async () => {
    for (const [kind, theme] of Object.entries(themes)) {
      await writeFile(
        join(folder, '.vscode', 'settings.json'),
        JSON.stringify({ 'workbench.colorTheme': theme }),
      );
      const view = await show('narrow');
      await view.locator(`body[data-vscode-theme-kind="${kind}"]`).waitFor();
      const nothing = view.locator('td.null').first();
      await nothing.dblclick();
      await view.locator('.value-pane .null').waitFor();
      const focused = await view.locator('body').evaluate(unreadableTexts);
      await workbench.screenshot(`cells-${kind}`);
      await view.getByRole('option', { name: /^narrow/ }).focus();
      await view.locator('tbody tr').nth(2).locator('td').first().hover();
      const others = await view.locator('body').evaluate(unreadableTexts);
      assert.deepEqual([...focused, ...others], [], theme);
    }
  });

  it('are not shown of an encrypted backup, which is no error', async () => {
    const { page } = workbench;
    const explorer = page.locator('.explorer-folders-view');
    await explorer.getByRole('treeitem', { name: 'locked.dbbackup.age', exact: true }).dblclick();
    await page.locator('.quick-input-widget').filter({ visible: true }).getByRole('textbox').press('Escape');
    const view = viewer();
    await view.getByRole('heading', { name: 'This backup is encrypted' }).waitFor();
    assert.equal(await view.getByRole('alert').count(), 0);
    const sign = await view.locator('.problem > .icon').evaluate(colorOf);
    const [red = 0, green = 0, blue = 0] = (sign.match(/\d+/g) ?? []).map(Number);
    assert.ok(Math.max(red, green, blue) - Math.min(red, green, blue) < 40, `the sign is grey, not ${sign}`);
    await workbench.screenshot('cells-locked');
    await view.getByRole('button', { name: 'Unlock…' }).click();
    await page.locator('.quick-input-widget').filter({ visible: true }).getByRole('textbox').waitFor();
    await page.keyboard.press('Escape');
  });
});
