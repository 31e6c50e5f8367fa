import type { SqliteEntry } from './entry.ts';

const rows = `
  CREATE TABLE settings_rows (id INTEGER PRIMARY KEY, v);
  INSERT INTO settings_rows VALUES (1, 'one'), (2, zeroblob(9000)), (3, NULL);
  CREATE INDEX settings_index ON settings_rows (v);`;

const nextRow = { sql: `INSERT INTO settings_rows (v) VALUES (4) RETURNING id`, gives: '4' };

function numbers(name: string, userVersion: number, applicationId: number): SqliteEntry {
  return {
    kind: 'settings',
    name,
    settings: '',
    sql: `${rows} PRAGMA user_version = ${userVersion}; PRAGMA application_id = ${applicationId};`,
    tampers: [
      `PRAGMA user_version = ${userVersion > 0 ? userVersion - 1 : userVersion + 1}`,
      `PRAGMA application_id = 1`,
    ],
    inserts: [nextRow],
  };
}

function pageSize(size: number): SqliteEntry {
  return {
    kind: 'settings',
    name: `pages of ${size} bytes`,
    settings: `PRAGMA page_size = ${size}`,
    sql: rows,
    tampers: [`PRAGMA page_size = 2048; VACUUM`],
    probes: [{ ask: `PRAGMA page_size`, gives: String(size) }],
    inserts: [nextRow],
  };
}

function autoVacuum(mode: 'FULL' | 'INCREMENTAL', value: number): SqliteEntry {
  return {
    kind: 'settings',
    name: `auto_vacuum ${mode}, with pages that were freed`,
    settings: `PRAGMA auto_vacuum = ${mode}`,
    sql: `${rows} CREATE TABLE settings_freed (v); INSERT INTO settings_freed VALUES (zeroblob(100000)); DELETE FROM settings_freed;`,
    tampers: [`PRAGMA auto_vacuum = NONE; VACUUM`, `PRAGMA auto_vacuum = ${3 - value}; VACUUM`],
    probes: [{ ask: `PRAGMA auto_vacuum`, gives: String(value) }],
    inserts: [nextRow],
  };
}

function utf16(encoding: 'UTF-16le' | 'UTF-16be'): SqliteEntry {
  // A code unit, in the order of bytes that this encoding has.
  const unit = (hex: string): string => (encoding === 'UTF-16be' ? hex : `${hex.slice(2)}${hex.slice(0, 2)}`);
  const text = (...units: string[]): string => `CAST(x'${units.map(unit).join('')}' AS TEXT)`;
  return {
    kind: 'settings',
    name: `${encoding}, with surrogates that have lost their other half`,
    settings: `PRAGMA encoding = '${encoding}'`,
    sql: `
      CREATE TABLE "wide Ğ名👩" (id INTEGER PRIMARY KEY, t TEXT COLLATE NOCASE, u UNIQUE);
      INSERT INTO "wide Ğ名👩" VALUES (1, 'Ğüneş 名前 👩‍🚀', 'é'), (2, '', ''), (3, 'a' || char(0) || 'b', 7),
        (4, ${text('d800')}, ${text('d800')}), (5, ${text('0061', 'dc00', '0062')}, ${text('dc00', 'd800')}),
        (6, ${text('0000')}, ${text('0000', '0000')}), (7, ${text('feff', '0061')}, x'feff'), (8, ${text('ffff', 'fffe')}, x'61');
      CREATE INDEX "wide index" ON "wide Ğ名👩" (t DESC, lower(u));
      CREATE VIEW "wide view" AS SELECT 'é' AS "é" FROM "wide Ğ名👩" WHERE t = 'Ğüneş 名前 👩‍🚀';
      CREATE TABLE wide_keys (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
      INSERT INTO wide_keys VALUES ('ﬀ', 1), ('𐀀', 2), ('z', 3);
      CREATE VIRTUAL TABLE wide_text USING fts5(t);
      INSERT INTO wide_text VALUES ('Straße und Ğüneş');`,
    tampers: [
      `UPDATE "wide Ğ名👩" SET t = char(0xFFFD) WHERE id = 4`,
      `UPDATE "wide Ğ名👩" SET u = char(0) || 'x' WHERE id = 6`,
      `UPDATE wide_keys SET k = 'Z' WHERE k = 'z'`,
    ],
    probes: [
      { ask: `PRAGMA encoding`, gives: encoding },
      { ask: `SELECT "é" FROM "wide view"`, gives: 'é' },
      { ask: `SELECT count(*) FROM wide_text WHERE wide_text MATCH 'straße'`, gives: '1' },
      {
        ask: `SELECT hex(CAST(t AS BLOB)) FROM "wide Ğ名👩" WHERE id = 4`,
        gives: unit('d800').toUpperCase(),
      },
    ],
    inserts: [{ sql: `INSERT INTO "wide Ğ名👩" (t) VALUES ('x') RETURNING id`, gives: '9' }],
  };
}

export const settingEntries: readonly SqliteEntry[] = [
  numbers('user_version and application_id', 42, 252006673),
  numbers('user_version and application_id at their ends', -2147483648, 2147483647),
  numbers('user_version and application_id, negative and the highest', 2147483647, -1),
  pageSize(512),
  pageSize(1024),
  pageSize(65536),
  autoVacuum('FULL', 1),
  autoVacuum('INCREMENTAL', 2),
  utf16('UTF-16le'),
  utf16('UTF-16be'),
];
