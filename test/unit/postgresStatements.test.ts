import assert from 'node:assert/strict';
import type { PostgresObject } from '../../src/engines/postgres/schema/postgresObject.ts';
import { readStatements } from '../../src/engines/postgres/schema/statements/checkStatements.ts';
import { measureProcessor } from '../support/processorTime.ts';

const orders = { schema: 'public', name: 'orders' };

const object = (
  kind: string,
  name: string,
  sql: string,
  more: Partial<PostgresObject> = {},
): PostgresObject => ({
  kind,
  name,
  sql,
  section: 'pre-data',
  needs: [],
  ...more,
});

const table = object(
  'table',
  'public.orders',
  'CREATE TABLE "public"."orders" (\n  "id" integer NOT NULL\n)',
  {
    table: orders,
  },
);
const sequence = object('sequence', 'public.s', 'CREATE SEQUENCE "public"."s" AS bigint START WITH 1');
const made = object(
  'function',
  'public.f(integer,text)',
  'CREATE FUNCTION public.f(a integer, text) RETURNS integer LANGUAGE sql AS $function$ SELECT 1; $function$',
);
const trigger = object(
  'trigger',
  't on public.orders',
  'CREATE TRIGGER t BEFORE INSERT ON public.orders FOR EACH ROW EXECUTE FUNCTION public.g()',
  { table: orders },
);

const withSql = (one: PostgresObject, sql: string): PostgresObject => ({ ...one, sql });
const ofTable = (
  kind: string,
  name: string,
  sql: string,
  more: Partial<PostgresObject> = {},
): PostgresObject => object(kind, name, sql, { table: orders, of: 'table public.orders', ...more });

