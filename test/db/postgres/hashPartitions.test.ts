import assert from 'node:assert/strict';
import { restoreModes } from '../../../src/core/plan.ts';
import { backUp, failure, restore, tables, usePostgres } from '../../support/postgresRestores.ts';
import { assertSameTestimony, testimonyOf } from '../../support/postgresWitness.ts';
import { sampleParts } from '../../support/sample.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

const labels = Array.from({ length: 40 }, (_, place) => `'l${place}'`).join(', ');
/** Keys whose hash is one of a number that the server gave. */
const keys = {
  by_enum: 'label',
  by_domain: 'shade',
  by_array: 'label[]',
  by_row: 'pair',
  by_name: 'regrole',
};

const schema = `
  CREATE TYPE label AS ENUM (${labels}); CREATE DOMAIN shade AS label CHECK (VALUE <> 'l39');
  CREATE TYPE pair AS (l label, n int);
  ${Object.entries(keys)
    .map(
      ([name, type]) => `
        CREATE TABLE ${name} (k ${type}, n int ${name === 'by_row' ? '' : ', PRIMARY KEY (k, n)'}) PARTITION BY HASH (k);
        ${[0, 1, 2, 3].map((place) => `CREATE TABLE ${name}_${place} PARTITION OF ${name} FOR VALUES WITH (MODULUS 4, REMAINDER ${place});`).join('\n')}`,
    )
    .join('\n')}
  INSERT INTO by_enum SELECT l, n FROM unnest(enum_range(NULL::label)) l, generate_series(1, 3) n;
  INSERT INTO by_domain SELECT l, 1 FROM unnest(enum_range(NULL::label)) l WHERE l <> 'l39';
  INSERT INTO by_array SELECT ARRAY[l, l], 1 FROM unnest(enum_range(NULL::label)) l;
  INSERT INTO by_row SELECT ROW(l, 1)::pair, 1 FROM unnest(enum_range(NULL::label)) l;
  INSERT INTO by_name SELECT oid, 1 FROM pg_roles;
  CREATE TABLE listed (region text, l label, n int, PRIMARY KEY (region, l, n)) PARTITION BY LIST (region);
  CREATE TABLE listed_a PARTITION OF listed FOR VALUES IN ('a') PARTITION BY HASH (l);
  CREATE TABLE listed_a0 PARTITION OF listed_a FOR VALUES WITH (MODULUS 2, REMAINDER 0);
  CREATE TABLE listed_a1 PARTITION OF listed_a FOR VALUES WITH (MODULUS 2, REMAINDER 1);
  CREATE TABLE listed_b PARTITION OF listed FOR VALUES IN ('b');
  INSERT INTO listed SELECT r, l, 1 FROM unnest(enum_range(NULL::label)) l, unnest(ARRAY['a', 'b']) r;
  CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'it acted'; END $$;
  CREATE TRIGGER before_all BEFORE INSERT OR UPDATE OR DELETE ON by_enum EXECUTE FUNCTION fail();
  CREATE TRIGGER before_each BEFORE INSERT OR UPDATE OR DELETE ON by_enum FOR EACH ROW EXECUTE FUNCTION fail();`;

const roots = [...Object.keys(keys), 'listed'];

describe('postgres: hash partitions by what a restore numbers anew', function () {
  sampleParts(this, 2);
  const postgres = usePostgres();

  async function rowsOf(database: TestDatabase): Promise<unknown[]> {
    const found = [];
    for (const name of roots) found.push(await database.rows(`SELECT * FROM ${name} ORDER BY 1, 2`));
    // Found by their keys: each is in the partition in which the server looks for it.
    found.push(await database.rows(`SELECT count(*) FROM by_enum WHERE k = 'l7'`));
    return found;
  }

  it('hold all rows, each where the server looks for it', async () => {
    const database = await postgres.create(schema);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    const other = await postgres.create("CREATE TYPE odd AS ENUM ('x')");
    await restore(file, other);
    assert.deepEqual(await rowsOf(other), await rowsOf(database));
    // The same file into tables that are there, whose labels have other numbers.
    const before = await testimonyOf(other.url);
    for (const mode of restoreModes) {
      await other.run(`ALTER TABLE by_enum DISABLE TRIGGER ALL; DELETE FROM by_enum WHERE k < 'l20'; ALTER TABLE by_enum ENABLE TRIGGER ALL;
        DELETE FROM listed WHERE l > 'l9'; DELETE FROM by_domain`);
      const chosen = roots
        .filter((name) => mode === 'replace' || name !== 'by_row')
        .flatMap((name) => leavesOf(name));
      const report = await restore(file, other, { mode, tables: tables(...chosen) });
      assertSameTestimony(await testimonyOf(other.url), before);
      assert.equal(report.tables.find(({ table }) => table.name === 'by_domain_0')?.updated, 0);
    }
  });

  it('are merged one by one, and replaced together', async () => {
    const database = await postgres.create(schema);
    const file = postgres.file('saved.dbbackup');
    await backUp(database, file);
    const other = await postgres.create("CREATE TYPE odd AS ENUM ('x')");
    await restore(file, other);
    const before = await testimonyOf(other.url);
    await other.run(
      'ALTER TABLE by_enum DISABLE TRIGGER ALL; DELETE FROM by_enum; ALTER TABLE by_enum ENABLE TRIGGER ALL',
    );
    const error = await failure(restore(file, other, { tables: tables('by_enum_0') }));
    assert.match(error.details.next ?? '', /all partitions of public\.by_enum together/);
    for (const leaf of leavesOf('by_enum'))
      await restore(file, other, { mode: 'merge', tables: tables(leaf) });
    assertSameTestimony(await testimonyOf(other.url), before);
  });
});

function leavesOf(name: string): string[] {
  if (name === 'listed') return ['listed_a0', 'listed_a1', 'listed_b'];
  return [0, 1, 2, 3].map((place) => `${name}_${place}`);
}
