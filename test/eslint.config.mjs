import * as path from 'node:path';
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** The arrows of the architecture: what a folder may import besides itself. Everything else is an error. */
function layer(files, { allowed, packages = [], ignores = [] }) {
  const outside = allowed.map((target) => `(?:\\.\\./)+${target}`).join('|');
  return {
    files,
    ignores,
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: outside
                ? `^\\.\\./(?!\\.\\./)(?!(?:${outside.replaceAll('(?:\\.\\./)+', '')}))`
                : '^\\.\\./',
              message: 'This layer may not import that one (see "How it is built" in the README).',
            },
            {
              regex: `^(?!\\.|node:)(?!(?:${packages.length ? packages.join('|') : '$^'})(?:$|/))`,
              message: 'This package is not for this layer (see "How it is built" in the README).',
            },
          ],
        },
      ],
    },
  };
}

export default tseslint.config(
  {
    ignores: ['**/dist/**', '**/node_modules/**', '**/.vscode-test/**', '**/sample/**', '**/test-results/**'],
  },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: path.join(import.meta.dirname, '..') } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
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
  layer(['src/core/**/*.ts'], { allowed: [] }),
  layer(['src/archive/**/*.ts'], { allowed: ['core/'], packages: ['ajv'] }),
  layer(['src/engines/*.ts'], { allowed: ['core/'], packages: ['knex', 'objection'] }),
  layer(['src/engines/*/**/*.ts'], {
    allowed: ['(?:\\.\\./)*core/', '[a-zA-Z]+\\.ts$'],
    packages: ['knex', 'objection', 'pg', 'pg-copy-streams', 'sqlite3', 'xxhash-wasm'],
  }),
  layer(['src/backup/**/*.ts'], { allowed: ['core/', 'archive/', 'engines/engine\\.ts$'] }),
  layer(['src/restore/**/*.ts'], { allowed: ['core/', 'archive/', 'engines/engine\\.ts$', 'backup/'] }),
  layer(['src/ui/**/*.ts'], {
    allowed: [
      '(?:\\.\\./)*core/',
      '(?:\\.\\./)*archive/',
      '(?:\\.\\./)*engines/engine\\.ts$',
      '(?:\\.\\./)*backup/',
      '(?:\\.\\./)*restore/',
      '[a-zA-Z]+\\.ts$',
      '[a-zA-Z]+/[a-zA-Z]+\\.ts$',
    ],
    packages: ['vscode', 'jsonc-parser'],
  }),
  layer(['src/cli.ts'], { allowed: [], packages: ['jsonc-parser'] }),
  {
    files: ['src/**/*.ts'],
    ignores: ['src/ui/**', 'src/extension.ts'],
    rules: {
      'no-restricted-globals': ['error', { name: 'fetch', message: 'Nothing here speaks to the internet.' }],
    },
  },
);
