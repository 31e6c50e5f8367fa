import { formatTableName } from '../../../core/names.ts';
import type { SchemaObject } from '../../../core/schema.ts';
import { quoteIdentifier, quoteName } from '../identifiers.ts';
import { addConstraint, storageOptions } from './tableStatements.ts';
import type { CatalogConstraint, CatalogTable } from './tables.ts';

/**
 * Statements for what is added to tables after their rows, in an order in which they can run. A partition is attached
 * when it has its own keys and indexes, so that it keeps their names; foreign keys find the keys that they need.
 */
export function tablePartObjects(tables: readonly CatalogTable[]): SchemaObject[] {
  const each = (parts: (table: CatalogTable) => SchemaObject[]): SchemaObject[] => tables.flatMap(parts);
  const foreignKeys = (table: CatalogTable): SchemaObject[] =>
    table.constraints
      .filter(({ type, hasParent }) => type === 'f' && !hasParent)
      .map((constraint) => constraintObject('foreign key', table, constraint));
  return [
    ...each(keyObjects),
    ...each(indexObjects),
    ...each(attachObjects),
    ...each(uncheckedObjects),
  ].concat(each(foreignKeys));
}

function part(table: CatalogTable, kind: string, name: string, sql: string): SchemaObject {
  return { kind, name, table: table.name, section: 'post-data', sql };
}

function constraintObject(kind: string, table: CatalogTable, constraint: CatalogConstraint): SchemaObject {
  const name = `${formatTableName(table.name)} ${constraint.name}`;
  return part(table, kind, name, addConstraint(table, constraint));
}

/** Primary keys, unique and exclusion constraints. */
function keyObjects(table: CatalogTable): SchemaObject[] {
  return table.constraints
    .filter(({ type }) => type === 'p' || type === 'u' || type === 'x')
    .flatMap((constraint) => {
      const { indexName, indexOptions } = constraint;
      const object = constraintObject('constraint', table, constraint);
      if (!indexName || !indexOptions) return [object];
      const options = `ALTER INDEX ${quoteName(indexName)} SET (${storageOptions(indexOptions)})`;
      return [object, part(table, 'index settings', formatTableName(indexName), options)];
    });
}

function indexObjects(table: CatalogTable): SchemaObject[] {
  const alter = `ALTER TABLE ONLY ${quoteName(table.name)}`;
  const name = formatTableName(table.name);
  const indexes = table.indexes
    .filter(({ ofConstraint, valid }) => !ofConstraint && valid)
    .map((index) => part(table, 'index', formatTableName(index.name), index.definition));
  const clustered = table.indexes.find((index) => index.clustered);
  const identity = table.indexes.find((index) => index.replicaIdentity);
  if (clustered) {
    const sql = `${alter} CLUSTER ON ${quoteIdentifier(clustered.name.name)}`;
    indexes.push(part(table, 'table settings', name, sql));
  }
  const replica = { d: '', n: 'NOTHING', f: 'FULL', i: '' }[table.replicaIdentity];
  const using = identity ? `USING INDEX ${quoteIdentifier(identity.name.name)}` : replica;
  if (using !== '') indexes.push(part(table, 'table settings', name, `${alter} REPLICA IDENTITY ${using}`));
  return indexes;
}

function attachObjects(table: CatalogTable): SchemaObject[] {
  const [parent] = table.parents;
  if (table.partitionBound === null || !parent) return [];
  const sql = `ALTER TABLE ONLY ${quoteName(parent)} ATTACH PARTITION ${quoteName(table.name)} ${table.partitionBound}`;
  return [part(table, 'partition', formatTableName(table.name), sql)];
}

/** Constraints that were added without looking at the rows: they may not hold for all of them. */
function uncheckedObjects(table: CatalogTable): SchemaObject[] {
  const heir = table.partitionBound === null && table.parents.length > 0;
  return table.constraints
    .filter(({ type, valid, local }) => (type === 'c' || type === 'n') && !valid && (local || !heir))
    .map((constraint) => constraintObject('constraint', table, constraint));
}
