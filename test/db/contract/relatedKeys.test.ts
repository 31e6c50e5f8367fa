import assert from 'node:assert/strict';
import { takeBackup } from '../../../src/backup/takeBackup.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { type TestDatabase, testEngines } from '../../support/testDatabases.ts';

async function rowsTaken(
  database: TestDatabase,
  file: string,
  table: string,
  condition: string,
): Promise<Record<string, number>> {
  const session = await database.connect({ readOnly: true });
  try {
    const selection = { withRelated: true, where: [{ table: { name: table }, condition }] };
    const { tables } = await takeBackup(session, { file, logger: silentLogger, selection });
    return Object.fromEntries(tables.map(({ table: { name }, rows }) => [name.name, rows]));
  } finally {
    await session.close();
  }
}

const [sqlite, postgres] = testEngines as [(typeof testEngines)[0], (typeof testEngines)[0]];

/** Foreign keys whose two ends are the same only as the database compares them. */
function suite(
  engine: (typeof testEngines)[0],
  cases: readonly {
    title: string;
    sql: string;
    table: string;
    condition: string;
    rows: Record<string, number>;
  }[],
): void {
  describe(`${engine.id}: keys of related rows`, () => {
    const temporary = useTemporaryFolder();
    for (const { title, sql, table, condition, rows } of cases) {
      it(title, async () => {
        const database = await engine.create();
        try {
          await database.run(sql);
          const file = temporary.file('keys.dbbackup');
          assert.deepEqual(await rowsTaken(database, file, table, condition), rows);
        } finally {
          await database.remove();
        }
      });
    }
  });
}

suite(sqlite, [
  {
    title: 'compares with the affinity of the column that is referenced',
    sql: `CREATE TABLE p (k text PRIMARY KEY); CREATE TABLE c (id integer PRIMARY KEY, f integer REFERENCES p (k));
      INSERT INTO p VALUES ('1'), ('01'), ('2'); INSERT INTO c VALUES (1, 1), (2, 2)`,
    ...{ table: 'p', condition: `k = '01'`, rows: { p: 1, c: 0 } },
  },
  {
    title: 'compares with the collation of the column that is referenced',
    sql: `CREATE TABLE p (k text COLLATE NOCASE PRIMARY KEY); CREATE TABLE c (id integer PRIMARY KEY, f text REFERENCES p);
      INSERT INTO p VALUES ('a'), ('b'); INSERT INTO c VALUES (1, 'A'), (2, 'B'), (3, 'a')`,
    ...{ table: 'p', condition: `k = 'A'`, rows: { p: 1, c: 2 } },
  },
  {
    title: 'finds rows of tables without a rowid, and of those whose columns have its names',
    sql: `CREATE TABLE p (a text, b integer, PRIMARY KEY (a, b)) WITHOUT ROWID;
      CREATE TABLE c (rowid text, oid text, a text, b integer, FOREIGN KEY (a, b) REFERENCES p);
      INSERT INTO p VALUES ('x', 1), ('x', 2); INSERT INTO c VALUES ('r', 'o', 'x', 1), ('r', 'o', 'x', NULL), (1, 1, 'x', 2)`,
    ...{ table: 'p', condition: 'b = 1', rows: { p: 1, c: 1 } },
  },
  {
    title: 'finds what references a unique key, and references in other letters',
    sql: `CREATE TABLE "Parent" (id integer PRIMARY KEY, "Code" text UNIQUE);
      CREATE TABLE c (id integer PRIMARY KEY, f text REFERENCES PARENT (CODE));
      INSERT INTO "Parent" VALUES (1, 'a'), (2, 'b'); INSERT INTO c VALUES (1, 'a'), (2, 'b'), (3, NULL)`,
    ...{ table: 'c', condition: 'id = 2', rows: { Parent: 1, c: 1 } },
  },
  {
    title: 'takes what dangles already as it is',
    sql: `CREATE TABLE p (k integer PRIMARY KEY); CREATE TABLE c (id integer PRIMARY KEY, f integer REFERENCES p, g REFERENCES gone);
      INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1, 5), (2, 9, 5)`,
    ...{ table: 'c', condition: 'true', rows: { p: 1, c: 2 } },
  },
]);

