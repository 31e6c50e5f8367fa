import { formatTableName, tableKey } from '../../../core/names.ts';
import { quoteIdentifier, quoteLiteral, quoteName } from '../connect/identifiers.ts';
import { catalogId, type CatalogObject } from './catalogObject.ts';
import type { Part } from './dependencies.ts';
import { featuresOf } from './features.ts';
import { type CatalogSequence, sequenceOptions } from './sequences.ts';
import type { CatalogColumn, CatalogConstraint, CatalogTable } from './tables.ts';

/**
 * Tables without what is added after their rows. `alone`: ids of defaults and constraints that must not be part of the
 * statement of their table; they come as objects of their own.
 */
export function tableObjects(
  tables: readonly CatalogTable[],
  sequences: readonly CatalogSequence[],
  alone: ReadonlySet<string>,
): CatalogObject[] {
  const find = new Map(tables.map((table) => [tableKey(table.name), table]));
  const identities = Map.groupBy(
    sequences.filter(({ tie }) => tie === 'identity'),
    ({ tableOid }) => tableOid,
  );
  return tables
    .filter(({ materialized }) => !materialized)
    .flatMap((table) => {
      return [
        tableObject(without(table, alone), identities.get(table.oid) ?? [], find),
        ...defaultObjects(table, alone),
        ...checkObjects(table, alone),
      ];
    });
}

function tableObject(
  table: CatalogTable,
  identities: readonly CatalogSequence[],
  find: ReadonlyMap<string, CatalogTable>,
): CatalogObject {
  const name = quoteName(table.name);
  const columns = columnSettings(table, find);
  const later = laterParents(table, find);
  const parents = table.parents.filter((parent) => !later.includes(parent));
  return {
    id: catalogId('pg_class', table.oid),
    kind: 'table',
    name: formatTableName(table.name),
    table: table.name,
    section: 'pre-data',
    statements: [
      createTable(isChild(table) ? { ...table, parents } : table, identities),
      ...later.map((parent) => `ALTER TABLE ONLY ${name} INHERIT ${quoteName(parent)}`),
      ...(columns === '' ? [] : [columns]),
      ...(table.ofType === null ? [] : [`ALTER TABLE ONLY ${name} OF ${table.ofType}`]),
    ],
    target: `TABLE ${name}`,
    owner: table.owner,
    uses: featuresOf([
      ...table.uses,
      ...table.columns.flatMap(({ uses }) => uses),
      ...table.constraints
        .filter(({ type, valid }) => (type === 'c' || type === 'n') && valid)
        .flatMap(({ uses }) => uses),
    ]),
  };
}

/** The table without the defaults and checks that have their own statements. */
function without(table: CatalogTable, alone: ReadonlySet<string>): CatalogTable {
  if (alone.size === 0) return table;
  const isAlone = (catalog: string, oid: string | null): boolean => alone.has(catalogId(catalog, oid ?? ''));
  return {
    ...table,
    columns: table.columns.map((column) =>
      isAlone('pg_attrdef', column.defaultOid) ? { ...column, expression: null } : column,
    ),
    constraints: table.constraints.filter(({ oid }) => !isAlone('pg_constraint', oid)),
  };
}

function defaultObjects(table: CatalogTable, alone: ReadonlySet<string>): CatalogObject[] {
  return table.columns
    .filter(({ defaultOid }) => defaultOid !== null && alone.has(catalogId('pg_attrdef', defaultOid)))
    .map(({ name, expression, defaultOid }) => ({
      id: catalogId('pg_attrdef', defaultOid!),
      kind: 'default',
      name: `${formatTableName(table.name)} ${name}`,
      table: table.name,
      section: 'pre-data',
      statements: [
        `ALTER TABLE ONLY ${quoteName(table.name)} ALTER COLUMN ${quoteIdentifier(name)} SET DEFAULT ${expression}`,
      ],
      of: catalogId('pg_class', table.oid),
    }));
}

function checkObjects(table: CatalogTable, alone: ReadonlySet<string>): CatalogObject[] {
  return table.constraints
    .filter(({ oid, local }) => local && alone.has(catalogId('pg_constraint', oid)))
    .map((constraint) => ({
      id: catalogId('pg_constraint', constraint.oid),
      kind: 'check constraint',
      name: `${formatTableName(table.name)} ${constraint.name}`,
      table: table.name,
      section: 'pre-data',
      statements: [addConstraint(table, constraint)],
      uses: featuresOf(constraint.uses),
      of: catalogId('pg_class', table.oid),
    }));
}

