import { join, resolve } from 'node:path';

/** The folder that holds package.json. */
export const projectRoot = resolve(import.meta.dirname, '../..');

/** Where downloaded and installed editors are kept between runs; Git ignores it. */
export const editorCache = join(projectRoot, '.vscode-test');

/** Where runs leave counts, screenshots and logs; Git ignores it. */
export const testResults = join(projectRoot, 'test-results');
