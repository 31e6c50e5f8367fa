import { RestorePointError } from '../../core/errors.ts';
import { formatTableName, parseTableName } from '../../core/names.ts';
import type { SchemaObject } from '../../core/schema.ts';
import { describeFailure } from './errors.ts';
import { quoteName } from './identifiers.ts';
import type { Transaction } from './transaction.ts';

/** The statements that backups hold. Anything else in one is not of our making. */
const known =
  /^(CREATE (SCHEMA|TYPE|DOMAIN|(UNLOGGED )?(SEQUENCE|TABLE)|(UNIQUE )?INDEX)|ALTER (DOMAIN|SEQUENCE|TABLE|INDEX)|COMMENT ON) /;

/**
 * Runs the statements of a backup that make what is missing. Each is a single statement of a known kind: a backup
 * comes from a file, and a COMMIT in it would end the one transaction.
 */
export async function createObjects(
  transaction: Transaction,
  objects: readonly SchemaObject[],
): Promise<void> {
  for (const object of objects) {
    const place = object.table ? { table: formatTableName(object.table) } : {};
    if (!known.test(object.sql)) {
      throw new RestorePointError(
        'damaged-backup',
        `The statement for ${title(object)} is of no known kind`,
        {
          place,
        },
      );
    }
    try {
      if (!(await isThere(transaction, object))) await transaction.runSingle(object.sql);
    } catch (error) {
      const failure = describeFailure(error, place);
      if (failure.code !== 'database') throw failure;
      throw new RestorePointError('database', `${title(object)} could not be made: ${failure.message}`, {
        ...failure.details,
      });
    }
  }
}

/** Other tables can have made them already; they know no IF NOT EXISTS, or want a privilege for it. */
async function isThere(transaction: Transaction, { kind, name }: SchemaObject): Promise<boolean> {
  if (kind === 'schema') {
    const sql = 'SELECT FROM pg_namespace WHERE nspname = $1';
    return (await transaction.rows(sql, [parseTableName(name).name])).length > 0;
  }
  if (kind === 'type' || kind === 'domain') {
    const sql = 'SELECT WHERE to_regtype($1) IS NOT NULL';
    return (await transaction.rows(sql, [quoteName(parseTableName(name))])).length > 0;
  }
  return false;
}

function title({ kind, name }: SchemaObject): string {
  return `${kind} ${name}`;
}
