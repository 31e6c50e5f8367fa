import type { SqliteEntry } from './entry.ts';

/** The same list into columns of every affinity: SQLite may change it there, a restore may not any more. */
function inEveryAffinity(table: string, values: readonly string[]): string {
  const rows = values.map((value) => `(${Array.from({ length: 6 }, () => value).join(', ')})`);
  return `
    CREATE TABLE ${table} (untyped, i INTEGER, r REAL, n NUMERIC, t TEXT, b BLOB);
    INSERT INTO ${table} VALUES ${rows.join(',\n')};`;
}

const text = (hex: string): string => `CAST(x'${hex}' AS TEXT)`;

export const valueEntries: readonly SqliteEntry[] = [
  {
    kind: 'values',
    name: 'integers at both ends, and of every size between',
    sql: inEveryAffinity('value_integers', [
      ...[
        '9223372036854775807',
        '-9223372036854775808',
        '9007199254740993',
        '-9007199254740993',
        '0',
        '1',
        '-1',
      ],
      ...['127', '128', '-129', '32768', '8388608', '2147483648', '-2147483649', '140737488355328', 'TRUE'],
    ]),
    tampers: [
      `UPDATE value_integers SET untyped = 9223372036854775806 WHERE rowid = 1`,
      `UPDATE value_integers SET b = 1.0 WHERE rowid = 6`,
      `UPDATE value_integers SET untyped = 9007199254740992 WHERE rowid = 3`,
    ],
    probes: [
      {
        ask: `SELECT typeof(r), typeof(t), typeof(b) FROM value_integers LIMIT 1`,
        gives: 'real|text|integer',
      },
    ],
  },
  {
    kind: 'values',
    name: 'reals: infinities, minus zero, the smallest and the largest, every digit',
    sql: inEveryAffinity('value_reals', [
      ...['1e999', '-1e999', '-0.0', '0.0', '5e-324', '2.2250738585072014e-308', '1.7976931348623157e308'],
      ...[
        '0.1',
        '0.30000000000000004',
        '9007199254740993.0',
        '9.2233720368547758e18',
        '1.0',
        '-1.5',
        '1e22',
        '123456789012345678.0',
      ],
    ]),
    tampers: [
      `UPDATE value_reals SET untyped = 0.0 WHERE rowid = 3`,
      `UPDATE value_reals SET b = 1 WHERE rowid = 12`,
      `UPDATE value_reals SET r = 0.3 WHERE rowid = 9`,
      `UPDATE value_reals SET untyped = 1.7976931348623157e308 WHERE rowid = 1`,
      `UPDATE value_reals SET r = NULL WHERE rowid = 2`,
    ],
    probes: [
      {
        ask: `SELECT quote(untyped), typeof(i) FROM value_reals WHERE rowid IN (1, 2, 12)`,
        gives: '9.0e+999|real|-9.0e+999|real|1.0|integer',
      },
    ],
  },
  {
    kind: 'values',
    name: 'texts: empty, with NUL, line ends and quotes, of many scripts, that look like numbers',
    sql: inEveryAffinity('value_texts', [
      ...[
        `''`,
        `' '`,
        `'it''s "quoted"'`,
        `'a' || char(0) || 'b'`,
        `char(0)`,
        `char(13, 10, 9, 8, 27, 127)`,
        `'\\N\\n'`,
      ],
      ...[
        `'Ğüneş 名前 שלום مرحبا'`,
        `char(0x1F469, 0x200D, 0x1F680)`,
        `char(0x10FFFF, 0xFFFD, 0xFEFF)`,
        `'é' || 'e' || char(0x301)`,
      ],
      ...[
        `'1'`,
        `'1.0'`,
        `'01'`,
        `' 1 '`,
        `'1e5'`,
        `'0x10'`,
        `'9223372036854775808'`,
        `'Infinity'`,
        `'NULL'`,
        `'1_000'`,
        `'-0'`,
      ],
    ]),
    tampers: [
      `UPDATE value_texts SET t = NULL WHERE rowid = 1`,
      `UPDATE value_texts SET t = x'' WHERE rowid = 1`,
      `UPDATE value_texts SET t = 'a' || char(0) || 'c' WHERE rowid = 4`,
      `UPDATE value_texts SET t = 'a' WHERE rowid = 4`,
      `UPDATE value_texts SET untyped = 1 WHERE rowid = 12`,
      `UPDATE value_texts SET t = 'é' || 'é' WHERE rowid = 11`,
    ],
    probes: [
      {
        ask: `SELECT typeof(i), typeof(r), typeof(n), typeof(untyped) FROM value_texts WHERE t = ' 1 '`,
        gives: 'integer|real|integer|text',
      },
      { ask: `SELECT length(CAST(t AS BLOB)) > 2 FROM value_texts WHERE rowid = 4`, gives: '1' },
    ],
  },
  {
    kind: 'values',
    name: 'texts that are not UTF-8: stray, cut and overlong bytes, surrogates',
    sql: inEveryAffinity('value_invalid', [
      ...[
        text('ff'),
        text('80'),
        text('61c3'),
        text('e28261'),
        text('c080'),
        text('eda080'),
        text('f4908080'),
        text('f0808080'),
      ],
      ...[text('fe00ff00'), text('00'), text('efbbbf61'), text('31ff')],
    ]),
    tampers: [
      `UPDATE value_invalid SET t = CAST(x'fe' AS TEXT) WHERE rowid = 1`,
      `UPDATE value_invalid SET t = char(0xFFFD) WHERE rowid = 1`,
      `UPDATE value_invalid SET untyped = x'ff' WHERE rowid = 1`,
      `UPDATE value_invalid SET b = '' WHERE rowid = 10`,
    ],
    probes: [{ ask: `SELECT typeof(t), typeof(b) FROM value_invalid LIMIT 1`, gives: 'text|text' }],
  },
  {
    kind: 'values',
    name: 'blobs: empty, zeros, all bytes, that look like texts and numbers',
    sql: inEveryAffinity('value_blobs', [
      ...[
        `x''`,
        `zeroblob(0)`,
        `zeroblob(5)`,
        `zeroblob(100000)`,
        `x'31'`,
        `x'48656c6c6f'`,
        `CAST('1.5' AS BLOB)`,
      ],
      `x'${Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).join('')}'`,
    ]),
    tampers: [
      `UPDATE value_blobs SET b = '' WHERE rowid = 1`,
      `UPDATE value_blobs SET b = zeroblob(99999) WHERE rowid = 4`,
      `UPDATE value_blobs SET t = 'Hello' WHERE rowid = 6`,
    ],
    probes: [
      { ask: `SELECT typeof(i), typeof(r), typeof(t) FROM value_blobs LIMIT 1`, gives: 'blob|blob|blob' },
    ],
  },
  {
    kind: 'values',
    name: 'of any type in any column, NULLs between them',
    sql: `
      CREATE TABLE value_any (id INTEGER PRIMARY KEY, i INTEGER, r REAL, t TEXT, b BLOB, n NUMERIC, d DATE, x BOOLEAN);
      INSERT INTO value_any VALUES
        (1, 'text', 'text', 5, 5, 'text', 'text', 'text'), (2, x'00', x'00', x'00', x'00', x'00', x'00', x'00'),
        (3, 1.5, 1, 1.5, 1.5, 1.0, 20240101, 'true'), (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (5, '', '', '', '', '', '', '');`,
    tampers: [
      `UPDATE value_any SET i = 'Text' WHERE id = 1`,
      `UPDATE value_any SET b = '5' WHERE id = 1`,
      `UPDATE value_any SET t = NULL WHERE id = 5`,
    ],
    probes: [
      {
        ask: `SELECT typeof(i), typeof(r), typeof(t), typeof(b) FROM value_any WHERE id = 1`,
        gives: 'text|text|text|integer',
      },
    ],
    inserts: [{ sql: `INSERT INTO value_any (x) VALUES (1) RETURNING id`, gives: '6' }],
  },
  {
    kind: 'values',
    name: 'large: texts and blobs of some MB, many overflow pages, the last byte of each',
    sql: `
      CREATE TABLE value_large (id INTEGER PRIMARY KEY, v);
      INSERT INTO value_large VALUES (1, replace(hex(zeroblob(700000)), '00', 'äß7') || 'end'), (2, zeroblob(3000000));
      WITH RECURSIVE n (i, x) AS (SELECT 1, 12345 UNION ALL SELECT i + 1, (x * 1103515245 + 12345) & 0x7fffffff FROM n WHERE i < 100000)
        INSERT INTO value_large SELECT 3, CAST(group_concat(printf('%08x', x), '') AS BLOB) FROM n;
      INSERT INTO value_large SELECT 4, CAST(v AS TEXT) || char(0) FROM value_large WHERE id = 3;`,
    tampers: [
      `UPDATE value_large SET v = substr(v, 1, length(v) - 1) || 'D' WHERE id = 1`,
      `UPDATE value_large SET v = zeroblob(2999999) WHERE id = 2`,
      `UPDATE value_large SET v = CAST(v AS TEXT) WHERE id = 3`,
    ],
    probes: [
      { ask: `SELECT length(CAST(v AS BLOB)) FROM value_large`, gives: '3500003|3000000|800000|800001' },
    ],
    inserts: [{ sql: `INSERT INTO value_large (v) VALUES (1) RETURNING id`, gives: '5' }],
  },
];
