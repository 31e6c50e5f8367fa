import assert from 'node:assert/strict';
import { copyFile, mkdir, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as vscode from 'vscode';
import type { SalvageReport } from '../../src/backup/salvageBackup.ts';
import type { BackupReport } from '../../src/backup/takeBackup.ts';
import type { VerifyReport } from '../../src/backup/verifyBackup.ts';
import type { RestoreReport } from '../../src/restore/restoreBackup.ts';
import { itInAll } from '../support/sample.ts';
import {
  backupFolder,
  call,
  changeShop,
  countRows,
  errorOf,
  filesInBackupFolder,
  readShop,
  shopFile,
  untilFileAppears,
  useFreshShop,
  workspaceFolder,
} from './shop.ts';

const tables = ['customers', 'order_lines', 'orders', 'orders_audit', 'products'];

function backUpShop(): Promise<BackupReport> {
  return call<BackupReport>('backUpDatabase', { connection: 'shop' });
}

function restoreShop(
  report: BackupReport,
  options: Readonly<Record<string, unknown>> = {},
): Promise<RestoreReport> {
  return call<RestoreReport>('restoreBackup', {
    uri: report.file,
    connection: 'shop',
    tables: [],
    mode: 'replace',
    confirmed: true,
    ...options,
  });
}

/** About 48 MB: work on it can be stopped half-way. */
function addLargeTable(): void {
  changeShop(`
    CREATE TABLE measurements (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2400)
    INSERT INTO measurements SELECT i, randomblob(20000) FROM n;`);
}

describe('commands on the sample', () => {
  useFreshShop();

  it('back up the database into the backup folder', async () => {
    const report = await backUpShop();
    assert.deepEqual(report.tables.map(({ table }) => table.name.name).sort(), tables);
    assert.equal(dirname(report.file), backupFolder);
    assert.match(basename(report.file), /^shop-\d{4}-\d\d-\d\d-\d{6}\.dbbackup$/);
    assert.deepEqual(await filesInBackupFolder(), [basename(report.file)]);
  });

  it('bring lost rows back, and everything else is as it was', async () => {
    const before = readShop();
    const backup = await backUpShop();
    changeShop(`
      PRAGMA foreign_keys = ON;
      DELETE FROM orders WHERE id > 1100;
      UPDATE products SET price = price + 1;
      INSERT INTO customers (name, email, city) VALUES ('Nobody', 'nobody@example.com', 'Nowhere');`);
    assert.notDeepEqual(readShop(), before);
    const report = await restoreShop(backup);
    assert.deepEqual(readShop(), before);
    const orders = report.tables.find(({ table }) => table.name === 'orders');
    assert.deepEqual([orders?.rowsBefore, orders?.rowsAfter], [100, 120]);
    changeShop("INSERT INTO orders (customer_id, ordered_at) SELECT min(id), '2026-01-01' FROM customers");
  });

  it('restore the chosen tables only', async () => {
    const backup = await backUpShop();
    changeShop('DELETE FROM order_lines; UPDATE products SET price = price + 1;');
    const changed = readShop();
    await restoreShop(backup, { tables: ['order_lines'] });
    const after = readShop();
    assert.deepEqual(after['products'], changed['products']);
    assert.ok(after['order_lines']!.length > 0);
  });

  it('keep rows that only the database has in the mode merge', async () => {
    const backup = await backUpShop();
    const customers = countRows('customers');
    changeShop(`
      INSERT INTO customers (name, email, city) VALUES ('New', 'new@example.com', 'Bern');
      UPDATE customers SET city = 'Lost' WHERE email <> 'new@example.com';`);
    const report = await restoreShop(backup, { tables: ['customers'], mode: 'merge' });
    assert.equal(countRows('customers'), customers + 1);
    assert.equal(report.tables[0]?.updated, customers);
    assert.ok(!JSON.stringify(readShop()['customers'], asText).includes('Lost'));
  });

  it('back up chosen tables into a file of that name', async () => {
    const file = join(workspaceFolder, 'chosen', 'orders.dbbackup');
    const options = { connection: 'shop', tables: ['orders', 'order_lines'], file };
    const report = await call<BackupReport>('backUpTables', options);
    assert.equal(report.file, file);
    assert.deepEqual(report.tables.map(({ table }) => table.name.name).sort(), ['order_lines', 'orders']);
    const again = await errorOf(call('backUpTables', options));
    assert.equal(again.code, 'file');
    await call('deleteBackup', { uri: file, confirmed: true });
    assert.deepEqual(await vscode.workspace.findFiles('chosen/*'), []);
  });

  it('refuse names that no table has', async () => {
    const error = await errorOf(call('backUpTables', { connection: 'shop', tables: ['order'] }));
    assert.equal(error.code, 'usage');
    assert.match(error.message, /no table named order/);
    assert.deepEqual(await filesInBackupFolder(), []);
  });

  it('undo a restore', async () => {
    const backup = await backUpShop();
    changeShop('DELETE FROM order_lines WHERE line_no > 1');
    const broken = readShop();
    const report = await restoreShop(backup);
    assert.notDeepEqual(readShop(), broken);
    assert.ok(report.safetyBackup, 'there is a safety backup');
    assert.ok(!report.safetyBackup.startsWith(workspaceFolder), 'it is not in the workspace');
    await call('undoRestore', { uri: report.safetyBackup, connection: 'shop', confirmed: true });
    assert.deepEqual(readShop(), broken);
  });

  it('undo the last restore that is not undone, and say when there is none', async () => {
    const backup = await backUpShop();
    const states = [readShop()];
    for (const change of ['DELETE FROM order_lines WHERE line_no > 1', 'UPDATE products SET price = 1']) {
      changeShop(change);
      states.push(readShop());
      await restoreShop(backup);
    }
    assert.deepEqual(readShop(), states[0]);
    const undo = (): Promise<RestoreReport> =>
      call<RestoreReport>('undoLastRestore', { connection: 'shop', confirmed: true });
    await undo();
    assert.deepEqual(readShop(), states[2]);
    await undo();
    assert.deepEqual(readShop(), states[1]);
  });

  it('keep only so many safety backups of a connection, and no other file', async () => {
    const backup = await backUpShop();
    const settings = vscode.workspace.getConfiguration('restorePoint');
    await settings.update('keepSafetyBackups', 2, vscode.ConfigurationTarget.Global);
    try {
      const pinned = (await restoreShop(backup)).safetyBackup!;
      await call('pinBackup', { uri: pinned });
      const first = (await restoreShop(backup)).safetyBackup!;
      const folder = dirname(first);
      const others = [
        basename(pinned),
        `${basename(pinned)}.pinned`,
        'mine.dbbackup',
        'before-restore-shop-2020-01-01-120000.dbbackup',
        'before.txt',
      ];
      await copyFile(backup.file, join(folder, others[2]!));
      // By its name a safety backup, by its contents none.
      await copyFile(backup.file, join(folder, others[3]!));
      await writeFile(join(folder, others[4]!), '');
      for (let number = 0; number < 2; number += 1) await restoreShop(backup);
      const last = (await restoreShop(backup)).safetyBackup!;
      const left = await readdir(folder);
      assert.deepEqual(
        others.filter((name) => !left.includes(name)),
        [],
      );
      // Those of other tests' connections are not touched.
      const own = left.filter(
        (name) => /^before-restore-shop-.*\.dbbackup$/.test(name) && !others.includes(name),
      );
      assert.equal(own.length, 2, own.join(', '));
      assert.ok(own.includes(basename(last)));
      assert.ok(!own.includes(basename(first)));
      for (const name of others) await rm(join(folder, name));
    } finally {
      await settings.update('keepSafetyBackups', undefined, vscode.ConfigurationTarget.Global);
    }
  });

  it('take no safety backup where the settings say so', async () => {
    const backup = await backUpShop();
    const settings = vscode.workspace.getConfiguration('restorePoint');
    await settings.update('safetyBackups', false, vscode.ConfigurationTarget.Global);
    try {
      const report = await restoreShop(backup);
      assert.equal(report.safetyBackup, undefined);
    } finally {
      await settings.update('safetyBackups', undefined, vscode.ConfigurationTarget.Global);
    }
  });

  it('verify a backup, and find a damaged one out', async () => {
    const backup = await backUpShop();
    const report = await call<VerifyReport>('verifyBackup', { uri: vscode.Uri.file(backup.file) });
    assert.equal(report.rows, backup.rows);
    const file = await open(backup.file, 'r+');
    const { bytesRead, buffer } = await file.read(Buffer.alloc(1), 0, 1, 400);
    assert.equal(bytesRead, 1);
    await file.write(Buffer.from([buffer[0]! ^ 1]), 0, 1, 400);
    await file.close();
    const error = await errorOf(call('verifyBackup', { uri: backup.file }));
    assert.equal(error.code, 'damaged-backup');
    const before = readShop();
    assert.equal((await errorOf(restoreShop(backup))).code, 'damaged-backup');
    assert.deepEqual(readShop(), before);
  });

  it('salvage what still holds of a damaged backup', async () => {
    const backup = await backUpShop();
    const file = await open(backup.file, 'r+');
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, 100);
    await file.write(Buffer.from([buffer[0]! ^ 1]), 0, 1, 100);
    await file.close();
    const error = await errorOf(call('verifyBackup', { uri: backup.file }));
    assert.equal(error.details.salvageable, true);
    const out = join(backupFolder, 'salvaged.dbbackup');
    const nothing = await errorOf(call('salvageBackup', { uri: backup.file, out }));
    // The sample is a single chunk.
    assert.match(nothing.message, /Nothing can be salvaged/);
    assert.equal(nothing.details.salvageable, undefined);
    assert.deepEqual(await filesInBackupFolder(), [basename(backup.file)]);
  });

  it('salvage a backup of which only the frame is damaged', async () => {
    const backup = await backUpShop();
    const bytes = await readFile(backup.file);
    bytes[bytes.lastIndexOf('schema.sql')]! ^= 1;
    await writeFile(backup.file, bytes);
    assert.equal((await errorOf(call('verifyBackup', { uri: backup.file }))).details.salvageable, true);
    const out = join(backupFolder, 'salvaged.dbbackup');
    const report = await call<SalvageReport>('salvageBackup', { uri: backup.file, out });
    assert.deepEqual(
      report.tables.map(({ lostRows }) => lostRows),
      [0, 0, 0, 0, 0],
    );
    assert.equal((await call<VerifyReport>('verifyBackup', { uri: out })).rows, backup.rows);
  });

  it('make a database that is gone', async () => {
    const before = readShop();
    const backup = await backUpShop();
    await vscode.workspace.fs.delete(vscode.Uri.file(shopFile));
    const report = await restoreShop(backup);
    assert.equal(report.created.length, tables.length);
    assert.deepEqual(readShop(), before);
  });
});

