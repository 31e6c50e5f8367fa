import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { randomSource, type RandomSource } from '../../support/randomSource.ts';
import { sqliteDump } from '../../support/sqliteDump.ts';
import {
  backUpSqlite,
  restoreSqlite,
  runSqlite,
  useSystemTemporaryFolder,
} from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { casesOf } from '../../support/sample.ts';

/** A value of every kind that SQLite can store. */
const values = [
  'NULL',
  '0',
  '-1',
  '9223372036854775807',
  '-9223372036854775808',
  '9007199254740993',
  '0.1',
  '1.0',
  '-1e-300 * 1e-300',
  '9e999',
  '-9e999',
  '1.7976931348623157e308',
  '4.9e-324',
  "''",
  "'text'",
  "'TEXT'",
  "'007'",
  "'1.0'",
  "'Ğüneş 名前 🌻'",
  "CAST(x'ff00fe80' AS TEXT)",
  "CAST(x'610062' AS TEXT)",
  "x''",
  "x'00ff'",
  'zeroblob(5000)',
  "'it''s \"quoted\" `here` [too]'",
];

const columnTypes = [
  '',
  'INTEGER',
  'REAL',
  'TEXT',
  'BLOB',
  'NUMERIC',
  'DECIMAL(10,2)',
  'TEXT COLLATE NOCASE',
  'ANY',
];

/** Every value in a column of every type, in each kind of table. */
function everyValue(): string {
  const columns = columnTypes.map((type, index) => `c${index} ${type}`).join(', ');
  const rows = values.map((value) => `(${columnTypes.map(() => value).join(', ')})`).join(', ');
  const keyed = values.map((value, n) => `(${columnTypes.map(() => value).join(', ')}, ${n})`).join(', ');
  return `
    CREATE TABLE plain (${columns}); INSERT INTO plain VALUES ${rows};
    DELETE FROM plain WHERE rowid IN (3, 7);
    CREATE TABLE indexed (${columns}); INSERT INTO indexed VALUES ${rows};
    CREATE INDEX indexed_c2 ON indexed (c2, c3 DESC); CREATE INDEX indexed_some ON indexed (c0) WHERE c0 > 1;
    CREATE INDEX indexed_expression ON indexed (length(c1), c2 COLLATE RTRIM);
    DELETE FROM indexed WHERE rowid IN (3, 7);
    CREATE TABLE keyed (${columns}, id INTEGER PRIMARY KEY); INSERT INTO keyed VALUES ${keyed};
    CREATE TABLE without_rowid (${columns}, id INTEGER PRIMARY KEY) WITHOUT ROWID;
    INSERT INTO without_rowid VALUES ${keyed};
    CREATE TABLE generated (${columns}, twice AS (c1 || c1) VIRTUAL, kept AS (typeof(c0)) STORED UNIQUE ON CONFLICT IGNORE);
    INSERT INTO generated VALUES ${rows};
    CREATE TABLE strict_any (a ANY, i INTEGER, t TEXT) STRICT;
    INSERT INTO strict_any (a) VALUES ${values.map((value) => `(${value})`).join(', ')};
    CREATE TABLE shadowed (rowid, _rowid_, oid, n); INSERT INTO shadowed VALUES (5, 6, 7, 8), (5, 6, 7, 8), (NULL, 1, 2.0, 2);
    CREATE TABLE text_key (k TEXT PRIMARY KEY, v); INSERT INTO text_key VALUES ('b', 1), ('a', 2), (NULL, 3), (NULL, 4);
    DELETE FROM text_key WHERE k = 'b';
    CREATE TABLE empty (a, b);
  `;
}

const hostileNames = [
  '"; DROP TABLE x; --',
  'a.b',
  'a as b',
  '__proto__',
  'constructor',
  '$x',
  'what?',
  "it's",
  '`',
  '[',
  '名前',
];

function hostileTables(): string {
  const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
  return hostileNames
    .map((name) => {
      const columns = hostileNames.map((column) => `${quote(column)} TEXT`).join(', ');
      const row = hostileNames.map((column) => `'${column.replaceAll("'", "''")}'`).join(', ');
      return `
        CREATE TABLE ${quote(name)} (${columns});
        CREATE INDEX ${quote(`index of ${name}`)} ON ${quote(name)} (${quote('a.b')});
        INSERT INTO ${quote(name)} VALUES (${row});
        CREATE TRIGGER ${quote(`trigger of ${name}`)} AFTER DELETE ON ${quote(name)} BEGIN
          SELECT raise(ABORT, 'the trigger fired');
        END;`;
    })
    .join('\n');
}

