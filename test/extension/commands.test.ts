import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { commandIds } from '../../src/ui/commands/commandIds.ts';
import { call, errorOf, useFreshShop } from './shop.ts';

describe('the extension', () => {
  useFreshShop();

  it('is a workspace extension that hands out nothing but what tests need, and registers its commands', async () => {
    const extension = vscode.extensions.getExtension('restore-point.restore-point');
    assert.ok(extension);
    assert.equal(extension.extensionKind, vscode.ExtensionKind.Workspace);
    const handedOut = Object.keys((await extension.activate()) as object).sort();
    assert.deepEqual(handedOut, ['clock', 'log', 'schedules', 'statusBar']);
    const registered = await vscode.commands.getCommands(true);
    for (const id of commandIds) assert.ok(registered.includes(id), id);
  });

  it('brings the licences of what is in it along', () => {
    const extension = vscode.extensions.getExtension('restore-point.restore-point')!;
    const { dependencies } = extension.packageJSON as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    const file = join(extension.extensionPath, 'dist', 'THIRD-PARTY-NOTICES.txt');
    const notices = readFileSync(file, 'utf8').split(/\n\n-{78}\n\n/);
    for (const notice of notices) assert.match(notice, /^\S+ [\d.]+ \(.+\)\n\n[^]*copyright/i);
    // The driver that is not bundled has a file of its own.
    for (const name of Object.keys(dependencies).filter((dependency) => dependency !== 'sqlite3'))
      assert.ok(
        notices.some((notice) => notice.startsWith(`${name} `)),
        name,
      );
  });

  it('opens the contents of a backup in its own editor, from the file alone', async () => {
    const { file } = await call<{ file: string }>('backUpDatabase', { connection: 'shop' });
    await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(file));
    const { input } = vscode.window.tabGroups.activeTabGroup.activeTab!;
    assert.ok(input instanceof vscode.TabInputCustom);
    assert.equal(input.viewType, 'restorePoint.contents');
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  it('refuses arguments that it does not understand', async () => {
    for (const [command, options] of [
      ['backUpTables', { connection: 'shop', tables: 'orders' }],
      ['backUpDatabase', { connection: 7 }],
      ['restoreBackup', { uri: 7, connection: 'shop' }],
      ['restoreBackup', { uri: '/a.dbbackup', connection: 'shop', tables: [], mode: 'overwrite' }],
      ['restoreBackup', { uri: vscode.Uri.parse('https://example.com/a.dbbackup'), connection: 'shop' }],
    ] as const) {
      assert.equal((await errorOf(call(command, options))).code, 'usage', command);
    }
  });

  it('ends a failing command in a message, and resolves with nothing', async () => {
    const options = { connection: 'nobody' };
    assert.equal(await vscode.commands.executeCommand('restorePoint.backUpDatabase', options), undefined);
  });
});
