import type { SqliteEntry } from './entry.ts';

export const hostileNames: readonly string[] = [
  ...[
    'a"b',
    '"',
    "it's",
    "'",
    'a`b',
    '[a]',
    'a]b',
    'a.b',
    'main.x',
    'a b',
    ' ',
    '',
    'a;b',
    'a,b',
    '(a)',
    'a as b',
  ],
  ...[
    '--',
    '/*',
    '*',
    '%',
    '_',
    '?',
    '?1',
    ':a',
    '@a',
    '$a',
    '$',
    '#',
    '\\',
    '\\"',
    '\n',
    '\t',
    'a\r\nb',
    '1',
    '-1',
    '1e5',
  ],
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'length',
    'then',
    'undefined',
    'null',
  ],
  ...[
    'select',
    'table',
    'order',
    'group',
    'index',
    'where',
    'from',
    'values',
    'rowids',
    'main',
    'temp',
    'backup',
    'source',
  ],
  ...[
    'x',
    'excluded',
    'old',
    'new',
    'rank',
    'name',
    'sql',
    'sqlite',
    'sqlit_x',
    'sqlite-x',
    'json_each',
    'pragma_table_list',
  ],
  ...[
    'pragma_table_xinfo',
    'pragma_index_list',
    'pragma_foreign_key_list',
    'pragma_foreign_key_check',
    'dbstat',
    'count',
  ],
  ...[
    'é',
    'e\u0301',
    'É',
    'ß',
    'ẞ',
    'İ',
    'ı',
    'K',
    '\u212a',
    'ſ',
    '名前',
    'שם',
    'нет',
    '👩‍🚀',
    '\ufeff',
    '\u200b',
    '\u202e',
    '\u00a0',
  ],
  'n'.repeat(2000),
  '"; DROP TABLE x; --',
  "'); DROP TABLE x; --",
];

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const literal = (name: string): string => `'${name.replaceAll("'", "''")}'`;

/** For each name a table, with an index, a view and a trigger of the same kind of name. */
function tablesOf(names: readonly string[]): string {
  return names
    .map((name, index) => {
      const table = quote(name);
      const [view, key] = [quote(`${name} (view)`), quote(`${name} (index)`)];
      return `
        CREATE TABLE ${table} (id INTEGER PRIMARY KEY, ${table} TEXT UNIQUE, "other ${index}" REFERENCES ${table} (${table}));
        INSERT INTO ${table} VALUES (1, ${literal(name)}, NULL), (2, 'two', 'two');
        CREATE INDEX ${key} ON ${table} (${table}, "other ${index}" DESC);
        CREATE VIEW ${view} AS SELECT ${table} AS ${table} FROM ${table};
        CREATE TRIGGER ${table} INSTEAD OF INSERT ON ${view} BEGIN INSERT INTO ${table} (${table}) VALUES (new.${table}); END;`;
    })
    .join('');
}

export const nameEntries: readonly SqliteEntry[] = [
  {
    kind: 'names',
    name: 'of tables, columns, indexes, views and triggers, whatever they are',
    sql: tablesOf(hostileNames),
    tampers: [
      `DROP VIEW " (view)"`,
      `UPDATE "" SET "" = 'x' WHERE id = 2`,
      `DROP TRIGGER """"`,
      `DELETE FROM "e\u0301"`,
      `ALTER TABLE "\u212a" RENAME TO "ſſ"`,
    ],
    probes: [
      {
        run: `INSERT INTO "__proto__ (view)" VALUES ('in')`,
        ask: `SELECT "__proto__" FROM "__proto__"`,
        gives: '__proto__|in|two',
      },
    ],
    inserts: hostileNames.map((name) => ({
      sql: `INSERT INTO ${quote(name)} (${quote(name)}) VALUES ('inserted') RETURNING id`,
      gives: '3',
    })),
  },
  {
    kind: 'names',
    name: 'of all columns of one table, whatever they are, as its key too',
    sql: `
      CREATE TABLE named_columns (${hostileNames.map((name) => `${quote(name)} DEFAULT ${literal(name)}`).join(', ')},
        PRIMARY KEY (${hostileNames.slice(0, 20).map(quote).join(', ')}));
      INSERT INTO named_columns DEFAULT VALUES;
      INSERT INTO named_columns ("__proto__", "constructor", "", "é", "É", "K", "\u212a") VALUES (1, 2, 3, 4, 5, 6, 7);
      CREATE TABLE named_keyed (${hostileNames.map((name) => `${quote(name)} TEXT`).join(', ')},
        PRIMARY KEY ("__proto__", "a""b")) WITHOUT ROWID;
      INSERT INTO named_keyed ("__proto__", "a""b", "É") VALUES ('a', 'b', 'c');`,
    tampers: [
      `UPDATE named_columns SET "__proto__" = 2 WHERE "" = 3`,
      `UPDATE named_columns SET "é" = "É" WHERE "" = 3`,
      `UPDATE named_keyed SET "constructor" = ''`,
    ],
  },
  {
    kind: 'names',
    name: 'in other letters where they are used than where they are made',
    sql: `
      CREATE TABLE "Mixed Case" (Id INTEGER PRIMARY KEY, "VaLue" TEXT);
      INSERT INTO "mixed case" VALUES (1, 'one'), (2, 'two');
      CREATE INDEX "INDEX of Mixed" ON "MIXED CASE" ("VALUE");
      CREATE TRIGGER "Trigger OF mixed" AFTER INSERT ON "mixed CASE" BEGIN UPDATE "MIXED case" SET "value" = upper(new."VALUE") WHERE ID = new.iD; END;
      CREATE TABLE mixed_child (v REFERENCES "MIXED CASE" (ID), VALUE AS (V));
      INSERT INTO mixed_child (V) VALUES (1), (2);
      CREATE VIEW MIXED_view AS SELECT ID, vAlUe FROM "mIXED cASE";`,
    tampers: [`UPDATE "mixed case" SET value = 'One' WHERE id = 1`, `UPDATE mixed_child SET v = 1`],
    probes: [
      {
        run: `INSERT INTO "Mixed Case" VALUES (3, 'three')`,
        ask: `SELECT * FROM mixed_VIEW WHERE id = 3`,
        gives: '3|THREE',
      },
    ],
    inserts: [{ sql: `INSERT INTO "MIXED CASE" (VALUE) VALUES ('x') RETURNING ID`, gives: '3' }],
  },
];
