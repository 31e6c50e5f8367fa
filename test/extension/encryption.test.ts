import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import type { BackupReport } from '../../src/backup/takeBackup.ts';
import type { VerifyReport } from '../../src/backup/verifyBackup.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { engineById } from '../../src/engines/registry.ts';
import type { RestoreReport } from '../../src/restore/restoreBackup.ts';
import { BackupIndex } from '../../src/ui/backups/backupIndex.ts';
import type { BackupNode } from '../../src/ui/tree/backupNodes.ts';
import { BackupsTree } from '../../src/ui/tree/backupsTree.ts';
import { useConnections } from './settings.ts';
import {
  backupFolder,
  call,
  changeShop,
  errorOf,
  filesInBackupFolder,
  readShop,
  shopFile,
  useFreshShop,
  workspaceFolder,
} from './shop.ts';

const passphrase = 'Pferd im Wald';

describe('encrypted backups', () => {
  useFreshShop();
  const settings = useConnections();

  afterEach(() => call('enterPassphrase', { connection: 'shop', passphrase: '' }));

  function restore(report: { readonly file: string }, connection: string): Promise<RestoreReport> {
    const whole = { tables: [], mode: 'replace', confirmed: true };
    return call('restoreBackup', { uri: report.file, connection, ...whole });
  }

  async function nodes(): Promise<{ node: BackupNode; item: vscode.TreeItem; tree: BackupsTree }[]> {
    const index = new BackupIndex(engineById, silentLogger);
    const tree = new BackupsTree(index);
    try {
      const found = (await tree.getChildren()) as BackupNode[];
      return found.map((node) => ({ node, item: tree.getTreeItem(node), tree }));
    } finally {
      tree.dispose();
      index.dispose();
    }
  }

  it('are made, verified and restored with the passphrase of their connection, safety backups too', async () => {
    await settings.add({ id: 'secret', engine: 'sqlite', file: shopFile, encrypt: 'passphrase' });
    const unknown = await errorOf(call('backUpDatabase', { connection: 'secret' }));
    assert.deepEqual([unknown.code, await filesInBackupFolder()], ['usage', []]);
    assert.match(unknown.details.next ?? '', /Enter Passphrase/);
    await call('enterPassphrase', { connection: 'secret', passphrase });
    const before = readShop();
    const backup = await call<BackupReport>('backUpDatabase', { connection: 'secret' });
    assert.match(basename(backup.file), /^shop-.*\.dbbackup\.age$/);
    assert.equal((await readFile(backup.file)).indexOf('order_lines'), -1);
    const verified = await call<VerifyReport>('verifyBackup', { uri: backup.file });
    assert.equal(verified.encryption, 'passphrase');
    changeShop('DELETE FROM order_lines');
    const broken = readShop();
    const report = await restore(backup, 'secret');
    assert.deepEqual(readShop(), before);
    assert.match(report.safetyBackup ?? '', /\.dbbackup\.age$/);
    await call('undoRestore', { uri: report.safetyBackup, connection: 'secret', confirmed: true });
    assert.deepEqual(readShop(), broken);
    await call('enterPassphrase', { connection: 'secret', passphrase: '' });
    const forgotten = await errorOf(call('verifyBackup', { uri: backup.file }));
    assert.equal(forgotten.code, 'locked');
  });

  it('are told in the tree with a lock, and nothing of what is in them', async () => {
    await call('backUpEncrypted', { connection: 'shop', passphrase });
    const [found, ...others] = await nodes();
    assert.ok(found && others.length === 0);
    const { item, node, tree } = found;
    assert.equal((item.iconPath as vscode.ThemeIcon).id, 'lock');
    assert.ok(typeof item.label === 'string');
    assert.match(item.label, /^shop-\d{4}-\d\d-\d\d-\d{6}$/);
    assert.match(String(item.description), /^encrypted · [\d.]+ KB · just now$/);
    assert.match(item.contextValue ?? '', /^backup\b.*\bsound$/);
    assert.equal(item.collapsibleState, vscode.TreeItemCollapsibleState.None);
    assert.deepEqual(await tree.getChildren(node), []);
    const told = JSON.stringify([item.tooltip, item.accessibilityInformation, item.description]);
    assert.doesNotMatch(told, /customers|order_lines|787|SQLite/);
  });

  it('open with no other passphrase, and then nothing is written', async () => {
    const backup = await call<BackupReport>('backUpEncrypted', { connection: 'shop', passphrase });
    changeShop('DELETE FROM order_lines');
    const broken = readShop();
    for (const wrong of [{}, { passphrase: 'Pferd im Feld' }]) {
      const options = { connection: 'shop', tables: [], mode: 'replace', confirmed: true, ...wrong };
      const error = await errorOf(call('restoreBackup', { uri: backup.file, ...options }));
      assert.equal(error.code, 'locked');
      assert.doesNotMatch(JSON.stringify([error.message, error.details]), /Pferd/);
    }
    assert.deepEqual(readShop(), broken);
    await call('verifyBackup', { uri: backup.file, passphrase });
  });

  it('are made for recipients, and opened with the identity file of a connection', async () => {
    const identity = await generateX25519Identity();
    const identityFile = join(workspaceFolder, 'identity.txt');
    await writeFile(identityFile, `# mine\n${identity}\n`);
    try {
      const encrypt = [await identityToRecipient(identity)];
      await settings.add({ id: 'sealed', engine: 'sqlite', file: shopFile, encrypt });
      const backup = await call<BackupReport>('backUpDatabase', { connection: 'sealed' });
      assert.equal(backup.encryption, 'recipients');
      assert.equal((await errorOf(restore(backup, 'sealed'))).code, 'locked');
      await settings.add({ id: 'opener', engine: 'sqlite', file: shopFile, identityFile: 'identity.txt' });
      const before = readShop();
      changeShop('DELETE FROM order_lines');
      const report = await restore(backup, 'sealed');
      assert.deepEqual(readShop(), before);
      assert.match(report.safetyBackup ?? '', /\.dbbackup\.age$/);
    } finally {
      await rm(identityFile);
    }
  });

  it('do not take the name of a plain one, and a plain one not theirs', async () => {
    const wrong: [string, string][] = [
      ['backUpEncrypted', 'a.dbbackup'],
      ['backUpDatabase', 'a.dbbackup.age'],
    ];
    for (const [command, name] of wrong) {
      const file = join(backupFolder, name);
      const error = await errorOf(call(command, { connection: 'shop', passphrase, file }));
      assert.equal(error.code, 'usage');
    }
    assert.deepEqual(await filesInBackupFolder(), []);
  });
});
