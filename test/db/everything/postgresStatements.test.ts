import assert from 'node:assert/strict';
import { silentLogger } from '../../../src/core/logger.ts';
import { objectKey, type SchemaObject } from '../../../src/core/schema.ts';
import { engineById } from '../../../src/engines/registry.ts';
import { readStatements } from '../../../src/engines/postgres/schema/statements/checkStatements.ts';
import { type PostgresServer, startPostgres } from '../../support/postgresServer.ts';
import { ensureDebianPostgres } from '../../support/postgresWitness.ts';
import { randomCase } from '../../support/randomPostgres.ts';
import { randomSource, seededSource } from '../../support/randomSource.ts';
import { createEntries, createEverythingRoles, entriesFor } from './postgres.ts';
import { runSql } from './postgresRoundTrip.ts';
import { typeTables } from './postgresTypes.ts';
import { casesOf, sampleParts } from '../../support/sample.ts';

const cases = casesOf(40, 6);

for (const version of [15, 18] as const) {
  const title = `statements of backups, PostgreSQL ${version}`;
  describe(title, function () {
    sampleParts(this, version === 18 ? 1 : Infinity);
    this.timeout(300_000 + cases * 1000);
    let server: PostgresServer;

    before(async () => {
      server = await startPostgres(version === 15 ? { binaries: ensureDebianPostgres() } : {});
    });
    after(() => server.stop());

    it('are what they say, for one of everything', async () => {
      await createEverythingRoles(server.url);
      const url = await server.createDatabase('everything');
      await createEntries(url, entriesFor(version * 10_000));
      for (const script of typeTables(version * 10_000)) await runSql(url, script);
      assertKnown(await objectsOf(url));
    });

    it('are what they say, for random schemas', async () => {
      const { seed } = randomSource(title);
      const url = await server.createDatabase('random');
      for (let number = 0; number < cases; number++)
        await runSql(url, randomCase(seededSource(seed + number), number, version * 10_000).make);
      assertKnown(await objectsOf(url));
    });
  });
}

async function objectsOf(url: string): Promise<readonly SchemaObject[]> {
  const engine = engineById('postgres');
  const { address, password } = engine.parseUrl(url)!;
  const session = await engine.connect(address, {
    readOnly: true,
    logger: silentLogger,
    ...(password === undefined ? {} : { password }),
  });
  try {
    return (await session.introspect({ logger: silentLogger })).objects;
  } finally {
    await session.close();
  }
}

function assertKnown(objects: readonly SchemaObject[]): void {
  const unknown = [...readStatements(objects)].flatMap(({ object, reason }) =>
    reason === undefined ? [] : [`${objectKey(object)}: ${reason}: ${object.sql}`],
  );
  assert.ok(objects.length > 100, `only ${objects.length} statements`);
  assert.deepEqual(unknown, []);
}
