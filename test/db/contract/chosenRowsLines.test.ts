import assert from 'node:assert/strict';
import { backUp, failure } from '../../support/restores.ts';
import { linesOf, restoreChosen } from '../../support/rowRestores.ts';
import { accident, useShopBackup } from '../../support/rowShop.ts';
import { type TestDatabase, testEngines } from '../../support/testDatabases.ts';

for (const testEngine of testEngines) {
  describe(`${testEngine.id}: lines that are not a comparison of this backup with the database`, () => {
    let database: TestDatabase;
    let file: string;
    const folder = useShopBackup(testEngine, (made) => ({ database, file } = made));

    const refused = async (
      lines: readonly string[],
      message: RegExp,
      code = 'usage',
      deleteAdded = true,
    ): Promise<void> => {
      const before = await database.dump();
      const error = await failure(restoreChosen(file, database, { lines, deleteAdded }));
      assert.deepEqual([error.code, error.details.unchanged], [code, 'Nothing was changed.']);
      assert.match(error.message, message);
      assert.equal(await database.dump(), before);
    };

    it('are refused with the number of the line', async () => {
      await database.run(accident);
      const lines = await linesOf(file, database, ({ table }) => table.name === 'orders');
      const edit = (change: (line: Record<string, unknown>) => void, at = 0): string[] =>
        lines.map((text, index) => {
          const line = JSON.parse(text) as Record<string, unknown>;
          if (index === at) change(line);
          return JSON.stringify(line);
        });
      const first = lines.findIndex((line) => line.includes('onlyInFirst'));
      await refused([], /The file of rows is empty/);
      await refused(['', ''], /The file of rows is empty/);
      await refused([...lines, '{"table":'], /^Line 4 is not a row of a comparison/);
      await refused(
        [...lines, lines[first]!],
        /^Line 4 cannot be restored: a line before it has the same row/,
      );
      await refused(
        edit((line) => (line['table'] = 'nothing')),
        /^Line 1: The backup has no table named/,
      );
      await refused(
        edit((line) => Object.assign(line['first'] as object, { status: 'forged' }), first),
        new RegExp(`^Line ${first + 1}: the backup has no such row of (public\\.)?orders`),
      );
      await refused(
        edit((line) => Object.assign(line['first'] as object, { other: 1 }), first),
        /the backup has no column other in (public\.)?orders/,
      );
      await refused(
        edit((line) => delete (line['first'] as Record<string, unknown>)['code'], first),
        /it has no value for the column code of (public\.)?orders/,
      );
      // The database as the first side.
      const swapped = lines.map((text) => {
        const { first: one, second: other, kind, ...line } = JSON.parse(text) as Record<string, unknown>;
        const kinds: Record<string, string> = {
          onlyInFirst: 'onlyInSecond',
          onlyInSecond: 'onlyInFirst',
          changed: 'changed',
        };
        return JSON.stringify({
          ...line,
          kind: kinds[String(kind)],
          ...(other ? { first: other } : {}),
          ...(one ? { second: one } : {}),
        });
      });
      await refused(swapped, /^Line \d says that only the database has this row of/);
      const forged = lines.map((text) =>
        text.replace(/"first":\{.*?"status":"\w+"/, (it) => it.replace(/\w+"$/, 'forged"')),
      );
      await refused(forged, /; the same is true of 1 other line$/);
      for (const text of swapped) {
        const message = text.includes('onlyInSecond')
          ? /^Line 1 says that only the database has this row of (public\.)?orders, but the backup has it too/
          : /^Line 1: the backup has no such row of (public\.)?orders as its "first" says/;
        await refused([text], message);
        await refused([text], message, 'usage', false);
      }
    });

    it('are refused where a table without a key has more of a row than the backup', async () => {
      await database.run(accident);
      const lines = await linesOf(file, database, ({ table }) => table.name === 'log');
      assert.equal(lines.length, 2);
      await refused([...lines, lines[0]!], /the backup has no such row of (public\.)?log/);
    });

    it('are refused where the backup holds no rows of the table', async () => {
      await database.run(accident);
      const lines = await linesOf(file, database);
      const schema = folder.file('schema.dbbackup');
      await backUp(database, schema, { only: 'schema' });
      const error = await failure(restoreChosen(schema, database, { lines }));
      assert.match(error.message, /taken without the rows of/);
      const other = testEngines.find(({ id }) => id !== testEngine.id)!;
      const elsewhere = await other.create();
      try {
        const wrong = await failure(restoreChosen(file, elsewhere, { lines }));
        assert.equal(wrong.code, 'refused');
      } finally {
        await elsewhere.remove();
      }
    });
  });
}