/** Statements that say more, or something else, than their kind and name. */
const hostile: Readonly<Record<string, PostgresObject>> = {
  'a function that claims to be a property': { ...made, of: 'table public.orders' },
  'an event trigger that claims to be a property': object(
    'event trigger',
    'owned',
    'CREATE EVENT TRIGGER owned ON ddl_command_end EXECUTE FUNCTION public.f()',
    { of: 'table public.orders' },
  ),
  'a setting that alters a role': object('function setting', 'f', 'ALTER ROLE x SUPERUSER', {
    of: 'function public.f(integer,text)',
  }),
  'a setting of nothing': object('constructor setting', 'f', 'ALTER ROLE x SUPERUSER'),
  'a kind of an object in JavaScript': object('constructor', 'f', 'CREATE TABLE x (a int)'),
  'a table that takes rows': withSql(table, 'CREATE TABLE "public"."orders" AS SELECT lo_export(1, $$x$$)'),
  'a table that takes rows after its columns': withSql(table, 'CREATE TABLE public.orders (id) AS SELECT 1'),
  'a table with EXECUTE': withSql(table, 'CREATE TABLE public.orders AS EXECUTE x'),
  'a second statement in the escapes of a text that goes on': object(
    'view',
    'public.v',
    `CREATE VIEW public.v AS SELECT E'a'\n'b\\''; DROP TABLE public.orders; --'`,
  ),
  'a second statement after a body with a column called case': withSql(
    { ...made, name: 'public.f()' },
    `CREATE FUNCTION public.f() RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT 1 AS case; END;
     DROP TABLE public.orders; SELECT 1 AS x; END`,
  ),
  'half of a character': object('view', 'public.v', `CREATE VIEW public.v AS SELECT '\ud800'`),
  'a name that the server cuts': object(
    'publication member',
    `p public.${'x'.repeat(64)}`,
    `ALTER PUBLICATION p ADD TABLE ONLY public.${'x'.repeat(64)}`,
  ),
  'a table of another name': withSql(table, 'CREATE TABLE public.payments ("id" integer)'),
  'a table of another schema': withSql(table, 'CREATE TABLE other.orders ("id" integer)'),
  'a table without a schema': withSql(table, 'CREATE TABLE orders ("id" integer)'),
  'a table if it is missing': withSql(table, 'CREATE TABLE IF NOT EXISTS public.orders ("id" integer)'),
  'a temporary table': withSql(table, 'CREATE TEMP TABLE public.orders ("id" integer)'),
  'a table like another': withSql(table, 'CREATE TABLE public.orders (LIKE public.payments INCLUDING ALL)'),
  'an heir of a table that is not told': withSql(
    table,
    'CREATE TABLE public.orders ("id" integer) INHERITS (public.payments)',
  ),
  'a partition': withSql(table, 'CREATE TABLE public.orders PARTITION OF public.payments DEFAULT'),
  'a reference': withSql(table, 'CREATE TABLE public.orders ("id" integer REFERENCES public.payments)'),
  'a table in a tablespace': withSql(table, 'CREATE TABLE public.orders ("id" integer) TABLESPACE x'),
  'a second statement': withSql(table, `${table.sql}; DROP TABLE payments`),
  'an end': withSql(table, `${table.sql};`),
  'a comment': withSql(table, `${table.sql} -- ; DROP TABLE payments`),
  'a comment of several lines': withSql(table, `${table.sql} /* /* */ ; DROP TABLE payments */`),
  'a name with U&': withSql(table, 'CREATE TABLE U&"public".orders ("id" integer)'),
  'a backslash': withSql(table, `\\! touch x`),
  'a zero byte': withSql(table, `${table.sql}\0; COMMIT`),
  'an open text': withSql(table, `CREATE TABLE public.orders ("id" integer DEFAULT 'x)`),
  'an open dollar quote': withSql(table, `CREATE TABLE public.orders ("id" text DEFAULT $x$ $y$)`),
  'parentheses that do not fit': withSql(table, `CREATE TABLE public.orders ("id" integer DEFAULT (1]))`),
  'a schema with elements': object('schema', 'x', 'CREATE SCHEMA "x" CREATE TABLE t (a int)'),
  'a schema of a role': object('schema', 'x', 'CREATE SCHEMA "x" AUTHORIZATION "postgres"'),
  'a schema that goes': object('schema', 'public', 'DROP SCHEMA "public"'),
  'an extension with others': object(
    'extension',
    'x',
    `CREATE EXTENSION "x" WITH SCHEMA "public" VERSION '1' CASCADE`,
  ),
  'a function in place of another': withSql(made, made.sql.replace('CREATE', 'CREATE OR REPLACE')),
  'a function of other arguments': withSql(made, made.sql.replace('text)', 'bytea)')),
  'a function of fewer arguments': withSql(made, made.sql.replace(', text', '')),
  'a function and a statement': withSql(made, `${made.sql}; DROP TABLE payments`),
  'a function that has an end before its end': withSql(
    made,
    'CREATE FUNCTION public.f(a integer, text) RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT 1; END; ' +
      'DROP TABLE payments; SELECT CASE WHEN true THEN 1 END',
  ),
  'a cast and a role': object('cast', 'a to b', 'CREATE CAST (a AS b) WITH INOUT; CREATE ROLE x'),
  'a cast of other types': object('cast', 'a to b', 'CREATE CAST (a AS c) WITH INOUT'),
  'a view of another name': object('view', 'public.v', 'CREATE VIEW public.w AS SELECT 1'),
  'a view in place of another': object('view', 'public.v', 'CREATE OR REPLACE VIEW public.v AS SELECT 1'),
  'a materialized view that is filled': object(
    'materialized view',
    'public.m',
    'CREATE MATERIALIZED VIEW public.m AS SELECT lo_export(1, $$x$$)',
  ),
  'a refresh of another': object('materialized view data', 'public.m', 'REFRESH MATERIALIZED VIEW public.n'),
  'a sequence of a table': withSql(sequence, `${sequence.sql} OWNED BY public.payments.id`),
  'a sequence that goes to another table': object(
    'sequence owner',
    'public.s',
    'ALTER SEQUENCE "public"."s" OWNED BY "public"."payments"."id"',
    { table: orders, of: 'sequence public.s' },
  ),
  'a trigger on another table': withSql(trigger, trigger.sql.replace('public.orders', 'public.payments')),
  'a trigger of another name': withSql(trigger, trigger.sql.replace('TRIGGER t', 'TRIGGER u')),
  'a rule with a statement after it': object(
    'rule',
    'r on public.orders',
    'CREATE RULE r AS ON INSERT TO public.orders DO NOTHING; DROP TABLE payments',
    { table: orders },
  ),
  'an index on another table': object(
    'index',
    'public.i',
    'CREATE INDEX i ON public.payments USING btree (id)',
    { table: orders },
  ),
  'a key that takes an index': object(
    'primary key',
    'public.orders p',
    'ALTER TABLE ONLY "public"."orders" ADD CONSTRAINT "p" PRIMARY KEY USING INDEX i',
    { table: orders },
  ),
  'a key and something else': object(
    'primary key',
    'public.orders p',
    'ALTER TABLE ONLY "public"."orders" ADD CONSTRAINT "p" PRIMARY KEY (id), DROP COLUMN x',
    { table: orders },
  ),
  'a foreign key to a table that is not told': object(
    'foreign key',
    'public.orders f',
    'ALTER TABLE ONLY "public"."orders" ADD CONSTRAINT "f" FOREIGN KEY (id) REFERENCES public.payments(id)',
    { table: orders },
  ),
  'a partition of a table that is not told': object(
    'partition',
    'public.orders',
    'ALTER TABLE ONLY "public"."payments" ATTACH PARTITION "public"."orders" DEFAULT',
    { table: orders },
  ),
  'an owner of another table': ofTable(
    'owner',
    'table public.orders',
    'ALTER TABLE "public"."payments" OWNER TO "x"',
    { roles: ['x'], actsAs: 'x' },
  ),
  'an owner that is not told': ofTable(
    'owner',
    'table public.orders',
    'ALTER TABLE "public"."orders" OWNER TO "y"',
    { roles: ['x'], actsAs: 'x' },
  ),
  'a comment on another table': ofTable(
    'comment',
    'TABLE "public"."payments"',
    `COMMENT ON TABLE "public"."payments" IS 'x'`,
  ),
  'a comment that is computed': ofTable(
    'comment',
    'TABLE "public"."orders"',
    `COMMENT ON TABLE "public"."orders" IS 'x' || 'y'`,
  ),
  'a comment on a role': ofTable('comment', 'ROLE x', `COMMENT ON ROLE x IS 'x'`),
  'a membership': ofTable('privileges', 'table public.orders of x', 'GRANT postgres TO "x"', {
    roles: ['x'],
  }),
  'rights on another table': ofTable(
    'privileges',
    'table public.orders of x',
    'GRANT SELECT ON TABLE "public"."payments" TO "x"',
    { roles: ['x'] },
  ),
  'rights of a role that is not told': ofTable(
    'privileges',
    'table public.orders of x',
    'GRANT SELECT ON TABLE "public"."orders" TO "y"',
    { roles: ['x'] },
  ),
  'rights on all tables': ofTable(
    'privileges',
    'table public.orders of x',
    'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "x"',
    { roles: ['x'] },
  ),
  'a setting that drops': ofTable(
    'table setting',
    'table public.orders',
    'ALTER TABLE ONLY "public"."orders" DROP COLUMN id',
  ),
  'a setting of another table': ofTable(
    'table setting',
    'table public.orders',
    'ALTER TABLE ONLY "public"."payments" ALTER COLUMN id SET DEFAULT 1',
  ),
  'a setting with a part that drops': ofTable(
    'table setting',
    'table public.orders',
    'ALTER TABLE ONLY "public"."orders" ALTER COLUMN id SET DEFAULT 1, DROP COLUMN id',
  ),
  'a setting of another kind': ofTable(
    'schema setting',
    'table public.orders',
    'REVOKE ALL ON SCHEMA "public" FROM PUBLIC',
  ),
  'a table run as a role': { ...table, as: 'postgres' },
  'a block': withSql(table, 'DO $$ BEGIN DROP TABLE payments; END $$'),
  'a program': withSql(table, `COPY public.orders TO PROGRAM 'touch x'`),
  'a system setting': withSql(table, `ALTER SYSTEM SET x = 'y'`),
  'a role': object('role', 'x', 'CREATE ROLE x SUPERUSER'),
  'the end of the transaction': withSql(table, 'COMMIT'),
  'a longer number': withSql(table, 'CREATE TABLE public.orders ("id" integer DEFAULT 1LIKE)'),
  nothing: withSql(table, ''),
};

