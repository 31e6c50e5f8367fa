import assert from 'node:assert/strict';
import * as path from 'node:path';
import type { ConnectionForm } from '../../src/core/connectionForm.ts';
import {
  connectionProperties,
  isConnectionId,
  parseConnectionSettings,
  type ConnectionContext,
} from '../../src/core/connectionSettings.ts';
import { describeError, RestorePointError } from '../../src/core/errors.ts';
import { localizable } from '../../src/core/localizable.ts';
import { engines, parseDatabaseUrl } from '../../src/engines/registry.ts';
import manifest from '../../package.json' with { type: 'json' };

const workspaceFolder = path.resolve('/work place');

const context: ConnectionContext = {
  env: {
    DATABASE_HOST: 'db.example.com',
    DATABASE_URL: 'postgres://me:s3cret@db.example.com/shop',
    PORT: '5433',
  },
  workspaceFolder,
  engines,
  parseUrl: parseDatabaseUrl,
};

function refusal(item: unknown, changed: Partial<ConnectionContext> = {}): RestorePointError {
  try {
    parseConnectionSettings(item, { ...context, ...changed });
  } catch (error) {
    assert.ok(RestorePointError.is(error, 'usage'), String(error));
    return error;
  }
  throw new Error('It was not refused.');
}

describe('parseConnectionSettings', () => {
  it('reads a SQLite file, from the workspace folder', () => {
    const expected = {
      id: 'shop',
      name: 'Shop',
      address: { engine: 'sqlite', file: path.join(workspaceFolder, 'data', 'shop.db') },
      variables: [],
    };
    for (const file of ['${workspaceFolder}/data/shop.db', 'data/shop.db', './data/../data/shop.db']) {
      const item = { id: 'shop', name: 'Shop', engine: 'sqlite', file };
      assert.deepEqual(parseConnectionSettings(item, context), expected);
    }
    const absolute = path.resolve('/elsewhere/shop.db');
    const settings = parseConnectionSettings({ id: 'shop', engine: 'sqlite', file: absolute }, context);
    assert.deepEqual(settings.address, { engine: 'sqlite', file: absolute });
    assert.equal(settings.name, 'shop');
  });

  it('reads the parts of a server, with variables', () => {
    const item = {
      id: 'prod',
      engine: 'postgres',
      host: '${env:DATABASE_HOST}',
      port: '${env:PORT}',
      database: 'shop',
      user: 'me',
      ssl: 'verify-ca',
      sslRootCert: 'certificates/ca.pem',
      passwordEnv: 'PROD_PASSWORD',
    };
    assert.deepEqual(parseConnectionSettings(item, context), {
      id: 'prod',
      name: 'prod',
      address: {
        engine: 'postgres',
        host: 'db.example.com',
        port: 5433,
        database: 'shop',
        user: 'me',
        ssl: 'verify-ca',
        sslRootCert: path.join(workspaceFolder, 'certificates', 'ca.pem'),
      },
      passwordEnv: 'PROD_PASSWORD',
      variables: ['DATABASE_HOST', 'PORT', 'PROD_PASSWORD'],
    });
  });

  it('remembers that a workspace names the server, but for a URL that is an environment variable as a whole', () => {
    const ofWorkspace = (item: object): boolean | undefined =>
      parseConnectionSettings({ id: 'prod', ...item }, { ...context, ofWorkspace: true }).address.ofWorkspace;
    assert.equal(ofWorkspace({ engine: 'postgres', ssl: 'disable' }), true);
    assert.equal(ofWorkspace({ url: 'postgres://${env:DATABASE_HOST}/d?sslmode=disable' }), true);
    assert.equal(ofWorkspace({ url: '${env:DATABASE_URL}' }), undefined);
  });

  it('reads URLs, whose engine need not be told', () => {
    const url = 'postgres://me@${env:DATABASE_HOST}:5432/shop?sslmode=require';
    const settings = parseConnectionSettings({ id: 'prod', url }, context);
    assert.deepEqual(settings.address, {
      engine: 'postgres',
      host: 'db.example.com',
      port: 5432,
      database: 'shop',
      user: 'me',
      ssl: 'require',
    });
    const file = parseConnectionSettings({ id: 'shop', url: 'sqlite:shop.db' }, context);
    assert.deepEqual(file.address, { engine: 'sqlite', file: path.join(workspaceFolder, 'shop.db') });
  });

  it('takes a password along only in a URL that is an environment variable as a whole', () => {
    const settings = parseConnectionSettings({ id: 'prod', url: '${env:DATABASE_URL}' }, context);
    assert.equal(settings.password, 's3cret');
    assert.equal(settings.address.host, 'db.example.com');
    for (const url of ['postgres://me:s3cret@localhost/shop', 'postgres://me:${env:PORT}@localhost/shop']) {
      assert.match(refusal({ id: 'prod', url }).message, /"url" must not contain a password/);
    }
  });

  it('refuses a password, tells what to do, and does not repeat it', () => {
    const error = refusal({ id: 'prod', engine: 'postgres', host: 'localhost', password: 's3cret' });
    assert.match(error.message, /must not contain a password/);
    assert.match(error.details.next ?? '', /passwordEnv/);
    assert.doesNotMatch(JSON.stringify([error.message, error.details]), /s3cret/);
  });

  it('names the connection and the reason', () => {
    const error = refusal({ id: 'prod', engine: 'oracle' });
    assert.deepEqual(error.details.place, { setting: 'restorePoint.connections "prod"' });
    const reasons: readonly [item: object, reason: RegExp][] = [
      [{}, /"engine" is missing/],
      [{ engine: 'oracle' }, /"engine" must be one of sqlite, postgres/],
      [{ engine: 'sqlite' }, /"file" is missing/],
      [{ engine: 'sqlite', file: 7 }, /"file" must be a string/],
      [{ engine: 'sqlite', file: 'a.db', host: 'localhost' }, /"host" does not apply to the engine sqlite/],
      [{ engine: 'postgres', file: 'a.db' }, /"file" does not apply to the engine postgres/],
      [{ engine: 'postgres', port: 0 }, /"port" must be a number from 1 to 65535/],
      [{ engine: 'postgres', port: 'x' }, /"port"/],
      [{ engine: 'postgres', ssl: 'on' }, /"ssl" must be one of disable, prefer/],
      [{ engine: 'postgres', sslMode: 'require' }, /unknown property "sslMode"/],
      [{ url: 'postgres://localhost/shop', host: 'localhost' }, /"url" and "host" cannot be used together/],
      [{ url: 'mysql://localhost/shop' }, /MySQL is not supported yet/],
      [{ url: 'db2://localhost/shop' }, /Unsupported database URL/],
      [{ url: 'postgres://localhost/shop?x=1' }, /one of its parameters is not supported/],
      [{ url: 'sqlite:a.db', engine: 'postgres' }, /"engine" is postgres/],
      [{ engine: 'sqlite', file: '${env:MISSING}/a.db' }, /variable MISSING is not set/],
      [{ engine: 'sqlite', file: '${userHome}/a.db' }, /\$\{userHome\} is not supported here/],
    ];
    for (const [item, reason] of reasons) assert.match(refusal({ id: 'prod', ...item }).message, reason);
  });

  it('refuses what has no usable id, or is no object', () => {
    for (const item of [undefined, 'shop', [], {}, { id: 7 }, { id: '' }, { id: 'a:b' }, { id: '-a' }]) {
      assert.ok(refusal(item).message);
    }
  });

  it('needs an open folder only for what starts from it', () => {
    const without = { workspaceFolder: undefined };
    assert.match(refusal({ id: 'a', engine: 'sqlite', file: 'a.db' }, without).message, /relative/);
    const variable = { id: 'a', engine: 'sqlite', file: '${workspaceFolder}/a.db' };
    assert.match(refusal(variable, without).message, /no folder is open/);
    const server = parseConnectionSettings({ id: 'a', engine: 'postgres' }, { ...context, ...without });
    assert.deepEqual(server.address, { engine: 'postgres' });
  });

  it('reads how backups are encrypted, and repeats nothing that could be a secret key', () => {
    const read = (more: object) =>
      parseConnectionSettings({ id: 'shop', engine: 'sqlite', file: 'shop.db', ...more }, context);
    assert.equal(read({ encrypt: 'passphrase' }).encrypt, 'passphrase');
    assert.deepEqual(read({ encrypt: 'age1abc' }).encrypt, ['age1abc']);
    assert.deepEqual(read({ encrypt: ['age1abc', 'age1def'] }).encrypt, ['age1abc', 'age1def']);
    assert.equal(
      read({ identityFile: 'keys/me.txt' }).identityFile,
      path.join(workspaceFolder, 'keys', 'me.txt'),
    );
    for (const encrypt of [true, [], '', 'AGE-SECRET-KEY-1ABC', ['age1abc', 'AGE-SECRET-KEY-1ABC'], [1]]) {
      const error = refusal({ id: 'shop', engine: 'sqlite', file: 'shop.db', encrypt });
      assert.match(error.message, /"encrypt" must be "passphrase" or a list of recipients/);
      assert.doesNotMatch(describeError(error), /SECRET/);
    }
  });
});

