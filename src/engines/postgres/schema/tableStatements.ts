import { formatTableName, tableKey, type TableName } from '../../../core/names.ts';
import type { SchemaObject } from '../../../core/schema.ts';
import { quoteIdentifier, quoteLiteral, quoteName } from '../identifiers.ts';
import { type CatalogSequence, sequenceOptions } from './sequences.ts';
import type { CatalogColumn, CatalogConstraint, CatalogTable } from './tables.ts';

/** Statements that make tables without what is added after their rows. Tables that others inherit from come first. */
export function tableObjects(
  tables: readonly CatalogTable[],
  sequences: readonly CatalogSequence[],
): SchemaObject[] {
  const find = new Map(tables.map((table) => [tableKey(table.name), table]));
  return parentsFirst(tables, find).flatMap((table) => {
    const identities = sequences.filter(
      (sequence) => sequence.tie === 'identity' && tableKey(sequence.table) === tableKey(table.name),
    );
    const columns = columnSettings(table, find);
    const object = (kind: string, sql: string): SchemaObject => ({
      kind,
      name: formatTableName(table.name),
      table: table.name,
      section: 'pre-data',
      sql,
    });
    return [
      object('table', createTable(table, identities)),
      ...(columns === '' ? [] : [object('column settings', columns)]),
    ];
  });
}

/** A partition is made as a table of its own and attached to its table later. */
function isHeir(table: CatalogTable): boolean {
  return table.partitionBound === null && table.parents.length > 0;
}

function createTable(table: CatalogTable, identities: readonly CatalogSequence[]): string {
  const heir = isHeir(table);
  const lines = [
    ...table.columns
      .filter(({ local }) => local || !heir)
      .map((column) => columnLine(table, column, identities)),
    ...table.constraints
      .filter(({ type, valid, local }) => type === 'c' && valid && (local || !heir))
      .map(({ name, definition }) => `CONSTRAINT ${quoteIdentifier(name)} ${definition}`),
  ];
  return [
    `CREATE ${table.unlogged ? 'UNLOGGED ' : ''}TABLE ${quoteName(table.name)} (`,
    lines.map((line) => `\n  ${line}`).join(','),
    '\n)',
    heir ? `\nINHERITS (${table.parents.map(quoteName).join(', ')})` : '',
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

/** PostgreSQL 18 names them; one that was never checked is added after the rows. */
function notNull(table: CatalogTable, column: CatalogColumn): string {
  const constraint = table.constraints.find(
    ({ type, columns }) => type === 'n' && columns?.[0] === column.name,
  );
  if (!constraint) return 'NOT NULL';
  if (!constraint.valid) return '';
  const usual = constraint.name === `${table.name.name}_${column.name}_not_null`;
  const name = usual ? '' : `CONSTRAINT ${quoteIdentifier(constraint.name)} `;
  return `${name}NOT NULL${constraint.noInherit ? ' NO INHERIT' : ''}`;
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

/** What a column has besides its definition, and what an inheriting table changed in columns that are not its own. */
function columnSettings(table: CatalogTable, find: ReadonlyMap<string, CatalogTable>): string {
  const only = `ALTER TABLE ONLY ${quoteName(table.name)}`;
  const settings = table.columns.flatMap((column) => {
    const alter = `ALTER COLUMN ${quoteIdentifier(column.name)}`;
    const inherited = isHeir(table) && !column.local ? inheritedChanges(table, column, find) : [];
    return [
      ...inherited.map((change) => `${alter} ${change}`),
      ...(column.storage === null ? [] : [`${alter} SET STORAGE ${column.storage}`]),
      ...(column.compression === null ? [] : [`${alter} SET COMPRESSION ${column.compression}`]),
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

/** Depth-first, in the given order; parents that are not in the list are thought to be there. */
function parentsFirst(
  tables: readonly CatalogTable[],
  find: ReadonlyMap<string, CatalogTable>,
): CatalogTable[] {
  const ordered = new Set<CatalogTable>();
  const visit = (table: CatalogTable): void => {
    for (const parent of table.parents.map((name: TableName) => find.get(tableKey(name)))) {
      if (parent && !ordered.has(parent)) visit(parent);
    }
    ordered.add(table);
  };
  tables.forEach(visit);
  return [...ordered];
}

/** A constraint as `ALTER TABLE` adds it. */
export function addConstraint(table: CatalogTable, constraint: CatalogConstraint): string {
  // A foreign key of a partitioned table is one of its partitions too; all else is added to this table alone.
  const only = constraint.type === 'f' && table.partitioned ? '' : 'ONLY ';
  return (
    `ALTER TABLE ${only}${quoteName(table.name)} ` +
    `ADD CONSTRAINT ${quoteIdentifier(constraint.name)} ${constraint.definition}`
  );
}
