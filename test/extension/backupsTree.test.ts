import assert from 'node:assert/strict';
import { mkdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { backupNameOf } from '../../src/backup/backupFiles.ts';
import type { BackupReport } from '../../src/backup/takeBackup.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { engineById } from '../../src/engines/registry.ts';
import { BackupIndex } from '../../src/ui/backups/backupIndex.ts';
import type { BackupNode, BackupsNode } from '../../src/ui/tree/backupNodes.ts';
import { BackupsTree } from '../../src/ui/tree/backupsTree.ts';
import { backupFolder, call, errorOf, filesInBackupFolder, useFreshShop, workspaceFolder } from './shop.ts';

describe('the tree of backups', () => {
  useFreshShop();
  let index: BackupIndex;
  let tree: BackupsTree;

  beforeEach(() => {
    index = new BackupIndex(engineById, silentLogger);
    tree = new BackupsTree(index);
  });

  afterEach(() => {
    tree.dispose();
    index.dispose();
  });

  async function backUp(name: string, tables?: readonly string[]): Promise<BackupReport> {
    const file = join(backupFolder, name);
    return tables
      ? await call('backUpTables', { connection: 'shop', tables, file })
      : await call('backUpDatabase', { connection: 'shop', file });
  }

  const nameOf = (node: BackupsNode): string =>
    node.kind === 'backup' ? backupNameOf(node.backup.file) : '';

  const labelOf = (node: BackupsNode): string => tree.getTreeItem(node).label as string;

  async function labels(): Promise<unknown[]> {
    return (await tree.getChildren()).map(nameOf);
  }

  /** Resolves when the tree holds what is expected; the test's own time limit ends the wait. */
  async function untilListed(expected: readonly string[]): Promise<void> {
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        const listener = tree.onDidChangeTreeData(() => (listener.dispose(), resolve()));
      });
      if (JSON.stringify(await labels()) === JSON.stringify(expected)) return;
      await changed;
    }
  }

  it('is empty where there are no backups', async () => {
    assert.deepEqual(await tree.getChildren(), []);
  });

  it('lists backups, newest first, with what is in them', async () => {
    await backUp('a.dbbackup', ['orders', 'customers']);
    await backUp('shop-all.dbbackup');
    const nodes = await tree.getChildren();
    assert.deepEqual(
      nodes.map((node) => String(tree.getTreeItem(node).description).replace(/[\d.]+ KB/, 'n KB')),
      ['shop-all · 5 tables · 787 rows · n KB', 'a · part: customers, orders · 160 rows · n KB'],
    );
    assert.deepEqual(await labels(), ['shop-all', 'a']);
    assert.deepEqual(
      nodes.map((node) => (tree.getTreeItem(node).iconPath as vscode.ThemeIcon).id),
      ['archive', 'list-selection'],
    );
    for (const node of nodes) assert.match(labelOf(node), /^\d+:\d\d/);
    const tables = await tree.getChildren(nodes[1]);
    assert.deepEqual(
      tables.map((node) => [tree.getTreeItem(node).label, tree.getTreeItem(node).description]),
      [
        ['customers', '40 rows'],
        ['orders', '120 rows'],
      ],
    );
    assert.equal(tree.getParent(tables[0]!), nodes[1]);
    assert.equal(await tree.nodeOf(join(backupFolder, 'a.dbbackup')), nodes[1]);
  });

  it('leads with the time and the name that a backup was given, and has its note', async () => {
    await call('backUpDatabase', {
      connection: 'shop',
      name: 'before\u202e migration 42',
      note: 'Ask <b>Ann</b>',
    });
    const [node] = await tree.getChildren();
    const { description, tooltip } = tree.getTreeItem(node!);
    assert.match(labelOf(node!), /^\d+:\d\d.* · before⟨202E⟩ migration 42$/);
    // The file's name says nothing more.
    assert.match(String(description), /^5 tables · 787 rows · /);
    assert.ok(tooltip instanceof vscode.MarkdownString);
    assert.match(tooltip.value, /^\*\*before⟨202E⟩ migration 42\*\*\n\nAsk \\<b\\>Ann/);
    const long = await errorOf(call('backUpDatabase', { connection: 'shop', name: 'n'.repeat(101) }));
    assert.equal(long.code, 'usage');
  });

  it('groups the backups of several databases', async () => {
    const groups = new BackupsTree(index, ({ file }) =>
      file.includes('shop') ? { key: 'one', name: 'Shop' } : undefined,
    );
    await backUp('shop-1.dbbackup');
    await backUp('other.dbbackup');
    await mkdir(backupFolder, { recursive: true });
    await writeFile(join(backupFolder, 'foreign.dbbackup'), 'CREATE TABLE a (b int);');
    const nodes = await groups.getChildren();
    const items = nodes.map((node) => groups.getTreeItem(node));
    assert.deepEqual(
      items.map(({ label, description }) => [label, description]),
      [
        ['shop.db', '1 backup'],
        ['Shop', '1 backup'],
        ['Encrypted or damaged', '1 backup'],
      ],
    );
    const [child] = await groups.getChildren(nodes[1]);
    assert.equal(nameOf(child!), 'shop-1');
    assert.equal(groups.getParent(child!), nodes[1]);
    groups.dispose();
  });

  it('renames a file, and none over another', async () => {
    const { file } = await backUp('a.dbbackup');
    await backUp('b.dbbackup');
    const taken = await errorOf(call('renameBackup', { uri: file, name: 'b' }));
    assert.match(taken.message, /already a file with this name/);
    for (const name of ['../c', '', 'c/d', '.c']) {
      assert.equal((await errorOf(call('renameBackup', { uri: file, name }))).code, 'usage', name);
    }
    await call('renameBackup', { uri: file, name: 'before migration 42' });
    assert.deepEqual((await labels()).sort(), ['b', 'before migration 42']);
  });

  it('pins a backup with a file that goes where the backup goes', async () => {
    const { file } = await backUp('a.dbbackup');
    const itemOf = async (): Promise<vscode.TreeItem> => tree.getTreeItem((await tree.getChildren())[0]!);
    const watched = new Promise<void>((resolve) => tree.onDidChangeTreeData(() => resolve()));
    await call('pinBackup', { uri: file });
    await watched;
    const item = await itemOf();
    assert.equal(item.contextValue, 'backup pinned sound');
    assert.match(String(item.description), /^pinned · a · 5 tables/);
    assert.equal((item.iconPath as vscode.ThemeIcon).id, 'pinned');
    await call('renameBackup', { uri: file, name: 'b' });
    assert.deepEqual((await filesInBackupFolder()).sort(), ['b.dbbackup', 'b.dbbackup.pinned']);
    const renamed = join(backupFolder, 'b.dbbackup');
    await call('unpinBackup', { uri: renamed });
    assert.deepEqual(await filesInBackupFolder(), ['b.dbbackup']);
    assert.equal((await itemOf()).contextValue, 'backup sound');
    await call('pinBackup', { uri: renamed });
    await call('deleteBackup', { uri: renamed, confirmed: true });
    assert.deepEqual(await filesInBackupFolder(), []);
    assert.equal((await errorOf(call('pinBackup', { uri: renamed }))).code, 'file');
  });

  it('lists a damaged and a foreign file with the reason, and offers no restore for them', async () => {
    const { file } = await backUp('whole.dbbackup');
    await mkdir(backupFolder, { recursive: true });
    await writeFile(join(backupFolder, 'foreign.dbbackup'), 'CREATE TABLE a (b int);');
    const nodes = (await tree.getChildren()) as BackupNode[];
    const foreign = nodes.find(({ backup }) => backup.file !== file);
    assert.ok(foreign);
    const item = tree.getTreeItem(foreign);
    assert.match(String(item.description), /^Not a Restore Point backup, or the file is damaged/);
    assert.equal(item.contextValue, 'backup damaged');
    assert.equal(item.collapsibleState, vscode.TreeItemCollapsibleState.None);
    assert.deepEqual(await tree.getChildren(foreign), []);
  });

  it('finds backups anywhere in the workspace, but not what is not its own', async () => {
    await backUp('../elsewhere/deep/b.dbbackup');
    await mkdir(join(workspaceFolder, 'node_modules', 'x'), { recursive: true });
    await writeFile(join(workspaceFolder, 'node_modules', 'x', 'c.dbbackup'), '');
    try {
      assert.deepEqual(await labels(), ['b']);
    } finally {
      await rm(join(workspaceFolder, 'elsewhere'), { recursive: true });
      await rm(join(workspaceFolder, 'node_modules'), { recursive: true });
    }
  });

  it('finds backups in a folder outside the workspace that the settings name', async () => {
    const outside = join(workspaceFolder, '..', 'outside');
    const settings = vscode.workspace.getConfiguration('restorePoint');
    await settings.update('backupFolder', outside, vscode.ConfigurationTarget.Global);
    try {
      const { file } = await call<BackupReport>('backUpDatabase', { connection: 'shop' });
      assert.ok(file.startsWith(join(workspaceFolder, '..')) && !file.startsWith(workspaceFolder), file);
      assert.equal((await tree.getChildren()).length, 1);
    } finally {
      await settings.update('backupFolder', undefined, vscode.ConfigurationTarget.Global);
      await rm(outside, { recursive: true, force: true });
    }
  });

  it('follows the file system', async () => {
    await untilListed([]);
    const { file } = await backUp('a.dbbackup');
    await untilListed(['a']);
    await rename(file, join(backupFolder, 'b.dbbackup'));
    await untilListed(['b']);
    await rm(join(backupFolder, 'b.dbbackup'));
    await untilListed([]);
  });

  it('keeps the node of a file that did not change', async () => {
    const { file } = await backUp('a.dbbackup');
    const [node] = await tree.getChildren();
    assert.equal((await tree.getChildren())[0], node);
    await utimes(file, new Date(), new Date(Date.now() + 5000));
    assert.notEqual((await tree.getChildren())[0], node);
  });

  it('says what a name holds, and no more', async () => {
    await backUp('<img src=x> $(trash) [a](command:b) `c`.dbbackup');
    const [node] = await tree.getChildren();
    const { tooltip } = tree.getTreeItem(node!);
    assert.ok(tooltip instanceof vscode.MarkdownString);
    assert.notEqual(tooltip.isTrusted, true);
    assert.doesNotMatch(tooltip.value, /(?<!\\)[<[`$]/);
  });
});
