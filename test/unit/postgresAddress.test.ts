import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { type DatabaseAddress, sslModes } from '../../src/core/connections.ts';
import { RestorePointError } from '../../src/core/errors.ts';
import type { Logger } from '../../src/core/logger.ts';
import {
  describe as describeAddress,
  parseUrl,
  resolveAddress,
} from '../../src/engines/postgres/connect/address.ts';
import { passwordFromFile } from '../../src/engines/postgres/connect/pgpass.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';

function usageError(text: string): RestorePointError {
  try {
    parseUrl(text);
  } catch (error) {
    assert.ok(RestorePointError.is(error, 'usage'));
    return error;
  }
  throw new assert.AssertionError({ message: `${text} was taken` });
}

/** Without what the environment of the tests says. */
function useEnvironment(): Record<string, string | undefined> {
  const names = ['PGHOST', 'PGPORT', 'PGUSER', 'PGDATABASE', 'PGSSLMODE', 'PGSSLROOTCERT', 'PGPASSFILE'];
  const kept = new Map(names.map((name) => [name, process.env[name]]));
  beforeEach(() => {
    for (const name of names) delete process.env[name];
  });
  after(() => {
    for (const [name, value] of kept) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  return process.env;
}

describe('postgres: addresses', () => {
  const environment = useEnvironment();

  it('reads URLs, with the password apart', () => {
    const read: [string, ReturnType<typeof parseUrl>][] = [
      ['postgres://', { address: { engine: 'postgres' } }],
      ['postgresql://host', { address: { engine: 'postgres', host: 'host' } }],
      ['postgres:///shop', { address: { engine: 'postgres', database: 'shop' } }],
      [
        'postgres://ann:p%40ss%3Aword:x@db.example:6543/my%20shop?sslmode=verify-ca&sslrootcert=%2Fca.pem',
        {
          address: {
            engine: 'postgres',
            host: 'db.example',
            port: 6543,
            database: 'my shop',
            user: 'ann',
            ssl: 'verify-ca',
            sslRootCert: '/ca.pem',
          },
          password: 'p@ss:word:x',
        },
      ],
      [
        'postgres://[2001:db8::1]:5433/x',
        { address: { engine: 'postgres', host: '2001:db8::1', port: 5433, database: 'x' } },
      ],
      ['POSTGRES://h', { address: { engine: 'postgres', host: 'h' } }],
      [
        'postgres://u@/d?host=%2Fvar%2Frun&port=1234',
        { address: { engine: 'postgres', user: 'u', database: 'd', host: '/var/run', port: 1234 } },
      ],
      ['postgres://%2Ftmp/d', { address: { engine: 'postgres', host: '/tmp', database: 'd' } }],
      [
        'postgres://h/d?sslmode=allow&application_name=x&connect_timeout=5&channel_binding=require',
        { address: { engine: 'postgres', host: 'h', database: 'd', ssl: 'prefer' } },
      ],
      [
        'postgres://u:@h/d?user=other&password=secret&dbname=e',
        { address: { engine: 'postgres', host: 'h', database: 'e', user: 'other' }, password: 'secret' },
      ],
    ];
    for (const [text, expected] of read) assert.deepEqual(parseUrl(text), expected, text);
  });

  it('leaves what is not PostgreSQL to others', () => {
    for (const text of ['sqlite:x.db', 'mysql://h/d', 'postgres', 'x postgres://h']) {
      assert.equal(parseUrl(text), undefined, text);
    }
  });

  it('says what is wrong with a URL without repeating its password', () => {
    const wrong: [string, RegExp][] = [
      ['postgres:shop', /does not have the form/],
      ['postgres://u:s3cret@a,b/d', /several hosts/],
      ['postgres://u:s3cret@::1/d', /IPv6/],
      ['postgres://u:s3cret@h:70000/d', /65535/],
      ['postgres://u:s3cret@h:x/d', /65535/],
      ['postgres://u:s3cret%zz@h/d', /percent sign/],
      ['postgres://u:s3cret@h/d?sslmode=sometimes', /Unknown sslmode sometimes/],
      ['postgres://u:s3cret@h/d?options=-c', /parameter options is not supported/],
      ['postgres://u:s3cret@h/d?sslmode', /has no value/],
      ['postgres://u:pass@s3cret@h/d', /an @ or a \/ .* is not written as %40/],
      ['postgres://u:12/s3cret@h/d', /is not written as %40/],
      ['postgres://u:s3cret/word@h/d', /is not written as %40/],
      ['postgres://u:s3cret/word', /its port is not a number/],
      ['postgres://u:s3cret?word@h/d', /has no value/],
      ['postgres://u:12?s3cret@h/d', /has no value/],
      ['postgres://u:12?s3cret=1@h/d', /one of its parameters is not supported/],
      ['postgres://u:s3cret#word@h/d', /does not have the form/],
      ['postgres://u:s3cret?a=b', /one of its parameters is not supported|its port is not a number/],
      ['postgres://h/d?password=x&s3cret', /one of its parameters has no value/],
      ['postgres://h/d?password=x&s3cret=y', /one of its parameters is not supported/],
      ['postgres://u:s3cret@[::1/d', /IPv6|does not have/],
    ];
    for (const [text, message] of wrong) {
      const error = usageError(text);
      assert.match(error.message, message);
      assert.doesNotMatch(JSON.stringify([error.message, error.details]), /s3cret/);
    }
  });

  it('fills in what is left out, from the environment first', () => {
    const bare = resolveAddress({ engine: 'postgres', user: 'ann' });
    const plain = { host: 'localhost', port: 5432, user: 'ann', database: 'ann', ssl: 'disable' };
    assert.deepEqual(bare, { ...plain, maySendPasswordsOpenly: true });
    Object.assign(environment, {
      PGHOST: 'db.example',
      PGPORT: '6000',
      PGUSER: 'bob',
      PGDATABASE: 'shop',
      PGSSLMODE: 'require',
      PGSSLROOTCERT: '/ca.pem',
    });
    assert.deepEqual(resolveAddress({ engine: 'postgres' }), {
      host: 'db.example',
      port: 6000,
      user: 'bob',
      database: 'shop',
      ssl: 'require',
      sslRootCert: '/ca.pem',
      maySendPasswordsOpenly: true,
    });
    assert.equal(describeAddress({ engine: 'postgres' }), 'db.example:6000/shop');
    assert.equal(describeAddress({ engine: 'postgres', host: '::1', port: 1 }), '[::1]:1/shop');
  });

  it('checks who answers unless the host is this machine', () => {
    const mode = (host: string) => resolveAddress({ engine: 'postgres', host, user: 'u' }).ssl;
    for (const host of ['localhost', '127.0.0.1', '::1', '/tmp']) assert.equal(mode(host), 'disable', host);
    for (const host of ['db.example', '10.0.0.1', 'localhost.example', '127.0.0.1.example']) {
      assert.equal(mode(host), 'verify-full', host);
    }
  });
});

describe('postgres: who may say that a password goes over an open network', () => {
  const may = (address: Partial<DatabaseAddress>): boolean =>
    resolveAddress({ engine: 'postgres', host: 'db.example', user: 'u', ...address }).maySendPasswordsOpenly;
  const before = process.env['PGSSLMODE'];
  afterEach(() => {
    delete process.env['PGSSLMODE'];
    if (before !== undefined) process.env['PGSSLMODE'] = before;
  });

  it('is the user, and not the settings of a workspace', () => {
    delete process.env['PGSSLMODE'];
    for (const ssl of sslModes) {
      assert.equal(may({ ssl }), true, ssl);
      assert.equal(may({ ssl, ofWorkspace: true }), false, ssl);
      assert.equal(may({ ssl, ofWorkspace: true, host: 'localhost' }), true, ssl);
    }
    assert.equal(may({}), false);
  });

  it('is the user in the environment, for what is as strict as he says', () => {
    for (const [own, mode] of sslModes.entries()) {
      process.env['PGSSLMODE'] = mode;
      for (const [other, ssl] of sslModes.entries())
        assert.equal(may({ ssl, ofWorkspace: true }), other >= own, `${mode} ${ssl}`);
    }
  });
});

describe('postgres: the password file', () => {
  const folder = useTemporaryFolder();
  const warnings: string[] = [];
  const logger: Logger = { debug() {}, info() {}, warn: (message) => warnings.push(message), error() {} };
  const address = { host: 'db.example', port: 5432, database: 'shop', user: 'ann', ssl: 'disable' } as const;

  async function password(lines: string, at: Partial<typeof address> | { host: string } = {}, mode = 0o600) {
    const file = folder.file('pgpass');
    writeFileSync(file, lines);
    chmodSync(file, mode);
    warnings.length = 0;
    return passwordFromFile({ ...address, ...at }, logger, file);
  }

  it('takes the first line that fits', async () => {
    assert.equal(await password('other:*:*:*:no\n# *:*:*:*:no\n*:5432:shop:ann:yes\n*:*:*:*:late\n'), 'yes');
    assert.equal(await password('db.example:5433:shop:ann:no\r\ndb.example:5432:shop:ann:yes\r\n'), 'yes');
    assert.equal(await password('db.example:5432:shop:bob:no\n'), undefined);
    assert.equal(await password('a line without a sense\n'), undefined);
  });

  it('reads escapes', async () => {
    assert.equal(await password(String.raw`*:*:*:*:a\:b\\c:d`), String.raw`a:b\c:d`);
    assert.equal(await password(String.raw`\*:*:*:*:no`), undefined);
    assert.equal(await password(String.raw`a\:b:*:*:*:yes`, { host: 'a:b' }), 'yes');
    assert.equal(await password('localhost:*:*:*:yes', { host: '/var/run' }), 'yes');
  });

  it('passes over a file that others can read, and says so', async function () {
    if (process.platform === 'win32') assert.equal(await password('*:*:*:*:yes', {}, 0o644), 'yes');
    else {
      assert.equal(await password('*:*:*:*:yes', {}, 0o640), undefined);
      assert.match(warnings.join(), /others can read it/);
    }
  });

  it('does without one', async () => {
    warnings.length = 0;
    assert.equal(await passwordFromFile(address, logger, folder.file('none')), undefined);
    assert.deepEqual(warnings, []);
  });
});
