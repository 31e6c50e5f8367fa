import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describeError, RestorePointError } from '../../src/core/errors.ts';
import {
  formatTableName,
  nameFinder,
  nameMatches,
  parseTableName,
  parseTableNames,
  tableKey,
} from '../../src/core/names.ts';
import { version } from '../../src/core/version.ts';

describe('names', () => {
  it('reads what it writes, whatever a table is called', () => {
    for (const name of [
      'orders',
      'a.b',
      'a b',
      'a,b',
      'say "hi"',
      '__proto__',
      'Größe',
      '名前',
      '1st',
      "x'y",
      '.',
    ]) {
      for (const table of [{ name }, { schema: 'public', name }, { schema: name, name: 'x' }]) {
        assert.deepEqual(parseTableName(formatTableName(table)), table);
        assert.deepEqual(parseTableNames(`t, ${formatTableName(table)}`), [{ name: 't' }, table]);
      }
    }
  });

  it('refuses what is no name', () => {
    for (const text of ['', 'a.b.c', '.', 'a.', '.b']) {
      assert.throws(
        () => parseTableName(text),
        (error) => RestorePointError.is(error, 'usage'),
        text,
      );
    }
  });

  it('takes a star outside of quotes for any characters', () => {
    const fits = (pattern: string, schema: string, name: string): boolean =>
      nameMatches(parseTableName(pattern), { schema, name });
    assert.ok(fits('audit_*', 'public', 'audit_2026'));
    assert.ok(fits('*', 'public', 'anything\nat all'));
    assert.ok(fits('arch*.orders', 'archive', 'orders'));
    assert.ok(!fits('arch*.orders', 'public', 'orders'));
    assert.ok(!fits('audit_*', 'public', 'my_audit_1'));
    assert.ok(!fits('a.c*', 'a', 'b'));
    assert.ok(fits('"a*"', 'public', 'a*'));
    assert.ok(!fits('"a*"', 'public', 'ab'));
    assert.ok(!fits('o.*', 'public', 'oxx'));
    assert.ok(fits('a*b*c', 'public', 'a-b-b-c'));
    assert.ok(!fits('a*b*c', 'public', 'a-c-b'));
    assert.ok(!fits('ab*ba', 'public', 'aba'));
    assert.ok(!fits('*'.repeat(40).replaceAll('*', '*a') + 'b', 'public', 'a'.repeat(100_000)));
  });

  it('takes a name without a schema for any schema', () => {
    assert.ok(nameMatches({ name: 'a' }, { schema: 's', name: 'a' }));
    assert.ok(!nameMatches({ schema: 'x', name: 'a' }, { schema: 's', name: 'a' }));
    assert.notEqual(tableKey({ name: 'a.b' }), tableKey({ schema: 'a', name: 'b' }));
  });
  it('finds all that a name or a pattern means', () => {
    const named = [
      { schema: 'public', name: 'orders' },
      { schema: 'sales', name: 'orders' },
      { schema: 'sales', name: 'ab' },
      { schema: 'sales', name: 'a*' },
    ];
    const find = nameFinder(named, (name) => name);
    const found = (text: string): string[] => find(parseTableName(text)).map(formatTableName);
    assert.deepEqual(found('orders'), ['public.orders', 'sales.orders']);
    assert.deepEqual(found('sales.orders'), ['sales.orders']);
    assert.deepEqual(found('sales.*'), ['sales.orders', 'sales.ab', 'sales."a*"']);
    assert.deepEqual(found('a*'), ['sales.ab', 'sales."a*"']);
    assert.deepEqual(found('"a*"'), ['sales."a*"']);
    assert.deepEqual(found('other'), []);
  });
});

describe('errors', () => {
  it('are one line: where, what, what was left unchanged, what to do next', () => {
    const error = new RestorePointError('database', 'CHECK constraint failed:\n  n_positive', {
      place: { table: 'orders', row: 1234 },
      unchanged: 'Nothing was changed.',
      next: 'Mend the row',
    });
    assert.equal(
      describeError(error),
      'orders, row 1234: CHECK constraint failed: n_positive. Nothing was changed. Mend the row.',
    );
  });

  it('keep the innermost place and the cause', () => {
    const cause = new Error('low');
    const inner = new RestorePointError('database', 'x', { place: { row: 3 }, cause });
    const outer = inner.with({ place: { table: 't', row: 9 }, unchanged: 'Nothing.' });
    assert.deepEqual(outer.details.place, { table: 't', row: 3 });
    assert.equal(outer.cause, cause);
    assert.equal(outer.stack, inner.stack);
  });
});

describe('version', () => {
  it('is the one of package.json', async () => {
    const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
    assert.equal((JSON.parse(text) as { version: string }).version, version);
  });
});
