import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { RowDigest } from '../../../src/engines/postgres/rows/rowDigest.ts';
import { failure } from '../../support/errors.ts';
import { forge, objectsAt, type JsonObject } from '../../support/hostileFiles.ts';
import { backUp, restore, usePostgres } from '../../support/postgresRestores.ts';
import { countingTried } from '../../support/triedCounts.ts';

/** What stands in place of the rights on a large object, which become parts of statements. */
const rights: readonly string[] = [
  `[{"grantor":"postgres","grantee":null,"privilege":"SELECT ON LARGE OBJECT 4100000001 TO PUBLIC; COMMIT; DROP TABLE public.secret; --","grantable":false}]`,
  `[{"grantor":"postgres","grantee":null,"privilege":"ALL","grantable":false}]`,
  `[{"grantor":"postgres","grantee":7,"privilege":"SELECT","grantable":false}]`,
  `[{"grantor":null,"grantee":null,"privilege":"SELECT","grantable":false}]`,
  `[{"grantor":"postgres","grantee":null,"privilege":["SELECT"],"grantable":false}]`,
  `[null]`,
  `{"length":1}`,
  `7`,
  `"SELECT"`,
];

describe('postgres: hostile large objects', () => {
  const postgres = usePostgres();

  it('are refused where their rights are none, and change nothing', async () => {
    const source = await postgres.create(
      `SELECT lo_from_bytea(4100000001, 'x'); GRANT SELECT ON LARGE OBJECT 4100000001 TO PUBLIC`,
    );
    const file = postgres.file('sound.dbbackup');
    await backUp(source, file, undefined, { compression: 'none' });
    const sound = await readFile(file);
    const target = await postgres.create(`CREATE TABLE secret (id int); INSERT INTO secret VALUES (1)`);
    await countingTried('hostile files', 'rights on large objects (postgres)', async (tried) => {
      for (const [index, text] of rights.entries()) {
        tried();
        const hostile = postgres.file(`${index}.dbbackup`);
        await writeFile(hostile, withRights(sound, text));
        const error = await failure(restore(hostile, target), 'damaged-backup');
        assert.match(error.message, /The privileges of the large object 4100000001 are invalid/, text);
        assert.deepEqual(await target.rows('SELECT id FROM secret'), [['1']], text);
        assert.deepEqual(await target.rows('SELECT oid FROM pg_largeobject_metadata'), [], text);
      }
    });
  });

  it('are refused at once where a piece begins terabytes behind the others', async () => {
    const source = await postgres.create(`SELECT lo_from_bytea(4100000001, 'x')`);
    const file = postgres.file('sound.dbbackup');
    await backUp(source, file, undefined, { compression: 'none' });
    const target = await postgres.create(`SELECT lo_from_bytea(4100000001, 'own')`);
    const place = String(262_144 * 16_000_000);
    await writeFile(file, withField(await readFile(file), { of: 'pieces', column: 1 }, place));
    const error = await failure(restore(file, target), 'damaged-backup');
    assert.match(error.message, /The large object 4100000001 has a gap/);
    assert.deepEqual(await target.rows(`SELECT lo_get(4100000001)`), [['\\x6f776e']]);
  });
});

function withRights(sound: Buffer, text: string): Buffer {
  return withField(sound, { of: 'objects', column: 2 }, text);
}

/** The same with another value in the only row of the objects or of the pieces. */
function withField(
  sound: Buffer,
  { of, column }: { readonly of: 'objects' | 'pieces'; readonly column: number },
  text: string,
): Buffer {
  return forge(sound, ({ manifest, chunks }) => {
    const stored = (manifest['largeObjects'] as Record<string, JsonObject>)[of]!;
    const payload = objectsAt(manifest['payloads']).find(({ name }) => name === stored['payload'])!;
    const [chunk] = objectsAt(payload['chunks']);
    const row = chunks
      .get(chunk!['entry'] as string)!
      .toString()
      .split('\t');
    row[column] = text;
    const bytes = Buffer.from(row.join('\t'));
    const digest = new RowDigest();
    digest.add(bytes);
    stored['digest'] = digest.digest;
    chunk!['bytes'] = bytes.length;
    chunks.set(chunk!['entry'] as string, bytes);
  });
}
