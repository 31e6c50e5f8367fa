import { formatTableName, type TableName } from '../../../../core/names.ts';
import type { PostgresObject } from '../postgresObject.ts';
import { type Name, reads } from './named.ts';
import type { QualifiedName, StatementReader } from './reader.ts';
import type { Target } from './targets.ts';

/** Reads a statement that makes an object, and says what it makes. Throws `UnreadableStatement` for any other. */
export type ReadMaker = (reader: StatementReader, object: PostgresObject) => Target;

/** `name` has to say what `template` does. */
export function requireName(
  reader: StatementReader,
  { name }: PostgresObject,
  template: readonly (string | Name)[],
): void {
  if (!reads(name, ...template)) reader.fail('it creates something with a different name');
}

export function requireTable(
  reader: StatementReader,
  table: TableName | undefined,
  [schema, name]: QualifiedName,
): void {
  if (table?.schema !== schema || table.name !== name) reader.fail('it refers to another table');
}

/** The name of a part of a table is that of the table, and then its own, in no quotes. */
export function requirePartName(reader: StatementReader, { name, table }: PostgresObject, own: string): void {
  if (!table || name !== `${formatTableName(table)} ${own}`)
    reader.fail('it creates something with a different name');
}

/** For objects that can also belong to a view, which a backup does not list as a table. */
export function requireRelation(
  reader: StatementReader,
  { table }: PostgresObject,
  relation: QualifiedName,
): void {
  if (table) requireTable(reader, table, relation);
}
