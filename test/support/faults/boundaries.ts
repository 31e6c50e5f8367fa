import * as fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import * as path from 'node:path';
import sqlite3 from 'sqlite3';
import { activeFaults } from './faultSet.ts';
import { watchPostgres } from './postgresBoundary.ts';

type Call = (this: unknown, ...args: unknown[]) => unknown;
type Methods = Record<string, Call>;

/** Those by which the product makes, names, reads and removes files. */
const fileCalls = [
  'access',
  'link',
  'mkdir',
  'mkdtemp',
  'open',
  'readdir',
  'rename',
  'rm',
  'stat',
  'statfs',
] as const;
const handleCalls = [
  'appendFile',
  'chmod',
  'chown',
  'datasync',
  'read',
  'stat',
  'sync',
  'truncate',
  'write',
  'writev',
] as const;

/**
 * Stands at the boundaries of the product until the function that it returns is called: the file system, SQLite's driver,
 * the sockets to PostgreSQL. Nothing happens there but while `withFaults` is at work.
 */
export async function watchBoundaries(): Promise<() => void> {
  const undo = [watchFiles(), await watchHandles(), watchSqlite(), watchPostgres()];
  return () => undo.forEach((one) => one());
}

function ioError(call: string): Error {
  return Object.assign(new Error(`EIO: i/o error, ${call}`), { errno: -5, code: 'EIO', syscall: call });
}

/** Replaces methods, and returns what puts them back. */
function replace(
  object: Methods,
  names: readonly string[],
  wrap: (name: string, real: Call) => Call,
): () => void {
  const own = names.map((name) => [name, object[name]!] as const);
  for (const [name, real] of own) object[name] = wrap(name, real);
  return () => {
    for (const [name, real] of own) object[name] = real;
  };
}

function promised(label: (args: unknown[]) => string, name: string, real: Call): Call {
  return async function (this: unknown, ...args: unknown[]): Promise<unknown> {
    const verdict = activeFaults()?.step(label(args));
    if (verdict === true) {
      throw ioError(name);
    }
    await verdict;
    return real.apply(this, args);
  };
}

/** A handle has `close` as its own. A file is closed also when that fails. */
function watchClose(handle: fs.promises.FileHandle): void {
  const close = handle.close.bind(handle);
  handle.close = async () => {
    const verdict = activeFaults()?.step('file close');
    if (verdict !== true) await verdict;
    await close();
    if (verdict === true) throw ioError('close');
  };
}

function watchFiles(): () => void {
  const wrap = (name: string, real: Call): Call => {
    const wrapped = promised(([file]) => `fs ${name}${kindOf(String(file))}`, name, real);
    if (name !== 'open') return wrapped;
    return async function (this: unknown, ...args: unknown[]): Promise<unknown> {
      const handle = (await wrapped.apply(this, args)) as fs.promises.FileHandle;
      watchClose(handle);
      return handle;
    };
  };
  const undo = replace(fs.promises as unknown as Methods, fileCalls, wrap);
  syncBuiltinESMExports();
  return () => {
    undo();
    syncBuiltinESMExports();
  };
}

/** So that steps keep their names whatever the names of files. */
function kindOf(file: string): string {
  const kind = /\.(dbbackup-part|dbbackup|sqlite|db|db-journal)$/.exec(path.basename(file))?.[0];
  return kind === undefined ? '' : ` ${kind}`;
}

async function watchHandles(): Promise<() => void> {
  const handle = await fs.promises.open(process.execPath, 'r');
  const prototype = Object.getPrototypeOf(handle) as Methods;
  await handle.close();
  return replace(prototype, handleCalls, (name, real) => promised(() => `file ${name}`, name, real));
}

type Callback = (error: Error | null, ...rest: unknown[]) => void;

function watchSqlite(): () => void {
  const wrap = (name: string, real: Call): Call =>
    function (this: unknown, ...args: unknown[]): unknown {
      const faults = activeFaults();
      const done = args.at(-1);
      if (!faults || typeof done !== 'function') return real.apply(this, args);
      const verdict = faults.step(`sqlite ${name === 'close' ? name : shorten(String(args[0]))}`);
      const failed = (): void => (done as Callback).call(this, sqliteError());
      if (verdict === true) {
        if (name === 'close') real.call(this, failed);
        else setImmediate(failed);
      } else if (verdict) void verdict.then(() => real.apply(this, args));
      else return real.apply(this, args);
      return this;
    };
  return replace(sqlite3.Database.prototype as unknown as Methods, ['all', 'close', 'run'], wrap);
}

function sqliteError(): Error {
  return Object.assign(new Error('SQLITE_IOERR: disk I/O error'), { errno: 10, code: 'SQLITE_IOERR' });
}

const uuid = /[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g;

/** A statement's beginning, which is enough to know it again; names that are made by chance are one. */
export function shorten(sql: string): string {
  return sql.replace(uuid, 'N').replace(/\s+/g, ' ').replace(/\d+/g, '0').trim().slice(0, 60);
}
