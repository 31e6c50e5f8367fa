/**
 * Runs the extension-host tests in a VS Code.
 *
 * The extension is the packed one: a VSIX that is made of dist/ and unpacked, so that what is tested is what ships.
 *
 * Environment: `RESTORE_POINT_EXTENSION` is the folder of another one, such as the project itself; `RESTORE_POINT_VSCODE` says which VS Code (vscodeHost.ts); `RESTORE_POINT_TEST_GREP` picks tests by name;
 * `RESTORE_POINT_TEST_COUNTS` is the file that gets the counts.
 *
 * There are two runs: in the second one, of the tests in `folders/`, a workspace of two such folders is open.
 *
 * The tests find the sample workspace open, and in `RESTORE_POINT_TEST_POSTGRES` the address of a PostgreSQL server,
 * with a superuser's name and password.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { runTests, TestRunFailedError } from '@vscode/test-electron';
import { build } from 'esbuild';
import { makeOwnedFolder } from '../support/childProcesses.ts';
import type { Counts } from '../support/countingReporter.ts';
import { packageExtension, unpackExtension } from '../support/packageExtension.ts';
import { projectRoot } from '../support/paths.ts';
import { startPostgres } from '../support/postgresServer.ts';
import { quietSettings } from '../support/quietSettings.ts';
import { runsAll } from '../support/sample.ts';
import { makeSampleWorkspace } from '../support/sampleWorkspace.ts';
import { findVscodeHost } from '../support/vscodeHost.ts';

const bundleFolder = join(projectRoot, 'dist', 'test');
// Deriving keys and proving take most of the time: in a sample the tests of their use cases are enough.
const alone = await bundleTests('extension', runsAll ? '*.test.ts' : '!(encryption|prove).test.ts');
const folders = await bundleTests('folders', 'folders/*.test.ts');
const host = await findVscodeHost({ unseen: true });
console.log(`Using ${host.reason}.`);
const scratch = makeOwnedFolder('restore-point-extension-');
const postgres = await startPostgres();
try {
  const extension = process.env.RESTORE_POINT_EXTENSION
    ? resolve(process.env.RESTORE_POINT_EXTENSION)
    : await unpackExtension(await packageExtension(), join(scratch.path, 'vsix'));
  const workspace = join(scratch.path, 'workspace');
  await makeSampleWorkspace(workspace);
  const userData = join(scratch.path, 'user-data');
  await mkdir(join(userData, 'User'), { recursive: true });
  await writeFile(join(userData, 'User', 'settings.json'), JSON.stringify(quietSettings));
  const both = join(scratch.path, 'two.code-workspace');
  await writeFile(both, JSON.stringify({ folders: [{ path: 'api/shop' }, { path: 'web' }] }));
  for (const folder of ['api/shop', 'web']) await makeSampleWorkspace(join(scratch.path, folder));
  const run = (extensionTestsPath: string, open: string, counts: string): Promise<number> =>
    runTests({
      vscodeExecutablePath: host.executable,
      extensionDevelopmentPath: extension,
      extensionTestsPath,
      extensionTestsEnv: {
        ...host.env,
        // The browser build's stand-in for an executable is a script for this very Node.
        PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
        RESTORE_POINT_TEST_POSTGRES: postgres.url,
        XDG_STATE_HOME: join(scratch.path, 'state'),
        RESTORE_POINT_TEST_COUNTS: counts,
      },
      launchArgs: [
        open,
        `--user-data-dir=${userData}`,
        `--extensions-dir=${join(scratch.path, 'extensions')}`,
      ],
    });
  const counts = [join(scratch.path, 'alone.json'), join(scratch.path, 'folders.json')] as const;
  await toldIfFailed(run(alone, workspace, counts[0]));
  await toldIfFailed(run(folders, both, counts[1]));
  await addUp(counts);
} finally {
  await postgres.stop();
  await host.stop();
  await scratch.remove();
}

async function toldIfFailed(run: Promise<unknown>): Promise<void> {
  try {
    await run;
  } catch (error) {
    if (!(error instanceof TestRunFailedError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

/** Writes the counts of both runs as those of one. */
async function addUp(files: readonly string[]): Promise<void> {
  const counts = files
    .filter((file) => existsSync(file))
    .map((file) => JSON.parse(readFileSync(file, 'utf8')) as Counts);
  // A run that told nothing has failed.
  if (!process.env.RESTORE_POINT_TEST_COUNTS || counts.length < files.length) return;
  const sum: Counts = {
    passed: counts.reduce((all, { passed }) => all + passed, 0),
    failed: counts.reduce((all, { failed }) => all + failed, 0),
    failures: counts.flatMap(({ failures }) => failures),
  };
  await writeFile(process.env.RESTORE_POINT_TEST_COUNTS, JSON.stringify(sum));
}

/** One file for VS Code to load: every such test file there is. Packages stay outside. Resolves to its path. */
async function bundleTests(name: string, pattern: string): Promise<string> {
  const tests = globSync(pattern, { cwd: import.meta.dirname }).sort();
  const requires = tests.map((path) => `require(${JSON.stringify(`./${path}`)});`);
  await build({
    stdin: {
      contents: `
        import { runSuite } from './index.ts';
        export const run = () => runSuite(() => { ${requires.join(' ')} });`,
      resolveDir: import.meta.dirname,
      sourcefile: relative(projectRoot, import.meta.filename),
      loader: 'ts',
    },
    outfile: join(bundleFolder, `${name}Suite.cjs`),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'warning',
    // `import.meta.dirname` has no meaning inside the bundle; better no bundle than an undefined path.
    logOverride: { 'empty-import-meta': 'error' },
  });
  // Node applies source maps to what it loads after they are enabled.
  const entry = join(bundleFolder, `${name}.cjs`);
  await writeFile(
    entry,
    `process.setSourceMapsEnabled(true);\nexports.run = () => require('./${name}Suite.cjs').run();\n`,
  );
  return entry;
}
