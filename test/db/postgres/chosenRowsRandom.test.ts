import assert from 'node:assert/strict';
import type { ConflictAnswer, RowConflict } from '../../../src/core/chosenRows.ts';
import {
  restoreRows,
  type RowsResult,
  type TextRow,
  type Texts,
  textsOfRow,
} from '../../support/chosenRows.ts';
import { openClient, usePostgres } from '../../support/postgresRestores.ts';
import { type RandomSource, randomSource } from '../../support/randomSource.ts';
import { casesOf } from '../../support/sample.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

const names = ['parents', 'children', 'nodes'] as const;
type Name = (typeof names)[number];
/** Rows by their ids. */
type State = ReadonlyMap<Name, ReadonlyMap<string, Texts>>;

const columns: Readonly<Record<Name, readonly string[]>> = {
  parents: ['id', 'code', 'v'],
  children: ['id', 'parent', 'code', 'v'],
  nodes: ['id', 'up', 'child', 'v'],
};

function schema(random: RandomSource): string {
  const deleting = (): string =>
    random.pick(['', 'ON DELETE CASCADE', 'ON DELETE SET NULL', 'ON DELETE RESTRICT']);
  const updating = (): string =>
    random.pick(['', 'ON UPDATE CASCADE', 'ON UPDATE SET NULL', 'ON UPDATE RESTRICT']);
  const deferrable = (): string => random.pick(['', '', 'DEFERRABLE', 'DEFERRABLE INITIALLY DEFERRED']);
  const reference = (): string => `${deleting()} ${updating()} ${deferrable()}`;
  return `
    CREATE TABLE parents (id int PRIMARY KEY, code text UNIQUE ${random.pick(['', 'DEFERRABLE'])}, v int ${random.pick(['', 'CHECK (v < 8)', 'NOT NULL'])});
    ALTER TABLE parents ADD CONSTRAINT codes UNIQUE (code);
    CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents ${reference()}, code text REFERENCES parents (code) ${reference()}, v int);
    CREATE TABLE nodes (id int PRIMARY KEY, up int REFERENCES nodes ${reference()}, child int REFERENCES children ${reference()}, v int ${random.pick(['', 'UNIQUE', 'CHECK (v <> 3)'])});`;
}

function randomValue(random: RandomSource, column: string): string | null {
  if (column === 'code') return random.below(4) === 0 ? null : random.pick(['a', 'b', 'c', 'd', 'e', 'f']);
  if (column === 'v') return random.below(8) === 0 ? null : String(random.below(10));
  return random.below(3) === 0 ? null : String(random.below(8));
}

function randomRow(random: RandomSource, name: Name, id: string): Texts {
  return columns[name].map((column) => (column === 'id' ? id : randomValue(random, column)));
}

async function stateOf(database: TestDatabase): Promise<State> {
  const state = new Map<Name, Map<string, Texts>>();
  for (const name of names) {
    const rows = await database.rows(`SELECT ${columns[name].join(', ')} FROM ${name} ORDER BY id`);
    state.set(name, new Map(rows.map((row) => [row[0]!, row])));
  }
  return state;
}

/** Whatever the database takes of some random statements. */
async function change(database: TestDatabase, random: RandomSource, count: number): Promise<void> {
  const client = await openClient(database);
  try {
    for (let step = 0; step < count; step += 1) {
      const name = random.pick(names);
      const row = randomRow(random, name, String(random.below(8)));
      await client.query(statementOf(name, random.pick(['i', 'i', 'u', 'd']), row)).catch(() => undefined);
    }
  } finally {
    await client.end();
  }
}

function statementOf(name: Name, action: string, row: Texts): string {
  const literals = row.map((value) => (value === null ? 'NULL' : `'${value}'`));
  if (action === 'i') return `INSERT INTO ${name} VALUES (${literals.join(', ')})`;
  if (action === 'd') return `DELETE FROM ${name} WHERE id = ${literals[0]!}`;
  const set = columns[name].map((column, index) => `${column} = ${literals[index]!}`);
  return `UPDATE ${name} SET ${set.join(', ')} WHERE id = ${literals[0]!}`;
}

/** Rows that shall be otherwise than they were seen: often as they were once, now and then anything. */
function choose(random: RandomSource, seen: State, once: State): Map<Name, TextRow[]> {
  const chosen = new Map<Name, TextRow[]>();
  for (const name of names) {
    const rows: TextRow[] = [];
    for (let id = 0; id < 8; id += 1) {
      if (random.below(5) === 0) continue;
      const before = seen.get(name)!.get(String(id));
      const anything = random.below(4) === 0 ? randomRow(random, name, String(id)) : undefined;
      const wanted = anything ?? once.get(name)!.get(String(id));
      if (before || wanted) rows.push([before, wanted]);
    }
    chosen.set(name, rows);
  }
  return chosen;
}

/** What the comparison has to find, by what was seen and what is there. */
function conflictOf([seen, wanted]: TextRow, now: Texts | undefined): string | undefined {
  if (isSame(now, wanted)) return undefined;
  if (!now) return seen ? 'gone' : undefined;
  if (!seen) return 'there';
  return isSame(now, seen) ? undefined : 'changed';
}

