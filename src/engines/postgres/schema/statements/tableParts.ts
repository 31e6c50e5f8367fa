import { formatTableName } from '../../../../core/names.ts';
import { objectKey } from '../../../../core/schema.ts';
import type { PostgresObject } from '../postgresObject.ts';
import type { QualifiedName, StatementReader } from './reader.ts';

/** Whether the object lists this table among its needs: then the user sees that it changes the table. */
export function isRelated({ needs = [], table }: PostgresObject, [schema, name]: QualifiedName): boolean {
  if (table?.schema === schema && table.name === name) return true;
  return needs.includes(objectKey({ kind: 'table', name: formatTableName({ schema, name }) }));
}

/** The table of an extension is no object of a backup: what needs one needs its extension. */
function needsExtension({ needs = [] }: PostgresObject): boolean {
  return needs.some((key) => key.startsWith(objectKey({ kind: 'extension', name: '' })));
}

/** Reads `ALTER TABLE "a"."b" ADD CONSTRAINT "c" …` with one of these kinds of constraint. */
export function readAddedConstraint(
  reader: StatementReader,
  object: PostgresObject,
  beginnings: readonly string[],
): { readonly relation: QualifiedName; readonly name: string } {
  reader.take('alter table');
  reader.maybe('only');
  const relation = reader.qualified();
  reader.take('add constraint');
  const name = reader.identifier();
  if (!reader.is(...beginnings)) reader.fail('it adds another kind of constraint');
  readConstraint(reader, object);
  return { relation, name };
}

function readConstraint(reader: StatementReader, object: PostgresObject): void {
  switch (reader.word()) {
    case 'primary':
      reader.take('key');
      return readKey(reader);
    case 'unique':
      if (reader.maybe('nulls')) {
        reader.maybe('not');
        reader.take('distinct');
      }
      return readKey(reader);
    case 'foreign':
      reader.take('key');
      reader.group();
      reader.take('references');
      if (!isRelated(object, reader.qualified()) && !needsExtension(object))
        reader.fail('it references a table that it does not need');
      return reader.onePart();
    default:
      return reader.onePart();
  }
}

/** Over columns: one that takes an index that is there would be about that. */
function readKey(reader: StatementReader): void {
  reader.group();
  reader.onePart();
}
