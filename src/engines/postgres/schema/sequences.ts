import { formatTableName, type TableName } from '../../../core/names.ts';
import type { Sequence } from '../../../core/schema.ts';
import { quoteIdentifier, quoteName } from '../connect/identifiers.ts';
import type { Transaction } from '../connect/transaction.ts';
import { catalogId, type CatalogObject } from './catalogObject.ts';
import { isMarkedSequence } from './extensionTables.ts';
import { featuresOf } from './features.ts';
import { type CatalogScope, isUsers } from './scope.ts';
import type { CatalogTable } from './tables.ts';

/** A row of pg_sequence, once for each table whose column takes numbers from it, or once if no column does. */
export interface CatalogSequence {
  readonly oid: string;
  readonly name: TableName;
  readonly owner: string;
  readonly table: TableName | null;
  readonly tableOid: string | null;
  readonly column: string | null;
  /** The column holds whole numbers. */
  readonly counts: boolean;
  /** How the column and the sequence are related. */
  readonly tie: CatalogTie | null;
  readonly unlogged: boolean;
  readonly type: string;
  readonly start: string;
  readonly increment: string;
  readonly minimum: string;
  readonly maximum: string;
  readonly cache: string;
  readonly cycle: boolean;
  readonly readable: boolean;
  /** An extension makes it. */
  readonly ofExtension: boolean;
}

type CatalogTie = 'identity' | 'owned' | 'default' | 'partition';

/** The catalogs' rows for sequences, and for the columns that take numbers from them. */
interface SequenceRows {
  readonly sequences: readonly Omit<CatalogSequence, 'table' | 'tableOid' | 'column' | 'counts' | 'tie'>[];
  readonly ties: readonly TieRow[];
}

interface TieRow {
  readonly sequence: string;
  readonly table: string;
  readonly column: string;
  readonly tie: CatalogTie;
}

/** Reads all sequences, or those of a scope. The catalogs say which column a sequence belongs to; it is never guessed. */
export async function readSequenceRows(
  transaction: Transaction,
  scope?: CatalogScope,
): Promise<SequenceRows> {
  const ask = <Row>(query: string, column: string): Promise<Row[]> =>
    scope
      ? transaction.rows<Row>(`SELECT q.* FROM (${query}) q WHERE q.${column} = ANY ($1::oid[])`, [
          scope.of('pg_class'),
        ])
      : transaction.rows<Row>(query);
  const [sequences, ties] = await transaction.together(
    () => ask<SequenceRows['sequences'][number]>(sequenceQuery, 'oid'),
    () => ask<TieRow>(tieQuery, 'sequence'),
  );
  return { sequences, ties };
}

/**
 * Sequences with the columns of these tables that take numbers from them, each column once by its closest tie, in the
 * order of the tables and their columns. A partition's column takes them from what that of its table does. Not joined by
 * the server: without statistics of its catalogs it takes minutes for thousands of tables.
 */
export function tieSequences(
  { sequences, ties }: SequenceRows,
  tables: readonly CatalogTable[],
): CatalogSequence[] {
  const places = new Map(tables.map((table, place) => [table.oid, place]));
  const partitions = Map.groupBy(
    tables.filter(({ partitionBound }) => partitionBound !== null),
    ({ parentOids }) => parentOids[0],
  );
  const bySequence = Map.groupBy(ties, ({ sequence }) => sequence);
  const tied = (oid: string): TieRow[] => {
    const closest = new Map<string, TieRow>();
    const byRank = [...(bySequence.get(oid) ?? [])].sort((a, b) => rankOf(a) - rankOf(b));
    // Partitions are added to what is gone through.
    for (const tie of byRank) {
      const key = JSON.stringify([tie.table, tie.column]);
      if (!places.has(tie.table) || closest.has(key)) continue;
      closest.set(key, tie);
      for (const { oid: table } of partitions.get(tie.table) ?? []) {
        byRank.push({ ...tie, table, tie: 'partition' });
      }
    }
    return [...closest.values()].sort((a, b) => placeOf(a) - placeOf(b));
  };
  const columnPlace = ({ table, column }: TieRow): number =>
    tables[places.get(table)!]!.columns.findIndex(({ name }) => name === column);
  const placeOf = (tie: TieRow): number => places.get(tie.table)! * maximumColumns + columnPlace(tie);
  return sequences.flatMap((sequence): CatalogSequence[] => {
    const found = tied(sequence.oid).map(({ table, column, tie }) => {
      const { name, columns } = tables[places.get(table)!]!;
      const counts = columns.some((one) => one.name === column && wholeNumbers.includes(one.type));
      return { ...sequence, table: name, tableOid: table, column, counts, tie };
    });
    return found.length > 0
      ? found
      : [{ ...sequence, table: null, tableOid: null, column: null, counts: false, tie: null }];
  });
}

