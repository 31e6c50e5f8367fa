import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Keys, parseIdentities } from '../../src/archive/encryption/keys.ts';
import { age, ageKeygen, ensureAge, runInTerminal } from '../support/age.ts';
import { randomSource } from '../support/randomSource.ts';
import { readArchive, writeSampleArchive } from '../support/sampleArchive.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';

const passphrase = 'Füße im Wasser  ';

describe('encryption, by the judgement of age', () => {
  const folder = useTemporaryFolder();
  const random = randomSource('encryption witness');
  const chunks = [10, 200_000, 65_536, 0].map((length) => Buffer.from(random.bytes(length)));
  before(ensureAge);

  async function keysOf(file: string): Promise<Keys> {
    return new Keys({ identities: parseIdentities(await readFile(file, 'utf8'), file) });
  }

  it('opens with age -d what was encrypted for recipients, for each of them', async () => {
    const [first, second] = [folder.file('first'), folder.file('second')];
    const recipients = [first, second].map((file) => ageKeygen(file).recipient);
    const [encrypted, plain] = [folder.file('a.dbbackup.age'), folder.file('a.dbbackup')];
    await writeSampleArchive(encrypted, chunks, { lock: { recipients } });
    for (const identity of [first, second]) {
      age(['--decrypt', '--identity', identity, '--output', plain, encrypted]);
      assert.deepEqual(await readArchive(plain), chunks);
      assert.deepEqual(await readArchive(encrypted, await keysOf(identity)), chunks);
    }
  });

  it('opens what age encrypted for recipients', async () => {
    const [mine, other] = [folder.file('mine'), folder.file('other')];
    const recipients = [other, mine].map((file) => ageKeygen(file).recipient);
    const [plain, encrypted] = [folder.file('a.dbbackup'), folder.file('a.dbbackup.age')];
    await writeSampleArchive(plain, chunks);
    age([...recipients.flatMap((one) => ['--recipient', one]), '--output', encrypted, plain]);
    assert.deepEqual(await readArchive(encrypted, await keysOf(mine)), chunks);
  });

  it('opens with age -d what was encrypted with a passphrase', async () => {
    const [encrypted, plain] = [folder.file('a.dbbackup.age'), folder.file('a.dbbackup')];
    await writeSampleArchive(encrypted, chunks, { lock: { passphrase } });
    const command = ['age', '--decrypt', '--output', plain, encrypted];
    const { code, screen } = await runInTerminal(command, [{ prompt: /passphrase/i, answer: passphrase }]);
    assert.equal(code, 0, screen);
    assert.deepEqual(await readArchive(plain), chunks);
  });

  it('opens what age encrypted with a passphrase', async () => {
    const [plain, encrypted] = [folder.file('a.dbbackup'), folder.file('a.dbbackup.age')];
    await writeSampleArchive(plain, chunks);
    const answers = [/enter passphrase/i, /confirm passphrase/i].map((prompt) => ({
      prompt,
      answer: passphrase,
    }));
    const command = ['age', '--passphrase', '--output', encrypted, plain];
    const { code, screen } = await runInTerminal(command, answers);
    assert.equal(code, 0, screen);
    assert.deepEqual(await readArchive(encrypted, new Keys({ passphrase })), chunks);
  });
});
