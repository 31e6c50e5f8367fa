import { createHash } from 'node:crypto';
import { access, constants, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { messageOf, RestorePointError } from '../../../core/errors.ts';
import type { ConnectOptions } from '../../engine.ts';
import { Connection } from './connection.ts';
import { describeFailure, isSqliteError } from './errors.ts';

interface Proven {
  readonly connection: Connection;
  /** The version of SQLite. */
  readonly version: string;
}

export interface OpenedFile extends Proven {
  /** There is no such file yet: the connection is to an empty database. */
  readonly missing: boolean;
  /** See `DatabaseInfo`. */
  readonly identity: string;
}

/** Makes an empty database file where none is. Throws SQLite's errors. */
export async function makeDatabaseFile(file: string): Promise<Connection> {
  const { connection } = await prove(await Connection.open(file, 'create'));
  return connection;
}

/** Opens a database file and proves that it is one. Throws `connection` with the reason in words. */
export async function openDatabaseFile(file: string, options: ConnectOptions): Promise<OpenedFile> {
  const exists = await checkFile(file, options);
  let opened: Proven | undefined;
  try {
    opened = await openProven(file, exists, options);
    return { ...opened, missing: !exists, identity: await identityOf(file, opened.connection) };
  } catch (error) {
    await opened?.connection.closeQuietly(options.logger);
    throw describeFailure(error, 'connection', { file });
  }
}

/** A hash of the file's path without links, and of the number that its application gave it. */
async function identityOf(file: string, connection: Connection): Promise<string> {
  const absolute = resolve(file);
  const path = await realpath(absolute).catch(async () =>
    join(await realpath(dirname(absolute)).catch(() => dirname(absolute)), basename(absolute)),
  );
  const row = await connection.get<{ application_id: number }>('PRAGMA main.application_id');
  const text = `sqlite\0${path}\0${row?.application_id ?? 0}`;
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

async function openProven(
  file: string,
  exists: boolean,
  { readOnly, logger, signal }: ConnectOptions,
): Promise<Proven> {
  if (!exists) return prove(await Connection.openEmpty(), signal);
  if (!readOnly) return prove(await Connection.open(file, 'write'), signal);
  try {
    return await prove(await Connection.open(file, 'read'), signal);
  } catch (error) {
    if (!isSqliteError(error, 'SQLITE_READONLY', 'SQLITE_CANTOPEN')) throw error;
    // A program that was killed leaves a journal, and only one who may write can bring the file back to what it was.
    logger.info(`${file} cannot be opened for reading (${error.message}); SQLite is asked to recover it`);
    const recovered = await prove(await Connection.open(file, 'write'), signal);
    await recovered.connection.close();
    return prove(await Connection.open(file, 'read'), signal);
  }
}

/** SQLite opens lazily: that the file is a database shows when its schema is read. */
async function prove(connection: Connection, signal?: AbortSignal): Promise<Proven> {
  try {
    const row = await connection.get<{ version: string }>(
      'SELECT sqlite_version() AS version, (SELECT count(*) FROM main.sqlite_schema) AS objects',
      [],
      signal,
    );
    return { connection, version: row?.version ?? '' };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Whether the file exists. Throws a precise error where SQLite would only say that it cannot open the file. */
async function checkFile(file: string, { create, readOnly }: ConnectOptions): Promise<boolean> {
  const refuse = (message: string, next: string, cause?: unknown): RestorePointError =>
    new RestorePointError('connection', message, { place: { file }, next, cause });
  if (file.includes('\0')) throw refuse('This is not a path: it contains a NUL character', 'Check the path.');
  try {
    const found = await stat(file);
    if (found.isDirectory()) throw refuse('This is a folder, not a database file', 'Choose a file in it.');
    if (!found.isFile()) throw refuse('This is not a regular file', 'Choose another file.');
    await access(file, readOnly ? constants.R_OK : constants.R_OK | constants.W_OK);
    return true;
  } catch (error) {
    if (RestorePointError.is(error)) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      const what = readOnly ? 'read' : 'written';
      throw refuse(`No permission: the file cannot be ${what}`, 'Check its permissions.', error);
    }
    if (code !== 'ENOENT') throw refuse(messageOf(error), 'Check the path.', error);
    if (!create) throw refuse('The file does not exist', 'Check the path.', error);
  }
  const folder = dirname(file);
  const parent = await stat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw refuse(messageOf(error), 'Check the path.', error);
  });
  if (!parent?.isDirectory()) throw refuse(`The folder ${folder} does not exist`, 'Create the folder first.');
  await access(folder, constants.W_OK | constants.X_OK).catch((error: unknown) => {
    throw refuse(`No permission to create a file in ${folder}`, 'Check its permissions.', error);
  });
  return false;
}
