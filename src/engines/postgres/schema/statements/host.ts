import { objectKey } from '../../../../core/schema.ts';
import type { PostgresObject } from '../postgresObject.ts';
import type { StatementReader } from './reader.ts';
import { areSame, isSame, type Target } from './targets.ts';

/** The object that a property belongs to, and what its own statement makes. */
export interface Host {
  readonly object: PostgresObject;
  readonly target: Target;
}

/** Reads a statement that sets something of an object. Throws `UnreadableStatement` where it is about another one. */
export type ReadProperty = (reader: StatementReader, object: PostgresObject, host: Host) => void;

export const relations: readonly string[] = ['table', 'view', 'materialized view'];

export function requireSame(reader: StatementReader, target: Target, host: Host): void {
  if (!isSame(target, host.target)) reader.fail(`it does not refer to the ${objectKey(host.object)}`);
}

/** The statement must name its host, and the host must be of one of these kinds: other kinds can have the same name. */
export function requireHost(
  reader: StatementReader,
  kinds: readonly string[],
  names: readonly string[],
  { object, target }: Host,
): void {
  if (!kinds.includes(target.what) || !areSame(names, target.names))
    reader.fail(`it does not refer to the ${objectKey(object)}`);
}

/** The index of a constraint has its name, in the schema of its table. What is no index has no name of one. */
export function indexOf({ target: { what, names } }: Host): readonly string[] {
  const [name = '', schema = ''] = names;
  if (what === 'constraint') return [schema, name];
  return what === 'index' ? names : [];
}
