import { formatTableName, type TableName, tableKey } from '../../../core/names.ts';
import type { Sequence } from '../../../core/schema.ts';
import { quoteIdentifier, quoteName } from '../identifiers.ts';
import type { Transaction } from '../transaction.ts';
import { catalogId, type CatalogObject } from './catalogObject.ts';
import { featuresOf } from './features.ts';
import { isUsers } from './scope.ts';

/** A row of pg_sequence, once for each table whose column takes numbers from it, or once if there is none. */
export interface CatalogSequence {
  readonly oid: string;
  readonly name: TableName;
  readonly owner: string;
  readonly table: TableName | null;
  readonly tableOid: string | null;
  readonly column: string | null;
  /** How the column and the sequence hang together. */
  readonly tie: 'identity' | 'owned' | 'default' | 'partition' | null;
  readonly unlogged: boolean;
  readonly type: string;
  readonly start: string;
  readonly increment: string;
  readonly minimum: string;
  readonly maximum: string;
  readonly cache: string;
  readonly cycle: boolean;
  readonly readable: boolean;
}

/** Reads all sequences. What hangs on what is asked of the catalogs, never guessed. */
export function loadSequences(transaction: Transaction): Promise<CatalogSequence[]> {
  return transaction.rows<CatalogSequence>(sequenceQuery);
}

/** Where each sequence stands. Those that may not be read are left out. */
export async function readSequences(
  transaction: Transaction,
  sequences: readonly CatalogSequence[],
): Promise<Sequence[]> {
  const readable = sequences.filter((sequence) => sequence.readable);
  const names = new Map(readable.map(({ name }) => [tableKey(name), name]));
  const values = new Map<string, { last: string; called: boolean }>();
  const keys = [...names.keys()];
  const batch = 200;
  for (let start = 0; start < keys.length; start += batch) {
    const part = keys.slice(start, start + batch);
    const query = part.map(
      (key, index) =>
        `SELECT ${index} AS place, last_value::text AS last, is_called AS called FROM ${quoteName(names.get(key)!)}`,
    );
    const rows = await transaction.rows<{ place: number; last: string; called: boolean }>(
      query.join(' UNION ALL '),
    );
    for (const { place, last, called } of rows) values.set(part[place]!, { last, called });
  }
  return readable.flatMap(({ name, table, increment }) => {
    const value = values.get(tableKey(name));
    const position = { lastValue: value?.last ?? '', isCalled: value?.called ?? false, increment };
    return value ? [{ name, ...(table ? { table } : {}), ...position }] : [];
  });
}

/** Sequences; an identity column makes its own. One that a column owns belongs to that column's table. */
export function sequenceObjects(sequences: readonly CatalogSequence[]): CatalogObject[] {
  const unique = new Map<string, CatalogSequence>();
  for (const sequence of sequences) {
    if (sequence.tie === 'owned' || !unique.has(sequence.oid)) unique.set(sequence.oid, sequence);
  }
  const identities = new Set(sequences.filter(({ tie }) => tie === 'identity').map(({ oid }) => oid));
  return [...unique.values()]
    .filter(({ oid }) => !identities.has(oid))
    .flatMap((sequence): CatalogObject[] => {
      const { oid, name, tie, table } = sequence;
      const object: CatalogObject = {
        id: catalogId('pg_class', oid),
        kind: 'sequence',
        name: formatTableName(name),
        ...(tie === 'owned' && table ? { table } : {}),
        section: 'pre-data',
        statements: [
          `CREATE SEQUENCE ${quoteName(name)} ` + `AS ${sequence.type} ${sequenceOptions(sequence)}`,
        ],
        target: `SEQUENCE ${quoteName(name)}`,
        owner: sequence.owner,
      };
      return [
        object,
        ...(sequence.unlogged ? [unloggedObject(object)] : []),
        ...(tie === 'owned' ? [ownerObject(sequence)] : []),
      ];
    });
}

