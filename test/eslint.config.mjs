import * as path from 'node:path';
import js from '@eslint/js';
import * as regexp from 'eslint-plugin-regexp';
import tseslint from 'typescript-eslint';

const layers = [
  'core',
  'archive',
  'engines',
  'backup',
  'compare',
  'export',
  'restore',
  'schedule',
  'found',
  'worker',
  'cli',
  'ui',
  'extension',
];

/** The arrows of the architecture: which layers and packages some files may import. Everything else is an error. */
function layer(files, { layers: allowed, packages = [], others = [] }) {
  const forbidden = layers.filter((name) => !allowed.includes(name));
  const atRoot = files.every((file) => /^src\/\w+\.ts$/.test(file));
  const message = 'This layer may not import that (see docs/architecture.md).';
  return {
    files,
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `^(?:${atRoot ? '\\./' : '(?:\\.\\./)+'})(?:${forbidden.join('|')})(?:/|\\.ts$)`,
              message,
            },
            { regex: `^(?!\\.|node:)(?!(?:${packages.length ? packages.join('|') : '$^'})(?:$|/))`, message },
            ...others.map((regex) => ({ regex, message })),
          ],
        },
      ],
    },
  };
}

const portOnly = '/engines/(?!(?:engine|rowRestore)\\.ts$)';
const otherEngines = '^(?:\\.\\./)+(?:sqlite|postgres|registry)(?:/|\\.ts$)';

/** The rooms of an engine, in the order in which they build on each other. */
const rooms = ['fileFormat', 'files', 'connect', 'schema', 'rows', 'payload', 'snapshot', 'restore'];

const drivers = ['knex', 'objection', 'pg', 'pg-copy-streams', 'sqlite3'];

export default tseslint.config(
  {
    ignores: ['**/dist/**', '**/node_modules/**', '**/.vscode-test/**', '**/sample/**', '**/test-results/**'],
  },
  js.configs.recommended,
  { files: ['**/*.mjs'], languageOptions: { globals: { process: 'readonly', console: 'readonly' } } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { project: './tsconfig.json', tsconfigRootDir: path.join(import.meta.dirname, '..') },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      eqeqeq: 'error',
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: { 'max-lines-per-function': 'off', '@typescript-eslint/no-floating-promises': 'error' },
  },
  layer(['src/core/**/*.ts'], { layers: ['core'] }),
  layer(['src/archive/**/*.ts'], {
    layers: ['core', 'archive'],
    packages: ['ajv', 'age-encryption', '@noble/ciphers', '@noble/hashes'],
  }),
  layer(['src/engines/**/*.ts'], { layers: ['core', 'engines'], packages: drivers }),
  // An engine knows the port and the models, and no other engine.
  layer(['src/engines/*/**/*.ts'], {
    layers: ['core', 'engines'],
    packages: drivers,
    others: [otherEngines],
  }),
  // A room of an engine knows the rooms before it.
  ...rooms.map((room, index) =>
    layer([`src/engines/*/${room}/**/*.ts`], {
      layers: ['core', 'engines'],
      packages: drivers,
      others: [
        otherEngines,
        `^(?:\\.\\./)+(?:${rooms.slice(index + 1).join('|') || '$^'})/`,
        // Of the engine itself; two folders up it is the port.
        '^\\.\\./(?:engine|session)\\.ts$',
      ],
    }),
  ),
  layer(['src/backup/**/*.ts'], {
    layers: ['core', 'archive', 'engines', 'backup', 'schedule'],
    // The rules of retention are pure.
    others: [portOnly, '/schedule/(?!retention\\.ts$)'],
  }),
  layer(['src/schedule/**/*.ts'], {
    layers: ['core', 'archive', 'engines', 'backup', 'schedule'],
    packages: ['croner'],
    others: [portOnly],
  }),
  layer(['src/schedule/retention.ts'], { layers: [] }),
  layer(['src/compare/**/*.ts'], { layers: ['core', 'archive', 'engines', 'compare'], others: [portOnly] }),
  layer(['src/export/**/*.ts'], {
    layers: ['core', 'archive', 'engines', 'backup', 'compare', 'export'],
    packages: ['csv-stringify'],
    others: [portOnly],
  }),
  layer(['src/restore/**/*.ts'], {
    layers: ['core', 'archive', 'engines', 'backup', 'compare', 'restore'],
    others: [portOnly],
  }),
  layer(['src/found/**/*.ts'], {
    layers: ['core', 'engines', 'found'],
    packages: ['jsonc-parser', 'yaml'],
    others: [portOnly],
  }),
  ...[['src/worker.ts'], ['src/worker/**/*.ts']].map((files) =>
    layer(files, {
      layers: ['core', 'archive', 'engines', 'backup', 'compare', 'export', 'restore', 'schedule', 'worker'],
      packages: ['vscode-jsonrpc'],
    }),
  ),
  layer(['src/ui/**/*.ts'], {
    layers: [
      'core',
      'archive',
      'engines',
      'backup',
      'compare',
      'export',
      'restore',
      'schedule',
      'found',
      'worker',
      'ui',
    ],
    packages: ['vscode', 'jsonc-parser'],
    // What it does is done in another process.
    others: [portOnly, '/worker/(?!workers\\.ts$|protocol\\.ts$)'],
  }),
  ...[['src/cli.ts'], ['src/cli/**/*.ts']].map((files) =>
    layer(files, {
      layers: ['core', 'archive', 'engines', 'backup', 'compare', 'export', 'restore', 'schedule', 'cli'],
      packages: ['jsonc-parser'],
    }),
  ),
  layer(['src/extension.ts'], {
    layers: [
      'core',
      'archive',
      'engines',
      'backup',
      'compare',
      'export',
      'restore',
      'schedule',
      'worker',
      'ui',
    ],
    packages: ['vscode'],
    others: ['/worker/(?!workers\\.ts$)'],
  }),
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        ...['node:fs', 'node:fs/promises'].map((name) => ({
          name,
          importNames: ['rm', 'rmSync'],
          message: 'It follows links that it may not remove: use core/ownFiles.ts.',
        })),
      ],
    },
  },
  // Expressions read texts of files that come from anywhere: their time grows as the text's length does.
  {
    files: ['src/**/*.ts', 'media/**/*.js'],
    plugins: { regexp },
    rules: {
      'regexp/no-super-linear-backtracking': ['error', { report: 'potential' }],
      'regexp/no-super-linear-move': ['error', { report: 'potential' }],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/ui/**', 'src/extension.ts'],
    rules: {
      'no-restricted-globals': ['error', { name: 'fetch', message: 'Nothing here speaks to the internet.' }],
    },
  },
  // It reads texts that it is given, and nothing else.
  {
    files: ['src/found/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^node:(?!path$)', message: 'What is read is decided elsewhere.' }] },
      ],
      'no-restricted-globals': ['error', 'process', 'fetch', 'eval'],
    },
  },
);
