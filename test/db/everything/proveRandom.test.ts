import assert from 'node:assert/strict';
import { silentLogger } from '../../../src/core/logger.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { type ProofReport, proveBackup } from '../../../src/restore/proveBackup.ts';
import { postgresForTests } from '../../support/postgresForTests.ts';
import { randomCase } from '../../support/randomPostgres.ts';
import { makeRandomSqlite, randomSqlite } from '../../support/randomSqlite.ts';
import { randomSource } from '../../support/randomSource.ts';
import { casesOf } from '../../support/sample.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { backUpUrl, runSql } from './postgresRoundTrip.ts';
import { backUpFile } from './sqliteRoundTrip.ts';

/** A proof that finds a difference where there is none is as bad as one that finds none. */
describe('proofs of random databases', () => {
  const folder = useTemporaryFolder();

  async function prove(file: string, url?: string): Promise<ProofReport> {
    const server = url === undefined ? undefined : engineById('postgres').parseUrl(url);
    const names = new Set<string>();
    return await proveBackup(file, {
      logger: silentLogger,
      engines: engineById,
      mayRun: () => Promise.resolve(true),
      otherServer: '',
      names: {
        add: (name) => Promise.resolve(void names.add(name)),
        has: (name) => Promise.resolve(names.has(name)),
      },
      ...(server ? { server } : {}),
    });
  }

  it('hold for SQLite', async () => {
    const random = randomSource('proofs of random SQLite databases');
    for (let number = 0; number < casesOf(100, 15); number += 1) {
      const made = randomSqlite(random);
      const source = folder.file(`${number}.db`);
      const file = folder.file(`${number}.dbbackup`);
      makeRandomSqlite(source, made);
      await backUpFile(source, file);
      const { proved, problems } = await prove(file);
      assert.ok(proved, [...problems, ...made.statements].join('\n'));
    }
  });

  it('hold for PostgreSQL', async () => {
    const random = randomSource('proofs of random PostgreSQL databases');
    const server = await postgresForTests();
    const [[version]] = (await runSql(server.url, 'SHOW server_version_num')) as [[string]];
    for (let number = 0; number < casesOf(40, 5); number += 1) {
      const name = `prove_random_${process.pid}_${number}`;
      const url = await server.createDatabase(name);
      try {
        const { make } = randomCase(random, number, Number(version));
        await runSql(url, make);
        const file = folder.file(`${number}.dbbackup`);
        await backUpUrl(url, file);
        const { proved, problems } = await prove(file, url);
        assert.ok(proved, [...problems, make].join('\n'));
      } finally {
        await runSql(server.url, `DROP DATABASE ${name} WITH (FORCE)`);
      }
    }
  });
});
