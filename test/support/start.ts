/** `npm start`, after the build: opens VS Code on a sample workspace, with the extension of this project loaded. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startBrowserServer } from './browserServer.ts';
import { type OwnedProcess, startOwned } from './childProcesses.ts';
import { linkExtension } from './linkedExtension.ts';
import { editorCache, projectRoot } from './paths.ts';
import { makeSampleWorkspace } from './sampleWorkspace.ts';
import { quietSettings } from './quietSettings.ts';
import { findVscodeHost, type VscodeHost } from './vscodeHost.ts';

type Running = Pick<OwnedProcess, 'ended' | 'stop'>;

/** The port of the browser build, if it is free: an address that one can keep open. */
const usualPort = 8460;

const sample = join(projectRoot, 'sample');
/** Settings and state, apart from those of the user's own VS Code; kept from one start to the next. */
const home = join(editorCache, 'start');

const interrupted = new Promise<'interrupted'>((resolve) => {
  const stop = () => resolve('interrupted');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  // A SIGTERM to npm ends the shell between it and this process, which does not hand it on.
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && stop(), 1000).unref();
});

await makeSampleWorkspace(sample);
const host = await findVscodeHost({ unseen: false });
console.log(`Using ${host.reason}.`);
const running = await (host.kind === 'desktop' ? startDesktop(host) : startBrowser());
const end = await Promise.race([running.ended, interrupted]);
await running.stop();
await host.stop();
if (end === 'interrupted') console.log('\nStopped.');
else if (end !== 'code 0') {
  console.error(`VS Code ended (${end}).`);
  process.exitCode = 1;
}

async function startDesktop({ executable, env }: VscodeHost): Promise<Running> {
  const dataFolder = join(home, 'desktop');
  const userFolder = join(dataFolder, 'User');
  await mkdir(userFolder, { recursive: true });
  await writeFile(join(userFolder, 'settings.json'), JSON.stringify(quietSettings, undefined, 2));
  const code = await startOwned(
    executable,
    [
      sample,
      `--extensionDevelopmentPath=${projectRoot}`,
      `--user-data-dir=${dataFolder}`,
      `--extensions-dir=${join(dataFolder, 'extensions')}`,
      ...['--disable-workspace-trust', '--skip-welcome', '--skip-release-notes', '--disable-updates'],
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  console.log(`VS Code shows ${sample}. Ctrl+C here, or closing its window, ends it.`);
  return code;
}

async function startBrowser(): Promise<Running> {
  const dataFolder = join(home, 'browser');
  const extensionsFolder = join(dataFolder, 'extensions');
  // Installed, not under development: the browser build loads extensions under development only in a mode for
  // automation, in which it keeps back notifications.
  await linkExtension(projectRoot, extensionsFolder);
  const server = await startBrowserServer({
    dataFolder,
    extensionsFolder,
    settings: quietSettings,
    port: usualPort,
  });
  console.log(`VS Code shows ${sample} at\n\n    ${server.urlOf({ folder: sample })}\n\nCtrl+C ends it.`);
  return server;
}
