import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import ts from 'typescript';

const root = path.join(import.meta.dirname, '../../src');

/** The files that each file imports, also only for their types. */
function importsOf(file: string): string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(path.join(root, file), 'utf8'));
  return importedFiles
    .map(({ fileName }) => fileName)
    .filter((name) => name.startsWith('.'))
    .map((name) => path.join(path.dirname(file), name));
}

describe('imports', () => {
  it('make no circle, not even of types', () => {
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    assert.ok(files.length > 300);
    const left = new Map(files.map((file) => [file, importsOf(file)]));
    // A file that imports none of those that are left is in no circle, and neither is one that none of them imports.
    for (let before = Infinity; left.size < before;) {
      before = left.size;
      for (const [file, imports] of left) if (!imports.some((name) => left.has(name))) left.delete(file);
      const imported = new Set([...left.values()].flat());
      for (const file of left.keys()) if (!imported.has(file)) left.delete(file);
    }
    assert.deepEqual([...left.keys()], []);
  });
});
