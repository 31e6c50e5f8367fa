import { type PostgresServer, serverAt, startPostgres } from './postgresServer.ts';

/** Names the server (a URL) that the test runner has started for this process. */
export const sharedServerVariable = 'RESTORE_POINT_SHARED_POSTGRES';

let server: Promise<PostgresServer> | undefined;

/**
 * The PostgreSQL server of this mocha run: that of the test runner, or one that is started by the first test that asks for
 * it and stopped after the last test.
 * POSTGRES_BINARIES names the folder of another one than npm brings.
 */
export function postgresForTests(): Promise<PostgresServer> {
  const [binaries, shared] = [process.env['POSTGRES_BINARIES'], process.env[sharedServerVariable]];
  return (server ??= shared
    ? Promise.resolve(serverAt(shared))
    : startPostgres(binaries ? { binaries } : {}));
}

/** Root hooks: mocha takes them from this file through `--require`. */
export const mochaHooks = {
  async afterAll(): Promise<void> {
    if (server) await (await server).stop();
  },
};
