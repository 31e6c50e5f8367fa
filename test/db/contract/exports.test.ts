import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { ensureDebianPackages } from '../../support/debianPackages.ts';
import { runCli } from '../../support/cli.ts';
import { randomSource } from '../../support/randomSource.ts';
import { useTemporaryFolder } from '../../support/temporaryFolder.ts';
import { testEngines, type TestDatabase } from '../../support/testDatabases.ts';
import { hardTexts } from '../everything/hardTexts.ts';

/** A table with values that a text format can lose, in SQL: columns by name, and rows of values. */
interface HardTable {
  readonly first: string;
  readonly columns: readonly string[];
  /** For each of these there is a row with every other value of it NULL. */
  readonly values: Readonly<Record<string, readonly string[]>>;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const hard: Readonly<Record<string, HardTable>> = {
  sqlite: {
    first: '',
    columns: [
      ...['id INTEGER PRIMARY KEY', 'words TEXT', '"a ""b"", c" TEXT', 'amount REAL', 'small INTEGER'],
      ...['anything', 'raw BLOB', 'twice INTEGER GENERATED ALWAYS AS (id * 2)'],
    ],
    values: {
      words: hardTexts.map(quoted),
      '"a ""b"", c"': [`''`, `'\\.'`, `'{0}' || char(0) || char(13) || '{13}'`, `char(13, 10, 13)`],
      amount: ['0.1', '1e300', '9e999', '-9e999', '5e-324', '1.7976931348623157e308', '-0.5', '3'],
      small: ['9223372036854775807', '-9223372036854775808', '-1'],
      anything: ['1', '1.0', `'1'`, "CAST(x'61ff' AS TEXT)", "x''", "x'00ff'", 'NULL', '-0.0'],
      raw: ["x'00ff'", "x''", `'text'`],
    },
  },
  postgres: {
    first: `CREATE TYPE mood AS ENUM ('so so', 'good'); CREATE TYPE pair AS (a integer, b text);
            CREATE DOMAIN positive AS integer CHECK (VALUE > 0); SET IntervalStyle = postgres;`,
    columns: [
      ...['id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY', 'words text', '"a ""b"", c" varchar(9)'],
      ...['amount double precision', 'small real', 'exact numeric', 'big bigint', 'yes boolean', 'raw bytea'],
      ...['day date', 'moment timestamptz', 'local timestamp', 'span interval', 'doc json', 'docb jsonb'],
      ...['mood mood', 'pair pair', 'positive positive', 'list integer[]', 'lists text[]', 'moods mood[]'],
      ...[
        'raws bytea[]',
        'flags boolean[]',
        'boxes box[]',
        'address inet',
        'range int4range',
        'fixed char(5)',
      ],
      ...['bits bit(3)', 'twice bigint GENERATED ALWAYS AS (id * 2) STORED'],
    ],
    values: {
      words: hardTexts.map(quoted),
      '"a ""b"", c"': [`''`, String.raw`'\.'`, String.raw`'\N'`],
      amount: [
        "'NaN'",
        "'Infinity'",
        "'-Infinity'",
        "'-0'",
        '0.1',
        '5e-324',
        '1.7976931348623157e308',
        '1e15',
      ],
      small: ["'-0'", '0.1', '3.4e38', "'NaN'"],
      exact: ["'NaN'", '1.00', '-0.00', '0', '123456789012345678901234567890.123456789012345678901234567890'],
      big: ['9223372036854775807', '-9223372036854775808', '0'],
      yes: ['true', 'false'],
      raw: [String.raw`'\x00ff5c27'`, "''"],
      day: ["'infinity'", "'0044-03-15 BC'", "'2024-02-29'"],
      moment: ["'infinity'", "'2024-02-29 12:00:00.000001+02'", "'10000-01-01 00:00Z'", "'0001-01-01 BC'"],
      local: ["'-infinity'", "'2024-02-29 12:00:00.000001'"],
      span: ["'1 year -2 days 03:04:05.6'", "'-1 day'", "'-00:00:01'"],
      doc: [`'{"a": 1.10,  "a": null}'`, `E'{"b":\n "x\\\\u0041"}'`, "'null'", `'"text"'`],
      docb: [`'{"b": 1e2}'`, "'null'"],
      mood: ["'so so'"],
      pair: [`ROW(1, 'a,"b"\\')`, 'ROW(NULL, NULL)', `ROW(NULL, '')`],
      positive: ['5'],
      list: ["'{}'", "'{1,NULL,-3}'", "'{{1,2},{3,4}}'", "'[0:1]={5,6}'"],
      lists: [String.raw`ARRAY['a,b', 'q"\', 'NULL', '', NULL, '{x}', E'a\nb']`],
      moods: ["ARRAY['so so'::mood]"],
      raws: [String.raw`ARRAY['\x00ff'::bytea]`],
      flags: ['ARRAY[true, false, NULL]'],
      boxes: ["'{(1,1),(0,0);(2,2),(1,1)}'"],
      address: ["'::1/64'"],
      range: ["'[1,5)'", "'empty'"],
      fixed: ["'ab'"],
      bits: ["B'101'"],
    },
  },
};

const tableSql = ({ columns }: HardTable, name = 'hard'): string =>
  `CREATE TABLE ${name} (${columns.join(', ')})`;

function rowsSql({ values }: HardTable): string {
  const inserts = Object.entries(values).flatMap(([column, all]) =>
    all.map((value) => `INSERT INTO hard (${column}) VALUES (${value})`),
  );
  return inserts.join(';\n');
}

const packages: Readonly<Record<string, string>> = { sqlite: 'sqlite3', postgres: 'postgresql-client' };

/** Runs statements with the engine's own program. */
function ownProgram(database: TestDatabase, input: string): void {
  const [program, args] =
    database.engine.id === 'sqlite'
      ? ['sqlite3', ['-bail', database.url.slice('sqlite:'.length)]]
      : ['psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', database.url]];
  const run = spawnSync(program, args, { input, encoding: 'utf8' });
  assert.equal(run.stderr, '');
  assert.equal(run.status, 0);
}

