import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import ts from 'typescript';
import { engines } from '../../src/engines/registry.ts';
import { projectRoot } from '../support/paths.ts';

/** Where no engine is known by its name: what is special about one comes through the port. */
const folders = ['core', 'archive', 'backup', 'compare', 'export', 'restore', 'worker'];

const engineNames = new RegExp(engines.flatMap(({ id, label }) => [id, label]).join('|'), 'i');

/** What only one engine has beside tables and statements. */
const extrasNames = /large ?objects?|actsAs|^(superuser|usual|roles)$/i;

describe('code that all engines share', () => {
  for (const file of globSync(`src/{${folders.join(',')}}/**/*.ts`, { cwd: projectRoot }).sort()) {
    it(`names no engine in ${file}`, () => {
      const text = readFileSync(path.join(projectRoot, file), 'utf8');
      const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
      assert.deepEqual(namesIn(source, engineNames), []);
      // The format of the file is one for all engines.
      if (file !== 'src/archive/manifestSchema.ts') assert.deepEqual(namesIn(source, extrasNames), []);
    });
  }

  it('is looked through well', () => {
    const source = `const isPostgres = id === 'sqlite'; // sqlite \n type A = 'postgres'; f(\`x \${sqliteName}\`);`;
    const found = namesIn(ts.createSourceFile('a.ts', source, ts.ScriptTarget.Latest, true), engineNames);
    assert.deepEqual(found, ['isPostgres', 'sqlite', 'postgres', 'sqliteName']);
  });
});

/** Identifiers and texts of a source that hold such a name. Comments may. */
function namesIn(source: ts.SourceFile, names: RegExp): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const isText = ts.isIdentifier(node) || ts.isStringLiteralLike(node) || ts.isTemplateLiteralToken(node);
    if (isText && names.test(node.text)) found.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}
