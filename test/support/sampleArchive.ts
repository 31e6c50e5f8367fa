import { Archive } from '../../src/archive/archiveReader.ts';
import { ArchiveWriter, type WriteArchiveOptions } from '../../src/archive/archiveWriter.ts';
import type { Keys } from '../../src/archive/encryption/keys.ts';
import { engineById } from '../../src/engines/registry.ts';
import { manifestOf, plainTable } from './manifests.ts';

/** A backup of one table with these chunks. */
export async function writeArchive(
  file: string,
  chunks: readonly Buffer[],
  options: Partial<WriteArchiveOptions> = {},
): Promise<void> {
  const compression = options.compression ?? 'none';
  const writer = await ArchiveWriter.create(file, { ...options, compression });
  const payload = writer.open('orders', 'copy');
  for (const chunk of chunks) await payload.writeChunk(chunk, 1);
  await writer.publish(manifestOf([plainTable('orders')], [await payload.finish()], { compression }));
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
