import type { PostgresObject } from '../postgresObject.ts';
import { type ReadProperty, relations, requireSame } from './host.ts';
import type { StatementReader } from './reader.ts';
import { readTarget, type Target } from './targets.ts';

/** A role that the statement names has to be one of those that the object says it names. */
function requireRole(reader: StatementReader, { roles = [] }: PostgresObject, role: string): void {
  if (!roles.includes(role)) reader.fail('it names a role that is not listed');
}

/** `ALTER … OWNER TO`. */
export const owners: ReadProperty = (reader, object, host) => {
  reader.take('alter');
  requireSame(reader, readTarget(reader), host);
  reader.take('owner to');
  const role = reader.identifier();
  requireRole(reader, object, role);
  if (object.actsAs !== role || object.name !== object.of) reader.fail('it grants it to another role');
};

/** `GRANT`, `REVOKE`. */
export const grants: ReadProperty = (reader, object, host) => {
  readGrant(reader, object, () => {
    const target = readTarget(reader);
    // Rights on views are those on tables, on aggregates those on functions, on domains those on types.
    const alike: Readonly<Record<string, readonly string[]>> = {
      table: relations,
      function: ['function', 'aggregate'],
      type: ['type', 'domain'],
    };
    const kinds = Object.hasOwn(alike, target.what) ? alike[target.what]! : [target.what];
    const { what } = host.target;
    requireSame(reader, kinds.includes(what) ? { ...target, what } : target, host);
  });
};

/** `GRANT SELECT ON … TO "role"`, `REVOKE SELECT ("column") ON … FROM PUBLIC`; what it is `on` is read by others. */
function readGrant(reader: StatementReader, object: PostgresObject, on: () => void): string {
  const gives = reader.maybe('grant');
  if (!gives) reader.take('revoke');
  do {
    reader.word();
    if (reader.is('(')) reader.group();
  } while (reader.maybe(','));
  reader.take('on');
  on();
  reader.take(gives ? 'to' : 'from');
  const isPublic = reader.peek().type === 'word' && reader.peek().value === 'public';
  const role = reader.identifier();
  if (!isPublic) requireRole(reader, object, role);
  if (gives) reader.maybe('with grant option');
  return isPublic ? 'PUBLIC' : role;
}

/** These have no object as their host: they belong to a role. */
export function readDefaultPrivileges(reader: StatementReader, object: PostgresObject): Target {
  reader.take('alter default privileges for role');
  const role = reader.identifier();
  requireRole(reader, object, role);
  if (object.actsAs !== role) reader.fail('it refers to another role');
  const schema = reader.maybe('in schema') ? reader.identifier() : undefined;
  let type = '';
  const grantee = readGrant(reader, object, () => {
    type = reader.word();
    if (type === 'large') type += ` ${reader.word()}`;
  });
  const place = schema === undefined ? '' : ` in schema ${schema}`;
  const name = `${role}${place} on ${type.toUpperCase()} for ${grantee}`;
  if (nameOf(object) !== name && nameOf(object) !== `${name} (MAINTAIN)`)
    reader.fail('it refers to something with a different name');
  return { what: 'default privileges', names: [name] };
}

/** A setting is called by the key of its object. */
function nameOf({ kind, name }: PostgresObject): string {
  return kind === 'default privileges setting' ? name.replace(/^default privileges /, '') : name;
}

/** Like `grants`, for objects that are named after the privilege. */
export const privileges: ReadProperty = (reader, object, host) => {
  requireGrantName(reader, object);
  grants(reader, object, host);
};

/** Says on what it is, to whom and from whom. */
function requireGrantName(reader: StatementReader, { name, of, as, roles = [] }: PostgresObject): void {
  const start = `${of} of `;
  const column = `${of} column `;
  const end = as === undefined ? '' : ` from ${as}`;
  const endings = ['PUBLIC', ...roles].flatMap((role) => [`of ${role}${end}`, `of ${role}${end} (MAINTAIN)`]);
  const fits =
    (name.startsWith(start) || name.startsWith(column)) && endings.some((one) => name.endsWith(one));
  if (!fits) reader.fail('it refers to something with a different name');
}