/** As they are written with quotes, without, and with what stands in texts. */
const sound: readonly PostgresObject[] = [
  table,
  made,
  trigger,
  sequence,
  withSql(table, 'CREATE TABLE public.orders (\n    id integer DEFAULT 1e5, "like" text COLLATE "C"\n)'),
  withSql(
    table,
    `CREATE TABLE "public"."orders" ("a" text DEFAULT E'it\\'s; -- no /* comment', "b" text DEFAULT $q$ '; -- $q$)`,
  ),
  withSql(
    made,
    'CREATE FUNCTION public.f(a integer, text) RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END',
  ),
];

describe('statements of a PostgreSQL backup', () => {
  const others = [table, made, sequence];
  const problemOf = (one: PostgresObject): string | undefined => {
    const before = others.filter(({ kind, name }) => kind !== one.kind || name !== one.name || one.of);
    const checked = [...readStatements([...before, one])];
    return checked.find(({ object: read }) => read === one)!.reason;
  };

  for (const [title, one] of Object.entries(hostile))
    it(`refuses ${title}`, () => assert.notEqual(problemOf(one), undefined, one.sql));

  it('refuses to set anything of a table or index for an object of another kind with its name', () => {
    const namesake = (name: string): PostgresObject =>
      object('collation', name, `CREATE COLLATION ${name} (locale = 'C')`);
    const host = namesake('public.orders');
    const settings: readonly PostgresObject[] = [
      object('default', 'public.orders a', 'ALTER TABLE ONLY public.orders ALTER COLUMN a SET DEFAULT 1'),
      object('row-level security', 'public.orders', 'ALTER TABLE public.orders ENABLE ROW LEVEL SECURITY'),
      object(
        'check constraint',
        'public.orders c',
        'ALTER TABLE public.orders ADD CONSTRAINT c CHECK (false)',
      ),
      object(
        'column compression',
        'public.orders a',
        'ALTER TABLE ONLY public.orders ALTER COLUMN a SET COMPRESSION pglz',
      ),
      object('sequence owner', 'public.orders', 'ALTER SEQUENCE public.orders OWNED BY public.orders.a'),
      object('unlogged sequence', 'public.orders', 'ALTER SEQUENCE public.orders SET UNLOGGED'),
    ].map((one) => ({ ...one, of: 'collation public.orders', table: orders }));
    for (const one of settings) {
      const [, read] = [...readStatements([host, one])];
      assert.match(read?.reason ?? '', /^it does not refer to the collation/, one.sql);
    }
    const index = 'public.orders_pkey';
    const ofIndex: readonly PostgresObject[] = [
      object('cluster order', 'public.orders', 'ALTER TABLE public.orders CLUSTER ON orders_pkey'),
      object(
        'replica identity',
        'public.orders',
        'ALTER TABLE ONLY public.orders REPLICA IDENTITY USING INDEX orders_pkey',
      ),
      object('comment', `INDEX ${index}`, `COMMENT ON INDEX ${index} IS 'x'`),
    ].map((one) => ({ ...one, of: `collation ${index}` }));
    for (const one of ofIndex) {
      const [, read] = [...readStatements([namesake(index), one])];
      assert.notEqual(read?.reason, undefined, one.sql);
    }
  });

  it('takes those that are what they say', () => {
    for (const one of sound) assert.equal(problemOf(one), undefined, one.sql);
  });

  it('refuses a second object of the same kind and name', () => {
    const checked = [...readStatements([made, { ...made }])];
    assert.deepEqual(
      checked.map(({ reason }) => reason),
      [undefined, 'the backup contains it twice'],
    );
  });

  it('reads a text in a time that grows as its length does', () => {
    const spent = measureProcessor();
    const long = 1_000_000;
    for (const filler of [
      'a',
      '"a"',
      '(',
      "'",
      '$',
      '$a',
      '-',
      ' ',
      "''",
      '""',
      '.',
      ',',
      'a.',
      "' VERSION '",
    ])
      for (const start of ['ALTER TABLE ', 'CREATE TABLE public.orders (', 'GRANT ', 'CREATE EXTENSION "x" '])
        for (const kind of ['table', 'default', 'privileges', 'extension'])
          problemOf(
            object(kind, 'public.orders', start + filler.repeat(long / filler.length), { table: orders }),
          );
    assert.ok(spent() < 30_000, `${spent()} ms`);
  });
});
