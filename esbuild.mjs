import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { Ajv } from 'ajv';
import standaloneCode from 'ajv/dist/standalone/index.js';
import { build, context } from 'esbuild';
import { manifestSchema } from './src/archive/manifestSchema.ts';

/** Drivers that Knex would load for other databases; each is asked for only when it is used. */
const unusedDrivers = ['better-sqlite3', 'mariadb/callback', 'mysql', 'mysql2', 'oracledb', 'tedious'];

/** In place of what compiles the manifest's schema: what it would compile. */
const compiledSchema = {
  name: 'compiled-schema',
  setup({ onLoad }) {
    onLoad({ filter: /manifestValidator\.ts$/ }, () => {
      const ajv = new Ajv({ strict: true, code: { source: true, esm: true } });
      const code = standaloneCode(ajv, ajv.compile(manifestSchema));
      return { contents: `${code}\nexport const manifestValidator = () => validate;`, resolveDir: '.' };
    });
  },
};

const common = {
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'cjs',
  // jsonc-parser's other form loads its parts by names that only exist at run time.
  mainFields: ['module', 'main'],
  // Objection and error messages speak of classes by their names.
  keepNames: true,
  // Less to read at each start.
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
  // sqlite3 loads a compiled add-on from its own folder, so it ships as it is.
  external: ['sqlite3', 'pg-native', ...unusedDrivers],
  plugins: [compiledSchema],
};

/**
 * `vscode` is external to the extension only: a value import of it that leaks into what the command line uses
 * breaks the build.
 */
const bundles = [
  {
    entryPoints: ['src/extension.ts'],
    outfile: 'dist/extension.js',
    external: [...common.external, 'vscode'],
  },
  {
    entryPoints: ['src/worker.ts'],
    outfile: 'dist/worker.js',
  },
  {
    entryPoints: ['src/cli.ts'],
    outfile: 'dist/cli.js',
    banner: { js: '#!/usr/bin/env node' },
  },
].map((bundle) => ({ ...common, ...bundle }));

if (process.argv.includes('--watch')) {
  for (const bundle of bundles) await (await context({ ...bundle, logLevel: 'info' })).watch();
} else {
  const built = await Promise.all(bundles.map((bundle) => build({ ...bundle, metafile: true })));
  await chmod('dist/cli.js', 0o755);
  await writeNotices(built.flatMap(({ metafile }) => Object.keys(metafile.inputs)));
}

/** Licences ask that their text goes along with what is in a bundle. */
async function writeNotices(inputs) {
  const folders = new Set(inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []));
  const notices = await Promise.all([...folders].sort().map(noticeOf));
  await writeFile('dist/THIRD-PARTY-NOTICES.txt', `${notices.join(`\n\n${'-'.repeat(78)}\n\n`)}\n`);
}

async function noticeOf(folder) {
  const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, 'utf8'));
  const files = await readdir(folder);
  const file = files.find((entry) => /^(licen[cs]e|copying)/i.test(entry));
  const text = file
    ? await readFile(`${folder}/${file}`, 'utf8')
    : /^#+ licen[cs]e\n([^]*)/im.exec(await readFile(`${folder}/README.md`, 'utf8'))?.[1];
  if (!text) throw new Error(`${name} comes without the text of its licence`);
  return `${name} ${version} (${license})\n\n${text.trim()}`;
}
