import { setImmediate } from 'node:timers/promises';
import { RestorePointError, throwIfCancelled } from '../../../../core/errors.ts';
import { formatTableName } from '../../../../core/names.ts';
import { objectKey } from '../../../../core/schema.ts';
import type { PostgresObject } from '../postgresObject.ts';
import type { Host } from './host.ts';
import { makers } from './makers.ts';
import { properties } from './properties.ts';
import { StatementReader } from './reader.ts';
import { readDefaultPrivileges } from './roleProperties.ts';
import type { Target } from './targets.ts';
import { UnreadableStatement } from './tokens.ts';

/** Longer than any statement of a backup. */
const maxLength = 64 * 1024 * 1024;

/** Characters that are read without a pause: some milliseconds' work. */
const pauseLength = 1024 * 1024;

export interface Checked {
  readonly object: PostgresObject;
  /** The reason why it is refused; undefined if it is valid. */
  readonly reason: string | undefined;
}

/**
 * Checks that every statement is one that a backup holds for an object of its kind and name, and nothing more: a backup
 * comes from a file, and what a plan says of its statements has to be true. What code a statement carries (the body of
 * a function, an expression of a default) is not judged: that is up to the user who is asked whether it may run.
 * Throws `damaged-backup` for the first one that is not.
 */
export async function checkStatements(
  objects: readonly PostgresObject[],
  signal: AbortSignal | undefined,
): Promise<void> {
  let read = 0;
  for (const { object, reason } of readStatements(objects)) {
    if (reason !== undefined) throw notKnown(object, reason);
    read += object.sql.length;
    if (read < pauseLength) continue;
    read = 0;
    await setImmediate();
    throwIfCancelled(signal);
  }
}

/** Reads all statements one after the other, and yields what is wrong with each. */
export function* readStatements(objects: readonly PostgresObject[]): Generator<Checked> {
  const hosts = new Map<string, Host>();
  for (const object of objects) {
    if (object.of !== undefined) continue;
    const key = objectKey(object);
    const found = checkOne(object, readMaker);
    const twice = hosts.has(key) ? 'the backup contains it twice' : undefined;
    if (typeof found !== 'string') hosts.set(key, { object, target: found });
    yield { object, reason: twice ?? (typeof found === 'string' ? found : undefined) };
  }
  for (const object of objects) {
    if (object.of === undefined) continue;
    const host = hosts.get(object.of);
    const reason = host
      ? checkOne(object, (reader) => readProperty(reader, object, host))
      : `the backup has no ${object.of}`;
    yield { object, reason: reason ?? undefined };
  }
}

function readMaker(reader: StatementReader, object: PostgresObject): Target {
  if (object.as !== undefined) reader.fail('it is run as another role');
  if (object.repeat && object.kind !== 'materialized view data') reader.fail('it would be run again');
  if (object.kind === 'default privileges') return readDefaultPrivileges(reader, object);
  const read = makers.get(object.kind);
  return read
    ? read(reader, object)
    : reader.fail('backups do not contain objects of this kind on their own');
}

function readProperty(reader: StatementReader, object: PostgresObject, host: Host): void {
  if (object.as !== undefined && !object.kind.startsWith('privileges'))
    reader.fail('it is run as another role');
  if (object.repeat) reader.fail('it would be run again');
  const read = properties.get(object.kind);
  if (!read) reader.fail('objects of this kind do not belong to another object');
  const setting = / setting$/.test(object.kind) ? object.kind.slice(0, -' setting'.length) : undefined;
  const isOwn = setting === undefined || setting === host.object.kind || inherited.includes(setting);
  if (!isOwn) reader.fail(`it is a setting of another kind of object`);
  read(reader, object, host);
}

/** Settings that belong to a property. */
const inherited: readonly string[] = ['privileges', 'row-level security'];

/** The result of reading, or why it failed. */
function checkOne<Found>(
  object: PostgresObject,
  read: (reader: StatementReader, object: PostgresObject) => Found,
): Found | string {
  try {
    if (object.sql.length > maxLength)
      throw new UnreadableStatement('it is longer than any statement that a backup contains');
    const reader = new StatementReader(object.sql);
    const found = read(reader, object);
    reader.end();
    return found;
  } catch (error) {
    if (error instanceof UnreadableStatement) return error.message;
    throw error;
  }
}

function notKnown(object: PostgresObject, reason: string): RestorePointError {
  const { table } = object;
  return new RestorePointError(
    'damaged-backup',
    `The statement for ${objectKey(object)} is not one that Restore Point would write: ${reason}`,
    table ? { place: { table: formatTableName(table) } } : {},
  );
}
