import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { ignoreLine, ignoresBackups, withLine } from '../../src/ui/backups/gitIgnore.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';

describe('.gitignore', () => {
  const folder = useTemporaryFolder();

  it('is understood where it ignores the backup folder', () => {
    const texts = [
      'backups/',
      '/backups/',
      'backups',
      '/backups/*',
      'backups/**',
      '**/backups/',
      '*.dbbackup',
      '**/*.dbbackup',
      'dist/\r\n/backups/\r\n',
      '!backups/\nbackups/',
      'backups/   ',
    ];
    for (const text of texts) assert.equal(ignoresBackups(text, 'backups'), true, text);
    assert.equal(ignoresBackups('/data/', 'data/backups'), true);
    assert.equal(ignoresBackups('backups', 'data/backups'), true);
    assert.equal(ignoresBackups('data/backups', 'data/backups'), true);
    assert.equal(ignoresBackups('*.dbbackup', ''), true);
  });

  it('is understood where it does not', () => {
    for (const text of ['', '# backups/', 'backups/\n!backups/', 'backups2/', '/other/backups/', 'backup']) {
      assert.equal(ignoresBackups(text, 'backups'), false, text);
    }
    assert.equal(ignoresBackups('/backups/', 'data/backups'), false);
    assert.equal(ignoresBackups('/backups/', ''), false);
  });

  it('gets one line at its end, in its own line breaks', () => {
    assert.equal(withLine('', '/backups/'), '/backups/\n');
    assert.equal(withLine('dist/', '/backups/'), 'dist/\n/backups/\n');
    assert.equal(withLine('dist/\r\n', '/backups/'), 'dist/\r\n/backups/\r\n');
  });

  for (const name of ['backups', 'data/backups', '', '#1', 'a b', 'wild [x]*']) {
    it(`gets a line by which Git itself ignores the folder "${name}"`, () => {
      const root = folder.path;
      mkdirSync(path.join(root, name), { recursive: true });
      const line = ignoreLine(name);
      assert.equal(ignoresBackups(withLine('', line), name), true);
      writeFileSync(path.join(root, '.gitignore'), withLine('dist/', line));
      const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' });
      git('init', '--quiet');
      const file = path.posix.join(name, 'shop.dbbackup');
      // It prints the path, and fails when the path is not ignored.
      assert.ok(git('check-ignore', '--no-index', file));
    });
  }
});
