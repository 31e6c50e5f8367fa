import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { FrameLocator, Locator } from 'playwright-core';
import type { DatabaseAddress } from '../../src/core/connections.ts';
import { parseDatabaseUrl } from '../../src/engines/registry.ts';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { startPostgres, type PostgresServer } from '../support/postgresServer.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { axeFindings } from './axe.ts';
import { backUpDatabase } from './sampleShop.ts';
import { frontWebview, openWorkbench, type Workbench } from './workbench.ts';

const stockTables = `
  CREATE TABLE shelves (id int PRIMARY KEY, place text NOT NULL);
  CREATE TABLE items (
    id bigserial PRIMARY KEY,
    shelf int NOT NULL REFERENCES shelves,
    price numeric(12, 4) NOT NULL,
    note jsonb
  );
  INSERT INTO shelves SELECT n, 'Aisle ' || n FROM generate_series(1, 20) n;
  INSERT INTO items (shelf, price, note)
    SELECT 1 + n % 20, n + 0.1234, '{"a": 1.0, "a": 2}' FROM generate_series(1, 300) n;`;

const stockDamage = `
  DELETE FROM items WHERE id BETWEEN 101 AND 160;
  UPDATE shelves SET place = upper(place) WHERE id > 15;`;

const shopDamage = `
  DELETE FROM order_lines WHERE rowid IN (SELECT rowid FROM order_lines ORDER BY order_id, line_no LIMIT 60);
  UPDATE customers SET city = upper(city) || '!' WHERE id > 35;`;

