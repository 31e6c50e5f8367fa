import type { Table } from '../core/schema.ts';
import type { Row } from '../core/values.ts';

/** The table whose rows are written. */
export interface ExportedTable {
  readonly table: Table;
  /** In the order of the values. */
  readonly columns: readonly string[];
  /** The statement that made it, where it is known. */
  readonly sql?: string;
}

/** Writes rows as text, page by page. */
export interface RowFormat {
  readonly head: string;
  rows(rows: readonly Row[]): string;
  end(): string;
}

export const exportFormats = ['csv', 'ndjson', 'json', 'sql', 'django'] as const;

export type ExportFormat = (typeof exportFormats)[number];
