import { type ErrorPlace, RestorePointError } from '../../../core/errors.ts';
import { formatTableName, tableKey } from '../../../core/names.ts';
import { objectKey } from '../../../core/schema.ts';
import { alongIndexes } from './alongIndexes.ts';
import { describeFailure, hasState, state } from '../connect/errors.ts';
import { newOwnerOf, welcoming } from './newOwners.ts';
import { readExtension } from '../schema/statements/makers.ts';
import { StatementReader } from '../schema/statements/reader.ts';
import type { Transaction } from '../connect/transaction.ts';
import type { PostgresObject } from '../schema/postgresObject.ts';

/** Objects that a partition needs before it is attached to its table. */
const indexed: readonly string[] = ['primary key', 'constraint', 'index'];

/**
 * The statements before the rows, after them, and at the very end: event triggers would act on all that comes after
 * them. A partition that comes back alone, into a table that is there, is put into it when it has its own keys and
 * indexes: it would else be given others. An index of a new table that calls functions of users is made before the rows:
 * the statement is read under an empty search path, and from PostgreSQL 17 on the rows would be too.
 */
export function inTurn(
  objects: readonly PostgresObject[],
): Record<'before' | 'after' | 'last', PostgresObject[]> {
  const keys = new Set(objects.map(objectKey));
  const isLone = ({ kind, name, needs = [] }: PostgresObject): boolean =>
    kind === 'partition' && needs.some((key) => key !== `table ${name}` && !keys.has(key));
  const isEvent = ({ kind, of }: PostgresObject): boolean =>
    kind === 'event trigger' || of?.startsWith('event trigger ') === true;
  const isLate = ({ section }: PostgresObject): boolean => section === 'post-data';
  const late = new Set(objects.filter(isLate).map(objectKey));
  const isEarly = ({ kind, table, needs = [] }: PostgresObject): boolean =>
    (kind === 'index' || kind === 'constraint') &&
    table !== undefined &&
    keys.has(`table ${formatTableName(table)}`) &&
    needs.some((key) => usersCode.test(key)) &&
    !needs.some((key) => late.has(key));
  const early = objects.filter((object) => isLate(object) && isEarly(object));
  const after = objects.filter((object) => isLate(object) && !isEvent(object) && !early.includes(object));
  const keyed = after.findLastIndex(({ kind }) => indexed.includes(kind)) + 1;
  return {
    before: [...objects.filter((object) => !isLate(object) && !isLone(object)), ...early],
    after: [...after.slice(0, keyed), ...objects.filter(isLone), ...after.slice(keyed)],
    last: objects.filter(isEvent),
  };
}

/** Keys of what an index can call. */
const usersCode = /^(function|operator|operator class) /;

const refreshing = 'materialized view data';

/** Its statement evaluates what is there, and its words leave nothing to a search path. */
function evaluates({ kind }: PostgresObject): boolean {
  return kind === 'foreign key' || kind === 'partition' || kind === refreshing;
}

/** Function bodies may refer to later objects, and objects get the default tablespace, whatever the session is set to. */
const settings = `
  SET LOCAL check_function_bodies = off; SET LOCAL default_tablespace = ''; SET LOCAL default_table_access_method = heap;
  SET LOCAL transform_null_equals = off`;

/**
 * Runs the statements of a backup that make what is missing. Each is sent as a single one: a COMMIT in it
 * would end the one transaction. What they are was checked before: see `checkStatements`. `large`: keys of tables with many rows.
 * Resolves to what could not be done and need not be, as sentences.
 */
export async function createObjects(
  transaction: Transaction,
  objects: readonly PostgresObject[],
  large: ReadonlySet<string> = new Set(),
): Promise<string[]> {
  if (objects.length === 0) return [];
  await transaction.run(settings);
  const superuser = await isSuperuser(transaction);
  const isPlain = (object: PostgresObject): boolean =>
    object.as === undefined &&
    object.kind !== 'extension' &&
    object.kind !== refreshing &&
    !isLargeKey(object, large) &&
    (superuser || newOwnerOf(object) === undefined);
  let plain: PostgresObject[] = [];
  const makePlain = async (): Promise<void> => {
    const made = plain;
    plain = [];
    await createTogether(transaction, made);
  };
  const notes: string[] = [];
  for (const object of objects) {
    if (plain[0] && evaluates(plain[0]) !== evaluates(object)) await makePlain();
    if (isPlain(object)) plain.push(object);
    else {
      await makePlain();
      notes.push(...(await createObject(transaction, object, large)));
    }
  }
  await makePlain();
  return notes;
}

