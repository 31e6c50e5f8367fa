import assert from 'node:assert/strict';
import { RestorePointError } from '../../src/core/errors.ts';
import type { Manifest } from '../../src/core/manifest.ts';
import { formatTableName } from '../../src/core/names.ts';
import type { RestoreMode, RestorePlan } from '../../src/core/plan.ts';
import type { DatabaseSchema, ForeignKey, SchemaObject, Table } from '../../src/core/schema.ts';
import type { SessionFeatures } from '../../src/engines/engine.ts';
import { postgresEngine } from '../../src/engines/postgres/engine.ts';
import { planRestore } from '../../src/restore/planRestore.ts';
import { manifestOf } from './manifests.ts';

export const features: SessionFeatures = {
  schemas: true,
  createsDatabase: false,
  caseInsensitiveNames: false,
  transactionalDdl: true,
  isFile: false,
};

export function foreignKeyTo(name: string): ForeignKey {
  return {
    name: `to_${name}`,
    columns: ['id'],
    references: { schema: 'public', name },
    referencedColumns: ['id'],
  };
}

export function liveSchema(tables: readonly Table[], changes: Partial<DatabaseSchema> = {}): DatabaseSchema {
  return { tables, objects: [], sequences: [], leftOut: [], ...changes };
}

export function backupOf(tables: readonly Table[], changes: Partial<Manifest> = {}): Manifest {
  const payloads = tables.map((table, index) => ({
    name: `data/${index + 1}-${table.name.name}`,
    chunks: [],
  }));
  const objects = tables.map(({ name }): SchemaObject => {
    const made = { kind: 'table', name: formatTableName(name), table: name, needs: [] };
    return { ...made, section: 'pre-data', sql: 'CREATE TABLE' };
  });
  return manifestOf(tables, payloads, { objects, ...changes });
}

export function plan(
  manifest: Manifest,
  live: readonly Table[],
  options: {
    mode?: RestoreMode;
    tables?: string[];
    features?: Partial<SessionFeatures>;
    schema?: Partial<DatabaseSchema>;
  } = {},
): RestorePlan {
  const tables = options.tables?.map((name) => ({ name }));
  return planRestore(
    manifest,
    {
      schema: liveSchema(live, options.schema),
      features: { ...features, ...options.features },
      extras: postgresEngine.extras,
      statements: postgresEngine.statements,
      rowCount: () => 7,
    },
    { mode: options.mode ?? 'replace', ...(tables ? { tables } : {}) },
  );
}

export function refusal(work: () => unknown): RestorePointError {
  try {
    work();
  } catch (error) {
    assert.ok(RestorePointError.is(error), String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'it was not refused' });
}
