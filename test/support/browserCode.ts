#!/usr/bin/env node
/**
 * Stands in for the executable of VS Code in `runTests` of @vscode/test-electron, where there is no desktop.
 *
 * Takes the arguments that `runTests` passes, runs the extension tests in the browser build of VS Code, prints what the
 * extension host prints, and exits with the tests' code. The environment reaches the extension host. A run that takes
 * longer than `RESTORE_POINT_TEST_TIMEOUT` seconds (600 if not set) is ended and fails.
 */
import { resolve } from 'node:path';
import { format, parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { startBrowserServer } from './browserServer.ts';
import { makeOwnedFolder } from './childProcesses.ts';
import { startChromium } from './chromium.ts';
import { quietSettings } from './quietSettings.ts';

/** How many lines of the workbench's own log are shown when a run breaks down. */
const logLinesShown = 40;

interface Request {
  readonly folder?: string;
  readonly extensionDevelopmentPaths: readonly string[];
  readonly extensionTestsPath: string;
}

process.exitCode = await runTests(readArguments(), timeLimit());

function readArguments(): Request {
  const { values, positionals } = parseArgs({
    strict: false,
    allowPositionals: true,
    options: {
      extensionDevelopmentPath: { type: 'string', multiple: true },
      extensionTestsPath: { type: 'string' },
    },
  });
  const { extensionDevelopmentPath = [], extensionTestsPath } = values;
  if (typeof extensionTestsPath !== 'string') throw new Error('--extensionTestsPath= is missing.');
  return {
    ...(positionals[0] !== undefined && { folder: resolve(positionals[0]) }),
    extensionDevelopmentPaths: [extensionDevelopmentPath].flat().map((path) => resolve(String(path))),
    extensionTestsPath: resolve(extensionTestsPath),
  };
}

function timeLimit(): number {
  const seconds = Number(process.env.RESTORE_POINT_TEST_TIMEOUT ?? 600);
  if (!(seconds > 0)) throw new Error('RESTORE_POINT_TEST_TIMEOUT has to be a number of seconds.');
  return seconds;
}

async function runTests(request: Request, seconds: number): Promise<number> {
  const data = makeOwnedFolder('restore-point-code-');
  const server = await startBrowserServer({
    dataFolder: data.path,
    settings: quietSettings,
    testDriver: true,
  });
  const browser = await startChromium();
  const workbenchLog: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  try {
    const page = await browser.newPage();
    return await new Promise<number>((finish, fail) => {
      const timedOut = `The extension tests have not ended within ${seconds} seconds.`;
      timer = setTimeout(() => fail(new Error(timedOut)), seconds * 1000);
      void server.ended.then((end) =>
        fail(new Error(`The VS Code server ended (${end}).\n${server.output()}`)),
      );
      page.on('crash', () => fail(new Error('The page of the workbench crashed.')));
      page.on('close', () => fail(new Error('The page of the workbench was closed.')));
      void page
        .exposeFunction('codeAutomationExit', finish)
        .then(() => forwardConsole(page, workbenchLog))
        .then(() => page.goto(server.urlOf(request)))
        .catch(fail);
    });
  } catch (error) {
    console.error(`The last lines of the workbench's log:\n${workbenchLog.slice(-logLinesShown).join('\n')}`);
    throw error;
  } finally {
    clearTimeout(timer);
    await browser.close();
    await server.stop();
    await data.remove();
  }
}

/**
 * Prints what the extension host prints; keeps what the workbench logs.
 *
 * Both come to the page through one function, `codeAutomationLog`. What tells them apart is who called it: a line of the
 * extension host came in through VS Code's remote procedure `$logExtensionHostMessage`.
 */
async function forwardConsole(page: Page, workbenchLog: string[]): Promise<void> {
  await page.exposeFunction('forwardLine', (fromTests: boolean, level: string, args: unknown[]) => {
    if (!fromTests) workbenchLog.push(`${level} ${format(...args)}`);
    else if (level === 'error' || level === 'warn') console.error(...args);
    else console.log(...args);
  });
  await page.addInitScript(() => {
    const scope = globalThis as unknown as Record<string, (...args: unknown[]) => void>;
    scope.codeAutomationLog = (level, args) => {
      const usualLimit = Error.stackTraceLimit;
      Error.stackTraceLimit = 50;
      const fromTests = new Error().stack?.includes('$logExtensionHostMessage') ?? false;
      Error.stackTraceLimit = usualLimit;
      scope.forwardLine?.(fromTests, level, args);
    };
  });
}
