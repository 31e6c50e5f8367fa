import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Locator } from 'playwright-core';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { type PostgresServer, startPostgres } from '../support/postgresServer.ts';
import { makeShopDatabase } from '../support/sampleWorkspace.ts';
import { findSecrets } from '../support/secretSearch.ts';
import { openWorkbench, type Workbench } from './workbench.ts';

/** A project whose files name databases, and would write other files if anybody ran them. */
describe('Import Connections, by clicking', () => {
  const secrets = { compose: 'of-Compose-7h', mysql: 'of-MySQL-9k', broken: 'of-Broken-3w' };
  let scratch: OwnedFolder;
  let folder: string;
  let server: PostgresServer;
  let workbench: Workbench;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'project');
    server = await startPostgres();
    await mkdir(folder);
    await makeShopDatabase(join(folder, 'db.sqlite3'));
    const planted = join(scratch.path, 'planted');
    const files = {
      '.env': `# settings of the service\nDATABASE_URL=postgres://postgres:${encodeURIComponent(server.password)}@127.0.0.1:${server.port}/postgres\n`,
      'knexfile.js': `require('node:fs').writeFileSync('${planted}-knex', '');
module.exports = { client: 'mysql2', connection: { host: 'localhost', user: 'root', password: '${secrets.mysql}', database: 'old' } };
`,
      'site/settings.py': `
from pathlib import Path
open('${planted}-django', 'w').close()
BASE_DIR = Path(__file__).resolve().parent.parent
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': BASE_DIR / 'db.sqlite3'}}
`,
      'docker-compose.yml': `services:
  stats:
    image: postgres:17
    command: [sh, -c, "touch ${planted}-compose"]
    environment: { POSTGRES_USER: stats, POSTGRES_PASSWORD: ${secrets.compose} }
    ports: ["6543:5432"]
`,
      'broken/compose.yml': `services:\n  db: { image: postgres, environment: { POSTGRES_PASSWORD: "${secrets.broken} }\n`,
      'prisma/schema.prisma': 'datasource db {\n  provider = "postgresql"\n  url = env("MISSING_URL")\n}\n',
      'node_modules/other/.env': 'DATABASE_URL=postgres://localhost/not_ours\n',
      'outside.txt': '',
    };
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
    }
    await writeFile(join(scratch.path, 'outside.env'), 'DATABASE_URL=postgres://localhost/outside\n');
    await mkdir(join(folder, 'links'));
    await symlink(join(scratch.path, 'outside.env'), join(folder, 'links', '.env'));
    workbench = await openWorkbench({
      folder,
      settings: { 'workbench.colorTheme': 'Default Dark Modern' },
      env: { PGSERVICEFILE: join(scratch.path, 'none') },
    });
    await workbench.page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
  });

  after(async () => {
    await workbench?.close();
    await server?.stop();
    await scratch.remove();
  });

  const widget = (): Locator => workbench.page.locator('.quick-input-widget');
  const row = (text: RegExp): Locator => widget().locator('.monaco-list-row').filter({ hasText: text });
  const item = (spoken: RegExp): Locator => workbench.page.getByRole('treeitem', { name: spoken }).first();

  it('the welcome view says how many databases there are', async () => {
    await workbench.page.getByText('3 databases were found in this workspace.').waitFor();
    await workbench.screenshot('import-1-welcome');
  });

  it('lists them with their engine, address and source, never with a password', async () => {
    await workbench.page.getByRole('button', { name: 'Import Connections…' }).click();
    await row(/^postgres/).waitFor();
    const text = (await widget().innerText()).replaceAll('\u00a0', ' ');
    for (const part of [
      `PostgreSQL · 127.0.0.1:${server.port}/postgres · postgres`,
      '.env:2',
      'site/settings.py:5, db.sqlite3',
      'PostgreSQL · localhost:6543/stats · stats',
      'docker-compose.yml:2',
      'MySQL is not supported yet',
      'Nothing in this workspace sets the variable MISSING_URL',
    ]) {
      assert.ok(text.includes(part), `${part} is missing in:\n${text}`);
    }
    assert.doesNotMatch(text, /not_ours|outside/);
    assert.deepEqual(findSecrets('list', text, { ...secrets, server: server.password }), []);
    await workbench.screenshot('import-2-list-dark');
  });

  it('opens the source of one, and imports what is checked', async () => {
    const stats = row(/localhost:6543/);
    await stats.hover();
    await stats.getByRole('button', { name: 'Open Source' }).click();
    await workbench.page.getByRole('tab', { name: /docker-compose\.yml/ }).waitFor();
    await row(/MySQL is not supported yet/).click();
    await stats.click();
    await widget().getByText('2 Selected').waitFor();
    await workbench.page.keyboard.press('Enter');
    await row(/^Workspace/).click();
    await workbench.notification(
      /Imported 2 connections: db, postgres\. 1 password was found and is now in the secret store\./,
    );
    await workbench.screenshot('import-3-imported');
    // It connects with the password that was found.
    await item(/^Connection postgres/)
      .locator('.monaco-tl-twistie')
      .click();
    await workbench.page.getByText('There are no tables in this database.').waitFor();
    const settings = await readFile(join(folder, '.vscode', 'settings.json'), 'utf8');
    assert.deepEqual(JSON.parse(settings), {
      'restorePoint.connections': [
        {
          id: 'postgres',
          name: 'postgres',
          engine: 'postgres',
          host: '127.0.0.1',
          port: server.port,
          database: 'postgres',
          user: 'postgres',
        },
        { id: 'db', name: 'db', engine: 'sqlite', file: '${workspaceFolder}/db.sqlite3' },
      ],
    });
  });

  it('offers again only what is no connection yet', async () => {
    await writeFile(
      join(folder, '.vscode', 'settings.json'),
      (await readFile(join(folder, '.vscode', 'settings.json'), 'utf8')).replace(
        '{',
        '{ "workbench.colorTheme": "Default Light Modern",',
      ),
    );
    await workbench.page.locator('.monaco-workbench.vs').waitFor();
    await workbench.runCommand('Notifications: Clear All Notifications');
    await workbench.runCommand('Restore Point: Import Connections…');
    await row(/localhost:6543/).waitFor();
    assert.equal(await row(/db\.sqlite3/).count(), 0);
    assert.equal(
      await row(/:2\b.*|postgres · /)
        .filter({ hasText: '/postgres' })
        .count(),
      0,
    );
    await workbench.screenshot('import-4-list-light');
    await workbench.page.keyboard.press('Escape');
  });

  it('wrote no password anywhere, and ran nothing', async () => {
    await workbench.runCommand('Restore Point: Show Log');
    await workbench.page.getByText('it is not valid YAML').first().waitFor();
    const all = { ...secrets, server: server.password };
    const logs = filesIn(join(workbench.dataFolder, 'data', 'logs'));
    const own = logs.filter((file) => /Restore Point\.log$/.test(file));
    assert.ok(own.length > 0, logs.join('\n'));
    const written = [...logs, join(folder, '.vscode', 'settings.json')];
    for (const file of written) assert.deepEqual(findSecrets(file, await readFile(file), all), []);
    const log = (await Promise.all(own.map((file) => readFile(file, 'utf8')))).join('\n');
    assert.match(
      log,
      /broken\/compose\.yml:\d+: it is not valid YAML\. Databases that it names may be missing/,
    );
    assert.deepEqual(
      ['knex', 'django', 'compose'].filter((name) => existsSync(join(scratch.path, `planted-${name}`))),
      [],
    );
  });

  function filesIn(path: string): string[] {
    return readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  }
});
