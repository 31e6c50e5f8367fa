import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FrameLocator, Locator } from 'playwright-core';
import type { Manifest } from '../../src/core/manifest.ts';
import { agedBackup } from '../support/agedBackups.ts';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { partsOf } from '../support/damage.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { axeFindings } from './axe.ts';
import { unreadableTexts } from './pageChecks.ts';
import { backUpDatabase } from './sampleShop.ts';
import { frontWebview, openWorkbench, type Workbench } from './workbench.ts';

describe('the history of the backups of a connection', () => {
  let scratch: OwnedFolder;
  let folder: string;
  let workbench: Workbench;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'shop');
    await makeSampleWorkspace(folder);
    mkdirSync(join(folder, 'backups'), { recursive: true });
    await makeBackups();
    workbench = await openWorkbench({ folder });
    await workbench.page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
    await workbench.page.getByRole('treeitem', { name: /^Connection Shop/ }).waitFor();
  });

  after(async () => {
    await workbench?.close();
    await scratch.remove();
  });

  /** One a day for twenty days, each with some rows more; on the fifteenth day, most orders are gone. */
  async function makeBackups(): Promise<void> {
    const address = { engine: 'sqlite', file: join(folder, 'shop.db') } as const;
    const real = join(folder, 'backups', 'real.dbbackup');
    await backUpDatabase(address, { file: real, connection: 'shop' });
    const { tables } = JSON.parse(
      partsOf(await readFile(real))
        .at(-1)!
        .data.toString(),
    ) as Manifest;
    for (let day = 1; day <= 20; day += 1) {
      const lost = (name: string): boolean => day >= 15 && name === 'orders';
      const changed = tables.map((table) => ({
        ...table,
        rows: lost(table.table.name.name) ? 40 : Math.round(table.rows * (1 + day / 30)),
      }));
      const name = `shop-2026-11-${String(day).padStart(2, '0')}-030000.dbbackup`;
      await agedBackup(
        real,
        join(folder, 'backups', name),
        `2026-11-${String(day).padStart(2, '0')}T03:00:00Z`,
        {
          changes: { tables: changed },
        },
      );
    }
    await rm(real);
  }

  const panel = (): FrameLocator => frontWebview(workbench.page);

  const chart = (): Locator => panel().getByRole('slider');

  it('opens from the connection, and says what was lost and when', async () => {
    await workbench.page.getByRole('treeitem', { name: /^Connection Shop/ }).click({ button: 'right' });
    const entry = workbench.page.getByRole('menuitem', { name: 'Show Backup History' });
    await entry.waitFor();
    // VS Code takes no notice of a click right after the menu opened.
    await sleep(300);
    await entry.click();
    await chart().waitFor();
    assert.match(await panel().locator('.history-head').innerText(), /20 backups, from /);
    const losses = panel().locator('.losses li');
    assert.equal(await losses.count(), 1);
    assert.match(await losses.innerText(), /^orders lost [\d,]+ rows \(\d+\s?%\) in shop-2026-11-15-030000$/);
    assert.equal(await panel().locator('path.lost').count(), 1);
    await workbench.screenshot('history-1');
  });

  it('shows the exact numbers of a backup, by pointing and by keys', async () => {
    await panel().locator('.chart rect.band').nth(14).hover();
    const chosen = panel().locator('.chosen');
    assert.match(
      await chosen.innerText(),
      /shop-2026-11-15-030000[\s\S]*orders: 40 rows \([\d,]+ rows lost\)/,
    );
    await chart().press('ArrowLeft');
    assert.match(await chosen.innerText(), /shop-2026-11-14-030000/);
    assert.match(
      (await chart().getAttribute('aria-valuetext')) ?? '',
      /^shop-2026-11-14-030000, .*orders [\d,]+ rows/,
    );
    await chart().press('Home');
    assert.match(await chosen.innerText(), /shop-2026-11-01-030000/);
    await chart().press('End');
    assert.match(await chosen.innerText(), /shop-2026-11-20-030000/);
  });

  it('has all numbers as a table, newest first', async () => {
    const rows = panel().getByRole('table').getByRole('row');
    assert.equal(await rows.count(), 21);
    assert.match(await rows.nth(1).innerText(), /^shop-2026-11-20-030000/);
    assert.match(await rows.nth(6).innerText(), /^shop-2026-11-15-030000.*\b40 \([\d,]+ rows lost\)/);
  });

  it('shows the tables that are checked, those with the largest loss first', async () => {
    const boxes = panel().getByRole('checkbox');
    assert.equal(
      await boxes.first().evaluate((box) => (box as unknown as { checked: boolean }).checked),
      true,
    );
    assert.match(await panel().locator('.legend li').first().innerText(), /orders/);
    const lines = panel().locator('.chart').nth(1).locator('path.line');
    const before = await lines.count();
    await boxes.first().uncheck();
    assert.equal(await lines.count(), before - 1);
    assert.equal(await panel().locator('path.lost').count(), 0);
    await panel().getByRole('checkbox').first().check();
    assert.equal(await lines.count(), before);
  });

  it('can be read in every theme and width', async () => {
    const themes = [
      ['Default Dark Modern', 'vscode-dark'],
      ['Default Light Modern', 'vscode-light'],
      ['Default High Contrast', 'vscode-high-contrast'],
      ['Default High Contrast Light', 'vscode-high-contrast-light'],
    ] as const;
    const file = join(folder, '.vscode', 'settings.json');
    const known = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    for (const [theme, kind] of themes) {
      await writeFile(file, JSON.stringify({ ...known, 'workbench.colorTheme': theme }));
      await panel().locator(`body[data-vscode-theme-kind="${kind}"]`).waitFor();
      for (const width of [1440, 900]) {
        await workbench.page.setViewportSize({ width, height: 900 });
        await chart().waitFor();
        await workbench.screenshot(`history-${kind}-${width}`);
        assert.deepEqual(await axeFindings(panel()), [], theme);
        assert.deepEqual(await panel().locator('body').evaluate(unreadableTexts), [], theme);
      }
    }
    await workbench.page.setViewportSize({ width: 1440, height: 900 });
  });

  it('shows the contents of the chosen backup, and compares it', async () => {
    await chart().press('End');
    await panel().getByRole('button', { name: 'Compare with Database…' }).waitFor();
    await chart().press('Enter');
    await workbench.page.getByRole('tab', { name: /shop-2026-11-20-030000\.dbbackup/ }).waitFor();
  });
});
