import { Archive } from '../archive/archiveReader.ts';
import type { Encryption, Keys } from '../archive/encryption/keys.ts';
import { type Manifest, sizeOf } from '../core/manifest.ts';
import { writtenRowLines } from './writtenRows.ts';
import { throwIfCancelled } from '../core/errors.ts';
import type { Unproven } from '../core/unproven.ts';
import type { Engine, WorkOptions } from '../engines/engine.ts';

export interface VerifyReport {
  readonly file: string;
  readonly bytes: number;
  readonly manifest: Manifest;
  readonly rows: number;
  /** The parts that only the checksums could verify. */
  readonly unproven: readonly Unproven[];
  readonly milliseconds: number;
  /** How the file is encrypted, if it is. */
  readonly encryption?: Encryption;
}

/**
 * Proves that a backup is what was written: every byte of the file, then every table's rows against the manifest.
 * Needs no database. Throws `damaged-backup` with the place, `locked`, `file`, `cancelled`.
 */
export async function verifyBackup(
  file: string,
  engines: (id: Manifest['source']['engine']) => Engine,
  options: WorkOptions & { readonly keys?: Keys },
): Promise<VerifyReport> {
  const started = performance.now();
  const archive = await Archive.open(file, engines, options.keys);
  try {
    await archive.check(options);
    const { manifest } = archive;
    const unproven = manifest.writtenRows
      ? await checkWrittenRows(archive, options)
      : await checkTables(archive, engines(manifest.source.engine), options);
    return {
      file,
      bytes: archive.size,
      manifest,
      unproven,
      ...(archive.encryption ? { encryption: archive.encryption } : {}),
      rows: sizeOf(manifest).rows,
      milliseconds: Math.round(performance.now() - started),
    };
  } finally {
    await archive.close();
  }
}

async function checkWrittenRows(
  archive: Archive,
  { report, signal }: WorkOptions,
): Promise<readonly Unproven[]> {
  report?.({ phase: 'verify' });
  for await (const _ of writtenRowLines(archive, signal)) throwIfCancelled(signal);
  return [];
}

/** Resolves to what only the checksums could verify. */
async function checkTables(
  archive: Archive,
  engine: Engine,
  options: WorkOptions,
): Promise<readonly Unproven[]> {
  const { manifest } = archive;
  const rows = await engine.openPayload(archive, manifest, options);
  try {
    for (const [index, table] of manifest.tables.entries()) {
      throwIfCancelled(options.signal);
      const place = { table: table.table.name, tableNumber: index + 1, tableCount: manifest.tables.length };
      options.report?.({ phase: 'verify', ...place });
      await rows.check(table, options);
    }
    await rows.checkExtras(options);
    return rows.unproven ?? [];
  } finally {
    await rows.close();
  }
}
