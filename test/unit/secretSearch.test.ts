import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { argumentsOf, findSecrets, findSecretsInFiles, formsOf } from '../support/secretSearch.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';

const secret = `p@ss/"w\\ö'rd 7`;
const find = (content: string | Uint8Array): string[] => findSecrets('here', content, { password: secret });

describe('the search for secrets', () => {
  const folder = useTemporaryFolder();

  it('finds every form of one, wherever it stands', () => {
    for (const [name, form] of formsOf(secret)) {
      const found = find(Buffer.concat([Buffer.from('a'), form, Buffer.from('b')]));
      assert.deepEqual(found, [`here: password, ${name}`]);
    }
    const bytes = Buffer.from(secret);
    for (const encoding of ['base64', 'base64url', 'hex'] as const) {
      for (const before of ['', 'a', 'ab', 'abc', 'user:']) {
        const text = Buffer.concat([Buffer.from(before), bytes, Buffer.from('tail')]).toString(encoding);
        assert.notDeepEqual(find(text), [], `${encoding} after "${before}"`);
      }
    }
    for (const text of [JSON.stringify({ a: secret }), `postgres://u:${encodeURIComponent(secret)}@h`]) {
      assert.notDeepEqual(find(text), [], text);
    }
    assert.notDeepEqual(find(Buffer.from(secret, 'utf16le')), []);
    assert.deepEqual(find('nothing of it'), []);
  });

  it('looks into files, at their names, and at the arguments of processes', async () => {
    mkdirSync(folder.file('in'));
    writeFileSync(folder.file('in/a'), `x${secret}`);
    writeFileSync(folder.file(encodeURIComponent(secret)), '');
    writeFileSync(folder.file('mine'), secret);
    const { files, found } = findSecretsInFiles(folder.path, { password: secret }, [folder.file('mine')]);
    assert.equal(files, 3);
    assert.equal(found.length, 2, found.join('\n'));
    if (process.platform !== 'linux') return;
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)', secret]);
    await once(child, 'spawn');
    assert.ok(argumentsOf(process.pid).some((words) => find(words).length > 0));
    child.kill();
    await once(child, 'close');
  });
});
