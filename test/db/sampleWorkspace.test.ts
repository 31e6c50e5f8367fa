import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { crc32, inflateSync } from 'node:zlib';
import { sampleRows } from '../support/sampleData.ts';
import { makeSampleWorkspace, makeShopDatabase } from '../support/sampleWorkspace.ts';

/** Opens with Node's own SQLite, which shares no code with the driver that wrote the file. */
function withDatabase<T>(file: string, use: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(file);
  try {
    return use(database);
  } finally {
    database.close();
  }
}

function query(file: string, sql: string): SQLOutputValue[][] {
  return withDatabase(file, (database) =>
    database
      .prepare(sql)
      .all()
      .map((row) => Object.values(row)),
  );
}

function execute(file: string, sql: string): void {
  withDatabase(file, (database) => database.exec(sql));
}

/** The pixels of a PNG, after the signature and the checksum of every chunk were found right. */
function pixelsOf(png: Buffer): Buffer {
  assert.equal(png.toString('latin1', 0, 8), '\x89PNG\r\n\x1a\n');
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < png.length;) {
    const end = at + 8 + png.readUInt32BE(at);
    assert.equal(png.readUInt32BE(end), crc32(png.subarray(at + 4, end)), 'checksum of a chunk');
    chunks.set(png.toString('latin1', at + 4, at + 8), png.subarray(at + 8, end));
    at = end + 4;
  }
  assert.deepEqual([...chunks.keys()], ['IHDR', 'PLTE', 'IDAT', 'IEND']);
  return inflateSync(chunks.get('IDAT')!);
}

