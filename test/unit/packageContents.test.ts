import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { listFiles, PackageManager } from '@vscode/vsce';
import { projectRoot } from '../support/paths.ts';

describe('the packed extension', () => {
  it('carries the scripts and styles of its pages', async function () {
    this.timeout(60_000);
    const slashed = (file: string): string => file.replaceAll('\\', '/');
    const pages = globSync('media/*/*.{js,css}', { cwd: projectRoot }).map(slashed);
    assert.ok(pages.includes('media/comparison/comparison.js'));
    assert.ok(pages.includes('media/history/history.js'));
    const packed = await listFiles({ cwd: projectRoot, packageManager: PackageManager.None });
    const carried = new Set(packed.map(slashed));
    assert.deepEqual(
      pages.filter((file) => !carried.has(file)),
      [],
    );
  });
});
