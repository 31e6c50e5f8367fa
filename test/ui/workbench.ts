import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FrameLocator, Locator, Page } from 'playwright-core';
import { ensureBrowserBuild } from '../support/browserBuild.ts';
import { startBrowserServer } from '../support/browserServer.ts';
import { makeOwnedFolder } from '../support/childProcesses.ts';
import { ensureChromium, startChromium } from '../support/chromium.ts';
import { linkExtension } from '../support/linkedExtension.ts';
import { projectRoot, testResults } from '../support/paths.ts';
import { quietSettings } from '../support/quietSettings.ts';

/** What is opened, and how. */
export interface WorkbenchOptions {
  /** The workspace folder, an absolute path. */
  readonly folder: string;
  /** Folder of the extension: the project, or an unpacked VSIX. `RESTORE_POINT_EXTENSION`, else the project, if not given. */
  readonly extension?: string;
  /** User settings on top of those that keep VS Code quiet. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** What the extension host's environment has on top of this process's. */
  readonly env?: Readonly<Record<string, string>>;
  /** Opens the folder in Restricted Mode: nobody has said that the workspace is trusted. */
  readonly restricted?: boolean;
  /** Size of the page in CSS pixels; 1440 by 900 if not given. */
  readonly viewport?: { readonly width: number; readonly height: number };
}

/** The workbench of a VS Code of its own (settings, state, extension host), in a browser that a test drives. */
export interface Workbench {
  readonly page: Page;
  /** The folder with its settings, state and logs. */
  readonly dataFolder: string;
  /** Opens the command palette and types; the palette is left open. */
  openCommandPalette(text?: string): Promise<void>;
  /** Runs the command with exactly this title (with its category, as the palette shows it). */
  runCommand(title: string): Promise<void>;
  /** Waits for the first notification whose text matches. */
  notification(text: RegExp): Promise<Locator>;
  /** Writes `test-results/screenshots/<name>.png`; returns its path. */
  screenshot(name: string): Promise<string>;
  /** Ends browser and server and removes their data. May be called more than once. */
  close(): Promise<void>;
}

/** How long a command may take to be there, in milliseconds: extensions load after the workbench is shown. */
const commandPatience = 30_000;

/** A folder opens in Restricted Mode, and no dialog asks about that. */
const restrictedSettings = {
  'security.workspace.trust.enabled': true,
  'security.workspace.trust.startupPrompt': 'never',
  'security.workspace.trust.banner': 'never',
};

/**
 * Of more than three notifications within this time, in milliseconds, VS Code shows only the first three
 * (`SPAM_PROTECTION` of its notificationsToasts.ts). Nobody clicks that fast, but a test does.
 */
const notificationInterval = 800;

const openWorkbenches = new Set<Workbench>();

/** Starts a VS Code with the extension on a workspace folder; resolves when the workbench is there to be used. */
export async function openWorkbench(options: WorkbenchOptions): Promise<Workbench> {
  const data = makeOwnedFolder('restore-point-workbench-');
  const extensionsFolder = join(data.path, 'extensions');
  await linkExtension(
    options.extension ?? process.env.RESTORE_POINT_EXTENSION ?? projectRoot,
    extensionsFolder,
  );
  const server = await startBrowserServer({
    dataFolder: data.path,
    extensionsFolder,
    settings: {
      ...quietSettings,
      'workbench.reduceMotion': 'on',
      ...(options.restricted ? restrictedSettings : {}),
      ...options.settings,
    },
    workspaceTrust: options.restricted === true,
    env: { ...process.env, XDG_STATE_HOME: join(data.path, 'state'), ...options.env },
  });
  const browser = await startChromium();
  const page = await browser.newPage({ viewport: options.viewport ?? { width: 1440, height: 900 } });
  let closing: Promise<void> | undefined;
  const workbench: Workbench = {
    page,
    dataFolder: data.path,
    openCommandPalette: async (text = '') => void (await openPalette(page, text)),
    runCommand: (title) => runCommand(page, title),
    notification: (text) => notification(page, text),
    screenshot: (name) => screenshot(page, name),
    close: () =>
      (closing ??= (async () => {
        openWorkbenches.delete(workbench);
        await browser.close();
        await server.stop();
        await data.remove();
      })()),
  };
  openWorkbenches.add(workbench);
  try {
    await page.goto(server.urlOf({ folder: options.folder }));
    await page.locator('.explorer-folders-view .monaco-list-row').first().waitFor({ timeout: 60_000 });
    await page.locator('.statusbar-item').first().waitFor();
  } catch (error) {
    await screenshot(page, 'workbench-did-not-open');
    await workbench.close();
    throw error;
  }
  return workbench;
}

/** Root hooks: mocha takes them from this file through `--require`. */
export const mochaHooks = {
  async beforeAll(this: Mocha.Context): Promise<void> {
    // On a new machine these install what is missing, which takes minutes.
    this.timeout(20 * 60_000);
    await ensureBrowserBuild();
    ensureChromium();
  },
  async afterEach(this: Mocha.Context): Promise<void> {
    if (this.currentTest?.state !== 'failed') return;
    for (const workbench of openWorkbenches)
      await workbench.screenshot(`failed ${this.currentTest.fullTitle()}`);
  },
  async afterAll(): Promise<void> {
    for (const workbench of openWorkbenches) await workbench.close();
  },
};

async function openPalette(page: Page, text: string): Promise<Locator> {
  const palette = page.locator('.quick-input-widget');
  // The workbench takes keys only from where one of its parts has the focus, which it may not have right after a start.
  await page.locator('.monaco-workbench').press('F1');
  const input = palette.locator('.quick-input-box input');
  await input.waitFor();
  await input.fill(`>${text}`);
  return palette;
}

async function runCommand(page: Page, title: string): Promise<void> {
  const until = Date.now() + commandPatience;
  for (;;) {
    const palette = await openPalette(page, title);
    const names = palette.locator('.quick-input-list .label-name');
    const row = names.getByText(title, { exact: true }).first();
    // An open palette takes no notice of commands that extensions add meanwhile: look again in a new one.
    const found = await row.waitFor({ timeout: 2000 }).then(
      () => true,
      () => false,
    );
    if (found) return row.click();
    const shown = await names.allInnerTexts();
    await page.keyboard.press('Escape');
    await palette.waitFor({ state: 'hidden' });
    if (Date.now() > until) {
      throw new Error(`The command palette has no "${title}"; it has: ${shown.join(', ')}.`);
    }
  }
}

async function notification(page: Page, text: RegExp): Promise<Locator> {
  const message = page.locator('.notification-toast').filter({ hasText: text }).first();
  await message.waitFor();
  await sleep(notificationInterval);
  return message;
}

/** The page of a webview in the editor that is in front. */
export function frontWebview(page: Page): FrameLocator {
  const frame = page.locator('iframe.webview.ready').filter({ visible: true });
  return frame.contentFrame().locator('#active-frame').contentFrame();
}

async function screenshot(page: Page, name: string): Promise<string> {
  const folder = join(testResults, 'screenshots');
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${name.replaceAll(/[^\w.-]+/g, '-')}.png`);
  await page.screenshot({ path, animations: 'disabled' });
  return path;
}
