import type { SchemaObject } from '../../core/schema.ts';

/** What the statement that makes an object of a kind begins with, where that is not CREATE and the kind's name. */
const beginnings: Readonly<Record<string, string>> = {
  schema: 'CREATE SCHEMA |DROP SCHEMA "public"$',
  'shell type': 'CREATE TYPE ',
  'composite type': 'CREATE TYPE ',
  'range type': 'CREATE TYPE ',
  'base type': 'CREATE TYPE ',
  operator: 'CREATE OPERATOR (?!FAMILY |CLASS )',
  'operator family members': 'ALTER OPERATOR FAMILY ',
  conversion: 'CREATE (DEFAULT )?CONVERSION ',
  sequence: 'CREATE (UNLOGGED )?SEQUENCE ',
  table: 'CREATE (UNLOGGED )?TABLE ',
  'view definition': 'CREATE OR REPLACE VIEW ',
  default: 'ALTER (TABLE|VIEW) ',
  'column compression': 'ALTER (TABLE|MATERIALIZED VIEW) ',
  'unlogged sequence': 'ALTER SEQUENCE ',
  'sequence owner': 'ALTER SEQUENCE ',
  index: 'CREATE (UNIQUE )?INDEX ',
  'index partition': 'ALTER INDEX ',
  'domain constraint': 'ALTER DOMAIN ',
  'extended statistics': 'CREATE STATISTICS ',
  trigger: 'CREATE (CONSTRAINT )?TRIGGER ',
  'publication member': 'ALTER PUBLICATION ',
  comment: 'COMMENT ON ',
  owner: 'ALTER .* OWNER TO ("([^"]|"")*"|[a-z_][a-z0-9_$]*)$',
  privileges: '(GRANT|REVOKE) ',
  'default privileges': 'ALTER DEFAULT PRIVILEGES ',
  'materialized view data': 'REFRESH MATERIALIZED VIEW ',
};

/** Kinds that are what their CREATE statement calls them. */
const plain =
  /^(extension|collation|type|domain|cast|transform|function|procedure|aggregate|access method|operator (family|class)|text search (parser|template|dictionary|configuration)|view|materialized view|rule|event trigger|policy|publication)$/;

/** Kinds of what `ALTER TABLE` adds to a table. */
const ofTable =
  /^(partition|primary key|foreign key|(check )?constraint|cluster order|replica identity|trigger state|constraint triggers|row-level security)$/;

const granting = /^(GRANT|REVOKE) (?:[^;"]|"[^"]*")* ON (TABLE|SEQUENCE|FUNCTION|PROCEDURE|TYPE|SCHEMA) /;

/** What a part of ALTER TABLE may do: add, never take away. */
const alterations =
  /^(ADD CONSTRAINT |ALTER COLUMN \S.* (SET|DROP DEFAULT)|ATTACH PARTITION |CLUSTER ON |REPLICA IDENTITY |(ENABLE|DISABLE)( REPLICA| ALWAYS)? (TRIGGER|RULE) |(ENABLE|FORCE) ROW LEVEL SECURITY$|INHERIT |OF |OWNER TO |SET \()/s;

/** Longer than any statement of ours; expressions of this file need not be proven against longer ones. */
const maxLength = 64 * 1024 * 1024;

/**
 * Whether the statement is one that backups hold for an object of its kind: a backup comes from a file, and what the
 * plan says of it has to be true. That it is a single one is for the server to see.
 */
export function isKnownStatement({ kind, sql }: Pick<SchemaObject, 'kind' | 'sql'>): boolean {
  if (sql.length > maxLength || sql.includes('\0')) return false;
  if (!new RegExp(`^(?:${beginningOf(kind)})`, 's').test(sql)) return false;
  if (sql.startsWith('GRANT ') || sql.startsWith('REVOKE ')) return granting.test(sql);
  const table =
    /^ALTER (?:TABLE|INDEX|VIEW|MATERIALIZED VIEW) (?:ONLY )?((?:"(?:[^"]|"")*"|[^\s".]+|\.)+) /.exec(sql);
  if (!/^ALTER (TABLE|INDEX|VIEW|MATERIALIZED VIEW) /.test(sql)) return true;
  return table !== null && partsOf(sql.slice(table[0].length)).every((part) => alterations.test(part));
}

function beginningOf(kind: string): string {
  const found = Object.hasOwn(beginnings, kind) ? beginnings[kind] : undefined;
  if (found !== undefined) return found;
  if (plain.test(kind)) return `CREATE ${kind.toUpperCase()} `;
  if (ofTable.test(kind)) return 'ALTER TABLE ';
  const setting = /^(.*) setting$/.exec(kind)?.[1];
  // Of a kind that there is: what is set stands in statements of its own, after the one that makes it.
  return setting !== undefined && isKind(setting) ? 'ALTER |COMMENT ON |GRANT |REVOKE ' : '(?!)';
}

function isKind(kind: string): boolean {
  return Object.hasOwn(beginnings, kind) || plain.test(kind) || ofTable.test(kind);
}

/** What stands between the commas of a statement that are in no quotes and no parentheses. */
function partsOf(sql: string): string[] {
  const parts = [''];
  let depth = 0;
  const token = /[eE]'(?:[^'\\]|\\.|'')*'|'[^']*'|"[^"]*"|[([]|[)\]]|,\s*|[^eE'"(),[\]]+|[^]/gsy;
  for (const [text] of sql.matchAll(token)) {
    if (text === '(' || text === '[') depth++;
    else if (text === ')' || text === ']') depth--;
    if (text.startsWith(',') && depth === 0) parts.push('');
    else parts[parts.length - 1] += text;
  }
  return parts;
}
