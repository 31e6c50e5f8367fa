import type { DatabaseAddress } from '../core/connections.ts';
import { messageOf, RestorePointError } from '../core/errors.ts';
import type { DatabaseInfo } from '../core/manifest.ts';
import type { CreatedDatabase, Engine, WorkOptions } from '../engines/engine.ts';

/** The server, or the place of the file. */
export interface NewDatabasePlace {
  readonly engine: Engine;
  readonly address: DatabaseAddress;
  readonly password?: string;
  /** The name of the database; by default that of the address. */
  readonly name?: string;
}

export interface NewDatabaseOptions extends WorkOptions {
  /** Learns what is to be known of the new database, as sentences. */
  readonly say: (sentence: string) => void;
  /** What to do if the engine makes no such database, as a sentence without its end. */
  readonly otherwise: string;
}

/**
 * Runs a restore in a new database like the one that the backup was taken from. If the restore fails, the database is dropped
 * again. `target`: the new database, for people.
 */
export async function inNewDatabase<Result>(
  { engine, address, name, ...access }: NewDatabasePlace,
  source: DatabaseInfo,
  { say, otherwise, ...work }: NewDatabaseOptions,
  restore: (address: DatabaseAddress, target: string) => Promise<Result>,
): Promise<Result> {
  if (!engine.createDatabase || engine.id !== source.engine) {
    throw new RestorePointError('usage', `No ${engine.label} database can be created for this backup`, {
      unchanged: 'Nothing was changed.',
      next: otherwise,
    });
  }
  const created = await engine.createDatabase(address, name, source, { ...work, ...access });
  const target = engine.describe(created.address);
  for (const warning of created.warnings) say(`warning: ${warning}`);
  try {
    return await restore(created.address, target);
  } catch (error) {
    throw await withoutIt(created, target, error, say);
  }
}

/** Drops the database. Resolves to the error to be thrown, with the second one where that failed. */
async function withoutIt(
  created: CreatedDatabase,
  target: string,
  error: unknown,
  say: (sentence: string) => void,
): Promise<unknown> {
  try {
    await created.drop();
    say(`The new database ${target} was dropped again.`);
    return error;
  } catch (second) {
    say(`The new database ${target} could not be dropped: ${messageOf(second)}. Drop it yourself.`);
    return RestorePointError.is(error) ? error.with({ suppressed: second }) : error;
  }
}
