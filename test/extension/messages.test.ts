import assert from 'node:assert/strict';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { cancelled, RestorePointError } from '../../src/core/errors.ts';
import { formatTableName } from '../../src/core/names.ts';
import type { DatabaseSchema, SchemaObject, Table } from '../../src/core/schema.ts';
import { postgresEngine } from '../../src/engines/postgres/engine.ts';
import type { PostgresObject } from '../../src/engines/postgres/schema/postgresObject.ts';
import { planRestore } from '../../src/restore/planRestore.ts';
import { refused as planRefusal } from '../../src/restore/refusal.ts';
import { ErrorBoundary, failureText } from '../../src/ui/errorBoundary.ts';
import { isExpected, Log, traceOf } from '../../src/ui/log.ts';
import { ageText } from '../../src/ui/quantities.ts';
import { changesText } from '../../src/ui/restoreReportText.ts';
import { restoreSummary } from '../../src/ui/restoreSummary.ts';
import { manifestOf, plainTable } from '../support/manifests.ts';
import { workspaceFolder } from './shop.ts';

describe('messages', () => {
  it('say of a failure what, where, why, what was left unchanged and what to do', () => {
    const error = new RestorePointError('database', 'CHECK constraint "n_positive" failed', {
      place: { table: 'orders', row: 1234 },
      unchanged: 'Nothing was changed.',
      next: 'Correct the row',
    });
    assert.equal(
      failureText('Restore', error),
      'Restore failed in orders (row 1234): CHECK constraint "n_positive" failed. ' +
        'Nothing was changed. Correct the row.',
    );
    const file = join(workspaceFolder, 'backups', 'a.dbbackup');
    assert.equal(
      failureText(
        'Verification',
        new RestorePointError('damaged-backup', 'It is damaged', { place: { file } }),
      ),
      `Verification failed: ${join('backups', 'a.dbbackup')}: It is damaged.`,
    );
    const refused = planRefusal([{ table: { name: 'log' }, reason: 'it has no key' }]);
    assert.equal(failureText('Restore', refused), 'Restore failed: log: it has no key. Nothing was changed.');
    assert.equal(failureText('Backup', new TypeError('x is\n  undefined')), 'Backup failed: x is undefined');
  });

  it('log the stack, the cause and what failed meanwhile', () => {
    const cause = new Error('the cause');
    const suppressed = new Error('the rollback');
    const trace = traceOf(new RestorePointError('database', 'It failed', { cause, suppressed }));
    assert.match(trace, /It failed\.\n.*RestorePointError: It failed\n\s+at /);
    assert.match(trace, /Caused by: Error: the cause\n\s+at /);
    assert.match(trace, /Meanwhile: Error: the rollback\n\s+at /);
    const circle = new Error('a circle');
    circle.cause = circle;
    assert.ok(traceOf(circle));
  });

  it('expect errors of their own, but no fault of the program behind them', () => {
    const own = (cause?: unknown): RestorePointError =>
      new RestorePointError('database', 'It failed', { cause });
    const another = new RestorePointError('database', 'It failed', { suppressed: new TypeError('a fault') });
    assert.ok(isExpected(own()));
    assert.ok(isExpected(own(Object.assign(new Error('SQLITE_BUSY: locked'), { code: 'SQLITE_BUSY' }))));
    assert.ok(isExpected(own(own())));
    for (const fault of [
      new TypeError('x is not a function'),
      own(new TypeError('x')),
      own(own(new RangeError('x'))),
    ])
      assert.equal(isExpected(fault), false);
    assert.equal(isExpected(another), false);
    assert.equal(isExpected(new Error('anything')), false);
    const circle = own();
    circle.cause = circle;
    assert.equal(typeof isExpected(circle), 'boolean');
  });

  it('end every error: work that fails gives undefined', async () => {
    const log = new Log();
    const boundary = new ErrorBoundary(log);
    const failing = (error: unknown) => boundary.run('Restore', () => Promise.reject(error as Error));
    assert.equal(await failing(new RestorePointError('database', 'It failed')), undefined);
    assert.equal(await failing(cancelled('Nothing was changed.')), undefined);
    assert.equal(await failing(new vscode.CancellationError()), undefined);
    assert.equal(await failing('a text'), undefined);
    assert.equal(await boundary.run('Restore', () => Promise.resolve(7)), 7);
    log.dispose();
  });

  it('tell ages in one unit', () => {
    const now = Date.UTC(2026, 10, 22, 12);
    const age = (seconds: number): string => ageText(new Date(now - seconds * 1000), now);
    assert.equal(age(0), 'just now');
    assert.equal(age(-5), 'just now');
    assert.match(age(120), /^2 min/);
    assert.match(age(3 * 3600), /^3 h/);
    assert.equal(age(30 * 3600), 'yesterday');
    assert.match(age(400 * 86400), /^last y/);
  });
});

