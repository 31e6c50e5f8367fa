import assert from 'node:assert/strict';
import { runCli } from '../../support/cli.ts';
import { ensureDjango, runDjango } from '../../support/django.ts';
import { sampleParts } from '../../support/sample.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';

/** Those that are referenced come first. */
const tables = ['author', 'tag', 'book', 'book_tags', 'cover'];

describe('fixtures in a real Django', function () {
  // It takes Django from the internet where it is not there yet.
  sampleParts(this, Infinity);

  for (const engine of testEngines) {
    describe(engine.id, () => {
      const folder = useTemporaryFolder();
      let database: TestDatabase;
      let other: TestDatabase;

      before(() => ensureDjango());
      beforeEach(async () => {
        [database, other] = [await engine.create(), await engine.create()];
        runDjango(database.url, ['fill.py', 'rows']);
        runDjango(other.url, ['fill.py']);
      });
      afterEach(async () => {
        await database.remove();
        await other.remove();
      });

      for (const side of ['database', 'backup'] as const) {
        it(`loaddata makes the rows of a ${side} again`, async () => {
          const backup = folder.file('library.dbbackup');
          assert.equal((await runCli(['backup', database.url, '--out', backup])).code, 0);
          const source = side === 'backup' ? backup : database.url;
          const files = tables.map((name) => folder.file(`${name}.json`));
          for (const [index, name] of tables.entries()) {
            const args = ['--table', `library_${name}`, '--format', 'django', '--out', files[index]!];
            const run = await runCli(['export', source, ...args]);
            assert.equal(run.code, 0, run.stderr);
          }
          runDjango(other.url, ['-m', 'django', 'loaddata', ...files]);
          for (const name of tables) {
            const query = `SELECT * FROM library_${name} ORDER BY 1`;
            const rows = await database.rows(query);
            assert.ok(rows.length > 0);
            assert.deepEqual(await other.rows(query), rows);
          }
          const dump = ['-m', 'django', 'dumpdata', 'library'];
          assert.equal(runDjango(other.url, dump), runDjango(database.url, dump));
        });
      }
    });
  }
});