describe('a connection of an engine that the settings do not know', () => {
  const form: ConnectionForm = {
    properties: ['host', 'user'],
    required: ['host'],
    summary: localizable('a pond'),
    questions: [],
    exampleUrl: 'duck://pond',
    elsewhere: { names: ['duck'] },
  };
  const duck = { ...context, engines: [...engines, { id: 'duck', form }] };

  it('is read as its engine says', () => {
    const { address } = parseConnectionSettings({ id: 'pond', engine: 'duck', host: 'pond' }, duck);
    assert.deepEqual(address, { engine: 'duck', host: 'pond' });
  });

  it('has what its engine needs, and nothing else', () => {
    assert.match(refusal({ id: 'pond', engine: 'duck' }, duck).message, /"host" is missing/);
    const item = { id: 'pond', engine: 'duck', host: 'pond', database: 'water' };
    assert.match(refusal(item, duck).message, /"database" does not apply to the engine duck/);
  });

  it('is refused where there is no such engine', () => {
    assert.match(refusal({ id: 'pond', engine: 'duck' }).message, /one of sqlite, postgres$/);
  });
});

describe('the schema of restorePoint.connections', () => {
  const { properties } = manifest.contributes.configuration.properties['restorePoint.connections'].items;

  it('has the properties that are read, and says of the password that it has no place', () => {
    assert.deepEqual(Object.keys(properties).sort(), [...connectionProperties, 'password'].sort());
  });

  it('takes the same ids', () => {
    const pattern = new RegExp(properties.id.pattern, 'u');
    for (const id of ['shop', 'Shop-2', 'a.b_c', 'ü1', '', 'a b', 'a:b', '.a', '-a', 'a/b']) {
      assert.equal(pattern.test(id), isConnectionId(id), id);
    }
  });
});
