import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { agedBackup } from '../support/agedBackups.ts';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { runCli } from '../support/cli.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { widenSideBar } from './sampleShop.ts';
import { frontWebview, openWorkbench, type Workbench } from './workbench.ts';

describe('the picture in the README', () => {
  let scratch: OwnedFolder;
  let workbench: Workbench;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    const folder = join(scratch.path, 'shop');
    const backups = join(folder, 'backups');
    const XDG_STATE_HOME = join(scratch.path, 'state');
    await makeSampleWorkspace(folder);
    const cli = async (...words: string[]): Promise<void> => {
      const { code, stderr } = await runCli(words, { cwd: folder, env: { XDG_STATE_HOME } });
      assert.equal(code, 0, stderr);
    };
    const state = join(XDG_STATE_HOME, 'restore-point');
    /** Named as usual, after the database and the time. Resolves to the file. */
    const take = async (minutesAgo: number, ...words: string[]): Promise<string> => {
      const real = join(backups, 'real.dbbackup');
      await cli('backup', 'shop', '--trust-settings', '--out', real, ...words);
      const time = new Date(Date.now() - minutesAgo * 60_000).toISOString();
      const name = `shop-${time.slice(0, 19).replaceAll(':', '').replace('T', '-')}.dbbackup`;
      const file = await agedBackup(real, join(backups, name), time, { state });
      await rm(real);
      return file;
    };
    await take(50 * 60, '--tables', 'orders');
    await cli('prove', await take(28 * 60, '--name', 'before migration 42'));
    await take(2);
    workbench = await openWorkbench({ folder, env: { XDG_STATE_HOME } });
  });

  after(async () => {
    await workbench?.close();
    await scratch.remove();
  });

  it('shows a connection with its tables, backups by day, and the contents of one', async () => {
    const { page } = workbench;
    const item = (spoken: RegExp): Locator => page.getByRole('treeitem', { name: spoken }).first();
    await page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
    await widenSideBar(workbench);
    await item(/^Connection Shop/).click();
    await item(/^Table orders,/).waitFor();
    await item(/^Table customers,/).click();
    await item(/^Column email,/).waitFor();
    await item(/before migration 42/).waitFor();
    await item(/^Backup shop-/).click();
    const viewer = frontWebview(page);
    await viewer.getByRole('option', { name: /^customers\b/ }).click();
    await viewer.getByText('Amélie Lefèvre').waitFor();
    await page.locator('.statusbar-item').getByText('Shop (SQLite): ').waitFor();
    // Off everything that shows a hover.
    await page.mouse.move(1000, 890);
    await page.waitForTimeout(500);
    await workbench.screenshot('readme');
  });
});
