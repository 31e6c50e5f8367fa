import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { failure, inTransaction, usePostgres } from '../../support/postgresRestores.ts';
import type { TestDatabase } from '../../support/testDatabases.ts';

describe('postgres: queries that are sent together', () => {
  const postgres = usePostgres();
  let database: TestDatabase;
  beforeEach(async () => {
    database = await postgres.create();
  });

  it('get each its own answer, also those that ask again, and leave the connection as it was', async () => {
    await inTransaction(database, async (transaction) => {
      const number = async (value: number): Promise<number> =>
        (await transaction.rows<{ n: number }>('SELECT $1::int AS n', [value]))[0]!.n;
      const slow = (): Promise<unknown[]> => transaction.rows('SELECT 1 AS slow FROM pg_sleep(0.2)');
      const answers = await transaction.together(
        slow,
        () => number(1),
        async () => (await number(2)) + (await number(3)),
        () =>
          transaction.together(
            () => number(4),
            () => number(5),
          ),
        () => Promise.resolve('nothing to ask'),
        () => transaction.rows(`SELECT repeat('x', 3000000) AS long`).then((rows) => rows.length),
      );
      assert.deepEqual(answers, [[{ slow: 1 }], 1, 5, [4, 5], 'nothing to ask', 1]);
      await transaction.run('CREATE TABLE public.t (a integer); INSERT INTO public.t VALUES (1), (2)');
      assert.equal(await transaction.copyIn('COPY public.t FROM STDIN', rows('3\n')), 1);
      assert.equal((await transaction.rows('SELECT FROM public.t')).length, 3);
    });
  });

  it('fail as the first of them that failed', async () => {
    await inTransaction(database, async (transaction) => {
      let ended = 0;
      const query = async (sql: string): Promise<unknown> => {
        try {
          return await transaction.rows(sql);
        } finally {
          ended += 1;
        }
      };
      // Its failure takes longer to come out than that of those behind it.
      const deeper = async (sql: string): Promise<unknown> => await query(sql);
      const error = await failure(
        transaction.together(
          () => query('SELECT 1 AS n'),
          () =>
            transaction.together(
              () => deeper('SELECT 1 / 0 AS n'),
              () => query('SELECT 2 AS n'),
            ),
          () => query('SELECT no_such_column'),
        ),
      );
      assert.match(error.message, /division by zero/);
      assert.equal(ended, 4, 'none is under way any more');
      await transaction.rollback();
    });
  });

  it('end soon when they are cancelled', async () => {
    const abort = new AbortController();
    const { signal } = abort;
    const said: string[] = [];
    const say = (message: string): void => void said.push(message);
    const work = inTransaction(
      database,
      async (transaction) => {
        void delay(300).then(() => abort.abort());
        await transaction.together(
          () => transaction.rows('SELECT 1 AS n FROM pg_sleep(60)'),
          () => transaction.rows('SELECT 2 AS n FROM pg_sleep(60)'),
          () => transaction.rows('SELECT 3 AS n FROM pg_sleep(60)'),
        );
      },
      { signal, logger: { debug: say, info: say, warn: say, error: say } },
    );
    assert.equal((await failure(work)).code, 'cancelled');
    assert.doesNotMatch(said.join('\n'), /did not stop|could not be/, 'the server heard of it');
  });
});

async function* rows(text: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(text));
}
