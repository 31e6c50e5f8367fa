import assert from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FrameLocator, Locator } from 'playwright-core';
import type { DatabaseAddress } from '../../src/core/connections.ts';
import { parseDatabaseUrl } from '../../src/engines/registry.ts';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { startPostgres, type PostgresServer } from '../support/postgresServer.ts';
import { itInAll } from '../support/sample.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { backUpDatabase, queryFile, widenSideBar } from './sampleShop.ts';
import { frontWebview, openWorkbench, type Workbench } from './workbench.ts';

describe('restoring, by clicking', () => {
  let scratch: OwnedFolder;
  let folder: string;
  let workbench: Workbench;
  let postgres: PostgresServer | undefined;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'shop');
    await makeSampleWorkspace(folder);
    const shop = { engine: 'sqlite', file: join(folder, 'shop.db') } as const;
    await backUp(shop, 'shop-old', 'shop');
    await backUp(shop, 'shop-new', 'shop');
    await backUp(shop, 'another', 'another');
    postgres = await startPostgres();
    await backUp(
      parseDatabaseUrl(postgres.url)!.address,
      'newest-of-all',
      'shop',
      parseDatabaseUrl(postgres.url)!.password,
    );
    await postgres.stop();
    workbench = await openWorkbench({ folder });
    await workbench.page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
    await widenSideBar(workbench);
    await item(/^Connection Shop/).waitFor();
  });

  after(async () => {
    await workbench?.close();
    await postgres?.stop();
    await scratch.remove();
  });

  afterEach(async () => {
    for (let closing = 0; closing < 3; closing++) await workbench.page.keyboard.press('Escape');
    await workbench.runCommand('Notifications: Clear All Notifications');
  });

  async function backUp(
    address: DatabaseAddress,
    name: string,
    connection: string,
    password?: string,
  ): Promise<void> {
    const file = join(folder, 'backups', `${name}.dbbackup`);
    await backUpDatabase(address, { file, connection }, password);
  }

  const query = (sql: string): unknown[] => queryFile(join(folder, 'shop.db'), sql);

  function item(spoken: RegExp): Locator {
    return workbench.page.getByRole('treeitem', { name: spoken }).first();
  }

  const picker = (): Locator => workbench.page.locator('.quick-input-widget').filter({ visible: true });
  const dialog = (): Locator => workbench.page.locator('.monaco-dialog-box');

  function row(text: RegExp): Locator {
    return picker().locator('.monaco-list-row').filter({ hasText: text }).first();
  }

  const notification = (text: RegExp): Promise<Locator> => workbench.notification(text);

  async function menu(of: Locator, entry: RegExp): Promise<void> {
    await of.click({ button: 'right' });
    const wanted = workbench.page.getByRole('menuitem', { name: entry });
    await wanted.waitFor();
    // A menu takes no click right after it was opened.
    await sleep(500);
    await wanted.click();
  }

  const viewer = (): FrameLocator => frontWebview(workbench.page);

  it('offers the newest backup of the connection first, and tells why another engine’s cannot be taken', async () => {
    await item(/^Backup newest-of-all/).click();
    await viewer().getByRole('heading', { name: 'postgres' }).waitFor();
    await menu(item(/^Connection Shop/), /^Restore Backup/);
    await row(/shop-new/).waitFor();
    await workbench.screenshot('restore-1-backups');
    const labels = await picker().locator('.quick-input-list-row:first-child .label-name').allInnerTexts();
    assert.deepEqual(labels, ['shop-new', 'shop-old', 'another', 'newest-of-all', 'Browse…']);
    assert.match((await picker().locator('.monaco-list-row.focused').innerText()).trim(), /^shop-new/);
    const separators = await picker().locator('.quick-input-list-separator').allInnerTexts();
    assert.deepEqual(separators.filter(Boolean), [
      'Taken from Shop (SQLite)',
      'Taken from other databases',
      'Cannot be restored into Shop (SQLite)',
    ]);
    await row(/newest-of-all/).click();
    await notification(/^This PostgreSQL \d[\d.]* backup cannot be restored into Shop \(SQLite\)\./);
    assert.ok(await row(/shop-new/).isVisible(), 'the list is still there');
    await row(/shop-new/).click();
    await row(/Insert Missing Rows/).waitFor();
  });

  it('leaves tables without a key out of Insert Missing, and goes on without those that are refused', async () => {
    query('DELETE FROM order_lines WHERE order_id > 1100');
    await menu(item(/^Backup shop-new/), /^Restore Backup/);
    await row(/^Insert Missing Rows/).click();
    await row(/^orders_audit/).waitFor();
    const audit = row(/^orders_audit/);
    assert.match(
      await audit.innerText(),
      /Only Replace can restore tables without a primary key or another unique key/,
    );
    assert.equal(
      await audit
        .getByRole('checkbox')
        .or(audit.locator('.monaco-checkbox'))
        .first()
        .getAttribute('aria-checked'),
      'false',
    );
    await workbench.screenshot('restore-2-tables');
    await audit.click();
    await picker().getByRole('button', { name: 'OK' }).click();
    const refused = await notification(/orders_audit: it has no primary key.*Nothing was changed/);
    await workbench.screenshot('restore-3-refused');
    await refused.getByRole('button', { name: 'Continue Without orders_audit' }).click();
    await dialog().waitFor();
    const summary = await dialog().innerText();
    assert.match(summary, /Restore 1 table into Shop/);
    assert.match(summary, /Not part of this restore: view order_totals\./);
    await workbench.screenshot('restore-4-summary');
    // Nothing is written before the answer, and the progress says so.
    const progress = workbench.page
      .locator('.notification-toast, .notifications-center')
      .filter({ hasText: /Restoring into Shop/ });
    assert.match(await progress.first().innerText(), /Checking what would change/);
    await dialog().getByRole('button', { name: 'Restore' }).click();
    await notification(/Restored and verified 1 table/);
    assert.deepEqual(
      query('SELECT count(*) AS n FROM order_lines').map((row) => ({ ...(row as object) })),
      [{ n: 288 }],
    );
  });

  itInAll('tells that a restore is undone, and offers no undo of that', async () => {
    query('DELETE FROM order_lines WHERE order_id > 1100');
    await menu(item(/^Backup shop-new/), /^Restore Backup/);
    await row(/^Replace/).click();
    // All tables, not only the one that differs.
    await row(/^customers/).waitFor();
    await picker().getByRole('checkbox').first().click();
    await picker().getByRole('button', { name: 'OK' }).click();
    await dialog().getByRole('button', { name: 'Restore' }).click();
    const restored = await notification(/Restored and verified 5 tables/);
    await restored.getByRole('button', { name: 'Undo Restore' }).click();
    await dialog().getByRole('button', { name: 'Undo Restore' }).click();
    const undone = await notification(/Restore undone: put back and verified 5 tables of Shop \(SQLite\) in/);
    await workbench.screenshot('restore-5-undone');
    assert.equal(await undone.getByRole('button', { name: 'Undo Restore' }).count(), 0);
    await undone.getByRole('button', { name: 'Show Log' }).waitFor();
  });

  it('offers to try again when the database is locked', async () => {
    const other = new DatabaseSync(join(folder, 'shop.db'));
    other.exec('BEGIN EXCLUSIVE');
    try {
      await menu(item(/^Connection Shop/), /^Back Up Database…/);
      const failed = await notification(
        /Backup failed.*database is locked.*No backup file was written.*try again/,
      );
      await workbench.screenshot('restore-6-locked');
      other.exec('ROLLBACK');
      await failed.getByRole('button', { name: 'Try Again' }).click();
      await notification(/Backed up 5 tables/);
    } finally {
      other.close();
    }
  });

  it('offers to salvage a damaged backup in place of restoring it', async () => {
    const file = join(folder, 'backups', 'worn.dbbackup');
    await copyFile(join(folder, 'backups', 'shop-new.dbbackup'), file);
    const bytes = await readFile(file);
    bytes[bytes.indexOf('schema.sql') + 40]! ^= 1;
    await writeFile(file, bytes);
    await item(/^Backup worn/).click();
    const view = viewer();
    await view.getByRole('button', { name: 'Restore…' }).waitFor();
    await view.getByRole('button', { name: 'Verify' }).click();
    const failed = await notification(/Verification failed.*schema\.sql.*The backup is damaged/);
    await failed.getByRole('button', { name: 'Salvage…' }).waitFor();
    await view
      .getByRole('alert')
      .getByText(/^The backup is damaged: .* \(schema\.sql\)$/)
      .waitFor();
    await workbench.screenshot('restore-7-damaged');
    assert.equal(await view.getByRole('button', { name: 'Restore…' }).count(), 0);
    await item(/^Unusable backup worn/).waitFor();
    await view.getByRole('button', { name: 'Salvage…' }).click();
    await picker().getByRole('textbox').first().waitFor();
    await workbench.screenshot('restore-8-salvage');
    await picker()
      .getByRole('button', { name: /^(OK|Salvage)$/ })
      .click();
    await notification(/Salvaged 787 of 787 rows into worn-salvaged\. No rows were lost/);
    await item(/^Backup worn-salvaged/).waitFor();
  });

  it('shows the table under a backup that is clicked', async () => {
    const backup = item(/^Backup another/);
    await backup.locator('.monaco-tl-twistie').click();
    const selected = (name: string): Locator =>
      viewer().getByRole('option', { name: new RegExp(`^${name}\\b`), selected: true });
    await item(/^Table order_lines, 288 rows/).click();
    await selected('order_lines').waitFor();
    // The viewer is open now, at another table.
    await item(/^Table products, 25 rows/).click();
    await selected('products').waitFor();
    await viewer().getByRole('gridcell', { name: 'NB-A5-DOT' }).waitFor();
    await backup.locator('.monaco-tl-twistie').click();
  });

  itInAll('backs a database file up from its menu in the Explorer', async () => {
    await copyFile(join(folder, 'shop.db'), join(folder, 'till.sqlite3'));
    await workbench.page
      .getByRole('tab', { name: /^Explorer/ })
      .locator('a')
      .click();
    const explorer = workbench.page.locator('.explorer-folders-view');
    await explorer.getByRole('treeitem', { name: 'till.sqlite3', exact: true }).click({ button: 'right' });
    await sleep(500);
    await workbench.screenshot('restore-9-explorer');
    await workbench.page.getByRole('menuitem', { name: /^Back Up Database/ }).click();
    await notification(/Backed up 5 tables/);
    await notification(/Added the connection till/);
    const settings = JSON.parse(await readFile(join(folder, '.vscode', 'settings.json'), 'utf8')) as Record<
      string,
      unknown[]
    >;
    assert.equal(settings['restorePoint.connections']?.length, 2);
  });

  it('keeps a log of errors in lines, without stacks', async () => {
    await workbench.runCommand('Restore Point: Show Log');
    const lines = workbench.page.locator('.part.panel .view-lines');
    await lines.getByText('failed').first().waitFor();
    await sleep(1000);
    const text = (await lines.innerText()).replaceAll('\u00a0', ' ');
    assert.match(text, /\[error\]/);
    assert.doesNotMatch(text, /^\s+at /m);
    await workbench.screenshot('restore-10-log');
  });
});
