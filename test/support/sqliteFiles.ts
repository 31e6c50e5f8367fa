import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Manifest } from '../../src/core/manifest.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { TableName } from '../../src/core/names.ts';
import { isCarried } from '../../src/core/schema.ts';
import type { RestoreMode, RestorePlan, TableChange } from '../../src/core/plan.ts';
import type { OpenedRestore, Session, WorkOptions } from '../../src/engines/engine.ts';
import { sqliteEngine } from '../../src/engines/sqlite/engine.ts';
import { planRestore } from '../../src/restore/planRestore.ts';
import { MemoryPayload } from './memoryPayload.ts';

/** Runs statements in a connection of their own. Not while this process has the file open otherwise. */
export function runSqlite(file: string, sql: string): void {
  // Defensive databases refuse what some tests need: to write the schema and the counters of SQLite itself.
  const options = { enableForeignKeyConstraints: false, defensive: false };
  const database = new DatabaseSync(file, options);
  try {
    // What a test makes need not survive a power failure.
    database.exec('PRAGMA synchronous = OFF');
    database.exec(sql);
  } finally {
    database.close();
  }
}

/** A backup that was never a file. */
export interface MemoryBackup {
  readonly manifest: Manifest;
  readonly source: MemoryPayload;
}

export function connectSqlite(
  file: string,
  options: { readOnly?: boolean; create?: boolean } = {},
): Promise<Session> {
  return sqliteEngine.connect(
    { engine: 'sqlite', file },
    { readOnly: false, logger: silentLogger, ...options },
  );
}

/** A table by its name, or the rows of it for which a condition holds. */
export type Selected = string | { readonly name: string; readonly where: string };

/** Backs up a database, or some tables of it. */
export async function backUpSqlite(
  file: string,
  selected?: readonly Selected[],
  work: Partial<WorkOptions> = {},
): Promise<MemoryBackup> {
  const session = await connectSqlite(file, { readOnly: true });
  try {
    return await backUpSession(session, selected, work);
  } finally {
    await session.close();
  }
}

async function backUpSession(
  session: Session,
  selected: readonly Selected[] | undefined,
  work: Partial<WorkOptions>,
): Promise<MemoryBackup> {
  const options = { logger: silentLogger, ...work };
  const snapshot = await session.openSnapshot({ ...options, whole: selected === undefined });
  try {
    const { schema } = snapshot;
    const wanted = selected ?? schema.tables.filter(isCarried).map((table) => table.name.name);
    const selection = wanted.map((choice) => {
      const { name, where } = typeof choice === 'string' ? { name: choice, where: undefined } : choice;
      const table = schema.tables.find((candidate) => candidate.name.name === name);
      if (!table) throw new Error(`there is no table ${name}`);
      return { table, ...(where === undefined ? {} : { where }) };
    });
    const source = new MemoryPayload();
    const content = await snapshot.read(selection, source, options);
    const taken = new Set(selection.map(({ table }) => table.name.name));
    const belongs = (table: TableName | undefined): boolean =>
      selected === undefined || !table || taken.has(table.name);
    const manifest: Manifest = {
      format: 'restore-point',
      formatVersion: 1,
      createdAt: '2026-11-22T09:30:15.000Z',
      createdBy: '0.1.0',
      source: session.info,
      purpose: 'backup',
      complete: selected === undefined,
      compression: 'none',
      tables: content.tables,
      payloads: content.payloads,
      objects: schema.objects.filter((object) => belongs(object.table)),
      sequences: content.sequences.filter((sequence) => belongs(sequence.table)),
      leftOut: schema.leftOut,
    };
    return { manifest, source };
  } finally {
    await snapshot.close();
  }
}

export interface RestoreChoice extends Partial<WorkOptions> {
  readonly mode?: RestoreMode;
  readonly tables?: readonly string[];
  readonly madeHere?: boolean;
  /** Called before each step of the transaction; what it throws ends the restore. */
  readonly before?: (step: string, transaction: OpenedRestore) => void | Promise<void>;
}

/** Plans and runs a restore step by step as the use case does, and rolls back when anything throws. */
export async function restoreSqlite(
  file: string,
  backup: MemoryBackup,
  choice: RestoreChoice = {},
): Promise<TableChange[]> {
  const session = await connectSqlite(file, { create: true });
  try {
    const plan = await planFor(session, backup, choice);
    return await runPlan(session, plan, backup, choice);
  } finally {
    await session.close();
  }
}

async function planFor(
  session: Session,
  { manifest }: MemoryBackup,
  choice: RestoreChoice,
): Promise<RestorePlan> {
  const schema = await session.introspect({ logger: silentLogger });
  const target = { schema, features: session.features, rowCount: () => 0 };
  const tables = choice.tables?.map((name) => ({ name }));
  return planRestore(manifest, target, { mode: choice.mode ?? 'replace', ...(tables ? { tables } : {}) });
}

export async function runPlan(
  session: Session,
  plan: RestorePlan,
  { manifest, source }: MemoryBackup,
  { before, madeHere = false, ...work }: RestoreChoice = {},
): Promise<TableChange[]> {
  const options = { logger: silentLogger, ...work };
  const transaction = await session.beginRestore({ plan, manifest, source, madeHere }, options);
  const step = async <Result>(name: string, action: () => Promise<Result>): Promise<Result> => {
    await before?.(name, transaction);
    return action();
  };
  try {
    const prepared = await step('prepare', () => transaction.prepare());
    const changes: TableChange[] = [];
    for (const table of plan.tables) {
      changes.push(await step(`load ${table.target.name}`, () => prepared.load(table)));
    }
    const finished = await step('finish', () => prepared.finish());
    for (const table of plan.tables) {
      await step(`verify ${table.target.name}`, () => finished.verify(table));
    }
    await step('commit', () => finished.commit());
    return changes;
  } catch (error) {
    await transaction.rollback();
    throw error;
  }
}

/** Inside a mocha `describe`: a temporary folder of its own for what the product keeps there, and a check that it is empty. */
export function useSystemTemporaryFolder(): void {
  const variable = process.platform === 'win32' ? 'TEMP' : 'TMPDIR';
  let before: string | undefined;
  let folder: string;
  beforeEach(async () => {
    before = process.env[variable];
    folder = await mkdtemp(join(tmpdir(), 'restore-point-test-'));
    process.env[variable] = folder;
  });
  afterEach(async () => {
    if (before === undefined) delete process.env[variable];
    else process.env[variable] = before;
    const left = await readdir(folder);
    await rm(folder, { recursive: true });
    assert.deepEqual(left, [], 'something was left in the temporary folder');
  });
}

const holder = `
  const { DatabaseSync } = require('node:sqlite');
  const database = new DatabaseSync(process.argv[1]);
  database.exec(process.argv[2]);
  console.log('ready');
  process.stdin.resume();
  process.stdin.on('end', () => process.exit());
`;

/** Another process that runs statements and keeps its connection open. Resolves to what ends it. */
export async function holdSqlite(
  file: string,
  sql: string,
): Promise<{ end: () => Promise<void>; kill: () => Promise<void> }> {
  const child = spawn(process.execPath, ['--no-warnings', '-e', holder, file, sql], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  await Promise.race([
    once(child.stdout, 'data'),
    ended.then(([code]) => Promise.reject(new Error(`the other process ended with ${code}`))),
  ]);
  return {
    end: async () => {
      child.stdin.end();
      await ended;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** What `PRAGMA integrity_check` says first. */
export function integrity(file: string): unknown {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return database.prepare('PRAGMA integrity_check').get()!['integrity_check'];
  } finally {
    database.close();
  }
}
