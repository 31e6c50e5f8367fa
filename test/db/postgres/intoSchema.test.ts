import assert from 'node:assert/strict';
import { parseTableNames } from '../../../src/core/names.ts';
import type { RestoreOptions } from '../../../src/restore/restoreBackup.ts';
import { failure } from '../../support/errors.ts';
import { backUp, restore } from '../../support/restores.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { type TestDatabase, testEngines } from '../../support/testDatabases.ts';

const [sqlite, postgres] = testEngines as [(typeof testEngines)[0], (typeof testEngines)[0]];

/** A schema whose name is also a column's, an alias in expressions, and a text. */
const schema = `
  CREATE SCHEMA old;
  CREATE SCHEMA others;
  CREATE TYPE old.state AS ENUM ('old.new', 'done');
  CREATE FUNCTION old.stamp() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.note := 'old.stamp'; RETURN NEW; END $$;
  CREATE FUNCTION old.is_fine(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$ SELECT $1 <> 'old.bad' $$;
  CREATE TABLE others.countries (code text PRIMARY KEY);
  CREATE TABLE old.customers (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    country text REFERENCES others.countries (code),
    invited_by integer REFERENCES old.customers (id),
    old text DEFAULT 'old.customers' CHECK (old.is_fine(old)),
    note text);
  CREATE TABLE old.orders (
    id serial PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES old.customers (id),
    state old.state DEFAULT 'old.new'::old.state,
    placed date NOT NULL) ;
  CREATE TABLE old."Li.nes" (
    order_id integer REFERENCES old.orders (id) ON DELETE CASCADE, position integer, PRIMARY KEY (order_id, position),
    upper text GENERATED ALWAYS AS (upper('old.' || position)) STORED);
  CREATE TABLE old.events (id integer, at date NOT NULL, order_id integer REFERENCES old.orders (id),
    PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
  CREATE TABLE old.events_2026 PARTITION OF old.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  CREATE INDEX orders_open ON old.orders (placed) WHERE state = 'old.new'::old.state;
  CREATE INDEX events_order ON old.events (order_id);
  CREATE STATISTICS old.orders_statistics ON customer_id, state FROM old.orders;
  CREATE TRIGGER stamp BEFORE INSERT ON old.customers FOR EACH ROW EXECUTE FUNCTION old.stamp();
  ALTER TABLE old.orders ENABLE ROW LEVEL SECURITY;
  CREATE POLICY mine ON old.orders USING (customer_id IN (SELECT c.id FROM old.customers c WHERE c.old <> 'old.x'));
  COMMENT ON TABLE old.orders IS 'what old.customers ordered';
  COMMENT ON COLUMN old.orders.state IS 'old.state';
  CREATE TABLE others.reviews (order_id integer REFERENCES old.orders (id));
  CREATE VIEW others.open_orders AS SELECT id FROM old.orders WHERE state = 'old.new';
  INSERT INTO others.countries VALUES ('TR'), ('DE');
  INSERT INTO old.customers (country, invited_by) VALUES ('TR', NULL), ('DE', 1);
  INSERT INTO old.orders (customer_id, placed) VALUES (1, '2026-01-02'), (2, '2026-03-04');
  INSERT INTO old."Li.nes" VALUES (1, 1), (1, 2), (2, 1);
  INSERT INTO old.events VALUES (1, '2026-05-05', 2);
  INSERT INTO others.reviews VALUES (2);`;

const names = ['customers', 'orders', 'Li.nes', 'events', 'events_2026'];

/** All that the catalogs say of the tables of a schema, with its name left out where they refer to each other. */
async function describeSchema(database: TestDatabase, name: string): Promise<string[]> {
  const tables = names.map((table) => `to_regclass('${name}."${table}"')`).join(', ');
  const own = `c.oid IN (${tables})`;
  const relation = (oid: string): string =>
    `(SELECT CASE WHEN n.nspname = '${name}' THEN '(own)' ELSE n.nspname END || '.' || r.relname
        FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace WHERE r.oid = ${oid})`;
  const queries = [
    `SELECT 'column', c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
            replace(pg_get_expr(d.adbin, d.adrelid), 'nextval(''${name}.', 'nextval(''(own).'), col_description(c.oid, a.attnum)
       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
       LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE ${own}`,
    `SELECT 'constraint', c.relname, k.conname, k.contype, k.convalidated, ${relation('k.confrelid')}, k.conkey, k.confkey,
            k.confdeltype, pg_get_expr(k.conbin, k.conrelid)
       FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE ${own}`,
    `SELECT 'index', c.relname, ${relation('i.indexrelid')}, i.indkey, i.indisunique, pg_get_expr(i.indpred, i.indrelid),
            (SELECT ${relation('h.inhparent')} FROM pg_inherits h WHERE h.inhrelid = i.indexrelid)
       FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE ${own}`,
    `SELECT 'trigger', c.relname, g.tgname, g.tgfoid::regproc, g.tgtype FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
      WHERE ${own} AND NOT g.tgisinternal`,
    `SELECT 'sequence', ${relation('s.oid')}, c.relname, d.refobjsubid, d.deptype
       FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i') AND d.refclassid = 'pg_class'::regclass
       JOIN pg_class c ON c.oid = d.refobjid WHERE s.relkind = 'S' AND ${own}`,
    `SELECT 'policy', c.relname, p.polname, replace(pg_get_expr(p.polqual, p.polrelid), ' ${name}.customers c', ' (own).customers c')
       FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE ${own}`,
    `SELECT 'statistics', c.relname, s.stxname, n.nspname = '${name}' FROM pg_statistic_ext s
       JOIN pg_namespace n ON n.oid = s.stxnamespace JOIN pg_class c ON c.oid = s.stxrelid WHERE ${own}`,
    `SELECT 'table', c.relname, c.relrowsecurity, obj_description(c.oid, 'pg_class'), c.relkind,
            (SELECT ${relation('h.inhparent')} FROM pg_inherits h WHERE h.inhrelid = c.oid) FROM pg_class c WHERE ${own}`,
  ];
  const lines: string[] = [];
  for (const query of queries) {
    for (const row of await database.rows(`SELECT * FROM (${query}) q`))
      lines.push(row.map(String).join(' | '));
  }
  return lines.sort();
}

