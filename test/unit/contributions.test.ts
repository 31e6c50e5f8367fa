import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { backupExtension, encryptedExtension } from '../../src/backup/backupFiles.ts';
import { version } from '../../src/core/version.ts';
import { engines } from '../../src/engines/registry.ts';
import { sslModes } from '../../src/core/connections.ts';
import { commandIds } from '../../src/ui/commands/commandIds.ts';
import manifest from '../../package.json' with { type: 'json' };
import texts from '../../package.nls.json' with { type: 'json' };
import { bundleFile, localizedTexts } from '../support/l10nBundle.ts';
import { projectRoot } from '../support/paths.ts';

const { contributes } = manifest;

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

describe('package.json', () => {
  it('has the commands that the extension registers', () => {
    assert.deepEqual(contributes.commands.map(({ command }) => command).sort(), [...commandIds].sort());
  });

  it('names known commands in menus, welcome texts and the walkthrough', () => {
    const known: readonly string[] = commandIds;
    const inMenus = Object.values(contributes.menus).flatMap((menu) => menu.map(({ command }) => command));
    const inTexts = Object.values(texts).flatMap((text) => {
      return [...text.matchAll(/\(command:([\w.]+)\)/g)].map(([, command]) => command ?? '');
    });
    for (const command of [...inMenus, ...inTexts]) {
      if (command.startsWith('restorePoint.')) assert.ok(known.includes(command), command);
    }
    assert.ok(inTexts.length >= 5);
  });

  it('takes every text that people read from package.nls.json, and leaves none over', () => {
    const used = stringsIn(manifest).flatMap((text) => /^%(.+)%$/.exec(text)?.[1] ?? []);
    assert.deepEqual([...new Set(used)].sort(), Object.keys(texts).sort());
    for (const { title } of contributes.commands) assert.match(title, /^%.+%$/);
    for (const setting of Object.values(contributes.configuration.properties)) {
      assert.match(setting.markdownDescription, /^%.+%$/);
    }
  });

  it('names files that are there', () => {
    const files = stringsIn(manifest).filter((text) => /^(\.\/)?media\//.test(text));
    assert.ok(files.length >= 7);
    for (const file of files) assert.ok(existsSync(path.join(projectRoot, file)), file);
  });

  it('fits what the code knows', () => {
    assert.equal(manifest.version, version);
    assert.deepEqual(contributes.languages[0]?.extensions, [backupExtension, encryptedExtension]);
    assert.deepEqual(
      contributes.customEditors[0]?.selector,
      [backupExtension, encryptedExtension].map((extension) => ({ filenamePattern: `*${extension}` })),
    );
    const { properties } = contributes.configuration.properties['restorePoint.connections'].items;
    assert.deepEqual(
      properties.engine.enum,
      engines.map(({ id }) => id),
    );
    assert.deepEqual(properties.ssl.enum, sslModes);
  });
});

describe('l10n/bundle.l10n.json', () => {
  it('has the run-time texts for those who translate them (node test/support/l10nBundle.ts writes it)', () => {
    assert.deepEqual(JSON.parse(readFileSync(bundleFile, 'utf8')), localizedTexts());
  });
});
