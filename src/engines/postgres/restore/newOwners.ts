import type { SchemaObject } from '../../../core/schema.ts';
import { quoteIdentifier } from '../connect/identifiers.ts';
import { StatementReader } from '../schema/statements/reader.ts';
import { readTarget, schemaOf } from '../schema/statements/targets.ts';
import type { Transaction } from '../connect/transaction.ts';

/** A place in which an owner needs the right to create objects, and the owner. */
export interface NewOwner {
  readonly role: string;
  /** Undefined: the database itself. */
  readonly schema?: string;
}

/** The privileges that a new owner needs for the statement, if it is not a superuser. */
export function newOwnerOf({ kind, sql }: Pick<SchemaObject, 'kind' | 'sql'>): NewOwner | undefined {
  if (kind !== 'owner') return undefined;
  const reader = new StatementReader(sql);
  reader.take('alter');
  const target = readTarget(reader);
  reader.take('owner to');
  const role = reader.identifier();
  const schema = schemaOf(target);
  if (schema !== undefined) return { role, schema };
  return ['schema', 'publication'].includes(target.what) ? { role } : undefined;
}

/**
 * Grants the new owner of an object CREATE on its schema for the duration of the work: only a
 * superuser could do it otherwise. See `checkRights` for those who cannot.
 */
export async function welcoming(
  transaction: Transaction,
  object: SchemaObject,
  work: () => Promise<void>,
): Promise<void> {
  const owner = newOwnerOf(object);
  if (!owner || (await isWelcome(transaction, owner))) return work();
  const { role, schema } = owner;
  const place =
    schema === undefined
      ? `DATABASE ${quoteIdentifier(transaction.database.server.database)}`
      : `SCHEMA ${quoteIdentifier(schema)}`;
  await transaction.run(`GRANT CREATE ON ${place} TO ${quoteIdentifier(role)}`);
  await work();
  await transaction.run(`REVOKE CREATE ON ${place} FROM ${quoteIdentifier(role)}`);
}

async function isWelcome(transaction: Transaction, { role, schema }: NewOwner): Promise<boolean> {
  const [row] = await transaction.rows<{ welcome: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = current_user AND r.rolsuper)
            OR CASE WHEN $2::text IS NULL THEN has_database_privilege($1::name, current_database(), 'CREATE')
                    ELSE has_schema_privilege($1::name, $2::text, 'CREATE') END AS welcome`,
    [role, schema ?? null],
  );
  return row!.welcome;
}
