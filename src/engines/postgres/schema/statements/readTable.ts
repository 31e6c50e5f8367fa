import type { PostgresObject } from '../postgresObject.ts';
import type { QualifiedName, StatementReader } from './reader.ts';
import { isRelated } from './tableParts.ts';

/** Words that an item of a table begins with where that is no column. */
const noColumn: readonly string[] = ['like', 'primary', 'unique', 'foreign', 'exclude', 'check', 'period'];

/**
 * Reads `CREATE TABLE "a"."b" (…)`: columns, checks and what it inherits from. One that takes its rows from somewhere
 * (`AS`), or its columns from a table that is not listed, is refused.
 */
export function readTable(reader: StatementReader, object: PostgresObject): QualifiedName {
  reader.take('create');
  reader.maybe('unlogged');
  reader.take('table');
  const names = reader.qualified();
  readItems(reader);
  if (reader.maybe('inherits')) {
    reader.take('(');
    do {
      if (!isRelated(object, reader.qualified()))
        reader.fail('it inherits from a table that it does not need');
    } while (reader.maybe(','));
    reader.take(')');
  }
  if (reader.maybe('partition by')) {
    reader.word();
    reader.group();
  }
  if (reader.maybe('using')) reader.identifier();
  if (reader.maybe('with')) reader.group();
  return names;
}

function readItems(reader: StatementReader): void {
  let first = true;
  reader.group(({ type, value }, depth) => {
    if (first && type === 'word' && noColumn.includes(value))
      reader.fail(`it has its own item with ${value.toUpperCase()}`);
    // In an expression it would be in quotes.
    if (type === 'word' && value === 'references') reader.fail('a column of it references another table');
    first = depth === 0 && type === 'symbol' && value === ',';
  });
}
