import { RestorePointError } from '../../core/errors.ts';
import { formatTableName } from '../../core/names.ts';
import type { SchemaObject } from '../../core/schema.ts';
import type { Connection } from './connection.ts';
import { inWords } from './errors.ts';
import { nameMissingOf } from './unproven.ts';

const createStatements: Readonly<Record<string, RegExp>> = {
  table: /^CREATE TABLE /,
  index: /^CREATE (UNIQUE )?INDEX /,
  view: /^CREATE VIEW /,
  trigger: /^CREATE TRIGGER /,
};

/**
 * Makes an object. The statement comes from the backup: it may make the object that it is for, and nothing else. SQLite
 * keeps the text of what makes an object as it was; one that copies rows, or is followed by another statement, it keeps
 * otherwise. Throws `damaged-backup` for any such, `database`.
 */
export async function createObject(
  connection: Connection,
  { kind, name, sql, table }: SchemaObject,
  signal?: AbortSignal,
): Promise<void> {
  if (createStatements[kind]?.test(sql) && !sql.includes('\0')) {
    const place = { table: table === undefined ? name : formatTableName(table) };
    await inWords('database', place, async () => {
      try {
        await connection.run(sql, [], signal);
      } catch (error) {
        throw nameMissingOf(error, {
          table: table ?? { name },
          ...(kind === 'index' ? { index: name } : {}),
        });
      }
    });
    // The schema has no index, and what was just made is at its end.
    const made = await connection.get<{ text: string }>(
      'SELECT sql AS text FROM main.sqlite_schema WHERE type = ? AND name = ? ORDER BY rowid DESC LIMIT 1',
      [kind, name],
    );
    if (made?.text === sql) return;
  }
  throw new RestorePointError('damaged-backup', `The backup has no valid statement for the ${kind} ${name}`);
}
