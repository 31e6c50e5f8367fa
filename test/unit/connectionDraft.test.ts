import assert from 'node:assert/strict';
import * as path from 'node:path';
import { isConnectionId, parseConnectionSettings } from '../../src/core/connectionSettings.ts';
import { engines } from '../../src/engines/registry.ts';
import {
  draftOf,
  formatHost,
  isLocalHost,
  itemOf,
  newConnectionId,
  parseHost,
  portablePath,
  suggestedName,
} from '../../src/ui/connections/connectionDraft.ts';

describe('a connection in the making', () => {
  it('becomes an item of the settings that is read back as the same', () => {
    const draft = {
      id: 'prod',
      name: 'Production',
      engine: 'postgres',
      host: '::1',
      port: 5433,
      database: 'shop',
      user: 'me',
      ssl: 'require',
      password: { kind: 'environment', variable: 'PROD_PASSWORD' },
      encrypt: ['age1abc', 'age1def'],
      identityFile: '/home/me/age.txt',
    } as const;
    const item = itemOf(draft);
    assert.deepEqual(draftOf(item, 'postgres'), draft);
    const settings = parseConnectionSettings(item, {
      env: {},
      engines,
      parseUrl: () => undefined,
    });
    assert.equal(settings.passwordEnv, 'PROD_PASSWORD');
    assert.equal(settings.address.port, 5433);
    assert.deepEqual(settings.encrypt, draft.encrypt);
  });

  it('never puts the password into the item', () => {
    const item = itemOf({ id: 'a', engine: 'postgres', password: { kind: 'stored', text: 's3cret' } });
    assert.deepEqual(item, { id: 'a', engine: 'postgres' });
  });

  it('writes files in the workspace by their path from there', () => {
    const folder = path.resolve('/workspace');
    assert.equal(
      portablePath(path.join(folder, 'data', 'shop.db'), folder),
      '${workspaceFolder}/data/shop.db',
    );
    for (const file of [path.resolve('/elsewhere/shop.db'), path.resolve('/workspace-2/shop.db'), folder]) {
      assert.equal(portablePath(file, folder), file);
    }
    assert.equal(portablePath('${workspaceFolder}/shop.db', folder), '${workspaceFolder}/shop.db');
    assert.equal(portablePath(path.join(folder, 'shop.db'), undefined), path.join(folder, 'shop.db'));
  });

  it('gets an id that is not taken', () => {
    assert.equal(newConnectionId('Shop (SQLite)', []), 'shop-sqlite');
    assert.equal(newConnectionId('Shop (SQLite)', ['shop-sqlite', 'shop-sqlite-2']), 'shop-sqlite-3');
    assert.equal(newConnectionId('  ', []), 'database');
    for (const name of ['Überblick', '東京', '--x--', '#1 / prod:5432', '…']) {
      assert.ok(isConnectionId(newConnectionId(name, [])), name);
    }
  });

  it('reads hosts with and without a port', () => {
    const hosts: readonly [text: string, parsed: ReturnType<typeof parseHost>][] = [
      ['localhost', { host: 'localhost' }],
      ['db.example.com:5433', { host: 'db.example.com', port: 5433 }],
      ['[::1]:5433', { host: '::1', port: 5433 }],
      ['[::1]', { host: '::1' }],
      ['::1', { host: '::1' }],
      ['/run/postgresql', { host: '/run/postgresql' }],
      ['localhost:0', undefined],
      ['localhost:99999', undefined],
      ['localhost:', undefined],
      ['a b', undefined],
      ['', undefined],
    ];
    for (const [text, parsed] of hosts) assert.deepEqual(parseHost(text), parsed, text);
    for (const text of ['localhost', 'db.example.com:5433', '[::1]:5433', '/run/postgresql']) {
      assert.equal(formatHost({ engine: 'postgres', ...parseHost(text) }), text);
    }
  });

  it('asks about encryption only where something lies between', () => {
    for (const host of [undefined, 'localhost', '127.0.0.1', '::1', '/run/postgresql']) {
      assert.equal(isLocalHost(host), true);
    }
    for (const host of ['db.example.com', 'localhost.example.com', '10.0.0.1']) {
      assert.equal(isLocalHost(host), false);
    }
  });

  it('suggests the name of the database', () => {
    assert.equal(suggestedName({ engine: 'sqlite', file: '/data/shop.sqlite3' }), 'shop');
    assert.equal(suggestedName({ engine: 'postgres', host: 'localhost', database: 'orders' }), 'orders');
    assert.equal(suggestedName({ engine: 'postgres', host: 'localhost' }), 'localhost');
  });
});
