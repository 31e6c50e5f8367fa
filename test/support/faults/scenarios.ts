import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import * as path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Archive } from '../../../src/archive/archiveReader.ts';
import { MadeHere } from '../../../src/backup/madeHere.ts';
import { takeBackup } from '../../../src/backup/takeBackup.ts';
import { describeError, RestorePointError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { Engine, Session } from '../../../src/engines/engine.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { restoreBackup } from '../../../src/restore/restoreBackup.ts';
import { restoreRows } from '../../../src/restore/chosenRows/restoreRows.ts';
import { linesOf } from '../rowRestores.ts';
import { openFiles } from '../openFiles.ts';
import { type TestDatabase, testEngines } from '../testDatabases.ts';
import { Administrator } from './administrator.ts';
import { type FaultSet, withFaults } from './faultSet.ts';

/** Small, and with something of every stage of a restore: to create, to disarm, to count, to check. */
const schema: Readonly<Record<Engine['id'], string>> = {
  sqlite: `
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, customer INTEGER REFERENCES customers (id), total REAL);
    CREATE INDEX orders_by_customer ON orders (customer);
    CREATE TRIGGER counted AFTER INSERT ON orders BEGIN UPDATE customers SET name = name || '+' WHERE id = new.customer; END;
    CREATE TABLE extra (n INTEGER);`,
  postgres: `
    CREATE TABLE customers (id integer PRIMARY KEY, name text);
    CREATE TABLE orders (id serial PRIMARY KEY, customer integer REFERENCES customers (id), total numeric(8, 2));
    CREATE INDEX orders_by_customer ON orders (customer);
    CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN UPDATE public.customers SET name = name || '+' WHERE id = new.customer; RETURN new; END $$;
    CREATE TRIGGER counted AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION counted();
    CREATE TABLE extra (n integer);`,
};

const rows = `
  INSERT INTO customers (id, name) VALUES (1, 'Ada'), (2, 'Grace');
  INSERT INTO orders (customer, total) VALUES (1, 10.5), (2, 20.25), (2, 3);
  INSERT INTO extra VALUES (7);`;

/** What somebody did since: the state that a restore finds. It is undone by nothing but a restore. */
const rowDamage = `
  DELETE FROM orders WHERE total > 5; UPDATE customers SET name = 'lost' WHERE id = 1;
  INSERT INTO customers (id, name) VALUES (3, 'new');`;
const tableDamage = ' DROP TABLE extra;';

/** How a piece of work ended, and in what it left the session before that was closed. */
export interface Outcome {
  readonly error?: unknown;
  /** Whether it was the work that failed, rather than connecting. */
  readonly inWork: boolean;
}

/** A backup of a small database, or a restore of all of it or of chosen rows, run again and again from the same state. */
export interface Scenario {
  readonly engine: Engine['id'];
  readonly kind: 'backup' | 'restore' | 'rows';
  readonly database: TestDatabase;
  /** Connects, works, closes. Never throws. */
  run(faults: FaultSet, options?: RunOptions): Promise<Outcome>;
  /** What a process of its own needs to do the same. */
  readonly order: WorkOrder;
  /** Throws what is wrong with what the work left behind, then puts the first state back. */
  judge(outcome: Outcome, faults: FaultSet): Promise<void>;
  /** Of the database alone. */
  state(): Promise<'old' | 'new'>;
  /** Resolves when nobody else is in the database or has a lock in it. */
  unattended(): Promise<void>;
  /** Throws when a file of a backup's name is not complete; one that this work has written is removed. */
  takePublished(): Promise<void>;
  /** Ends the product's sessions from outside, as an administrator would. */
  terminate(): Promise<void>;
  /** Kills the process of one of them, on which the server ends all others and starts again. */
  crashServer(): Promise<void>;
  remove(): Promise<void>;
}

export interface RunOptions {
  readonly signal?: AbortSignal;
  /** Instead of the database's own: a way to it through something that breaks. */
  readonly url?: string;
  /** Instead of looking whether the session is in anybody's way when the work is over. */
  readonly inside?: () => void;
}

/** What to do, as data. */
export interface WorkOrder {
  readonly engine: Engine['id'];
  readonly kind: Scenario['kind'];
  readonly url: string;
  /** The backup that is written, or restored. */
  readonly file: string;
  /** A PostgreSQL restore goes without: it would be the other scenario once more. */
  readonly safetyFolder?: string;
  /** The folder in which it stands that this machine made the backup. */
  readonly stateFolder?: string;
  /** The rows that are restored. */
  readonly lines?: readonly string[];
}

/** Does it. `inside` is called when the work is over, before the session is closed. */
export async function work(
  { engine: id, kind, url, file, safetyFolder, stateFolder, lines = [] }: WorkOrder,
  signal?: AbortSignal,
  inside: () => Promise<void> = () => Promise.resolve(),
): Promise<Outcome> {
  const engine = engineById(id);
  const { address, password } = engine.parseUrl(url)!;
  const options = { logger: silentLogger, ...(signal ? { signal } : {}) };
  let session: Session | undefined;
  try {
    const access = {
      ...options,
      readOnly: kind === 'backup',
      ...(password === undefined ? {} : { password }),
    };
    session = await engine.connect(address, access);
    const state = stateFolder === undefined ? {} : { madeHere: new MadeHere(stateFolder, silentLogger) };
    const safety = safetyFolder === undefined ? {} : { safetyFolder };
    if (kind === 'backup') await takeBackup(session, { ...options, ...state, file });
    else if (kind === 'rows') {
      await restoreRows(file, session, engineById, {
        ...options,
        ...safety,
        ...state,
        source: { kind: 'lines', lines: bytesOf(lines.join('\n')) },
        ...{ onConflict: 'stop', deleteAdded: true, withRelated: false },
      });
    } else {
      const confirm = (): Promise<boolean> => Promise.resolve(true);
      await restoreBackup(file, session, engineById, {
        ...options,
        mode: 'replace',
        ...safety,
        ...state,
        mayRun: confirm,
        confirm,
      });
    }
    return { inWork: true };
  } catch (error) {
    return { error, inWork: session !== undefined };
  } finally {
    if (session) {
      await inside();
      await session.close();
    }
  }
}

/** `folder` is empty, and holds what the product keeps in its temporary folder too. */
export async function createScenario(
  engine: Engine['id'],
  kind: Scenario['kind'],
  folder: string,
): Promise<Scenario> {
  const database = await testEngines.find(({ id }) => id === engine)!.create();
  await database.run(schema[engine] + rows);
  const output = path.join(folder, 'backups');
  await mkdir(output);
  const url = engine === 'sqlite' ? database.url : `${database.url}?sslmode=disable`;
  const safety = engine === 'sqlite' || kind === 'rows' ? { safetyFolder: path.join(folder, 'safety') } : {};
  let order: WorkOrder = { engine, url, kind, file: path.join(output, 'saved.dbbackup'), ...safety };
  const texts = { new: await database.dump(), old: '' };
  if (kind !== 'backup') {
    const { error } = await work({ ...order, kind: 'backup' });
    assert.equal(error, undefined);
    await database.run(kind === 'rows' ? rowDamage : rowDamage + tableDamage);
  }
  if (kind === 'rows') order = { ...order, lines: await linesOf(order.file, database) };
  texts.old = await database.dump();
  const administrator = engine === 'postgres' ? new Administrator(database.url) : undefined;
  const place = new Place(database, order, folder, texts, administrator);
  return {
    engine,
    kind,
    database,
    order,
    run: (faults, options) => place.run(faults, options),
    judge: (outcome, faults) => place.judge(outcome, faults),
    state: () => place.state(),
    unattended: () => place.unattended(),
    takePublished: async () => {
      await place.checkPublished();
      if (kind === 'backup') await rm(order.file, { force: true });
    },
    terminate: async () => administrator?.terminate(),
    crashServer: async () => administrator?.crash(),
    remove: async () => {
      await administrator?.close();
      await database.remove();
    },
  };
}

class Place {
  readonly #database: TestDatabase;
  readonly #order: WorkOrder;
  readonly #folder: string;
  readonly #texts: Readonly<Record<'old' | 'new', string>>;
  readonly #administrator: Administrator | undefined;

  constructor(
    database: TestDatabase,
    order: WorkOrder,
    folder: string,
    texts: Record<'old' | 'new', string>,
    administrator: Administrator | undefined,
  ) {
    this.#database = database;
    this.#administrator = administrator;
    this.#order = order;
    this.#folder = folder;
    this.#texts = texts;
  }

  run(faults: FaultSet, { signal, url = this.#order.url, inside }: RunOptions = {}): Promise<Outcome> {
    return withFaults(faults, () =>
      work({ ...this.#order, url }, signal, async () => {
        faults.paused = true;
        if (inside) inside();
        else await this.#lookInside();
        faults.paused = false;
      }),
    );
  }

  async state(): Promise<'old' | 'new'> {
    // Whoever reads only cannot undo what a killed process has begun.
    if (!this.#administrator) await this.#database.run('BEGIN IMMEDIATE; ROLLBACK');
    const text = await this.#database.dump();
    if (text === this.#texts.old) return 'old';
    assert.equal(text, this.#texts.new, 'the database is neither as it was nor as the backup has it');
    return 'new';
  }

  async judge(outcome: Outcome, faults: FaultSet): Promise<void> {
    let state: 'old' | 'new' = 'new';
    try {
      await this.unattended();
      state = await this.state();
      judgeWords(outcome, this.#order.kind, state);
      await this.#judgeFiles(outcome, faults, state);
    } finally {
      await this.#reset(state);
    }
  }

  /** The work is over and its session is still open: it must not be in anybody's way. */
  async #lookInside(): Promise<void> {
    if (!this.#administrator) return;
    const none = async (): Promise<boolean> => (await this.#administrator!.busy()).length === 0;
    await eventually('a transaction was left open in a session', none);
  }

  async unattended(): Promise<void> {
    if (!this.#administrator) {
      // Refused where anybody still holds a lock.
      await this.#database.run('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE; ROLLBACK');
      return;
    }
    const none = async (): Promise<boolean> => (await this.#administrator!.present()).length === 0;
    await eventually('a connection or a lock was left', none);
  }

  async checkPublished(): Promise<string[]> {
    const files = readdirSync(this.#folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.name.endsWith('.dbbackup'))
      .map((entry) => path.join(entry.parentPath, entry.name));
    for (const name of files) {
      const archive = await Archive.open(name, engineById);
      await archive.check({});
      await archive.close();
    }
    return files;
  }

  async #judgeFiles({ error }: Outcome, faults: FaultSet, state: 'old' | 'new'): Promise<void> {
    const { kind, file } = this.#order;
    const all = readdirSync(this.#folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() || entry.name.startsWith('restore-point-'))
      .map((entry) => path.join(entry.parentPath, entry.name));
    const final = await this.checkPublished();
    if (kind === 'backup') assert.equal(final.includes(file), !error, 'the final name');
    // What could not be removed stays, and is told.
    const unremovable = faults.failedToRemove;
    if (!unremovable && kind === 'rows') {
      const safety = final.filter((name) => name !== file);
      assert.equal(safety.length, state === 'new' ? 1 : 0, 'a safety backup of rows that were written');
    }
    if (!unremovable) {
      const left = all.filter((name) => !name.endsWith('.dbbackup'));
      assert.deepEqual(left, [], 'a temporary file was left');
    }
    assert.deepEqual(openFiles(this.#folder), [], 'a file is still open');
  }

  async #reset(state: 'old' | 'new'): Promise<void> {
    // One leak is one failure.
    await this.#administrator?.terminate();
    const { kind, file, safetyFolder } = this.#order;
    if (kind === 'backup') await rm(file, { force: true });
    if (safetyFolder) await rm(safetyFolder, { recursive: true, force: true });
    for (const name of readdirSync(this.#folder)) {
      if (name.startsWith('restore-point-')) await rm(path.join(this.#folder, name), { recursive: true });
    }
    for (const name of readdirSync(path.dirname(file))) {
      if (name.endsWith('-part')) await rm(path.join(path.dirname(file), name));
    }
    if (kind !== 'backup' && state === 'new') {
      await this.#database.run(kind === 'rows' ? rowDamage : rowDamage + tableDamage);
      assert.equal(await this.state(), 'old');
    }
  }
}

/** What the error says was left unchanged has to be what was. */
function judgeWords({ error, inWork }: Outcome, kind: Scenario['kind'], state: 'old' | 'new'): void {
  if (error === undefined) {
    if (kind !== 'backup') assert.equal(state, 'new', 'it was told as done');
    return;
  }
  assert.ok(RestorePointError.is(error), `somebody else's error came out: ${String((error as Error).stack)}`);
  const words = describeError(error);
  assert.match(words, /^\S.*[.!?…]$/);
  if (!inWork) return;
  if (kind === 'backup') assert.equal(error.details.unchanged, 'No backup file was written.');
  else if (state === 'old')
    assert.match(words, /Nothing was changed\.|could not be confirmed|rolls back|not known/);
  else assert.doesNotMatch(words, /Nothing was changed/);
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield Buffer.from(text);
}

export async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 140; attempt += 1) {
    if (await holds()) return;
    await delay(attempt < 20 ? 5 : 50);
  }
  assert.fail(what);
}
