import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { inspect } from 'node:util';
import { generateHybridIdentity, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { Archive } from '../../src/archive/archiveReader.ts';
import { writeArchive } from '../../src/archive/writeArchive.ts';
import type { ByteSink } from '../../src/archive/byteSink.ts';
import type { ByteSource } from '../../src/archive/byteSource.ts';
import { nativeCipher, portableCipher } from '../../src/archive/encryption/chunkCipher.ts';
import { Keys, parseIdentities, parseRecipients } from '../../src/archive/encryption/keys.ts';
import { encryptionOf, OpeningSource } from '../../src/archive/encryption/openingSource.ts';
import { nativeKey, portableKey } from '../../src/archive/encryption/passphrase.ts';
import { SealingSink } from '../../src/archive/encryption/sealingSink.ts';
import { plainRunBytes, runNonce, saltBytes, sealedRunBytes } from '../../src/archive/encryption/stream.ts';
import { describeError, RestorePointError, type ErrorCode } from '../../src/core/errors.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { engineById } from '../../src/engines/registry.ts';
import { randomSource } from '../support/randomSource.ts';
import { sampleOf } from '../support/sample.ts';
import { readArchive, writeSampleArchive } from '../support/sampleArchive.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';

const chunks = ['1\tone\n', '2\ttwo\n'.repeat(40)].map((text) => Buffer.from(text));

/** What is written, in memory. */
class MemorySink implements ByteSink {
  readonly parts: Buffer[] = [];

  write(parts: readonly Uint8Array[]): Promise<void> {
    this.parts.push(...parts.map((part) => Buffer.from(part)));
    return Promise.resolve();
  }

  finish(): Promise<number> {
    return Promise.resolve(Buffer.concat(this.parts).length);
  }
}

function memorySource(bytes: Buffer): ByteSource {
  return {
    size: bytes.length,
    read: (position, length) => Promise.resolve(bytes.subarray(position, position + length)),
    close: () => Promise.resolve(),
  };
}

async function seal(plain: Buffer, recipient: string, pieces: (rest: number) => number): Promise<Buffer> {
  const sink = new MemorySink();
  const sealing = (await SealingSink.prepare({ recipients: [recipient] }))(sink);
  for (let at = 0; at < plain.length;) {
    const piece = plain.subarray(at, at + pieces(plain.length - at));
    await sealing.write([piece]);
    at += piece.length;
  }
  const size = await sealing.finish();
  const sealed = Buffer.concat(sink.parts);
  assert.equal(size, sealed.length);
  return sealed;
}

async function unseal(sealed: Buffer, keys: Keys): Promise<OpeningSource> {
  const source = memorySource(sealed);
  const header = await encryptionOf(source, 'a');
  assert.ok(header);
  return await OpeningSource.open(source, 'a', header, keys);
}

async function refusal(
  work: Promise<unknown>,
  what: string,
  ...codes: ErrorCode[]
): Promise<RestorePointError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(RestorePointError.is(error) && codes.includes(error.code), `${what}: ${inspect(error)}`);
  return error;
}