describe('sample workspace', () => {
  let folder: string;
  let shop: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'restore-point-sample-'));
    shop = join(folder, 'shop.db');
    await makeSampleWorkspace(folder);
  });

  afterEach(() => rm(folder, { recursive: true }));

  it('holds the database, the connection and the read-me, and nothing else', async () => {
    const names = await readdir(folder, { recursive: true });
    assert.deepEqual(names.sort(), ['.vscode', join('.vscode', 'settings.json'), 'README.md', 'shop.db']);
    const settings: unknown = JSON.parse(await readFile(join(folder, '.vscode', 'settings.json'), 'utf8'));
    assert.deepEqual(settings, {
      'restorePoint.connections': [
        { id: 'shop', name: 'Shop (SQLite)', engine: 'sqlite', file: '${workspaceFolder}/shop.db' },
      ],
    });
  });

  it('makes a sound database of the size that was asked for', () => {
    assert.deepEqual(query(shop, 'PRAGMA integrity_check'), [['ok']]);
    assert.deepEqual(query(shop, 'PRAGMA foreign_key_check'), []);
    const counts = Object.entries(sampleRows()).map(([table, rows]) => {
      assert.deepEqual(query(shop, `SELECT count(*) FROM ${table}`), [[rows.length]], table);
      return [table, rows.length];
    });
    assert.deepEqual(counts, [
      ['customers', 40],
      ['products', 25],
      ['orders', 120],
      ['order_lines', 288],
      ['orders_audit', 314],
    ]);
  });

  it('makes the same file every time', async () => {
    const again = join(folder, 'again.db');
    await makeShopDatabase(again);
    assert.ok((await readFile(again)).equals(await readFile(shop)));
  });

  it('keeps every script, byte for byte', () => {
    const expected = sampleRows().customers.map(([, name, , city]) =>
      [name, city].map((text) => Buffer.from(String(text)).toString('hex').toUpperCase()),
    );
    assert.deepEqual(query(shop, 'SELECT hex(name), hex(city) FROM customers ORDER BY id'), expected);
    const names = query(shop, 'SELECT name FROM customers').join('\n');
    const scripts = ['Latin', 'Cyrillic', 'Greek', 'Han', 'Hiragana', 'Arabic', 'Hebrew', 'Devanagari'];
    for (const script of scripts) assert.match(names, new RegExp(`\\p{Script=${script}}`, 'u'));
    assert.match(names, /\p{Emoji_Presentation}/u);
    assert.notEqual(names, names.normalize('NFC'), 'a name with combining marks');
  });

  it('holds values of the kinds that are easily lost', () => {
    const times = query(shop, 'SELECT ordered_at FROM orders').flat();
    for (const time of times) assert.match(String(time), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/);
    assert.deepEqual(query(shop, 'SELECT DISTINCT typeof(price) FROM products ORDER BY 1'), [
      ['integer'],
      ['real'],
    ]);
    const blanks =
      "SELECT sum(note IS NULL) > 0, sum(note = '') > 0, sum(note LIKE '%' || char(10) || '%') > 0";
    assert.deepEqual(query(shop, `${blanks} FROM orders`), [[1, 1, 1]]);
    const photos = query(shop, 'SELECT photo FROM products').flat();
    assert.ok(photos.includes(null));
    for (const photo of photos) {
      if (photo !== null) assert.equal(pixelsOf(Buffer.from(photo as Uint8Array)).length, 40 * (1 + 40 / 8));
    }
  });

  it('has constraints that bite', () => {
    const refused: [string, RegExp][] = [
      ['UPDATE products SET price = -1 WHERE id = 3', /CHECK constraint failed: price_not_negative/],
      ["UPDATE orders SET status = 'lost' WHERE id = 1001", /CHECK constraint failed: status_known/],
      ['UPDATE customers SET email = (SELECT min(email) FROM customers)', /UNIQUE.*customers\.email/],
      ['UPDATE products SET sku = (SELECT min(sku) FROM products)', /UNIQUE.*products\.sku/],
      ['UPDATE order_lines SET line_no = 1', /UNIQUE.*order_lines\.order_id, order_lines\.line_no/],
      ['DELETE FROM customers', /FOREIGN KEY/],
      ['DELETE FROM products', /FOREIGN KEY/],
    ];
    for (const [sql, message] of refused) assert.throws(() => execute(shop, sql), message, sql);
  });

  it('counts orders on from the highest number ever given', () => {
    const insert = "INSERT INTO orders (customer_id, ordered_at) VALUES (1, '2026-01-05 09:00:00.000001')";
    assert.deepEqual(query(shop, 'SELECT max(id) FROM orders'), [[1120]]);
    assert.deepEqual(query(shop, `${insert} RETURNING id`), [[1122]]);
  });

  it('keeps an audit row when a status changes', () => {
    execute(shop, "UPDATE orders SET status = 'paid' WHERE id = 1120");
    const audit = 'SELECT old_status, new_status FROM orders_audit WHERE order_id = 1120';
    assert.deepEqual(query(shop, audit), [['new', 'paid']]);
    const path = `SELECT count(*) FROM orders o WHERE status <> (SELECT new_status FROM orders_audit
      WHERE order_id = o.id ORDER BY changed_at DESC LIMIT 1)`;
    assert.deepEqual(query(shop, path), [[0]], 'the last audit row of an order names its status');
  });

  it('adds up the lines of each order in its view', () => {
    const rows = sampleRows();
    const cents = new Map(rows.orders.map(([id]) => [id!, 0]));
    for (const [order, , , quantity, price] of rows.order_lines) {
      cents.set(order!, cents.get(order!)! + Number(quantity) * Math.round(Number(price) * 100));
    }
    const expected = [...cents].map(([order, sum]) => [order, sum / 100]);
    assert.deepEqual(query(shop, 'SELECT order_id, total FROM order_totals ORDER BY order_id'), expected);
  });

  it('loses what its read-me says when its command is run', async () => {
    const script = /npx node -e "(.+)"/.exec(await readFile(join(folder, 'README.md'), 'utf8'))?.[1];
    assert.ok(script);
    const { status, stderr } = spawnSync(process.execPath, ['-e', script], { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.deepEqual(query(shop, 'SELECT count(*) FROM orders'), [[120 - 20]]);
    assert.deepEqual(query(shop, 'SELECT count(*) FROM order_lines'), [[288 - 42]]);
  });

  it('leaves what is there alone', async () => {
    execute(shop, "UPDATE customers SET city = 'Nantes' WHERE id = 1");
    await writeFile(join(folder, '.vscode', 'settings.json'), '{}');
    await makeSampleWorkspace(folder);
    assert.deepEqual(query(shop, 'SELECT city FROM customers WHERE id = 1'), [['Nantes']]);
    assert.equal(await readFile(join(folder, '.vscode', 'settings.json'), 'utf8'), '{}');
  });

  it('starts afresh when asked to, and does not replay an old journal', async () => {
    const killed = spawnSync(process.execPath, [
      '-e',
      `const database = new (require('node:sqlite').DatabaseSync)(process.argv[1]);
       database.exec("PRAGMA journal_mode = wal; UPDATE customers SET city = 'Nantes'; DELETE FROM orders_audit");
       process.kill(process.pid, 'SIGKILL');`,
      shop,
    ]);
    assert.ok((await readdir(folder)).includes('shop.db-wal'), String(killed.stderr));
    await makeSampleWorkspace(folder, { fresh: true });
    assert.deepEqual((await readdir(folder)).sort(), ['.vscode', 'README.md', 'shop.db']);
    assert.deepEqual(query(shop, 'PRAGMA integrity_check'), [['ok']]);
    assert.deepEqual(query(shop, 'SELECT city FROM customers WHERE id = 1'), [['Lyon']]);
    assert.deepEqual(query(shop, 'SELECT count(*) FROM orders_audit'), [[314]]);
  });
});