describe('the message after a restore', () => {
  const report = { file: '', mode: 'replace', dryRun: false, created: [], opaque: [], warnings: [] } as const;
  const times = { milliseconds: 1, verifyMilliseconds: 1 };
  const change = { table: { name: 'orders' }, rowsBefore: 1205, rowsAfter: 1200, inserted: 1200, updated: 0 };
  const small = { table: { name: 'few' }, rowsBefore: 3, rowsAfter: 2, inserted: 2, updated: 0 };
  const texts = {
    'of tables that are written as a whole': [[change, small], '1,202 rows'],
    'of rows that were there': [
      [{ ...change, kept: 1190, removed: 15 }, small],
      '1,202 rows, 12 of them written; the rest were unchanged',
    ],
    'of rows that were all there': [
      [{ ...change, kept: 1200, removed: 0 }],
      '1,200 rows unchanged, nothing to write',
    ],
    'of rows that only the database had': [
      [{ ...change, kept: 1200, removed: 5 }],
      '1,200 rows unchanged, 5 others removed',
    ],
    'of a table that becomes empty': [
      [
        { ...change, kept: 1200, removed: 0 },
        { ...small, rowsAfter: 0, inserted: 0 },
      ],
      '1,200 rows unchanged, 3 others removed',
    ],
  } as const;

  for (const [what, [tables, words]] of Object.entries(texts)) {
    it(`tells ${what}`, () => {
      assert.equal(changesText({ ...report, ...times, tables }), words);
    });
  }
});

