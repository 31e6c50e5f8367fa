import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { type Logger, silentLogger } from '../../src/core/logger.ts';
import { type RandomSource, randomSource } from '../support/randomSource.ts';
import { sqliteDump } from '../support/sqliteDump.ts';
import { backUpSqlite, integrity, useSystemTemporaryFolder } from '../support/sqliteFiles.ts';
import { useTemporaryFolder } from '../support/temporaryFolder.ts';

const lengths = [3, 40, 150, 300, 1200, 5000, 30_000];

describe('SQLite: databases that are backed up page by page, with a random past', () => {
  const folder = useTemporaryFolder();
  useSystemTemporaryFolder();

  it('are exact, and hold nothing that was deleted', async () => {
    const random = randomSource('pages');
    const cases = Number(process.env['CASES'] ?? 40);
    let byPage = 0;
    for (let number = 0; number < cases; number += 1) {
      const file = folder.file(`random-${number}.db`);
      const live = liveThrough(file, random);
      const reasons: string[] = [];
      const logger: Logger = { ...silentLogger, debug: (line) => reasons.push(line) };
      const { source } = await backUpSqlite(file, undefined, { logger });
      const reason = reasons.find((line) => line.startsWith('SQLite copies the database'));
      assert.doesNotMatch(reason ?? '', /its pages are not/, `case ${number}`);
      if (reason === undefined) byPage += 1;
      const payload = Buffer.concat([...source.chunks.values()]);
      const extracted = folder.file(`extracted-${number}.db`);
      writeFileSync(extracted, payload);
      assert.equal(integrity(extracted), 'ok', `case ${number}`);
      assert.deepEqual(sqliteDump(extracted), sqliteDump(file), `case ${number}`);
      for (const mark of marksIn(payload.toString('latin1')))
        assert.ok(live.has(mark), `case ${number}: ${mark} was deleted`);
    }
    assert.ok(byPage > cases / 3, `${byPage} of ${cases}`);
  });
});

/** Makes a database of which rows come, change and go; gives the marks of all rows that are left. */
function liveThrough(file: string, random: RandomSource): Set<string> {
  const database = new DatabaseSync(file);
  database.exec(`PRAGMA page_size = ${random.pick([512, 1024, 4096, 65_536])}; PRAGMA synchronous = OFF;
    PRAGMA secure_delete = OFF; CREATE TABLE t (id INTEGER PRIMARY KEY, a, b);
    CREATE TABLE k (a PRIMARY KEY, b) WITHOUT ROWID; CREATE INDEX i ON t (a)`);
  let marks = 0;
  // One stands in every part of a value that is longer than two of them, and no number of a page makes another one of it.
  const value = (): string => {
    const mark = `<##${(marks += 1)}##>`;
    return mark.repeat(Math.ceil(random.pick(lengths) / mark.length));
  };
  const insert = {
    t: database.prepare('INSERT INTO t (a, b) VALUES (?, ?)'),
    k: database.prepare('INSERT INTO k VALUES (?, ?)'),
  };
  const update = {
    t: database.prepare('UPDATE t SET b = ? WHERE rowid = ?'),
    k: database.prepare('UPDATE k SET b = ? WHERE a LIKE ?'),
  };
  const steps = 5 + random.below(40);
  for (let step = 0; step < steps; step += 1) {
    database.exec('BEGIN');
    const count = 1 + random.below(random.pick([3, 40, 200]));
    const place = random.below(2_000);
    random.pick<() => unknown>([
      () => each(count, () => insert.t.run(value(), value())),
      () => each(count, () => insert.t.run(value(), value())),
      () => each(count, () => insert.k.run(value(), value())),
      () => each(count, () => update.t.run(value(), random.below(2_000))),
      () => each(count, () => update.k.run(value(), `<##${random.below(marks + 1)}##>%`)),
      () => database.exec(`DELETE FROM t WHERE id BETWEEN ${place} AND ${place + count}`),
      () => database.exec(`DELETE FROM t WHERE id % ${2 + random.below(9)} = 0`),
      () => database.exec(`DELETE FROM k WHERE length(a) % 7 = ${random.below(7)}`),
      () => database.exec('DROP INDEX i; CREATE INDEX i ON t (b)'),
      () => database.exec('CREATE TABLE other AS SELECT * FROM t; DROP TABLE other'),
    ])();
    database.exec('COMMIT');
  }
  const rows = database.prepare('SELECT a, b FROM t UNION ALL SELECT a, b FROM k').all();
  database.close();
  return new Set(rows.flatMap((row) => marksIn(`${String(row['a'])} ${String(row['b'])}`)));
}

function each(count: number, work: () => unknown): void {
  for (let index = 0; index < count; index += 1) work();
}

function marksIn(text: string): string[] {
  return [...new Set(text.match(/<##\d+##>/g) ?? [])];
}
