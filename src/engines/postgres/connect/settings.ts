/**
 * The settings that every transaction pins, so that values are written and read in one way whatever the server, the database or
 * the role is set to. `SET LOCAL`: nothing outlives the transaction, not even behind a connection pooler that lends
 * one server session to many clients.
 */
const pinned: Readonly<Record<string, string>> = {
  search_path: "''",
  row_security: 'off',
  DateStyle: "'ISO, MDY'",
  IntervalStyle: 'postgres',
  TimeZone: "'UTC'",
  extra_float_digits: '3',
  bytea_output: 'hex',
  // Amounts of money are kept as integers; how many of their digits are decimals is the locale's.
  lc_monetary: "'C'",
  array_nulls: 'on',
  xmloption: 'content',
  standard_conforming_strings: 'on',
  quote_all_identifiers: 'off',
  synchronize_seqscans: 'off',
  client_min_messages: 'warning',
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  // Compiling a query of the catalogs can take longer than running all of them, and each process compiles for itself.
  jit: 'off',
};

/** A server whose client's network is gone lets go of its locks after two minutes and not after hours. */
const keepalives = {
  tcp_keepalives_idle: "'60s'",
  tcp_keepalives_interval: "'10s'",
  tcp_keepalives_count: '6',
};

/** How long a statement waits for a lock before the error says who holds it. */
export const lockTimeoutSeconds = 10;

export interface ServerTraits {
  /** `180004` */
  readonly version: number;
  /** Of the database. */
  readonly encoding: string;
  readonly linux: boolean;
}

/** The statements that pin a transaction. */
export function pinStatements(server: ServerTraits): string {
  const settings: Record<string, string> = {
    ...pinned,
    lock_timeout: `'${lockTimeoutSeconds}s'`,
    // A database without an encoding returns bytes as they are; all others are converted to UTF-8.
    client_encoding: server.encoding === 'SQL_ASCII' ? 'SQL_ASCII' : 'UTF8',
    ...(server.version >= 170_000 ? { transaction_timeout: '0' } : {}),
    // A long statement of a client that was killed ends soon, and so do its locks. Other systems may lack it.
    ...(server.linux ? { client_connection_check_interval: "'5s'", ...keepalives } : {}),
  };
  return Object.entries(settings)
    .map(([name, value]) => `SET LOCAL ${name} = ${value}`)
    .join('; ');
}
