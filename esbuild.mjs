import { chmod } from 'node:fs/promises';
import { build, context } from 'esbuild';

/** Drivers that Knex would load for other databases; each is asked for only when it is used. */
const unusedDrivers = ['better-sqlite3', 'mariadb/callback', 'mysql', 'mysql2', 'oracledb', 'tedious'];

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
    entryPoints: ['src/cli.ts'],
    outfile: 'dist/cli.js',
    banner: { js: '#!/usr/bin/env node' },
  },
].map((bundle) => ({ ...common, ...bundle }));

if (process.argv.includes('--watch')) {
  for (const bundle of bundles) await (await context({ ...bundle, logLevel: 'info' })).watch();
} else {
  await Promise.all(bundles.map((bundle) => build(bundle)));
  await chmod('dist/cli.js', 0o755);
}
