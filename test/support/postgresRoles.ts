import assert from 'node:assert/strict';
import { silentLogger } from '../../src/core/logger.ts';
import type { RestoreMode, RestorePlan } from '../../src/core/plan.ts';
import { engineById } from '../../src/engines/registry.ts';
import { restoreBackup } from '../../src/restore/restoreBackup.ts';
import { runSql } from '../db/everything/postgresRoundTrip.ts';
import { postgresForTests } from './postgresForTests.ts';
import { failure } from './postgresRestores.ts';
import type { TestDatabase } from './testDatabases.ts';

/** Roles of a suite, which are dropped after it. */
export function useRoles(): { readonly makeRole: (...owned: TestDatabase[]) => Promise<string> } {
  const roles: string[] = [];

  // When the databases are gone nothing depends on them.
  after(async () => {
    const { url } = await postgresForTests();
    for (const role of roles) await runSql(url, `DROP ROLE ${role}`);
  });

  /** A role of this test alone, that owns these databases. */
  async function makeRole(...owned: TestDatabase[]): Promise<string> {
    const role = `role_${process.pid}_${roles.length}`;
    await runSql((await postgresForTests()).url, `CREATE ROLE ${role} LOGIN PASSWORD 'secret'`);
    for (const each of owned) await each.run(`ALTER DATABASE ${nameOf(each)} OWNER TO ${role}`);
    roles.push(role);
    return role;
  }

  return { makeRole };
}

export function nameOf(database: TestDatabase): string {
  return new URL(database.url).pathname.slice(1);
}

/** The plan of a restore; nothing is written. */
export async function plan(
  file: string,
  database: TestDatabase,
  mode: RestoreMode = 'replace',
): Promise<RestorePlan> {
  const session = await database.connect();
  let seen: RestorePlan | undefined;
  try {
    const work = restoreBackup(file, session, engineById, {
      mayRun: () => Promise.resolve(true),
      mode,
      logger: silentLogger,
      confirm: (shown) => {
        seen = shown;
        return Promise.resolve(false);
      },
    });
    assert.equal((await failure(work)).code, 'cancelled');
  } finally {
    await session.close();
  }
  return seen!;
}
