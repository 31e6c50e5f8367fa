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

  it('says that a backup holds no tables, where a name is asked for', () => {
    assert.throws(
      () => chooseTables(manifestOf([], []), [{ name: 'orders' }]),
      (error) => RestorePointError.is(error) && error.details.next === 'It contains no tables.',
    );
  });
});