/** Defaults and checks, which are part of the statement of their table. A generated column cannot be created without. */
export function tableParts(tables: readonly CatalogTable[]): Part[] {
  return tables.flatMap((table) => {
    const host = catalogId('pg_class', table.oid);
    const defaults = table.columns.filter(({ defaultOid }) => defaultOid !== null);
    const fixed = table.constraints.filter(({ type, valid }) => type === 'n' && valid);
    const checks = table.constraints.filter(({ type, valid }) => type === 'c' && valid);
    return [
      ...defaults.map(({ defaultOid, generated }) => ({
        id: catalogId('pg_attrdef', defaultOid!),
        host,
        alone: generated === '' ? catalogId('pg_attrdef', defaultOid!) : host,
      })),
      ...checks.map(({ oid }) => catalogId('pg_constraint', oid)).map((id) => ({ id, host, alone: id })),
      ...fixed.map(({ oid }) => ({ id: catalogId('pg_constraint', oid), host, alone: host })),
    ];
  });
}

/** A partition is made as a table of its own and attached to its table later. */
export function isChild(table: CatalogTable): boolean {
  return table.partitionBound === null && table.parents.length > 0;
}

/**
 * The parents that it gets when it is created: all if it became a child later, and those of a column whose values it
 * generates in its own way, which PostgreSQL before 16 takes in no other.
 */
function laterParents(
  table: CatalogTable,
  find: ReadonlyMap<string, CatalogTable>,
): readonly CatalogTable['name'][] {
  if (!isChild(table)) return [];
  if (isLateChild(table, find)) return table.parents;
  const own = new Set(
    table.columns.filter(({ generated, local }) => local && generated !== '').map(({ name }) => name),
  );
  return table.parents.filter((parent) =>
    find.get(tableKey(parent))?.columns.some(({ name, generated }) => generated !== '' && own.has(name)),
  );
}

/** Its columns are in another order than if it had been created as a child: it became one later. */
function isLateChild(table: CatalogTable, find: ReadonlyMap<string, CatalogTable>): boolean {
  if (!isChild(table) || !table.columns.every(({ local }) => local)) return false;
  const inherited = table.parents.flatMap((parent) => find.get(tableKey(parent))?.columns ?? []);
  const names = new Set([...inherited, ...table.columns].map(({ name }) => name));
  return [...names].some((name, index) => table.columns[index]?.name !== name);
}

function createTable(table: CatalogTable, identities: readonly CatalogSequence[]): string {
  const child = isChild(table);
  const lines = [
    ...table.columns
      .filter(({ local }) => local || !child)
      .map((column) => columnLine(table, column, identities)),
    ...table.constraints
      .filter(({ type, valid, local }) => type === 'c' && valid && (local || !child))
      .map(({ name, definition }) => `CONSTRAINT ${quoteIdentifier(name)} ${definition}`),
    ...(child ? ownNotNulls(table) : []),
  ];
  return [
    `CREATE ${table.unlogged ? 'UNLOGGED ' : ''}TABLE ${quoteName(table.name)} (`,
    lines.map((line) => `\n  ${line}`).join(','),
    '\n)',
    child ? `\nINHERITS (${table.parents.map(quoteName).join(', ')})` : '',
    table.partitionKey === null ? '' : `\nPARTITION BY ${table.partitionKey}`,
    table.accessMethod === null ? '' : `\nUSING ${quoteIdentifier(table.accessMethod)}`,
    table.options === null ? '' : `\nWITH (${storageOptions(table.options)})`,
  ].join('');
}

function columnLine(
  table: CatalogTable,
  column: CatalogColumn,
  identities: readonly CatalogSequence[],
): string {
  const { name, type, collation, expression, generated, identity } = column;
  const sequence = identities.find((candidate) => candidate.column === name);
  const parts = [quoteIdentifier(name), type, collation === null ? '' : `COLLATE ${collation}`];
  if (sequence) {
    const when = identity === 'a' ? 'ALWAYS' : 'BY DEFAULT';
    const options = `SEQUENCE NAME ${quoteName(sequence.name)} ${sequenceOptions(sequence)}`;
    parts.push(`GENERATED ${when} AS IDENTITY (${options})`);
  } else if (generated !== '') {
    parts.push(`GENERATED ALWAYS AS (${expression}) ${generated === 's' ? 'STORED' : 'VIRTUAL'}`);
  } else if (expression !== null) parts.push(`DEFAULT ${expression}`);
  if (column.notNull) parts.push(notNull(table, column));
  return parts.filter(Boolean).join(' ');
}

