import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { BackupReport } from '../../src/backup/takeBackup.ts';
import type { ExportedFile, NewDatabaseReport } from '../../src/worker/protocol.ts';
import { call, changeShop, errorOf, readShop, useFreshShop, workspaceFolder } from './shop.ts';

describe('exports and new databases', () => {
  useFreshShop();
  const out = join(workspaceFolder, 'out');

  afterEach(() => rm(out, { recursive: true, force: true }));

  const backUp = () => call<BackupReport>('backUpDatabase', { connection: 'shop' });

  it('export a table of a backup and a live one in every format, and overwrite no file', async () => {
    const { file } = await backUp();
    const product = readShop()['products']![0] as Record<string, unknown>;
    changeShop("INSERT INTO products (sku, name, price) VALUES ('NEW', 'New', 1)");
    for (const [format, appLabel] of [['csv'], ['ndjson'], ['json'], ['sql'], ['django', 'shop']] as const) {
      for (const [rows, source] of [
        [25, { uri: file }],
        [26, { connection: 'shop' }],
      ] as const) {
        const target = join(out, `${rows}.${format}`);
        const task = {
          ...source,
          tables: ['products'],
          format,
          out: target,
          ...(appLabel ? { appLabel } : {}),
        };
        const report = await call<ExportedFile>('exportTable', task);
        assert.equal(report.rows, rows);
        const text = await readFile(target, 'utf8');
        assert.equal(report.bytes, Buffer.byteLength(text));
        assert.ok(text.includes(String(product['sku'])), text.slice(0, 200));
        const again = await errorOf(call('exportTable', task));
        assert.equal(again.code, 'file');
      }
    }
    assert.equal((await readdir(out)).length, 10, 'nothing unfinished is left');
  });

  it('say which table there is not, and leave no file', async () => {
    const target = join(out, 'none.csv');
    const task = { connection: 'shop', tables: ['nothing'], format: 'csv', out: target };
    assert.equal((await errorOf(call('exportTable', task))).code, 'usage');
    assert.ok(!existsSync(target));
    const format = await errorOf(call('exportTable', { ...task, format: 'xls' }));
    assert.match(format.message, /must be one of csv, ndjson/);
  });

  it('restore into a new file, and leave the present database alone', async () => {
    const before = readShop();
    const { file } = await backUp();
    changeShop('DELETE FROM order_lines');
    const damaged = readShop();
    const name = join(workspaceFolder, 'yesterday.db');
    try {
      const { report, address } = await call<NewDatabaseReport>('restoreIntoNew', { uri: file, name });
      assert.equal(report.tables.length, 5);
      assert.equal(address.file, name);
      const restored = new DatabaseSync(name);
      const lines = restored.prepare('SELECT count(*) AS n FROM order_lines').get()!['n'];
      restored.close();
      assert.equal(lines, before['order_lines']!.length);
      assert.deepEqual(readShop(), damaged);
      const taken = await errorOf(call('restoreIntoNew', { uri: file, name }));
      assert.match(taken.message, /A file with this name already exists/);
    } finally {
      await rm(name, { force: true });
    }
  });
});
