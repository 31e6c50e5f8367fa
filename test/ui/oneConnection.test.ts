import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FrameLocator, Locator } from 'playwright-core';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { backUpDatabase } from './sampleShop.ts';
import { frontWebview, openWorkbench, type Workbench } from './workbench.ts';

const passphrase = 'Pferd im Wald';

describe('commands where there is one connection', () => {
  let scratch: OwnedFolder;
  let folder: string;
  let workbench: Workbench;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'shop');
    await makeSampleWorkspace(folder);
    workbench = await openWorkbench({ folder });
    await workbench.page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
    await item(/^Connection Shop/).waitFor();
  });

  after(async () => {
    await workbench?.close();
    await scratch.remove();
  });

  const item = (spoken: RegExp): Locator => workbench.page.getByRole('treeitem', { name: spoken }).first();
  const question = (): Locator => workbench.page.locator('.quick-input-widget').filter({ visible: true });
  const panel = (): FrameLocator => frontWebview(workbench.page);

  const clean = async (): Promise<void> => {
    await workbench.runCommand('Notifications: Clear All Notifications');
    await workbench.runCommand('View: Close All Editors');
  };

  function changeShop(sql: string): void {
    const database = new DatabaseSync(join(folder, 'shop.db'), { timeout: 10_000 });
    database.exec(sql);
    database.close();
  }

  it('take it from the Command Palette: a backup, a comparison and lost rows need no question', async () => {
    await workbench.runCommand('Restore Point: Back Up Database…');
    await workbench.notification(/Backed up 5 tables/);
    assert.equal(readdirSync(join(folder, 'backups')).filter((name) => name.endsWith('.dbbackup')).length, 1);
    await clean();
    await workbench.runCommand('Restore Point: Compare with Latest Backup');
    await panel().getByText('Both sides are equal.', { exact: true }).waitFor();
    await clean();
    changeShop('DELETE FROM order_lines WHERE order_id < 1010');
    await workbench.runCommand('Restore Point: Bring Back Lost Rows…');
    await panel()
      .locator('.restore-bar p')
      .getByText(/rows return/)
      .waitFor();
    await clean();
    await workbench.runCommand('Restore Point: Test Connection');
    await workbench.notification(/Shop/);
    await clean();
  });

  it('Restore Table… asks for the passphrase of an encrypted backup, once', async () => {
    const address = { engine: 'sqlite', file: join(folder, 'shop.db') } as const;
    const file = join(folder, 'backups', 'shop-2999-01-01-000000.dbbackup.age');
    await backUpDatabase(address, { file, connection: 'shop', lock: { passphrase } });
    changeShop('DELETE FROM order_lines');
    await item(/^Connection Shop/).click();
    await item(/^Table order_lines/).click({ button: 'right' });
    const command = workbench.page.getByRole('menuitem', { name: 'Restore Table…' });
    await command.waitFor();
    // A menu takes no click right after it was opened.
    await sleep(500);
    await command.click();
    await question().getByText('This backup is encrypted. Enter its passphrase.').first().waitFor();
    await question().getByRole('textbox').fill(passphrase);
    await workbench.page.keyboard.press('Enter');
    await question()
      .locator('.monaco-list-row')
      .filter({ hasText: /^Replace/ })
      .click();
    const dialog = workbench.page.locator('.monaco-dialog-box');
    await dialog.getByText('order_lines: +263, ~0, −0').waitFor();
    await dialog.getByRole('button', { name: 'Restore' }).click();
    await workbench.notification(/Restored and verified 1 table/);
  });
});
