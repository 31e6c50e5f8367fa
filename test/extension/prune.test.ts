import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import { stateFolder } from '../../src/backup/stateFolder.ts';
import type { BackupReport } from '../../src/backup/takeBackup.ts';
import type { PrunedBackups } from '../../src/ui/commands/pruneCommand.ts';
import { parsePolicy, policyText } from '../../src/ui/prompts/retention.ts';
import { policyFrom } from '../../src/ui/settings.ts';
import { agedBackup } from '../support/agedBackups.ts';
import { backupFolder, call, errorOf, filesInBackupFolder, useFreshShop, workspaceFolder } from './shop.ts';

describe('pruning backups', () => {
  useFreshShop();

  const fileOf = (name: string): string => join(backupFolder, `${name}.dbbackup`);

  /** Backups of five days, which this machine made. */
  async function makeBackups(): Promise<void> {
    const { file } = await call<BackupReport>('backUpDatabase', {
      connection: 'shop',
      file: fileOf('today'),
    });
    for (let day = 1; day <= 4; day++)
      await agedBackup(file, fileOf(`day-${day}`), `2026-06-0${day}T12:00:00Z`, { state: stateFolder() });
  }

  const names = (files: readonly string[]): string[] => files.map((file) => basename(file)).sort();

  it('deletes what no rule keeps; pinned backups and those from elsewhere stay', async () => {
    await makeBackups();
    await call('pinBackup', { uri: fileOf('day-2') });
    const changes = { createdBy: '6.6.6' };
    await agedBackup(fileOf('today'), fileOf('foreign'), '2026-07-01T12:00:00Z', { changes });
    const args = { policy: { keepLast: 2 }, confirmed: true };
    const { removed, left, bytes } = await call<PrunedBackups>('pruneBackups', args);
    assert.deepEqual(names(removed), ['day-1.dbbackup', 'day-3.dbbackup']);
    assert.deepEqual(left, []);
    assert.ok(bytes > 0);
    assert.deepEqual((await filesInBackupFolder()).sort(), [
      'day-2.dbbackup',
      'day-2.dbbackup.pinned',
      'day-4.dbbackup',
      'foreign.dbbackup',
      'today.dbbackup',
    ]);
    assert.deepEqual((await call<PrunedBackups>('pruneBackups', args)).removed, []);
  });

  it('verifies in another process: a damaged backup stays, and does not count', async () => {
    await makeBackups();
    const bytes = await readFile(fileOf('today'));
    bytes[Math.floor(bytes.length / 3)]! ^= 1;
    await writeFile(fileOf('today'), bytes);
    const { removed } = await call<PrunedBackups>('pruneBackups', {
      folder: backupFolder,
      policy: { keepLast: 1 },
      confirmed: true,
    });
    assert.deepEqual(names(removed), ['day-1.dbbackup', 'day-2.dbbackup', 'day-3.dbbackup']);
    assert.deepEqual((await filesInBackupFolder()).sort(), ['day-4.dbbackup', 'today.dbbackup']);
  });

  it('deletes nothing without a rule, or when it is cancelled', async () => {
    await makeBackups();
    for (const policy of [{}, { keepLast: 0 }, { keepLast: -1, keepDaily: 'all' }])
      assert.deepEqual((await call<PrunedBackups>('pruneBackups', { policy, confirmed: true })).removed, []);
    const source = new vscode.CancellationTokenSource();
    source.cancel();
    const args = { policy: { keepLast: 1 }, confirmed: true, token: source.token };
    assert.equal((await errorOf(call('pruneBackups', args))).code, 'cancelled');
    assert.equal((await filesInBackupFolder()).length, 5);
    const nowhere = join(workspaceFolder, 'nowhere');
    assert.deepEqual(
      (await call<PrunedBackups>('pruneBackups', { ...args, token: undefined, folder: nowhere })).removed,
      [],
    );
  });

  it('reads rules from settings and from what is typed', () => {
    assert.deepEqual(policyFrom({ keepLast: 5, keepDaily: 0, keepWeekly: 1.5, other: 1 }), { keepLast: 5 });
    for (const value of [undefined, null, 5, 'last', []]) assert.deepEqual(policyFrom(value), {});
    assert.deepEqual(parsePolicy(' Last 5,daily  7 '), { keepLast: 5, keepDaily: 7 });
    for (const text of [
      '',
      'last',
      '5',
      'last 0',
      'last -1',
      'last 5 6',
      'yearly 5',
      'last 5, last 6',
      'toString 5',
    ])
      assert.equal(parsePolicy(text), undefined, text);
    const policy = { keepLast: 1, keepHourly: 2, keepDaily: 3, keepWeekly: 4, keepMonthly: 5 };
    assert.deepEqual(parsePolicy(policyText(policy)), policy);
  });
});
