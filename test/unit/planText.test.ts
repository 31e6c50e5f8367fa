import assert from 'node:assert/strict';
import { planText } from '../../src/cli/summary.ts';
import { RestorePointError } from '../../src/core/errors.ts';
import { chooseTables } from '../../src/restore/choosePart.ts';
import { planRestore } from '../../src/restore/planRestore.ts';
import { manifestOf, plainTable } from '../support/manifests.ts';

describe('what the command line says of a plan', () => {
  it('shows the foreign keys from other tables by their columns: not every engine names them', () => {
    const foreignKey = { name: '1', columns: ['up_id'], references: { name: 'up' }, referencedColumns: [] };
    const up = plainTable('up', { name: { name: 'up' } });
    const down = plainTable('down', { name: { name: 'down' }, foreignKeys: [foreignKey] });
    const manifest = manifestOf(
      [up],
      [{ name: 'data/1', chunks: [{ entry: 'a', rows: 3, bytes: 1, storedBytes: 1, sha256: '' }] }],
    );
    const schema = { tables: [up, down], objects: [], sequences: [], leftOut: [] };
    const features = {
      schemas: false,
      createsDatabase: true,
      caseInsensitiveNames: true,
      transactionalDdl: true,
      isFile: true,
    };
    const plan = planRestore(manifest, { schema, features, rowCount: () => 2 }, { mode: 'replace' });
    assert.match(
      planText(plan, 'shop.db'),
      /^ {2}up {2}2 rows now {2}3 rows in the backup {2}down references it \(up_id\)$/m,
    );
  });

  it('shows what changes first, what was not counted as a least number, and what stays in one line', () => {
    const names = ['same', 'few', 'many', 'late', 'also'];
    const tables = names.map((name) => plainTable(name, { name: { name } }));
    const payloads = names.map((_, index) => ({
      name: `data/${index + 1}`,
      chunks: [{ entry: 'a', rows: 3, bytes: 1, storedBytes: 1, sha256: '' }],
    }));
    const schema = { tables, objects: [], sequences: [], leftOut: [] };
    const features = {
      schemas: false,
      createsDatabase: true,
      caseInsensitiveNames: true,
      transactionalDdl: true,
      isFile: true,
    };
    const target = { schema, features, rowCount: () => 1200 };
    const plan = planRestore(manifestOf(tables, payloads), target, { mode: 'replace' });
    const none = { inserted: 0, updated: 0, deleted: 0, unchanged: 1200 };
    const changes = [
      none,
      { ...none, updated: 1 },
      { ...none, inserted: 10, deleted: 2000 },
      { ...none, deleted: 1197, atLeast: true as const },
      none,
    ];
    const counted = plan.tables.map((table) => ({
      ...table,
      changes: changes[names.indexOf(table.target.name)]!,
    }));
    const text = planText({ ...plan, tables: counted }, 'shop.db')
      .split('\n')
      .slice(1, 5);
    assert.deepEqual(text, [
      '  many  1,200 rows now  3 rows in the backup  +10 ~0 −2,000',
      '  late  1,200 rows now  3 rows in the backup  at least +0 ~0 −1,197',
      '  few   1,200 rows now  3 rows in the backup  +0 ~1 −0',
      '  no row changes in 2 tables (2,400 rows)',
    ]);
  });

  it('says that a backup holds no tables, where a name is asked for', () => {
    assert.throws(
      () => chooseTables(manifestOf([], []), [{ name: 'orders' }]),
      (error) => RestorePointError.is(error) && error.details.next === 'It contains no tables.',
    );
  });
});
