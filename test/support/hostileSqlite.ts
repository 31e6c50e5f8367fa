import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { forge, type Forgery, type JsonObject, objectsAt } from './hostileFiles.ts';
import { openSqlite } from './sqliteWitness.ts';

/** What somebody does to the SQLite database in a backup, and to the manifest around it. */
export interface PayloadForgery {
  /** Statements to run in the database; the schema may be written. */
  readonly sql?: string;
  /** The same, of which those that SQLite does not take do nothing. */
  readonly statements?: readonly string[];
  /** Changes the database's bytes, after the statements. */
  readonly bytes?: (database: Buffer) => Buffer;
  readonly manifest?: (manifest: JsonObject) => void;
}

/** An uncompressed SQLite backup around another database, with every checksum made anew. */
export function forgePayload(
  sound: Buffer,
  { sql = '', statements = [], bytes, manifest: change }: PayloadForgery,
): Buffer {
  return forge(sound, (forgery) => {
    const changed = bytes ?? ((database: Buffer) => database);
    setDatabase(forgery, changed(withStatements(databaseOf(forgery), sql, statements)));
    change?.(forgery.manifest);
  });
}

/** The database in an uncompressed backup. */
export function databaseOf({ chunks }: Forgery): Buffer {
  return Buffer.concat([...chunks.values()]);
}

export function setDatabase({ manifest, chunks }: Forgery, database: Buffer): void {
  const [payload] = objectsAt(manifest['payloads']);
  const [chunk] = objectsAt(payload!['chunks']);
  const entry = chunk!['entry'] as string;
  chunks.clear();
  chunks.set(entry, database);
  payload!['chunks'] = [{ ...chunk, bytes: database.length }];
}

function withStatements(database: Buffer, sql: string, others: readonly string[]): Buffer {
  if (sql === '' && others.length === 0) return database;
  const folder = mkdtempSync(path.join(tmpdir(), 'restore-point-test-'));
  try {
    const file = path.join(folder, 'payload.db');
    writeFileSync(file, database);
    const connection = openSqlite(file);
    try {
      connection.exec('PRAGMA writable_schema = ON');
      connection.exec(sql);
      for (const statement of others) {
        try {
          connection.exec(statement);
        } catch {
          // There is another file without it.
        }
      }
    } finally {
      connection.close();
    }
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