/** By itself: without it a sequence comes back as well. */
function unloggedObject({ id, name, table, target }: CatalogObject): CatalogObject {
  return {
    id: `${id} unlogged`,
    kind: 'unlogged sequence',
    name,
    ...(table ? { table } : {}),
    section: 'pre-data',
    statements: [`ALTER ${target} SET UNLOGGED`],
    of: id,
    uses: featuresOf(['unloggedSequence']),
  };
}

/** Ties a sequence to the column that owns it, after the table is made. */
function ownerObject({ oid, name, table, tableOid, column }: CatalogSequence): CatalogObject {
  return {
    id: `${catalogId('pg_class', oid)} owner`,
    kind: 'sequence owner',
    name: formatTableName(name),
    ...(table ? { table } : {}),
    section: 'pre-data',
    statements: [
      `ALTER SEQUENCE ${quoteName(name)} OWNED BY ${quoteName(table!)}.${quoteIdentifier(column!)}`,
    ],
    needs: [catalogId('pg_class', tableOid!)],
    of: catalogId('pg_class', oid),
  };
}

export function sequenceOptions(sequence: CatalogSequence): string {
  const { start, increment, minimum, maximum, cache, cycle } = sequence;
  return (
    `START WITH ${start} INCREMENT BY ${increment} MINVALUE ${minimum} MAXVALUE ${maximum} ` +
    `CACHE ${cache}${cycle ? ' CYCLE' : ''}`
  );
}

/**
 * A column owns a sequence (serial), is an identity, names it in its default, or is a partition's column of one of
 * these. A sequence that a column owns and also names in its default is listed once for it.
 */
const sequenceQuery = `
  WITH RECURSIVE tie AS (
    SELECT d.objid AS sequence, d.refobjid AS "table", d.refobjsubid::int AS attnum,
           CASE d.deptype WHEN 'i' THEN 1 ELSE 2 END AS rank
      FROM pg_depend d
     WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
       AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
    UNION
    SELECT d.refobjid, a.adrelid, a.adnum::int, 3
      FROM pg_depend d JOIN pg_attrdef a ON a.oid = d.objid
     WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
       AND d.refobjid <> a.adrelid
    UNION
    SELECT t.sequence, c.oid, p.attnum::int, 4
      FROM tie t
      JOIN pg_inherits i ON i.inhparent = t."table"
      JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
      JOIN pg_attribute a ON a.attrelid = t."table" AND a.attnum = t.attnum
      JOIN pg_attribute p ON p.attrelid = c.oid AND p.attname = a.attname)
  SELECT DISTINCT ON (sn.nspname, s.relname, n.nspname, c.relname, a.attnum)
         s.oid,
         json_build_object('schema', sn.nspname, 'name', s.relname) AS name,
         pg_get_userbyid(s.relowner) AS owner,
         CASE WHEN c.oid IS NOT NULL THEN json_build_object('schema', n.nspname, 'name', c.relname) END AS "table",
         c.oid AS "tableOid",
         a.attname AS "column",
         (ARRAY['identity', 'owned', 'default', 'partition'])[t.rank] AS tie,
         s.relpersistence = 'u' AS unlogged,
         format_type(q.seqtypid, NULL) AS type,
         q.seqstart::text AS start, q.seqincrement::text AS increment, q.seqmin::text AS minimum,
         q.seqmax::text AS maximum, q.seqcache::text AS cache, q.seqcycle AS cycle,
         has_sequence_privilege(s.oid, 'SELECT') AS readable
    FROM pg_class s
    JOIN pg_namespace sn ON sn.oid = s.relnamespace
    JOIN pg_sequence q ON q.seqrelid = s.oid
    LEFT JOIN (tie t
      JOIN pg_class c ON c.oid = t."table" AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = t.attnum) ON t.sequence = s.oid
   WHERE s.relkind = 'S' AND s.relpersistence <> 't' AND ${isUsers('s.relnamespace', 'pg_class', 's.oid')}
   ORDER BY sn.nspname, s.relname, n.nspname, c.relname, a.attnum, t.rank`;