for (const engine of testEngines) {
  describe(`exports, ${engine.id}`, () => {
    const folder = useTemporaryFolder();
    const table = hard[engine.id]!;
    let database: TestDatabase;
    let other: TestDatabase;
    let backup = '';

    before(() => ensureDebianPackages([packages[engine.id]!]));
    beforeEach(async () => {
      [database, other] = [await engine.create(), await engine.create()];
      await database.run(`${table.first} ${tableSql(table)}; ${rowsSql(table)}`);
      await other.run(`${table.first} ${tableSql(table)}`);
      backup = folder.file('hard.dbbackup');
      assert.equal((await runCli(['backup', database.url, '--out', backup])).code, 0);
    });
    afterEach(async () => {
      await database.remove();
      await other.remove();
    });

    /** The same from the database and from a backup of it, as a file and on the standard output. */
    async function exported(format: string, ...more: string[]): Promise<string> {
      const args = ['--table', 'hard', '--format', format, ...more];
      const out = folder.file(`hard.${format}`);
      const toFile = await runCli(['export', database.url, ...args, '--out', out]);
      assert.equal(toFile.stderr, '');
      assert.match(toFile.stdout, /^Exported \d+ rows of (?:public\.)?hard: /);
      const text = await readFile(out, 'utf8');
      const live = await runCli(['export', database.url, ...args]);
      const kept = await runCli(['export', backup, ...args]);
      assert.equal(live.code, 0, live.stderr);
      assert.equal(kept.code, 0, kept.stderr);
      assert.equal(live.stdout, text);
      // Which rows are in one statement depends on how they are read.
      if (format !== 'sql') assert.deepEqual(sortedRows(kept.stdout), sortedRows(text));
      keptText = kept.stdout;
      return text;
    }
    let keptText = '';
    const sortedRows = (text: string): string[] => text.replaceAll(/,$/gm, '').split('\n').sort();

    it('as INSERTs give the same rows', async () => {
      ownProgram(other, await exported('sql'));
      assert.deepEqual(rowsOf(await other.dump()), rowsOf(await database.dump()));
    });

    it('as INSERTs through the driver, and from a backup, give the same rows', async () => {
      await exported('sql');
      await other.run(keptText);
      assert.deepEqual(rowsOf(await other.dump()), rowsOf(await database.dump()));
    });

    // Where a counter stands is no row.
    const rowsOf = (dump: string): string[] =>
      dump.split('\n').filter((line) => !/_seq: |^sequence|sqlite_sequence/.test(line));

    it('as JSON can be read, with every digit', async () => {
      const list = await exported('json');
      const lines = await exported('ndjson');
      const objects = JSON.parse(list) as Record<string, unknown>[];
      assert.deepEqual(
        objects,
        lines
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown),
      );
      assert.deepEqual(
        objects.flatMap(({ words }) => (words === null ? [] : [words])),
        hardTexts,
      );
      assert.match(list, /9223372036854775807[,}]/);
      assert.equal('twice' in objects[0]!, false);
    });

    it('never take a name that is taken, and leave nothing when they fail', async () => {
      const out = folder.file('out.csv');
      await writeFile(out, 'mine');
      const taken = await runCli(['export', database.url, '-t', 'hard', '--format', 'csv', '-o', out]);
      assert.equal(taken.code, 2);
      assert.match(taken.stderr, /never overwrites/);
      assert.equal(await readFile(out, 'utf8'), 'mine');
      const args = ['--format', 'csv', '--out', folder.file('new.csv')];
      for (const more of [
        ['-t', 'none'],
        ['-t', 'hard', '--where', 'nonsense +'],
      ]) {
        const failed = await runCli(['export', database.url, ...more, ...args]);
        assert.equal(failed.code, 2, failed.stderr);
      }
      assert.deepEqual((await readdir(folder.path)).sort(), ['hard.dbbackup', 'out.csv']);
      assert.equal((await runCli(['export', backup, '-t', 'hard', ...args])).code, 0);
      assert.equal((await stat(folder.file('new.csv'))).mode & 0o777, 0o600);
    });

    it('take a condition, of a backup the text of a column', async () => {
      const args = ['-t', 'hard', '--format', 'ndjson', '--where'];
      const count = (text: string): number => text.split('\n').length - 1;
      const live = await runCli([
        'export',
        database.url,
        ...args,
        'id > 3',
        '--where',
        "words = '' -- no more",
      ]);
      assert.equal(live.code, 0, live.stderr);
      assert.equal(count(live.stdout), 0);
      assert.equal(count((await runCli(['export', database.url, ...args, 'hard: id < 4'])).stdout), 3);
      assert.equal(count((await runCli(['export', backup, ...args, 'words=  spaces around  '])).stdout), 1);
      const sql = await runCli(['export', backup, ...args, 'id > 3']);
      assert.equal(sql.code, 2);
      assert.match(sql.stderr, /column=text/);
    });

    it('refuse what a format cannot hold, or an option that is not its own', async () => {
      const django = ['--format', 'django'];
      await database.run(
        'CREATE TABLE two (a integer, b integer, PRIMARY KEY (a, b)); CREATE TABLE no (a integer)',
      );
      const refused = async (args: string[], code: number, why: RegExp): Promise<void> => {
        const run = await runCli(['export', database.url, ...args]);
        assert.equal(run.code, code);
        assert.match(run.stderr, why);
        if (!args.includes('--json')) assert.equal(run.stdout, '');
      };
      await refused(['-t', 'two', ...django, '--app-label', 'a'], 1, /2 columns \(a, b\)/);
      await refused(['-t', 'no', ...django, '--app-label', 'a'], 1, /no primary key/);
      await refused(['-t', 'hard', ...django], 2, /--app-label/);
      await refused(['-t', 'hard', '--format', 'sql', '--no-header'], 2, /only works with --format csv/);
      await refused(['-t', '*', '--format', 'csv'], 2, /matches 3 tables/);
      await refused(['-t', 'hard', '--format', 'xml'], 2, /csv, ndjson/);
      await refused(['-t', 'hard', '--format', 'csv', '--separator', '::'], 2, /one character/);
      await refused(['-t', 'hard', '--format', 'csv', '--json'], 2, /--out/);
    });

    it('of what differs have the rows that the other side lacks or has otherwise, and INSERTs bring the lost ones back', async () => {
      await database.run(`DELETE FROM hard WHERE id IN (2, 5); UPDATE hard SET words = 'new' WHERE id = 7`);
      const args = ['-t', 'hard', '--differing-from', database.url, '--format'];
      const lines = await runCli(['export', backup, ...args, 'ndjson']);
      assert.equal(lines.code, 0, lines.stderr);
      const objects = lines.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { id: number; words: string });
      assert.deepEqual(objects.map(({ id }) => id).sort(), [2, 5, 7]);
      assert.equal(objects.find(({ id }) => id === 7)?.words, hardTexts[6]);
      const back = await runCli([
        'export',
        database.url,
        '-t',
        'hard',
        '--differing-from',
        backup,
        '--format',
        'ndjson',
      ]);
      assert.match(back.stdout, /^\{"id":7,"words":"new"[^\n]*\n$/);
      const before = await database.rows('SELECT count(*) FROM hard');
      await database.run('DELETE FROM hard WHERE id = 7');
      const sql = await runCli(['export', backup, ...args, 'sql']);
      await database.run(sql.stdout);
      assert.equal((await runCli(['compare', backup, database.url, '--tables', 'hard'])).code, 0);
      assert.equal(
        Number((await database.rows('SELECT count(*) FROM hard'))[0]![0]),
        Number(before[0]![0]) + 2,
      );
      await database.run('CREATE TABLE later (id integer PRIMARY KEY)');
      const missing = ['export', database.url, '-t', 'later', '--differing-from', backup, '--format', 'csv'];
      assert.equal((await runCli(missing)).code, 2);
    });

    it('of many pages have every row', async () => {
      const numbers =
        engine.id === 'sqlite'
          ? `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i, 'x' FROM n`
          : `SELECT i, 'x' FROM generate_series(1, 20000) n (i)`;
      await database.run(
        `CREATE TABLE many (id integer PRIMARY KEY, note text); INSERT INTO many ${numbers}`,
      );
      const whole = await runCli(['export', database.url, '-t', 'many', '--format', 'csv', '--no-header']);
      assert.equal(whole.stdout.split('\r\n').length, 20_001);
      await other.run('CREATE TABLE many (id integer PRIMARY KEY, note text)');
      const sql = await runCli(['export', database.url, '-t', 'many', '--format', 'sql']);
      await other.run(sql.stdout);
      const sums = 'SELECT count(*), sum(id) FROM many';
      assert.deepEqual(await other.rows(sums), await database.rows(sums));
    });
  });
}

