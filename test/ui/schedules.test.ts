import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { silentLogger } from '../../src/core/logger.ts';
import { RunLock } from '../../src/schedule/runLock.ts';
import { runKey, RunRecords } from '../../src/schedule/runRecord.ts';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { widenSideBar } from './sampleShop.ts';
import { openWorkbench, type Workbench } from './workbench.ts';

interface Settings {
  readonly [name: string]: unknown;
  readonly 'restorePoint.connections': readonly Readonly<Record<string, unknown>>[];
}

/** The tests are one story: each goes on where the one before it ended. */
describe('scheduled backups, by clicking', () => {
  let scratch: OwnedFolder;
  let folder: string;
  let state: string;
  let workbench: Workbench;
  let clicks = 0;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'shop');
    const XDG_STATE_HOME = join(scratch.path, 'state');
    state = join(XDG_STATE_HOME, 'restore-point');
    await makeSampleWorkspace(folder);
    workbench = await openWorkbench({ folder, env: { XDG_STATE_HOME } });
    await workbench.page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
    await widenSideBar(workbench);
  });

  after(async () => {
    await workbench?.close();
    await scratch.remove();
  });

  const settingsFile = (): string => join(folder, '.vscode', 'settings.json');
  const settings = async (): Promise<Settings> =>
    JSON.parse(await readFile(settingsFile(), 'utf8')) as Settings;
  const change = async (edit: (settings: Settings) => Settings): Promise<void> =>
    await writeFile(settingsFile(), JSON.stringify(edit(await settings()), null, 2));
  const addConnection = (item: Readonly<Record<string, unknown>>): Promise<void> =>
    change((old) => ({ ...old, 'restorePoint.connections': [...old['restorePoint.connections'], item] }));
  const connection = async (id: string): Promise<Readonly<Record<string, unknown>>> =>
    (await settings())['restorePoint.connections'].find((item) => item.id === id)!;
  const backups = async (): Promise<string[]> => await readdir(join(folder, 'backups'));

  const widget = (): Locator => workbench.page.locator('.quick-input-widget');
  const row = (text: RegExp): Locator =>
    widget().locator('.monaco-list-row').filter({ hasText: text }).first();
  const status = (): Locator => workbench.page.locator('.statusbar-item[id$="restorePoint.backups"]');
  const warning = (): Locator =>
    workbench.page.locator('.statusbar-item.warning-kind[id$="restorePoint.backups"]');
  const click = async (what: Locator): Promise<void> => {
    await what.waitFor();
    await what.click();
    clicks++;
  };
  const quiet = async (): Promise<void> => {
    await workbench.page.keyboard.press('Escape');
    await workbench.runCommand('Notifications: Clear All Notifications');
    await workbench.page.mouse.move(700, 300);
  };

  /** A picture in each theme of what is open; `prepare` opens it anew, as a change of the theme may close it. */
  async function inBothThemes(name: string, prepare: () => Promise<void>): Promise<void> {
    for (const [theme, kind] of [
      ['Dark', 'vs-dark'],
      ['Light', 'vs'],
    ] as const) {
      await change((old) => ({ ...old, 'workbench.colorTheme': `Default ${theme} Modern` }));
      await workbench.page.locator(`.monaco-workbench.${kind}`).waitFor();
      await prepare();
      await workbench.screenshot(`${name}-${theme.toLowerCase()}`);
    }
  }

  const hoverStatus = async (text: RegExp): Promise<void> => {
    await workbench.page.mouse.move(700, 300);
    await status().hover();
    await workbench.page.locator('.monaco-hover:visible').filter({ hasText: text }).waitFor();
  };

  it('six clicks in the menu of a connection write a daily schedule', async () => {
    const { page } = workbench;
    const shop = page.getByRole('treeitem', { name: /^Connection Shop/ }).first();
    await shop.waitFor();
    assert.equal(await status().count(), 0);
    await shop.click({ button: 'right' });
    clicks++;
    const entry = page.getByRole('menuitem', { name: /^Schedule Backups/ });
    await entry.waitFor();
    await workbench.screenshot('schedules-1-menu');
    await click(entry);
    await row(/^Daily/).waitFor();
    await workbench.screenshot('schedules-2-how-often');
    await click(row(/^Daily/));
    await widget().getByText('At what time?').waitFor();
    const input = widget().locator('input:visible').last();
    await input.fill('25:00');
    await page.keyboard.press('Enter');
    await widget().getByText('It needs a time between 00:00 and 23:59.').waitFor();
    await workbench.screenshot('schedules-3-wrong-time');
    await input.fill('03:00');
    await page.keyboard.press('Enter');
    clicks++;
    await row(/^The Last 10/).waitFor();
    await workbench.screenshot('schedules-4-keep');
    await click(row(/^The Last 10/));
    await row(/Save Schedule/).waitFor();
    await workbench.screenshot('schedules-5-save');
    await click(row(/Save Schedule/));
    await workbench.notification(/Backups of Shop \(SQLite\) are scheduled: daily 03:00/);
    await workbench.screenshot('schedules-6-saved');
    assert.deepEqual(await connection('shop'), {
      id: 'shop',
      name: 'Shop (SQLite)',
      engine: 'sqlite',
      file: '${workspaceFolder}/shop.db',
      schedule: { when: 'daily 03:00', retention: { keepLast: 10 } },
    });
    assert.equal(clicks, 6);
    // The time of a daily schedule has not come yet.
    await status().getByText('Shop (SQLite): no backup').waitFor();
    await quiet();
  });

  it('the status bar tells how old the last backup is, and when the next one is taken', async () => {
    await click(status());
    await click(row(/Back Up Shop \(SQLite\) Now/));
    await status()
      .getByText(/Shop \(SQLite\): (just now|1 min\. ago)/)
      .waitFor();
    assert.equal((await backups()).length, 1);
    assert.equal(await warning().count(), 0);
    await inBothThemes('schedules-7-fresh', () =>
      hoverStatus(/Last backup: .*Next backup: .*\(daily 03:00\)/s),
    );
  });

  it('a failure is told once, stays in the status bar with its reason, and Retry mends it', async () => {
    const { page } = workbench;
    await addConnection({
      id: 'reports',
      name: 'Reports',
      engine: 'sqlite',
      file: 'reports.db',
      schedule: 'every hour',
    });
    await workbench.notification(/scheduled backup of Reports failed/);
    await workbench.screenshot('schedules-8-failure');
    await quiet();
    await warning().getByText('Reports: backup failed').waitFor();
    await inBothThemes('schedules-9-failed', () =>
      hoverStatus(/Failed at .*M: reports\.db: .*No backup yet.*Next attempt/s),
    );
    await inBothThemes('schedules-10-status', async () => {
      await page.keyboard.press('Escape');
      await status().click();
      await row(/Retry Backup of Reports.*Failed at .*M: reports\.db: The file does not exist/s).waitFor();
    });
    await copyFile(join(folder, 'shop.db'), join(folder, 'reports.db'));
    await row(/Retry/).click();
    await warning().waitFor({ state: 'detached' });
    assert.equal((await backups()).length, 2);
  });

  it('a backup that should have been taken long ago is overdue', async () => {
    // Another window has begun it, and shows no result.
    await mkdir(join(folder, 'old'));
    const file = join(folder, 'old', 'archive.db');
    await copyFile(join(folder, 'shop.db'), file);
    const key = runKey({
      folder: join(folder, 'backups'),
      connection: 'archive',
      target: JSON.stringify(['sqlite', file, undefined, undefined, undefined]),
    });
    const records = new RunRecords(state, silentLogger);
    const day = 24 * 60 * 60_000;
    await records.write(key, {
      schedule: 'every hour',
      since: Date.now() - 9 * day,
      lastRun: Date.now() - 2 * day,
    });
    const release = await new RunLock(records.folder, key).take();
    assert.ok(release);
    try {
      await addConnection({
        id: 'archive',
        name: 'Archive',
        engine: 'sqlite',
        file: 'old/archive.db',
        schedule: 'every hour',
      });
      await warning().getByText('Archive: backup overdue').waitFor();
      await inBothThemes('schedules-11-overdue', () => hoverStatus(/Overdue since .*every hour/));
    } finally {
      await release();
    }
    await status().click();
    await row(/Back Up Archive Now/).click();
    for (const until = Date.now() + 30_000; (await backups()).length < 3 && Date.now() < until;)
      await workbench.page.waitForTimeout(200);
    assert.equal((await backups()).length, 3);
    await warning().waitFor({ state: 'detached' });
  });

  it('three clicks in the status bar turn a schedule off', async () => {
    clicks = 0;
    await click(status());
    await click(row(/Change Schedule of Shop \(SQLite\)….*daily 03:00/s));
    await row(/Turn Off Schedule/).waitFor();
    await workbench.screenshot('schedules-12-turn-off');
    assert.match((await widget().locator('.monaco-list-row.focused').innerText()).trim(), /^Daily/);
    await click(row(/Turn Off Schedule/));
    await workbench.notification(/Backups of Shop \(SQLite\) are no longer scheduled/);
    assert.equal(clicks, 3);
    assert.equal((await connection('shop')).schedule, undefined);
  });
});
