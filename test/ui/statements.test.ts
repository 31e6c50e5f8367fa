import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FrameLocator, Locator } from 'playwright-core';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { backUpDatabase } from './sampleShop.ts';
import { frontWebview, openWorkbench, type Workbench } from './workbench.ts';

/** The backups were made by the test: for the workbench, whose state folder is its own, they are from elsewhere. */
describe('statements of a backup', () => {
  let scratch: OwnedFolder;
  let folder: string;
  let workbench: Workbench;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'shop');
    await makeSampleWorkspace(folder);
    const notes = new DatabaseSync(join(scratch.path, 'notes.db'), { timeout: 10_000 });
    notes.exec(`
      CREATE TABLE notes (id INTEGER PRIMARY KEY, t TEXT);
      CREATE TABLE log (t TEXT);
      CREATE INDEX notes_t ON notes (t);
      CREATE VIEW last_note AS SELECT max(id) AS id FROM notes;
      CREATE TRIGGER copy_note AFTER INSERT ON notes BEGIN INSERT INTO log VALUES (new.t || '\u202E'); END;
      INSERT INTO notes (t) VALUES ('a'), ('b');`);
    notes.close();
    await backUp('foreign');
    await backUp('rows', 'data');
    workbench = await openWorkbench({ folder });
    await workbench.page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
    await item(/^Backup foreign/).waitFor();
  });

  after(async () => {
    await workbench?.close();
    await scratch.remove();
  });

  beforeEach(() => {
    change('DROP VIEW IF EXISTS last_note; DROP TABLE IF EXISTS notes; DROP TABLE IF EXISTS log');
  });

  afterEach(async () => {
    for (let closing = 0; closing < 3; closing++) await workbench.page.keyboard.press('Escape');
    await workbench.runCommand('Notifications: Clear All Notifications');
    await workbench.runCommand('View: Close All Editors');
  });

  async function backUp(name: string, only?: 'data'): Promise<void> {
    const file = join(folder, 'backups', `${name}.dbbackup`);
    const address = { engine: 'sqlite', file: join(scratch.path, 'notes.db') } as const;
    await backUpDatabase(address, { file, ...(only ? { selection: { only } } : {}) });
  }

  function change(sql: string): void {
    const shop = new DatabaseSync(join(folder, 'shop.db'), { timeout: 10_000 });
    shop.exec(sql);
    shop.close();
  }

  /** What the shop has of the backup. */
  function made(): unknown[] {
    const shop = new DatabaseSync(join(folder, 'shop.db'), { timeout: 10_000 });
    try {
      const names = "('notes', 'log', 'notes_t', 'last_note', 'copy_note')";
      return shop
        .prepare(`SELECT name FROM sqlite_schema WHERE name IN ${names} ORDER BY name`)
        .all()
        .map(({ name }) => name);
    } finally {
      shop.close();
    }
  }

  const all = ['copy_note', 'last_note', 'log', 'notes', 'notes_t'];
  const picker = (): Locator => workbench.page.locator('.quick-input-widget').filter({ visible: true });
  const dialog = (): Locator => workbench.page.locator('.monaco-dialog-box');
  const editor = (): Locator => workbench.page.locator('.editor-instance .view-lines');

  function item(spoken: RegExp): Locator {
    return workbench.page.getByRole('treeitem', { name: spoken }).first();
  }

  function row(text: RegExp): Locator {
    return picker().locator('.monaco-list-row').filter({ hasText: text }).first();
  }

  const notification = (text: RegExp): Promise<Locator> => workbench.notification(text);

  async function menu(of: Locator, entry: string): Promise<void> {
    await of.click({ button: 'right' });
    const wanted = workbench.page.getByRole('menuitem', { name: entry });
    await wanted.waitFor();
    // A menu takes no click right after it was opened.
    await sleep(500);
    await wanted.click();
  }

  /** Restores `foreign` into the shop as far as the question. */
  async function restoreForeign(): Promise<void> {
    await menu(item(/^Backup foreign/), 'Restore Backup…');
    await row(/^Replace/).click();
    await picker().getByRole('button', { name: 'OK' }).click();
    await dialog().getByText('Run statements from a backup').waitFor();
  }

  /** The text of the statements' editor, which is in front and cannot be written. */
  async function statementsShown(): Promise<string> {
    await workbench.page.getByRole('tab', { name: /^foreign\.sql/, selected: true }).waitFor();
    await editor().getByText('CREATE TRIGGER').waitFor();
    const text = (await editor().innerText()).replaceAll('\u00a0', ' ');
    for (const line of [
      ...['-- trigger: copy_note', '-- view: last_note', '-- index: notes_t', '-- table: notes, log'],
      ...['-- trigger copy_note', '-- view last_note', '-- index notes_t', '-- table notes', '-- table log'],
    ]) {
      assert.ok(text.split('\n').includes(line), `${line} in:\n${text}`);
    }
    assert.match(text, /new\.t \|\| '⟨202E⟩'/);
    await editor().click();
    await workbench.page.keyboard.type('x');
    await workbench.page.getByText('Cannot edit in read-only editor').first().waitFor();
    return text;
  }

  const viewer = (): FrameLocator => frontWebview(workbench.page);

  it('are named in the question before they run, and Enter shows them', async () => {
    await restoreForeign();
    const text = await dialog().innerText();
    assert.match(
      text,
      /foreign contains statements \(5\) that would run on Shop \(SQLite\) with your permissions/,
    );
    assert.match(text, /trigger: copy_note\s+view: last_note\s+/);
    await workbench.screenshot('statements-1-question');
    const focused = dialog().locator('.monaco-button:focus');
    assert.equal((await focused.innerText()).trim(), 'Show Statements');
    await workbench.page.keyboard.press('Enter');
    await statementsShown();
    await workbench.screenshot('statements-2-shown');
    const asked = await notification(/Run statements from a backup/);
    assert.deepEqual(made(), []);
    await asked.getByRole('button', { name: 'Cancel' }).click();
    await notification(/Restore cancelled/);
    assert.deepEqual(made(), []);
  });

  it('do not run when the question is dismissed', async () => {
    await restoreForeign();
    await workbench.page.keyboard.press('Escape');
    await notification(/Restore cancelled/);
    assert.deepEqual(made(), []);
  });

  it('run after Run Statements, in the question or beside their text', async () => {
    for (const readFirst of [false, true]) {
      await restoreForeign();
      if (readFirst) await dialog().getByRole('button', { name: 'Show Statements' }).click();
      const asked = readFirst ? await notification(/Run statements from a backup/) : dialog();
      await asked.getByRole('button', { name: 'Run Statements' }).click();
      await dialog()
        .getByText(/^Restore 2 tables into Shop/)
        .waitFor();
      assert.deepEqual(made(), []);
      await dialog().getByRole('button', { name: 'Restore', exact: true }).click();
      await notification(/Restored and verified 2 tables/);
      assert.deepEqual(made(), all);
      change('DROP VIEW last_note; DROP TABLE notes; DROP TABLE log');
      await workbench.runCommand('Notifications: Clear All Notifications');
    }
  });

  it('are counted in the viewer by kind, those of no table too, and its button shows them', async () => {
    await item(/^Backup foreign/).click();
    const facts = viewer().locator('.facts');
    await facts.waitFor();
    assert.match(await facts.innerText(), /Statements\s+5 · trigger: 1, view: 1, table: 2, index: 1/);
    await workbench.screenshot('statements-3-viewer');
    await viewer().getByRole('button', { name: 'Show Statements' }).click();
    await statementsShown();
  });

  it('are shown from the menu of a backup and from the palette', async () => {
    await menu(item(/^Backup foreign/), 'Show Statements');
    const fromMenu = await statementsShown();
    await workbench.runCommand('View: Close All Editors');
    await workbench.runCommand('Restore Point: Show Statements');
    await row(/^foreign/).click();
    assert.equal(await statementsShown(), fromMenu);
  });

  it('are told to be none where a backup holds rows alone', async () => {
    await menu(item(/^Backup rows/), 'Show Statements');
    await notification(/rows contains no statements/);
    await item(/^Backup rows/).click();
    await viewer().getByRole('button', { name: 'Verify' }).waitFor();
    assert.equal(await viewer().getByRole('button', { name: 'Show Statements' }).count(), 0);
  });
});
