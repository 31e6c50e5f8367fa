import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { TableName } from '../../../src/core/names.ts';
import { HashedRows, type HashSum } from '../../../src/engines/postgres/rows/hashedRows.ts';
import { ExactColumns, selectRows } from '../../../src/engines/postgres/rows/selectRows.ts';
import { sumInServer } from '../../../src/engines/postgres/restore/sumInServer.ts';
import type { Transaction } from '../../../src/engines/postgres/connect/transaction.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { makePlan } from '../../../src/restore/restoreBackup.ts';
import { postgresForTests } from '../../support/postgresForTests.ts';
import {
  as,
  backUp,
  failure,
  inTransaction,
  restore,
  tables,
  usePostgres,
} from '../../support/postgresRestores.ts';
import { randomSource } from '../../support/randomSource.ts';
import { itInAll } from '../../support/sample.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';
import { hardTexts } from './hardTexts.ts';
import { backUpUrl, restoreUrl, runSql } from './postgresRoundTrip.ts';
import { typeTables } from './postgresTypes.ts';

/** A table of more than 8 MiB, most of it in text. */
const largeTable = `
  CREATE TABLE large (id integer PRIMARY KEY, n numeric(10,2), t text, d timestamptz);
  INSERT INTO large SELECT i, i / 4.0, nullif(repeat(md5(i::text), i % 4 * 2), ''), to_timestamp(i)
    FROM generate_series(1, 80000) i;`;

