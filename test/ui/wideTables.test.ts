import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FrameLocator, Locator } from 'playwright-core';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { axeFindings } from './axe.ts';
import { isUncovered } from './pageChecks.ts';
import { backUpDatabase } from './sampleShop.ts';
import { frontWebview, openWorkbench, type Workbench } from './workbench.ts';

const columnCount = 300;
const rowCount = 250;
/** Of the 30,000 of a page. */
const mostCells = 8000;

interface Drawn {
  readonly cells: number;
  /** Whether the numbers of the drawn columns ascend, in the heading and in each row alike. */
  readonly inOrder: boolean;
  readonly columns: readonly number[];
}

interface PageNode {
  getAttribute(name: string): string | null;
  querySelectorAll(selector: string): Iterable<PageNode>;
}

function drawn(grid: PageNode): Drawn {
  const indexes = (row: PageNode): number[] =>
    [...row.querySelectorAll('[aria-colindex]')].map((cell) => Number(cell.getAttribute('aria-colindex')));
  const rows = [...grid.querySelectorAll('tr')].map(indexes);
  const [columns = []] = rows;
  return {
    cells: [...grid.querySelectorAll('th, td')].length,
    inOrder:
      rows.every((row) => row.join() === columns.join()) &&
      columns.every((column, place) => place === 0 || column > columns[place - 1]!),
    columns,
  };
}

describe('a table of 300 columns', () => {
  let scratch: OwnedFolder;
  let folder: string;
  let workbench: Workbench;

  before(async () => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'shop');
    await makeSampleWorkspace(folder);
    mkdirSync(join(folder, 'backups'), { recursive: true });
    const names = Array.from({ length: columnCount - 2 }, (_, place) => `column_${place}`);
    const values = names.map((_, place) => (place % 2 === 0 ? `i * 1000 + ${place}` : `'text ' || i`));
    run(`
      CREATE TABLE wide (region TEXT, code INTEGER, ${names.join(', ')}, PRIMARY KEY (region, code));
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rowCount})
      INSERT INTO wide SELECT 'north', i, ${values.join(', ')} FROM n;`);
    await backUp();
    run(`UPDATE wide SET column_0 = 'changed', column_297 = 'changed too' WHERE code > 20`);
    workbench = await openWorkbench({ folder });
    await workbench.page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
  });

  after(async () => {
    await workbench?.close();
    await scratch.remove();
  });

  function run(sql: string): void {
    const database = new DatabaseSync(join(folder, 'shop.db'), { timeout: 10_000 });
    database.exec(sql);
    database.close();
  }

  async function backUp(): Promise<void> {
    const file = join(folder, 'backups', 'wide.dbbackup');
    await backUpDatabase({ engine: 'sqlite', file: join(folder, 'shop.db') }, { file, connection: 'shop' });
  }

  const item = (spoken: RegExp): Locator => workbench.page.getByRole('treeitem', { name: spoken }).first();

  const view = (): FrameLocator => frontWebview(workbench.page);

  const grid = (): Locator => view().getByRole('grid', { name: 'Rows of wide' });
  const focused = (): Locator => view().locator('td:focus');

  async function checkDrawn(): Promise<Drawn> {
    const found = await grid().evaluate(drawn);
    assert.ok(found.cells < mostCells, `${found.cells} cells are drawn`);
    assert.ok(found.inOrder, `columns ${found.columns.join(' ')}`);
    return found;
  }

  async function press(key: string, column: number, text: string): Promise<void> {
    await workbench.page.keyboard.press(key);
    assert.equal((await focused().innerText()).replace(/\s*→\s*/, ' → '), text, key);
    assert.equal(await focused().getAttribute('aria-colindex'), String(column + 1), key);
    assert.ok(await focused().evaluate(isUncovered), `${key} hides ${text}`);
    await checkDrawn();
  }

  it('opens in the viewer with the columns in view alone', async () => {
    await item(/^Backup wide/).click();
    const table = view().getByRole('option', { name: /^wide\b/ });
    await table.waitFor();
    const start = performance.now();
    await table.click();
    await grid().getByRole('gridcell', { name: '1000', exact: true }).waitFor();
    const found = await checkDrawn();
    const time = Math.round(performance.now() - start);
    console.log(`      ${columnCount} columns: ${time} ms from the click to the rows, ${found.cells} cells`);
    assert.equal(await grid().getAttribute('aria-colcount'), String(columnCount + 1));
    assert.equal(await grid().locator('tbody tr').count(), 100);
    assert.deepEqual(found.columns.slice(0, 4), [1, 2, 3, 4]);
    assert.deepEqual(await axeFindings(view()), []);
    await workbench.screenshot('wide-1-viewer');
  });

  it('goes by keyboard to columns that were not drawn', async () => {
    await grid().getByRole('gridcell', { name: '1000', exact: true }).click();
    await press('End', 300, 'text 1');
    await press('ArrowLeft', 299, '1296');
    await press('Home', 1, 'north');
    await press('Control+End', 300, 'text 100');
    await press('Control+Home', 1, 'north');
    for (let step = 1; step < 60; step++) await workbench.page.keyboard.press('ArrowRight');
    await press('ArrowRight', 61, '1058');
    await workbench.screenshot('wide-2-keys');
  });

  it('keeps the cell with the focus while others are scrolled', async () => {
    await press('Control+Home', 1, 'north');
    const box = (await view().locator('.scroll').boundingBox())!;
    await workbench.page.mouse.move(box.x + 400, box.y + 200);
    for (let step = 0; step < 10; step++) await workbench.page.mouse.wheel(2000, 0);
    await sleep(500);
    const { columns } = await checkDrawn();
    assert.ok(columns.includes(2), 'the cell with the focus is drawn');
    assert.ok(columns.at(-1)! > 100, `columns up to ${columns.at(-1)} are drawn`);
    assert.equal(await focused().innerText(), 'north');
    await press('ArrowRight', 2, '1');
    assert.deepEqual(await axeFindings(view()), []);
  });

  it('opens in the comparison with its key frozen', async () => {
    await item(/^Connection Shop/).click({ button: 'right' });
    const compare = workbench.page.getByRole('menuitem', { name: /^Compare with Latest Backup/ });
    await compare.waitFor();
    await sleep(500);
    await compare.click();
    await view().getByRole('heading', { name: 'wide ↔ Shop (SQLite)' }).waitFor();
    await grid().getByRole('gridcell', { name: '21', exact: true }).waitFor();
    await checkDrawn();
    await grid().getByRole('gridcell', { name: '21', exact: true }).click();
    await press('End', 300, 'text 21 → changed too');
    const key = grid().getByRole('gridcell', { name: '21', exact: true });
    assert.ok(await key.evaluate(isUncovered), 'the key stays in view');
    assert.deepEqual(await axeFindings(view()), []);
    await workbench.screenshot('wide-3-comparison');
    await press('Control+Home', 1, 'north');
  });
});
