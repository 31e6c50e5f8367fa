import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { Locator } from 'playwright-core';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { type PostgresServer, startPostgres } from '../support/postgresServer.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { openWorkbench, type Workbench } from './workbench.ts';

describe('what a backup asks, by clicking', () => {
  let scratch: OwnedFolder;
  let folder: string;
  let server: PostgresServer;
  let workbench: Workbench;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'shop');
    await makeSampleWorkspace(folder);
    server = await startPostgres();
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    await client.query('CREATE TABLE notes (id int PRIMARY KEY)');
    await client.end();
    const { port } = server;
    const asking = { id: 'asking', name: 'Asking', engine: 'postgres', host: '127.0.0.1', port };
    const connections = [{ ...asking, database: 'postgres', user: 'postgres' }];
    workbench = await openWorkbench({ folder, settings: { 'restorePoint.connections': connections } });
  });

  after(async () => {
    await workbench?.close();
    await server?.stop();
    await scratch.remove();
  });

  const widget = (): Locator => workbench.page.locator('.quick-input-widget');
  const title = async (expected: RegExp): Promise<void> =>
    void (await widget().locator('.quick-input-title').filter({ hasText: expected }).waitFor());

  async function choose(label: RegExp): Promise<void> {
    const row = widget().locator('.monaco-list-row').filter({ hasText: label }).first();
    await row.waitFor();
    await row.click();
  }

  async function back(): Promise<void> {
    await widget().getByRole('button', { name: 'Back' }).click();
  }

  async function type(text: string): Promise<void> {
    const input = widget().locator('input:visible').last();
    await input.fill(text);
    await workbench.page.keyboard.press('Enter');
  }

  const backups = (): string[] => {
    try {
      return readdirSync(join(folder, 'backups')).filter((name) => !name.startsWith('.'));
    } catch {
      return [];
    }
  };

  async function backedUp(count: number): Promise<void> {
    await workbench.notification(/Backed up/);
    assert.equal(backups().length, count);
    await workbench.runCommand('Notifications: Clear All Notifications');
  }

  it('tables and rows: every step can go back, and a typo in a condition is told where it is typed', async () => {
    await workbench.runCommand('Restore Point: Back Up Tables…');
    await title(/Back Up Tables \(1\/3\)/);
    await choose(/Shop \(SQLite\)/);
    await title(/\(2\/3\)/);
    await back();
    await title(/\(1\/3\)/);
    await choose(/Shop \(SQLite\)/);
    await widget().locator('.monaco-list-row').filter({ hasText: 'customers' }).first().click();
    await workbench.page.keyboard.press('Enter');
    await title(/\(3\/3\)/);
    await choose(/Rows That Match a Condition/);
    await title(/\(4\/4\)/);
    await type('idd = 1');
    await widget()
      .getByText(/no such column: idd/)
      .waitFor();
    await back();
    await title(/\(3\/4\)/);
    await choose(/Rows That Match a Condition/);
    await title(/\(4\/4\)/);
    await type('id = 1');
    await backedUp(1);
  });

  it('an encrypted one: the passphrase twice, and whether it is remembered, with Back', async () => {
    await workbench.runCommand('Restore Point: Back Up Database, Encrypted…');
    await title(/Back Up Database, Encrypted/);
    await choose(/Shop \(SQLite\)/);
    await title(/\(2\/4\)/);
    await back();
    await title(/\(1\//);
    await choose(/Shop \(SQLite\)/);
    await title(/\(2\/4\)/);
    await type('a long passphrase');
    await title(/\(3\/4\)/);
    await type('a long passphrase');
    await title(/\(4\/4\)/);
    await choose(/Don't Save/);
    await backedUp(2);
    // It was not saved: the next one asks again.
    await workbench.runCommand('Restore Point: Back Up Database, Encrypted…');
    await choose(/Shop \(SQLite\)/);
    await title(/\(2\/4\)/);
    await workbench.page.keyboard.press('Escape');
  });

  it('a password that is missing, where it is needed', async () => {
    await workbench.runCommand('Restore Point: Back Up Schema…');
    await choose(/Asking/);
    await widget()
      .getByText(/requires a password for postgres/)
      .waitFor();
    await type('wrong');
    await widget()
      .getByText(/password for postgres is wrong/)
      .waitFor();
    await type(server.password);
    await choose(/Remember on This Machine/);
    await title(/Back Up Schema \(2\/2\)/);
    await choose(/public/);
    await backedUp(3);
  });
});
