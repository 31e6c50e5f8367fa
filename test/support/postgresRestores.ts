import pg from 'pg';
import { Archive } from '../../src/archive/archiveReader.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { RestoreMode } from '../../src/core/plan.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import type { OpenedRestore, WorkOptions } from '../../src/engines/engine.ts';
import { resolveAddress } from '../../src/engines/postgres/connect/address.ts';
import { Database } from '../../src/engines/postgres/connect/connection.ts';
import { Transaction } from '../../src/engines/postgres/connect/transaction.ts';
import { engineById } from '../../src/engines/registry.ts';
import { makePlan } from '../../src/restore/restoreBackup.ts';
import { useTemporaryFolder } from './temporaryFolder.ts';
import { type TestDatabase, testEngines } from './testDatabases.ts';
import { stepsOf } from './restoreSteps.ts';

export { backUp, failure, restore } from './restores.ts';

/** Names of schema `public` for options. */
export const tables = (...names: string[]): { schema: string; name: string }[] =>
  names.map((name) => ({ schema: 'public', name }));

/** Inside a mocha `describe`: makes empty PostgreSQL databases, which are removed after each test. */
export function usePostgres(): {
  create(schema?: string): Promise<TestDatabase>;
  file(name: string): string;
} {
  const folder = useTemporaryFolder();
  const made: TestDatabase[] = [];
  afterEach(async () => {
    for (const database of made.splice(0)) await database.remove();
  });
  return {
    async create(schema) {
      const engine = testEngines.find(({ id }) => id === 'postgres')!;
      const database = await engine.create();
      made.push(database);
      if (schema !== undefined) await database.run(schema);
      return database;
    },
    file: (name) => folder.file(name),
  };
}

/** A connection of the test's own, for a session that is looked at or that gets in the way. */
export async function openClient(database: TestDatabase): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url, application_name: 'the test' });
  // Tests end sessions on purpose.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** The same database for another role, whose password is `secret`; statements of the test stay the superuser's. */
export function as(database: TestDatabase, role: string): TestDatabase {
  const url = new URL(database.url);
  url.username = role;
  url.password = 'secret';
  const { address } = database.engine.parseUrl(url.href)!;
  return {
    ...database,
    url: url.href,
    connect: (options) =>
      database.engine.connect(address, {
        password: 'secret',
        readOnly: options?.readOnly ?? false,
        logger: silentLogger,
      }),
  };
}

/** A transaction of the engine that writes, rolled back at the end. */
export async function inTransaction<Result>(
  database: TestDatabase,
  work: (transaction: Transaction) => Promise<Result>,
  { signal, logger = silentLogger }: Partial<WorkOptions> = {},
): Promise<Result> {
  const { address, password } = database.engine.parseUrl(database.url)!;
  const opened = await Database.open(resolveAddress(address), { password: password!, logger });
  const transaction = await Transaction.begin(opened, 'write', signal);
  try {
    return await work(transaction);
  } finally {
    await transaction.close();
    await opened.close();
  }
}

/** The steps of a restore transaction in their order, to be taken one by one. */
export async function withTransaction(
  file: string,
  database: TestDatabase,
  mode: RestoreMode,
  work: (steps: (() => Promise<unknown>)[], transaction: OpenedRestore) => Promise<void>,
  options: Partial<WorkOptions> = {},
): Promise<void> {
  const session = await database.connect();
  const archive = await Archive.open(file, engineById);
  try {
    const { manifest } = archive;
    const all = { mode, logger: silentLogger, ...options };
    const plan = await makePlan(manifest, session, { mode, logger: silentLogger });
    const transaction = await session.beginRestore({ plan, manifest, source: archive }, all);
    const steps = stepsOf(transaction, plan).filter(({ name }) => name !== 'commit');
    await work(
      steps.map(({ run }) => run),
      transaction,
    );
  } finally {
    await archive.close();
    await session.close();
  }
}

/** Aborts as soon as an event is of this phase and has gone so far. */
export function abortWhen(
  reached: (event: ProgressEvent) => boolean,
): Required<Pick<WorkOptions, 'signal' | 'report'>> {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    report: (event) => {
      if (reached(event)) controller.abort();
    },
  };
}
