import assert from 'node:assert/strict';
import pg from 'pg';
import { postgresForTests } from '../../support/postgresForTests.ts';
import { randomCase } from '../../support/randomPostgres.ts';
import { randomSource, seededSource } from '../../support/randomSource.ts';

describe('random PostgreSQL schemas', () => {
  it('are the same for the same seed', () => {
    const [one, other] = [1, 1].map((seed) => randomCase(seededSource(seed), 7, 180000));
    assert.deepEqual(one, other);
    assert.notDeepEqual(one, randomCase(seededSource(2), 7, 180000));
  });

  it('can be made, and damaged', async () => {
    const random = randomSource('random PostgreSQL schemas');
    const server = await postgresForTests();
    const client = new pg.Client({ connectionString: await server.createDatabase(`random_${process.pid}`) });
    await client.connect();
    try {
      const { rows } = await client.query<{ server_version_num: string }>('SHOW server_version_num');
      for (let number = 0; number < 60; number += 1) {
        const { make, rowDamage, objectDamage } = randomCase(
          random,
          number,
          Number(rows[0]?.server_version_num),
        );
        await client.query(`RESET session_replication_role; ${make}`);
        await client.query(
          `SET session_replication_role = replica; ${[...rowDamage, ...objectDamage].join('\n')}`,
        );
      }
    } finally {
      await client.end();
    }
  });
});
