import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { downloadAndUnzipVSCode, SilentReporter } from '@vscode/test-electron';
import { ensureBrowserBuild } from './browserBuild.ts';
import { startVirtualDisplay, type VirtualDisplay } from './virtualDisplay.ts';
import { editorCache, projectRoot } from './paths.ts';

/** The ways to a VS Code, in the order in which they are tried. */
const ways = ['code', 'download', 'browser'] as const;
type Way = (typeof ways)[number];

/** A VS Code that is ready to be started. */
export interface VscodeHost {
  /** `desktop` has windows, `browser` is a server for a browser. */
  readonly kind: 'desktop' | 'browser';
  /** What `runTests` of @vscode/test-electron takes as `vscodeExecutablePath`. */
  readonly executable: string;
  /** One line for people: which VS Code this is, and why not one that comes earlier in the order. */
  readonly reason: string;
  /** What its environment needs beyond this process's. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends what was started to be able to show windows. */
  readonly stop: () => Promise<void>;
}

/** How long the download site may be silent, in milliseconds, before it counts as out of reach. */
const downloadPatience = 8000;

/**
 * Finds a VS Code: an installed one, else one that is downloaded, else the browser build from npm.
 *
 * `unseen` says that nobody has to see its windows, so that a virtual display (Xvfb) serves.
 * The environment variable `RESTORE_POINT_VSCODE` (`code`, `download`, `browser`) allows one way only.
 * Throws an Error that says why each way is closed.
 */
export async function findVscodeHost({ unseen }: { unseen: boolean }): Promise<VscodeHost> {
  const reasons: string[] = [];
  for (const way of allowedWays()) {
    try {
      const host = way === 'browser' ? await browserHost() : await desktopHost(way, unseen);
      return { ...host, reason: [host.reason, ...reasons].join('; ') };
    } catch (error) {
      reasons.push(`${describe(way)}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(`There is no VS Code to use.\n- ${reasons.join('\n- ')}`);
}

function allowedWays(): readonly Way[] {
  const wanted = process.env.RESTORE_POINT_VSCODE;
  if (!wanted) return ways;
  const way = ways.find((name) => name === wanted);
  if (!way) throw new Error(`RESTORE_POINT_VSCODE has to be one of ${ways.join(', ')}; it is ${wanted}.`);
  return [way];
}

function describe(way: Way): string {
  return { code: 'no installed one', download: 'no downloaded one', browser: 'no browser build' }[way];
}

async function browserHost(): Promise<VscodeHost> {
  const { version } = await ensureBrowserBuild();
  return {
    kind: 'browser',
    executable: join(import.meta.dirname, 'browserCode.ts'),
    reason: `VS Code ${version}, browser build from npm`,
    env: {},
    stop: () => Promise.resolve(),
  };
}

async function desktopHost(way: 'code' | 'download', unseen: boolean): Promise<VscodeHost> {
  const installed = way === 'code' ? installedCode() : undefined;
  const screen = await findDisplay(unseen);
  try {
    const { executable, reason } = installed ?? (await downloadedCode());
    requireLibraries(executable);
    return {
      kind: 'desktop',
      executable,
      reason,
      env: screen ? { DISPLAY: screen.name } : {},
      stop: async () => screen?.stop(),
    };
  } catch (error) {
    await screen?.stop();
    throw error;
  }
}

/** A virtual display if one is needed, undefined if windows can be shown as it is. */
async function findDisplay(unseen: boolean): Promise<VirtualDisplay | undefined> {
  if (process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY) return undefined;
  if (!unseen) throw new Error('no display');
  return startVirtualDisplay();
}

function installedCode(): { executable: string; reason: string } {
  const launcher = findLauncher();
  const home = dirname(dirname(realpathSync(launcher)));
  // The launcher hands over to a running window and returns; the program itself stays until its window is closed.
  const executable = {
    darwin: join(home, '..', '..', 'MacOS', 'Electron'),
    win32: join(home, 'Code.exe'),
  }[process.platform as string];
  const program = executable ?? join(home, 'code');
  if (!existsSync(program)) throw new Error(`${launcher} does not lead to a VS Code on this machine`);
  const version = versionOf(launcher);
  const wanted = minimumVersion();
  if (version.localeCompare(wanted, 'en', { numeric: true }) < 0) {
    throw new Error(`${launcher} is version ${version}, the extension wants ${wanted}`);
  }
  return { executable: program, reason: `VS Code ${version}, installed (${launcher})` };
}

function findLauncher(): string {
  const name = process.platform === 'win32' ? 'code.cmd' : 'code';
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  if (process.platform === 'darwin') {
    folders.push('/Applications/Visual Studio Code.app/Contents/Resources/app/bin');
  }
  const launcher = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (!launcher) throw new Error(`no ${name} on the PATH`);
  return launcher;
}

function versionOf(launcher: string): string {
  // As root the launcher answers only with a data folder of its own.
  const data = join(tmpdir(), 'restore-point-code-version');
  const asked = spawnSync(launcher, ['--no-sandbox', `--user-data-dir=${data}`, '--version'], {
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  const version = /^\d+\.\d+\.\d+/m.exec(asked.stdout)?.[0];
  if (!version) throw new Error(`${launcher} --version gives no version`);
  return version;
}

function minimumVersion(): string {
  const text = readFileSync(join(projectRoot, 'package.json'), 'utf8');
  const { engines } = JSON.parse(text) as { engines: { vscode: string } };
  return engines.vscode.replace(/^[^\d]+/, '');
}

async function downloadedCode(): Promise<{ executable: string; reason: string }> {
  const executable = await downloadAndUnzipVSCode({
    version: 'stable',
    cachePath: editorCache,
    timeout: downloadPatience,
    reporter: new SilentReporter(),
  });
  return { executable, reason: `VS Code, downloaded by @vscode/test-electron (${executable})` };
}

/** Throws an Error with the names of the system's libraries that a program on Linux lacks. */
function requireLibraries(program: string): void {
  if (process.platform !== 'linux') return;
  const asked = spawnSync('ldd', [program], { encoding: 'utf8' });
  const missing = [...(asked.stdout ?? '').matchAll(/^\s*(\S+) => not found$/gm)].map(([, name]) => name);
  if (missing.length > 0) throw new Error(`${program} lacks libraries: ${missing.join(', ')}`);
}
