import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import { Proofs } from '../../src/backup/proofs.ts';
import { stateFolder } from '../../src/backup/stateFolder.ts';
import type { BackupReport } from '../../src/backup/takeBackup.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { engineById } from '../../src/engines/registry.ts';
import type { ProofReport } from '../../src/restore/proveBackup.ts';
import { BackupIndex } from '../../src/ui/backups/backupIndex.ts';
import { BackupsTree } from '../../src/ui/tree/backupsTree.ts';
import { agedBackup } from '../support/agedBackups.ts';
import { forge, objectsAt } from '../support/hostileFiles.ts';
import { useConnections } from './settings.ts';
import { backupFolder, call, errorOf, readShop, shopFile, useFreshShop } from './shop.ts';

describe('proofs', () => {
  useFreshShop();
  const settings = useConnections();
  let index: BackupIndex;
  let tree: BackupsTree;

  beforeEach(() => {
    index = new BackupIndex(engineById, silentLogger);
    tree = new BackupsTree(index, undefined, new Proofs(stateFolder(), silentLogger));
  });
  afterEach(() => {
    tree.dispose();
    index.dispose();
  });

  const backUp = (name: string, more: object = {}): Promise<BackupReport> =>
    call('backUpDatabase', { connection: 'shop', file: join(backupFolder, name), ...more });

  async function item(file: string): Promise<vscode.TreeItem> {
    index.refresh();
    const node = await tree.nodeOf(file);
    assert.ok(node);
    return tree.getTreeItem(node);
  }

  it('mark a backup as proved, for everybody who looks', async () => {
    const { file, rows } = await backUp('sound.dbbackup');
    const before = readShop();
    assert.doesNotMatch(String((await item(file)).description), /proved/);
    const report = await call<ProofReport>('proveBackup', { uri: vscode.Uri.file(file) });
    assert.deepEqual([report.proved, report.rows, report.problems], [true, rows, []]);
    assert.deepEqual(readShop(), before);
    const { description, iconPath, tooltip, accessibilityInformation } = await item(file);
    assert.match(String(description), / · proved just now$/);
    assert.deepEqual(
      [(iconPath as vscode.ThemeIcon).id, (iconPath as vscode.ThemeIcon).color?.id],
      ['verified-filled', 'testing.iconPassed'],
    );
    assert.match((tooltip as vscode.MarkdownString).value, /Proved .*restored into a scratch database/);
    assert.match(accessibilityInformation!.label, /proved just now/);
  });

  it('mark one that cannot be restored, and resolve with the reason', async () => {
    const { file } = await backUp('sound.dbbackup');
    const parts = join(backupFolder, 'broken.dbbackup');
    await call('backUpTables', { connection: 'shop', tables: ['orders', 'customers'], file: parts });
    const forged = forge(await readFile(parts), ({ manifest }) => {
      const [first] = objectsAt(manifest['objects']);
      (manifest['objects'] as object[]).push({
        ...first,
        kind: 'trigger',
        name: 'broken',
        section: 'post-data',
        sql: 'CREATE TRIGGER broken AFTER INSERT ON orders BEGIN SELECT 1 FROM; END',
        table: { name: 'orders' },
      });
    });
    await writeFile(parts, forged);
    const report = await call<ProofReport>('proveBackup', { uri: vscode.Uri.file(parts), trusted: true });
    assert.equal(report.proved, false);
    assert.match(report.problems.join(), /trigger broken could not be created/);
    const { description, iconPath } = await item(parts);
    assert.match(String(description), /could not be restored \(just now\)$/);
    assert.equal((iconPath as vscode.ThemeIcon).color?.id, 'testing.iconFailed');
    assert.doesNotMatch(String((await item(file)).description), /restored/);
  });

  it('mark an encrypted backup without its key', async () => {
    const file = join(backupFolder, 'secret.dbbackup.age');
    await call('backUpEncrypted', { connection: 'shop', file, passphrase: 'korrekt Pferd' });
    const report = await call<ProofReport>('proveBackup', {
      uri: vscode.Uri.file(file),
      passphrase: 'korrekt Pferd',
    });
    assert.equal(report.proved, true);
    assert.match(String((await item(file)).description), /encrypted.* · proved just now$/);
  });

  it('use the server of the connection, or the one that the setting names', async () => {
    const url = '${env:RESTORE_POINT_TEST_POSTGRES}';
    await settings.add({ id: 'server', url });
    const backup = await call<BackupReport>('backUpDatabase', { connection: 'server' });
    const report = await call<ProofReport>('proveBackup', { uri: vscode.Uri.file(backup.file) });
    assert.equal(report.proved, true, report.problems.join());
    const configuration = vscode.workspace.getConfiguration('restorePoint');
    await configuration.update('proofServer', 'none', vscode.ConfigurationTarget.Workspace);
    try {
      const wrong = await errorOf(call('proveBackup', { uri: vscode.Uri.file(backup.file) }));
      assert.match(wrong.message, /no connection with the id "none"/);
      await configuration.update('proofServer', 'server', vscode.ConfigurationTarget.Workspace);
      const again = await call<ProofReport>('proveBackup', { uri: vscode.Uri.file(backup.file) });
      assert.equal(again.proved, true);
    } finally {
      await configuration.update('proofServer', undefined, vscode.ConfigurationTarget.Workspace);
    }
  });

  it('end with a cancel', async () => {
    const { file } = await backUp('sound.dbbackup');
    const source = new vscode.CancellationTokenSource();
    source.cancel();
    const error = await errorOf(call('proveBackup', { uri: vscode.Uri.file(file), token: source.token }));
    assert.equal(error.code, 'cancelled');
  });

  it('are made by themselves, of the newest backup, where the connection wants it', async () => {
    await settings.add({ id: 'auto', engine: 'sqlite', file: shopFile, prove: 'weekly' });
    const old = await call<BackupReport>('backUpDatabase', {
      connection: 'auto',
      file: join(backupFolder, 'first.dbbackup'),
    });
    const proofs = new Proofs(stateFolder(), silentLogger);
    const fingerprintOf = async (file: string): Promise<string> => {
      index.refresh();
      return (await tree.nodeOf(file))!.backup.fingerprint!;
    };
    const first = await fingerprintOf(old.file);
    while (!(await proofs.all()).has(first)) await sleep(200);
    assert.equal((await proofs.all()).get(first)!.proved, true);
    // Within a week there is no other one.
    const next = await call<BackupReport>('backUpDatabase', {
      connection: 'auto',
      file: join(backupFolder, 'second.dbbackup'),
    });
    const second = await fingerprintOf(next.file);
    await sleep(6_000);
    assert.equal((await proofs.all()).has(second), false);
  });

  it('leave the list of a connection by day, where it has many backups', async () => {
    const { file } = await backUp('real.dbbackup');
    const at = (day: number, hour: number): string => new Date(2026, 9, day, hour, 30).toISOString();
    for (let number = 0; number < 12; number += 1) {
      await agedBackup(
        file,
        join(backupFolder, `old-${number}.dbbackup`),
        at(20 - (number >> 1), 8 + (number & 1)),
      );
    }
    index.refresh();
    const days = await tree.getChildren();
    // The only backup of a day needs no group.
    assert.deepEqual(
      days.map((node) => node.kind),
      ['backup', ...Array.from({ length: 6 }, () => 'backupDay')],
    );
    const items = days.map((node) => tree.getTreeItem(node));
    assert.deepEqual([items[1]?.label, items[1]?.description], ['Tue, Oct 20, 2026', '2 backups']);
    assert.equal(items[1]?.collapsibleState, vscode.TreeItemCollapsibleState.Collapsed);
    const [newest] = await tree.getChildren(days[1]);
    assert.equal(tree.getParent(newest!), days[1]);
    assert.equal(tree.getParent(days[1]!), undefined);
  });
});