describe('bringing lost rows back, by clicking', () => {
  let scratch: OwnedFolder;
  let folder: string;
  let server: PostgresServer;
  let stock: pg.Client;
  let workbench: Workbench;
  let clicks = 0;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'shop');
    await makeSampleWorkspace(folder);
    mkdirSync(join(folder, 'backups'), { recursive: true });
    server = await startPostgres();
    stock = new pg.Client({ connectionString: server.url });
    await stock.connect();
    await stock.query(stockTables);
    const { address, password } = parseDatabaseUrl(server.url)!;
    await backUp({ engine: 'sqlite', file: join(folder, 'shop.db') }, 'shop');
    await backUp(address, 'stock', password);
    changeShop(shopDamage);
    await stock.query(stockDamage);
    const connections = [{ id: 'stock', name: 'Stock', url: '${env:STOCK_URL}' }];
    workbench = await openWorkbench({
      folder,
      settings: { 'restorePoint.connections': connections },
      env: { STOCK_URL: server.url },
    });
    await workbench.page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
    await item(/^Connection Shop/).waitFor();
  });

  after(async () => {
    await workbench?.close();
    await stock?.end();
    await server?.stop();
    await scratch.remove();
  });

  async function backUp(address: DatabaseAddress, connection: string, password?: string): Promise<void> {
    const file = join(folder, 'backups', `${connection}-good.dbbackup`);
    await backUpDatabase(address, { file, connection }, password);
  }

  function changeShop(sql: string): void {
    const database = new DatabaseSync(join(folder, 'shop.db'), { timeout: 10_000 });
    try {
      database.exec(sql);
    } finally {
      database.close();
    }
  }

  const item = (spoken: RegExp): Locator => workbench.page.getByRole('treeitem', { name: spoken }).first();
  const dialog = (): Locator => workbench.page.locator('.monaco-dialog-box');

  const panel = (): FrameLocator => frontWebview(workbench.page);

  async function click(on: Locator, button: 'left' | 'right' = 'left'): Promise<void> {
    await on.click({ button });
    clicks += 1;
  }

  /** Opens the menu of an item and clicks on the first entry of its restore group. */
  async function bringBack(of: Locator): Promise<void> {
    await click(of, 'right');
    const wanted = workbench.page.getByRole('menuitem', { name: 'Bring Back Lost Rows…' });
    await wanted.waitFor();
    // A menu takes no click right after it was opened.
    await sleep(500);
    await click(wanted);
  }

  const sentence = (text: string): Promise<void> =>
    panel().locator('.restore-bar p').getByText(text).waitFor();

  async function checkedTables(): Promise<string[]> {
    const rows = panel()
      .locator('.compared tbody tr')
      .filter({ has: workbench.page.locator('input:checked') });
    return await rows.locator('th').allInnerTexts();
  }

  async function compareAgain(says: string): Promise<void> {
    await panel().getByRole('button', { name: 'Compare Again' }).click();
    await panel().getByText(says, { exact: true }).waitFor();
  }

  const clean = async (): Promise<void> => {
    await workbench.runCommand('Notifications: Clear All Notifications');
    await workbench.runCommand('View: Close All Editors');
  };

  /** From the damage to the rows, and back by Undo. `picture` names the screenshots. */
  async function tellStory(from: Locator, database: string, tables: readonly string[], picture: string) {
    clicks = 0;
    await bringBack(from);
    // Nothing else is missing, which is known when related rows are counted.
    await sentence('60 rows return, 5 rows change back, nothing is deleted.');
    assert.deepEqual((await checkedTables()).sort(), [...tables].sort());
    await panel().getByRole('gridcell').first().waitFor();
    await workbench.screenshot(`lost-rows-${picture}-1-checked`);
    const restore = panel().getByRole('button', { name: 'Restore…' });
    await click(restore);
    await dialog().getByText('60 rows return, nothing is deleted').waitFor();
    await workbench.screenshot(`lost-rows-${picture}-2-summary`);
    await click(dialog().getByRole('button', { name: 'Restore' }));
    // Opening the menu, and three: the command, the button, the answer.
    assert.equal(clicks, 1 + 3);
    const restored = await workbench.notification(new RegExp(`Restored and verified 65 rows of ${database}`));
    await panel().getByText('Both sides are equal.', { exact: true }).waitFor();
    assert.deepEqual(await checkedTables(), []);
    assert.equal(await restore.getAttribute('aria-disabled'), 'true');
    await restored.getByRole('button', { name: 'Undo Restore' }).click();
    await dialog().getByRole('button', { name: 'Undo Restore' }).click();
    await workbench.notification(/Restore undone: put back and verified 65 rows/);
    await compareAgain('65 rows differ.');
    await clean();
  }

  it('takes three clicks from a backup of SQLite to its rows, and one more to undo it', async () => {
    await tellStory(item(/^Backup shop-good/), 'Shop', ['customers', 'order_lines'], 'sqlite');
  });

  it('takes three clicks from a connection to PostgreSQL to the rows of its latest backup', async () => {
    await tellStory(item(/^Connection Stock/), 'Stock', ['public.items', 'public.shelves'], 'postgres');
  });

  it('takes the rows of one table only, from the table', async () => {
    await item(/^Connection Shop/).click();
    await item(/^Table order_lines,/).waitFor();
    await bringBack(item(/^Table order_lines,/));
    await sentence('60 rows return,');
    assert.deepEqual(await panel().locator('.compared tbody th').allInnerTexts(), ['order_lines']);
    assert.deepEqual(await axeFindings(panel()), []);
    await clean();
  });

  it('leaves rows that only the database has as they are, and says when no row is lost', async () => {
    changeShop("INSERT INTO products (id, sku, name, price) VALUES (900, 'NEW-1', 'New lamp', 12)");
    await bringBack(item(/^Connection Shop/));
    await sentence('60 rows return, 5 rows change back, nothing is deleted.');
    assert.deepEqual((await checkedTables()).sort(), ['customers', 'order_lines']);
    await panel().getByRole('button', { name: 'Restore…' }).click();
    await dialog().getByRole('button', { name: 'Restore' }).click();
    await workbench.notification(/Restored and verified 65 rows of Shop/);
    await panel().getByText('1 row differs.', { exact: true }).waitFor();
    await clean();
    await bringBack(item(/^Backup shop-good/));
    await workbench.notification(/Nothing to bring back: Shop \(SQLite\) has every compared row/);
    await sentence('Check the rows that you want back.');
    await workbench.screenshot('lost-rows-3-nothing');
    await clean();
  });

  it('offers to restore whole tables that are missing', async () => {
    changeShop('DROP VIEW order_totals; DROP TABLE order_lines');
    await bringBack(item(/^Backup shop-good/));
    const missing = await workbench.notification(/Missing in Shop \(SQLite\): order_lines\./);
    await missing.getByRole('button', { name: 'Restore Tables…' }).click();
    const picker = workbench.page.locator('.quick-input-widget');
    await picker
      .locator('.monaco-list-row')
      .filter({ hasText: /^Replace/ })
      .click();
    // The test has taken the backup with another list of own backups than the workbench has.
    await dialog().getByRole('button', { name: 'Run Statements' }).click();
    await dialog().getByText('Replace 1 table').or(dialog().getByText('Restore 1 table')).first().waitFor();
    await workbench.screenshot('lost-rows-4-missing');
    await dialog().getByRole('button', { name: 'Restore' }).click();
    await workbench.notification(/Restored and verified 1 table/);
    await clean();
  });
});