async function rowsOf(database: TestDatabase, name: string): Promise<unknown> {
  const rows: unknown[] = [];
  for (const table of names) rows.push(await database.rows(`SELECT * FROM ${name}."${table}" ORDER BY 1, 2`));
  return rows;
}

describe('postgres: into another schema', () => {
  const folder = useTemporaryFolder();
  const made: TestDatabase[] = [];
  let source: TestDatabase;
  let file: string;
  const tables = parseTableNames('old.*');

  async function newDatabase(sql = ''): Promise<TestDatabase> {
    const database = await postgres.create();
    made.push(database);
    if (sql !== '') await database.run(sql);
    return database;
  }

  beforeEach(async () => {
    source = await newDatabase(schema);
    file = folder.file('old.dbbackup');
    await backUp(source, file);
  });

  afterEach(async () => {
    for (const database of made.splice(0)) await database.remove();
  });

  it('makes the tables beside those that are there, with all that is their own', async () => {
    const before = await source.dump();
    const expected = await describeSchema(source, 'old');
    const report = await restore(file, source, { tables, intoSchema: 'copy' });
    assert.deepEqual(
      report.created.map(({ schema: one }) => one),
      ['copy', 'copy', 'copy', 'copy'],
    );
    assert.deepEqual(await describeSchema(source, 'copy'), expected);
    assert.deepEqual(await rowsOf(source, 'copy'), await rowsOf(source, 'old'));
    assert.deepEqual(await describeSchema(source, 'old'), expected);
    assert.match(report.warnings.join('\n'), /trigger .*stamp.*text of trigger functions is not changed/);
    await source.run('DROP SCHEMA copy CASCADE');
    assert.equal(await source.dump(), before);
    assert.deepEqual(
      await source.rows(`SELECT nspname FROM pg_namespace WHERE nspname LIKE 'restore_point%'`),
      [],
    );
  });

  it('counts on in sequences of their own', async () => {
    await restore(file, source, { tables, intoSchema: 'copy' });
    await source.run(`INSERT INTO copy.orders (customer_id, placed) VALUES (1, '2026-01-01');
                      INSERT INTO copy.customers (country) VALUES ('TR')`);
    assert.deepEqual(await source.rows('SELECT max(id) FROM copy.orders'), [['3']]);
    assert.deepEqual(await source.rows('SELECT max(id) FROM old.orders'), [['2']]);
    assert.deepEqual(await source.rows('SELECT last_value FROM old.orders_id_seq'), [['2']]);
    assert.deepEqual(await source.rows('SELECT note FROM copy.customers WHERE id = 3'), [['old.stamp']]);
  });

  it('keeps keys to other tables where they point, and checks the rows', async () => {
    await source.run(`DELETE FROM others.reviews; DELETE FROM old."Li.nes" WHERE order_id = 2;
      DELETE FROM old.events; DELETE FROM old.orders WHERE id = 2`);
    const before = await source.dump();
    const chosen = parseTableNames('old."Li.nes"');
    const error = await failure(restore(file, source, { tables: chosen, intoSchema: 'copy' }), 'database');
    assert.match(error.message, /foreign key/);
    assert.equal(await source.dump(), before);
    const both = parseTableNames('old."Li.nes", old.orders');
    await restore(file, source, { tables: both, intoSchema: 'copy' });
    const keys = await source.rows(
      `SELECT conrelid::regclass, confrelid::regclass FROM pg_constraint
        WHERE contype = 'f' AND connamespace = 'copy'::regnamespace ORDER BY 1`,
    );
    assert.deepEqual(
      new Map(keys as [string, string][]),
      new Map([
        ['copy."Li.nes"', 'copy.orders'],
        ['copy.orders', 'old.customers'],
      ]),
    );
  });

  it('restores into a schema that is there, and into an empty database', async () => {
    await source.run('CREATE SCHEMA copy; CREATE TABLE copy.mine (id integer)');
    await restore(file, source, { tables, intoSchema: 'copy' });
    assert.deepEqual(await rowsOf(source, 'copy'), await rowsOf(source, 'old'));
    const other =
      await newDatabase(`CREATE SCHEMA others; CREATE TABLE others.countries (code text PRIMARY KEY);
      INSERT INTO others.countries VALUES ('TR'), ('DE')`);
    await restore(file, other, { tables, intoSchema: 'copy' });
    assert.deepEqual(await describeSchema(other, 'copy'), await describeSchema(source, 'copy'));
    assert.deepEqual(await rowsOf(other, 'copy'), await rowsOf(source, 'copy'));
    const left = await other.rows(`SELECT relname FROM pg_class WHERE relnamespace = 'old'::regnamespace`);
    assert.deepEqual(left, []);
  });

  it('leaves no schema behind that it only needed on the way', async () => {
    const plain = await newDatabase(
      'CREATE SCHEMA a; CREATE TABLE a.t (id integer PRIMARY KEY); INSERT INTO a.t VALUES (1)',
    );
    await backUp(plain, folder.file('a.dbbackup'));
    const other = await newDatabase();
    await restore(folder.file('a.dbbackup'), other, { tables: parseTableNames('a.*'), intoSchema: 'b' });
    assert.deepEqual(await other.rows('SELECT id FROM b.t'), [['1']]);
    assert.deepEqual(await other.rows(`SELECT nspname FROM pg_namespace WHERE nspname IN ('a', 'b')`), [
      ['b'],
    ]);
  });

  it('makes the schema alone', async () => {
    await restore(file, source, { tables, intoSchema: 'copy', only: 'schema' });
    assert.deepEqual(await source.rows('SELECT * FROM copy.orders'), []);
    assert.deepEqual(await describeSchema(source, 'copy'), await describeSchema(source, 'old'));
  });

  it('rolls everything back when it fails or is a rehearsal', async () => {
    const before = await source.dump();
    await restore(file, source, { tables, intoSchema: 'copy', dryRun: true });
    assert.equal(await source.dump(), before);
    // The name of an index is taken in the other schema.
    await source.run('CREATE SCHEMA copy; CREATE TABLE copy.orders_open (id integer)');
    const now = await source.dump();
    await failure(restore(file, source, { tables, intoSchema: 'copy' }), 'database');
    assert.equal(await source.dump(), now);
  });

  it('says what it cannot do', async () => {
    const refuse = async (
      options: Partial<RestoreOptions>,
      code: 'usage' | 'refused',
      text: RegExp,
    ): Promise<void> => {
      assert.match((await failure(restore(file, source, options), code)).message, text);
    };
    await refuse({ intoSchema: 'copy' }, 'usage', /several schemas \(.*old.*\)/);
    await refuse({ intoSchema: 'old', tables }, 'usage', /already in the schema old/);
    await refuse({ intoSchema: 'copy', tables, only: 'data' }, 'usage', /cannot restore rows only/);
    await source.run('CREATE SCHEMA copy; CREATE TABLE copy.orders (id integer)');
    await refuse({ intoSchema: 'copy', tables }, 'refused', /copy\.orders: it already exists/);
    const heirs = await newDatabase(
      `CREATE SCHEMA a; CREATE TABLE a.base (id integer); CREATE TABLE a.heir () INHERITS (a.base)`,
    );
    const path = folder.file('heirs.dbbackup');
    await backUp(heirs, path);
    const error = await failure(
      restore(path, heirs, { tables: parseTableNames('a.heir'), intoSchema: 'b' }),
      'refused',
    );
    assert.match(error.message, /a\.heir: it is created from a table that is not part/);
    await restore(path, heirs, { tables: parseTableNames('a.*'), intoSchema: 'b' });
  });

  it('reads values back in every byte', async () => {
    const source = await postgres.create();
    const target = await postgres.create();
    try {
      const rows = `INSERT INTO old.letters VALUES (1, '<?xml version="1.0" standalone="yes"?><letter/>')`;
      await source.run(`CREATE SCHEMA old; CREATE TABLE old.letters (id integer, body xml); ${rows}`);
      const file = folder.file('letters.dbbackup');
      await backUp(source, file);
      await restore(file, target, { intoSchema: 'new' });
      assert.deepEqual(
        await target.rows('SELECT id, body::text FROM new.letters'),
        await source.rows('SELECT id, body::text FROM old.letters'),
      );
    } finally {
      await source.remove();
      await target.remove();
    }
  });
});

describe('sqlite: into another schema', () => {
  const folder = useTemporaryFolder();

  it('is refused: there are none', async () => {
    const database = await sqlite.create();
    await database.run('CREATE TABLE t (id integer)');
    const file = folder.file('t.dbbackup');
    await backUp(database, file);
    const error = await failure(restore(file, database, { intoSchema: 'copy' }), 'refused');
    assert.match(error.message, /has no schemas/);
    await database.remove();
  });
});
