import assert from 'node:assert/strict';
import { copyFileSync, rmSync } from 'node:fs';
import type { ChosenRow, WriteAnswer } from '../../../src/core/chosenRows.ts';
import type { Row } from '../../../src/core/values.ts';
import { type RandomSource, randomSource } from '../../support/randomSource.ts';
import { casesOf } from '../../support/sample.ts';
import {
  type ChosenOf,
  differences,
  type Outcome,
  readRows,
  restoreRows,
  showValue,
} from '../../support/sqliteChosen.ts';
import { integrity, runSqlite } from '../../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';

const answers: readonly WriteAnswer[] = ['skip', 'overwrite'];

/** A table as a model has it: rows by their first column, which is the key. */
type Model = Map<string, Row>;

const keyOf = (row: Row): string => showValue(row[0]!);
const textOf = (row: Row | undefined): string => row?.map(showValue).join('|') ?? 'none';

describe('SQLite: chosen rows at random', () => {
  const folder = useTemporaryFolder();

  it('become what a model says, and no other row changes', async function () {
    const cases = casesOf(150, 15);
    this.timeout(60_000 + cases * 10_000);
    const random = randomSource('chosen rows');
    const [file, past] = [folder.file('t.db'), folder.file('past.db')];
    const seenKinds = new Set<string>();
    for (let number = 0; number < cases; number += 1) {
      for (const name of [file, past]) rmSync(name, { force: true });
      runSqlite(past, schemaOf(random) + rowsOf(random));
      copyFileSync(past, file);
      runSqlite(file, changes(random, 25));
      const chosen: ChosenOf[] = [];
      for (const name of ['p', 'c']) {
        const all = await differences(file, past, name);
        chosen.push({ ...all, rows: all.rows.filter(() => random.below(3) > 0) });
      }
      runSqlite(file, changes(random, random.below(15)));
      const before = await read(file);
      const answer = random.pick(answers);
      const model = modelOf(before, chosen, answer);
      const about = `SEED=${random.seed} case ${number}: ${answer}`;
      const outcome = await restoreRows(file, chosen, { answer }).catch((error: unknown) => {
        throw new Error(about, { cause: error });
      });
      for (const conflict of model.conflicts) seenKinds.add(conflict.split(' ')[0]!);
      assert.deepEqual(show(await read(file)), show(model.after), about);
      assert.deepEqual(conflictsOf(outcome), model.conflicts.toSorted(), about);
      assert.equal(integrity(file), 'ok', about);
    }
    for (const kind of ['changed', 'gone', 'there', 'constraint', 'foreign-key']) {
      assert.ok(seenKinds.has(kind), `no case of ${kind}`);
    }
  });

  async function read(name: string): Promise<Model[]> {
    const rows = [await readRows(name, 'p'), await readRows(name, 'c')];
    return rows.map((table) => new Map(table.map((row) => [keyOf(row), row])));
  }
});

function conflictsOf({ found, refused }: Outcome): string[] {
  return [...found.listed, ...refused.listed]
    .map(({ kind, table, row }) => `${kind} ${table} ${keyOf((row.seen ?? row.wanted)!)}`)
    .toSorted();
}

function show(tables: readonly Model[]): string[] {
  return tables
    .flatMap((table, number) => [...table.values()].map((row) => `${number} ${textOf(row)}`))
    .toSorted();
}

function schemaOf(random: RandomSource): string {
  const action = random.pick(['', 'ON DELETE CASCADE ON UPDATE SET NULL', 'DEFERRABLE INITIALLY DEFERRED']);
  const [p, c] = [random.pick(['', 'WITHOUT ROWID']), random.pick(['', 'WITHOUT ROWID'])];
  const type = random.pick(['TEXT', 'INTEGER', 'INT', 'BLOB', '']);
  return `CREATE TABLE p (id ${type} PRIMARY KEY NOT NULL, v) ${p};
    CREATE TABLE c (id ${random.pick(['INTEGER', 'INT'])} PRIMARY KEY NOT NULL, p ${type} REFERENCES p ${action}, u UNIQUE, v) ${c};
    CREATE TRIGGER one AFTER INSERT ON c BEGIN DELETE FROM p; END;
    CREATE TRIGGER two AFTER DELETE ON p BEGIN DELETE FROM c; END;`;
}

const id = (random: RandomSource): number => 1 + random.below(9);

function value(random: RandomSource): string {
  return random.pick(['1', '1.0', `'1'`, `x'31'`, 'NULL', '0.0', '-0.0', `''`, '9007199254740993', `'text'`]);
}

function rowsOf(random: RandomSource): string {
  const parents = Array.from(
    { length: 6 },
    () => `INSERT OR IGNORE INTO p VALUES (${id(random)}, ${value(random)});`,
  );
  return silent([...parents, ...Array.from({ length: 8 }, () => child(random))].join('\n'));
}

