import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { ScheduleTests } from '../../src/extension.ts';
import { stateFolder } from '../../src/backup/stateFolder.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { ScheduleRunner } from '../../src/schedule/runner.ts';
import type { ScheduleState } from '../../src/schedule/runner.ts';
import { makeShopDatabase } from '../support/sampleWorkspace.ts';
import { useConnections } from './settings.ts';
import { call, changeShop, filesInBackupFolder, shopFile, useFreshShop, workspaceFolder } from './shop.ts';

type Item = Readonly<Record<string, unknown>>;

const hour = 3_600_000;

describe('scheduled backups', () => {
  useFreshShop();
  const connections = useConnections();
  let inside: ScheduleTests;
  let number = 0;
  /** A new one for each test, so that no test finds what another one noted. */
  let id = '';

  before(async () => {
    const extension = vscode.extensions.getExtension<ScheduleTests>('restore-point.restore-point')!;
    inside = await extension.activate();
  });
  beforeEach(() => {
    number += 1;
    id = `regular-${number}`;
  });

  const add = (more: Readonly<Record<string, unknown>> = {}) =>
    connections.add({ id, engine: 'sqlite', file: shopFile, schedule: 'every 1 hour', ...more });

  async function until(fits: () => boolean | Promise<boolean>, what: string): Promise<void> {
    for (const end = Date.now() + 40_000; !(await fits()); await delay(50)) {
      assert.ok(Date.now() < end, `${what}: ${JSON.stringify(inside.statusBar.shown)}`);
    }
  }

  async function state(): Promise<ScheduleState | undefined> {
    const statuses = await inside.statusBar.statuses();
    return statuses.find(({ connection }) => connection.id === id)?.state;
  }

  async function sleep(milliseconds: number): Promise<void> {
    inside.clock.moveBy(milliseconds);
    await inside.schedules.lookAndWait();
    await inside.statusBar.settled();
  }

  const backups = async (): Promise<string[]> => {
    return (await filesInBackupFolder()).filter((name) => name.endsWith('.dbbackup'));
  };

  it('are taken when they are due, skipped without changes, and shown in the status bar', async () => {
    await delay(2_600);
    await add();
    await until(async () => (await backups()).length === 1, 'the first backup');
    await until(() => /\$\(history\) regular-\d+: /.test(inside.statusBar.shown?.text ?? ''), 'the item');
    assert.equal(inside.statusBar.shown!.warning, false);
    await sleep(hour);
    assert.equal((await backups()).length, 1);
    assert.match(inside.statusBar.shown!.tooltip, /No changes since/);
    changeShop("UPDATE customers SET name = 'changed'");
    // Several runs are missed, and one is caught up.
    await sleep(5 * hour);
    assert.equal((await backups()).length, 2);
    await sleep(60_000);
    assert.equal((await backups()).length, 2);
  });

  it('are run by one of two windows', async () => {
    await add({ schedule: { when: 'every 1 hour', skipUnchanged: false } });
    await until(async () => (await backups()).length === 1, 'the first backup');
    const { scheduled } = (await state())!;
    let runs = 0;
    const other = new ScheduleRunner({
      ...{ clock: inside.clock, stateFolder: stateFolder(), logger: silentLogger },
      list: () => [scheduled],
      backUp() {
        runs += 1;
        return Promise.resolve({ kind: 'backedUp', file: shopFile });
      },
      tell: () => undefined,
      changed: () => undefined,
    });
    for (let time = 0; time < 3; time++) {
      inside.clock.moveBy(hour);
      await Promise.all([other.look(), inside.schedules.lookAndWait()]);
      await Promise.all([other.idle(), inside.schedules.lookAndWait()]);
    }
    await other.stop();
    assert.equal((await backups()).length - 1 + runs, 3);
  });

  it('that fail are shown with the reason, are tried again, and recover', async () => {
    const missing = join(workspaceFolder, `${id}.db`);
    await add({ file: missing });
    await until(async () => (await state())?.record.failure !== undefined, 'the failure');
    await inside.statusBar.settled();
    assert.equal(inside.statusBar.shown!.warning, true);
    assert.match(inside.statusBar.shown!.tooltip, /Failed at .*does not exist/);
    assert.equal((await backups()).length, 0);
    try {
      await makeShopDatabase(missing);
      await sleep(2 * 60_000);
      assert.equal((await state())!.record.failure, undefined);
      assert.equal(inside.statusBar.shown!.warning, false);
      assert.equal((await backups()).length, 1);
    } finally {
      await rm(missing, { force: true });
    }
  });

  it('without a password or a passphrase fail without a question', async () => {
    const url = new URL(process.env['RESTORE_POINT_TEST_POSTGRES']!);
    await connections.add({
      ...{ id, engine: 'postgres', host: url.hostname, port: Number(url.port), database: 'postgres' },
      ...{ user: url.username, schedule: 'every 1 hour' },
    });
    await until(async () => (await state())?.record.failure?.needs === 'password', 'the missing password');
    id = `${id}-secret`;
    await add({ encrypt: 'passphrase' });
    await until(
      async () => (await state())?.record.failure?.needs === 'passphrase',
      'the missing passphrase',
    );
    await call('enterPassphrase', { connection: id, passphrase: 'correct horse battery staple' });
    await sleep(2 * 60_000);
    assert.equal((await state())!.record.failure, undefined);
    assert.ok((await filesInBackupFolder()).some((name) => name.endsWith('.dbbackup.age')));
  });

  it('keep as many backups as the schedule says', async () => {
    await add({ schedule: { when: 'every 1 hour', skipUnchanged: false, retention: { keepLast: 2 } } });
    await until(async () => (await backups()).length === 1, 'the first backup');
    for (let time = 0; time < 3; time++) {
      // Backups of the same second have the same time.
      await delay(1_100);
      await sleep(hour);
    }
    assert.equal((await backups()).length, 2);
  });

  it('are scheduled and turned off by command', async () => {
    await add({ schedule: undefined });
    const written = (): unknown => {
      const settings = vscode.workspace.getConfiguration('restorePoint').inspect<Item[]>('connections');
      const items = settings?.globalValue;
      return items?.find((item) => item['id'] === id)?.['schedule'];
    };
    await call('scheduleBackups', { connection: id, schedule: 'weekly sun 04:30' });
    assert.equal(written(), 'weekly sun 04:30');
    await until(async () => (await state()) !== undefined, 'the schedule');
    assert.equal(new Date((await state())!.due).getDay(), 0);
    await assert.rejects(call('scheduleBackups', { connection: id, schedule: 'sometimes' }), /"sometimes"/);
    assert.equal(written(), 'weekly sun 04:30');
    await call('scheduleBackups', { connection: id, schedule: '' });
    assert.equal(written(), undefined);
    await until(async () => (await state()) === undefined, 'no schedule');
    assert.deepEqual(await backups(), []);
  });

  it('with a schedule that cannot be read say so, and the connection can be used', async () => {
    await add({ schedule: 'sometimes' });
    await until(() => inside.statusBar.shown?.warning === true, 'the warning');
    assert.match(inside.statusBar.shown!.tooltip, /sometimes/);
    await call('backUpDatabase', { connection: id });
    assert.equal((await backups()).length, 1);
  });
});
