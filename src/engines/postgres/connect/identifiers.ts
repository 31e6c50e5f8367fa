import { RestorePointError } from '../../../core/errors.ts';
import type { TableName } from '../../../core/names.ts';

/** An identifier for SQL text, always in quotes, so that no name has a meaning of its own. */
export function quoteIdentifier(name: string): string {
  // The protocol ends a statement at a zero byte.
  if (name.includes('\0')) throw new RestorePointError('refused', 'A name contains a NUL character');
  return `"${name.replaceAll('"', '""')}"`;
}

/** `"schema"."name"` of a table or anything else in a schema. */
export function quoteName(name: TableName): string {
  const local = quoteIdentifier(name.name);
  return name.schema === undefined ? local : `${quoteIdentifier(name.schema)}.${local}`;
}

/** `"a", "b"`, each with the alias of its table when one is given. */
export function quoteList(names: readonly string[], alias?: string): string {
  const prefix = alias === undefined ? '' : `${alias}.`;
  return names.map((name) => prefix + quoteIdentifier(name)).join(', ');
}

/** A string constant. Sessions are pinned to `standard_conforming_strings`, so a backslash is no escape. */
export function quoteLiteral(text: string): string {
  if (text.includes('\0')) throw new RestorePointError('refused', 'A text contains a NUL character');
  return `'${text.replaceAll("'", "''")}'`;
}
