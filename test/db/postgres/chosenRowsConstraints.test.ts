import assert from 'node:assert/strict';
import { kindsOf, refused, restoreRows, type TextTable, textsOfRow } from '../../support/chosenRows.ts';
import { usePostgres } from '../../support/postgresRestores.ts';

describe('postgres: foreign keys of chosen rows', () => {
  const postgres = usePostgres();
  const shop = (action = ''): string => `
    CREATE TABLE customers (id int PRIMARY KEY, name text);
    CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers ${action}, note text);
    INSERT INTO customers VALUES (1, 'a'), (2, 'b'), (3, 'c');
    INSERT INTO orders VALUES (10, 1, 'x'), (20, 2, 'y');`;

  it('writes rows that reference each other, whatever the order of their tables', async () => {
    const rows: TextTable[] = [
      {
        name: 'customers',
        rows: [
          [['1', 'a'], undefined],
          [undefined, ['4', 'd']],
        ],
      },
      {
        name: 'orders',
        rows: [
          [['10', '1', 'x'], undefined],
          [undefined, ['40', '4', 'w']],
          [
            ['20', '2', 'y'],
            ['20', '4', 'y'],
          ],
        ],
      },
    ];
    for (const action of [
      '',
      'ON DELETE CASCADE ON UPDATE CASCADE',
      'ON DELETE RESTRICT',
      'DEFERRABLE INITIALLY DEFERRED',
    ]) {
      for (const tables of [rows, rows.toReversed()]) {
        const database = await postgres.create(shop(action));
        const { written } = await restoreRows(database, tables);
        assert.deepEqual(written.map(({ length }) => length).sort(), [2, 3]);
        assert.deepEqual(await database.rows('SELECT id FROM customers ORDER BY id'), [['2'], ['3'], ['4']]);
        assert.deepEqual(await database.rows('SELECT id, customer FROM orders ORDER BY id'), [
          ['20', '4'],
          ['40', '4'],
        ]);
      }
    }
  });

  it('names the row that is missing, and skips all that needs it', async () => {
    const database = await postgres.create(`${shop()}
      CREATE TABLE parts (id int PRIMARY KEY, "order" int REFERENCES orders);`);
    const tables: TextTable[] = [
      {
        name: 'orders',
        rows: [
          [undefined, ['30', '9', 'z']],
          [undefined, ['31', '3', 'z']],
        ],
      },
      {
        name: 'parts',
        rows: [
          [undefined, ['300', '30']],
          [undefined, ['310', '31']],
        ],
      },
    ];
    await refused(
      database,
      tables,
      /foreign-key 30: the row of public\.customers that it references is missing \(foreign key orders_customer_fkey\)/,
    );
    for (const answer of ['skip', 'overwrite'] as const) {
      const { checked, late } = await restoreRows(database, tables, { answer });
      assert.deepEqual(kindsOf(checked), ['foreign-key 30']);
      const { needs } = checked.listed[0]!;
      assert.deepEqual(needs?.table, { schema: 'public', name: 'customers' });
      assert.deepEqual([needs.columns, textsOfRow(needs.values)], [['id'], ['9']]);
      assert.deepEqual(kindsOf(late), ['foreign-key 300']);
      assert.deepEqual(await database.rows('SELECT id FROM orders UNION SELECT id FROM parts ORDER BY 1'), [
        ['10'],
        ['20'],
        ['31'],
        ['310'],
      ]);
      await database.run('DELETE FROM parts; DELETE FROM orders WHERE id = 31');
    }
  });

  for (const action of [
    '',
    'ON DELETE CASCADE',
    'ON DELETE SET NULL',
    'ON DELETE SET DEFAULT',
    'ON DELETE RESTRICT',
    'DEFERRABLE INITIALLY DEFERRED',
  ]) {
    it(`leaves rows alone that reference a deleted one (${action || 'NO ACTION'})`, async () => {
      const database = await postgres.create(shop(action));
      const tables: TextTable[] = [
        {
          name: 'customers',
          rows: [
            [['1', 'a'], undefined],
            [['3', 'c'], undefined],
          ],
        },
      ];
      await refused(
        database,
        tables,
        /rows of public\.orders reference it.* \(foreign key orders_customer_fkey\)/,
      );
      const { checked } = await restoreRows(database, tables, { answer: 'skip' });
      assert.deepEqual(kindsOf(checked), ['foreign-key 1']);
      assert.deepEqual(await database.rows('SELECT id, customer FROM orders ORDER BY id'), [
        ['10', '1'],
        ['20', '2'],
      ]);
      assert.deepEqual(await database.rows('SELECT id FROM customers ORDER BY id'), [['1'], ['2']]);
    });
  }

  it('keeps a parent whose chosen child is skipped', async () => {
    const database = await postgres.create(shop('ON DELETE CASCADE'));
    const tables: TextTable[] = [
      {
        name: 'customers',
        rows: [
          [['1', 'a'], undefined],
          [['2', 'b'], undefined],
        ],
      },
      {
        name: 'orders',
        rows: [
          [['10', '1', 'changed'], undefined],
          [['20', '2', 'y'], undefined],
        ],
      },
    ];
    const { checked, late } = await restoreRows(database, tables, { answer: 'skip' });
    assert.deepEqual([kindsOf(checked), kindsOf(late)], [['changed 10'], ['foreign-key 1']]);
    assert.deepEqual(await database.rows('SELECT id FROM customers UNION SELECT id FROM orders ORDER BY 1'), [
      ['1'],
      ['3'],
      ['10'],
    ]);
  });

  it('changes what is referenced only where no row that stays references it', async () => {
    for (const action of ['', 'ON UPDATE CASCADE', 'ON UPDATE SET NULL', 'ON UPDATE RESTRICT']) {
      const database = await postgres.create(`
        CREATE TABLE parents (id int PRIMARY KEY, code text UNIQUE);
        CREATE TABLE children (id int PRIMARY KEY, code text REFERENCES parents (code) ${action});
        INSERT INTO parents VALUES (1, 'a'), (2, 'b'); INSERT INTO children VALUES (1, 'a'), (2, 'b')`);
      const parents: TextTable = {
        name: 'parents',
        rows: [
          [
            ['1', 'a'],
            ['1', 'A'],
          ],
        ],
      };
      await refused(database, [parents], /rows of public\.children reference it/);
      await restoreRows(database, [
        parents,
        {
          name: 'children',
          rows: [
            [
              ['1', 'a'],
              ['1', 'A'],
            ],
          ],
        },
      ]);
      assert.deepEqual(await database.rows('SELECT * FROM children ORDER BY id'), [
        ['1', 'A'],
        ['2', 'b'],
      ]);
      // Two rows exchange what others reference.
      const exchange: TextTable = {
        name: 'parents',
        rows: [
          [
            ['1', 'A'],
            ['1', 'b'],
          ],
          [
            ['2', 'b'],
            ['2', 'A'],
          ],
        ],
      };
      if (action === '') {
        const { checked } = await restoreRows(database, [exchange], { answer: 'skip' });
        assert.deepEqual(checked.counts, {});
        assert.deepEqual(await database.rows('SELECT * FROM parents ORDER BY id'), [
          ['1', 'b'],
          ['2', 'A'],
        ]);
      } else await refused(database, [exchange], /rows of public\.children reference it/);
    }
  });

  it('writes rows that reference themselves and each other in circles', async () => {
    const database = await postgres.create(`
      CREATE TABLE nodes (id int PRIMARY KEY, up int REFERENCES nodes ON DELETE CASCADE, first int);
      CREATE TABLE leaves (id int PRIMARY KEY, node int NOT NULL REFERENCES nodes);
      ALTER TABLE nodes ADD FOREIGN KEY (first) REFERENCES leaves;
      INSERT INTO nodes VALUES (1, 1, NULL), (2, 1, NULL)`);
    const tables: TextTable[] = [
      {
        name: 'nodes',
        rows: [
          [undefined, ['3', '4', '30']],
          [undefined, ['4', '3', '40']],
          [['2', '1', null], undefined],
          [['1', '1', null], undefined],
        ],
      },
      {
        name: 'leaves',
        rows: [
          [undefined, ['30', '3']],
          [undefined, ['40', '4']],
        ],
      },
    ];
    await restoreRows(database, tables);
    const after = await database.rows('SELECT id, up, first FROM nodes ORDER BY id');
    assert.deepEqual(after, [
      ['3', '4', '30'],
      ['4', '3', '40'],
    ]);
    await refused(database, [{ name: 'nodes', rows: [[['3', '4', '30'], undefined]] }], /reference it/);
  });

  it('knows the rows of partitions on both ends', async () => {
    const database = await postgres.create(`
      CREATE TABLE p (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
      CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
      CREATE TABLE c (id int, p int REFERENCES p ON DELETE CASCADE, PRIMARY KEY (id, p)) PARTITION BY LIST (p);
      CREATE TABLE c1 PARTITION OF c FOR VALUES IN (1, 11); CREATE TABLE c2 PARTITION OF c DEFAULT;
      INSERT INTO p VALUES (1, 1), (2, 2), (11, 11), (12, 12); INSERT INTO c VALUES (5, 1), (6, 2), (7, 11)`);
    await refused(
      database,
      [{ name: 'p1', rows: [[['1', '1'], undefined]] }],
      /rows of public\.c reference it/,
    );
    await refused(
      database,
      [{ name: 'c2', rows: [[undefined, ['8', '13']]] }],
      /the row of public\.p that it references is missing/,
    );
    await refused(
      database,
      [{ name: 'c2', rows: [[undefined, ['8', '11']]] }],
      /it belongs into another partition/,
    );
    await restoreRows(database, [
      {
        name: 'p1',
        rows: [
          [['1', '1'], undefined],
          [
            ['2', '2'],
            ['2', '3'],
          ],
        ],
      },
      { name: 'p2', rows: [[undefined, ['13', '1']]] },
      { name: 'c1', rows: [[['5', '1'], undefined]] },
      { name: 'c2', rows: [[undefined, ['5', '13']]] },
    ]);
    assert.deepEqual(await database.rows('SELECT id FROM p ORDER BY id'), [['2'], ['11'], ['12'], ['13']]);
    assert.deepEqual(await database.rows('SELECT id, p FROM c ORDER BY id'), [
      ['5', '13'],
      ['6', '2'],
      ['7', '11'],
    ]);
  });
});
