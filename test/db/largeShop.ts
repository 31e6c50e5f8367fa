/** A database that is large enough for its pages to be written instead of its rows: some 10 MB. */
export const largeShop = `
  PRAGMA user_version = 7; PRAGMA application_id = 77;
  CREATE TABLE customers (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE);
  CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers, total REAL, note);
  CREATE INDEX orders_customer ON orders (customer);
  CREATE VIEW named AS SELECT name, total FROM orders JOIN customers ON customers.id = customer;
  CREATE TRIGGER counted AFTER INSERT ON orders BEGIN UPDATE customers SET name = name || '+' WHERE id = new.customer; END;
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
    INSERT INTO customers (name) SELECT 'name' || i FROM n;
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000)
    INSERT INTO orders SELECT i, NULL, i / 30.0, hex(randomblob(600)) FROM n;
  UPDATE orders SET customer = id % 2000 + 1;`;

/** After this no row is as it was, and the number of them is another one. */
export const changeMuch = `
  UPDATE orders SET total = total + 1; UPDATE customers SET name = 'other' || id;
  DELETE FROM orders WHERE id % 8 = 0; INSERT INTO customers (name) VALUES ('zz')`;