/**
 * PostgreSQL 18 names them; one that was never checked is added after the rows. The usual name is included too: another
 * table of the schema (a partition) can have taken it when this one is made.
 */
function notNull(table: CatalogTable, column: CatalogColumn): string {
  const constraint = table.constraints.find(
    ({ type, columns }) => type === 'n' && columns[0] === column.name,
  );
  if (!constraint) return 'NOT NULL';
  if (!constraint.valid) return '';
  return `CONSTRAINT ${quoteIdentifier(constraint.name)} NOT NULL${constraint.noInherit ? ' NO INHERIT' : ''}`;
}

/** A child's own definitions of inherited columns (PostgreSQL 18 keeps them): they stay when the parent's are dropped. */
function ownNotNulls(table: CatalogTable): string[] {
  const inherited = new Set(table.columns.filter(({ local }) => !local).map(({ name }) => name));
  return table.constraints
    .filter(
      ({ type, valid, local, columns }) => type === 'n' && valid && local && inherited.has(columns[0] ?? ''),
    )
    .map(({ name, definition }) => `CONSTRAINT ${quoteIdentifier(name)} ${definition}`);
}

/** `fillfactor='70', toast.autovacuum_enabled='false'` */
export function storageOptions(options: readonly string[]): string {
  return options
    .map((option) => {
      const equals = option.indexOf('=');
      const name = option.slice(0, equals).split('.').map(quoteIdentifier).join('.');
      return `${name} = ${quoteLiteral(option.slice(equals + 1))}`;
    })
    .join(', ');
}

/** Properties of a column besides its definition, and changes of an inheriting table to inherited columns. */
function columnSettings(table: CatalogTable, find: ReadonlyMap<string, CatalogTable>): string {
  const only = `ALTER TABLE ONLY ${quoteName(table.name)}`;
  const settings = table.columns.flatMap((column) => {
    const alter = `ALTER COLUMN ${quoteIdentifier(column.name)}`;
    const inherited = isChild(table) && !column.local ? inheritedChanges(table, column, find) : [];
    return [
      ...inherited.map((change) => `${alter} ${change}`),
      ...(column.storage === null ? [] : [`${alter} SET STORAGE ${column.storage}`]),
      ...(column.statistics === null ? [] : [`${alter} SET STATISTICS ${column.statistics}`]),
      ...(column.options === null ? [] : [`${alter} SET (${storageOptions(column.options)})`]),
    ];
  });
  return settings.length === 0 ? '' : `${only} ${settings.join(', ')}`;
}

function inheritedChanges(
  table: CatalogTable,
  column: CatalogColumn,
  find: ReadonlyMap<string, CatalogTable>,
): string[] {
  const above = table.parents
    .map((parent) => find.get(tableKey(parent))?.columns.find(({ name }) => name === column.name))
    .find((found) => found !== undefined);
  const changes: string[] = [];
  if (column.generated === '' && column.expression !== (above?.expression ?? null)) {
    changes.push(column.expression === null ? 'DROP DEFAULT' : `SET DEFAULT ${column.expression}`);
  }
  if (column.notNull && !above?.notNull) changes.push('SET NOT NULL');
  return changes;
}

/** A constraint as `ALTER TABLE` adds it. */
export function addConstraint(table: CatalogTable, constraint: CatalogConstraint): string {
  // Children inherit a check, and partitions a foreign key of their partitioned table.
  const spreads = constraint.type === 'f' ? table.partitioned : !constraint.noInherit;
  const only =
    (constraint.type === 'f' || constraint.type === 'c' || constraint.type === 'n') && spreads ? '' : 'ONLY ';
  return (
    `ALTER TABLE ${only}${quoteName(table.name)} ` +
    `ADD CONSTRAINT ${quoteIdentifier(constraint.name)} ${constraint.definition}`
  );
}
