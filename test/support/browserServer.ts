import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureBrowserBuild } from './browserBuild.ts';
import { startOwned } from './childProcesses.ts';
import { freePort } from './freePort.ts';

/** What the server of the browser build keeps where. */
export interface BrowserServerOptions {
  /** Folder for settings, state and logs; made if it is not there. */
  readonly dataFolder: string;
  /** Folder for installed extensions; `extensions` in the data folder if not given. */
  readonly extensionsFolder?: string;
  /** User settings, written over those that the data folder has. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** The port to take if it is free; any free one if not given. */
  readonly port?: number;
  /**
   * Whether addresses may name extensions under development and their tests. The workbench then keeps back the
   * notifications that pop up, which nobody sees in such a run.
   */
  readonly testDriver?: boolean;
  /** Whether the workbench asks which workspaces are trusted. Else all are, as with `--disable-workspace-trust`. */
  readonly workspaceTrust?: boolean;
  /** Environment of the server, and so of the extension host. That of this process if not given. */
  readonly env?: NodeJS.ProcessEnv;
}

/** What a page of the workbench shows and loads. Paths are absolute. */
export interface WorkbenchTarget {
  /** A folder, or a `.code-workspace` file; an empty window if not given. */
  readonly folder?: string;
  /** Extensions under development; only a server with `testDriver` loads them. */
  readonly extensionDevelopmentPaths?: readonly string[];
  readonly extensionTestsPath?: string;
}

/** A running server of the browser build, on the loopback interface. */
export interface BrowserServer {
  readonly port: number;
  /** The address at which a browser shows the workbench with that folder and those extensions. Holds the access token. */
  readonly urlOf: (target: WorkbenchTarget) => string;
  /** Resolves with a description of the end, such as `code 1`, once the server has ended. */
  readonly ended: Promise<string>;
  /** What the server has printed so far. */
  readonly output: () => string;
  /** Ends the server, extension hosts and terminals with it. */
  readonly stop: () => Promise<void>;
}

const startLimitSeconds = 60;

/** Starts the server of the browser build of VS Code; rejects if it does not answer in time. */
export async function startBrowserServer(options: BrowserServerOptions): Promise<BrowserServer> {
  const { serverScript } = await ensureBrowserBuild();
  await writeSettings(options);
  const port = await freePort(options.port);
  const tokenFile = join(options.dataFolder, 'token');
  const token = await ensureToken(tokenFile);
  const server = await startOwned(
    process.execPath,
    [
      serverScript,
      ...['--host', '127.0.0.1', '--port', String(port), '--connection-token-file', tokenFile],
      ...['--accept-server-license-terms', '--disable-telemetry'],
      ...(options.workspaceTrust ? [] : ['--disable-workspace-trust']),
      ...['--server-data-dir', options.dataFolder],
      ...['--extensions-dir', options.extensionsFolder ?? join(options.dataFolder, 'extensions')],
      ...['--disable-getting-started-override', '--disable-update-check'],
      ...(options.testDriver ? ['--enable-smoke-test-driver'] : []),
    ],
    { env: options.env ?? process.env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let printed = '';
  for (const stream of [server.child.stdout!, server.child.stderr!]) {
    stream.on('data', (bytes: Buffer) => (printed += bytes.toString()));
  }
  const output = () => printed.replaceAll(token, '…');
  try {
    await Promise.race([
      untilAnswers(port),
      server.ended.then((end) => Promise.reject(new Error(`it ended (${end})`))),
    ]);
  } catch (cause) {
    await server.stop();
    throw new Error(`The browser build of VS Code did not start.\n${output()}`, { cause });
  }
  return {
    port,
    urlOf: (target) => workbenchUrl(port, token, target),
    ended: server.ended,
    output,
    stop: server.stop,
  };
}

/** Without a token, any page of any site could reach into the editor through a WebSocket. */
async function ensureToken(file: string): Promise<string> {
  if (!existsSync(file)) await writeFile(file, randomBytes(16).toString('hex'), { mode: 0o600 });
  return readFile(file, 'utf8');
}

async function writeSettings({ dataFolder, settings }: BrowserServerOptions): Promise<void> {
  const userFolder = join(dataFolder, 'data', 'User');
  await mkdir(userFolder, { recursive: true });
  if (settings) await writeFile(join(userFolder, 'settings.json'), JSON.stringify(settings, undefined, 2));
}

async function untilAnswers(port: number): Promise<void> {
  const until = Date.now() + startLimitSeconds * 1000;
  for (;;) {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/version`);
      if (answer.ok) return;
    } catch (error) {
      if (Date.now() > until) {
        throw new Error(`no answer within ${startLimitSeconds} seconds`, { cause: error });
      }
    }
    await sleep(100);
  }
}

function workbenchUrl(port: number, token: string, target: WorkbenchTarget): string {
  const authority = `127.0.0.1:${port}`;
  const remote = (path: string) => `vscode-remote://${authority}${encodeURI(path)}`;
  const url = new URL(`http://${authority}/`);
  url.searchParams.set('tkn', token);
  if (target.folder) {
    url.searchParams.set(target.folder.endsWith('.code-workspace') ? 'workspace' : 'folder', target.folder);
  }
  const payload = (target.extensionDevelopmentPaths ?? []).map((path) => [
    'extensionDevelopmentPath',
    remote(path),
  ]);
  if (target.extensionTestsPath) payload.push(['extensionTestsPath', remote(target.extensionTestsPath)]);
  if (payload.length > 0) url.searchParams.set('payload', JSON.stringify(payload));
  return url.href;
}
