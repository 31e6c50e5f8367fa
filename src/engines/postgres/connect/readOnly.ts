import { RestorePointError } from '../../../core/errors.ts';
import { quoteIdentifier } from './identifiers.ts';
import type { Transaction } from './transaction.ts';

interface Writability {
  readonly standby: boolean;
  readonly off: boolean;
  /** The source of the setting, in the server's words. */
  readonly source: string;
  readonly role: string;
  readonly database: string;
}

/**
 * Throws `refused` on a read-only server, and if transactions are set to read-only by default: a restore could
 * override that, and does not.
 */
export async function refuseReadOnly(transaction: Transaction): Promise<void> {
  const [found] = await transaction.rows<Writability>(writabilityQuery);
  if (found?.standby) {
    throw new RestorePointError(
      'refused',
      'This server is a standby: it can be backed up, but not restored into',
      {
        unchanged: 'Nothing was changed.',
        next: 'Connect to the primary server.',
      },
    );
  }
  if (!found?.off) return;
  throw new RestorePointError(
    'refused',
    `default_transaction_read_only is on for ${placeOf(found)}: the database can be backed up, but not restored into`,
    { unchanged: 'Nothing was changed.', next: remedyOf(found) },
  );
}

function placeOf({ source, role, database }: Writability): string {
  switch (source) {
    case 'database':
      return `the database ${database}`;
    case 'user':
      return `the role ${role}`;
    case 'database user':
      return `the role ${role} in the database ${database}`;
    default:
      return 'this connection';
  }
}

function remedyOf({ source, role, database }: Writability): string {
  const off = 'SET default_transaction_read_only = off';
  const [roleName, databaseName] = [quoteIdentifier(role), quoteIdentifier(database)];
  switch (source) {
    case 'database':
      return `Find out why it is on, then run: ALTER DATABASE ${databaseName} ${off}`;
    case 'user':
      return `Connect as a role that may write, or run: ALTER ROLE ${roleName} ${off}`;
    case 'database user':
      return `Connect as a role that may write, or run: ALTER ROLE ${roleName} IN DATABASE ${databaseName} ${off}`;
    default:
      return 'Find out why it is on (the server configuration, or a full disk), and turn it off there.';
  }
}

const writabilityQuery = `
  SELECT pg_is_in_recovery() AS standby, s.setting = 'on' AS off, s.source, current_user AS role,
         current_database() AS database
    FROM pg_settings s WHERE s.name = 'default_transaction_read_only'`;
