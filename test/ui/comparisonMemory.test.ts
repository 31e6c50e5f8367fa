import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FrameLocator } from 'playwright-core';
import { makeOwnedFolder, type OwnedFolder } from '../support/childProcesses.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { itInAll } from '../support/sample.ts';
import { backUpDatabase } from './sampleShop.ts';
import { frontWebview, openWorkbench, type Workbench } from './workbench.ts';

const rows = 1_000_000;
const limit = 300_000_000;
/** A million rows are compared within this time, in milliseconds, on a machine that does other things too. */
const patience = 10 * 60_000;

/** Bytes of a process: what it has of its own, all that it maps, and the most of that so far. */
interface Resident {
  readonly own: number;
  readonly all: number;
  readonly peak: number;
}

describe('the memory of a million differences', function () {
  this.timeout(2 * patience);
  let scratch: OwnedFolder;
  let folder: string;
  let workbench: Workbench | undefined;
  const run = randomUUID();

  before(() => {
    scratch = makeOwnedFolder('restore-point-ui-');
    folder = join(scratch.path, 'shop');
  });

  after(async () => {
    await workbench?.close();
    await scratch.remove();
  });

  function change(sql: string): void {
    const database = new DatabaseSync(join(folder, 'shop.db'), { timeout: 10_000 });
    database.exec(sql);
    database.close();
  }

  async function backUp(): Promise<void> {
    const address = { engine: 'sqlite', file: join(folder, 'shop.db') } as const;
    const file = join(folder, 'backups', 'big.dbbackup');
    await backUpDatabase(address, { file, connection: 'shop' });
  }

  /** The processes of this run's VS Code whose command lines have this text. */
  function processesWith(text: string): string[] {
    return readdirSync('/proc').filter((id) => {
      try {
        return (
          readFileSync(`/proc/${id}/environ`, 'utf8').includes(run) &&
          readFileSync(`/proc/${id}/cmdline`, 'utf8').includes(text)
        );
      } catch {
        return false; // It is no process, or has ended.
      }
    });
  }

  /** The only one. That of the comparison before takes a moment to end. */
  async function processWith(text: string): Promise<Resident> {
    let found = processesWith(text);
    for (let tries = 0; found.length > 1 && tries < 50; tries++) {
      await sleep(200);
      found = processesWith(text);
    }
    assert.equal(found.length, 1, `processes with ${text}: ${found.join(' ')}`);
    const status = readFileSync(`/proc/${found[0]!}/status`, 'utf8');
    const bytes = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)![1]) * 1024;
    return { own: bytes('RssAnon'), all: bytes('VmRSS'), peak: bytes('VmHWM') };
  }

  const panel = (): FrameLocator => frontWebview(workbench!.page);

  /** The JavaScript heap of the page, with what the workbench keeps in the same one, after a collection of garbage. */
  async function pageHeap(): Promise<number> {
    const { page } = workbench!;
    const body = await panel().locator('body').elementHandle();
    const frame = (await body.ownerFrame())!;
    const context = page.context();
    const session = await context.newCDPSession(frame).catch(() => context.newCDPSession(page));
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    await session.detach();
    return usedSize;
  }

  itInAll('is at most 300 MB, that of the page and of the extension host together', async () => {
    await makeSampleWorkspace(folder);
    mkdirSync(join(folder, 'backups'), { recursive: true });
    change(`
      CREATE TABLE big (id INTEGER PRIMARY KEY, a TEXT, b TEXT, n INTEGER);
      WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < ${rows})
      INSERT INTO big SELECT i, hex(randomblob(20)), hex(randomblob(20)), random() FROM numbers`);
    await backUp();
    workbench = await openWorkbench({ folder, env: { ...process.env, RESTORE_POINT_RUN: run } });
    const { page } = workbench;
    await page.getByRole('tab', { name: 'Restore Point' }).locator('a').click();
    const compare = async (): Promise<void> => {
      await page
        .getByRole('treeitem', { name: /^Connection Shop/ })
        .first()
        .click({ button: 'right' });
      const entry = page.getByRole('menuitem', { name: /^Compare with Latest Backup/ });
      await entry.waitFor();
      await sleep(500);
      await entry.click();
    };
    // The same page, without a difference, is what VS Code and the panel take anyway.
    await compare();
    await panel().getByText('Both sides are equal.').waitFor({ timeout: patience });
    const [hostBefore, heapBefore] = [await processWith('extensionHost'), await pageHeap()];
    change(`UPDATE big SET a = 'x' || a`);
    await panel().getByRole('button', { name: 'Compare Again' }).click();
    await panel().getByText('1,000,000 rows differ.').waitFor({ timeout: patience });
    await panel().locator('.compared').getByRole('rowheader', { name: 'big', exact: true }).click();
    await panel().getByRole('gridcell').first().waitFor();
    const compared = await processWith('worker.js');
    const box = panel().getByRole('textbox', { name: 'Page' });
    for (const number of ['10000', '5000']) {
      await box.fill(number);
      await box.press('Enter');
      await panel()
        .getByRole('rowheader', { name: `${Number(number) / 10},000`.replace(/^1000,/, '1,000,') })
        .waitFor();
    }
    await panel().getByRole('textbox', { name: 'Filter rows' }).fill('a');
    await panel()
      .locator('.range', { hasText: /of 9\d\d,\d{3}$/ })
      .waitFor({ timeout: patience });
    await panel()
      .getByRole('checkbox', { name: /^Check all that are shown/ })
      .check();
    await panel()
      .locator('.restore-bar')
      .getByText(/^9\d\d,\d{3} rows change back/)
      .waitFor();
    const [worker, host, heap] = [
      await processWith('worker.js'),
      await processWith('extensionHost'),
      await pageHeap(),
    ];
    const grown = Math.max(0, host.own - hostBefore.own);
    const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
    console.log(
      `      worker: ${megabytes(compared.peak)} when compared, ${megabytes(worker.peak)} at most (${megabytes(worker.own)} its own); ` +
        `extension host: ${megabytes(grown)} more than before (${megabytes(host.all)} in all); ` +
        `page: ${megabytes(heap)} of heap (${megabytes(heapBefore)} without a difference)`,
    );
    const together = worker.peak + grown + heap;
    assert.ok(together <= limit, `they take ${megabytes(together)}`);
  });
});