const wholeNumbers: readonly string[] = ['smallint', 'integer', 'bigint'];
const ranks: readonly CatalogTie[] = ['identity', 'owned', 'default', 'partition'];
const rankOf = ({ tie }: TieRow): number => ranks.indexOf(tie);

/** PostgreSQL's, rounded up. */
const maximumColumns = 2000;

/**
 * The position of each sequence. One that may not be read has given out at least the highest number in the columns that take
 * numbers from it; without any it is left out. The tables of these can be read.
 */
export async function readSequences(
  transaction: Transaction,
  sequences: readonly CatalogSequence[],
): Promise<Sequence[]> {
  const unique = new Map(sequences.map((sequence) => [sequence.oid, sequence]));
  const open = [...unique.values()].filter(({ readable }) => readable);
  const closed = sequences.filter(({ readable, counts }) => !readable && counts);
  const found = new Map<string, Position>();
  const standing = await readEach(transaction, open.map(positionQuery));
  for (const [index, { oid }] of open.entries()) found.set(oid, standing[index]!);
  const ends = await readEach(transaction, closed.map(endQuery));
  for (const [index, { oid, increment }] of closed.entries()) {
    const { last } = ends[index]!;
    const before = found.get(oid)?.last ?? null;
    if (last !== null && (before === null || isFurther(last, before, increment))) {
      found.set(oid, { last, called: 'true' });
    }
  }
  return sequences.flatMap(({ oid, name, table, increment }) => {
    const { last = null, called } = found.get(oid) ?? {};
    if (last === null) return [];
    return [{ name, ...(table ? { table } : {}), lastValue: last, isCalled: called === 'true', increment }];
  });
}

interface Position {
  readonly last: string | null;
  readonly called: string;
}

const positionQuery = ({ name }: CatalogSequence): string =>
  `SELECT last_value::text AS last, is_called::text AS called FROM ${quoteName(name)}`;

/** The highest number in the column, or the lowest of a sequence that counts down, as far as the sequence could go. */
function endQuery({ table, column, increment, minimum, maximum }: CatalogSequence): string {
  const end = `${increment.startsWith('-') ? 'min' : 'max'}(${quoteIdentifier(column!)})`;
  const bounded = `least(greatest(${end}, '${minimum}'::bigint), '${maximum}'::bigint)`;
  return `SELECT CASE WHEN ${end} IS NOT NULL THEN ${bounded}::text END AS last, 'true' AS called FROM ONLY ${quoteName(table!)}`;
}

function isFurther(last: string, before: string, increment: string): boolean {
  return increment.startsWith('-') ? BigInt(last) < BigInt(before) : BigInt(last) > BigInt(before);
}

async function readEach(transaction: Transaction, queries: readonly string[]): Promise<Position[]> {
  const positions: Position[] = [];
  for (let start = 0; start < queries.length; start += sequencesAtOnce) {
    const part = queries.slice(start, start + sequencesAtOnce);
    positions.push(...(await transaction.rowOfEach<Position>(part)));
  }
  return positions;
}

const sequencesAtOnce = 500;

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

const sequenceQuery = `
  SELECT s.oid, json_build_object('schema', n.nspname, 'name', s.relname) AS name,
         pg_get_userbyid(s.relowner) AS owner, s.relpersistence = 'u' AS unlogged,
         format_type(q.seqtypid, NULL) AS type,
         q.seqstart::text AS start, q.seqincrement::text AS increment, q.seqmin::text AS minimum,
         q.seqmax::text AS maximum, q.seqcache::text AS cache, q.seqcycle AS cycle,
         has_sequence_privilege(s.oid, 'SELECT') AS readable,
         NOT (${isUsers('s.relnamespace', 'pg_class', 's.oid')}) AS "ofExtension"
    FROM pg_sequence q
    JOIN pg_class s ON s.oid = q.seqrelid
    JOIN pg_namespace n ON n.oid = s.relnamespace
   WHERE s.relpersistence <> 't'
     AND (${isUsers('s.relnamespace', 'pg_class', 's.oid')} OR ${isMarkedSequence('s.oid')})
   ORDER BY n.nspname, s.relname`;

/** A column owns a sequence (serial), is an identity, or names it in its default. */
const tieQuery = `
  SELECT d.objid AS sequence, a.attrelid AS "table", a.attname AS "column",
         CASE d.deptype WHEN 'i' THEN 'identity' ELSE 'owned' END AS tie
    FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
   WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
     AND d.deptype IN ('a', 'i') AND d.objid IN (SELECT seqrelid FROM pg_sequence)
   UNION ALL
  SELECT d.refobjid, a.attrelid, a.attname, 'default'
    FROM pg_depend d
    JOIN pg_attrdef f ON f.oid = d.objid
    JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
   WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
     AND d.refobjid IN (SELECT seqrelid FROM pg_sequence)`;
