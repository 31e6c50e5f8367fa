import { Archive } from '../archive/archiveReader.ts';
import type { Keys } from '../archive/encryption/keys.ts';
import type { DifferenceCounts, RowDifference } from '../core/differences.ts';
import { RestorePointError } from '../core/errors.ts';
import { requireTables } from '../core/needsTables.ts';
import type { EngineId, Manifest } from '../core/manifest.ts';
import { nameMatches } from '../core/names.ts';
import type { ComparedSide, Engine, SchemaScope, Session, WorkOptions } from '../engines/engine.ts';
import { pairSides, type Pairing, type SideContent, type TableChoice } from './pairTables.ts';

/** The selection of a comparison. */
export type Side =
  | { readonly kind: 'backup'; readonly file: string; readonly keys?: Keys }
  | { readonly kind: 'database'; readonly session: Session };

export interface CompareSidesOptions extends WorkOptions, TableChoice {
  readonly engines: (id: EngineId) => Engine;
  /** How many differing rows of each table are wanted; all of them are counted. */
  readonly rows: number;
  /** See `RowQuery`. */
  readonly longest?: number;
  /** Whether this machine made the backup with this fingerprint. */
  readonly madeHere?: (fingerprint: string) => Promise<boolean>;
}

/** A piece of a comparison; `table` is the place among the tables of the overview. */
export type ComparisonPart =
  /** The first. */
  | ({ readonly part: 'overview'; readonly engine: EngineId } & Pairing)
  | { readonly part: 'rows'; readonly table: number; readonly rows: readonly RowDifference[] }
  /** The last one of each table whose rows are compared. */
  | { readonly part: 'counts'; readonly table: number; readonly counts: DifferenceCounts };

/**
 * Compares two sides of one kind of database, table by table; only reads. Tables and columns are paired by name. Throws
 * `usage` (different kinds of database, no such table), `damaged-backup`, `locked`, `file`, `database`, `refused`, `cancelled`.
 */
export async function* compareSides(
  first: Side,
  second: Side,
  options: CompareSidesOptions,
): AsyncGenerator<ComparisonPart> {
  const opened: OpenSide[] = [];
  try {
    for (const side of [first, second]) opened.push(await openSide(side, options));
    const [one, other] = opened as [OpenSide, OpenSide];
    const engine = commonEngine(one, other, options);
    const [ofFirst, ofSecond] = [await one.begin(), await other.begin()];
    const pairing = pairSides(ofFirst.content, ofSecond.content, options, (name) =>
      engine.manifestRules.foldName(name),
    );
    yield { part: 'overview', engine: engine.id, ...pairing };
    const places = [...pairing.tables.keys()].filter((place) => pairing.tables[place]!.compared);
    const tables = places.map((place) => pairing.tables[place]!.compared!);
    if (tables.length === 0) return;
    for await (const page of engine.compare(ofFirst.side, ofSecond.side, tables, options)) {
      const table = places[page.table]!;
      if (page.rows.length > 0) yield { part: 'rows', table, rows: page.rows };
      if (page.counts) yield { part: 'counts', table, counts: page.counts };
    }
  } finally {
    for (const side of opened.reverse()) await side.close();
  }
}

interface OpenSide {
  readonly engine: EngineId;
  /** Its content is that of one state from here on. */
  begin(): Promise<{ side: ComparedSide; content: SideContent }>;
  /** Never throws. */
  close(): Promise<void>;
}

function commonEngine(first: OpenSide, second: OpenSide, { engines }: CompareSidesOptions): Engine {
  const [engine, other] = [engines(first.engine), engines(second.engine)];
  if (engine.id !== other.id) {
    throw new RestorePointError(
      'usage',
      `The first side is ${engine.label} and the second is ${other.label}: databases of different engines cannot be compared`,
    );
  }
  return engine;
}

async function openSide(side: Side, options: CompareSidesOptions): Promise<OpenSide> {
  if (side.kind === 'database') return openDatabase(side.session, options);
  const archive = await Archive.open(side.file, options.engines, side.keys);
  const { manifest } = archive;
  try {
    requireTables(manifest, side.file, 'The file cannot be compared');
  } catch (error) {
    await archive.close();
    throw error;
  }
  return {
    engine: manifest.source.engine,
    begin: async () => {
      const madeHere = (await options.madeHere?.(archive.fingerprint)) ?? false;
      return {
        side: { kind: 'backup', manifest, source: archive, madeHere },
        content: contentOf(manifest),
      };
    },
    close: () => archive.close(),
  };
}

/** What a backup has to be compared. */
export function contentOf(manifest: Manifest): SideContent {
  const tables = manifest.tables.map((backup) => ({ table: backup.table, backup }));
  return {
    tables,
    complete: manifest.complete || manifest.allObjects === true,
    withoutRows: manifest.only === 'schema',
    sequences: manifest.sequences,
    opaque: manifest.objects.flatMap(({ opaque, table }) => (opaque && table ? [table] : [])),
  };
}

function openDatabase(session: Session, options: CompareSidesOptions): OpenSide {
  const scope = scopeOf(options);
  let close = (): Promise<void> => Promise.resolve();
  return {
    engine: session.info.engine,
    begin: async () => {
      const snapshot = await session.openSnapshot({ ...options, whole: false, ...(scope ? { scope } : {}) });
      close = () => snapshot.close();
      const tables = snapshot.schema.tables.map((table) => ({ table }));
      const counted = tables.filter(({ table }) => table.holdsRows).map(({ table }) => table.name);
      return {
        side: { kind: 'database', snapshot },
        content: {
          tables,
          complete: true,
          withoutRows: false,
          sequences: await snapshot.readSequences(counted),
          opaque: tables.flatMap(({ table }) => (table.opaque ? [table.name] : [])),
        },
      };
    },
    close: () => close(),
  };
}

/** The part of a schema that is needed to compare the chosen tables; undefined if it is the whole schema. */
function scopeOf({ tables, exclude = [] }: TableChoice): SchemaScope | undefined {
  if (!tables) return undefined;
  return {
    // Also names that are then reported as not selected.
    tables: (name) => [...tables, ...exclude].some((pattern) => nameMatches(pattern, name)),
    names: [],
  };
}