function isSame(one: Texts | undefined, other: Texts | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

const nameOfRow = (name: Name, id: string): string => `${name} ${id}`;

function idOf({ row }: RowConflict): string {
  return textsOfRow(row.wanted ?? row.seen!)[0]!;
}

interface Tried {
  readonly database: TestDatabase;
  readonly chosen: ReadonlyMap<Name, readonly TextRow[]>;
  readonly order: readonly Name[];
  readonly before: State;
  readonly result: RowsResult;
  readonly answer: ConflictAnswer;
}

async function checkResult(tried: Tried): Promise<{ written: number; skipped: number }> {
  const { database, chosen, order, before, result, answer } = tried;
  const after = await stateOf(database);
  const refused = new Map<string, RowConflict>();
  const seenOtherwise = new Map<string, string>();
  for (const conflict of [...result.checked.listed, ...result.late.listed]) {
    const row = nameOfRow(order[conflict.table]!, idOf(conflict));
    if (conflict.kind === 'foreign-key' || conflict.kind === 'constraint') {
      assert.ok(!refused.has(row), `${row} is listed twice`);
      refused.set(row, conflict);
    } else seenOtherwise.set(row, conflict.kind);
  }
  let written = 0;
  for (const name of names) {
    const rows = new Map(chosen.get(name)!.map((row) => [(row[1] ?? row[0])![0]!, row]));
    for (let number = 0; number < 8; number += 1) {
      const id = String(number);
      const what = nameOfRow(name, id);
      const [then, now] = [before.get(name)!.get(id), after.get(name)!.get(id)];
      const row = rows.get(id);
      if (!row) {
        assert.deepEqual(now, then, `${what} was not chosen`);
        continue;
      }
      const conflict = conflictOf(row, then);
      if (!refused.has(what) || conflict !== undefined) assert.equal(seenOtherwise.get(what), conflict, what);
      const isSkipped = refused.has(what) || (conflict !== undefined && answer === 'skip');
      assert.deepEqual(now, isSkipped ? then : row[1], `${what}, ${isSkipped ? 'skipped' : 'written'}`);
      if (!isSkipped && !isSame(then, row[1])) written += 1;
      if (refused.has(what)) await mustRefuse(tried, name, row, refused.get(what)!);
    }
  }
  assert.equal(
    result.written.reduce((sum, rows) => sum + rows.length, 0),
    written,
  );
  return { written, skipped: refused.size };
}

/** What was found while writing does not go by itself either: the database refuses it, or other rows change with it. */
async function mustRefuse(
  { database, result }: Tried,
  name: Name,
  [, wanted]: TextRow,
  conflict: RowConflict,
): Promise<void> {
  const before = await stateOf(database);
  const id = idOf(conflict);
  // The check looks at all rows together. What it says of a row that had changed comes to light only when that is overwritten.
  if (result.checked.listed.some((one) => one.table === conflict.table && idOf(one) === id)) return;
  // A row may also be refused for the sake of one that a constraint refused later.
  if (conflict.kind === 'foreign-key' && result.late.counts.constraint) return;
  const there = before.get(name)!.has(id);
  const client = await openClient(database);
  try {
    await client.query('BEGIN; SET CONSTRAINTS ALL IMMEDIATE');
    const action = wanted ? (there ? 'u' : 'i') : 'd';
    const isRefused = await client.query(statementOf(name, action, wanted ?? [id])).then(
      () => false,
      () => true,
    );
    if (isRefused) return;
    for (const other of names) {
      const { rows } = await client.query<Record<string, string | number | null>>(
        `SELECT * FROM ${other} ORDER BY id`,
      );
      const now = new Map(rows.map((row) => [String(row['id']), row]));
      for (const [key, texts] of before.get(other)!) {
        if (other === name && key === id) continue;
        const row = now.get(key);
        const values =
          row && columns[other].map((column) => (row[column] === null ? null : String(row[column])));
        if (!isSame(values, texts)) return;
      }
    }
    assert.fail(`${name} ${id} could have been written: ${conflict.reason ?? ''}`);
  } finally {
    await client.query('ROLLBACK').catch(() => undefined);
    await client.end();
  }
}

describe('postgres: random restores of chosen rows', () => {
  const postgres = usePostgres();

  it('write what was chosen, skip what the database refuses, and change nothing else', async function () {
    const cases = casesOf(400, 5);
    this.timeout(60_000 + cases * 10_000);
    const random = randomSource('chosen rows');
    let [written, skipped, stopped] = [0, 0, 0];
    for (let count = cases; count > 0; count -= 1) {
      const database = await postgres.create(schema(random));
      await change(database, random, 40);
      const once = await stateOf(database);
      await change(database, random, random.below(25));
      const seen = await stateOf(database);
      if (random.below(2) === 0) await change(database, random, random.below(8));
      const before = await stateOf(database);
      const chosen = choose(random, seen, once);
      const order = random.below(3) === 0 ? names.toReversed() : names;
      const tables = order.map((name) => ({ name, rows: chosen.get(name)! }));
      const answer = random.pick(['skip', 'overwrite'] as const);
      const dump = await database.dump();
      const stop = await restoreRows(database, tables, {
        atWritten: () => Promise.reject(new Error('only tried')),
      }).catch((error: unknown) => error);
      assert.equal(await database.dump(), dump);
      const result = await restoreRows(database, tables, { answer });
      const isRefused = [...result.checked.listed, ...result.late.listed].length > 0;
      assert.equal((stop as Error).message !== 'only tried', isRefused, String(stop));
      if (isRefused) stopped += 1;
      const done = await checkResult({ database, chosen, order, before, result, answer });
      written += done.written;
      skipped += done.skipped;
      // All is as wanted now, or refused again.
      await restoreRows(database, tables, { answer: 'overwrite' });
    }
    console.log(`      ${written} rows written, ${skipped} refused, ${stopped} restores stopped`);
    assert.ok(written > 0 && skipped > 0);
  });
});