/** Sends all at once, and one by one only where one of them needs more than that. */
async function createTogether(transaction: Transaction, objects: readonly PostgresObject[]): Promise<void> {
  const statements = objects.map((object) => asServerHasIt(transaction, object));
  const [first] = objects;
  if (!first) return;
  const runAll = (): Promise<void> =>
    transaction.runEach(statements, (failure, index) => notMade(objects[index]!, failure));
  if (evaluates(first)) return transaction.underOwnPath(runAll);
  try {
    await transaction.attempt(runAll);
  } catch (error) {
    if (!RestorePointError.is(error) || !hasState(error.cause, ...state.undefinedNames)) throw error;
    for (const [index, sql] of statements.entries()) {
      await transaction
        .define(() => transaction.runSingle(sql))
        .catch((failure: unknown) => {
          throw notMade(objects[index]!, failure);
        });
    }
  }
}

/** One that takes more than its statement. */
async function createObject(
  transaction: Transaction,
  object: PostgresObject,
  large: ReadonlySet<string>,
): Promise<string[]> {
  try {
    if (object.kind === refreshing) return await refresh(transaction, object);
    await asRole(transaction, object.as, async () => {
      const sql =
        object.kind === 'extension'
          ? await availableVersion(transaction, object)
          : asServerHasIt(transaction, object);
      const run = (): Promise<void> => transaction.runSingle(sql);
      const make = evaluates(object) ? () => transaction.underOwnPath(run) : run;
      await welcoming(transaction, object, () =>
        isLargeKey(object, large) ? alongIndexes(transaction, object.table!, sql, make) : make(),
      );
    });
    return [];
  } catch (error) {
    throw notMade(object, error);
  }
}

/** The contents of a view can be computed again; no row of a table depends on them. */
async function refresh(transaction: Transaction, { name, sql }: PostgresObject): Promise<string[]> {
  try {
    await transaction.attempt(() => transaction.underOwnPath(() => transaction.runSingle(sql)));
    return [];
  } catch (error) {
    if (!RestorePointError.is(error, 'database')) throw error;
    return [
      `the materialized view ${name} could not be refreshed and is unchanged: ${error.message}. ` +
        `After you have fixed that, refresh it: ${sql}`,
    ];
  }
}

function isLargeKey({ kind, table }: PostgresObject, large: ReadonlySet<string>): boolean {
  return kind === 'foreign key' && table !== undefined && large.has(tableKey(table));
}

function notMade(object: PostgresObject, error: unknown): RestorePointError {
  const failure = describeFailure(error, placeOf(object));
  if (failure.code !== 'database') return failure;
  return new RestorePointError('database', `${objectKey(object)} could not be created: ${failure.message}`, {
    ...failure.details,
  });
}

async function isSuperuser(transaction: Transaction): Promise<boolean> {
  const [row] = await transaction.rows<{ superuser: boolean }>(
    'SELECT rolsuper AS superuser FROM pg_roles WHERE rolname = current_user',
  );
  return row?.superuser ?? false;
}

function placeOf({ table }: PostgresObject): ErrorPlace {
  return table ? { table: formatTableName(table) } : {};
}

/** Does something as another role that the user is a member of. */
export async function asRole(
  transaction: Transaction,
  role: string | undefined,
  work: () => Promise<void>,
): Promise<void> {
  if (role === undefined) return work();
  const [before] = await transaction.rows<{ role: string }>(`SELECT current_setting('role') AS role`);
  const set = (name: string): Promise<unknown> =>
    transaction.rows(`SELECT set_config('role', $1, true)`, [name]);
  await set(role);
  await work();
  await set(before!.role);
}

/** The statement without what this server has given up. */
function asServerHasIt(transaction: Transaction, object: PostgresObject): string {
  // For a partitioned table it never had an effect.
  if (object.kind === 'table' && transaction.database.server.version >= 180_000)
    return object.sql.replace(/^CREATE UNLOGGED (TABLE [^]*\n\)\nPARTITION BY )/, 'CREATE $1');
  return object.sql;
}

/** An extension comes in the version that it had, where the server has that; else in the server's own. */
async function availableVersion(transaction: Transaction, { sql }: PostgresObject): Promise<string> {
  const { name, version, place } = readExtension(new StatementReader(sql));
  const found = await transaction.rows(
    `SELECT FROM pg_available_extension_versions WHERE name = $1 AND quote_literal(version) = $2`,
    [name, version],
  );
  return found.length > 0 ? sql : sql.slice(0, place);
}
