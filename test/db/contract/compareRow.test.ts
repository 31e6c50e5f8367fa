import assert from 'node:assert/strict';
import { takeBackup } from '../../../src/backup/takeBackup.ts';
import { compareRow } from '../../../src/compare/compareRow.ts';
import type { ComparisonPart } from '../../../src/compare/compareSides.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { RowDifference } from '../../../src/core/differences.ts';
import { valueText } from '../../../src/core/values.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { failure } from '../../support/errors.ts';
import { testEngines, type TestDatabase, type TestEngineId } from '../../support/testDatabases.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

const bytes = (id: TestEngineId, hex: string): string => (id === 'sqlite' ? `x'${hex}'` : `'\\x${hex}'`);

for (const testEngine of testEngines) {
  const { id } = testEngine;
  describe(`one row of a backup, compared with a database, ${id}`, () => {
    const folder = useTemporaryFolder();
    let database: TestDatabase;

    beforeEach(async () => {
      database = await testEngine.create();
    });
    afterEach(() => database.remove());

    async function backUp(): Promise<string> {
      const file = folder.file('one.dbbackup');
      const session = await database.connect({ readOnly: true });
      try {
        await takeBackup(session, { file, logger: silentLogger });
      } finally {
        await session.close();
      }
      return file;
    }

    async function partsOf(file: string, row: number, table = 0): Promise<ComparisonPart[]> {
      const session = await database.connect({ readOnly: true });
      try {
        const parts: ComparisonPart[] = [];
        const asked = { file, table, row };
        for await (const part of compareRow(asked, session, engineById, { logger: silentLogger }))
          parts.push(part);
        return parts;
      } finally {
        await session.close();
      }
    }

    /** `same`, or the difference as text. */
    async function difference(file: string, row: number): Promise<unknown> {
      const parts = await partsOf(file, row);
      const counts = parts.find((part) => part.part === 'counts')!.counts;
      assert.equal(counts.changed + counts.onlyInFirst + counts.same, 1);
      const [found] = parts.flatMap((part): readonly RowDifference[] =>
        part.part === 'rows' ? part.rows : [],
      );
      if (!found) return 'same';
      if (found.kind !== 'changed') return found.kind;
      return found.columns.map((place) =>
        [found.second, found.first].map((values) => valueText(values[place]!) ?? 'NULL').join(' > '),
      );
    }

    it('finds the row by its key, of any type', async () => {
      await database.run(`
        CREATE TABLE keyed (a text, b ${id === 'sqlite' ? 'blob' : 'bytea'}, c integer, v text,
          PRIMARY KEY (a, b, c)${id === 'sqlite' ? ') WITHOUT ROWID' : ')'};
        INSERT INTO keyed VALUES ('it''s', ${bytes(id, '00ff')}, -5, 'one'), ('', ${bytes(id, '')}, 9, NULL);`);
      const file = await backUp();
      assert.deepEqual([await difference(file, 0), await difference(file, 1)], ['same', 'same']);
      await database.run(`UPDATE keyed SET v = 'two'`);
      const all = [await difference(file, 0), await difference(file, 1)];
      assert.deepEqual(all.flat().sort(), ['two > NULL', 'two > one']);
      await database.run(`DELETE FROM keyed`);
      assert.deepEqual(await difference(file, 1), 'onlyInFirst');
    });

    it('has a row of a table without a key if it has all of its values', async () => {
      await database.run(`CREATE TABLE plain (a text, b integer, c text);
        INSERT INTO plain VALUES ('x', 1, NULL), ('y', 2, 'z')`);
      const file = await backUp();
      assert.equal(await difference(file, 0), 'same');
      await database.run(`UPDATE plain SET c = 'other' WHERE b = 1`);
      assert.equal(await difference(file, 0), 'onlyInFirst');
      assert.equal(await difference(file, 1), 'same');
    });

    it('says that there is no such table, and refuses a row that there is not', async () => {
      await database.run(`CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t VALUES (1)`);
      const file = await backUp();
      await failure(partsOf(file, 1), 'usage');
      await failure(partsOf(file, 0, 3), 'usage');
      await database.run(`DROP TABLE t`);
      const [overview, ...others] = await partsOf(file, 0);
      assert.deepEqual(others, []);
      assert.equal(overview?.part === 'overview' && overview.tables.length, 0);
    });
  });
}
