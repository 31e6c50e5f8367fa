import { type Cell, cellLimit, cellOf, cutText } from '../../core/cells.ts';
import { RestorePointError, messageOf, type ErrorCode } from '../../core/errors.ts';
import { formatBytes } from '../../core/format.ts';
import { type BackedUpTable, type Manifest, sizeOf } from '../../core/manifest.ts';
import { formatTableName, sameTable, tableKey } from '../../core/names.ts';
import type { Column, LeftOut, Table } from '../../core/schema.ts';
import type { Value } from '../../core/values.ts';
import { statementsByKind } from '../../restore/codeToRun.ts';
import type { RowPage } from './backupContents.ts';

/** How many rows the page shows at a time. */
export const rowsPerPage = 100;

/** The limit of characters when one value or one statement is shown in full. */
export const textCharacters = 1_000_000;

/** A backup as the page shows it. */
export interface BackupView {
  readonly database: string;
  /** `PostgreSQL 18.1` */
  readonly engine: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly createdBy: string;
  /** What its maker called it, and a note about it. */
  readonly name?: string;
  readonly note?: string;
  /** The file size for display: `1.5 MB`. */
  readonly size: string;
  readonly rows: number;
  readonly purpose: Manifest['purpose'];
  readonly complete: boolean;
  readonly tables: readonly TableEntry[];
  /** Present if it holds no tables, but the rows that a restore wrote. */
  readonly written?: readonly WrittenEntry[];
  /** How many statements there are of each kind. */
  readonly statements: readonly StatementCount[];
  readonly leftOut: readonly LeftOut[];
  readonly rowsPerPage: number;
}

export interface StatementCount {
  readonly kind: string;
  readonly count: number;
}

/** A table in the list. */
export interface TableEntry {
  /** Identifies the table, also after the file is read again. */
  readonly key: string;
  readonly label: string;
  readonly rows: number;
  /** The condition that selected its rows. */
  readonly where?: string;
}

