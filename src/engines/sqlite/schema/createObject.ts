import { RestorePointError } from '../../../core/errors.ts';
import { formatTableName } from '../../../core/names.ts';
import type { SchemaObject } from '../../../core/schema.ts';
import type { Connection } from '../connect/connection.ts';
import { inWords } from '../connect/errors.ts';
import { nameMissingOf } from './unproven.ts';
import { sameName } from '../connect/identifiers.ts';

const createStatements: ReadonlyMap<string, RegExp> = new Map([
  ['table', /^CREATE TABLE /],
  ['index', /^CREATE (UNIQUE )?INDEX /],
  ['view', /^CREATE VIEW /],
  ['trigger', /^CREATE TRIGGER /],
]);

/**
 * Makes an object. The statement comes from the backup: it may make the object that it is for, and nothing else. SQLite
 * keeps the text of what makes an object as it was; one that copies rows, or is followed by another statement, it keeps
 * otherwise. What it belongs to is the table that the backup says, and without one no table. Throws `damaged-backup` for any such, `database`.
 */
export async function createObject(
  connection: Connection,
  { kind, name, sql, table }: SchemaObject,
  signal?: AbortSignal,
): Promise<void> {
  if (createStatements.get(kind)?.test(sql) && !sql.includes('\0')) {
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
    }).catch((error: unknown) => {
      throw notMade(`${kind} ${name}`, error);
    });
    // The schema has no index, and what was just made is at its end.
    const made = await connection.get<{ text: string; tableName: string; ofTable: number }>(
      `SELECT sql AS text, tbl_name AS tableName, type IN ('index', 'trigger') AND EXISTS (SELECT 1
         FROM main.sqlite_schema AS t WHERE t.type = 'table' AND t.rootpage > 0 AND t.name = made.tbl_name COLLATE NOCASE) AS ofTable
       FROM main.sqlite_schema AS made WHERE type = ? AND name = ? ORDER BY rowid DESC LIMIT 1`,
      [kind, name],
    );
    const isOfTable = table ? sameName(made?.tableName ?? '', table.name) : made?.ofTable === 0;
    if (made?.text === sql && isOfTable) return;
  }
  throw new RestorePointError('damaged-backup', `The backup has no valid statement for the ${kind} ${name}`);
}

function notMade(what: string, error: unknown): unknown {
  if (!RestorePointError.is(error, 'database')) return error;
  return new RestorePointError('database', `${what} could not be created: ${error.message}`, error.details);
}
