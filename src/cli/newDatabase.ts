import { messageOf, RestorePointError } from '../core/errors.ts';
import type { Manifest } from '../core/manifest.ts';
import type { CreatedDatabase, WorkOptions } from '../engines/engine.ts';
import type { ResolvedConnection } from './connection.ts';
import type { Output } from './output.ts';

/**
 * Runs a restore in a new database like the one that the backup was taken from. Where the restore fails the database is
 * dropped again. `name`: of the database; an empty one is that of the connection.
 */
export async function inNewDatabase(
  connection: ResolvedConnection,
  name: string,
  source: Manifest['source'],
  { output, ...work }: WorkOptions & { readonly output: Output },
  restore: (connection: ResolvedConnection, made: string) => Promise<void>,
): Promise<void> {
  const { engine, address, password } = connection;
  if (!engine.createDatabase || engine.id !== source.engine) {
    throw new RestorePointError('usage', `No ${engine.label} database can be created for this backup`, {
      unchanged: 'Nothing was changed.',
      next: 'Leave --create-database out.',
    });
  }
  const options = { ...work, ...(password === undefined ? {} : { password }) };
  const created = await engine.createDatabase(address, name === '' ? undefined : name, source, options);
  const target = engine.describe(created.address);
  for (const warning of created.warnings) output.message(`warning: ${warning}`);
  try {
    await restore({ ...connection, address: created.address }, target);
  } catch (error) {
    throw await withoutIt(created, target, error, output);
  }
}

/** Drops the database. Resolves to the error to be thrown, with the second one where that failed. */
async function withoutIt(
  created: CreatedDatabase,
  target: string,
  error: unknown,
  output: Output,
): Promise<unknown> {
  try {
    await created.drop();
    output.message(`The new database ${target} was dropped again.`);
    return error;
  } catch (second) {
    output.message(
      `The new database ${target} could not be dropped: ${messageOf(second)}. Drop it yourself.`,
    );
    return RestorePointError.is(error) ? error.with({ suppressed: second }) : error;
  }
}