describe('the summary before a restore', () => {
  const tableObject = ({ name }: Table): SchemaObject => ({
    ...{ kind: 'table', name: formatTableName(name), table: name, needs: [] },
    ...{ section: 'pre-data', sql: 'CREATE TABLE' },
  });
  const orders = plainTable('orders');
  const customers = plainTable('customers');
  const lines = plainTable('order_lines', {
    foreignKeys: [
      { name: 'lines_order', columns: ['id'], references: orders.name, referencedColumns: ['id'] },
    ],
  });
  const schema: DatabaseSchema = {
    tables: [
      plainTable('orders', { columns: [...orders.columns, { name: 'new', type: 'text', notNull: false }] }),
      lines,
    ],
    objects: [],
    sequences: [],
    leftOut: [],
  };
  const manifest = manifestOf(
    [orders, customers],
    [
      { name: 'data/1', chunks: [{ entry: 'a', rows: 1200, bytes: 1, storedBytes: 1, sha256: '' }] },
      { name: 'data/2', chunks: [{ entry: 'b', rows: 1, bytes: 1, storedBytes: 1, sha256: '' }] },
    ],
    { objects: [orders, customers].map(tableObject) },
  );
  const features = {
    schemas: true,
    createsDatabase: false,
    caseInsensitiveNames: false,
    transactionalDdl: true,
    isFile: false,
  };
  const plan = planRestore(manifest, { schema, features, rowCount: () => 1100 }, { mode: 'replace' });
  const place = {
    engine: postgresEngine,
    ...{ backup: 'shop-1', age: 'just now', target: 'localhost:5432/shop' },
    ...{ manifest, tablesChosen: false, undoable: true },
  };

  it('says from where, into what, how, each table, what points at it, what differs, and what is kept', () => {
    const text = restoreSummary(plan, place);
    for (const part of [
      'From shop-1 (just now) into localhost:5432/shop.',
      'Replace: makes each table exactly as it is in the backup.',
      'public.orders: 1,100 rows now, 1,200 in the backup',
      'public.customers: missing, will be created with 1 row',
      'public.order_lines is not restored and references public.orders (id).',
      'public.orders: the column new is new since the backup',
      'You can undo this with Undo Restore.',
    ]) {
      assert.ok(text.includes(part), `${part} is missing in:\n${text}`);
    }
  });

  it('says what changes in each table, those that change most first, and those that stay in one line', () => {
    const [orders, customers] = plan.tables.map((table) => ({ ...table, create: false, rowsNow: 1100 }));
    const none = { inserted: 0, updated: 0, deleted: 0, unchanged: 1100 };
    const few = { ...customers!, changes: { ...none, updated: 2 } };
    const most = { ...orders!, changes: { ...none, inserted: 100, atLeast: true as const } };
    const text = restoreSummary({ ...plan, tables: [few, most] }, place);
    assert.match(
      text,
      new RegExp(
        '\\n\\nRows inserted \\(\\+\\), updated \\(~\\) and deleted \\(−\\):\\n' +
          'public\\.orders: at least \\+100, ~0, −0 \\(1,100 rows now, 1,200 in the backup\\)\\n' +
          'public\\.customers: \\+0, ~2, −0 \\(1,100 rows now, 1 in the backup\\)\\n',
      ),
    );
    const same = restoreSummary({ ...plan, tables: [{ ...orders!, changes: none }, few] }, place);
    assert.match(same, /\npublic\.customers: \+0, ~2, −0 .*\nUnchanged: public\.orders \(1,100 rows\)/);
    const unknown = { ...orders!, changes: { ...none, atLeast: true as const } };
    assert.match(
      restoreSummary({ ...plan, tables: [unknown] }, place),
      /\npublic\.orders: 1,100 rows now, 1,200 in the backup$/m,
    );
  });

  it('says what becomes of tables that are restored as a whole', () => {
    const opaque = ['words', 'boxes'].map((name, index) => ({ target: { name }, create: index === 1 }));
    const text = restoreSummary({ ...plan, tables: [], opaque }, place);
    assert.match(text, /^words: will be replaced as a whole\nboxes: missing, will be created as a whole$/m);
    assert.match(text, /You can undo this with Undo Restore\./);
  });

  it('says when nothing is kept', () => {
    assert.match(
      restoreSummary(plan, { ...place, undoable: false }),
      /You cannot undo this: no safety backup is taken/,
    );
  });

  it('says in one line what a choice of tables leaves out', () => {
    const object = (kind: string, name: string, more: Partial<PostgresObject> = {}): SchemaObject => ({
      ...{ kind, name, section: 'post-data', sql: '' },
      ...more,
    });
    const whole = {
      ...manifest,
      objects: [
        object('view', 'totals'),
        object('comment', 'view totals', { of: 'view totals' }),
        object('type', 'mood'),
        object('schema', 'public'),
        object('schema', 'usual', { usual: '' }),
        { ...tableObject(orders), needs: ['schema public'] },
        object('index', 'by_id', { table: orders.name }),
        object('virtual table', 'words', { table: { name: 'words' }, opaque: true }),
        object('virtual table', 'boxes', { table: { name: 'boxes' }, opaque: true }),
      ],
    };
    const part = {
      ...plan,
      create: [object('type', 'mood')],
      opaque: [{ target: { name: 'boxes' }, create: true }],
    };
    const line = 'Not part of this restore: view totals, virtual table words.';
    const options = { ...place, manifest: whole };
    assert.ok(
      restoreSummary(part, { ...options, tablesChosen: true })
        .split('\n')
        .includes(line),
    );
    assert.ok(!restoreSummary(part, options).includes('Not part'));
    assert.ok(
      !restoreSummary(plan, { ...place, tablesChosen: true }).includes('Not part'),
      'nothing is left out',
    );
  });

  it('stays on the screen, however many tables there are', () => {
    const many = Array.from({ length: 1000 }, (_, index) => plainTable(`t${index}`));
    const large = planRestore(
      manifestOf(many, [], { objects: many.map(tableObject) }),
      { schema: { ...schema, tables: [] }, features, rowCount: () => 0 },
      { mode: 'merge' },
    );
    const text = restoreSummary(large, place);
    assert.ok(text.split('\n').length < 25);
    assert.match(text, /… and 988 more/);
  });
});
