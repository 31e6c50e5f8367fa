/** What an entry is one of; tests are told apart by it. */
export type SqliteKind =
  | 'tables'
  | 'columns'
  | 'keys'
  | 'foreign keys'
  | 'checks'
  | 'indexes'
  | 'views'
  | 'triggers'
  | 'full-text search'
  | 'R-Tree'
  | 'counters'
  | 'rowids'
  | 'values'
  | 'names'
  | 'texts of the schema'
  | 'altered tables'
  | 'statistics'
  | 'settings'
  | 'violations';

/** One thing that a SQLite database can hold, with statements that make it and the proofs that it is there. */
export interface SqliteEntry {
  readonly kind: SqliteKind;
  /** Unlike any other's. */
  readonly name: string;
  /** Pragmas for a new file, before anything is in it: such an entry needs a database of its own. */
  readonly settings?: string;
  /** Makes its objects and rows, with names that no other entry uses. */
  readonly sql: string;
  /** Small changes, each to be made to a copy: a witness that does not see every one of them is blind. */
  readonly tampers: readonly string[];
  /** Questions whose answers show that it works, and not only that it is there. */
  readonly probes?: readonly Probe[];
  /** Rows that go in afterwards. */
  readonly inserts?: readonly Insert[];
  /** Why it cannot share a database with the others, where `settings` do not say it. */
  readonly alone?: string;
  /** The first SQLite that reads it; Debian's tool is not asked when it is older. */
  readonly since?: string;
}

/** `run`, if there is one, in a transaction that is rolled back; in it the answer to `ask` must be `gives`. */
export interface Probe {
  readonly run?: string;
  readonly ask: string;
  /** All values of all rows, as text, with `|` between them. */
  readonly gives: string;
}

/** A statement with RETURNING, and the key that it must give, or the message with which it must fail. */
export interface Insert {
  readonly sql: string;
  readonly gives: string;
}