describe('PostgreSQL: rows that the server hashes', function () {
  this.timeout(120_000);
  const postgres = usePostgres();

  /** What COPY sends of a table, hashed here. */
  async function sent(
    transaction: Transaction,
    table: TableName,
    columns: readonly string[],
    hashed: HashedRows,
  ): Promise<HashSum | undefined> {
    hashed.begin(columns.length);
    const sql = selectRows(transaction, {
      table,
      columns,
      exact: await ExactColumns.load(transaction, [table]),
    });
    await transaction.copyOut(`COPY (${sql}) TO STDOUT`, (piece) => void hashed.add(piece));
    return hashed.result;
  }

  it('have the hashes of what COPY sends, of every type', async () => {
    const database = await postgres.create();
    const [[version] = []] = await database.rows('SHOW server_version_num');
    for (const script of typeTables(Number(version))) await database.run(script);
    await inTransaction(database, async (transaction) => {
      const hashed = new HashedRows();
      const unknown: string[] = [];
      for (const { name, columns } of await tablesOf(transaction)) {
        const here = await sent(transaction, { schema: 'data', name }, columns, hashed);
        const there = await sumInServer(transaction, { schema: 'data', name }, columns, hashed);
        if (here === undefined || typeof there === 'string') unknown.push(name);
        else assert.deepEqual(here, there, name);
      }
      assert.deepEqual(unknown, ['large', 'wide', 'without_columns']);
    });
  });

  it('have them with any texts in any rows', async () => {
    const random = randomSource('hashed rows');
    const database = await postgres.create(
      'CREATE SCHEMA data; CREATE TABLE data.t (a text, b "char", c bytea, d char(40), e json)',
    );
    const text = (): string | null => {
      if (random.below(5) === 0) return null;
      const all = Array.from({ length: 1 + random.below(4) }, () => random.pick(hardTexts)).join('');
      return all.replaceAll('\0', '');
    };
    const rows = Array.from({ length: 2000 }, () => ({
      a: text(),
      b:
        text()
          ?.slice(0, 1)
          .replace(/[^ -~]/, '') ?? null,
      c: `\\x${random.bytes(random.below(40)).toString('hex')}`,
      d: [...(text() ?? '')].slice(0, 10).join(''),
      e: { key: text() },
    }));
    await inTransaction(database, async (transaction) => {
      const insert = 'INSERT INTO data.t SELECT * FROM json_populate_recordset(NULL::data.t, $1)';
      await transaction.run(insert, [JSON.stringify(rows)]);
      const [table, columns] = [{ schema: 'data', name: 't' }, ['e', 'a', 'b', 'c', 'd']];
      const hashed = new HashedRows();
      const here = await sent(transaction, table, columns, hashed);
      assert.equal(here?.rows, rows.length);
      assert.deepEqual(await sumInServer(transaction, table, columns, hashed), here);
    });
  });

  it('have others when two rows change a value for one another', async () => {
    const database = await postgres.create(largeTable);
    await inTransaction(database, async (transaction) => {
      const hashed = new HashedRows();
      const ask = () => sumInServer(transaction, tables('large')[0]!, ['id', 'n', 't', 'd'], hashed);
      const before = await ask();
      assert.ok(typeof before === 'object' && before.rows === 80_000);
      assert.deepEqual(await ask(), before);
      await transaction.run('UPDATE public.large SET n = 6 - n WHERE id IN (6, 18)');
      const after = await ask();
      assert.ok(typeof after === 'object' && after.rows === before.rows);
      assert.notEqual(after.sum, before.sum);
    });
  });

  itInAll('of many columns need no more stack than there is', async () => {
    const database = await postgres.create('CREATE TABLE t AS SELECT 1 AS n');
    await inTransaction(database, async (transaction) => {
      const columns = Array.from({ length: 200 }, () => 'n');
      const sum = await sumInServer(transaction, tables('t')[0]!, columns, new HashedRows());
      assert.equal(typeof sum, 'object');
      const more = await sumInServer(transaction, tables('t')[0]!, [...columns, 'n'], new HashedRows());
      assert.equal(more, 'it has many columns');
    });
  });

  it('are no longer hashed when somebody cancels', async () => {
    const database = await postgres.create('CREATE TABLE t AS SELECT n FROM generate_series(1, 400000) n');
    const controller = new AbortController();
    const started = inTransaction(
      database,
      (transaction) => {
        const columns = Array.from({ length: 200 }, () => 'n');
        return sumInServer(transaction, tables('t')[0]!, columns, new HashedRows());
      },
      { signal: controller.signal },
    );
    const outcome = failure(started);
    const active = `SELECT FROM pg_stat_activity WHERE query ~ 'hashtext' AND datname = current_database() AND pid <> pg_backend_pid()`;
    while ((await database.rows(active)).length === 0) await delay(20);
    controller.abort();
    assert.equal((await outcome).code, 'cancelled');
  });

  describe('are compared by a restore', () => {
    /** Restores, and gives back what was logged about how tables were verified. */
    async function verified(file: string, database: TestDatabase): Promise<string[]> {
      const lines: string[] = [];
      const debug = (line: string): void => void (/hashes|read back/.test(line) && lines.push(line));
      await restore(file, database, { logger: { ...silentLogger, debug } });
      return lines;
    }

    it('into new tables and over others, and not read back', async () => {
      const source = await postgres.create(`${largeTable} CREATE TABLE small AS SELECT 1 AS n`);
      const file = postgres.file('large.dbbackup');
      await backUp(source, file);
      const rows = "SELECT md5(string_agg(large::text, ' ' ORDER BY id)) FROM large";
      const expected = await source.rows(rows);
      const target = await postgres.create();
      assert.deepEqual(await verified(file, target), ['public.large has the hashes of what was sent']);
      assert.deepEqual(await target.rows(rows), expected);
      await target.run('DELETE FROM large WHERE id % 7 = 3; UPDATE large SET t = NULL');
      assert.deepEqual(await verified(file, target), ['public.large has the hashes of what was sent']);
      assert.deepEqual(await target.rows(rows), expected);
    });

    it('and read back where they are not those that were sent', async () => {
      const database = await postgres.create(largeTable);
      const file = postgres.file('changed.dbbackup');
      await backUp(database, file);
      await database.run('ALTER TABLE large ALTER n TYPE numeric(10,4)');
      const before = await database.dump();
      const lines: string[] = [];
      const debug = (line: string): void => void lines.push(line);
      const error = await failure(restore(file, database, { logger: { ...silentLogger, debug } }));
      assert.equal(error.code, 'verification');
      assert.match(error.message, /^Some values in the 80000 rows that were read back differ/);
      assert.match(error.details.next ?? '', /was numeric\(10,2\) and is numeric\(10,4\) now/);
      assert.ok(lines.includes('public.large is read back: it has other hashes than what was sent'));
      assert.equal(await database.dump(), before);
    });

    it('and read back where what was sent is not what the backup promised', async () => {
      const database = await postgres.create(largeTable);
      const file = postgres.file('promised.dbbackup');
      await backUp(database, file);
      const [session, archive] = [await database.connect(), await Archive.open(file, engineById)];
      try {
        const { manifest } = archive;
        const options = { mode: 'replace', logger: silentLogger } as const;
        const plan = await makePlan(manifest, session, options);
        const [table] = plan.tables;
        const promised = { ...table!, backup: { ...table!.backup, digest: '0123456789abcdef' } };
        const wrong = { plan: { ...plan, tables: [promised] }, manifest, source: archive };
        const transaction = await session.beginRestore(wrong, options);
        const prepared = await transaction.prepare();
        await prepared.load(promised);
        const finished = await prepared.finish();
        assert.equal((await failure(finished.verify(promised))).code, 'verification');
        await transaction.rollback();
      } finally {
        await archive.close();
        await session.close();
      }
    });

    it('and read back where a role may not hash', async () => {
      const database = await postgres.create(`
        ${largeTable}
        DROP ROLE IF EXISTS hashless; CREATE ROLE hashless LOGIN PASSWORD 'secret';
        GRANT ALL ON SCHEMA public TO hashless; ALTER TABLE large OWNER TO hashless;
        REVOKE EXECUTE ON FUNCTION hashtextextended(text, bigint) FROM PUBLIC;`);
      const file = postgres.file('hashless.dbbackup');
      await backUp(database, file);
      const expected = await database.dump();
      await database.run('DELETE FROM large WHERE id > 5');
      const [line] = await verified(file, as(database, 'hashless'));
      assert.match(
        line ?? '',
        /^public\.large is read back: permission denied for function hashtextextended/,
      );
      assert.equal(await database.dump(), expected);
      await database.run(
        'REASSIGN OWNED BY hashless TO postgres; DROP OWNED BY hashless; DROP ROLE hashless',
      );
    });

    itInAll('and not where the server has texts in other bytes', async () => {
      const server = await postgresForTests();
      const source = await postgres.create(`${largeTable} UPDATE large SET t = 'é' || t;`);
      const file = postgres.file('latin.dbbackup');
      await backUp(source, file);
      const name = `latin_${process.pid}`;
      await runSql(server.url, `CREATE DATABASE ${name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`);
      try {
        const latin = server.urlOf(name);
        await restoreUrl(file, latin);
        assert.deepEqual(await verified(file, { ...source, ...latinDatabase(source, latin) }), []);
        const { file: again } = await backUpUrl(latin, postgres.file('again.dbbackup'));
        await source.run('TRUNCATE large');
        assert.equal((await verified(again, source)).length, 1);
        assert.deepEqual(await source.rows(`SELECT count(*) FROM large WHERE t LIKE 'é%'`), [['60000']]);
      } finally {
        await runSql(server.url, `DROP DATABASE ${name}`);
      }
    });
  });
});

/** What `restore` takes of a database, at another address of the same server. */
function latinDatabase({ engine }: TestDatabase, url: string): Pick<TestDatabase, 'url' | 'connect'> {
  const { address, password } = engine.parseUrl(url)!;
  const options = { readOnly: false, logger: silentLogger, password: password! };
  return { url, connect: () => engine.connect(address, options) };
}

async function tablesOf(transaction: Transaction): Promise<{ name: string; columns: string[] }[]> {
  return await transaction.rows(`
    SELECT c.relname AS name,
           ARRAY(SELECT a.attname FROM pg_attribute a
                  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS columns
      FROM pg_class c WHERE c.relnamespace = 'data'::regnamespace AND c.relkind = 'r' ORDER BY c.relname`);
}
