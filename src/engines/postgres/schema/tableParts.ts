import { formatTableName } from '../../../core/names.ts';
import { quoteIdentifier, quoteName } from '../connect/identifiers.ts';
import { catalogId, type CatalogObject } from './catalogObject.ts';
import { featuresOf } from './features.ts';
import { addConstraint, isChild, storageOptions } from './tableStatements.ts';
import type { CatalogConstraint, CatalogIndex, CatalogTable } from './tables.ts';

/** Objects that are added to tables and materialized views after their rows. */
export function tablePartObjects(tables: readonly CatalogTable[]): CatalogObject[] {
  return tables.flatMap((table) => [
    ...keyObjects(table),
    ...indexObjects(table),
    ...settingObjects(table),
    ...uncheckedObjects(table),
    ...foreignKeyObjects(table),
  ]);
}

/** Puts a partition into its table. It has its rows already where it comes back alone. */
export function partitionObjects(tables: readonly CatalogTable[]): CatalogObject[] {
  return tables.flatMap((table) => {
    const [parent] = table.parents;
    if (table.partitionBound === null || !parent) return [];
    const sql = `ALTER TABLE ONLY ${quoteName(parent)} ATTACH PARTITION ${quoteName(table.name)} ${table.partitionBound}`;
    return [
      {
        id: `${catalogId('pg_class', table.oid)} partition`,
        kind: 'partition',
        name: formatTableName(table.name),
        table: table.name,
        section: 'pre-data',
        statements: [sql],
        needs: [table.oid, table.parentOids[0]!].map((oid) => catalogId('pg_class', oid)),
      },
    ];
  });
}

type Part = Omit<CatalogObject, 'table' | 'section'>;

function part(table: CatalogTable, object: Part): CatalogObject {
  const tableId = catalogId('pg_class', table.oid);
  return {
    ...object,
    ...(table.materialized ? {} : { table: table.name }),
    section: 'post-data',
    needs: [tableId, ...(object.needs ?? [])],
  };
}

function constraintPart(table: CatalogTable, kind: string, constraint: CatalogConstraint): Part {
  return {
    id: catalogId('pg_constraint', constraint.oid),
    kind,
    name: `${formatTableName(table.name)} ${constraint.name}`,
    statements: [addConstraint(table, constraint)],
    target: constraintTarget(table, constraint),
    uses: featuresOf(constraint.uses),
  };
}

export function constraintTarget(table: CatalogTable, constraint: CatalogConstraint): string {
  return `CONSTRAINT ${quoteIdentifier(constraint.name)} ON ${quoteName(table.name)}`;
}

const isKey = ({ type }: CatalogConstraint): boolean => type === 'p' || type === 'u' || type === 'x';

/** Primary keys, unique and exclusion constraints. */
function keyObjects(table: CatalogTable): CatalogObject[] {
  return table.constraints.filter(isKey).map((constraint) => {
    const { indexName, indexOptions } = constraint;
    const kind = constraint.type === 'p' ? 'primary key' : 'constraint';
    const object = constraintPart(table, kind, constraint);
    if (!indexName) return part(table, object);
    const index = table.indexes.find(({ name }) => name.name === indexName.name);
    const options = indexOptions ? [`SET (${storageOptions(indexOptions)})`] : [];
    const settings = [...options, ...statisticsOf(index)].map(
      (setting) => `ALTER INDEX ${quoteName(indexName)} ${setting}`,
    );
    return part(table, { ...object, statements: [...object.statements, ...settings] });
  });
}

function statisticsOf(index: CatalogIndex | undefined): string[] {
  return (index?.statistics ?? []).map(
    ({ place, target }) => `ALTER COLUMN ${place} SET STATISTICS ${target}`,
  );
}

function indexObjects(table: CatalogTable): CatalogObject[] {
  return table.indexes
    .filter(({ ofConstraint, whole }) => !ofConstraint && whole)
    .map((index) =>
      part(table, {
        id: catalogId('pg_class', index.oid),
        kind: 'index',
        name: formatTableName(index.name),
        statements: [
          index.definition,
          ...statisticsOf(index).map((setting) => `ALTER INDEX ${quoteName(index.name)} ${setting}`),
        ],
        target: `INDEX ${quoteName(index.name)}`,
        uses: featuresOf(index.uses),
      }),
    );
}

/** The replica identity, and the index that the table is clustered on. */
function settingObjects(table: CatalogTable): CatalogObject[] {
  const alter = `ALTER TABLE ONLY ${quoteName(table.name)}`;
  const id = catalogId('pg_class', table.oid);
  const setting = (kind: string, statement: string, index?: CatalogIndex): CatalogObject => {
    const of = index ? indexId(table, index) : id;
    const name = formatTableName(table.name);
    return part(table, { id: `${id} ${kind}`, kind, name, statements: [statement], of });
  };
  const using = ({ name }: CatalogIndex): string => quoteIdentifier(name.name);
  const clustered = table.indexes.find((index) => index.clustered);
  const identity = table.indexes.find((index) => index.replicaIdentity);
  const replica = { d: undefined, n: 'NOTHING', f: 'FULL', i: undefined }[table.replicaIdentity];
  return [
    ...(clustered ? [setting('cluster order', `${alter} CLUSTER ON ${using(clustered)}`, clustered)] : []),
    ...(identity
      ? [setting('replica identity', `${alter} REPLICA IDENTITY USING INDEX ${using(identity)}`, identity)]
      : []),
    ...(replica ? [setting('replica identity', `${alter} REPLICA IDENTITY ${replica}`)] : []),
  ];
}

/** The object that creates an index: the index itself, or the constraint that it belongs to. */
function indexId(table: CatalogTable, { oid, name }: CatalogIndex): string {
  const behind = table.constraints.find((one) => isKey(one) && one.indexName?.name === name.name);
  return behind ? catalogId('pg_constraint', behind.oid) : catalogId('pg_class', oid);
}

/** Constraints that were added without looking at the rows: they may not hold for all of them. */
function uncheckedObjects(table: CatalogTable): CatalogObject[] {
  const inherits = isChild(table) || table.partitionBound !== null;
  return table.constraints
    .filter(({ type, valid, local }) => (type === 'c' || type === 'n') && !valid && (local || !inherits))
    .map((constraint) =>
      part(table, {
        ...constraintPart(table, 'check constraint', constraint),
        of: catalogId('pg_class', table.oid),
      }),
    );
}

function foreignKeyObjects(table: CatalogTable): CatalogObject[] {
  return table.constraints
    .filter(({ type, hasParent }) => type === 'f' && !hasParent)
    .map((constraint) =>
      part(table, {
        ...constraintPart(table, 'foreign key', constraint),
        needs: constraint.indexParts ?? [],
      }),
    );
}
