import assert from 'node:assert/strict';
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { ImportReport } from '../../../src/ui/commands/importConnections.ts';
import { call } from '../shop.ts';

describe('Import Connections in a workspace of two folders', () => {
  const folders = vscode.workspace.workspaceFolders!.map(({ uri }) => uri.fsPath);
  const settingsOf = (folder: string): Promise<string> =>
    readFile(join(folder, '.vscode', 'settings.json'), 'utf8');

  it('saves each connection in the settings of the folder that names it', async () => {
    const [first, second] = folders as [string, string];
    const before = await Promise.all(folders.map(settingsOf));
    await copyFile(join(second, 'shop.db'), join(second, 'other.db'));
    await writeFile(join(first, '.env'), 'DATABASE_URL=postgres://localhost/of_first\n');
    try {
      const { imported } = await call<ImportReport>('importConnections', { all: true });
      assert.deepEqual([...imported].sort(), ['of_first', 'other']);
      assert.match(await settingsOf(first), /"database": "of_first"/);
      assert.match(await settingsOf(second), /"file": "\$\{workspaceFolder\}\/other\.db"/);
      assert.doesNotMatch(await settingsOf(first), /other\.db/);
    } finally {
      for (const connection of ['of_first', 'other']) {
        await call('removeConnection', { connection, confirmed: true });
      }
      await rm(join(first, '.env'));
      await rm(join(second, 'other.db'));
    }
    assert.deepEqual(await Promise.all(folders.map(settingsOf)), before);
  });
});