describe('a backup of a database file in the Explorer', () => {
  useFreshShop();
  const settings = (): vscode.WorkspaceConfiguration => vscode.workspace.getConfiguration('restorePoint');
  const connections = (): unknown[] => settings().get<unknown[]>('connections') ?? [];
  const before = connections();
  const extra = ['other.sqlite', 'link.db', 'no.db'].map((name) => join(workspaceFolder, name));

  afterEach(async () => {
    await settings().update('connections', before, vscode.ConfigurationTarget.Workspace);
    for (const file of extra) await rm(file, { force: true });
  });

  async function backUpFile(file: string): Promise<BackupReport | undefined> {
    return await vscode.commands.executeCommand('restorePoint.backUpDatabase', vscode.Uri.file(file));
  }

  it('is that of the connection that the settings have, also through a link', async () => {
    await symlink(shopFile, extra[1]!);
    for (const file of [shopFile, extra[1]!]) assert.equal((await backUpFile(file))?.rows, 787);
    assert.deepEqual(connections(), before);
  });

  it('adds a connection to the file, once', async () => {
    await copyFile(shopFile, extra[0]!);
    for (const _ of [1, 2]) assert.equal((await backUpFile(extra[0]!))?.rows, 787);
    assert.deepEqual(connections().slice(before.length), [
      { id: 'other', name: 'other', engine: 'sqlite', file: '${workspaceFolder}/other.sqlite' },
    ]);
  });

  it('adds none for a file that is no database', async () => {
    await writeFile(extra[2]!, 'This is no database.'.repeat(100));
    assert.equal(await backUpFile(extra[2]!), undefined);
    assert.deepEqual(connections(), before);
    assert.deepEqual(await filesInBackupFolder(), []);
  });
});