describe('CSV through the programs of the engines', () => {
  const folder = useTemporaryFolder();

  it('\\copy reads back what was there', async () => {
    ensureDebianPackages(['postgresql-client']);
    const engine = testEngines.find(({ id }) => id === 'postgres')!;
    const [database, other] = [await engine.create(), await engine.create()];
    try {
      const table = hard['postgres']!;
      await database.run(`${table.first} ${tableSql(table)}; ${rowsSql(table)}`);
      // Before its version 18, psql ends a file at a line of a text that is \. alone.
      await database.run(String.raw`DELETE FROM hard WHERE words ~ '\n\\\.\n'`);
      await other.run(`${table.first} ${tableSql(table)}`);
      const columns = table.columns
        .map((column) => /^(?:"(?:[^"]|"")+"|\w+)/.exec(column)![0])
        .filter((name) => name !== 'twice')
        .join(', ');
      for (const [more, copy] of [
        [[], 'FORMAT csv, HEADER'],
        [['--separator', '\\t', '--no-header'], `FORMAT csv, DELIMITER E'\\t'`],
        [['--separator', ';', '--null', 'NULL'], `FORMAT csv, HEADER, DELIMITER ';', NULL 'NULL'`],
      ] as const) {
        const out = folder.file(`${more.length}.csv`);
        const run = await runCli([
          'export',
          database.url,
          '-t',
          'hard',
          '--format',
          'csv',
          '--out',
          out,
          ...more,
        ]);
        assert.equal(run.code, 0, run.stderr);
        await other.run('TRUNCATE hard');
        ownProgram(other, `\\copy hard (${columns}) FROM '${out}' WITH (${copy})\n`);
        const query = 'SELECT hard::text FROM hard ORDER BY id';
        assert.deepEqual(await other.rows(query), await database.rows(query));
      }
    } finally {
      await database.remove();
      await other.remove();
    }
  });

  it('.import reads back what was there', async () => {
    ensureDebianPackages(['sqlite3']);
    const engine = testEngines.find(({ id }) => id === 'sqlite')!;
    const [database, other] = [await engine.create(), await engine.create()];
    try {
      const columns = [
        'id INTEGER PRIMARY KEY',
        'words TEXT',
        '"a ""b"", c" TEXT',
        'amount REAL',
        'small INTEGER',
      ];
      const table = { ...hard['sqlite']!, columns };
      const { words, amount, small } = table.values;
      const values = {
        words: words!,
        amount: amount!.filter((value) => !/9e999/.test(value)),
        small: small!,
      };
      await database.run(`${tableSql(table)}; ${rowsSql({ ...table, values })}`);
      await other.run(tableSql(table));
      const out = folder.file('hard.csv');
      const args = ['-t', 'hard', '--format', 'csv', '--no-header', '--null', '<null>', '--out', out];
      assert.equal((await runCli(['export', database.url, ...args])).code, 0);
      ownProgram(other, `.mode csv\n.import ${out} hard\n`);
      // The program knows no NULL in CSV.
      await other.run(
        ['words', '"a ""b"", c"', 'amount', 'small']
          .map((name) => `UPDATE hard SET ${name} = NULL WHERE ${name} = '<null>';`)
          .join(''),
      );
      assert.equal(await other.dump(), await database.dump());
    } finally {
      await database.remove();
      await other.remove();
    }
  });

  it('of random texts and numbers are read back', async () => {
    const random = randomSource('random texts');
    const engine = testEngines.find(({ id }) => id === 'postgres')!;
    const [database, other] = [await engine.create(), await engine.create()];
    try {
      for (const one of [database, other])
        await one.run('CREATE TABLE t (id integer PRIMARY KEY, a text, b float8)');
      const letters = ['"', ',', '\r', '\n', '\\', '.', ' ', "'", 'N', 'é', '😀', '\t', ';'];
      const rows = Array.from({ length: 300 }, (_, id) => {
        const text = Array.from({ length: random.below(8) }, () => random.pick(letters)).join('');
        const number = (random.below(2 ** 30) / 7) * 10 ** (random.below(600) - 300);
        return `(${id}, ${random.below(9) === 0 ? 'NULL' : quoted(text)}, ${number})`;
      });
      await database.run(`INSERT INTO t VALUES ${rows.join(', ')}`);
      await database.run(String.raw`DELETE FROM t WHERE a ~ '(^|[\r\n])\\\.($|[\r\n])'`);
      const out = folder.file('t.csv');
      const run = await runCli(['export', database.url, '-t', 't', '--format', 'csv', '--out', out]);
      assert.equal(run.code, 0, run.stderr);
      ownProgram(other, `\\copy t FROM '${out}' WITH (FORMAT csv, HEADER)\n`);
      assert.equal(await other.dump(), await database.dump());
    } finally {
      await database.remove();
      await other.remove();
    }
  });
});
