import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import {
  assertSameSqlite,
  openSqlite,
  quote,
  readSqliteWitness,
  sqliteDump,
} from '../../support/sqliteWitness.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { checkSqlite, makeSqlite, sharedSqliteEntries, sqliteEntries, toolReads } from './sqlite.ts';
import { sampleParts } from '../../support/sample.ts';

/** Runs a script in a file, as somebody who changes it behind our back. */
function change(file: string, script: string): void {
  const database = openSqlite(file);
  try {
    database.exec(script);
  } finally {
    database.close();
  }
}

function query(file: string, sql: string): string[][] {
  const database = openSqlite(file);
  try {
    return database
      .prepare(sql)
      .all()
      .map((row) => Object.values(row).map(String));
  } finally {
    database.close();
  }
}

/** For every object and every table's first row, the statement that takes it away. */
function everyLoss(file: string): string[] {
  const objects = query(
    file,
    `SELECT type, name FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'`,
  );
  const types = new Map(query(file, 'PRAGMA table_list').map(([, name = '', type = '']) => [name, type]));
  const droppable = objects.filter(([, name = '']) => types.get(name) !== 'shadow');
  const drops = droppable.map(([type = '', name = '']) => `DROP ${type} ${quote(name)}`);
  const tables = objects.filter(([type, name = '']) => type === 'table' && types.get(name) !== 'virtual');
  const filled = tables.filter(
    ([, name = '']) => query(file, `SELECT 1 FROM ${quote(name)} LIMIT 1`).length > 0,
  );
  const triggers = objects.filter(([type]) => type === 'trigger');
  // What a trigger would do about it is not asked.
  const disarm = triggers.map(([, name = '']) => `DROP TRIGGER ${quote(name)};`).join('');
  const deletions = filled.map(([, name = '']) => `${disarm} DELETE FROM ${quote(name)}`);
  const all = [...drops, ...deletions];
  // Of several hundred that are made alike, some are enough.
  const step = Math.ceil(all.length / 40);
  return all.filter((_, index) => index % step === 0);
}

describe('the witness of SQLite databases', function () {
  sampleParts(this, 4);
  const folder = useTemporaryFolder();

  it('knows one of everything, each by a name of its own', () => {
    const names = sqliteEntries.map(({ kind, name }) => `${kind} ${name}`);
    assert.equal(new Set(names).size, names.length);
    assert.ok(sharedSqliteEntries.length < sqliteEntries.length);
  });

  it('sees the same whenever the same is made, and all of it in one database', () => {
    const [one, two] = [folder.file('one.db'), folder.file('two.db')];
    for (const file of [one, two]) makeSqlite(file, sharedSqliteEntries, 'PRAGMA page_size = 8192');
    assertSameSqlite(readSqliteWitness(one), readSqliteWitness(two));
    assert.deepEqual(sqliteDump(one), sqliteDump(two));
    checkSqlite(one, sharedSqliteEntries);
    assertSameSqlite(readSqliteWitness(one), readSqliteWitness(two));
  });

  it('takes another order of objects for the same where it may, but not of triggers', () => {
    const [one, two, three] = [folder.file('one.db'), folder.file('two.db'), folder.file('three.db')];
    const [a, b] = ['CREATE TABLE a (x); CREATE INDEX i ON a (x);', 'CREATE TABLE b (x);'];
    const [first, second] = ['1', '2'].map(
      (n) => `CREATE TRIGGER t${n} AFTER INSERT ON a BEGIN SELECT ${n}; END;`,
    );
    change(one, `${a} ${b} ${first} ${second}`);
    change(two, `${b} ${a} ${first} ${second}`);
    change(three, `${a} ${b} ${second} ${first}`);
    const witness = readSqliteWitness(one, { tool: true });
    assertSameSqlite(readSqliteWitness(two, { tool: true }), witness, { anyOrder: true });
    assert.throws(() => assertSameSqlite(readSqliteWitness(two, { tool: true }), witness), /schema differ/);
    assert.throws(
      () => assertSameSqlite(readSqliteWitness(three), witness, { anyOrder: true }),
      /triggers differ/,
    );
    assert.deepEqual(sqliteDump(one), sqliteDump(two));
    assert.notDeepEqual(sqliteDump(one), sqliteDump(three));
  });

  for (const entry of sqliteEntries) {
    describe(`${entry.kind}: ${entry.name}`, () => {
      it('is there, works, and is dumped by the tool where that is not too old', () => {
        const file = folder.file('made.db');
        makeSqlite(file, [entry]);
        const witness = readSqliteWitness(file, { tool: toolReads([entry]) });
        assert.equal(witness.dump === undefined, entry.since !== undefined);
        checkSqlite(file, [entry]);
        assertSameSqlite(readSqliteWitness(file), { ...witness, dump: undefined });
      });

      it('is missed when it is changed or taken away, however little', async () => {
        const [file, copy] = [folder.file('made.db'), folder.file('copy.db')];
        makeSqlite(file, [entry]);
        const witness = readSqliteWitness(file);
        const losses = everyLoss(file);
        assert.ok(entry.tampers.length > 0 && losses.length > 0);
        for (const tamper of [...entry.tampers, ...losses]) {
          await copyFile(file, copy);
          change(copy, tamper);
          const changed = readSqliteWitness(copy);
          assert.throws(() => assertSameSqlite(changed, witness, { anyOrder: true }), /differ/, tamper);
        }
      });
    });
  }
});
