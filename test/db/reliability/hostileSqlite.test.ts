import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { verifyBackup } from '../../../src/backup/verifyBackup.ts';
import { describeError, RestorePointError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { RestoreMode } from '../../../src/core/plan.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { restoreBackup } from '../../../src/restore/restoreBackup.ts';
import { type JsonObject, objectsAt, soundBackup } from '../../support/hostileFiles.ts';
import { compareAll } from '../../support/comparisons.ts';
import { failure } from '../../support/restores.ts';
import { forgePayload, type PayloadForgery } from '../../support/hostileSqlite.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { type TestDatabase, testEngines } from '../../support/testDatabases.ts';
import { countingTried } from '../../support/triedCounts.ts';

const logger = silentLogger;
const sqlite = testEngines.find(({ id }) => id === 'sqlite')!;

interface Hostile extends PayloadForgery {
  readonly title: string;
  readonly says: RegExp;
}

const tablesIn = (manifest: JsonObject): JsonObject[] =>
  objectsAt(manifest['tables']).map(({ table }) => table as JsonObject);
const tableIn = (manifest: JsonObject, name: string): JsonObject =>
  tablesIn(manifest).find((table) => (table['name'] as JsonObject)['name'] === name)!;
const objectIn = (manifest: JsonObject, kind: string): JsonObject =>
  objectsAt(manifest['objects']).find((object) => object['kind'] === kind)!;
const addObject = (manifest: JsonObject, object: JsonObject): void => {
  (manifest['objects'] as JsonObject[]).push(object);
};

const more = (title: string, sql: string, says = /the manifest does not list it/): Hostile => ({
  title: `more: ${title}`,
  sql,
  says,
});

const payloads: readonly Hostile[] = [
  more('a table', 'CREATE TABLE other (a)'),
  more('a full-text index', 'CREATE VIRTUAL TABLE docs USING fts5(a, b)', /it has no rows|does not list it/),
  more('an R-Tree', 'CREATE VIRTUAL TABLE hidden USING rtree(id, x, y)', /it has no rows|does not list it/),
  more('a table of SQLite about pages', 'CREATE VIRTUAL TABLE pages USING dbstat', /it has no rows/),
  more(
    'a shadow table without its virtual one',
    'CREATE TABLE docs_data (id INTEGER PRIMARY KEY, block BLOB)',
  ),
  more('a shadow table that its module has not', 'CREATE TABLE found_other (a)'),
  more('a view', 'CREATE VIEW v AS SELECT 1'),
  more('a trigger', 'CREATE TRIGGER tr AFTER INSERT ON notes BEGIN SELECT 1; END'),
  more('a trigger of a view', `CREATE TRIGGER tr INSTEAD OF INSERT ON shown BEGIN SELECT 1; END`),
  more('an index', 'CREATE INDEX i2 ON notes (t)'),
  more(
    'an index twice',
    `INSERT INTO sqlite_schema SELECT * FROM sqlite_schema WHERE name = 'by_text'`,
    /damaged|malformed|twice/,
  ),
  more(
    'rows of a view',
    `UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'notes') WHERE name = 'shown'`,
    /damaged|malformed|it has rows/,
  ),
  ...['table notes', 'index by_text', 'view shown', 'trigger noted', 'table found'].map((what): Hostile => {
    const [type, name] = what.split(' ');
    return {
      title: `less: ${what}`,
      sql: `DELETE FROM sqlite_schema WHERE name = '${name}' OR (tbl_name = '${name}' AND type <> 'trigger')`,
      says: new RegExp(`${type} ${name}: it is missing|does not list it|damaged|malformed`),
    };
  }),
  {
    title: 'another statement of a table',
    sql: `UPDATE sqlite_schema SET sql = replace(sql, 't text', 't text CHECK (1)') WHERE name = 'notes'`,
    says: /its statement is not the one in the manifest/,
  },
  {
    title: 'another statement of a view',
    sql: `UPDATE sqlite_schema SET sql = 'CREATE VIEW shown AS SELECT 2' WHERE name = 'shown'`,
    says: /its statement is not the one in the manifest/,
  },
  {
    title: 'another module of a virtual table',
    sql: `UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE found USING dbstat' WHERE name = 'found'`,
    says: /its statement is not the one in the manifest/,
  },
  {
    title: 'another counter',
    sql: `UPDATE sqlite_sequence SET seq = 9223372036854775807 WHERE name = 'notes'`,
    says: /its counter of notes is not/,
  },
  {
    title: 'a counter that the manifest does not name',
    manifest: (manifest) => (manifest['sequences'] = []),
    says: /does not list its counter of notes/,
  },
  {
    title: 'an object of another table',
    manifest: (manifest) => (objectIn(manifest, 'index')['table'] = { name: 'items' }),
    says: /index by_text: it belongs to notes/,
  },
];

const strangeNames: readonly (readonly [name: JsonObject, says: RegExp])[] = [
  ...['temp', 'main', '', 'restore_point_backup', 'TEMP'].map(
    (schema) => [{ schema, name: 'notes' }, /SQLite table has no schema/] as const,
  ),
  ...['sqlite_schema', 'sqlite_master', 'SQLite_Sequence', 'sqlite_stat1', 'sqlite_'].map(
    (name) => [{ name }, /SQLite reserves such names/] as const,
  ),
  [{ name: 'a\0b' }, /NUL/],
  [{ name: '\ud800' }, /half of a surrogate pair/],
];

const kinds = [
  ...['constructor', '__proto__', 'toString', 'valueOf', 'hasOwnProperty', 'prototype'],
  ...['function', 'TABLE', 'table ', '', 'sequence', 'owner', 'virtual  table', 'index\0'],
];

const manifests: readonly Hostile[] = [
  ...strangeNames.flatMap(([name, says]): Hostile[] => {
    const title = JSON.stringify(name);
    return [
      { title: `table ${title}`, manifest: (m) => (tableIn(m, 'notes')['name'] = name), says },
      {
        title: `reference to ${title}`,
        manifest: (m) => (objectsAt(tableIn(m, 'items')['foreignKeys'])[0]!['references'] = name),
        says,
      },
      {
        title: `related to ${title}`,
        manifest: (m) =>
          (objectsAt(m['tables'])[0]!['related'] = [{ relation: 'references', table: name, columns: [] }]),
        says,
      },
      { title: `object of ${title}`, manifest: (m) => (objectIn(m, 'index')['table'] = name), says },
      { title: `counter ${title}`, manifest: (m) => (objectsAt(m['sequences'])[0]!['name'] = name), says },
      {
        title: `counter of ${title}`,
        manifest: (m) => (objectsAt(m['sequences'])[0]!['table'] = name),
        says,
      },
    ];
  }),
  ...kinds.map((kind): Hostile => ({
    title: `kind ${JSON.stringify(kind)}`,
    manifest: (m) => addObject(m, { kind, name: 'zz', section: 'pre-data', sql: 'CREATE TABLE zz(a)' }),
    says: /SQLite has no objects of this kind/,
  })),
  {
    title: 'a property',
    manifest: (m) => (objectIn(m, 'view')['of'] = 'table notes'),
    says: /SQLite has no properties/,
  },
  {
    title: 'columns in two cases',
    manifest: (m) =>
      (tableIn(m, 'notes')['columns'] as JsonObject[]).push({ name: 'ID', type: '', notNull: false }),
    says: /a column of notes twice/,
  },
  {
    title: 'a table in two cases',
    manifest: (m) => {
      const [first] = objectsAt(m['tables']).filter(({ table }) => JSON.stringify(table).includes('"notes"'));
      const twice = structuredClone(first!);
      ((twice['table'] as JsonObject)['name'] as JsonObject)['name'] = 'Notes';
      (m['tables'] as JsonObject[]).push(twice);
    },
    says: /the table Notes twice/,
  },
  {
    title: 'a view by the name of a table',
    manifest: (m) => (objectIn(m, 'view')['name'] = 'NOTES'),
    says: /twice/,
  },
  {
    title: 'a counter of no table',
    manifest: (m) => (objectsAt(m['sequences'])[0]!['table'] = { name: 'payments' }),
    says: /without a table/,
  },
  {
    title: 'a table that nothing makes',
    manifest: (m) => {
      const name = { name: 'unmade' };
      (m['tables'] as JsonObject[]).push({
        table: { name, columns: [], uniqueKeys: [], foreignKeys: [], triggers: [], holdsRows: true },
        columns: [],
        rows: 0,
        payload: objectsAt(m['payloads'])[0]!['name']!,
      });
    },
    says: /does not contain its definition/,
  },
];

const sourceSql = `
  CREATE TABLE notes (id integer primary key autoincrement, t text);
  INSERT INTO notes VALUES (1, 'one'), (2, 'two'), (7, 'seven');
  CREATE TABLE items (id integer primary key, note integer REFERENCES notes (id));
  INSERT INTO items VALUES (1, 1);
  CREATE INDEX by_text ON notes (t);
  CREATE VIEW shown AS SELECT id FROM notes;
  CREATE TRIGGER noted AFTER DELETE ON notes BEGIN SELECT 1; END;
  CREATE VIRTUAL TABLE found USING fts5(t);
  INSERT INTO found VALUES ('a word')`;

const targetSql = `
  CREATE TABLE notes (id integer primary key autoincrement, t text);
  WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO notes SELECT i, 'mine ' || i FROM n;
  CREATE TABLE payments (id integer primary key autoincrement, amount);
  INSERT INTO payments VALUES (50, 1);
  CREATE INDEX by_amount ON payments (amount);
  CREATE VIRTUAL TABLE docs USING fts5(a, b);
  INSERT INTO docs VALUES ('mine', 'mine');
  ANALYZE`;

describe('sqlite: hostile databases in backups', function () {
  this.timeout(180_000);
  const folder = useTemporaryFolder();
  let [source, target]: TestDatabase[] = [];

  beforeEach(async () => {
    [source, target] = [await sqlite.create(), await sqlite.create()];
    await source.run(sourceSql);
    await target.run(targetSql);
  });
  afterEach(async () => {
    await source!.remove();
    await target!.remove();
  });

  for (const [kind, files] of [
    ['databases that are not what the manifest says', payloads],
    ['manifests with names and kinds that SQLite has not', manifests],
  ] as const) {
    it(`are refused, and change nothing: ${kind}`, async () => {
      const sound = await soundBackup(source!, folder.file('sound.dbbackup'), 'none');
      const before = await target!.dump();
      await countingTried('hostile files', `${kind} (sqlite)`, async (count) => {
        for (const { title, says, ...forgery } of files) {
          const file = folder.file('hostile.dbbackup');
          await writeFile(file, forgePayload(sound, forgery));
          for (const mode of ['replace', 'insert-missing'] as const) {
            const error = await refusal(file, mode, title);
            assert.match(describeError(error), says, `${title} (${mode})`);
            assert.equal(await target!.dump(), before, `the database was changed: ${title}`);
          }
          count();
        }
      });
      assert.deepEqual(await readdir(folder.path), ['hostile.dbbackup']);
    });
  }

  it('are found by verify where a database is not what the manifest says', async () => {
    const sound = await soundBackup(source!, folder.file('sound.dbbackup'), 'none');
    for (const { title, says, ...forgery } of payloads) {
      const file = folder.file('hostile.dbbackup');
      await writeFile(file, forgePayload(sound, forgery));
      await assert.rejects(verifyBackup(file, engineById, { logger }), (error) => {
        assert.ok(RestorePointError.is(error, 'damaged-backup'), `${title}: ${String(error)}`);
        assert.match(describeError(error), says, title);
        return true;
      });
    }
  });

  it('are refused by a comparison where a database is not what the manifest says', async () => {
    const sound = await soundBackup(source!, folder.file('sound.dbbackup'), 'none');
    const before = await target!.dump();
    for (const { title, says, ...forgery } of payloads) {
      const file = folder.file('hostile.dbbackup');
      await writeFile(file, forgePayload(sound, forgery));
      for (const other of [file, source!]) {
        const error = await failure(compareAll(file, other));
        assert.equal(error.code, 'damaged-backup', title);
        assert.match(describeError(error), says, title);
      }
    }
    assert.equal(await target!.dump(), before);
  });

  it('set no counters and statistics of tables that are not restored', async () => {
    const sound = await soundBackup(source!, folder.file('sound.dbbackup'), 'none');
    const rows = async (): Promise<unknown> => [
      await target!.rows(`SELECT * FROM sqlite_sequence WHERE name = 'payments'`),
      await target!.rows(`SELECT * FROM sqlite_stat1 WHERE tbl = 'payments' ORDER BY 1, 2, 3`),
    ];
    const before = await rows();
    const poisoned = forgePayload(sound, {
      sql: `INSERT INTO sqlite_sequence VALUES ('payments', 9223372036854775807), ('PAYMENTS', 9223372036854775807);
        ANALYZE; INSERT INTO sqlite_stat1 VALUES ('payments', 'by_amount', '1 1'), ('Payments', NULL, '1')`,
    });
    const file = folder.file('hostile.dbbackup');
    await writeFile(file, poisoned);
    await restore(file, 'replace');
    assert.deepEqual(await rows(), before);
    assert.deepEqual(await target!.rows('INSERT INTO payments (amount) VALUES (2) RETURNING id'), [['51']]);
    assert.deepEqual(await target!.rows('INSERT INTO notes (t) VALUES (2) RETURNING id'), [['8']]);
  });

  it('set no counters of tables that are made later', async () => {
    const sound = await soundBackup(source!, folder.file('sound.dbbackup'), 'none');
    const file = folder.file('hostile.dbbackup');
    const sql = `INSERT INTO sqlite_sequence VALUES ('later', 9223372036854775807)`;
    await writeFile(file, forgePayload(sound, { sql }));
    await restore(file, 'replace');
    await target!.run('CREATE TABLE later (id INTEGER PRIMARY KEY AUTOINCREMENT)');
    assert.deepEqual(await target!.rows('INSERT INTO later DEFAULT VALUES RETURNING id'), [['1']]);
  });

  async function refusal(file: string, mode: RestoreMode, title: string): Promise<RestorePointError> {
    const outcome: unknown = await restore(file, mode).catch((error: unknown) => error);
    assert.ok(outcome !== undefined, `it was restored: ${title}`);
    if (!RestorePointError.is(outcome)) throw new Error(title, { cause: outcome });
    assert.equal(outcome.details.unchanged, 'Nothing was changed.', title);
    return outcome;
  }

  async function restore(file: string, mode: RestoreMode): Promise<void> {
    const session = await target!.connect();
    try {
      await restoreBackup(file, session, engineById, {
        mode,
        logger,
        mayRun: () => Promise.resolve(true),
        confirm: () => Promise.resolve(true),
      });
    } finally {
      await session.close();
    }
  }
});
