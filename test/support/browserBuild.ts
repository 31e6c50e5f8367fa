import { spawnSync } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ownFolder, removeOwned, startOwned } from './childProcesses.ts';
import { ensureDebianPackages, isDebian } from './debianPackages.ts';
import { editorCache, projectRoot } from './paths.ts';

/** The npm package that carries a browser build of VS Code, and its version. */
const carrier = { name: 'code-server', version: '4.139.1' };

/** The one major version of Node that the carrier runs on. */
const nodeMajor = 24;

/** What npm tells its scripts about this project and about itself; another npm, on another Node, would be misled. */
const aboutThisProject =
  /^npm_(package_|lifecycle_|command$|config_(local_prefix|user_agent|allow_scripts)$)/;

const marker = 'complete.json';

const home = join(
  editorCache,
  `${carrier.name}-${carrier.version}-${process.platform}-${process.arch}-node${nodeMajor}`,
);

/** A browser build of VS Code that is installed and answers. */
export interface BrowserBuild {
  /** VS Code's own server, a script for Node. */
  readonly serverScript: string;
  /** VS Code's version, such as `1.139.1`. */
  readonly version: string;
}

/**
 * Returns the browser build of VS Code, which it installs first if this project has none.
 *
 * The install takes minutes (it compiles add-ons) and happens once: in a folder of its own that gets its final name
 * only when the server has answered, so that an aborted install is never taken for a complete one.
 * Throws an Error that says what is missing.
 */
export async function ensureBrowserBuild(): Promise<BrowserBuild> {
  requireNode();
  const found = await readBuild();
  if (found) return found;

  await ensureBuildTools();
  const draft = `${home}.${process.pid}.tmp`;
  await mkdir(draft, { recursive: true });
  ownFolder(draft);
  try {
    const version = await install(draft);
    await writeFile(join(draft, marker), JSON.stringify({ version }));
    await publish(draft);
  } finally {
    await removeOwned(draft);
  }
  const installed = await readBuild();
  if (!installed) throw new Error(`The browser build of VS Code in ${home} is not complete.`);
  return installed;
}

function requireNode(): void {
  if (process.platform === 'win32') {
    throw new Error(
      'The browser build of VS Code does not run on Windows; use an installed VS Code, or WSL.',
    );
  }
  if (Number(process.versions.node.split('.')[0]) !== nodeMajor) {
    throw new Error(
      `The browser build of VS Code wants Node ${nodeMajor}, this is ${process.version}; ` +
        'npm scripts of this project run on the right one (after `npm ci`).',
    );
  }
}

/** Makes sure of the packages that the install needs, if there is still one to do. */
export async function ensureBuildTools(): Promise<void> {
  if (isDebian() && !(await readBuild())) ensureDebianPackages(['libkrb5-dev', 'build-essential', 'python3']);
}

async function readBuild(): Promise<BrowserBuild | undefined> {
  const serverScript = serverScriptIn(home);
  if (!existsSync(join(home, marker)) || !existsSync(serverScript)) return undefined;
  const { version } = JSON.parse(await readFile(join(home, marker), 'utf8')) as { version: string };
  return { serverScript, version };
}

function serverScriptIn(home: string): string {
  return join(home, 'node_modules', carrier.name, 'lib', 'vscode', 'out', 'server-main.js');
}

/** Installs into `draft`; returns the version that the server gives when asked. */
async function install(draft: string): Promise<string> {
  console.log(
    `Installing the browser build of VS Code (${carrier.name}@${carrier.version}) into ${draft}: ` +
      'once, some minutes, about 620 MB.',
  );
  await writeFile(join(draft, 'package.json'), JSON.stringify({ private: true }));
  await mkdir(editorCache, { recursive: true });
  const log = join(editorCache, `${carrier.name}-install.log`);
  const end = await runNpm(
    ['install', `${carrier.name}@${carrier.version}`, '--no-audit', '--no-fund', '--no-progress'],
    draft,
    log,
  );
  if (end !== 'code 0') {
    const text = (await readFile(log, 'utf8')).split('\n').slice(-40).join('\n');
    throw new Error(`Installing ${carrier.name} failed (${end}); the whole log: ${log}\n${text}`);
  }
  const asked = spawnSync(process.execPath, [serverScriptIn(draft), '--version'], { encoding: 'utf8' });
  const version = asked.stdout.split('\n')[0]?.trim() ?? '';
  if (asked.status !== 0 || !/^\d+\.\d+\.\d+/.test(version)) {
    throw new Error(`The installed browser build of VS Code does not start:\n${asked.stdout}${asked.stderr}`);
  }
  return version;
}

async function runNpm(args: string[], cwd: string, log: string): Promise<string> {
  const npmScript = process.env.npm_execpath;
  const byNode = npmScript !== undefined && /npm-cli\.c?js$/.test(npmScript);
  const [command, ...first] = byNode ? [process.execPath, npmScript] : ['npm'];
  const npm = await startOwned(command, [...first, ...args], {
    cwd,
    env: installEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const file = createWriteStream(log);
  npm.child.stdout!.pipe(file, { end: false });
  npm.child.stderr!.pipe(file, { end: false });
  const end = await npm.ended;
  await new Promise<void>((closed) => file.end(closed));
  return end;
}

function installEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const [key, value] of Object.entries(process.env)) {
    if (!aboutThisProject.test(key)) env[key] = value;
  }
  env.PATH = `${dirname(process.execPath)}:${env.PATH ?? ''}`;
  env.npm_config_loglevel = 'notice';
  // Its add-ons are compiled by nested installs, which a list of allowed packages out here cannot name.
  env.npm_config_dangerously_allow_all_scripts = 'true';
  env.npm_config_ignore_scripts = 'false';
  // Compiling is most of the install, and no test depends on how fast these add-ons are.
  env.CFLAGS = env.CXXFLAGS = '-O0';
  const headers = nodeHeaders();
  if (headers) env.npm_config_nodedir = headers;
  return env;
}

/** The folder of this very Node, if its C headers are there; without it node-gyp downloads them. */
function nodeHeaders(): string | undefined {
  const fromNpm = `node-${process.platform}-${process.arch}`;
  const candidates = [
    resolve(dirname(process.execPath), '..'),
    join(projectRoot, 'node_modules', 'node', 'node_modules', fromNpm),
    join(projectRoot, 'node_modules', fromNpm),
  ];
  return candidates.find((folder) => existsSync(join(folder, 'include', 'node', 'node_api.h')));
}

async function publish(draft: string): Promise<void> {
  // Without its marker, a folder of that name is a leftover.
  if (!existsSync(join(home, marker))) await rm(home, { recursive: true, force: true });
  try {
    await rename(draft, home);
  } catch (error) {
    // Another process may have published the same build meanwhile.
    if (!existsSync(join(home, marker))) throw error;
  }
}