suite(postgres, [
  {
    title: 'compares types of different width, and with the operators of an extension',
    sql: `CREATE EXTENSION citext;
      CREATE TABLE p (k bigint PRIMARY KEY, name citext UNIQUE);
      CREATE TABLE c (id integer PRIMARY KEY, f integer REFERENCES p (k), g citext REFERENCES p (name));
      INSERT INTO p VALUES (1, 'One'), (2, 'Two'), (3, 'Three');
      INSERT INTO c VALUES (1, 1, NULL), (2, NULL, 'ONE'), (3, 2, 'three')`,
    ...{ table: 'p', condition: 'k = 1', rows: { p: 1, c: 2 } },
  },
  {
    title: 'compares with the collation of the column that is referenced',
    sql: `CREATE COLLATION blind (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
      CREATE TABLE p (k text COLLATE blind PRIMARY KEY);
      CREATE TABLE c (id integer PRIMARY KEY, f text COLLATE blind REFERENCES p);
      INSERT INTO p VALUES ('a'), ('b'); INSERT INTO c VALUES (1, 'A'), (2, 'B'), (3, 'a')`,
    ...{ table: 'p', condition: `k = 'A'`, rows: { p: 1, c: 2 } },
  },
  {
    title: 'compares enums, domains, arrays and composite keys, whatever their order',
    sql: `CREATE TYPE state AS ENUM ('x', 'y'); CREATE DOMAIN tag AS text;
      CREATE TABLE p (a state, b tag, c integer[], PRIMARY KEY (a, b, c));
      CREATE TABLE c (id integer PRIMARY KEY, c2 integer[], b2 tag, a2 state, FOREIGN KEY (a2, b2, c2) REFERENCES p (a, b, c));
      INSERT INTO p VALUES ('x', 't', '{1,2}'), ('y', 't', '{1,2}');
      INSERT INTO c VALUES (1, '{1,2}', 't', 'x'), (2, '{1,2}', 't', 'y'), (3, '{1,2}', NULL, 'x')`,
    ...{ table: 'p', condition: `a = 'x'`, rows: { p: 1, c: 1 } },
  },
  {
    title: 'goes through partitions on both sides, and heirs not at all',
    sql: `CREATE TABLE p (k integer PRIMARY KEY) PARTITION BY RANGE (k);
      CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
      CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
      CREATE TABLE c (id integer, f integer REFERENCES p, PRIMARY KEY (id)) PARTITION BY LIST (id);
      CREATE TABLE c1 PARTITION OF c FOR VALUES IN (1, 2);
      CREATE TABLE c2 PARTITION OF c FOR VALUES IN (3, 4);
      CREATE TABLE base (id integer PRIMARY KEY, f integer REFERENCES p); CREATE TABLE heir () INHERITS (base);
      INSERT INTO p VALUES (1), (2), (11); INSERT INTO c VALUES (1, 1), (2, 11), (3, 1), (4, 2);
      INSERT INTO base VALUES (1, 1), (2, 2); INSERT INTO heir VALUES (3, 1)`,
    ...{ table: 'p1', condition: 'k = 1', rows: { p1: 1, p2: 0, c1: 1, c2: 1, base: 1 } },
  },
  {
    title: 'takes rows of tables without a key, by functions in the reach of the user alone',
    sql: `CREATE FUNCTION wanted(integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN $1 IN (SELECT k FROM good); END $$;
      CREATE TABLE good (k integer); INSERT INTO good VALUES (1);
      CREATE TABLE p (k integer UNIQUE, what regclass); CREATE TABLE c (f integer REFERENCES p (k), what regclass);
      INSERT INTO p VALUES (1, 'good'), (2, 'p'); INSERT INTO c VALUES (1, 'good'), (1, 'good'), (2, 'p'), (NULL, 'p')`,
    ...{ table: 'p', condition: 'public.wanted(k)', rows: { p: 1, c: 2 } },
  },
]);