describe('SQLite: what comes back is what was there', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();

  async function returns(schema: string, damage: string): Promise<void> {
    const file = folder.file('source.db');
    runSqlite(file, schema);
    const before = sqliteDump(file);
    const tables = before.filter((line) => line.startsWith('table ') && !line.startsWith('table sqlite_'));
    const names = tables.map((line) => /^table (.*?) CREATE TABLE/s.exec(line)![1]!);
    const whole = await backUpSqlite(file);
    const partial = await backUpSqlite(file, names);
    const filtered = await backUpSqlite(
      file,
      names.map((name) => ({ name, where: '1 = 1' })),
    );
    for (const [title, backup] of Object.entries({ whole, partial, filtered })) {
      const target = folder.file(`${title}.db`);
      await restoreSqlite(target, backup);
      const fresh = sqliteDump(target).filter(
        (line) => !/^(view|page_size|auto_vacuum|user_version|application_id) /.test(line),
      );
      const expected = before.filter(
        (line) => !/^(view|page_size|auto_vacuum|user_version|application_id) /.test(line),
      );
      assert.deepEqual(fresh, expected, `${title}, into a new file`);
      runSqlite(file, damage);
      assert.notDeepEqual(sqliteDump(file), before);
      await restoreSqlite(file, backup);
      assert.deepEqual(sqliteDump(file), before, `${title}, over a damaged database`);
    }
  }

  it('every kind of value, in every type of column and kind of table', () =>
    returns(
      everyValue(),
      `UPDATE plain SET c0 = 5; DELETE FROM indexed WHERE rowid % 2; INSERT INTO keyed (c0) VALUES (1);
       DELETE FROM without_rowid; INSERT INTO generated (c0) VALUES (1); UPDATE strict_any SET a = -a;
       INSERT INTO shadowed DEFAULT VALUES; UPDATE text_key SET v = v + 1; INSERT INTO empty VALUES (1, 2)`,
    ));

  it('tables and columns with hostile names, and their triggers without firing them', () =>
    returns(
      hostileTables(),
      hostileNames.map((name) => `UPDATE "${name.replaceAll('"', '""')}" SET "a.b" = 'broken';`).join('\n'),
    ));

  for (const encoding of ['UTF-8', 'UTF-16le', 'UTF-16be']) {
    it(`a database in ${encoding} with pages of its own size`, async () => {
      await returns(
        `PRAGMA encoding = '${encoding}'; PRAGMA page_size = 1024; PRAGMA auto_vacuum = INCREMENTAL;
         CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB);
         INSERT INTO t VALUES (1, 'Ğüneş 名前 🌻', 'x'), (2, CAST(x'00d8' AS TEXT), x'ff');
         CREATE INDEX t_a ON t (a COLLATE NOCASE)`,
        `UPDATE t SET a = 'b'`,
      );
      const database = new DatabaseSync(folder.file('whole.db'));
      const pragma = (name: string): unknown =>
        Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
      assert.deepEqual([pragma('encoding'), pragma('page_size'), pragma('auto_vacuum')], [encoding, 1024, 2]);
      database.close();
    });
  }

  it('negative zero, also where nothing else in the row differs', async () => {
    const file = folder.file('zero.db');
    runSqlite(
      file,
      `CREATE TABLE z (id INTEGER PRIMARY KEY, v); INSERT INTO z VALUES (1, -1e-300 * 1e-300), (2, 0.0)`,
    );
    const before = sqliteDump(file);
    assert.match(before.join('\n'), /real:-0/);
    const backup = await backUpSqlite(file);
    runSqlite(file, `UPDATE z SET v = 0.0`);
    const [change] = await restoreSqlite(file, backup, { mode: 'merge' });
    assert.equal(change?.updated, 1);
    assert.deepEqual(sqliteDump(file), before);
  });

  it('views, INSTEAD OF triggers and the numbers of a database, into a new file', async () => {
    const file = folder.file('source.db');
    runSqlite(
      file,
      `PRAGMA user_version = -7; PRAGMA application_id = 252006674;
       CREATE VIEW before AS SELECT * FROM later; CREATE TABLE later (a);
       CREATE TRIGGER through INSTEAD OF INSERT ON before BEGIN INSERT INTO later VALUES (new.a); END;
       INSERT INTO before VALUES (1)`,
    );
    const target = folder.file('target.db');
    await restoreSqlite(target, await backUpSqlite(file));
    assert.deepEqual(sqliteDump(target), sqliteDump(file));
  });

  it('statements in whatever way they were written', async () => {
    const file = folder.file('source.db');
    runSqlite(
      file,
      `create table if not exists  "T 1" -- a comment
        (a /* another */ , b  default (1 + 2) ) -- the end
        ;
       alter table "T 1" add column c default 'x;y';
       create   unique index  if not exists i on "T 1" (a) where b is not null -- why
       ;
       create  view  if not exists v as select 1 as "x"  ;
       create  trigger if not exists tr after insert on "t 1" begin select ';'; end  ;
       insert into "T 1" values (1, 2, 3)`,
    );
    const target = folder.file('target.db');
    await restoreSqlite(target, await backUpSqlite(file));
    assert.deepEqual(sqliteDump(target), sqliteDump(file));
  });

  it('a table with as many columns as SQLite allows', async () => {
    const file = folder.file('wide.db');
    const columns = Array.from({ length: 1999 }, (_, index) => `c${index}`);
    runSqlite(
      file,
      `CREATE TABLE wide (id INTEGER PRIMARY KEY, ${columns.join(', ')});
       INSERT INTO wide VALUES (1, ${columns.map((_, index) => index).join(', ')})`,
    );
    const before = sqliteDump(file);
    const backup = await backUpSqlite(file);
    runSqlite(file, 'UPDATE wide SET c1998 = 0');
    for (const mode of ['merge', 'replace'] as const) {
      await restoreSqlite(file, backup, { mode });
      assert.deepEqual(sqliteDump(file), before);
    }
  });

  it('databases made at random', async function () {
    this.timeout(300_000);
    const random = randomSource('random databases');
    const rounds = casesOf(40, 5);
    for (let round = 0; round < rounds; round++) {
      const file = folder.file(`${round}.db`);
      runSqlite(file, randomDatabase(random));
      const before = sqliteDump(file);
      const names = before.flatMap((line) => /^table (t\d+) /.exec(line)?.[1] ?? []);
      const backup = await backUpSqlite(file, round % 2 === 0 ? undefined : names);
      const target = folder.file(`${round}-new.db`);
      await restoreSqlite(target, backup);
      assert.deepEqual(sqliteDump(target), before, `round ${round}, a new file`);
      runSqlite(file, names.map((name) => `DELETE FROM ${name} WHERE quote(c0) > '5';`).join('\n'));
      await restoreSqlite(file, backup);
      assert.deepEqual(sqliteDump(file), before, `round ${round}, a damaged database`);
    }
  });
});

