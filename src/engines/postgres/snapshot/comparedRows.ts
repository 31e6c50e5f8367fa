import { RestorePointError } from '../../../core/errors.ts';
import type { BackedUpTable } from '../../../core/manifest.ts';
import { formatTableName, tableKey } from '../../../core/names.ts';
import type { SchemaObject, Table } from '../../../core/schema.ts';
import type { BackupSide } from '../../engine.ts';
import { withoutEndMark } from '../connect/endMark.ts';
import { describeFailure } from '../connect/errors.ts';
import { bytesOf, payloadOf } from '../payload/payloadRows.ts';
import { EditedLines, type LineEdit } from '../rows/editedLines.ts';
import { addedKeys } from '../rows/keyEdits.ts';
import { type FormOf, KeyForms } from '../rows/keyForms.ts';
import { type ReadValue, ValueTypes } from '../rows/typedValues.ts';
import type { KeysInServer } from './keysInServer.ts';
import type { TableReading } from './tableReading.ts';

type Take = (piece: Uint8Array) => void | Promise<void>;

/** The fields after the columns on each line, on both sides: the server's judgement of the key, and forms of its values. */
export interface KeyPlan {
  readonly forms: readonly KeyForm[];
  /** Decides which keys are equal, if texts alone do not tell. */
  readonly judge?: { readonly keys: KeysInServer; readonly places: readonly number[] } | undefined;
}

/** A value of the key that can be written in several ways on a side. */
export interface KeyForm {
  /** Its place in the row. */
  readonly place: number;
  readonly first: FormOf | undefined;
  readonly second: FormOf | undefined;
}

export type Which = 'first' | 'second';

/** The rows of one table on one side. */
export interface ComparedRows {
  readonly table: Table;
  /** The compared columns, with their names on this side. */
  readonly columns: readonly string[];
  /** About how many rows, and bytes, there are. */
  readonly rows: number;
  readonly bytes: number;
  readonly readers: readonly ReadValue[];
  /** Gives lines of COPY text. */
  read(plan: KeyPlan, take: Take, signal: AbortSignal | undefined): Promise<void>;
  /** Throws if this number of rows, with a complete last row or not, cannot be all rows. */
  check(rows: number, whole: boolean): void;
}

interface SideOptions {
  readonly which: Which;
  readonly types: SideTypes;
  /** Its server is the one that is asked about keys. */
  readonly isJudge: boolean;
}

/** The types of a side. */
export interface SideTypes {
  readonly values: ValueTypes;
  readonly keys: KeyForms;
}

export function typesOf(objects: readonly SchemaObject[]): SideTypes {
  return { values: new ValueTypes(objects), keys: new KeyForms(objects) };
}

/** Rows of a table of a database. */
export function liveRows(
  reading: TableReading,
  table: Table,
  columns: readonly string[],
  { which, types, isJudge }: SideOptions,
): ComparedRows {
  const { rows, bytes } = reading.size(table.name);
  return {
    table,
    columns,
    rows: Math.max(0, rows),
    bytes,
    readers: readersOf(table, columns, types),
    async read(plan, take) {
      const { judge } = plan;
      const added = addition(plan, which, !isJudge);
      const lines = added && new EditedLines({ columns: undefined, added }, take);
      const expressions = isJudge && judge ? [judge.keys.expression] : [];
      try {
        await reading.copy(table.name, { columns, expressions }, lines ? (piece) => lines.push(piece) : take);
      } catch (error) {
        throw describeFailure(error, { table: formatTableName(table.name) });
      }
    },
    check(_rows, whole) {
      if (!whole) throw new Error('The data ends in the middle of a row');
    },
  };
}

/** Rows of a table of a backup. */
export function backedUpRows(
  side: BackupSide,
  table: Table,
  columns: readonly string[],
  { which, types }: SideOptions,
): ComparedRows {
  const backedUp = tableOf(side, table);
  const payload = payloadOf(side.manifest, backedUp);
  const place = { table: formatTableName(table.name) };
  const places = columns.map((name) => backedUp.columns.indexOf(name));
  const inOrder = places.length === backedUp.columns.length && places.every((at, index) => at === index);
  return {
    table,
    columns,
    rows: backedUp.rows,
    bytes: bytesOf(payload),
    readers: readersOf(table, columns, types),
    async read(plan, take, signal) {
      const added = addition(plan, which, true);
      const edit: LineEdit = { columns: inOrder ? undefined : places, ...(added ? { added } : {}) };
      const lines = inOrder && !added ? undefined : new EditedLines(edit, take);
      for await (const bytes of withoutEndMark(side.source.read(payload, signal), place)) {
        await (lines ? lines.push(bytes) : take(bytes));
      }
      if (lines && !lines.whole) throw damagedRows(table, 'its last row is incomplete');
    },
    check(rows, whole) {
      if (!whole) throw damagedRows(table, 'its last row is incomplete');
      if (rows !== backedUp.rows)
        throw damagedRows(table, `it contains ${rows}, but its manifest says ${backedUp.rows}`);
    },
  };
}

function damagedRows({ name }: Table, what: string): RestorePointError {
  return new RestorePointError('damaged-backup', `Its rows are not the ones that were backed up: ${what}`, {
    place: { table: formatTableName(name) },
  });
}

function addition({ forms, judge }: KeyPlan, which: Which, asks: boolean): LineEdit['added'] {
  const asked = asks ? judge : undefined;
  if (forms.length === 0 && !asked) return undefined;
  return addedKeys(
    forms.map((form) => ({ place: form.place, form: form[which] })),
    asked && { places: asked.places, of: (keys) => asked.keys.of(keys) },
  );
}

function readersOf(table: Table, columns: readonly string[], types: SideTypes): readonly ReadValue[] {
  const known = new Map(table.columns.map(({ name, type }) => [name, type]));
  return types.values.readers(columns.map((name) => known.get(name) ?? ''));
}

/** Tables of a manifest by their keys. */
const lookups = new WeakMap<readonly BackedUpTable[], ReadonlyMap<string, BackedUpTable>>();

function tableOf({ manifest }: BackupSide, { name }: Table): BackedUpTable {
  let lookup = lookups.get(manifest.tables);
  if (!lookup) {
    lookup = new Map(manifest.tables.map((one) => [tableKey(one.table.name), one]));
    lookups.set(manifest.tables, lookup);
  }
  const found = lookup.get(tableKey(name));
  if (found) return found;
  throw new RestorePointError('usage', 'The backup does not contain this table', {
    place: { table: formatTableName(name) },
  });
}