describe('work that does not come to its end', () => {
  useFreshShop();

  it('changes nothing when the last table fails, and says table, row and cause', async () => {
    const backup = await backUpShop();
    changeShop(`
      DELETE FROM customers WHERE id NOT IN (SELECT customer_id FROM orders);
      DROP TABLE order_lines;
      CREATE TABLE order_lines (
        order_id INTEGER NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
        line_no INTEGER NOT NULL,
        product_id INTEGER NOT NULL REFERENCES products (id),
        quantity INTEGER NOT NULL CHECK (quantity > 0),
        unit_price DECIMAL(10,2) NOT NULL,
        PRIMARY KEY (order_id, line_no),
        CONSTRAINT few_lines CHECK (line_no < 3)
      );`);
    const before = readShop();
    const error = await errorOf(restoreShop(backup));
    assert.equal(error.code, 'database');
    assert.equal(error.details.place?.table, 'order_lines');
    assert.ok((error.details.place?.row ?? 0) > 0, 'the row is told');
    assert.match(error.message, /few_lines/);
    assert.equal(error.details.unchanged, 'Nothing was changed.');
    assert.deepEqual(readShop(), before);
  });

  itInAll('says of a locked database that nothing was changed, and that it may pass', async () => {
    const backup = await backUpShop();
    const other = new DatabaseSync(shopFile);
    other.exec('BEGIN EXCLUSIVE');
    try {
      for (const [work, unchanged] of [
        [() => backUpShop(), 'No backup file was written.'],
        [() => restoreShop(backup), 'Nothing was changed.'],
      ] as const) {
        const error = await errorOf(work());
        assert.match(error.message, /database is locked/);
        assert.equal(error.details.unchanged, unchanged);
        assert.match(error.details.next ?? '', /Wait until that program has finished/);
        assert.equal(error.details.mayPass, true);
      }
    } finally {
      other.exec('ROLLBACK');
      other.close();
    }
  });

  it('names the tables that are refused, so that the others can come without them', async () => {
    const backup = await backUpShop();
    const error = await errorOf(restoreShop(backup, { mode: 'insert-missing' }));
    assert.equal(error.code, 'refused');
    assert.deepEqual(error.details.tables, ['orders_audit']);
    changeShop('ALTER TABLE customers DROP COLUMN city; ALTER TABLE products DROP COLUMN photo');
    const two = await errorOf(restoreShop(backup));
    assert.deepEqual([...(two.details.tables ?? [])].sort(), ['customers', 'products']);
  });

  it('leaves no file when a backup is cancelled half-way', async () => {
    addLargeTable();
    const source = new vscode.CancellationTokenSource();
    const backup = call('backUpDatabase', { connection: 'shop', token: source.token });
    await untilFileAppears(backupFolder, '.dbbackup-part');
    source.cancel();
    const error = await errorOf(backup);
    assert.equal(error.code, 'cancelled');
    assert.equal(error.details.unchanged, 'No backup file was written.');
    assert.deepEqual(await filesInBackupFolder(), []);
  });

  it('changes nothing when a restore is cancelled half-way', async () => {
    addLargeTable();
    const backup = await backUpShop();
    changeShop('DELETE FROM measurements WHERE id % 2 = 0; DELETE FROM orders_audit;');
    const before = readShop();
    const source = new vscode.CancellationTokenSource();
    const restoring = restoreShop(backup, { token: source.token });
    // SQLite keeps what a transaction overwrites in this file, until it is committed.
    await untilFileAppears(workspaceFolder, 'shop.db-journal');
    source.cancel();
    const error = await errorOf(restoring);
    assert.equal(error.code, 'cancelled');
    assert.equal(error.details.unchanged, 'Nothing was changed.');
    assert.deepEqual(readShop(), before);
  });

  it('tells when the folder cannot be written', async () => {
    await mkdir(workspaceFolder, { recursive: true });
    const file = join(shopFile, 'inside-a-file.dbbackup');
    const error = await errorOf(call('backUpDatabase', { connection: 'shop', file }));
    assert.equal(error.code, 'file');
    assert.match(error.message, /a part of the path is not a folder/);
  });
});

function asText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
