import assert from 'node:assert/strict';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { engines, parseDatabaseUrl } from '../../src/engines/registry.ts';
import { ConnectionStore } from '../../src/ui/connections/connectionStore.ts';
import { Passwords } from '../../src/ui/connections/passwords.ts';
import { secretsInMemory, useConnections } from './settings.ts';
import { call, errorOf, useFreshShop, workspaceFolder } from './shop.ts';

describe('connections in the settings', () => {
  useFreshShop();
  const settings = useConnections();
  let store: ConnectionStore;

  beforeEach(() => {
    store = new ConnectionStore(engines, parseDatabaseUrl);
  });

  afterEach(() => {
    store.dispose();
  });

  async function workspaceSettings(): Promise<Record<string, unknown>> {
    const text = await readFile(join(workspaceFolder, '.vscode', 'settings.json'), 'utf8');
    return JSON.parse(text) as Record<string, unknown>;
  }

  it('come from user and workspace, the closer one first', async () => {
    await settings.add({ id: 'shop', name: 'Hidden', engine: 'sqlite', file: '/other.db' });
    await settings.add({ id: 'mine', name: 'Mine', engine: 'sqlite', file: '/mine.db' });
    assert.deepEqual(
      store.list().map(({ id, name }) => [id, name]),
      [
        ['mine', 'Mine'],
        ['shop', 'Shop (SQLite)'],
      ],
    );
    assert.equal(store.find('shop').usable?.settings.address.file, join(workspaceFolder, 'shop.db'));
    assert.throws(() => store.find('nobody'), {
      code: 'usage',
      message: /No connection in the settings has the id "nobody"/,
    });
  });

  it('that share an id in one file are both told of', async () => {
    await settings.add({ id: 'twin', engine: 'sqlite', file: '/a.db' });
    await settings.add({ id: 'twin', engine: 'sqlite', file: '/b.db' });
    const [first, second] = store.list().filter(({ id }) => id.startsWith('twin'));
    assert.equal(first?.usable?.settings.address.file, '/a.db');
    assert.match(second?.problem?.message ?? '', /used twice/);
    assert.notEqual(first?.key, second?.key);
  });

  it('are saved in their place and removed from it', async () => {
    const before = await workspaceSettings();
    const workspace = store.scopes().find(({ target }) => target === vscode.ConfigurationTarget.Workspace)!;
    const changed = new Promise<void>((resolve) => store.onDidChange(resolve));
    await store.save({ id: 'copy', engine: 'sqlite', file: '${workspaceFolder}/copy.db' }, workspace);
    await changed;
    await store.save({ id: 'copy', engine: 'sqlite', file: 'other.db' }, workspace);
    const saved = (await workspaceSettings())['restorePoint.connections'] as unknown[];
    assert.deepEqual(saved.slice(1), [{ id: 'copy', engine: 'sqlite', file: 'other.db' }]);
    await call('removeConnection', { connection: 'copy', confirmed: true });
    assert.deepEqual(await workspaceSettings(), before);
  });

  it('are tested in words', async () => {
    assert.match(await call<string>('testConnection', { connection: 'shop' }), /SQLite \d.*5 tables/);
    await settings.add({ id: 'readme', engine: 'sqlite', file: '${workspaceFolder}/README.md' });
    const error = await errorOf(call('testConnection', { connection: 'readme' }));
    assert.equal(error.code, 'connection');
    assert.match(error.message, /SQLite/);
  });

  it('are refused with the reason where they are not usable', async () => {
    await settings.add({ id: 'bad', engine: 'sqlite' });
    const error = await errorOf(call('backUpDatabase', { connection: 'bad' }));
    assert.equal(error.code, 'usage');
    assert.match(error.message, /"file" is missing/);
    assert.equal((await errorOf(call('backUpDatabase', { connection: 'nobody' }))).code, 'usage');
  });
});

describe('passwords', () => {
  const settings = useConnections();

  async function read(item: Readonly<Record<string, unknown>>): ReturnType<typeof find> {
    await settings.add(item);
    return find(String(item['id']));
  }

  function find(id: string): Promise<ReturnType<ConnectionStore['find']>> {
    const store = new ConnectionStore(engines, parseDatabaseUrl);
    store.dispose();
    return Promise.resolve(store.find(id));
  }

  it('come from the secret store, and go nowhere else when the settings change', async () => {
    const passwords = new Passwords(secretsInMemory());
    const item = { id: 'prod', engine: 'postgres', host: 'db.example.com', user: 'me' };
    const connection = await read(item);
    assert.equal(await passwords.find(connection), undefined);
    await passwords.save(connection, 's3cret');
    assert.equal(await passwords.find(connection), 's3cret');
    assert.equal(await passwords.find(await read({ ...item, id: 'other' })), undefined);
    const moved = vscode.workspace.getConfiguration('restorePoint');
    const attack = [{ ...item, host: 'attacker.example.com' }];
    await moved.update('connections', attack, vscode.ConfigurationTarget.Global);
    assert.equal(await passwords.find(await find('prod')), undefined);
    const weaker: object[] = [{ port: 5433 }, { database: 'other' }, { user: 'you' }, { ssl: 'disable' }];
    const authorities = join(await mkdtemp(join(tmpdir(), 'restore-point-test-')), 'ca.pem');
    for (const change of [...weaker, { ssl: 'require' }, { sslRootCert: authorities }]) {
      const changed = [{ ...item, ...change }];
      await moved.update('connections', changed, vscode.ConfigurationTarget.Global);
      assert.equal(await passwords.find(await find('prod')), undefined, JSON.stringify(change));
    }
    // Whoever replaces the file of authorities decides who is let in, too.
    await writeFile(authorities, 'one authority');
    const trusting = await find('prod');
    await passwords.save(trusting, 's3cret');
    assert.equal(await passwords.find(trusting), 's3cret');
    await writeFile(authorities, 'another authority');
    assert.equal(await passwords.find(trusting), undefined);
    await moved.update('connections', [item], vscode.ConfigurationTarget.Global);
    await passwords.save(connection, 's3cret');
    assert.equal(await passwords.find(await find('prod')), 's3cret');
    await passwords.forget(await find('prod'));
    assert.equal(await passwords.find(await find('prod')), undefined);
  });

  it('come from the environment variable that is named', async () => {
    const passwords = new Passwords(secretsInMemory());
    const item = { engine: 'postgres', host: 'localhost' };
    const set = await read({ ...item, id: 'set', passwordEnv: 'RESTORE_POINT_TEST_POSTGRES' });
    assert.equal(await passwords.find(set), process.env['RESTORE_POINT_TEST_POSTGRES']);
    const unset = await read({ ...item, id: 'unset', passwordEnv: 'RESTORE_POINT_TEST_NOT_SET' });
    await assert.rejects(passwords.find(unset), {
      code: 'usage',
      message: /RESTORE_POINT_TEST_NOT_SET is not set/,
    });
  });
});