function child(random: RandomSource): string {
  const parent = random.pick(['NULL', `(SELECT id FROM p LIMIT 1 OFFSET ${random.below(4)})`]);
  return `INSERT OR IGNORE INTO c VALUES (${id(random)}, ${parent}, ${random.pick(['NULL', id(random)])}, ${value(random)});`;
}

/** Changes that keep the foreign keys, or do not. */
function changes(random: RandomSource, count: number): string {
  const one = (): string =>
    random.pick([
      () => `DELETE FROM p WHERE id = ${id(random)} AND id NOT IN (SELECT p FROM c WHERE p IS NOT NULL);`,
      () => `DELETE FROM c WHERE id = ${id(random)};`,
      () => `UPDATE p SET v = ${value(random)} WHERE id = ${id(random)};`,
      () => `UPDATE c SET v = ${value(random)} WHERE id = ${id(random)};`,
      () => `UPDATE OR IGNORE c SET u = ${id(random)} WHERE id = ${id(random)};`,
      () => `UPDATE c SET p = (SELECT id FROM p LIMIT 1 OFFSET ${random.below(4)}) WHERE id = ${id(random)};`,
      () => `INSERT OR IGNORE INTO p VALUES (${id(random)}, ${value(random)});`,
      () => child(random),
      () => `DELETE FROM p WHERE id = ${id(random)};`,
    ])();
  return silent(Array.from({ length: count }, one).join('\n'));
}

/** The triggers of the tables are for the restore to silence. */
function silent(sql: string): string {
  const triggers = `CREATE TRIGGER one AFTER INSERT ON c BEGIN DELETE FROM p; END;
    CREATE TRIGGER two AFTER DELETE ON p BEGIN DELETE FROM c; END;`;
  return `DROP TRIGGER one; DROP TRIGGER two; ${sql} ${triggers}`;
}

interface Task {
  readonly table: number;
  readonly row: ChosenRow;
  readonly key: string;
  readonly found: boolean;
}

/** What the rows become, in JavaScript alone. */
function modelOf(
  before: readonly Model[],
  chosen: readonly ChosenOf[],
  answer: WriteAnswer,
): { after: Model[]; conflicts: string[] } {
  const conflicts: string[] = [];
  let tasks: Task[] = [];
  for (const [table, { rows }] of chosen.entries()) {
    for (const row of rows) {
      const key = keyOf((row.seen ?? row.wanted)!);
      const now = before[table]!.get(key);
      if (textOf(now) === textOf(row.wanted)) continue;
      const kind = kindOf(row, now);
      if (kind !== undefined) conflicts.push(`${kind} ${table} ${key}`);
      if (kind === undefined || answer === 'overwrite')
        tasks.push({ table, row, key, found: now !== undefined });
    }
  }
  for (;;) {
    const { after, refused } = attempt(before, tasks);
    if (refused.size === 0) return { after, conflicts };
    for (const [{ table, key }, kind] of refused) conflicts.push(`${kind} ${table} ${key}`);
    tasks = tasks.filter((task) => !refused.has(task));
  }
}

function kindOf({ seen, wanted }: ChosenRow, now: Row | undefined): string | undefined {
  if (!seen) return now ? 'there' : undefined;
  if (!now) return wanted ? 'gone' : undefined;
  return textOf(now) === textOf(seen) ? undefined : 'changed';
}

function attempt(
  before: readonly Model[],
  tasks: readonly Task[],
): { after: Model[]; refused: Map<Task, string> } {
  const after = before.map((table) => new Map(table));
  const refused = new Map<Task, string>();
  for (const { table, key } of tasks) after[table]!.delete(key);
  const [parents, children] = after as [Model, Model];
  const coming = tasks.filter(({ row }) => row.wanted);
  for (const task of [...coming.filter(({ found }) => found), ...coming.filter(({ found }) => !found)]) {
    const row = task.row.wanted!;
    const taken =
      task.table === 1 &&
      row[2] !== null &&
      [...children.values()].some((other) => textOf([other[2]!]) === textOf([row[2]!]));
    if (taken) refused.set(task, 'constraint');
    else after[task.table]!.set(task.key, row);
  }
  if (refused.size > 0) return { after, refused };
  for (const task of coming) {
    if (task.table !== 1) continue;
    const parent = task.row.wanted![1]!;
    const was = before[1]!.get(task.key)?.[1];
    const isOld = was !== undefined && was !== null && textOf([was]) === textOf([parent]);
    if (parent !== null && !parents.has(showValue(parent)) && !isOld) refused.set(task, 'foreign-key');
  }
  if (refused.size > 0) return { after, refused };
  for (const task of tasks) {
    if (task.table !== 0 || !task.found || parents.has(task.key)) continue;
    const isReferenced = [...children.values()].some(
      (row) => row[1] !== null && showValue(row[1]!) === task.key,
    );
    if (isReferenced) refused.set(task, 'foreign-key');
  }
  return { after, refused };
}
