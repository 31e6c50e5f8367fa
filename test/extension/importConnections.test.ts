import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { engines, otherEngine, parseDatabaseUrl } from '../../src/engines/registry.ts';
import { ConnectionStore } from '../../src/ui/connections/connectionStore.ts';
import {
  FoundConnectionsFinder,
  type FoundConnections,
} from '../../src/ui/connections/found/foundConnections.ts';
import type { ImportReport } from '../../src/ui/commands/importConnections.ts';
import { findSecrets } from '../support/secretSearch.ts';
import { useConnections } from './settings.ts';
import { call, useFreshShop, workspaceFolder } from './shop.ts';

describe('Import Connections', () => {
  useFreshShop();
  useConnections();
  const project = join(workspaceFolder, 'import-test');
  const settingsFile = join(workspaceFolder, '.vscode', 'settings.json');
  const server = new URL(process.env['RESTORE_POINT_TEST_POSTGRES']!);
  let settingsBefore: string;
  let store: ConnectionStore;

  beforeEach(async () => {
    process.env['PGSERVICEFILE'] = join(project, 'services');
    settingsBefore = await readFile(settingsFile, 'utf8');
    store = new ConnectionStore(engines, parseDatabaseUrl);
  });

  afterEach(async () => {
    for (const { id, scope } of store.list()) {
      const isOurs = id !== 'shop' && scope.target === vscode.ConfigurationTarget.Workspace;
      if (isOurs) await call('removeConnection', { connection: id, confirmed: true });
    }
    store.dispose();
    delete process.env['PGSERVICEFILE'];
    await rm(project, { recursive: true, force: true });
    assert.equal(await readFile(settingsFile, 'utf8'), settingsBefore);
  });

  async function write(files: Readonly<Record<string, string | Buffer>>): Promise<void> {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(project, name)), { recursive: true });
      await writeFile(join(project, name), content);
    }
  }

  async function find(token?: vscode.CancellationToken): Promise<FoundConnections> {
    const finder = new FoundConnectionsFinder(engines, otherEngine, store);
    return await finder.find(token ?? new vscode.CancellationTokenSource().token);
  }

  const names = ({ databases }: FoundConnections): string[] => databases.map(({ name }) => name).sort();

  it('saves addresses in the settings and passwords in the secret store, and connects with them', async () => {
    const planted = join(project, 'planted');
    await write({
      '.env': `DATABASE_URL=${server.href}\n`,
      'settings.py': `open('${planted}', 'w')\nDATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'lite.db'}}\n`,
      'knexfile.js': `require('fs').writeFileSync('${planted}', '');\nmodule.exports = {client: 'pg', connection: '${server.href}'};\n`,
      'lite.db': Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(84)]),
    });
    const report = await call<ImportReport>('importConnections', { all: true });
    assert.deepEqual(
      { ...report, imported: [...report.imported].sort() },
      {
        ...{ imported: ['lite', server.pathname.slice(1)].sort(), passwords: 1, failed: [] },
      },
    );
    const text = await readFile(settingsFile, 'utf8');
    const password = decodeURIComponent(server.password);
    assert.ok(password.length > 3);
    assert.deepEqual(findSecrets('settings', text, { password }), []);
    assert.match(text, /"\$\{workspaceFolder\}\/import-test\/lite\.db"/);
    assert.match(
      await call<string>('testConnection', { connection: server.pathname.slice(1) }),
      /PostgreSQL \d/,
    );
    assert.equal(existsSync(planted), false);
    assert.deepEqual(await call<ImportReport>('importConnections', { all: true }), {
      imported: [],
      passwords: 0,
      failed: [],
    });
  });

  it('reads no file outside of the workspace, no large one, and nothing that is no file', async () => {
    const outside = join(dirname(workspaceFolder), 'outside-of-import');
    await mkdir(outside, { recursive: true });
    try {
      await writeFile(join(outside, '.env'), 'DATABASE_URL=postgres://localhost/outside\n');
      await write({
        'good/.env': 'DATABASE_URL=postgres://localhost/good\n',
        'large/.env': 'DATABASE_URL=postgres://localhost/large\n',
        'node_modules/x/.env': 'DATABASE_URL=postgres://localhost/module\n',
        'venv/lib/settings.py':
          "DATABASES = {'default': {'ENGINE': 'postgresql', 'NAME': 'venv', 'HOST': 'h'}}\n",
        'utf16/.env': Buffer.from('\ufeffDATABASE_URL=postgres://localhost/wide\n', 'utf16le'),
        'not-a-database.db': 'SQLite format',
        'empty.sqlite': '',
        'binary/.env': Buffer.from([0, 1, 2, 255, 254, 10, 61]),
        'links/real.env': 'LINKED_URL=postgres://localhost/linked\n',
      });
      await truncate(join(project, 'large', '.env'), 2 ** 31);
      await symlink(join(outside, '.env'), join(project, 'links', '.env'));
      await symlink(outside, join(project, 'links', 'folder'));
      await symlink(join(project, 'links'), join(project, 'links', 'circle'));
      if (process.platform !== 'win32') {
        await mkdir(join(project, 'pipe'));
        execFileSync('mkfifo', [join(project, 'pipe', '.env')]);
      }
      const found = await find();
      assert.deepEqual(names(found), ['good', 'linked', 'wide']);
      assert.deepEqual(
        found.broken.map(({ file, reason }) => [file, reason]),
        [[join(project, 'large', '.env'), 'it is larger than 512 KB']],
      );
    } finally {
      await rm(outside, { recursive: true, force: true });
    }
  });

  it('respects what the settings exclude from searches', async () => {
    await write({
      'hidden/.env': 'DATABASE_URL=postgres://localhost/hidden\n',
      '.env': 'DATABASE_URL=postgres://localhost/seen\n',
    });
    const search = vscode.workspace.getConfiguration('search');
    const files = vscode.workspace.getConfiguration('files');
    try {
      await search.update('exclude', { '**/hidden': true }, vscode.ConfigurationTarget.Global);
      assert.deepEqual(names(await find()), ['seen']);
      await search.update('exclude', undefined, vscode.ConfigurationTarget.Global);
      await files.update('exclude', { '**/hidden': true }, vscode.ConfigurationTarget.Global);
      assert.deepEqual(names(await find()), ['seen']);
    } finally {
      await search.update('exclude', undefined, vscode.ConfigurationTarget.Global);
      await files.update('exclude', undefined, vscode.ConfigurationTarget.Global);
    }
    assert.deepEqual(names(await find()), ['hidden', 'seen']);
  });

  it('reads the service file that PGSERVICEFILE names', async () => {
    await write({ services: '[one]\nhost=localhost\nport=5499\ndbname=of_service\n' });
    const { databases } = await find();
    assert.deepEqual(
      databases.map(({ name, address, places }) => [name, address?.database, places[0]?.folder]),
      [['one', 'of_service', undefined]],
    );
    assert.deepEqual((await call<ImportReport>('importConnections', { all: true })).imported, []);
  });

  it('can be cancelled', async () => {
    await write({ '.env': 'DATABASE_URL=postgres://localhost/seen\n' });
    const source = new vscode.CancellationTokenSource();
    const work = find(source.token);
    source.cancel();
    await assert.rejects(work, vscode.CancellationError);
  });

  it('keeps names and ids apart', async () => {
    await write({
      '.env': 'A_URL=postgres://localhost/shop\nB_URL=postgres://localhost:5433/shop\n',
    });
    const report = await call<ImportReport>('importConnections', { all: true });
    assert.deepEqual(report.imported, ['shop-2', 'shop-3']);
    const shown = store.list().map(({ name }) => name);
    assert.equal(new Set(shown).size, shown.length, shown.join(', '));
  });
});
