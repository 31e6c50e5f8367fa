import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FrameLocator, Locator } from 'playwright-core';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { backUpDatabase } from './sampleShop.ts';
import { frontWebview, openWorkbench, type Workbench } from './workbench.ts';

/**
 * A cloned repository whose settings lead to a server, to a database file, and to a folder outside the workspace. VS Code
 * trusts every workspace in which it runs extension tests; so this is the workbench, with the extension installed.
 */
describe('Restricted Mode', () => {
  let scratch: OwnedFolder;
  let folder: string;
  let outside: string;
  let server: Server;
  let connections = 0;
  let workbench: Workbench;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'cloned');
    outside = join(scratch.path, 'outside');
    await makeSampleWorkspace(folder);
    await backUp(join(folder, 'in-repository.dbbackup'));
    await mkdir(outside);
    await backUp(join(outside, 'elsewhere.dbbackup'));
    server = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await writeFile(
      join(folder, '.vscode', 'settings.json'),
      JSON.stringify({
        'restorePoint.backupFolder': outside,
        'restorePoint.connections': [
          { id: 'stolen', url: `postgres://me@127.0.0.1:${port}/db`, passwordEnv: 'HOME' },
          { id: 'shop', name: 'Shop', engine: 'sqlite', file: '${workspaceFolder}/shop.db' },
        ],
      }),
    );
    const mine = join(scratch.path, 'mine.db');
    const settings = { 'restorePoint.connections': [{ id: 'mine', engine: 'sqlite', file: mine }] };
    workbench = await openWorkbench({ folder, settings, restricted: true });
    await workbench.page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
    await item(/^Backup in-repository/).waitFor();
  });

  after(async () => {
    await workbench?.close();
    server?.close();
    await scratch.remove();
  });

  afterEach(async () => {
    await workbench.page.keyboard.press('Escape');
    await workbench.runCommand('Notifications: Clear All Notifications');
  });

  const backUp = (file: string): Promise<void> =>
    backUpDatabase({ engine: 'sqlite', file: join(folder, 'shop.db') }, { file, connection: 'shop' });

  function item(spoken: RegExp): Locator {
    return workbench.page.getByRole('treeitem', { name: spoken }).first();
  }

  const notification = (text: RegExp): Promise<Locator> => workbench.notification(text);

  const viewer = (): FrameLocator => frontWebview(workbench.page);

  it('shows no connection, uses no setting of the workspace, and says why', async () => {
    await workbench.page.getByText('This workspace is in Restricted Mode').first().waitFor();
    await workbench.runCommand('Restore Point: Refresh');
    await sleep(1000);
    await workbench.screenshot('restricted-1-views');
    assert.equal(await workbench.page.getByRole('treeitem', { name: /^Connection/ }).count(), 0);
    assert.equal(await workbench.page.getByRole('treeitem', { name: /elsewhere/ }).count(), 0);
  });

  it('shows what is in a backup, and verifies it', async () => {
    await item(/^Backup in-repository/).click();
    await viewer()
      .getByRole('option', { name: /^orders\b/ })
      .click();
    await viewer().getByRole('gridcell', { name: '1001', exact: true }).waitFor();
    await viewer().getByRole('button', { name: 'Verify' }).click();
    await notification(/in-repository\.dbbackup is intact: 5 tables, 787 rows/);
    await workbench.screenshot('restricted-2-verified');
    await viewer().getByRole('button', { name: 'Show Statements' }).click();
    await workbench.page.locator('.view-lines').getByText('-- trigger: orders_keep_audit').waitFor();
  });

  it('refuses every command that needs a database, before anything is asked', async () => {
    for (const [command, operation] of [
      ['Back Up Database…', 'Backup'],
      ['Back Up Schema…', 'Backup'],
      ['Back Up Tables…', 'Backup'],
      ['Back Up Database, Encrypted…', 'Backup'],
      ['Restore Backup…', 'Restore'],
      ['Undo Restore…', 'Undo'],
      ['Test Connection', 'The connection test'],
      ['Import Connections…', 'Importing connections'],
    ]) {
      await workbench.runCommand(`Restore Point: ${command}`);
      const refused = await notification(
        new RegExp(`${operation} failed: This workspace is in Restricted Mode.*No connection was made`),
      );
      await refused.getByRole('button', { name: 'Manage Workspace Trust' }).waitFor();
      await workbench.runCommand('Notifications: Clear All Notifications');
    }
    assert.equal(connections, 0, 'nobody connected');
    assert.deepEqual(await readdir(outside), ['elsewhere.dbbackup']);
    assert.deepEqual((await readdir(scratch.path)).sort(), ['cloned', 'outside']);
  });

  it('ends when the workspace is trusted: then its settings count', async () => {
    const { page } = workbench;
    await workbench.runCommand('Workspaces: Manage Workspace Trust');
    await page.getByRole('button', { name: 'Trust', exact: true }).click();
    // The page about trust covers everything else.
    await page.locator('.monaco-modal-editor-block .codicon-close').last().click();
    await item(/^Connection Shop/).waitFor();
    await item(/^Backup elsewhere/).waitFor();
    await item(/^Connection stolen/)
      .locator('.monaco-tl-twistie')
      .click();
    for (let tries = 0; connections === 0 && tries < 100; tries++) await sleep(100);
    assert.ok(connections > 0, 'the server is where the settings say');
    await workbench.screenshot('restricted-3-trusted');
  });
});
