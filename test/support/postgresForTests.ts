import { type PostgresServer, startPostgres } from './postgresServer.ts';

let server: Promise<PostgresServer> | undefined;

/**
 * The PostgreSQL server of this mocha run: started by the first test that asks for it, stopped after the last test.
 * POSTGRES_BINARIES names the folder of another one than npm brings.
 */
export function postgresForTests(): Promise<PostgresServer> {
  const binaries = process.env['POSTGRES_BINARIES'];
  return (server ??= startPostgres(binaries ? { binaries } : {}));
}

/** Root hooks: mocha takes them from this file through `--require`. */
export const mochaHooks = {
  async afterAll(): Promise<void> {
    if (server) await (await server).stop();
  },
};