const tableKinds = {
  rowid: { key: '', option: '' },
  'integer key': { key: ', id INTEGER PRIMARY KEY', option: '' },
  'text key': { key: ', id TEXT PRIMARY KEY', option: '' },
  'without rowid': { key: ', id ANY PRIMARY KEY', option: ' WITHOUT ROWID' },
  autoincrement: { key: ', id INTEGER PRIMARY KEY AUTOINCREMENT', option: '' },
};

/** Statements that give the same database in every run with the same seed. */
function randomDatabase(random: RandomSource): string {
  const tables = Array.from({ length: 1 + random.below(4) }, (_, index) => randomTable(`t${index}`, random));
  return tables.flat().join(';\n');
}

function randomTable(table: string, random: RandomSource): string[] {
  const names = Array.from({ length: 1 + random.below(5) }, (_, index) => `c${index}`);
  const columns = names.map((name) => `${name} ${random.pick(columnTypes)}`).join(', ');
  const kind = random.pick(Object.keys(tableKinds) as (keyof typeof tableKinds)[]);
  const { key, option } = tableKinds[kind];
  const id = kind === 'rowid' ? 'rowid' : 'id';
  const generated = random.below(3) === 0 ? `, g AS (typeof(c0)) ${random.pick(['STORED', 'VIRTUAL'])}` : '';
  const statements = [`CREATE TABLE ${table} (${columns}${key}${generated})${option}`];
  if (random.below(2) === 0) statements.push(`CREATE INDEX i${table} ON ${table} (${random.pick(names)})`);
  for (let row = 0, rows = random.below(40); row < rows; row++) {
    const literals = [`${random.below(1000) * 1000 + row}`, ...names.map(() => random.pick(values))];
    statements.push(`INSERT INTO ${table} (${[id, ...names].join(', ')}) VALUES (${literals.join(', ')})`);
  }
  if (random.below(2) === 0) statements.push(`DELETE FROM ${table} WHERE ${id} % ${2 + random.below(3)} = 0`);
  return statements;
}
