import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { limitsAt, shopIndexes, shopRows, shopTables, type Value } from './shopData.ts';

/** Fills an empty PostgreSQL database with the shop. */
export async function fillPostgres(url: string, scale: number): Promise<void> {
  await withClient(url, async (client) => {
    const limits = limitsAt(scale);
    for (const table of shopTables) {
      await client.query(`CREATE TABLE ${table.name} (${table.columns.postgres.join(', ')})`);
      const stream = client.query(copyFrom(`COPY ${table.name} FROM STDIN`));
      await pipeline(Readable.from(copyText(shopRows(table, limits))), stream);
      if (table.columns.postgres[0]!.startsWith('id ')) {
        await client.query(
          `SELECT setval(pg_get_serial_sequence('${table.name}', 'id'), max(id)) FROM ${table.name}`,
        );
      }
    }
    for (const index of shopIndexes) await client.query(index);
    await client.query('VACUUM ANALYZE');
    await client.query('CHECKPOINT');
  });
}

/** Makes a SQLite file that holds the shop. */
export function fillSqlite(file: string, scale: number): void {
  const database = new DatabaseSync(file);
  const limits = limitsAt(scale);
  database.exec('PRAGMA synchronous = off; PRAGMA journal_mode = memory');
  for (const table of shopTables) {
    database.exec(`CREATE TABLE ${table.name} (${table.columns.sqlite.join(', ')})`);
    const rows = shopRows(table, limits);
    database.exec('BEGIN');
    let insert: ReturnType<typeof database.prepare> | undefined;
    for (const row of rows) {
      insert ??= database.prepare(`INSERT INTO ${table.name} VALUES (${row.map(() => '?').join(', ')})`);
      insert.run(...row);
    }
    database.exec('COMMIT');
  }
  for (const index of shopIndexes) database.exec(index);
  database.exec('PRAGMA journal_mode = delete');
  database.close();
}

/** Changes the same part of every table's rows in a copy of the shop. */
export function damageSqlite(file: string, what: Damage): void {
  const database = new DatabaseSync(file);
  database.exec('PRAGMA foreign_keys = off; PRAGMA synchronous = off; PRAGMA journal_mode = off; BEGIN');
  for (const sql of damageSql(what)) database.exec(sql);
  database.exec('COMMIT; PRAGMA journal_mode = delete');
  database.close();
}

export type Damage = 'every row' | 'few rows';

/** In SQLite's SQL. Of few rows: one in 2,000 is deleted, and another one changed. */
export function damageSql(what: Damage): string[] {
  const changes = [
    `UPDATE customers SET country = upper(country)`,
    `UPDATE orders SET status = upper(status)`,
    `UPDATE order_lines SET quantity = quantity + 1`,
    `UPDATE documents SET title = '-' || substr(title, 2)`,
    `UPDATE blobs SET data = zeroblob(length(data))`,
  ];
  if (what === 'every row') return changes;
  return [
    ...changes.map((sql) => `${sql} WHERE rowid % 2000 = 1`),
    ...shopTables.map(({ name }) => `DELETE FROM ${name} WHERE rowid % 2000 = 2`),
  ];
}

export async function withClient<Result>(
  url: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The pid of the server that this address leads to, which runs on this machine. */
export async function serverProcess(url: string): Promise<number> {
  const { rows } = await withClient(url, (client) =>
    client.query<{ pid: string }>(`SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS pid`),
  );
  return Number(rows[0]!.pid);
}

/** Runs one query of a whole text and resolves to its first value, as text. */
export async function value(url: string, sql: string): Promise<string> {
  const { rows } = await withClient(url, (client) => client.query({ text: sql, rowMode: 'array' }));
  return String((rows as unknown[][])[0]?.[0]);
}

const pieceLength = 1 << 16;

function* copyText(rows: Iterable<Value[]>): Generator<string> {
  let piece = '';
  for (const row of rows) {
    piece += `${row.map(field).join('\t')}\n`;
    if (piece.length < pieceLength) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

function field(item: Value): string {
  if (item === null) return '\\N';
  if (typeof item === 'string') return item.replaceAll('\\', '\\\\');
  return typeof item === 'number' ? String(item) : `\\\\x${Buffer.from(item).toString('hex')}`;
}
