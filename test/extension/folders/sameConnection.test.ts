import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as vscode from 'vscode';
import type { BackupReport } from '../../../src/backup/takeBackup.ts';
import { engines, parseDatabaseUrl } from '../../../src/engines/registry.ts';
import type { RestoreReport } from '../../../src/restore/restoreBackup.ts';
import { safetyFolderFor, takenFrom } from '../../../src/ui/backups/backupOrigin.ts';
import { Connector } from '../../../src/ui/connections/connector.ts';
import { ConnectionStore } from '../../../src/ui/connections/connectionStore.ts';
import { Passphrases } from '../../../src/ui/connections/passphrases.ts';
import { Passwords } from '../../../src/ui/connections/passwords.ts';
import { SessionCache } from '../../../src/ui/connections/sessionCache.ts';
import { Log } from '../../../src/ui/log.ts';
import { ConnectionsTree } from '../../../src/ui/tree/connectionsTree.ts';
import { makeShopDatabase } from '../../support/sampleWorkspace.ts';
import { secretsInMemory } from '../settings.ts';
import { call, errorOf } from '../shop.ts';

/** Two folders, `api/shop` and `web`, that each define the connection `shop` on their own shop.db. */
describe('a connection of the same id in two folders', () => {
  const folders = vscode.workspace.workspaceFolders!.map(({ uri }) => uri.fsPath);
  const [api, web] = folders as [string, string];
  let store: ConnectionStore;

  beforeEach(async () => {
    for (const folder of folders) await makeShopDatabase(join(folder, 'shop.db'));
    store = new ConnectionStore(engines, parseDatabaseUrl);
  });
  afterEach(() => store.dispose());

  function query(folder: string, sql: string): unknown {
    const database = new DatabaseSync(join(folder, 'shop.db'));
    try {
      return Object.values(database.prepare(sql).get() ?? {})[0];
    } finally {
      database.close();
    }
  }

  const customers = (folder: string): unknown => query(folder, 'SELECT count(*) FROM customers');

  it('is there twice, told apart by the folder, in lists and in the tree', async () => {
    assert.deepEqual(
      store.list().map(({ id, name, usable }) => [id, name, usable?.settings.address.file]),
      [
        ['shop', 'Shop (SQLite) (shop)', join(api, 'shop.db')],
        ['shop', 'Shop (SQLite) (web)', join(web, 'shop.db')],
      ],
    );
    const log = new Log();
    const sessions = new SessionCache(new Connector(new Passwords(secretsInMemory()), log), log);
    const tree = new ConnectionsTree(store, sessions, log);
    const nodes = await tree.getChildren();
    const items = nodes.map((node) => tree.getTreeItem(node));
    assert.deepEqual(
      items.map(({ label }) => label),
      ['Shop (SQLite) (shop)', 'Shop (SQLite) (web)'],
    );
    assert.notEqual(items[0]!.id, items[1]!.id);
    assert.equal((await tree.getChildren(nodes[1])).length, 5);
    tree.dispose();
    log.dispose();
  });

  it('has to be named with the folder, and is found by that', async () => {
    assert.throws(() => store.find('shop'), {
      code: 'usage',
      message: /Several connections in the settings have the id "shop"/,
    });
    const error = await errorOf(call('backUpDatabase', { connection: 'shop' }));
    assert.match(error.message, /Several connections in the settings have the id "shop"/);
    assert.match(error.details.next ?? '', /shop\/shop, web\/shop/);
    assert.equal(store.find('web/shop').usable?.settings.address.file, join(web, 'shop.db'));
    assert.equal(store.find(store.find('web/shop').key).scope.folder?.uri.fsPath, web);
  });

  it('has passwords and passphrases of its own', async () => {
    const secrets = secretsInMemory();
    const [one, other] = [store.find('shop/shop'), store.find('web/shop')];
    const passphrases = new Passphrases(secrets);
    const passwords = new Passwords(secrets);
    await passphrases.save(one, 'first');
    await passwords.save(one, 'first');
    assert.equal(await passphrases.find(other), undefined);
    assert.equal(await passwords.find(other), undefined);
  });

  it('is backed up into its folder, restored and undone, and the other one stays as it is', async () => {
    const all = customers(web);
    const backup = await call<BackupReport>('backUpDatabase', { connection: 'web/shop', quiet: true });
    assert.equal(backup.file.startsWith(join(web, 'backups')), true);
    for (const folder of folders) {
      const database = new DatabaseSync(join(folder, 'shop.db'));
      database.exec(
        'DELETE FROM orders_audit; PRAGMA foreign_keys = OFF; DELETE FROM customers WHERE id = 1',
      );
      database.close();
    }
    const less = customers(web);
    const restored = await call<RestoreReport>('restoreBackup', {
      uri: backup.file,
      connection: 'web/shop',
      tables: [],
      mode: 'replace',
      ...{ confirmed: true, quiet: true },
    });
    assert.deepEqual([customers(api), customers(web)], [less, all]);
    // Nobody says which of them is meant: the place of the safety backup does.
    await call('undoRestore', { uri: restored.safetyBackup, confirmed: true, quiet: true });
    assert.deepEqual([customers(api), customers(web)], [less, less]);
  });

  it('is what its backups were taken from, and no other', async () => {
    const root = join(web, 'safety');
    const services = { store, safetyFolder: root };
    const manifest = { source: { connection: 'shop' } } as Parameters<typeof takenFrom>[2];
    const [one, other] = [store.find('shop/shop'), store.find('web/shop')];
    const from = (file: string): string | undefined => takenFrom(services, file, manifest)?.key;
    const safety = [await safetyFolderFor(services, one), await safetyFolderFor(services, other)];
    assert.deepEqual(
      safety.map((folder) => from(join(folder, 'a.dbbackup'))),
      [one.key, other.key],
    );
    assert.equal(from(join(api, 'backups', 'a.dbbackup')), one.key);
    assert.equal(from(join(web, 'deep', 'a.dbbackup')), other.key);
    assert.equal(from('/elsewhere/a.dbbackup'), undefined);
    // Of a folder that is not open any more.
    assert.equal(from(join(root, '0123456789abcdef', 'a.dbbackup')), undefined);
  });

  it('does not hide one of the user, which is told apart too', async () => {
    const settings = vscode.workspace.getConfiguration('restorePoint');
    const item = { id: 'shop', engine: 'sqlite', file: join(web, 'other.db') };
    await settings.update('connections', [item], vscode.ConfigurationTarget.Global);
    try {
      assert.deepEqual(
        store
          .list()
          .map(({ name }) => name)
          .sort(),
        ['Shop (SQLite) (shop)', 'Shop (SQLite) (web)', 'shop (user settings)'],
      );
      assert.equal(store.find('user settings/shop').usable?.settings.address.file, join(web, 'other.db'));
    } finally {
      await settings.update('connections', undefined, vscode.ConfigurationTarget.Global);
    }
  });
});
