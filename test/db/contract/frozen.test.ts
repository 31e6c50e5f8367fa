import assert from 'node:assert/strict';
import * as path from 'node:path';
import { verifyBackup } from '../../../src/backup/verifyBackup.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { projectRoot } from '../../support/paths.ts';
import { restore } from '../../support/restores.ts';
import { testEngines, type TestDatabase, type TestEngine } from '../../support/testDatabases.ts';

const people: Readonly<Record<TestEngine['id'], { readonly sql: string; readonly rows: string[][] }>> = {
  sqlite: {
    sql: `SELECT id, name, typeof(seen), hex(photo), typeof(extra), extra FROM people ORDER BY id`,
    rows: [
      ['1', 'Ada', 'real', '00FF', 'integer', '1'],
      ['9', 'Zoë', 'real', '', 'integer', '9007199254740993'],
    ],
  },
  postgres: {
    sql: `SELECT id::text, name, coalesce(born AT TIME ZONE 'UTC', 'epoch')::text, coalesce(tags::text, '-'), extra::text
            FROM people ORDER BY id`,
    rows: [
      ['1', 'Ada', '1815-12-10 00:00:00', '{a,"b c"}', '{"a": 1.0}'],
      ['2', 'Zoë', '1970-01-01 00:00:00', '-', 'null'],
    ],
  },
};

/** What is in a file of an older version may never be lost: these files are not to be made anew. */
for (const testEngine of testEngines) {
  const { id } = testEngine;
  describe(`${id}: a backup of format 1 that an older version wrote`, () => {
    const file = path.join(projectRoot, 'test', 'fixtures', 'format-1', `${id}.dbbackup`);
    let target: TestDatabase;
    before(async () => {
      target = await testEngine.create();
      if (id === 'postgres') await target.run(`DROP ROLE IF EXISTS frozen_reader; CREATE ROLE frozen_reader`);
    });
    after(async () => {
      await target.remove();
      // The role is the server's.
      if (id === 'postgres') {
        const other = await testEngine.create();
        await other.run('DROP ROLE frozen_reader');
        await other.remove();
      }
    });

    it('is sound', async () => {
      const { manifest } = await verifyBackup(file, engineById, { logger: silentLogger });
      assert.equal(manifest.formatVersion, 1);
      assert.equal(manifest.source.engine, id);
    });

    it('comes back', async () => {
      const { tables, warnings } = await restore(file, target);
      assert.equal(tables.length, 2);
      assert.deepEqual(warnings, []);
      assert.deepEqual(await target.rows(people[id].sql), people[id].rows);
      const visits = await target.rows('SELECT count(*) FROM visits');
      assert.deepEqual(visits, [['2']]);
      assert.deepEqual((await target.rows('SELECT name FROM names ORDER BY 1')).flat(), ['Ada', 'Zoë']);
    });

    if (id === 'sqlite') {
      it('with the counter of its table', async () => {
        await target.run(`INSERT INTO people (name) VALUES ('next')`);
        assert.deepEqual(await target.rows('SELECT max(id) FROM people'), [['10']]);
      });
    } else {
      it('with its function, rights, comment and large object', async () => {
        assert.deepEqual(
          await target.rows(`SELECT double(4)::text, obj_description('people'::regclass),
                                    has_table_privilege('frozen_reader', 'people', 'SELECT')::text`),
          [['8', 'everybody', 'true']],
        );
        assert.deepEqual(
          await target.rows(`SELECT encode(lo_get(4711), 'hex'), obj_description(4711, 'pg_largeobject'),
                                    lomacl::text LIKE '%frozen_reader=r%' FROM pg_largeobject_metadata`),
          [['00ff10', 'a photo', 't']],
        );
      });
    }
  });
}