describe('encryption', () => {
  const folder = useTemporaryFolder();
  let identity: string;
  let recipient: string;
  let keys: Keys;
  before(async () => {
    identity = await generateX25519Identity();
    recipient = await identityToRecipient(identity);
    keys = new Keys({ identities: [identity] });
  });

  it('gives back every part of what was written, wherever it lies', async () => {
    const random = randomSource('encrypted parts');
    const lengths = [
      0,
      1,
      ...[1, 2, 9].flatMap((runs) => [-1, 0, 1].map((more) => runs * plainRunBytes + more)),
    ];
    for (const length of lengths) {
      const plain = Buffer.from(random.bytes(length));
      const sealed = await seal(plain, recipient, (rest) => 1 + random.below(Math.min(rest, 200_000)));
      const opened = await unseal(sealed, keys);
      assert.equal(opened.size, length);
      assert.ok(plain.equals(await opened.read(0, length)), `all ${length} bytes`);
      for (let round = 0; round < 30; round++) {
        const [at, size] = [random.below(length + 10), random.below(length + 10)];
        const part = await opened.read(at, size);
        assert.ok(part.equals(plain.subarray(at, at + size)), `${size} bytes at ${at} of ${length}`);
      }
    }
  });

  it('is the same with both implementations of the cipher', () => {
    const random = randomSource('ciphers');
    const key = random.bytes(32);
    const [native, portable] = [nativeCipher(key), portableCipher(key)];
    for (const length of [0, 1, 63, 64, 1000, plainRunBytes]) {
      const plain = Buffer.from(random.bytes(length));
      const nonce = runNonce(random.below(2 ** 40), length === 0);
      const sealed = native.seal(nonce, plain);
      assert.deepEqual(Buffer.from(portable.seal(nonce, plain)), Buffer.from(sealed));
      for (const cipher of [native, portable]) {
        assert.deepEqual(Buffer.from(cipher.open(nonce, sealed)!), plain);
        const changed = Buffer.from(sealed);
        changed[random.below(changed.length)]! ^= 1;
        assert.equal(cipher.open(nonce, changed), undefined);
        assert.equal(cipher.open(nonce, sealed.subarray(0, 15)), undefined);
      }
    }
  });

  it('derives the same key from a passphrase with both implementations', async () => {
    const texts = ['Füße im Wasser', 'some salt'].map((text) => Buffer.from(text)) as [Buffer, Buffer];
    for (const factor of [1, 10, 14]) {
      const native = await nativeKey(...texts, factor);
      assert.deepEqual(Buffer.from(await portableKey(...texts, factor)), Buffer.from(native));
    }
  });

  it('is told by the content of a file, whatever its name', async () => {
    const [encrypted, plain] = [folder.file('a.dbbackup'), folder.file('b.dbbackup.age')];
    await writeSampleArchive(encrypted, chunks, { lock: { recipients: [recipient] } });
    await writeSampleArchive(plain, chunks);
    assert.equal(await Archive.encryptionOf(encrypted), 'recipients');
    assert.equal(await Archive.encryptionOf(plain), undefined);
    assert.deepEqual(await readArchive(encrypted, keys), chunks);
    assert.deepEqual(await readArchive(plain, keys), chunks);
    const archive = await Archive.open(encrypted, engineById, keys);
    assert.deepEqual([archive.encryption, archive.size], ['recipients', (await stat(encrypted)).size]);
    await archive.close();
  });

  it('opens with the passphrase, and with no other', async () => {
    const file = folder.file('a.dbbackup.age');
    const passphrase = 'correct horse';
    await writeSampleArchive(file, chunks, { lock: { passphrase } });
    assert.equal(await Archive.encryptionOf(file), 'passphrase');
    assert.deepEqual(await readArchive(file, new Keys({ passphrase, identities: [identity] })), chunks);
    const wrong = await refusal(
      readArchive(file, new Keys({ passphrase: 'wrong horse' })),
      'wrong',
      'locked',
    );
    assert.match(
      describeError(wrong),
      /The passphrase does not open this backup.*that it was encrypted with/,
    );
    assert.doesNotMatch(inspect(wrong, { depth: 9 }), /horse/);
    for (const none of [undefined, keys]) {
      const error = await refusal(readArchive(file, none), 'no passphrase', 'locked');
      assert.match(describeError(error), /encrypted with a passphrase.*Enter the passphrase/);
    }
  });

  it('opens with an identity of any recipient, and with no other', async () => {
    const file = folder.file('a.dbbackup.age');
    const hybrid = await generateHybridIdentity();
    const recipients = [await identityToRecipient(hybrid), recipient];
    await writeSampleArchive(file, chunks, { lock: { recipients } });
    for (const one of [hybrid, identity]) {
      assert.deepEqual(await readArchive(file, new Keys({ identities: [one] })), chunks);
    }
    const other = new Keys({ identities: [await generateX25519Identity()] });
    const error = await refusal(readArchive(file, other), 'another identity', 'locked');
    assert.match(describeError(error), /None of the given keys opens this backup.*identity file/);
    const none = await refusal(readArchive(file, new Keys({ passphrase: 'x' })), 'a passphrase', 'locked');
    assert.match(none.message, /encrypted to recipients/);
  });

  it('makes the same kind of lock again', async () => {
    const both = new Keys({ identities: [identity], passphrase: 'p' });
    assert.deepEqual(await both.lockLike('recipients'), { recipients: [recipient] });
    assert.deepEqual(await both.lockLike('passphrase'), { passphrase: 'p' });
  });

  it('refuses every flipped bit of every byte, and every cut', async () => {
    const file = folder.file('a.dbbackup.age');
    await writeSampleArchive(file, chunks, { lock: { recipients: [recipient] } });
    const sound = await readFile(file);
    const headerEnd = sound.indexOf('\n', sound.indexOf('\n---') + 1) + 1;
    for (const at of sampleOf(sound.length, 25)) {
      const bytes = Buffer.from(sound);
      bytes[at]! ^= 1 << (at % 8);
      await writeFile(file, bytes);
      const possible: ErrorCode[] = at < headerEnd ? ['damaged-backup', 'locked'] : ['damaged-backup'];
      const error = await refusal(readArchive(file, keys), `a flip of byte ${at}`, ...possible);
      assert.equal(error.details.place?.file, file);
    }
    for (const length of sampleOf(sound.length, 25)) {
      await writeFile(file, sound.subarray(0, length));
      await refusal(readArchive(file, keys), `a cut after ${length} bytes`, 'damaged-backup');
    }
    await writeFile(file, Buffer.concat([sound, Buffer.from([0])]));
    await refusal(readArchive(file, keys), 'a byte after the end', 'damaged-backup');
  });

  it('refuses runs that are cut off, exchanged, doubled or left out, and says where', async () => {
    const file = folder.file('a.dbbackup.age');
    const large = Buffer.from(randomSource('runs').bytes(4 * plainRunBytes));
    await writeSampleArchive(file, [large], { lock: { recipients: [recipient] } });
    const sound = await readFile(file);
    const begin = sound.indexOf('\n', sound.indexOf('\n---') + 1) + 1 + saltBytes;
    const run = (index: number): Buffer =>
      sound.subarray(begin + index * sealedRunBytes, begin + (index + 1) * sealedRunBytes);
    const head = sound.subarray(0, begin);
    const [one, two, three, four, five] = [0, 1, 2, 3, 4].map(run) as [
      Buffer,
      Buffer,
      Buffer,
      Buffer,
      Buffer,
    ];
    assert.ok(five.length > 0 && five.length < sealedRunBytes);
    const damages: Record<string, Buffer[]> = {
      'all runs cut off': [head],
      'the last run cut off': [head, one, two, three, four],
      'two runs cut off': [head, one, two, three],
      'two runs exchanged': [head, two, one, three, four, five],
      'a run doubled': [head, one, one, two, three, four, five],
      'a run left out': [head, one, three, four, five],
      'the last run doubled': [head, one, two, three, four, five, five],
      'the salt changed': [
        head.subarray(0, -1),
        Buffer.from([head.at(-1)! ^ 1]),
        one,
        two,
        three,
        four,
        five,
      ],
    };
    for (const [what, parts] of Object.entries(damages)) {
      await writeFile(file, Buffer.concat(parts));
      await refusal(readArchive(file, keys), what, 'damaged-backup');
    }
    const flipped = Buffer.from(sound);
    flipped[begin + sealedRunBytes + 5]! ^= 1;
    await writeFile(file, flipped);
    const error = await refusal(readArchive(file, keys), 'a flip', 'damaged-backup');
    assert.equal(error.details.place?.entry, 'data/1-orders/1.copy');
    const from = begin + sealedRunBytes;
    assert.match(error.message, new RegExp(`bytes ${from} to ${from + sealedRunBytes - 1} of the file`));
  });

  it('refuses what only looks like an age file', async () => {
    const file = folder.file('a.dbbackup.age');
    const version = 'age-encryption.org/v1\n';
    const salt = Buffer.alloc(saltBytes).toString('base64').replace(/=+$/, '');
    const body = Buffer.alloc(32).toString('base64').replace(/=+$/, '');
    const scrypt = (factor: string): string =>
      `${version}-> scrypt ${salt} ${factor}\n${body}\n--- ${body}\n`;
    const all = new Keys({ identities: [identity], passphrase: 'x' });
    const files = [
      version,
      version + '-> X25519 '.padEnd(3_000_000, 'a'),
      `${version}--- \n`,
      ...['30', '21', '0', '018', '1e1'].map(scrypt),
      scrypt('10').replace('-> scrypt', `-> X25519 ${body}\n${body}\n-> scrypt`),
      scrypt('10').replace(salt, salt.slice(1)),
    ];
    for (const text of files) {
      await writeFile(file, text + 'x'.repeat(100));
      await refusal(readArchive(file, all), text.slice(0, 100), 'damaged-backup');
    }
    await writeFile(file, '-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n');
    const armor = await refusal(readArchive(file, all), 'armor', 'usage');
    assert.match(describeError(armor), /ASCII-armored.*age -d/);
  });

  it('never has the content on the disk, not even before it is published', async () => {
    const file = folder.file('a.dbbackup.age');
    const secret = Buffer.from('the secret of this row ');
    const options = { compression: 'none', lock: { recipients: [recipient] }, logger: silentLogger } as const;
    const failed = writeArchive(file, options, async (sink) => {
      const payload = sink.open('secret', 'copy');
      for (let count = 0; count < 40; count++) await payload.writeChunk(Buffer.alloc(100_000, secret), 1);
      await payload.finish();
      const [name] = await readdir(folder.path);
      assert.match(name!, /^\.a\.\d+-[0-9a-f]{12}\.dbbackup-part$/);
      const written = await readFile(folder.file(name!));
      assert.ok(written.length > 3_000_000);
      assert.equal(written.indexOf(secret), -1);
      throw new Error('as planned');
    });
    await assert.rejects(failed, /^Error: as planned$/);
    assert.deepEqual(await readdir(folder.path), []);
  });

  it('makes other bytes of the same content every time', async () => {
    const runs = await Promise.all(
      [1, 2].map(async (number) => {
        const file = folder.file(`${number}.dbbackup.age`);
        await writeSampleArchive(file, chunks, { lock: { recipients: [recipient] } });
        const bytes = await readFile(file);
        return createHash('sha256').update(bytes.subarray(-1000)).digest('hex');
      }),
    );
    assert.notEqual(runs[0], runs[1]);
  });

  it('refuses what is no recipient, no identity or no passphrase, and repeats no secret', async () => {
    const file = folder.file('a.dbbackup.age');
    const broken = `${recipient.slice(0, -1)}${recipient.endsWith('q') ? 'p' : 'q'}`;
    for (const [lock, message] of [
      [{ recipients: [broken] }, new RegExp(`${broken} is not a valid recipient`)],
      [{ recipients: [recipient, identity] }, /^This is not a valid recipient/],
      [{ recipients: ['ssh-ed25519 AAAA'] }, /^This is not a valid recipient/],
      [{ recipients: [] }, /No recipients were given/],
      [{ passphrase: '' }, /The passphrase is empty/],
    ] as const) {
      const error = await refusal(writeSampleArchive(file, chunks, { lock }), String(message), 'usage');
      assert.match(describeError(error), message);
      assert.ok(!inspect(error, { depth: 9 }).includes(identity));
    }
    assert.deepEqual(await readdir(folder.path), []);
    assert.throws(
      () => new Keys({ identities: [`${identity}x`] }),
      (error) => RestorePointError.is(error, 'usage') && !inspect(error, { depth: 9 }).includes(identity),
    );
    assert.ok(
      !inspect(new Keys({ identities: [identity], passphrase: 'geheim' }), { depth: 9 }).includes('geheim'),
    );
  });

  it('reads files of identities and recipients', () => {
    const text = `# created: 2026\n# public key: ${recipient}\r\n${identity}\r\n\n`;
    assert.deepEqual(parseIdentities(text, 'key'), [identity]);
    assert.deepEqual(parseRecipients(`# us\n${recipient}\n`, 'us'), [recipient]);
    for (const wrong of [
      '',
      '# nothing',
      recipient,
      '-----BEGIN OPENSSH PRIVATE KEY-----',
      'age-encryption.org/v1\n',
    ]) {
      assert.throws(
        () => parseIdentities(wrong, 'key'),
        (error) => RestorePointError.is(error, 'usage') && error.details.place?.file === 'key',
      );
    }
    assert.throws(
      () => parseRecipients('# none', 'us'),
      (error) => RestorePointError.is(error, 'usage'),
    );
  });
});
