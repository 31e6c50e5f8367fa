/** SQL that replaces names in the statements of objects (`like`): SQLite's own by ones that only an application registers. */
export const registered = (like: string, names: Readonly<Record<string, string>>): string =>
  `PRAGMA writable_schema = ON;
   ${Object.entries(names)
     .map(
       ([known, own]) =>
         `UPDATE sqlite_schema SET sql = replace(sql, '${known}', '${own}') WHERE name LIKE '${like}';`,
     )
     .join('\n')}
   PRAGMA writable_schema = RESET;`;

export const plain = `CREATE TABLE plain (id INTEGER PRIMARY KEY, a); INSERT INTO plain VALUES (1, 'x'), (2, 'y');`;

export interface Shape {
  readonly sql: string;
  /** The parts that are reported as not checked; empty if SQLite can check everything. */
  readonly unproven: readonly string[];
  /** The error of a restore of this table alone, if its rows cannot be copied. */
  readonly table?: string;
}

export const shapes: Readonly<Record<string, Shape>> = {
  'a collation in an index': {
    sql: `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b); INSERT INTO t VALUES (1, 'B', 1), (2, 'a', 2);
      CREATE UNIQUE INDEX t_a ON t (a COLLATE NOCASE); ${registered('t_a', { NOCASE: 'unicase' })}`,
    unproven: ['the index t_a of t needs the collation unicase'],
  },
  'a collation in a column, and a key over it': {
    sql: `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE UNIQUE, b); INSERT INTO t VALUES (1, 'B', 1), (2, 'a', 2);
      ${registered('t', { NOCASE: 'LOCALIZED' })}`,
    unproven: ['the index sqlite_autoindex_t_1 of t needs the collation LOCALIZED'],
  },
  'a collation in the key of a table without rowids': {
    sql: `CREATE TABLE t (a TEXT COLLATE NOCASE PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO t VALUES ('B', 1), ('a', 2);
      ${registered('t', { NOCASE: 'unicase' })}`,
    unproven: ['the table t needs the collation unicase'],
    table: 'The table t needs the collation unicase',
  },
  'a function in the expression of an index': {
    sql: `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); INSERT INTO t VALUES (1, 'B', 1), (2, 'a', 2);
      CREATE INDEX t_a ON t (lower(a)); ${registered('t_a', { lower: 'fixup_url' })}`,
    unproven: ['the index t_a of t needs the function fixup_url'],
  },
  'a function in the condition of an index': {
    sql: `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); INSERT INTO t VALUES (1, 'B', 1), (2, 'a', 2);
      CREATE INDEX t_a ON t (b) WHERE lower(a) = 'a'; ${registered('t_a', { lower: 'fixup_url' })}`,
    unproven: ['the index t_a of t needs the function fixup_url'],
  },
  'a function in a generated column': {
    sql: `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, g AS (lower(a))); INSERT INTO t VALUES (1, 'B', 1), (2, 'a', 2);
      CREATE INDEX t_g ON t (g); ${registered('t', { lower: 'own' })}`,
    unproven: ['the index t_g of t needs the function own', 'the table t needs the function own'],
    table: 'The table t needs the function own',
  },
  'a function in a CHECK': {
    sql: `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b CHECK (abs(b) >= 0)); INSERT INTO t VALUES (1, 'B', 1), (2, 'a', 2);
      ${registered('t', { abs: 'own' })}`,
    unproven: ['the table t needs the function own'],
  },
  'a function in a stored column': {
    sql: `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, g AS (lower(a)) STORED);
      INSERT INTO t (id, a, b) VALUES (1, 'B', 1), (2, 'a', 2); ${registered('t', { lower: 'own' })}`,
    unproven: ['the table t needs the function own'],
    table: 'The table t needs the function own',
  },
  'functions in views and triggers': {
    sql: `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); INSERT INTO t VALUES (1, 'B', 1), (2, 'a', 2);
      CREATE VIEW v AS SELECT own(a) FROM t; CREATE VIEW w AS SELECT * FROM gone;
      CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET b = own(new.a); END;`,
    unproven: [],
  },
  'a module that is not loaded': {
    sql: `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); INSERT INTO t VALUES (1, 'B', 1), (2, 'a', 2);
      CREATE VIRTUAL TABLE f USING fts5 (a); INSERT INTO f VALUES ('some words'); ${registered('f', { fts5: 'own' })}`,
    unproven: [],
  },
};
