import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { agedBackup } from '../support/agedBackups.ts';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { runCli } from '../support/cli.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { openWorkbench, type Workbench } from './workbench.ts';

describe('pruning backups, by clicking', () => {
  let scratch: OwnedFolder;
  let backups: string;
  let workbench: Workbench;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    const folder = join(scratch.path, 'shop');
    backups = join(folder, 'backups');
    const XDG_STATE_HOME = join(scratch.path, 'state');
    await makeSampleWorkspace(folder);
    const real = join(backups, 'today.dbbackup');
    const { code, stderr } = await runCli(['backup', 'sqlite:shop.db', '--out', real], {
      cwd: folder,
      env: { XDG_STATE_HOME },
    });
    assert.equal(code, 0, stderr);
    for (let day = 1; day <= 4; day++) {
      const state = join(XDG_STATE_HOME, 'restore-point');
      await agedBackup(real, join(backups, `day-${day}.dbbackup`), `2026-06-0${day}T12:00:00Z`, { state });
    }
    workbench = await openWorkbench({
      folder,
      env: { XDG_STATE_HOME },
      settings: { 'restorePoint.retention': { keepLast: 3, keepMonthly: 1 } },
    });
  });

  after(async () => {
    await workbench?.close();
    await scratch.remove();
  });

  const names = (): string[] => readdirSync(backups).sort();
  const widget = (): Locator => workbench.page.locator('.quick-input-widget');
  const row = (text: RegExp): Locator =>
    widget().locator('.monaco-list-row').filter({ hasText: text }).first();
  const dialog = (): Locator => workbench.page.locator('.monaco-dialog-box');
  const input = (): Locator => widget().locator('input:visible').last();

  it('asks for the rules, shows what goes and what stays, and deletes what is checked', async () => {
    await workbench.runCommand('Restore Point: Prune Backups…');
    await row(/Rules from the Settings.*last 3, monthly 1/).waitFor();
    await row(/Other Rules/).click();
    // The list is still there for a moment, and has an input of its own.
    await widget().getByText('Enter how many').waitFor();
    await input().fill('yearly 1');
    await workbench.page.keyboard.press('Enter');
    await widget().getByText('Write rules like these').waitFor();
    await input().fill('last 2');
    await workbench.page.keyboard.press('Enter');
    await row(/day-1/).waitFor();
    const checked = async (text: RegExp): Promise<boolean> =>
      (await row(text).getAttribute('aria-checked')) === 'true';
    for (const name of [/day-1/, /day-2/, /day-3/]) assert.equal(await checked(name), true, String(name));
    await row(/day-3.*day-4 is kept instead/s).waitFor();
    await row(/today.*last good backup of shop\.db · one of the last/s).waitFor();
    await workbench.screenshot('prune');
    // One that stays cannot be checked.
    await row(/last good backup/).click();
    await widget()
      .locator('.monaco-list-row[aria-checked="true"]')
      .filter({ hasText: /last good/ })
      .waitFor({ state: 'detached' });
    await widget().getByText('3 Selected').waitFor();
    assert.equal(await checked(/last good backup/), false);
    await row(/day-2/).click();
    await widget().getByText('2 Selected').waitFor();
    assert.equal(await checked(/day-2/), false);
    await workbench.page.keyboard.press('Enter');
    await dialog()
      .getByText(/Delete 2 backups \(.* KB\)\?/)
      .waitFor();
    await dialog().getByRole('button', { name: 'Cancel' }).click();
    await dialog().waitFor({ state: 'detached' });
    assert.equal(names().length, 5);
  });

  it('deletes by the rules of the settings', async () => {
    await workbench.runCommand('Restore Point: Prune Backups…');
    await row(/Rules from the Settings/).click();
    await row(/day-1/).waitFor();
    await workbench.page.keyboard.press('Enter');
    await dialog()
      .getByText(/Delete 2 backups/)
      .waitFor();
    await dialog().getByRole('button', { name: 'Move to Trash' }).click();
    // A machine without a trash asks again.
    const permanently = dialog().getByRole('button', { name: 'Delete Permanently' });
    const done = workbench.notification(/Deleted 2 backups \(.* KB\)\./);
    await Promise.race([done, permanently.waitFor().then(() => permanently.click())]);
    await done;
    assert.deepEqual(names(), ['day-3.dbbackup', 'day-4.dbbackup', 'today.dbbackup']);
    await workbench.runCommand('Notifications: Clear All Notifications');
    await workbench.runCommand('Restore Point: Prune Backups…');
    await row(/Rules from the Settings/).click();
    await workbench.notification(/Nothing to delete: all 3 backups stay/);
  });
});