/** How many rows of a table a restore wrote. */
export interface WrittenEntry {
  readonly label: string;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

/** Everything about one table except its rows. */
export interface TableView {
  readonly columns: readonly ColumnView[];
  readonly statements: readonly StatementView[];
  readonly counters: readonly CounterView[];
}

export interface ColumnView {
  readonly name: string;
  readonly type: string;
  /** Its values are numbers, so they are aligned right. */
  readonly numeric: boolean;
  /** Its values are texts or bytes, so their length is shown. */
  readonly counted: boolean;
  /** Its position in the primary key, from 1. */
  readonly primaryKey?: number;
  /** The other columns of each unique key that contains it. */
  readonly uniqueWith: readonly (readonly string[])[];
  readonly notNull: boolean;
  readonly default?: string;
  readonly generated?: Column['generated'];
  readonly identity?: Column['identity'];
  /** What its foreign keys reference: `customers (id)`. */
  readonly references: readonly string[];
}

export interface StatementView {
  readonly kind: string;
  readonly name: string;
  readonly sql: string;
}

export interface CounterView {
  readonly name: string;
  readonly lastValue: string;
}

export interface RowsView {
  /** The place of the first row, from 0. */
  readonly offset: number;
  /** How many rows there are on all pages. */
  readonly total: number;
  /** The place of each row in the backup, where the rows are sorted or filtered. */
  readonly numbers?: readonly number[];
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface FindView {
  /** How many rows contain the text. */
  readonly count: number;
  /** Which of them is the nearest, and its place among the rows that are shown, from 0; absent if there is none. */
  readonly index?: number;
  readonly place?: number;
}

export interface ValueView {
  readonly value: Cell;
}

/** Why a backup, or a part of it, cannot be shown. */
export interface Problem {
  readonly kind: 'damaged' | 'gone' | 'locked' | 'unreadable';
  readonly message: string;
  /** The damaged part of the file. */
  readonly entry?: string;
  /** What the user can do next, as a sentence. */
  readonly next?: string;
  /** The intact parts of the damaged backup can be salvaged. */
  readonly salvageable?: boolean;
}

/** `engineLabel` is the engine's display name, `size` the file size in bytes. */
export function backupView(manifest: Manifest, engineLabel: string, size: number): BackupView {
  const { source } = manifest;
  return {
    database: source.database,
    engine: source.serverVersion.startsWith(engineLabel)
      ? source.serverVersion
      : `${engineLabel} ${source.serverVersion}`,
    createdAt: manifest.createdAt,
    createdBy: manifest.createdBy,
    ...(manifest.name === undefined ? {} : { name: manifest.name }),
    ...(manifest.note === undefined ? {} : { note: manifest.note }),
    size: formatBytes(size),
    rows: sizeOf(manifest).rows,
    purpose: manifest.purpose,
    complete: manifest.complete,
    tables: manifest.tables.map(({ table, rows, where }) => ({
      key: tableKey(table.name),
      label: formatTableName(table.name),
      rows,
      ...(where === undefined ? {} : { where }),
    })),
    ...(manifest.writtenRows
      ? {
          written: manifest.writtenRows.tables.map(({ name, inserted, updated, deleted }) => ({
            ...{ label: formatTableName(name), inserted, updated, deleted },
          })),
        }
      : {}),
    statements: [...statementsByKind(manifest.objects)].map(([kind, { length }]) => ({
      kind,
      count: length,
    })),
    leftOut: manifest.leftOut,
    rowsPerPage,
  };
}

export function tableView(manifest: Manifest, { table }: BackedUpTable): TableView {
  return {
    columns: table.columns.map((column) => columnView(table, column)),
    statements: manifest.objects
      .filter((object) => object.table && sameTable(object.table, table.name))
      .map(({ kind, name, sql }) => ({ kind, name, sql: cutText(sql, textCharacters) })),
    counters: manifest.sequences
      .filter((sequence) => sequence.table && sameTable(sequence.table, table.name))
      .map((sequence) => ({ name: formatTableName(sequence.name), lastValue: sequence.lastValue })),
  };
}

function columnView(table: Table, column: Column): ColumnView {
  const place = table.primaryKey?.columns.indexOf(column.name) ?? -1;
  return {
    ...column,
    numeric: isNumeric(column.type),
    counted: isCounted(column.type),
    ...(place < 0 ? {} : { primaryKey: place + 1 }),
    uniqueWith: table.uniqueKeys
      .filter((key) => key.columns.includes(column.name))
      .map((key) => key.columns.filter((other) => other !== column.name)),
    references: table.foreignKeys
      .filter((key) => key.columns.includes(column.name))
      .map((key) => {
        const target = key.referencedColumns[key.columns.indexOf(column.name)];
        const name = formatTableName(key.references);
        return target === undefined ? name : `${name} (${target})`;
      }),
  };
}

const numericTypes =
  /^(unsigned )?(tiny|small|medium|big ?)?(int(eger)?\d?|serial\d?)\b|^(numeric|decimal|real|double|float\d?|money)\b/i;

/** Guesses from the names of numeric types in both engines. It only decides the alignment. */
export function isNumeric(type: string): boolean {
  return numericTypes.test(type) && !type.endsWith(']');
}

/** Guesses from the names of text and byte types. SQLite columns may have no type. */
export function isCounted(type: string): boolean {
  return type === '' || /char|text|clob|string|json|xml|bytea|blob|binary/i.test(type);
}

export function rowsView(page: RowPage, offset: number, total: number): RowsView {
  const limit = cellLimit(page.rows.length, page.columns.length);
  return {
    offset,
    total,
    columns: page.columns,
    rows: page.rows.map((row) => row.map((value) => cellOf(value, limit))),
  };
}

export function valueView(value: Value): ValueView {
  return { value: cellOf(value, textCharacters) };
}

export function problemOf(error: unknown): Problem {
  if (!RestorePointError.is(error)) return { kind: 'unreadable', message: messageOf(error) };
  const { place, next, cause, salvageable } = error.details;
  const gone = error.code === 'file' && (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
  const kinds: Partial<Record<ErrorCode, Problem['kind']>> = {
    'damaged-backup': 'damaged',
    locked: 'locked',
  };
  return {
    kind: gone ? 'gone' : (kinds[error.code] ?? 'unreadable'),
    message: error.message,
    ...(place?.entry === undefined ? {} : { entry: place.entry }),
    ...(next === undefined ? {} : { next }),
    ...(salvageable ? { salvageable } : {}),
  };
}
