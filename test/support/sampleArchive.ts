import { Archive } from '../../src/archive/archiveReader.ts';
import { writeArchive, type WriteArchiveOptions } from '../../src/archive/writeArchive.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { Keys } from '../../src/archive/encryption/keys.ts';
import { engineById } from '../../src/engines/registry.ts';
import { manifestOf, plainTable } from './manifests.ts';

/** A backup of one table with these chunks. */
export async function writeSampleArchive(
  file: string,
  chunks: readonly Buffer[],
  options: Partial<WriteArchiveOptions> = {},
): Promise<void> {
  const compression = options.compression ?? 'none';
  await writeArchive(file, { logger: silentLogger, ...options, compression }, async (sink) => {
    const payload = sink.open('orders', 'copy');
    for (const chunk of chunks) await payload.writeChunk(chunk, 1);
    return manifestOf([plainTable('orders')], [await payload.finish()], { compression });
  });
}

/** Opens a backup, checks all of it as a restore does before it begins, and resolves to its chunks. */
export async function readArchive(file: string, keys?: Keys): Promise<Buffer[]> {
  const archive = await Archive.open(file, engineById, keys);
  try {
    await archive.check({});
    const chunks: Buffer[] = [];
    for await (const chunk of archive.read(archive.manifest.payloads[0]!)) chunks.push(Buffer.from(chunk));
    return chunks;
  } finally {
    await archive.close();
  }
}
