import type { Keys } from '../archive/encryption/keys.ts';
import { SalvageReader } from '../archive/salvageReader.ts';
import { writeArchive } from '../archive/writeArchive.ts';
import { RestorePointError } from '../core/errors.ts';
import { requireTables } from '../core/needsTables.ts';
import type { LocalizableText } from '../core/localizable.ts';
import type { BackedUpTable, Manifest } from '../core/manifest.ts';
import { formatTableName, tableKey, type TableName } from '../core/names.ts';
import type { LeftOut } from '../core/schema.ts';
import { version } from '../core/version.ts';
import type { Engine, SalvagedContent, WorkOptions } from '../engines/engine.ts';
import type { MadeHere } from './madeHere.ts';

export interface SalvageOptions extends WorkOptions {
  /** The final path; it must not exist yet. */
  readonly out: string;
  /** For a backup that is encrypted; the new one is then encrypted to the same. */
  readonly keys?: Keys;
  readonly madeHere?: MadeHere;
}

/** A table of a damaged backup, with its rows in the new file. */
export interface SalvagedTable {
  readonly table: TableName;
  readonly rows: number;
  readonly lostRows: number;
}

export interface SalvageReport {
  readonly file: string;
  readonly bytes: number;
  readonly tables: readonly SalvagedTable[];
  /** The chunks whose checksums do not hold, by their entries. */
  readonly lostChunks: readonly { readonly entry: string; readonly rows: number }[];
  /** The name of the engine's extras, if they are lost. */
  readonly lostExtras?: LocalizableText;
}

/**
 * Writes the intact tables and chunks of a damaged backup to a new, sound one. Throws `damaged-backup` if nothing is intact,
 * `locked`, `file`, `cancelled`; then there is no new file.
 */
export async function salvageBackup(
  file: string,
  engines: (id: Manifest['source']['engine']) => Engine,
  options: SalvageOptions,
): Promise<SalvageReport> {
  const source = await SalvageReader.open(file, engines, options);
  try {
    const { manifest } = source;
    requireTables(manifest, file, 'Nothing can be salvaged');
    const { compression } = manifest;
    const engine = engines(manifest.source.engine);
    const lock = source.encryption && (await options.keys?.lockLike(source.encryption));
    const lostChunks = manifest.payloads
      .flatMap(({ chunks }) => chunks)
      .filter((chunk) => !source.holds(chunk))
      .map(({ entry, rows }) => ({ entry, rows }));
    const lostExtras = ({ extras }: Pick<Manifest, 'extras'>): LocalizableText | undefined =>
      manifest.extras && !extras ? engine.extras?.name : undefined;
    const { logger } = options;
    const archiveOptions = { compression, logger, ...(lock ? { lock } : {}) };
    const salvaged = await writeArchive(options.out, archiveOptions, async (sink) => {
      const content = await engine.salvage(source, manifest, sink, options);
      if (content.tables.length === 0 && manifest.tables.length > 0) throw nothing(file);
      return lostChunks.length === 0
        ? whole(manifest, content)
        : part(manifest, content, lostExtras(content));
    });
    // It contains nothing that was not in the old one.
    if (await options.madeHere?.has(source.fingerprint)) await options.madeHere?.add(salvaged.fingerprint);
    const tables = describe(manifest, salvaged.manifest);
    const lost = lostExtras(salvaged.manifest);
    return {
      file: options.out,
      bytes: salvaged.bytes,
      tables,
      lostChunks,
      ...(lost ? { lostExtras: lost } : {}),
    };
  } finally {
    await source.close();
  }
}

function nothing(file: string): RestorePointError {
  return new RestorePointError('damaged-backup', 'Nothing can be salvaged: every table is damaged', {
    place: { file },
    next: 'Use another backup file.',
  });
}

function describe(manifest: Manifest, { tables }: Pick<Manifest, 'tables'>): SalvagedTable[] {
  const found = new Map(tables.map((table) => [tableKey(table.table.name), table.rows]));
  return manifest.tables.map(({ table, rows }) => {
    const kept = found.get(tableKey(table.name)) ?? 0;
    return { table: table.name, rows: kept, lostRows: rows - kept };
  });
}

/** No rows were damaged, only the parts around them. */
function whole(manifest: Manifest, content: SalvagedContent): Manifest {
  return { ...manifest, createdBy: version, ...content };
}

/** A lost table also loses its schema: a restore would create it empty, as if it had had no rows. */
function part(
  manifest: Manifest,
  content: SalvagedContent,
  lostExtras: LocalizableText | undefined,
): Manifest {
  const held = new Set(content.tables.map(({ table }) => tableKey(table.name)));
  const lost = new Set(
    manifest.tables.map(({ table }) => tableKey(table.name)).filter((key) => !held.has(key)),
  );
  const isLost = (table: TableName | undefined): boolean => table !== undefined && lost.has(tableKey(table));
  const { extras: _, ...rest } = manifest;
  return {
    ...rest,
    createdBy: version,
    complete: false,
    objects: manifest.objects.filter(({ table, opaque }) => !opaque && !isLost(table)),
    sequences: manifest.sequences.filter(({ table }) => !isLost(table)),
    ...content,
    leftOut: [...manifest.leftOut, ...lostParts(manifest, content, lost, lostExtras)],
  };
}

function lostParts(
  manifest: Manifest,
  content: SalvagedContent,
  lost: ReadonlySet<string>,
  lostExtras: LocalizableText | undefined,
): LeftOut[] {
  const reason = 'the backup that this was salvaged from is damaged';
  const named = (tables: readonly BackedUpTable[]): string[] =>
    tables.map(({ table }) => formatTableName(table.name));
  const tables = named(manifest.tables.filter(({ table }) => lost.has(tableKey(table.name))));
  const rows = content.tables.flatMap((table) =>
    table.lostRows === undefined ? [] : [`${table.lostRows} of ${formatTableName(table.table.name)}`],
  );
  const opaque = manifest.objects.filter((object) => object.opaque).map(({ name }) => name);
  return [
    { kind: 'table', names: tables, reason },
    { kind: 'rows', names: rows, reason },
    { kind: 'virtual table', names: opaque, reason },
    ...(lostExtras ? [{ kind: lostExtras, names: ['all'], reason }] : []),
  ].filter(({ names }) => names.length > 0);
}
