import type { Manifest } from '../../src/core/manifest.ts';
import type { Payload } from '../../src/core/payload.ts';
import type { Table } from '../../src/core/schema.ts';

/** A table of integers with a key, for tests that need no database. */
export function plainTable(name: string, changes: Partial<Table> = {}): Table {
  return {
    name: { schema: 'public', name },
    columns: [
      { name: 'id', type: 'integer', notNull: true },
      { name: 'note', type: 'text', notNull: false },
    ],
    primaryKey: { columns: ['id'], notNull: true },
    uniqueKeys: [],
    foreignKeys: [],
    triggers: [],
    holdsRows: true,
    ...changes,
  };
}

/** A manifest of one table a payload, each with the columns of the table that are not generated. */
export function manifestOf(
  tables: readonly Table[],
  payloads: readonly Payload[],
  changes: Partial<Manifest> = {},
): Manifest {
  return {
    format: 'restore-point',
    formatVersion: 1,
    createdAt: '2026-11-22T09:30:15.000Z',
    createdBy: '0.1.0',
    source: { engine: 'postgres', serverVersion: 'PostgreSQL 18.0', database: 'shop' },
    purpose: 'backup',
    complete: true,
    compression: 'zstd',
    tables: tables.map((table, index) => ({
      table,
      columns: table.columns.filter((column) => !column.generated).map((column) => column.name),
      digest: '0000000000000000',
      rows: payloads[index]?.chunks.reduce((sum, chunk) => sum + chunk.rows, 0) ?? 0,
      payload: payloads[index]?.name ?? 'data/1-none',
    })),
    objects: [],
    sequences: [],
    leftOut: [],
    payloads,
    ...changes,
  };
}
