import assert from 'node:assert/strict';
import { backUp, failure } from '../../support/restores.ts';
import { conflictTexts, linesOf, restoreChosen, writtenTexts } from '../../support/rowRestores.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase, type TestEngineId } from '../../support/testDatabases.ts';

/** SQL of a value, and the type of its column where the engine has types. */
const samples: Readonly<Record<TestEngineId, readonly (readonly [type: string, sql: string])[]>> = {
  sqlite: [
    ['', '9223372036854775807'],
    ['INTEGER', "'007'"],
    ['REAL', '1'],
    ['', '-0.0'],
    ['', '0.1'],
    ['', '9e999'],
    ['', '1.0'],
    ['', "'1'"],
    ['', "'it''s \u{1f382}\n'"],
    ['', "CAST(x'610062' AS TEXT)"],
    ['', "CAST(x'61ff' AS TEXT)"],
    ['', "'\uFEFFmarked'"],
    ['', "x'00ff'"],
    ['', "x''"],
    ['', "''"],
    ['TEXT COLLATE NOCASE', "'Abc '"],
  ],
  postgres: [
    ['smallint', '-32768'],
    ['bigint', '9223372036854775807'],
    ['numeric', "'1.00'"],
    ['numeric', "'NaN'"],
    ['real', "'0.1'"],
    ['double precision', "'-Infinity'"],
    ['double precision', "'-0'"],
    ['text', "'it''s \u{1f382}\n\\'"],
    ['char(5)', "'ab'"],
    ['boolean', 'false'],
    ['bytea', "'\\x00ff'"],
    ['date', "'0044-03-15 BC'"],
    ['timestamptz', "'2024-02-29 12:00:00.000001+02'"],
    ['timestamp', "'infinity'"],
    ['time', "'23:59:60'"],
    ['interval', "'1 mon -2 days 03:00'"],
    ['jsonb', `'{"b": [1, null], "a": 1.0}'`],
    ['json', `'{"a": 1,  "a": 2}'`],
    ['xml', "'<a/>'"],
    ['uuid', "'00000000-0000-0000-0000-000000000001'"],
    ['int4range', "'[1,5)'"],
    ['text[]', `ARRAY['a', NULL, '', '{"x"}', 'NULL']`],
    ['int[]', "'[0:1]={7,8}'"],
    ['int[][]', "'{{1,2},{3,4}}'"],
    ['inet', "'10.0.0.1/8'"],
    ['bit(3)', "'101'"],
    ['point', "'(1,2)'"],
    ['tsvector', "'a:1 b:2'"],
    ['money', "'12.34'"],
  ],
};

for (const testEngine of testEngines) {
  describe(`${testEngine.id}: values of chosen rows`, () => {
    const folder = useTemporaryFolder();
    let database: TestDatabase;
    let file: string;

    beforeEach(async () => {
      database = await testEngine.create();
      file = folder.file('before.dbbackup');
    });
    afterEach(() => database.remove());

    it('come back exactly, whatever their types are', async () => {
      const columns = samples[testEngine.id];
      const names = columns.map((_, place) => `c${place}`);
      await database.run(`
        CREATE TABLE v (id integer PRIMARY KEY, ${columns.map(([type], place) => `c${place} ${type}`).join(', ')});
        INSERT INTO v VALUES (1, ${columns.map(([, sql]) => sql).join(', ')});
        INSERT INTO v (id) VALUES (2)`);
      await backUp(database, file);
      const before = await database.dump();
      const safetyFolder = folder.file('safety');
      for (const change of [
        'DELETE FROM v',
        `UPDATE v SET ${names.map((name) => `${name} = NULL`).join(', ')}`,
        'DELETE FROM v WHERE id = 2',
      ]) {
        await database.run(change);
        const after = await database.dump();
        const report = await restoreChosen(file, database, {
          lines: await linesOf(file, database),
          safetyFolder,
        });
        assert.equal(await database.dump(), before);
        await restoreChosen(report.safetyBackup!, database);
        assert.equal(await database.dump(), after);
        await restoreChosen(file, database, { where: [['v', 'c0 IS NOT NULL OR id = 2']] });
        assert.equal(await database.dump(), before);
      }
    });

    it('are found in the backup also where the type of a column has changed since', async () => {
      await database.run(`CREATE TABLE t (id integer PRIMARY KEY, n integer, v varchar(9));
        INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b')`);
      await backUp(database, file);
      await database.run('DELETE FROM t WHERE id = 2');
      await database.run(
        testEngine.id === 'postgres'
          ? 'ALTER TABLE t ALTER n TYPE bigint, ALTER v TYPE text'
          : `CREATE TABLE u (id integer PRIMARY KEY, n bigint, v text); INSERT INTO u SELECT * FROM t; DROP TABLE t;
             ALTER TABLE u RENAME TO t`,
      );
      const report = await restoreChosen(file, database, { lines: await linesOf(file, database) });
      assert.deepEqual(writtenTexts(report), ['t inserted id=2']);
      assert.deepEqual(await database.rows('SELECT * FROM t WHERE id = 2'), [['2', '2', 'b']]);
    });

    it('are a conflict where a column that only the database has must have a value', async () => {
      await database.run(`CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t VALUES (1), (2)`);
      await backUp(database, file);
      await database.run(`DROP TABLE t; CREATE TABLE t (id integer PRIMARY KEY, must varchar(9) NOT NULL)`);
      const before = await database.dump();
      const error = await failure(restoreChosen(file, database, { lines: await linesOf(file, database) }));
      assert.deepEqual(conflictTexts(error.details.conflicts!), ['t constraint id=1', 't constraint id=2']);
      assert.ok(error.details.conflicts!.every(({ reason }) => /must/.test(reason ?? '')));
      assert.equal(await database.dump(), before);
    });
  });
}
